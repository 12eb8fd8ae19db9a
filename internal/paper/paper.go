// Package paper keeps what administrators of an organization write down and the
// house goes by: named papers of several kinds, each with a version, its witness,
// a manifest, operations and pages. What a paper says, and what follows from it,
// is the business of the room whose kind it is.
//
// Read first: Kind, then paper.go's Set (the one way in which a paper changes).
package paper

import (
	"context"
	"embed"
	"errors"
	"net/url"
	"strings"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// Words are the sentences of the pages and problems, Schema the table.
var (
	//go:embed words
	Words embed.FS
	//go:embed schema
	Schema embed.FS
)

// Paper is one of them. S names people, groups and roles as person:ID, group:ID
// and role:ID.
type Paper[S any] struct {
	Org     id.Org
	ID      string
	Name    string // unique among those of its kind in the organization
	Version int64  // raised by each change; 0 before the first
	Spec    S
}

// Kind says what papers of one kind are, and what follows from them.
type Kind[S any] struct {
	Name       string // of their kind in the table and before the colon in the log: "rota"
	Manifest   string // name of the manifest kind: "Rota"
	Permission string // who writes them
	Reads      string // who sees them; "" for who writes them
	// Check fills in what was not said and says all that is wrong, with paths
	// within the spec.
	Check func(s *S, bad *fault.Checks)
	// Rename returns the spec with every person:, group: and role: that it names
	// put through f.
	Rename func(s S, f func(path, named string) string) S
	// May holds who writes to further rules; before and after are nil for none. May
	// be nil.
	May func(v *store.View, by id.Principal, in id.Org, before, after *Paper[S]) error
	// Changed does what follows, in the same write: after is nil of one that is
	// gone. May be nil.
	Changed func(tx *store.Tx, before, after *Paper[S]) error
	// Says is what the witness is told besides the name.
	Says func(s S) map[string]string
	// Decides says that they move who decides about what others ask for: with four
	// eyes they wait for a second person.
	Decides bool
	// Drawn is what pages show of them.
	Drawn Drawn[S]
}

// Drawn is how papers of a kind look to people. Their sentences are KEY.list and
// so on.
type Drawn[S any] struct {
	Path, Key string
	Param     string // what the path calls one: "rota"
	Operation string // what operations call one: "rota", and all of them
	Plural    string
	Columns   func(v *web.Visit) []string
	Row       func(v *web.Visit, p Paper[S], named func(string) string) []templ.Component
	// Fields is the form with what was typed; Typed reads it. In both people and
	// things are called by name.
	Fields func(v *web.Visit, typed url.Values) []webui.Input
	Values func(s S) url.Values
	Typed  func(v *web.Visit, typed url.Values, bad *fault.Checks) S
	// Path in the form of a path in the spec; nil: the same.
	Field func(path string) string
	// Below is what stands below the form of one that is there; may be nil.
	Below func(v *web.Visit, p Paper[S]) (templ.Component, error)
}

// Options is what drawers stand on.
type Options struct {
	Store    *store.Store
	Clock    clock.Clock
	Register *org.Register
}

// Drawer keeps the papers of one kind.
type Drawer[S any] struct {
	Options
	Kind   Kind[S]
	holder Holder
}

// New makes a drawer.
func New[S any](o Options, k Kind[S]) *Drawer[S] {
	if k.Reads == "" {
		k.Reads = k.Permission
	}
	return &Drawer[S]{Options: o, Kind: k}
}

func (d *Drawer[S]) unknown() *fault.Fault {
	return fault.New(fault.NotFound, "paper-unknown")
}

// In reads the papers of an organization by name, in the caller's transaction.
func (d *Drawer[S]) In(v *store.View, in id.Org) ([]Paper[S], error) {
	return papersIn[S](v.Org(in), d.Kind.Name)
}

// One reads a paper in the caller's transaction.
func (d *Drawer[S]) One(v *store.View, in id.Org, which string) (Paper[S], error) {
	p, err := paperByID[S](v.Org(in), d.Kind.Name, which)
	if errors.Is(err, store.ErrNoRow) {
		err = d.unknown()
	}
	return p, err
}

// List is In in a transaction of its own.
func (d *Drawer[S]) List(ctx context.Context, in id.Org) (all []Paper[S], err error) {
	err = d.Store.Org(in).Read(ctx, func(v *store.View) (err error) {
		all, err = d.In(v, in)
		return err
	})
	return all, err
}

// Get is One in a transaction of its own.
func (d *Drawer[S]) Get(ctx context.Context, in id.Org, which string) (p Paper[S], err error) {
	err = d.Store.Org(in).Read(ctx, func(v *store.View) (err error) {
		p, err = d.One(v, in, which)
		return err
	})
	return p, err
}

// Settle brings a paper into the form in which it is kept; all that is wrong is
// paper-invalid.
func (d *Drawer[S]) Settle(name string, s *S) *fault.Fault {
	var bad fault.Checks
	if !org.NameForm.MatchString(name) {
		bad.Add("name", "name-malformed", "limit", 64)
	}
	d.Kind.Check(s, &bad)
	return bad.Fault("paper-invalid")
}

// Put writes a paper: a new one without an ID, or the next version of one.
func (d *Drawer[S]) Put(ctx context.Context, by id.Principal, p Paper[S]) (Paper[S], error) {
	if p.ID == "" {
		p.ID = id.New[string](d.Clock.Now())
	}
	err := d.Store.Org(p.Org).Write(ctx, func(tx *store.Tx) store.End {
		e, err := d.set(tx, by, &p)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(e)
	})
	if err != nil {
		return p, d.orHold(ctx, err, by, p.Org, p, false)
	}
	p.Version++
	return p, nil
}

// set is Put in the caller's write.
func (d *Drawer[S]) set(tx *store.Tx, by id.Principal, p *Paper[S]) (e store.Event, err error) {
	in := tx.Org(p.Org)
	if err := d.Register.Need(&in.View, by, p.Org, d.Kind.Permission); err != nil {
		return e, err
	}
	if f := d.Settle(p.Name, &p.Spec); f != nil {
		return e, f
	}
	before, err := d.before(&in.View, *p)
	if err != nil {
		return e, err
	}
	if err := d.named(&in.View, p); err != nil {
		return e, err
	}
	if d.Kind.May != nil {
		if err := d.Kind.May(&in.View, by, p.Org, before, p); err != nil {
			return e, err
		}
	}
	if d.holder != nil && tx.Held(by, d.Kind.Name+":"+p.ID) {
		return e, store.ErrHeld
	}
	if err := putPaper(in, d.Kind.Name, *p); err != nil {
		return e, err
	}
	if d.Kind.Changed != nil {
		if err = d.Kind.Changed(in, before, p); err != nil {
			return e, err
		}
	}
	return d.event("written", by, *p), nil
}

// before is the paper as it was, nil for a new one.
func (d *Drawer[S]) before(v *store.View, p Paper[S]) (*Paper[S], error) {
	if p.Version == 0 {
		return nil, nil
	}
	before, err := d.One(v, p.Org, p.ID)
	return &before, err
}

// named refuses people, groups and roles that are not there (R4), and brings how
// the spec names them into its one form.
func (d *Drawer[S]) named(v *store.View, p *Paper[S]) error {
	var bad fault.Checks
	calls, err := callsOf(v, p.Org)
	if err != nil {
		return err
	}
	p.Spec = d.Kind.Rename(p.Spec, func(path, named string) string {
		if kind, _, ok := strings.Cut(named, ":"); ok && kinds[kind] != "" && calls.names[named] == "" {
			bad.Add(path, "paper-name-unknown", "name", named)
		}
		return named
	})
	if f := bad.Fault("paper-invalid"); f != nil {
		return f
	}
	return nil
}

func (d *Drawer[S]) event(what string, by id.Principal, p Paper[S]) store.Event {
	fields := map[string]string{"name": p.Name}
	if d.Kind.Says != nil {
		for key, value := range d.Kind.Says(p.Spec) {
			fields[key] = value
		}
	}
	return store.Event{Name: d.Kind.Name + "." + what, Org: p.Org, By: by, Target: d.Kind.Name + ":" + p.ID, Fields: fields}
}

// Drop deletes a paper.
func (d *Drawer[S]) Drop(ctx context.Context, by id.Principal, in id.Org, which string) error {
	err := d.Store.Org(in).Write(ctx, func(tx *store.Tx) store.End {
		e, err := d.drop(tx, by, in, which)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(e)
	})
	return d.orHold(ctx, err, by, in, Paper[S]{Org: in, ID: which}, true)
}

func (d *Drawer[S]) drop(tx *store.Tx, by id.Principal, in id.Org, which string) (e store.Event, err error) {
	scoped := tx.Org(in)
	if err := d.Register.Need(&scoped.View, by, in, d.Kind.Permission); err != nil {
		return e, err
	}
	p, err := d.One(&scoped.View, in, which)
	if err == nil && d.Kind.May != nil {
		err = d.Kind.May(&scoped.View, by, in, &p, nil)
	}
	if err == nil && d.holder != nil && tx.Held(by, d.Kind.Name+":"+which) {
		err = store.ErrHeld
	}
	if err == nil {
		err = dropPaper(scoped, d.Kind.Name, which)
	}
	if err == nil && d.Kind.Changed != nil {
		err = d.Kind.Changed(scoped, &p, nil)
	}
	return d.event("deleted", by, p), err
}
