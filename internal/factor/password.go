package factor

import (
	"context"

	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// Password is a person's password as it stands.
type Password struct {
	There  bool // they have one
	factor factor
}

// PasswordOf reads a person's password. v is their own view.
func PasswordOf(v *store.View) (p Password, err error) {
	p.factor, p.There, err = factorOf(v, kindPassword)
	return p, err
}

// ID names it; another one has another name.
func (p Password) ID() string { return p.factor.id }

// MustChange reports whether the next sign-in asks for another one.
func (p Password) MustChange() bool { return p.There && p.factor.mustChange }

// Verify holds what was typed against the password, in the time that it takes
// where there is none. outdated: its hash should be made anew.
func (r *Room) Verify(ctx context.Context, p Password, typed secret.Text) (right, outdated bool, err error) {
	if !p.There {
		return false, false, r.mill.Dummy(ctx, typed)
	}
	hash, err := r.ring.Open(p.factor.place(), p.factor.sealed)
	if err != nil {
		return false, false, err
	}
	defer clear(hash)
	return r.mill.Verify(ctx, string(hash), typed)
}

// Rehash brings a hash to today's cost once the password is known. The sign-in
// does not depend on it.
func (r *Room) Rehash(ctx context.Context, p Password, typed secret.Text) {
	f := p.factor
	hash, err := r.mill.Hash(ctx, typed)
	if err != nil {
		return
	}
	sealed, err := r.ring.Seal(f.place(), []byte(hash))
	if err != nil {
		return
	}
	err = r.store.Self(f.person).Write(ctx, func(tx *store.Tx) store.End {
		if err := r.ring.Live(tx, sealed); err != nil {
			return store.Abort(err)
		}
		if _, err := replaceSealed(tx, kindPassword, f.sealed, sealed); err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietReencrypt)
	})
	if err != nil {
		r.log.WarnContext(ctx, "a password's hash could not be brought to today's cost", "err", err)
	}
}

// Touch notes that the password was used; false: it was changed while it was
// being verified.
func (p Password) Touch(tx *store.Tx) (bool, error) {
	now, err := PasswordOf(&tx.View)
	if err != nil || !now.There || now.ID() != p.ID() {
		return false, err
	}
	return usedFactor(tx, kindPassword, 0)
}
