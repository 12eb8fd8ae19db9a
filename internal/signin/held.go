package signin

import (
	"context"
	"strconv"
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
	Sessions     int
	Tokens       []Token
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
	sessions, err := sessionsOf(v, v.Now())
	if err != nil {
		return h, err
	}
	h.Sessions = len(sessions)
	h.Tokens, err = tokensOf(v)
	return h, err
}

// EndOtherSessions ends every session of a person but one ("" for none), and
// says how many there were.
func (r *Room) EndOtherSessions(ctx context.Context, by id.Principal, who id.Person, but string) (ended int64, err error) {
	err = r.change(ctx, who, func(tx *store.Tx) (store.Event, error) {
		ended, err = deleteSessions(tx, but)
		return happened("session.ended", by, who, map[string]string{"sessions": strconv.FormatInt(ended, 10)}), err
	})
	return ended, err
}

// SessionsIn lists the sessions in which a member acts in an organization or
// has not chosen one yet, for its administrators: where else they act is not
// theirs to see (R4). NotFound member-unknown for who is no member.
func (r *Room) SessionsIn(ctx context.Context, in id.Org, who id.Person) ([]Session, error) {
	if _, err := r.register.Member(ctx, in, who); err != nil {
		return nil, err
	}
	all, err := r.Sessions(ctx, who)
	var seen []Session
	for _, s := range all {
		if s.Org == in || s.Org == "" {
			seen = append(seen, s)
		}
	}
	return seen, err
}

// EndSessionIn ends one of SessionsIn; who acts must be as strong as the
// member.
func (r *Room) EndSessionIn(ctx context.Context, by id.Principal, in id.Org, who id.Person, session string) error {
	seen, err := r.SessionsIn(ctx, in, who)
	if err != nil {
		return err
	}
	err = r.store.Self(who).Read(ctx, func(v *store.View) error { return r.register.MayTouch(v, by, who) })
	if err != nil {
		return err
	}
	for _, s := range seen {
		if s.ID == session {
			return r.EndSession(ctx, by, who, session)
		}
	}
	return fault.New(fault.NotFound, "session-unknown")
}
