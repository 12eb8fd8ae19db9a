package welcome

import (
	"context"
	"embed"
	"log/slog"
	"time"

	"github.com/sekisho/sekisho/internal/admit"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
)

// Words are the room's sentences, Schema its part of the tables.
var (
	//go:embed words
	Words embed.FS
	//go:embed schema
	Schema embed.FS
)

// Beginning is the session that a link shall begin.
type Beginning struct {
	Person          id.Person
	Proofs          []factor.Proof
	Browser, Source string
	In              id.Org // to be entered
	Home            bool   // or where they acted last
}

// Opening is such a session, made outside of the write that begins it.
type Opening struct {
	Cookie secret.Text
	Life   time.Duration
	// Open begins it, after the gate.
	Open func(tx *store.Tx, path admit.Path) (store.Event, error)
}

// Sessions is what links need of sessions (← signin).
type Sessions interface {
	// Prepare prepares one. It begins where it shall, unless that place asks
	// for more than was shown.
	Prepare(ctx context.Context, b Beginning) (Opening, error)
	// EndAll ends a person's sessions, forgets the browsers that were trusted
	// and the wrong answers of strangers, and says how many sessions there were.
	EndAll(tx *store.Tx, who id.Person) (int64, error)
	// ForgetSessions makes this node ask again for every session.
	ForgetSessions()
	// Standing counts a person's sessions and their wrong answers in a row.
	Standing(v *store.View, who id.Person) (sessions, wrong int64, err error)
}

// Tokens is what links need of API tokens (← token).
type Tokens interface {
	// EndTokens ends a person's tokens and says how many there were.
	EndTokens(tx *store.Tx, who id.Person) (int64, error)
	// ForgetTokens makes this node ask again for every token.
	ForgetTokens()
	// CountTokens counts a person's tokens.
	CountTokens(v *store.View, who id.Person) (int64, error)
}

// Options is what the room stands on.
type Options struct {
	Store    *store.Store
	Clock    clock.Clock
	Log      *slog.Logger
	Register *org.Register
	Factors  *factor.Room
	Gate     *admit.Gate
	Sessions Sessions
	Tokens   Tokens
	Post     *notify.Post // sends mail; see Post.Enabled
	BaseURL  string
	// WishIn is what all policies of an organization together ask of a new
	// passkey (← signin).
	WishIn func(ctx context.Context, in id.Org) (factor.PasskeyWish, error)
	// MostWrong is how many wrong answers in a row lock a person (← signin).
	MostWrong int64
	// Join gives what an invited person was to be to somebody who has an
	// account already, and deletes the invited one, in the write that redeems
	// the invitation (← people). Nil: whoever is invited makes a new account.
	Join func(tx *store.Tx, invited, who id.Person) ([]store.Event, error)
}

// Room is where links lead.
type Room struct {
	store     *store.Store
	clock     clock.Clock
	log       *slog.Logger
	register  *org.Register
	factors   *factor.Room
	gate      *admit.Gate
	sessions  Sessions
	tokens    Tokens
	post      *notify.Post
	baseURL   string
	wishIn    func(ctx context.Context, in id.Org) (factor.PasskeyWish, error)
	mostWrong int64
	join      func(tx *store.Tx, invited, who id.Person) ([]store.Event, error)
	resets    resetLine
	holder    Holder // nil: nothing is held
}

// New makes the room.
func New(o Options) *Room {
	r := &Room{
		store: o.Store, clock: o.Clock, log: o.Log, register: o.Register, factors: o.Factors, gate: o.Gate, sessions: o.Sessions,
		tokens: o.Tokens, post: o.Post, baseURL: o.BaseURL, wishIn: o.WishIn, mostWrong: o.MostWrong, join: o.Join,
	}
	r.resets.asked = make(chan resetAsk, resetsWaiting)
	o.Register.WhenDeleted(func(tx *store.Tx, who id.Person) error { return erase(tx.Self(who)) })
	return r
}

// Doors registers the room's pages and operations.
func (r *Room) Doors(m *web.Mux) {
	r.linkPages(m)
	r.linkAPI(m)
}

// Run does what answers do not wait for, until ctx ends.
func (r *Room) Run(ctx context.Context) { r.sendResets(ctx) }

// EndInvitations ends the links of invitations that a backup may bring back
// (A160).
func EndInvitations(tx *store.Tx) error { return endInvitations(tx) }
