package factor

import (
	"context"
	"encoding/json"

	"github.com/sekisho/sekisho/internal/factor/recovery"
	"github.com/sekisho/sekisho/internal/factor/totp"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// window is how many time steps before and after now a code may be of.
const window = 1

// Holdings are what a person can prove themself with.
type Holdings struct {
	Password Password
	TOTP     bool
	Passkeys []Passkey
	Codes    int64 // recovery codes that are left
	totp     factor
}

// Holdings reads what a person can prove themself with.
func (r *Room) Holdings(ctx context.Context, who id.Person) (h Holdings, err error) {
	err = r.store.Self(who).Read(ctx, func(v *store.View) (err error) {
		if h.Password, err = PasswordOf(v); err != nil {
			return err
		}
		if h.totp, h.TOTP, err = factorOf(v, kindTOTP); err != nil {
			return err
		}
		if h.Passkeys, err = passkeysOf(v); err != nil {
			return err
		}
		h.Codes, _, err = recoveryLeft(v)
		return err
	})
	if r.passkeys == nil {
		h.Passkeys = nil
	}
	return h, err
}

// Best is how strongly the person can prove who they are.
func (h Holdings) Best() string {
	switch {
	case h.TOTP || len(h.Passkeys) > 0:
		return AAL2
	case h.Password.There:
		return AAL1
	}
	return AAL0
}

// Enough reports whether proofs are as strong as the person can give. Codes and
// links by mail never are (A056).
func (h Holdings) Enough(proofs []Proof) bool {
	l := Level(proofs)
	return l != AAL0 && l >= h.Best()
}

// Answer is one proof that somebody gives.
type Answer struct {
	Method    Method
	Text      secret.Text     // a code, or a password
	Ticket    string          // of the passkey's options
	Passkey   json.RawMessage // what the browser answered
	Challenge secret.Text     // of a mail code, kept by the browser
}

// Use takes a judged answer in a write; false: it was wrong, or used.
type Use func(*store.Tx) (bool, error)

// Always is an answer that nothing is left to be done about.
func Always(right bool) Use { return func(*store.Tx) (bool, error) { return right, nil } }

// CodeDigits is how many digits a code has, of an app or in a mail.
const CodeDigits = totp.Digits

// Code are the digits of a typed code: Invalid totp-malformed.
func Code(typed secret.Text) (string, error) { return totp.Canonical(typed.Reveal()) }

// CodeMethod tells a recovery code from one of the app: both go into one field.
func CodeMethod(code string) Method {
	if _, err := totp.Canonical(code); err == nil {
		return ByTOTP
	}
	return ByRecovery
}

// Malformed says what is wrong with the form of a code; such an answer is no
// guess.
func Malformed(who id.Person, a Answer) (err error) {
	switch a.Method {
	case ByTOTP:
		_, err = Code(a.Text)
	case ByRecovery:
		_, err = recovery.Digest(who, a.Text)
	}
	return err
}

// Judge holds an answer against what the person has. Malformed codes are faults
// of kind Invalid and count for nothing. purpose is what a passkey's ticket was
// made for. Codes by mail are not judged here.
func (r *Room) Judge(ctx context.Context, who id.Person, h Holdings, a Answer, purpose string) (Use, error) {
	switch {
	case a.Method == ByTOTP && h.TOTP:
		return r.judgeTOTP(h.totp, a.Text)
	case a.Method == ByRecovery:
		digest, err := recovery.Digest(who, a.Text)
		return func(tx *store.Tx) (bool, error) { return useRecovery(tx, digest) }, err
	case a.Method == ByPassword && h.Password.There:
		right, _, err := r.Verify(ctx, h.Password, a.Text)
		return Always(right), err
	case a.Method == ByPasskey:
		key, use, err := r.Assertion(ctx, a, purpose)
		if err == nil && key.Person != who {
			err = errPasskey
		}
		return use, err
	}
	return Always(false), nil
}

func (r *Room) judgeTOTP(f factor, typed secret.Text) (Use, error) {
	code, err := totp.Canonical(typed.Reveal())
	if err != nil {
		return nil, err
	}
	plain, err := r.ring.Open(f.place(), f.sealed)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	at, right := totp.Step(secret.OfBytes(plain), code, r.clock.Now(), window)
	if !right {
		return Always(false), nil
	}
	return func(tx *store.Tx) (bool, error) { return usedFactor(tx, kindTOTP, at) }, nil
}
