package signin

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
)

// PasswordChange is how a person gives themself another password.
type PasswordChange struct {
	Person  id.Person
	Session string      // the one in which they do it; it stays
	Current secret.Text // not asked for after a passkey a moment ago
	New     secret.Text
}

// ChangePassword sets a person's own password. They prove themself by the
// current one, or by a passkey within web.Recent; who has neither must step up.
// A wrong current password counts as an attempt. Refusals besides those of
// SetPassword: password-wrong, step-up-required, session-over.
func (r *Room) ChangePassword(ctx context.Context, c PasswordChange) error {
	asked, err := r.AsksCurrent(ctx, c.Person, c.Session)
	if err != nil {
		return err
	}
	var known factor // that the current password was held against
	if asked {
		if known, err = r.checkCurrent(ctx, c); err != nil {
			return err
		}
	}
	return r.setPassword(ctx, id.OfPerson(c.Person), c.Person, c.New, false, func(tx *store.Tx) error {
		return unchanged(tx, c.Session, known)
	})
}

// unchanged refuses a change whose session ended, or whose current password was
// replaced, while the new one was hashed.
func unchanged(tx *store.Tx, session string, known factor) error {
	if _, err := sessionOf(&tx.View, session); errors.Is(err, store.ErrNoRow) {
		return errOver
	} else if err != nil {
		return err
	}
	now, _, err := factorOf(&tx.View, kindPassword)
	if err == nil && known.id != "" && now.id != known.id {
		err = errNotCurrent
	}
	return err
}

var errNotCurrent = fault.New(fault.Unmet, "password-wrong")

// AsksCurrent reports whether a change in this session asks for the current
// password. A person without one who did not use a passkey within web.Recent
// must step up first: step-up-required.
func (r *Room) AsksCurrent(ctx context.Context, who id.Person, session string) (bool, error) {
	s, err := r.session(ctx, who, session)
	if err != nil {
		return false, err
	}
	now := r.clock.Now()
	byKey := func(p Proof) bool { return p.Method == ByPasskey }
	if slices.ContainsFunc(recent(s.Proofs, now, web.Recent), byKey) {
		return false, nil
	}
	held, err := r.Held(ctx, who)
	if err != nil || held.Password {
		return err == nil, err
	}
	if now.Sub(s.Strong) > web.Recent {
		return false, fault.New(fault.Unknown, web.StepUp, "age", int(web.Recent/time.Second))
	}
	return false, nil
}

// checkCurrent holds what was typed against the current password, and returns
// the factor that it is. It is counted before it is judged, as at a sign-in.
func (r *Room) checkCurrent(ctx context.Context, c PasswordChange) (f factor, err error) {
	if _, err := r.tried(ctx, c.Person, "session:"+c.Session); err != nil {
		return f, err
	}
	var has bool
	err = r.store.Self(c.Person).Read(ctx, func(v *store.View) (err error) {
		f, has, err = factorOf(v, kindPassword)
		return err
	})
	if err != nil {
		return f, err
	}
	right, _, err := r.verify(ctx, f, has, c.Current)
	if err == nil && !right {
		err = errNotCurrent
	}
	return f, err
}
