package change

import (
	"context"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/people/arrive"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
)

// Other makes changes that only another room knows how to make (← people).
type Other interface {
	// Needs is the permission without which nobody makes or approves it.
	Needs() string
	// Base is a digest of what it was computed against, as it is now.
	Base(v *store.View, in id.Org, kept []byte) (string, error)
	// Prepare does what is slow, and refuses what by may not do.
	Prepare(ctx context.Context, by id.Principal, in id.Org, kept []byte) (Make, error)
	// Made is called after the commit.
	Made()
}

// Make makes a change as by in the caller's write; again, after it was taken back.
type Make = func(tx *store.Tx, by id.Principal) ([]store.Event, error)

// holdArrival asks for people who come in.
func (r *Room) holdArrival(ctx context.Context, by id.Principal, in id.Org, w arrive.Wanted) error {
	if r.sorts[w.Sort] == nil {
		return store.ErrHeld
	}
	c := request.Change{Sort: w.Sort, By: by, Thing: w.Thing, Title: w.Title, Base: w.Base, Lines: set("", w.Before, w.After)}
	return r.hold(ctx, in, w.Sort, c, w.Kept)
}

// others are changes of another room.
type others struct{ Other }

func (s others) needs() string { return s.Needs() }

func (s others) base(v *store.View, in id.Org, kept []byte) (string, error) {
	return s.Base(v, in, kept)
}

func (s others) ready(ctx context.Context, by id.Principal, in id.Org, kept []byte) (made, error) {
	does, err := s.Prepare(ctx, by, in, kept)
	return madeOther{s.Other, does}, err
}

type madeOther struct {
	other Other
	does  Make
}

func (madeOther) things() []string { return nil } // people with all that they get

func (m madeOther) do(tx *store.Tx, by id.Principal) ([]store.Event, error) { return m.does(tx, by) }

func (m madeOther) done() { m.other.Made() }
