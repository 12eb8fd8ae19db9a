package store

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
)

// Attempt runs f within the transaction. If f fails, what it wrote is taken back
// and the rest of the closure goes on; a statement that failed, and not a rule,
// still fails the whole write. f must not keep rows open, and puts nothing off
// (Later).
func (t *Tx) Attempt(f func(*Tx) error) error {
	if _, err := t.run("SAVEPOINT attempt", nil); err != nil {
		return err
	}
	t.core.attempts++
	err := f(t)
	t.core.attempts--
	if err != nil {
		if _, back := t.run("ROLLBACK TO SAVEPOINT attempt", nil); back != nil {
			return errors.Join(err, fmt.Errorf("store: an attempt was not taken back: %w", back))
		}
	}
	_, released := t.run("RELEASE SAVEPOINT attempt", nil)
	if released != nil {
		return errors.Join(err, released)
	}
	return err
}

// errTried ends an attempt that was only to be seen to work.
var errTried = errors.New("store: tried")

// Try is Attempt, and what f wrote is taken back in any case: nil says that it
// could be done.
func (t *Tx) Try(f func(*Tx) error) error {
	err := t.Attempt(func(tx *Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		return errTried
	})
	if errors.Is(err, errTried) {
		return nil
	}
	return err
}

// ErrHeld is what a change that needs a second person is refused with where
// nobody asked for it in the way that lets somebody decide.
var ErrHeld = fault.New(fault.Unmet, "change-held")

// Lift lets through, while f runs, what is held until a second person has
// approved it: the things that are named, or everything where none is. Only the
// room that has seen the approval calls it (a test sees to it).
func (t *Tx) Lift(f func(*Tx) error, things ...string) error {
	before := t.core.lifted
	t.core.lifted = &lifted{things}
	defer func() { t.core.lifted = before }()
	return f(t)
}

// lifted are the things that are let through; none: all.
type lifted struct{ things []string }

// Lifted reports whether a thing, such as role:ID, is let through.
func (v *View) Lifted(thing string) bool {
	l := v.core.lifted
	return l != nil && (len(l.things) == 0 || slices.Contains(l.things, thing))
}

// Held reports whether by may not do something with a thing alone. What the
// house does by itself (an invitation that is redeemed, the first administrator)
// follows from what was approved, or from the machine.
func (v *View) Held(by id.Principal, thing string) bool {
	kind := by.Kind()
	return kind != id.KindSystem && kind != id.KindNode && !v.Lifted(thing)
}
