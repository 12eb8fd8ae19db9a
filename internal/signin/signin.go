package signin

import (
	"context"
	"embed"
	"log/slog"
	"sync"

	"github.com/sekisho/sekisho/internal/admit"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/demand"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
)

// Words are the room's sentences, Schema its tables.
var (
	//go:embed words
	Words embed.FS
	//go:embed schema
	Schema embed.FS
	//go:embed examples.json
	examples []byte
)

// Permissions lists the permissions of the room.
func Permissions() []org.Permission {
	return []org.Permission{{Name: demand.Manage}, {Name: ReadSessions, Roles: []string{string(org.Accounts), string(org.Auditor)}}}
}

// Options is what the room stands on.
type Options struct {
	Store    *store.Store
	Clock    clock.Clock
	Log      *slog.Logger
	Ring     *seal.Ring
	Register *org.Register
	Factors  *factor.Room
	Post     *notify.Post // sends mail; see Post.Enabled
	// Refused lets the witness count an answer that was refused, for somebody
	// who exists or, with "", for whoever it was; nil: nobody is told.
	Refused func(ctx context.Context, who id.Person, code string)
	// Tokens counts what else lets programs act as a person (← token).
	Tokens func(ctx context.Context, who id.Person) (int, error)
	// Told are the browsers that people are told in (← notify); nil: none.
	Told Told
}

// Told learns when sessions end because somebody ended them: their browsers are
// no longer told.
type Told interface {
	// Leave is about the session named only, or about all but the one kept.
	Leave(tx *store.Tx, who id.Person, only, but string) error
	// Follow says that a person signed in again where they were already.
	Follow(tx *store.Tx, who id.Person, before, after string) error
}

// Room is where people sign in, by the rules of their organizations.
type Room struct {
	*demand.Rules
	store    *store.Store
	clock    clock.Clock
	log      *slog.Logger
	ring     *seal.Ring
	register *org.Register
	factors  *factor.Room
	post     *notify.Post
	gate     *admit.Gate
	sessions sessionMemory
	refused  func(ctx context.Context, who id.Person, code string)
	tokens   func(ctx context.Context, who id.Person) (int, error)
	told     Told
	behind   chan func() // see later
}

// New makes the room, and the gate of issuances with it.
func New(o Options) *Room {
	r := &Room{
		Rules: demand.New(o.Store, o.Clock, o.Register, o.Factors),
		store: o.Store, clock: o.Clock, log: o.Log, ring: o.Ring, register: o.Register, factors: o.Factors, post: o.Post,
		refused: o.Refused, tokens: o.Tokens, told: o.Told, behind: make(chan func(), mostBehind),
	}
	r.gate = admit.New(o.Register, r)
	o.Factors.Meet(r, r)
	o.Register.WhenDeleted(func(tx *store.Tx, who id.Person) error { return erase(tx.Self(who)) })
	return r
}

// Gate is the one gate of every issuance; rooms that issue take it from here.
func (r *Room) Gate() *admit.Gate { return r.gate }

// Run sweeps what is over, and does what answers do not wait for, until ctx
// ends.
func (r *Room) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { r.catchUp(ctx) })
	r.sweep(ctx)
}
