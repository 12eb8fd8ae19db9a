package signin

import (
	"context"
	"encoding/json"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// errPasskey is the one answer to a passkey that does not count, whatever was
// wrong with it or with its person.
var errPasskey = fault.New(fault.Unmet, factor.PasskeyRefused)

// signinPurpose is that of a ticket for the first step, where nobody is known.
const signinPurpose = "signin"

// PasskeyOptions are the options for a first step: any passkey of ours may
// answer, so that they say nothing about anybody (A046).
func (r *Room) PasskeyOptions() (options json.RawMessage, ticket string, err error) {
	return r.factors.PasskeyOptions(signinPurpose, nil)
}

// SecondOptions are those for a step: the keys of its person.
func (r *Room) SecondOptions(ctx context.Context, value secret.Text) (options json.RawMessage, ticket string, err error) {
	w, err := r.Wait(ctx, value)
	if err != nil {
		return nil, "", err
	}
	return r.factors.PasskeyOptions("second:"+string(w.Person.ID), w.held.Passkeys)
}

// Passkey is the first step by passkey, and the only one. Whatever is wrong is
// passkey-refused.
func (r *Room) Passkey(ctx context.Context, b Browser, a factor.Answer, back string) (Outcome, error) {
	key, use, err := r.factors.Assertion(ctx, a, signinPurpose)
	if err != nil {
		if f := fault.As(err); f != nil && f.Code == errPasskey.Code {
			r.tellRefused(ctx, "", f.Code)
		}
		return Outcome{}, err
	}
	p, err := r.register.Person(ctx, key.Person)
	if err != nil {
		return Outcome{}, err
	}
	if p.State != org.Active {
		r.tellRefused(ctx, id.Person(p.ID), "person-disabled")
		return Outcome{}, errPasskey
	}
	device, err := r.deviceIn(ctx, b, p.ID)
	if err != nil {
		return Outcome{}, err
	}
	return r.proven(ctx, proving{
		b: b, who: p, device: device, back: back, proofs: []factor.Proof{{Method: factor.ByPasskey, At: r.clock.Now()}},
		use: func(tx *store.Tx) ([]store.Event, error) {
			_, err := use(tx)
			return nil, err
		},
	})
}
