package card

import (
	"context"
	"embed"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/presence"
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

// State is where a card is in its life.
type State string

// The states. Open, Deciding and Failed are not closed: a failed card can be
// decided again as long as its source still asks.
const (
	Open       State = "open"
	Deciding   State = "deciding"   // decided, and on its way to the source
	Applied    State = "applied"    // the source says what was decided
	Failed     State = "failed"     // the source did not take it; Why says what it was
	Superseded State = "superseded" // decided elsewhere
	Withdrawn  State = "withdrawn"  // not asked any more
	Expired    State = "expired"
)

// closed reports whether nothing is left to do.
func (s State) closed() bool { return s != Open && s != Deciding && s != Failed }

// Kind is who asks.
type Kind string

// The kinds of cards.
const (
	Outside Kind = "outside" // an outside system
	OwnAsk  Kind = "ask"     // the hall
	App     Kind = "app"     // an app that may send cards
)

// Card is one question put before one person.
type Card struct {
	ID      id.Card
	Org     id.Org
	Person  id.Person // who is asked
	Behalf  id.Person // in whose place, of a stand-in's
	Kind    Kind
	Source  string // connector, or who else asks
	Label   string // how people call the source
	Backend string // the source's own name of the question
	Ticket  string
	State   State
	Sheet   Sheet
	Digest  string // of the sheet
	Expires time.Time
	Acted   []string // actions that were done
	Raised  time.Time
	Changed time.Time
	Ended   time.Time
	Version int64

	Decision  string // connector.Approved, connector.Rejected or action:ID; "" if none
	DecidedAt time.Time
	ACR       string
	AMR       []string
	Reason    string
	Effect    id.Effect
	Why       string // kind of problem, of Failed and of one that was opened again
	Said      string // the source's own words about it
	Other     string // who decided elsewhere
}

// Tie is a person's account at an outside system, by which their questions are
// read and their decisions made.
type Tie struct {
	Org     id.Org
	System  id.Connector
	Title   string    // how people call the system
	Person  id.Person // "" is the system's own connection, which reads for all
	On      bool      // it works; else the person is led to the switch
	Service bool      // decisions are made by the system's own account
	ActsAs  bool      // which acts as the person, so that the system itself writes down who decided
	Native  connector.Party
}

// Session is an outside system as one person.
type Session interface {
	Approvals(ctx context.Context) ([]connector.Approval, error)
	Approval(ctx context.Context, which string) (connector.Approval, error)
	// Decide sends a verdict. Its Marker is the same each time a decision is
	// sent, so that a comment which arrived is not written again.
	Decide(ctx context.Context, v connector.Verdict) error
	Act(ctx context.Context, which, action string, input map[string]string) error
}

// Systems are the outside systems of the house. Their errors are
// *connector.Problem where a system answered.
type Systems interface {
	// Ties lists every connection that questions are read by, and for systems
	// that have one of their own also the people whose account there is known.
	Ties(ctx context.Context) ([]Tie, error)
	// Tie is one person's; a zero Tie and nil if there is none.
	Tie(ctx context.Context, org id.Org, system id.Connector, who id.Person) (Tie, error)
	// Open begins to talk as the tie's person.
	Open(ctx context.Context, t Tie) (Session, error)
	// Switch is the page on which a person connects to a system.
	Switch(system id.Connector) string
}

// Options is what the room stands on.
type Options struct {
	Store    *store.Store
	Clock    clock.Clock
	Log      *slog.Logger
	Register *org.Register
	Post     *notify.Post
	Pager    *notify.Pager
	Systems  Systems // nil: no outside systems
	Hall     Hall    // nil: no asks of our own
	Apps     Apps    // nil: no cards of apps
	BaseURL  string
	// Timeout bounds one call of the decision's way, Reach is how much longer an
	// outside system may go on with a request that we gave up; 0 are 45 s and 60 s.
	Timeout, Reach time.Duration
	// Deputies are who may decide outside questions in a person's place now; nil:
	// nobody.
	Deputies func(ctx context.Context, in id.Org, from id.Person) ([]id.Person, error)
	// Also is done with each connection when its questions are read; nil is
	// nothing.
	Also func(context.Context, Tie) error
	// Presence says how surely who decides has to be themself; nil: whoever is
	// signed in.
	Presence *presence.Desk
	// Beside is what needs the reader and is no card, at the top of their list; nil:
	// nothing.
	Beside web.Panel
	// Every is how often questions are read while a person is here; 0 is 60 s.
	Every time.Duration
}

// Room is the list of cards.
type Room struct {
	Options
	seen seenMemory
	kick chan struct{}
}

// New makes the room. Register its Driver, then Run.
func New(o Options) *Room {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Timeout == 0 {
		o.Timeout = 45 * time.Second
	}
	if o.Reach == 0 {
		o.Reach = 60 * time.Second
	}
	if o.Every == 0 {
		o.Every = time.Minute
	}
	r := &Room{Options: o, kick: make(chan struct{}, 1)}
	if o.Register != nil {
		o.Register.WhenDeleted(func(tx *store.Tx, who id.Person) error { return forgetPerson(tx.Self(who)) })
	}
	return r
}

// TopicOf changes with a person's cards.
func TopicOf(who id.Person) string { return wakeTopic + "." + string(who) }

// wakeTopic wakes the nodes when any card changed.
const wakeTopic = "card"

// Get returns a card of a person: NotFound card-unknown for one of somebody else
// too.
func (r *Room) Get(ctx context.Context, who id.Person, which id.Card) (c Card, err error) {
	err = r.Store.Self(who).Read(ctx, func(v *store.View) error {
		c, err = cardOf(v, which)
		return err
	})
	return c, err
}

// Way is how far a decision is on its way to the source.
type Way struct {
	Since   time.Time // when it was decided
	Next    time.Time // the next try, if it waits for one
	Why     string    // what went wrong last, "" if nothing did
	Stuck   bool      // it waits for an operator
	Skipped bool      // an operator gave it up
}

// WayOf says how far the decision of a card is; zero for one that is not deciding.
func (r *Room) WayOf(ctx context.Context, c Card) (w Way, err error) {
	if c.State != Deciding || c.Effect == "" {
		return w, nil
	}
	err = r.Store.Self(c.Person).Read(ctx, func(v *store.View) error {
		w, err = wayOf(v, c)
		return err
	})
	return w, err
}

func wayOf(v *store.View, c Card) (Way, error) {
	s, err := job.Look(v, c.Org, c.Effect)
	if fault.Code(err) == "job-effect-unknown" {
		return Way{Skipped: true}, nil // swept: it ended long ago
	}
	return Way{
		Since: c.DecidedAt, Next: s.Due, Why: s.Why, Stuck: s.State == job.Parked, Skipped: s.State == job.Skipped,
	}, err
}

// mark is a place in a list.
type mark struct {
	at int64
	id id.Card
}

// markOf reads a cursor; "" is before the first.
func markOf(cursor string, done bool) (mark, error) {
	at, which, ok := strings.Cut(cursor, ".")
	n, err := strconv.ParseInt(at, 10, 64)
	switch {
	case cursor == "" && done:
		return mark{never, id.Card(strings.Repeat("z", id.Len))}, nil
	case cursor == "":
		return mark{}, nil
	case !ok || err != nil || n < 0 || !id.Valid(which):
		return mark{}, fault.New(fault.Invalid, "cursor-malformed")
	}
	return mark{n, id.Card(which)}, nil
}

// List returns a page of a person's cards after cursor: those that are not
// closed, what is due first before all, or those that are, the latest first.
func (r *Room) List(ctx context.Context, who id.Person, done bool, cursor string, limit int) (page []Card, next string, err error) {
	after, err := markOf(cursor, done)
	if err != nil {
		return nil, "", err
	}
	err = r.Store.Self(who).Read(ctx, func(v *store.View) error {
		page, err = listed(v, done, after, limit+1)
		return err
	})
	if len(page) > limit {
		page = page[:limit]
		last := page[limit-1]
		at := dueOf(last)
		if done {
			at = store.Micros(last.Ended)
		}
		next = strconv.FormatInt(at, 10) + "." + string(last.ID)
	}
	return page, next, err
}

// Count counts the cards of a person that are not closed.
func (r *Room) Count(ctx context.Context, who id.Person) (n int, err error) {
	err = r.Store.Self(who).Read(ctx, func(v *store.View) error {
		n, err = countOpen(v)
		return err
	})
	return n, err
}

// event says what the witness keeps of what happened to a card.
func (c Card) event(name string, by id.Principal, more ...string) store.Event {
	fields := map[string]string{"source": c.Source, "backend": c.Backend, "person": string(c.Person), "title": c.Sheet.Title}
	for name, value := range map[string]string{"ticket": c.Ticket, "decision": c.Decision, "why": c.Why, "other": c.Other, "behalf": string(c.Behalf)} {
		if value != "" {
			fields[name] = value
		}
	}
	for i := 0; i+1 < len(more); i += 2 {
		if more[i+1] != "" {
			fields[more[i]] = more[i+1]
		}
	}
	return store.Event{Name: name, Org: c.Org, By: by, Target: "card:" + string(c.ID), Fields: fields}
}

// reader is who acts when questions are read.
var reader = id.System("card")

var errUnknown = fault.New(fault.NotFound, "card-unknown")

// orUnknown turns a missing row into the answer for it.
func orUnknown(err error) error {
	if errors.Is(err, store.ErrNoRow) {
		return errUnknown
	}
	return err
}
