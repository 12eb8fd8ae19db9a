package factor

import (
	"context"
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
	var known Password // that the current password was held against
	if asked {
		if known, err = r.checkCurrent(ctx, c); err != nil {
			return err
		}
	}
	return r.setPassword(ctx, id.OfPerson(c.Person), c.Person, c.New, false, func(tx *store.Tx) error {
		return r.unchanged(tx, c, known)
	})
}

// unchanged refuses a change whose session ended, or whose current password was
// replaced, while the new one was hashed.
func (r *Room) unchanged(tx *store.Tx, c PasswordChange, known Password) error {
	stands, err := r.sessions.SessionStands(&tx.View, c.Person, c.Session)
	if err == nil && !stands {
		err = fault.New(fault.Unknown, "session-over")
	}
	if err != nil {
		return err
	}
	now, err := PasswordOf(&tx.View)
	if err == nil && known.There && now.ID() != known.ID() {
		err = errNotCurrent
	}
	return err
}

var errNotCurrent = fault.New(fault.Unmet, "password-wrong")

// AsksCurrent reports whether a change in this session asks for the current
// password. A person without one who did not use a passkey within web.Recent
// must step up first: step-up-required.
func (r *Room) AsksCurrent(ctx context.Context, who id.Person, session string) (bool, error) {
	s, err := r.sessions.Shown(ctx, who, session)
	if err != nil {
		return false, err
	}
	now := r.clock.Now()
	byKey := func(p Proof) bool { return p.Method == ByPasskey }
	if slices.ContainsFunc(Recent(s.Proofs, now, web.Recent), byKey) {
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
func (r *Room) checkCurrent(ctx context.Context, c PasswordChange) (p Password, err error) {
	if err := r.guard.CountTry(ctx, c.Person, c.Session); err != nil {
		return p, err
	}
	err = r.store.Self(c.Person).Read(ctx, func(v *store.View) (err error) {
		p, err = PasswordOf(v)
		return err
	})
	if err != nil {
		return p, err
	}
	right, _, err := r.Verify(ctx, p, c.Current)
	if err == nil && !right {
		err = errNotCurrent
	}
	return p, err
}
