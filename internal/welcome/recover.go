package welcome

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/admit"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// The lives of the links that let somebody choose a first factor anew.
const (
	RecoveryLife = 30 * time.Minute // made on the machine itself
	RenewalLife  = 24 * time.Hour   // made by an administrator who took factors away
)

// recoverLink is the value in the link of `sekisho admin recover`, renewLink
// that of an administrator's reset.
var (
	recoverLink = once.Declare(once.Kind{Name: "recover-link", Life: RecoveryLife, Size: 32})
	renewLink   = once.Declare(once.Kind{Name: "renew-link", Life: RenewalLife, Size: 32})
)

// byRecoverLink is how such a link yields a first factor, and a session where that
// factor is all that the person has.
var byRecoverLink = admit.Declare(admit.Path{Name: "recovery link", Exempt: map[admit.State]string{
	admit.PersonLocked:         "wrong answers of strangers lock what can be guessed; the link cannot be guessed, and is the way out",
	admit.PasswordMustChange:   "it is what changes it",
	admit.SessionRevoked:       "it comes from no session",
	admit.OrganizationDisabled: "it enters no organization",
	admit.MemberRemoved:        "it enters no organization",
	admit.ClientDisabled:       "no client takes part",
	admit.ConsentRevoked:       "no consent takes part",
	admit.DeviceLost:           "there are no registered devices yet",
}})

// RecoverPermission is held by processes of the machine alone: no role has it,
// and over the network it does not exist.
const RecoverPermission = "signin.recover"

// RecoverLink is a link for somebody who cannot get in any more.
type RecoverLink struct {
	Link   secret.Text
	Person org.Person
	Until  time.Time
	Told   int // mails that tell of it
}

// MakeRecoverLink makes the link by which a person replaces everything they sign in
// with. Only a process of the machine may. The person and every other
// administrator of their organizations are told.
func (r *Room) MakeRecoverLink(ctx context.Context, by id.Principal, login string) (RecoverLink, error) {
	if by.Kind() != id.KindLocal {
		return RecoverLink{}, fault.New(fault.Forbidden, "not-permitted", "permission", RecoverPermission)
	}
	p, in, err := r.whoIsLocked(ctx, login)
	if err != nil {
		return RecoverLink{}, err
	}
	value := recoverLink.New()
	all := RecoverLink{Link: r.linkTo("/recover", value), Person: p, Until: r.clock.Now().Add(RecoveryLife)}
	told, err := r.tellRecovery(ctx, by, p, in)
	if err != nil {
		return RecoverLink{}, err
	}
	all.Told = len(told)
	err = r.store.Self(p.ID).Write(ctx, func(tx *store.Tx) store.End {
		now, err := r.register.PersonIn(&tx.View, p.ID)
		if err == nil {
			err = recoverable(now, login)
		}
		if err == nil {
			_, err = once.Revoke(tx, string(p.ID), recoverLink, renewLink)
		}
		if err == nil {
			err = once.Mint(tx, recoverLink, value, once.Slip{Subject: string(p.ID)})
		}
		if err == nil {
			err = queue(tx, told)
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: "admin.recover-link-made", By: by, Target: "person:" + string(p.ID), Fields: map[string]string{
			"login": p.Login, "until": all.Until.Format(time.RFC3339), "told": strconv.Itoa(all.Told),
		}})
	})
	return all, err
}

func (r *Room) whoIsLocked(ctx context.Context, login string) (p org.Person, in []id.Org, err error) {
	err = r.lookUp(ctx, func(v *store.View) (err error) {
		p, err = r.register.LoginOf(v, login)
		if fault.As(err) != nil {
			return fault.New(fault.NotFound, "recover-unknown", "login", login)
		}
		if err == nil {
			err = recoverable(p, login)
		}
		if err == nil {
			in, err = r.register.OrgsOf(v, p.ID)
		}
		return err
	})
	return p, in, err
}

// recoverable refuses who could not sign in with a new factor either.
func recoverable(p org.Person, login string) error {
	switch p.State {
	case org.Active:
		return nil
	case org.Disabled:
		return fault.New(fault.Unmet, "recover-disabled", "login", p.Login)
	case org.Invited:
		return fault.New(fault.Unmet, "recover-invited", "login", p.Login)
	}
	return fault.New(fault.NotFound, "recover-unknown", "login", login)
}

func (r *Room) tellRecovery(ctx context.Context, by id.Principal, p org.Person, in []id.Org) ([]notify.Envelope, error) {
	args := func() map[string]string {
		return map[string]string{"person": p.DisplayName, "login": p.Login, "minutes": minutes(RecoveryLife)}
	}
	told, err := r.seal(p, p.Email, notify.Message{Kind: "signin.mail.recover", Ref: "recover:" + string(p.ID), By: by, Args: args()})
	if err != nil {
		return nil, err
	}
	others, err := r.sealToAdministrators(ctx, in, []id.Person{p.ID}, notify.Message{
		Kind: "signin.mail.recover-told", Ref: "recover-told:" + string(p.ID), By: by, Args: args(),
	})
	return append(told, others...), err
}

// renewing is a link of either kind, looked at.
type renewing struct {
	kind   once.Kind
	person org.Person
	until  time.Time
	all    bool // everything else that the person signs in with goes
}

// RecoverOpen says for whom a link counts. It consumes nothing.
func (r *Room) RecoverOpen(ctx context.Context, value secret.Text) (org.Person, error) {
	var w renewing
	err := r.lookUp(ctx, func(v *store.View) (err error) {
		w, err = r.renewing(v, value)
		return err
	})
	return w.person, err
}

func (r *Room) renewing(v *store.View, value secret.Text) (w renewing, err error) {
	w = renewing{kind: recoverLink, all: true}
	found, err := once.Peek(v, recoverLink, value)
	if fault.As(err) != nil {
		w = renewing{kind: renewLink}
		found, err = once.Peek(v, renewLink, value)
	}
	if err != nil {
		return w, linkFault(err, "recover-link-invalid")
	}
	w.until = found.Until
	w.person, err = r.register.PersonIn(v, id.Person(found.Subject))
	if err == nil && w.person.State != org.Active {
		err = fault.New(fault.Unmet, "recover-link-invalid")
	}
	return w, err
}

// BeginRecovery begins making the new passkey.
func (r *Room) BeginRecovery(ctx context.Context, value secret.Text) (factor.Ceremony, error) {
	p, err := r.RecoverOpen(ctx, value)
	if err != nil {
		return factor.Ceremony{}, err
	}
	return r.factors.BeginFirst("recover", value, p, factor.PasskeyWish{})
}

// Recover writes the new first factor and consumes the link. Sessions, tokens
// and links of the person end. A session begins where the new factor is all
// that the person has (begun); else they sign in with all of them.
func (r *Room) Recover(ctx context.Context, value secret.Text, first factor.First, in Where) (o Opening, begun bool, err error) {
	p, err := r.RecoverOpen(ctx, value)
	if err != nil {
		return o, false, err
	}
	names, err := r.namesAround(ctx, p.ID)
	if err != nil {
		return o, false, err
	}
	made, err := r.factors.MakeFirst(ctx, "recover", value, p, first, names, factor.PasskeyWish{})
	if err != nil {
		return o, false, err
	}
	by := id.OfPerson(p.ID)
	told, err := r.changed(p, by)
	if err != nil {
		return o, false, err
	}
	o, err = r.sessions.Prepare(ctx, Beginning{
		Person: p.ID, Proofs: r.factors.ProofsOf(made, factor.ByRecoverLink), Browser: in.Browser, Source: in.Source, Home: true,
	})
	if err != nil {
		return o, false, err
	}
	err = r.store.Self(p.ID).Write(ctx, func(tx *store.Tx) store.End {
		var events []store.Event
		if events, begun, err = r.recover(tx, value, p.ID, made, o); err == nil {
			err = queue(tx, told)
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(events[0], events[1:]...)
	})
	r.sessions.ForgetSessions()
	r.tokens.ForgetTokens()
	return o, begun && err == nil, err
}

func (r *Room) recover(tx *store.Tx, value secret.Text, who id.Person, made factor.Made, o Opening) (events []store.Event, begun bool, err error) {
	w, err := r.renewing(&tx.View, value)
	if err != nil {
		return nil, false, err
	}
	if _, err := once.Redeem(tx, w.kind, value, ""); err != nil {
		return nil, false, linkFault(err, "recover-link-invalid")
	}
	self := tx.Self(who)
	if err := r.gate.MayIssue(&self.View, admit.Ask{Path: byRecoverLink, Person: who, Known: true}); err != nil {
		return nil, false, linkIssue(err, "recover-link-invalid")
	}
	if w.all {
		if err := everything.From(self); err != nil {
			return nil, false, err
		}
	}
	have, err := factor.CountOf(&self.View)
	if err != nil {
		return nil, false, err
	}
	if err := r.factors.PutFirst(tx, who, made); err != nil {
		return nil, false, err
	}
	sessions, err := r.endAll(tx, who)
	if err != nil {
		return nil, false, err
	}
	tokens, err := r.tokens.EndTokens(tx, who)
	if err != nil {
		return nil, false, err
	}
	by := id.OfPerson(who)
	events = []store.Event{{Name: "factors.renewed", By: by, Target: string(by), Fields: map[string]string{
		"method": string(made.Method), "link": w.kind.Name, "sessions_ended": count(sessions), "tokens_ended": count(tokens),
	}}}
	if have.Any() {
		return events, false, nil
	}
	opened, err := o.Open(tx, byRecoverLink)
	return append(events, opened), true, err
}

// everything is what a recovery link of the machine replaces.
var everything = factor.Taking{Password: true, TOTP: true, Passkeys: true, Recovery: true}

// renewalOf is what an administrator's link says of itself.
type renewalOf struct {
	Org id.Org       `json:"org"`
	By  id.Principal `json:"by"`
}

func renewalPayload(in id.Org, by id.Principal) ([]byte, error) {
	return json.Marshal(renewalOf{in, by})
}
