package request

import (
	"context"
	"embed"
	"log/slog"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/presence"
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
	Policy = "request.policy" // say who decides about what
	Read   = "request.read"   // see every ask of the organization
	Break  = "request.break"  // take what a policy lets be taken, before anybody decides
)

// Permissions lists the permissions of the room.
func Permissions() []org.Permission {
	return []org.Permission{{Name: Policy}, {Name: Read, Roles: []string{string(org.Auditor)}}, {Name: Break}}
}

// Fact is something about a target that whoever decides is shown. Key is a
// sentence; Value is plain text of whoever keeps the target.
type Fact struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Target is something that can be asked for.
type Target struct {
	Kind   string // of its Releaser
	ID     string // identifier, never a name
	Name   string // as policies and manifests call it
	Title  string
	About  string
	Facts  []Fact
	Owners []id.Person // who the approver "owner" means
	Lent   bool        // it is let out under a lease and taken back
	// Price is what it costs, zero for what costs nothing; Attributes are what
	// else conditions read. Both stand among the facts that are shown.
	Price      Price
	Attributes map[string]string
}

// Price is an amount of money: a decimal number and a currency (ISO 4217).
type Price struct{ Amount, Currency string }

// Describer knows what an organization says of what can be asked for: who owns
// it, what it costs (← offer).
type Describer interface {
	// Describe adds to targets of an organization what is said of them, with a
	// number of statements that does not depend on how many there are.
	Describe(v *store.View, in id.Org, all []Target) error
}

// Sought is what somebody looks for among what can be asked for.
type Sought struct {
	Org   id.Org
	Asker id.Person
	Text  string
	Lang  words.Lang
	Limit int
}

// Releaser lets things of one kind out (← the rooms that keep them).
type Releaser interface {
	// Kind is of its targets: "group".
	Kind() string
	// Targets finds what there is, by words in name and title; at most s.Limit.
	Targets(ctx context.Context, s Sought) ([]Target, error)
	// Check returns the target of an ask as it is now, and refuses, with the
	// target, what could not be released to a.For now. With a.Extends it is held
	// already.
	Check(v *store.View, a Ask) (Target, error)
	// Release lets it out in the write that decides, under the lease a.Lease if
	// the target is lent. by is who decided.
	Release(tx *store.Tx, a Ask, by id.Principal) ([]store.Event, error)
}

// Question is brought to whoever may decide. A later one of the same ask, by
// revision and stage, replaces it; the same one again is a reminder.
type Question struct {
	Ask      id.Ask
	Org      id.Org
	Revision int
	Stage    int
	To       []id.Person // who may decide now, delegates included
	Digest   string      // of the Sheet as it is now
	Due      time.Time
	Reminder bool
	First    bool // the ask is new: nobody was asked about it before
	Asked    Ask  // what is asked, as it is now
}

// Asker brings questions to people (← card).
type Asker interface {
	// Raise is called in the write that opens, or reminds of, a question.
	Raise(tx *store.Tx, q Question) ([]store.Event, error)
	// Settle is called in the write that ends all questions of an ask.
	Settle(tx *store.Tx, ask Ask) ([]store.Event, error)
}

// Teller says outside what became of an ask (← ticket, through job).
type Teller interface {
	// Tell is called in the write of each step.
	Tell(tx *store.Tx, a Ask, s Step) ([]store.Event, error)
}

// Rota knows who is on call (← rota). It is asked outside of transactions.
type Rota interface {
	// Now returns who is on call in the rotas of an organization, by the name of
	// the rota.
	Now(ctx context.Context, in id.Org) (map[string][]id.Person, error)
}

// Options is what the hall stands on.
type Options struct {
	Store    *store.Store
	Clock    clock.Clock
	Log      *slog.Logger
	Book     *words.Book
	Register *org.Register
	Ledger   *lease.Ledger
	Post     *notify.Post // nil: nobody is told by mail
	Rota     Rota         // nil: nobody is on call
	About    Describer    // nil: nothing is known but what releasers say
	Desk     TicketDesk   // nil: asks name no tickets
	// Presence says how surely who decides has to be themself; nil: whoever is
	// signed in.
	Presence *presence.Desk
	// Pace says when somebody may be told by mail: the zero time is never. decides
	// says that it is put to them, loud that it wakes people. nil: at once.
	Pace func(ctx context.Context, who id.Person, decides, loud bool) (time.Time, error)
	// Askers and Tellers hear of every question and step.
	Askers  []Asker
	Tellers []Teller
}

// Hall is where things are asked for.
type Hall struct {
	Options
	releasers map[string]Releaser
	kinds     []string // in the order of New
	keeper    Keeper   // nil: nobody keeps policies
}

// New makes the hall with everything that can be released.
func New(o Options, releasers ...Releaser) *Hall {
	h := &Hall{Options: o, releasers: map[string]Releaser{}}
	for _, r := range releasers {
		h.releasers[r.Kind()] = r
		h.kinds = append(h.kinds, r.Kind())
	}
	return h
}

// Kinds lists what can be asked for.
func (h *Hall) Kinds() []string { return h.kinds }

// hallKeeper acts where nobody does: times that are over, rules that decide.
var hallKeeper = id.System("hall")

// Thing is something that can be asked for, by kind and identifier.
type Thing struct{ Kind, Target string }

// Prepared is an ask that somebody prepared for others.
type Prepared struct {
	ID, Title, About string
	Things           []Thing
	Reason, Hint     string
	Hours            int // 0: as the policy proposes
}
