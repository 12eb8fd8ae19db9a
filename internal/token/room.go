package token

import (
	"context"
	"embed"
	"log/slog"
	"time"

	"github.com/sekisho/sekisho/internal/admit"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
)

// Words are the room's sentences, Schema its tables.
var (
	//go:embed words
	Words embed.FS
	//go:embed schema
	Schema embed.FS
)

// Options is what the room stands on.
type Options struct {
	Store    *store.Store
	Clock    clock.Clock
	Log      *slog.Logger
	Register *org.Register
	Factors  *factor.Room // tells people of what was made in their name
	Gate     *admit.Gate
}

// Room is where people keep their tokens.
type Room struct {
	store    *store.Store
	clock    clock.Clock
	log      *slog.Logger
	register *org.Register
	factors  *factor.Room
	gate     *admit.Gate
	tokens   tokenMemory
}

// New makes the room.
func New(o Options) *Room {
	r := &Room{store: o.Store, clock: o.Clock, log: o.Log, register: o.Register, factors: o.Factors, gate: o.Gate}
	o.Register.WhenDeleted(func(tx *store.Tx, who id.Person) error { _, err := dropTokens(tx.Self(who)); return err })
	return r
}

// Doors registers the room's pages and operations.
func (r *Room) Doors(m *web.Mux) {
	r.pages(m)
	r.issuedPages(m)
	r.api(m)
	r.issuedAPI(m)
}

// Run writes when tokens were last used and removes those that are long over,
// until ctx ends.
func (r *Room) Run(ctx context.Context) {
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := r.usedTokens(ctx, r.tokens.takeUsed(), r.clock.Now()); err != nil && ctx.Err() == nil {
			r.log.Warn("when tokens were last used could not be written", "err", err)
		}
	}
}

// EndTokens ends all tokens of a person, in the caller's write, and says how
// many there were. Call ForgetTokens after it.
func (r *Room) EndTokens(tx *store.Tx, who id.Person) (int64, error) { return dropTokens(tx.Self(who)) }

// ForgetTokens makes this node ask again for every token.
func (r *Room) ForgetTokens() { r.tokens.clear() }

// CountTokens counts the tokens of a person, those that are over too.
func (r *Room) CountTokens(v *store.View, who id.Person) (int64, error) {
	return countTokens(v.Self(who))
}

// Standing counts the tokens of a person that are not over.
func (r *Room) Standing(ctx context.Context, who id.Person) (n int, err error) {
	all, err := r.List(ctx, who)
	for _, t := range all {
		if r.clock.Now().Before(t.Ends) {
			n++
		}
	}
	return n, err
}
