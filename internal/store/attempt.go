package store

import (
	"errors"
	"fmt"

	"github.com/sekisho/sekisho/internal/fault"
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

// Lift lets through, for this transaction, what is held until a second person
// has approved it. Only the room that has seen the approval calls it (a test
// sees to it).
func (t *Tx) Lift() { t.core.lifted = true }

// Lifted reports whether it was.
func (v *View) Lifted() bool { return v.core.lifted }
