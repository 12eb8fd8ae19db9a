package change

import (
	"context"
	"errors"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Eyes is the sort of the ask that ends it all: that one alone may again do what
// four_eyes holds.
const Eyes = "four-eyes"

// Off is what is kept of it.
type Off struct{ Since time.Time }

// On reports since when the house holds changes, and whether it does: from the
// first start with four_eyes until two people have said otherwise, whatever the
// configuration of a later start says.
func (r *Room) On(ctx context.Context) (since time.Time, on bool, err error) {
	return Since(ctx, r.Store)
}

// Since is On of a house that nobody has opened.
func Since(ctx context.Context, s *store.Store) (since time.Time, on bool, err error) {
	err = s.House().Read(ctx, func(v *store.View) (err error) {
		since, on, err = eyesOn(v)
		return err
	})
	return since, on, err
}

// TurnOn notes that the house holds changes from now on. by is the start of a
// process whose configuration says so.
func (r *Room) TurnOn(ctx context.Context, by id.Principal) error {
	if _, on, err := r.On(ctx); err != nil || on {
		return err
	}
	err := r.Store.House().Write(ctx, func(tx *store.Tx) store.End {
		_, on, err := eyesOn(&tx.View)
		if err == nil && on {
			err = errOn
		}
		if err == nil {
			err = openEyes(tx)
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: "four-eyes.on", By: by, Target: Eyes})
	})
	if errors.Is(err, errOn) { // another node was faster
		return nil
	}
	return err
}

var errOn = errors.New("change: four eyes are on already")

// TurnOff asks that one alone may do again what is held. In a house that one command
// has open while no server runs it is done at once; where it is off nothing happens.
func (r *Room) TurnOff(ctx context.Context, by id.Principal) error {
	since, on, err := r.On(ctx)
	if err != nil || !on {
		return err
	}
	if r.Alone {
		return r.Store.House().Write(ctx, func(tx *store.Tx) store.End {
			e, err := r.turnOff(tx, by, Off{since})
			if err != nil {
				return store.Abort(err)
			}
			return store.Done(e)
		})
	}
	in, err := r.Register.ProviderFor(ctx, by, r.Manifest)
	if err == nil && in == "" {
		err = fault.New(fault.Unmet, "change-nobody")
	}
	if err != nil {
		return err
	}
	return asked(ctx, r, Eyes, by, in, Off{since})
}

func (r *Room) eyesSort() {
	r.sorts[Eyes] = written[Off]{
		room: r, name: Eyes, permission: r.Manifest, lifts: func(Off) string { return Eyes }, write: r.turnOff,
		look: lookEyes,
	}
}

func lookEyes(v *store.View, _ id.Org, _ Off) (glance, error) {
	since, on, err := eyesOn(v.House())
	g := glance{thing: Eyes, title: "four_eyes", before: []string{"four_eyes: true"}, after: []string{"four_eyes: false"}, base: on}
	g.facts = fact(nil, "since", since.UTC().Format(time.RFC3339))
	return g, err
}

func (r *Room) turnOff(tx *store.Tx, by id.Principal, _ Off) (store.Event, error) {
	if err := r.Register.Need(&tx.View, by, "", r.Manifest); err != nil {
		return store.Event{}, err
	}
	closed, err := closeEyes(tx.House())
	if err == nil && !closed {
		err = errMoved
	}
	return store.Event{Name: "four-eyes.off", By: by, Target: Eyes}, err
}
