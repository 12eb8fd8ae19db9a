package console

import (
	"context"
	"embed"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// Words are the room's sentences, Schema its tables.
var (
	//go:embed words
	Words embed.FS
	//go:embed schema
	Schema embed.FS
)

// The permissions of the room.
const (
	AuditRead  = "audit.read"     // records of the organization
	AuditHouse = "audit.house"    // records of the house itself
	AuditKeep  = "audit.keep"     // archive what is old, erase a field
	Operate    = "house.operate"  // state, keys, effects
	Manifest   = "house.manifest" // plan, apply, export
	Unseal     = "house.unseal"   // only for processes of the machine
)

// Permissions lists the permissions of the room. Unseal is none of them: only
// processes of the machine do that.
func Permissions() []org.Permission {
	return []org.Permission{
		{Name: AuditRead, Roles: []string{string(org.Auditor)}},
		{Name: AuditHouse, House: true},
		{Name: AuditKeep, House: true},
		{Name: Operate, House: true},
		{Name: Manifest, House: true},
	}
}

// Options is what the console stands on.
type Options struct {
	Store *store.Store
	Clock clock.Clock
	Book  *words.Book
	Audit *audit.Log
	Ring  *seal.Ring
	Desk  *job.Desk
	Kinds *manifest.Set
	// Data is the folder in which archives are kept.
	Data string
	// Unsealed starts what waited for the keys.
	Unsealed func(context.Context) error
	// People reports whether there is anybody who can sign in, SignIn is where
	// they do.
	People func(context.Context) (bool, error)
	SignIn string
}

// Room is the console.
type Room struct {
	store    *store.Store
	clock    clock.Clock
	book     *words.Book
	audit    *audit.Log
	ring     *seal.Ring
	desk     *job.Desk
	kinds    *manifest.Set
	data     string
	unsealed func(context.Context) error
	people   func(context.Context) (bool, error)
	signIn   string
	sessions atomic.Pointer[map[string]Session]
	loading  sync.Mutex
}

// New makes the room. Run keeps its sessions fresh.
func New(o Options) *Room {
	r := &Room{
		store: o.Store, clock: o.Clock, book: o.Book, audit: o.Audit, ring: o.Ring, desk: o.Desk,
		kinds: o.Kinds, unsealed: o.Unsealed, data: o.Data, people: o.People, signIn: o.SignIn,
	}
	r.sessions.Store(&map[string]Session{})
	return r
}

// Run keeps the set-up sessions fresh until ctx ends.
func (r *Room) Run(ctx context.Context) {
	r.store.Follow(ctx, sessionTopic, 2*time.Second, r.loadSessions)
}

// Entry is one line of the console's navigation: the key of its words and
// where it leads.
type Entry struct{ Key, Href, Permission string }

// HomePath is the first page of the console.
const HomePath = statePath

// Rail lists the console's own pages.
func (r *Room) Rail() []Entry {
	return []Entry{{"console.state.short", statePath, Operate}, {"console.audit", auditPath, AuditRead}}
}
