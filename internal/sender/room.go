package sender

import (
	"context"
	"embed"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/admit"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/paper"
	"github.com/sekisho/sekisho/internal/signet"
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

// Sending is what some people are asked by a sender.
type Sending struct {
	Org     id.Org
	Sender  id.Sender
	Label   string // how people call the sender
	Message string // its identifier
	To      []id.Person
	Content Content
	Expires time.Time
	Pass    bool // it may be told in quiet hours
}

// Outcome is how the telling of a decision ended.
type Outcome struct {
	Org     id.Org
	Sender  id.Sender
	Message string
	Card    id.Card
	Person  id.Person
	Effect  id.Effect
	Applied bool
	Why     string // kind of problem, of one that was not applied
	Said    string // the program's own words
	Single  bool   // applied, it ends the question for all others
}

// Standing is how one person's card stands.
type Standing struct {
	Card      id.Card
	Person    id.Person
	State     string
	Decision  string
	Digest    string // of what this person was shown
	DecidedAt time.Time
}

// Cards is the list of cards (← card). All of it happens in the caller's write or
// read.
type Cards interface {
	// Raise puts a card before each of the people who has none of the message yet.
	Raise(tx *store.Tx, s Sending) ([]store.Event, error)
	// Withdraw takes at most some of the open cards of a message back; left says
	// that there are more.
	Withdraw(tx *store.Tx, in id.Org, sender id.Sender, message string, most int) (events []store.Event, left bool, err error)
	// Settle says on a card how the telling of its decision ended.
	Settle(tx *store.Tx, o Outcome) ([]store.Event, error)
	// Look counts the cards of a message by state, and returns some of them behind
	// after, in the order of their identifiers.
	Look(v *store.View, in id.Org, sender id.Sender, message string, after id.Card, limit int) (counts map[string]int, some []Standing, err error)
}

// Options is what the room stands on.
type Options struct {
	Store    *store.Store
	Clock    clock.Clock
	Log      *slog.Logger
	Register *org.Register
	Gate     *admit.Gate
	Egress   *egress.Client
	Signet   *signet.Case
	Cards    Cards
	BaseURL  string
	// Timeout bounds one call to a program, Reach is how much longer it may go on
	// with a request that we gave up; 0 are 20 s and 60 s.
	Timeout, Reach time.Duration
}

// Room is the door of senders.
type Room struct {
	Options
	tokens tokenMemory
	rates  rates
	outs   outs
	holder paper.Holder // nil: one alone writes senders
}

// New makes the room. Register its Driver and its timers (Handle), then Run.
func New(o Options) *Room {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Timeout == 0 {
		o.Timeout = callMost
	}
	if o.Reach == 0 {
		o.Reach = time.Minute
	}
	return &Room{Options: o, outs: outs{clients: map[id.Sender]out{}}}
}

// Handle makes the room's driver and timers known to the desk.
func (r *Room) Handle(d *job.Desk) error {
	return errors.Join(d.Register(r.Driver()), d.Handle(spreadTimer, r.spread))
}

// Doors registers the room's pages and operations.
func (r *Room) Doors(m *web.Mux) {
	r.pages(m)
	r.keyPages(m)
	r.publish(m)
	r.api(m)
	r.manageAPI(m)
}

// sweepEvery is how often what is over is looked for.
const sweepEvery = time.Hour

// Run writes when tokens were last used and sweeps up after what is over, until
// ctx ends.
func (r *Room) Run(ctx context.Context) {
	swept := r.Clock.Mono() - sweepEvery
	for ctx.Err() == nil {
		err := r.usedTokens(ctx, r.tokens.takeUsed(), r.Clock.Now())
		if now := r.Clock.Mono(); now-swept >= sweepEvery {
			swept = now
			err = errors.Join(err, r.sweep(ctx))
		}
		if err != nil && ctx.Err() == nil {
			r.Log.Warn("card senders were not looked after; trying again", "err", err)
		}
		select {
		case <-r.Clock.After(10 * time.Second):
		case <-ctx.Done():
		}
	}
}

// sweep drops the senders of organizations that are gone, and messages that
// ended long ago.
func (r *Room) sweep(ctx context.Context) error {
	owners, err := r.owners(ctx)
	for _, in := range owners {
		_, gone := r.Register.Organization(ctx, in)
		if f := fault.As(gone); f == nil || f.Kind != fault.NotFound {
			err = errors.Join(err, gone)
			continue
		}
		all, listed := r.List(ctx, in)
		err = errors.Join(err, listed)
		for _, s := range all {
			err = errors.Join(err, r.Drop(ctx, id.System("sender"), in, s.ID))
		}
	}
	return errors.Join(err, r.dropOld(ctx, r.Clock.Now().Add(-messagesKept)))
}

// messagesKept is how long a message is known after it expired.
const messagesKept = 90 * 24 * time.Hour

// rates keep each sender to its calls a minute on this node, those that send
// nothing too: buckets that fill by the second.
type rates struct {
	mu      sync.Mutex
	buckets map[id.Sender]bucket
}

type bucket struct {
	level float64
	at    time.Duration
}

// take returns how long to wait, 0 for not at all.
func (r *rates) take(which id.Sender, perMinute int, now time.Duration) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.buckets == nil || len(r.buckets) > 10_000 {
		r.buckets = map[id.Sender]bucket{}
	}
	most := float64(perMinute)
	b, there := r.buckets[which]
	if !there {
		b = bucket{most, now}
	}
	b.level = min(most, b.level+most*(now-b.at).Minutes())
	b.at = now
	wait := time.Duration(0)
	if b.level < 1 {
		wait = time.Duration((1 - b.level) / most * float64(time.Minute))
	} else {
		b.level--
	}
	r.buckets[which] = b
	return wait
}
