package signin

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// Holding counts what a person signs in with. It holds no secret.
type Holding struct {
	Passwords, TOTP, Passkeys int64
	RecoveryLeft              int64
	Tokens                    int64
	Sessions                  int64
	Failures                  int64 // wrong answers in a row
}

// Locked reports whether too many wrong answers were given.
func (h Holding) Locked() bool { return h.Failures >= MostFailures }

// first reports whether there is something that a sign-in can begin with.
func (h Holding) first() bool { return h.Passwords+h.Passkeys > 0 }

func (h Holding) any() bool { return h.Passwords+h.Passkeys+h.TOTP > 0 }

// Taking is what an administrator takes away of how somebody signs in.
type Taking struct{ Password, TOTP, Passkeys, Recovery bool }

func (t Taking) none() bool { return t == Taking{} }

// kinds names what is taken, for the log.
func (t Taking) kinds() string {
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

// from removes it. Recovery codes stand in for TOTP and go with it.
func (t Taking) from(self *store.Tx) error {
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

// left is what remains of a holding.
func (t Taking) left(h Holding) Holding {
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

// Renewal is how a person whose factors were taken gets in again: by a link in
// the mail to Mailed, or by Link, which whoever took them hands on; neither if
// they still have something to begin with.
type Renewal struct {
	Link   secret.Text
	Mailed string
	Until  time.Time
}

// mayTouch returns a member of an organization whose sign-in who acts may
// change: somebody at least as strong, with the permission there, and never
// themself (A123).
func (r *Room) mayTouch(v *store.View, by id.Principal, in id.Org, who id.Person) (org.Person, error) {
	if err := r.register.Need(v, by, in, Reset); err != nil {
		return org.Person{}, err
	}
	if _, err := org.MemberIn(v, in, who); err != nil {
		return org.Person{}, fault.New(fault.NotFound, "person-unknown").Because(err)
	}
	p, err := r.register.PersonIn(v, who)
	if err != nil {
		return p, err
	}
	if by.Person() == who {
		return p, fault.New(fault.Unmet, "reset-yourself")
	}
	return p, r.register.MayTouch(v, by, who)
}

// Holds says what a member signs in with, for who may change it.
func (r *Room) Holds(ctx context.Context, by id.Principal, in id.Org, who id.Person) (p org.Person, h Holding, err error) {
	now := r.clock.Now()
	err = r.store.Org(in).Read(ctx, func(v *store.View) (err error) {
		if p, err = r.mayTouch(v, by, in, who); err != nil {
			return err
		}
		if h, err = held(v.Self(who)); err != nil {
			return err
		}
		sessions, err := sessionsOf(v.Self(who), now)
		h.Sessions = int64(len(sessions))
		return err
	})
	return p, h, err
}

// ResetFactors takes factors of a member away and ends their sessions, tokens
// and links. Where nothing is left to begin a sign-in with, a link is made:
// mailed to the proven address, or else shown to who acts. The person and every
// other administrator of the organization are told.
func (r *Room) ResetFactors(ctx context.Context, by id.Principal, in id.Org, who id.Person, t Taking) (Renewal, error) {
	if t.none() {
		return Renewal{}, fault.New(fault.Invalid, "reset-nothing")
	}
	p, have, err := r.Holds(ctx, by, in, who)
	if err != nil {
		return Renewal{}, err
	}
	if p.State != org.Active {
		return Renewal{}, fault.New(fault.Unmet, "reset-not-active")
	}
	reset, err := r.prepareReset(ctx, by, in, p, t, t.left(have).first())
	if err != nil {
		return Renewal{}, err
	}
	err = r.store.Org(in).Write(ctx, func(tx *store.Tx) store.End {
		event, err := r.resetFactors(tx, by, in, p, reset)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
	r.sessions.clear()
	r.tokens.clear()
	return reset.Renewal, err
}

// factorsReset is a reset with all that is slow or random made already.
type factorsReset struct {
	Renewal
	taking Taking
	stays  bool // something is left to begin with
	value  secret.Text
	slip   once.Slip
	mail   []notify.Envelope
}

// said is what became of the link, for the log.
func (f factorsReset) said() string {
	switch {
	case f.stays:
		return "none"
	case f.Mailed != "":
		return "mailed"
	}
	return "shown"
}

func (r *Room) prepareReset(ctx context.Context, by id.Principal, in id.Org, p org.Person, t Taking, stays bool) (factorsReset, error) {
	all := factorsReset{taking: t, stays: stays, slip: once.Slip{Org: in, Subject: string(p.ID)}}
	o, err := r.register.Organization(ctx, in)
	if err != nil {
		return all, err
	}
	name, err := r.nameOf(ctx, by)
	if err != nil {
		return all, err
	}
	tell := notify.Message{Kind: "signin.mail.taken-by-admin", Org: in, Ref: "reset-by-admin:" + string(p.ID), By: by, Args: map[string]string{
		"by": name, "organization": o.Title, "hours": count(int64(RenewalLife / time.Hour)),
	}}
	if !stays {
		all.value, all.Until = renewLink.New(), r.clock.Now().Add(RenewalLife)
		all.Link = r.linkTo("/recover", all.value)
		if p.Verified && r.mails(p.Email) {
			tell.Kind, tell.Link, tell.Until = "signin.mail.reset-by-admin", all.Link, all.Until
			all.Mailed, all.Link = p.Email, secret.Text{}
		}
	}
	if all.slip.Payload, err = renewalPayload(in, by); err != nil {
		return all, err
	}
	if all.mail, err = r.seal(p, p.Email, tell); err != nil {
		return all, err
	}
	others, err := r.sealToAdministrators(ctx, []id.Org{in}, []id.Person{p.ID, by.Person()}, notify.Message{
		Kind: "signin.mail.told-administrators", Org: in, Ref: "reset-told:" + string(p.ID), By: by, Args: map[string]string{
			"by": name, "organization": o.Title, "person": p.DisplayName, "login": p.Login,
		},
	})
	all.mail = append(all.mail, others...)
	return all, err
}

func (r *Room) resetFactors(tx *store.Tx, by id.Principal, in id.Org, p org.Person, reset factorsReset) (store.Event, error) {
	now, err := r.mayTouch(&tx.View, by, in, p.ID)
	if err != nil {
		return store.Event{}, err
	}
	if now.State != org.Active || now.Email != p.Email || now.Verified != p.Verified {
		return store.Event{}, fault.New(fault.Conflict, "changed-meanwhile")
	}
	self := tx.Self(p.ID)
	if err := reset.taking.from(self); err != nil {
		return store.Event{}, err
	}
	have, err := held(&self.View)
	if err == nil && have.first() != reset.stays {
		err = fault.New(fault.Conflict, "changed-meanwhile")
	}
	if err != nil {
		return store.Event{}, err
	}
	sessions, err := r.endAll(tx, p.ID)
	if err != nil {
		return store.Event{}, err
	}
	tokens, err := dropTokens(self)
	if err == nil && !reset.stays {
		err = once.Mint(tx, renewLink, reset.value, reset.slip)
	}
	if err == nil {
		err = queue(tx, reset.mail)
	}
	return store.Event{Name: "factors.reset", Org: in, By: by, Target: "person:" + string(p.ID), Fields: map[string]string{
		"taken": reset.taking.kinds(), "sessions_ended": count(sessions), "tokens_ended": count(tokens),
		"link": reset.said(),
	}}, err
}

// Unlock forgets the wrong answers that were given for a member.
func (r *Room) Unlock(ctx context.Context, by id.Principal, in id.Org, who id.Person) error {
	return r.touch(ctx, by, in, who, func(tx *store.Tx) (string, map[string]string, error) {
		return "factors.unlocked", nil, forgetAttempts(tx.Self(who))
	})
}

// EndEverySession ends all sessions of a member, here and everywhere.
func (r *Room) EndEverySession(ctx context.Context, by id.Principal, in id.Org, who id.Person) error {
	err := r.touch(ctx, by, in, who, func(tx *store.Tx) (string, map[string]string, error) {
		n, err := r.EndSessions(tx, who, "")
		return "session.all-ended", map[string]string{"sessions_ended": count(n)}, err
	})
	r.sessions.clear()
	return err
}

func (r *Room) touch(ctx context.Context, by id.Principal, in id.Org, who id.Person, do func(*store.Tx) (string, map[string]string, error)) error {
	return r.store.Org(in).Write(ctx, func(tx *store.Tx) store.End {
		if _, err := r.mayTouch(&tx.View, by, in, who); err != nil {
			return store.Abort(err)
		}
		name, fields, err := do(tx)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: name, Org: in, By: by, Target: "person:" + string(who), Fields: fields})
	})
}

// EndAllSessions ends what a backup may bring back: everybody's sessions, the
// browsers that were trusted, and invitations whose links ended (A160).
// Passwords and passkeys are what they were then.
func EndAllSessions(tx *store.Tx) (int64, error) { return endAllSessions(tx) }

// EndAllTokens ends everybody's API tokens, for the same reason.
func EndAllTokens(tx *store.Tx) (int64, error) { return endAllTokens(tx) }

// offered are the things that can be taken of a holding, for the form.
func (h Holding) offered() []string {
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

// takingOf reads the names of things that shall be taken; what is none of them
// is refused.
func takingOf(names []string) (t Taking, err error) {
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
