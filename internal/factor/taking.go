package factor

import (
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/store"
)

// Count is how much a person signs in with. It holds no secret.
type Count struct {
	Passwords, TOTP, Passkeys int64
	RecoveryLeft              int64
}

// First reports whether there is something that a sign-in can begin with.
func (n Count) First() bool { return n.Passwords+n.Passkeys > 0 }

// Any reports whether there is anything but recovery codes.
func (n Count) Any() bool { return n.Passwords+n.Passkeys+n.TOTP > 0 }

// Taking is what an administrator takes away of how somebody signs in.
type Taking struct{ Password, TOTP, Passkeys, Recovery bool }

// None reports whether nothing is.
func (t Taking) None() bool { return t == Taking{} }

// Kinds names what is taken, for the log.
func (t Taking) Kinds() string {
	var all []string
	for _, one := range []struct {
		taken bool
		name  string
	}{{t.Password, "password"}, {t.TOTP, "totp"}, {t.Passkeys, "passkeys"}, {t.Recovery, "recovery-codes"}} {
		if one.taken {
			all = append(all, one.name)
		}
	}
	return strings.Join(all, " ")
}

// From removes it. Recovery codes stand in for TOTP and go with it.
func (t Taking) From(self *store.Tx) error {
	for _, one := range []struct {
		taken bool
		drop  func() error
	}{
		{t.Password, func() error { return dropFactor(self, kindPassword) }},
		{t.TOTP, func() error { return dropFactor(self, kindTOTP) }},
		{t.Passkeys, func() error { return dropPasskeys(self) }},
		{t.Recovery || t.TOTP, func() error { return dropRecovery(self) }},
	} {
		if !one.taken {
			continue
		}
		if err := one.drop(); err != nil {
			return err
		}
	}
	return nil
}

// Left is what remains of a count.
func (t Taking) Left(h Count) Count {
	for _, one := range []struct {
		taken bool
		n     *int64
	}{{t.Password, &h.Passwords}, {t.TOTP, &h.TOTP}, {t.Passkeys, &h.Passkeys}} {
		if one.taken {
			*one.n = 0
		}
	}
	return h
}

// TakingOf reads the names of things that shall be taken; what is none of them
// is refused.
func TakingOf(names []string) (t Taking, err error) {
	for _, name := range names {
		switch name {
		case "password":
			t.Password = true
		case "passkeys":
			t.Passkeys = true
		case "totp":
			t.TOTP = true
		case "recovery":
			t.Recovery = true
		default:
			return t, fault.New(fault.Invalid, "reset-nothing")
		}
	}
	if slices.Equal(names, nil) {
		err = fault.New(fault.Invalid, "reset-nothing")
	}
	return t, err
}

// Offered are the names of things that can be taken, for the form.
func (h Count) Offered() []string {
	var all []string
	for _, one := range []struct {
		n    int64
		name string
	}{{h.Passwords, "password"}, {h.Passkeys, "passkeys"}, {h.TOTP, "totp"}, {h.RecoveryLeft, "recovery"}} {
		if one.n > 0 {
			all = append(all, one.name)
		}
	}
	return all
}
