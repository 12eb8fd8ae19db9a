package order

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

// Way is how far an order from here has come.
type Way string

// The ways. There is where every request is that was found at its system.
const (
	There   Way = ""
	Sending Way = "sending"
	Refused Way = "refused"
)

// Gone is the state of a request that its system does not have any more.
const Gone connector.State = "gone"

// Asked is somebody who is asked to approve a request.
type Asked struct {
	Name  string          `json:"name"`
	State connector.State `json:"state"`
}

// Step is something that happened to a request.
type Step struct {
	Name string    `json:"name"` // ordered, placed, refused, or state.STATE
	At   time.Time `json:"at"`
	Text string    `json:"text,omitempty"` // the system's own word, or its words
}

// Request is a person's own request at an outside system.
type Request struct {
	ID       id.Order
	Org      id.Org
	Person   id.Person
	System   id.Connector
	Label    string // how people call the system
	Key      string // of the form that it was ordered by; "" was not ordered here
	Item     string
	Quantity int
	Filled   []connector.Field
	Price    string
	Way      Way
	Effect   id.Effect
	Why      string // kind of problem, of one that was refused
	Said     string // the system's own words about it
	Number   string // "" until the system has one
	URL      string
	Title    string
	State    connector.State
	Native   string
	Asked    []Asked
	Steps    []Step
	Opened   time.Time
	Changed  time.Time
	Version  int64

	sent    time.Time
	known   []string
	unclear bool
	stale   bool
	touched time.Time
}

// closed reports whether nothing more is expected of a request.
func (q Request) closed() bool {
	switch q.State {
	case connector.Closed, connector.Rejected, connector.Cancelled, Gone:
		return true
	}
	return q.Way == Refused
}

// Place is a system that a person can connect, and how they are.
type Place struct {
	Org          id.Org
	Organization string // as people call it
	System       id.Connector
	Title        string
	On           bool
	Catalog      bool // things can be ordered there
	Shared       bool // through the organization's own connection, in the person's name
	Alone        bool // an account has one cart there: its orders go out one after the other
}

// line is what keeps orders apart that would meet in one cart; others go out by
// themselves.
func (p Place) line(who id.Person) string {
	switch {
	case !p.Alone:
		return ""
	case p.Shared:
		return "all"
	}
	return string(who)
}

// Desk is what orders need of outside systems.
type Desk interface {
	// Places are the systems of a person's organizations that they connect by
	// themselves, and those at which they can order through a connection for all.
	Places(ctx context.Context, who id.Person) ([]Place, error)
	// As begins to talk as the person.
	As(ctx context.Context, org id.Org, system id.Connector, who id.Person) (*connector.Session, error)
}

// Options is what the room stands on.
type Options struct {
	Store    *store.Store
	Clock    clock.Clock
	Log      *slog.Logger
	Register *org.Register
	Book     *words.Book
	Desk     Desk
	Post     *notify.Post
	Pager    *notify.Pager
	BaseURL  string
	Switch   string // page on which a person connects
	// Here is told that somebody looks; Stir says in a write that what the
	// handle's person sees has changed, and Topic what pages follow for it.
	// Pace says from when on somebody may be told in their browsers and by mail; the
	// zero time is never (← card).
	Here  func(ctx context.Context, who id.Person)
	Stir  func(tx *store.Tx) error
	Topic func(who id.Person) string
	Pace  func(ctx context.Context, who id.Person) (nudge, mail time.Time, err error)
	// Timeout bounds one call of an order's way, Reach is how much longer a system
	// may go on with a request that we gave up; 0 are 60 s.
	Timeout, Reach time.Duration
}

// Room is the door to catalogs, and the list of a person's requests.
type Room struct {
	Options
	driver string // of its effects
	turn   *turns // of reading through connections for all
}

// New makes the room. Handle makes its driver and timers known.
func New(o Options) *Room {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.Reach == 0 {
		o.Reach = time.Minute
	}
	if o.Register != nil {
		o.Register.WhenDeleted(func(tx *store.Tx, who id.Person) error { return forget(tx.Self(who)) })
	}
	return &Room{o, DriverName, &turns{last: map[id.Connector]id.Person{}}}
}

// Handle makes the room's driver and timers known to the desk.
func (r *Room) Handle(d *job.Desk) error {
	return errors.Join(d.Register(r.Driver()), d.Handle(tellTimer, r.tellLater))
}

// Get returns a request of a person: NotFound order-unknown for one of somebody
// else too.
func (r *Room) Get(ctx context.Context, who id.Person, which id.Order) (q Request, err error) {
	err = r.Store.Self(who).Read(ctx, func(v *store.View) error {
		q, err = byID(v, which)
		return err
	})
	return q, err
}

// mark is a place in a list.
type mark struct {
	at int64
	id string
}

// markOf reads a cursor; "" is before the first.
func markOf(cursor string) (mark, error) {
	if cursor == "" {
		return mark{never, strings.Repeat("z", id.Len)}, nil
	}
	at, which, ok := strings.Cut(cursor, ".")
	n, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil || n < 0 || !id.Valid(which) {
		return mark{}, fault.New(fault.Invalid, "cursor-malformed")
	}
	return mark{n, which}, nil
}

// List returns a page of a person's requests after cursor, the newest first:
// those of which something is expected, or those that are closed.
func (r *Room) List(ctx context.Context, who id.Person, closed bool, cursor string, limit int) (page []Request, next string, err error) {
	after, err := markOf(cursor)
	if err != nil {
		return nil, "", err
	}
	err = r.Store.Self(who).Read(ctx, func(v *store.View) error {
		page, err = listed(v, closed, after, limit+1)
		return err
	})
	if len(page) > limit {
		page = page[:limit]
		last := page[limit-1]
		next = strconv.FormatInt(store.Micros(last.Opened), 10) + "." + string(last.ID)
	}
	return page, next, err
}

// Stand is how an order that is on its way stands.
type Stand struct {
	Behind  bool   // another order goes first
	Waits   string // code of what went wrong last, "" if nothing did
	Unclear bool   // it may have arrived, and nobody can say it: an operator looks
	GivenUp bool   // an operator gave it up
}

// StandOf says how far an order is; zero for a request that is there.
func (r *Room) StandOf(ctx context.Context, q Request) (s Stand, err error) {
	if q.Way != Sending {
		return s, nil
	}
	err = r.Store.Self(q.Person).Read(ctx, func(v *store.View) error {
		e, err := job.Look(v, q.Org, q.Effect)
		if fault.Code(err) == "job-effect-unknown" {
			s.GivenUp = true
			return nil
		}
		s = Stand{Behind: e.Waits, Waits: e.Why, Unclear: e.State == job.Parked, GivenUp: e.State == job.Skipped}
		return err
	})
	return s, err
}

// event says what the witness keeps of what happened to a request.
func (q Request) event(name string, by id.Principal, more ...string) store.Event {
	fields := map[string]string{"system": string(q.System), "person": string(q.Person), "title": q.Title}
	for key, value := range map[string]string{"number": q.Number, "item": q.Item, "why": q.Why, "state": string(q.State)} {
		if value != "" {
			fields[key] = value
		}
	}
	for i := 0; i+1 < len(more); i += 2 {
		if more[i+1] != "" {
			fields[more[i]] = more[i+1]
		}
	}
	return store.Event{Name: name, Org: q.Org, By: by, Target: "order:" + string(q.ID), Fields: fields}
}

// step notes what happened; a request keeps its last mostSteps.
func (q *Request) step(name, text string, at time.Time) {
	q.Steps = append(q.Steps, Step{name, at, text})
	if over := len(q.Steps) - mostSteps; over > 0 {
		q.Steps = q.Steps[over:]
	}
}

const mostSteps = 60

// keeper is who acts when requests are read.
var keeper = id.System("order")

var errUnknown = fault.New(fault.NotFound, "order-unknown")

func orUnknown(err error) error {
	if errors.Is(err, store.ErrNoRow) {
		return errUnknown
	}
	return err
}

// cut keeps a text of others short enough to be stored and shown.
func cut(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	runes := []rune(text)
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
