package paper

import (
	"context"
	"encoding/json"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Holder keeps papers that move who decides from being written until a second
// person has approved it (← change).
type Holder interface {
	// Hold asks for it, and returns what whoever wanted it is answered. wanted is a
	// Wanted.
	Hold(ctx context.Context, by id.Principal, in id.Org, wanted any) error
}

// Wanted is a paper as somebody wants it, of whatever kind.
type Wanted struct {
	Kind    string
	Org     id.Org
	ID      string
	Name    string
	Version int64
	Spec    json.RawMessage
	Gone    bool // it is to be deleted
}

// Kept is a Drawer to whom its papers are Wanted.
type Kept interface {
	// Needs is the permission to write them.
	Needs() string
	// Now is a paper as it is, with its spec; the zero Wanted if it is not there.
	Now(v *store.View, in id.Org, which string) (Wanted, error)
	// Write writes or deletes one in the caller's write.
	Write(tx *store.Tx, by id.Principal, w Wanted) (store.Event, error)
}

// Hold has the papers of the drawer held, if they move who decides. Call it before
// the house starts.
func (d *Drawer[S]) Hold(h Holder) {
	if d.Kind.Decides {
		d.holder = h
	}
}

// orHold asks for what needs a second person.
func (d *Drawer[S]) orHold(ctx context.Context, err error, by id.Principal, in id.Org, p Paper[S], gone bool) error {
	if d.holder == nil || fault.Code(err) != store.ErrHeld.Code {
		return err
	}
	w, err := d.wanted(p)
	if err != nil {
		return err
	}
	w.Gone = gone
	return d.holder.Hold(ctx, by, in, w)
}

func (d *Drawer[S]) wanted(p Paper[S]) (Wanted, error) {
	spec, err := json.Marshal(p.Spec)
	return Wanted{Kind: d.Kind.Name, Org: p.Org, ID: p.ID, Name: p.Name, Version: p.Version, Spec: spec}, err
}

// Needs implements Kept.
func (d *Drawer[S]) Needs() string { return d.Kind.Permission }

// Now implements Kept.
func (d *Drawer[S]) Now(v *store.View, in id.Org, which string) (Wanted, error) {
	p, err := d.One(v, in, which)
	if fault.As(err) != nil {
		return Wanted{}, nil
	}
	if err != nil {
		return Wanted{}, err
	}
	return d.wanted(p)
}

// Write implements Kept.
func (d *Drawer[S]) Write(tx *store.Tx, by id.Principal, w Wanted) (store.Event, error) {
	if w.Gone {
		return d.drop(tx, by, w.Org, w.ID)
	}
	p := Paper[S]{Org: w.Org, ID: w.ID, Name: w.Name, Version: w.Version}
	if err := json.Unmarshal(w.Spec, &p.Spec); err != nil {
		return store.Event{}, err
	}
	return d.set(tx, by, &p)
}
