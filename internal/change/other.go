package change

import (
	"context"

	"github.com/sekisho/sekisho/internal/id"
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

// HoldOther asks for a change of another room: c says all that is shown, kept is
// all that it takes.
func (r *Room) HoldOther(ctx context.Context, in id.Org, c request.Change, kept any) error {
	if r.sorts[c.Sort] == nil {
		return store.ErrHeld
	}
	return r.hold(ctx, in, c.Sort, c, kept)
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
