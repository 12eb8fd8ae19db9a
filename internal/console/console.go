package console

import (
	"context"
	"embed"
	"sync/atomic"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/store"
)

// Words are the room's sentences, Schema its tables.
var (
	//go:embed words
	Words embed.FS
	//go:embed schema
	Schema embed.FS
)

// Room is the console.
type Room struct {
	store    *store.Store
	clock    clock.Clock
	sessions atomic.Pointer[map[string]Session]
}

// New makes the room. Run keeps its sessions fresh.
func New(s *store.Store, c clock.Clock) *Room {
	r := &Room{store: s, clock: c}
	r.sessions.Store(&map[string]Session{})
	return r
}

// Run keeps the set-up sessions fresh until ctx ends.
func (r *Room) Run(ctx context.Context) {
	r.store.Follow(ctx, sessionTopic, 2*time.Second, r.loadSessions)
}
