package factor

import (
	"context"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Held is what a person signs in with, as they see it.
type Held struct {
	Password     bool
	PasswordAt   time.Time
	MustChange   bool
	Short        bool // the password must not be the only factor
	TOTP         bool
	TOTPAt       time.Time
	TOTPUsed     time.Time // zero: never
	Passkeys     []Passkey
	RecoveryLeft int
	RecoveryAll  int
	PasskeysOff  *fault.Fault // why there are none in this house; nil: there are
}

// Held reads what a person signs in with.
func (r *Room) Held(ctx context.Context, who id.Person) (h Held, err error) {
	err = r.store.Self(who).Read(ctx, func(v *store.View) error {
		h, err = heldOf(v)
		return err
	})
	h.PasskeysOff = r.passkeysOff
	return h, err
}

// heldOf reads it in a person's own view.
func heldOf(v *store.View) (h Held, err error) {
	pw, has, err := factorOf(v, kindPassword)
	if err != nil {
		return h, err
	}
	h.Password, h.PasswordAt, h.MustChange, h.Short = has, pw.created, pw.mustChange, pw.short
	otp, has, err := factorOf(v, kindTOTP)
	if err != nil {
		return h, err
	}
	h.TOTP, h.TOTPAt, h.TOTPUsed = has, otp.created, otp.used
	if h.Passkeys, err = passkeysOf(v); err != nil {
		return h, err
	}
	left, all, err := recoveryLeft(v)
	if err != nil {
		return h, err
	}
	h.RecoveryLeft, h.RecoveryAll = int(left), int(all)
	return h, nil
}
