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
	if asked {
		if err := r.checkCurrent(ctx, c); err != nil {
			return err
		}
	}
	return r.SetPassword(ctx, id.OfPerson(c.Person), c.Person, c.New, false)
}

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

// checkCurrent compares the current password.
func (r *Room) checkCurrent(ctx context.Context, c PasswordChange) error {
	ok, err := r.isPassword(ctx, c.Person, c.Current)
	if err == nil && !ok {
		err = fault.New(fault.Unmet, "password-wrong")
	}
	return err
}

// isPassword compares a password with the person's own, however long that
// takes; without one the work is done all the same.
func (r *Room) isPassword(ctx context.Context, who id.Person, pw secret.Text) (bool, error) {
	var f factor
	var has bool
	err := r.store.Self(who).Read(ctx, func(v *store.View) (err error) {
		f, has, err = factorOf(v, kindPassword)
		return err
	})
	if err != nil {
		return false, err
	}
	if !has {
		return false, r.mill.Dummy(ctx, pw)
	}
	hash, err := r.ring.Open(f.place(), f.sealed)
	if err != nil {
		return false, errors.Join(r.mill.Dummy(ctx, pw), err)
	}
	ok, _, err := r.mill.Verify(ctx, string(hash), pw)
	return ok, err
}
