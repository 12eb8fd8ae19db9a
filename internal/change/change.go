package change

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/demand"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/paper"
	"github.com/sekisho/sekisho/internal/presence"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/seal"
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

// Kind is what the hall calls these asks.
const Kind = "change"

// The sorts of changes: the targets of their asks.
const (
	Apply  = "apply"  // of manifests
	Role   = "role"   // made or changed
	System = "system" // another definition of an outside system
	Reset  = "reset"  // of somebody's factors
)

// Bounds of what is shown: what nobody can read, nobody can approve.
const (
	linesMost = 2000
	bytesMost = 256 << 10
	keptMost  = 8 << 20 // bytes of what is kept and not shown
)

// Resets takes factors of people away (← welcome).
type Resets interface {
	// Prepare does what is slow, and refuses what by may not take.
	Prepare(ctx context.Context, by id.Principal, in id.Org, who id.Person, t factor.Taking) (ready any, err error)
	// Make makes it in the caller's write.
	Make(tx *store.Tx, by id.Principal, ready any) (store.Event, error)
	// Made is called after the commit.
	Made()
}

// Hall is where changes are asked for, and what says who decides (← request).
type Hall interface {
	Raise(ctx context.Context, by id.Person, wanted request.Wanted) (request.Ask, error)
	SetPolicy(tx *store.Tx, by id.Principal, p *request.ApprovalPolicy) (store.Event, error)
	DropPolicy(tx *store.Tx, by id.Principal, in id.Org, which string) (store.Event, error)
	SetDelegation(tx *store.Tx, by id.Principal, d *request.Delegation) (store.Event, error)
}

// Options is what the room stands on.
type Options struct {
	Store    *store.Store
	Clock    clock.Clock
	Ring     *seal.Ring
	Register *org.Register
	Desk     *connector.Desk
	Resets   Resets
	// Manifest is the permission that an apply needs, and the end of four eyes.
	Manifest string
	// Alone: one command has the house open while no server runs.
	Alone bool
}

// Room holds changes. It is the hall's Releaser and Holder of its kind, and one
// of its Askers.
type Room struct {
	Options
	hall  Hall
	kinds *manifest.Set
	sorts map[string]sort
}

// New makes the room. Furnish completes it before the house starts.
func New(o Options) *Room {
	r := &Room{Options: o}
	r.sorts = map[string]sort{Apply: applies{r}, Role: roles{r}, System: systems{r}, Reset: resets{r}}
	r.peopleSorts()
	r.eyesSort()
	return r
}

// Furniture is what is made after the room.
type Furniture struct {
	Hall     Hall
	Kinds    *manifest.Set
	Rules    *demand.Rules
	Presence *presence.Desk
	Papers   map[string]paper.Kept // by kind
	Others   map[string]Other      // by sort
}

// Furnish hands in what is made after the room.
func (r *Room) Furnish(f Furniture) {
	r.hall, r.kinds = f.Hall, f.Kinds
	r.signInSorts(f.Rules)
	r.cardSorts(f.Presence)
	r.approvalSorts(f.Hall)
	r.paperSorts(f.Papers)
	for name, other := range f.Others {
		r.sorts[name] = others{other}
	}
}

// sort is how changes of one sort are made.
type sort interface {
	// needs is the permission without which nobody makes or approves it.
	needs() string
	// base is a digest of what the change was computed against, as it is now; ""
	// where the change itself sees to it.
	base(v *store.View, in id.Org, kept []byte) (string, error)
	// ready does what is slow.
	ready(ctx context.Context, by id.Principal, in id.Org, kept []byte) (made, error)
}

// made is a change that is ready to be made.
type made interface {
	// things are what has to be let through for it; none: everything.
	things() []string
	// do makes it as by, in the caller's write; again, after it was taken back.
	do(tx *store.Tx, by id.Principal) ([]store.Event, error)
	// done is called after the commit.
	done()
}

// hold asks for a change: kept is all that it takes to make it, now what it was
// computed against. What comes back is never nil.
func (r *Room) hold(ctx context.Context, in id.Org, sort string, c request.Change, kept any) error {
	if c.By.Kind() != id.KindPerson && c.By.Kind() != id.KindLocal {
		return store.ErrHeld
	}
	c = shown(c)
	if f := small(c); f != nil {
		return f
	}
	plain, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	defer clear(plain)
	if len(plain) > keptMost {
		return fault.New(fault.Unmet, "change-too-large", "lines", linesMost)
	}
	ready, err := r.sorts[sort].ready(ctx, c.By, in, plain)
	if err != nil {
		return err
	}
	held, err := json.Marshal(c)
	if err != nil {
		return err
	}
	which := id.New[id.Ask](r.Clock.Now())
	sealed, err := r.Ring.Seal(place(in, which), plain)
	if err != nil {
		return err
	}
	a, err := r.hall.Raise(ctx, c.By.Person(), request.Wanted{
		Org: in, Kind: Kind, Target: sort, Held: held, Which: which,
		Keep: func(tx *store.Tx, a request.Ask) error {
			if err := try(tx, ready, c.By); err != nil {
				return err
			}
			if err := r.Ring.Live(tx, sealed); err != nil {
				return err
			}
			return keep(tx.Org(in), a.ID, sealed)
		},
	})
	if f := fault.As(err); f != nil && f.Code == "ask-open-already" { // the same again: it waits already
		a.ID, err = id.Ask(f.Args["ask"].(string)), nil
	}
	if err != nil {
		return err
	}
	return &web.Waiting{Ask: string(a.ID), Path: request.Path + "/" + string(a.ID) + "?done=held", Title: c.Title}
}

// lift makes a change as by, with what it needs let through and nothing else.
func lift(tx *store.Tx, ready made, by id.Principal) (events []store.Event, err error) {
	err = tx.Lift(func(tx *store.Tx) error {
		events, err = ready.do(tx, by)
		return err
	}, ready.things()...)
	return events, err
}

// try makes a change as by, and takes it back.
func try(tx *store.Tx, ready made, by id.Principal) error {
	return tx.Try(func(tx *store.Tx) error { _, err := lift(tx, ready, by); return err })
}

// small refuses what is too long to be read by whoever approves it.
func small(c request.Change) *fault.Fault {
	size := 0
	for _, l := range c.Lines {
		size += len(l.Text)
	}
	if len(c.Lines) > linesMost || size > bytesMost {
		return fault.New(fault.Unmet, "change-too-large", "lines", linesMost)
	}
	return nil
}

// place is where a change is sealed for.
func place(in id.Org, which id.Ask) seal.Place {
	return seal.Place{Table: "change_held", Column: "sealed", Row: string(which), Org: in}
}

// digest is that of values in one fixed form.
func digest(values ...any) string {
	h := sha256.New()
	for _, value := range values {
		text, err := json.Marshal(value)
		if err != nil {
			return ""
		}
		h.Write(append(text, 0))
	}
	return hex.EncodeToString(h.Sum(nil))
}

func number(n int) string { return strconv.Itoa(n) }
