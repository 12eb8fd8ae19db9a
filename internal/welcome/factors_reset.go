package welcome

import (
	"context"
	"time"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// Holding counts what a person signs in with, and what came of it.
type Holding struct {
	factor.Count
	Tokens   int64
	Sessions int64
	Locked   bool // too many wrong answers were given
}

// Renewal is how a person whose factors were taken gets in again: by a link in
// the mail to Mailed, or by Link, which whoever took them hands on; neither if
// they still have something to begin with.
type Renewal struct {
	Link   secret.Text
	Mailed string
	Until  time.Time
}

// Holds says what a member signs in with, for who may change it.
func (r *Room) Holds(ctx context.Context, by id.Principal, in id.Org, who id.Person) (p org.Person, h Holding, err error) {
	err = r.store.Org(in).Read(ctx, func(v *store.View) (err error) {
		if p, err = r.factors.MayTouch(v, by, in, who); err == nil {
			h, err = r.holding(v, who)
		}
		return err
	})
	return p, h, err
}

// glance is Holds for a page that only shows it, by rights as they were a moment
// ago, in three statements.
func (r *Room) glance(ctx context.Context, by id.Principal, in id.Org, who id.Person) (h Holding, err error) {
	if err = r.register.MightTouch(ctx, by, in, who); err != nil {
		return h, err
	}
	err = r.store.Org(in).Read(ctx, func(v *store.View) (err error) {
		h, err = r.holding(v, who)
		return err
	})
	return h, err
}

func (r *Room) holding(v *store.View, who id.Person) (h Holding, err error) {
	if h.Count, err = factor.CountOf(v.Self(who)); err != nil {
		return h, err
	}
	if h.Tokens, err = r.tokens.CountTokens(v, who); err != nil {
		return h, err
	}
	sessions, wrong, err := r.sessions.Standing(v, who)
	h.Sessions, h.Locked = sessions, wrong >= r.mostWrong
	return h, err
}

// ResetFactors takes factors of a member away and ends their sessions, tokens
// and links. Where nothing is left to begin a sign-in with, a link is made:
// mailed to the proven address, or else shown to who acts. The person and every
// other administrator of the organization are told.
func (r *Room) ResetFactors(ctx context.Context, by id.Principal, in id.Org, who id.Person, t factor.Taking) (Renewal, error) {
	if t.None() {
		return Renewal{}, fault.New(fault.Invalid, "reset-nothing")
	}
	reset, err := r.PrepareReset(ctx, by, in, who, t)
	if err != nil {
		return Renewal{}, err
	}
	if r.holder != nil {
		return Renewal{}, r.holder.HoldReset(ctx, by, in, who, t)
	}
	err = r.store.Org(in).Write(ctx, func(tx *store.Tx) store.End {
		event, err := r.MakeReset(tx, by, reset)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
	r.ResetMade()
	return reset.Renewal, err
}

// PrepareReset does what is slow and random of a reset, and refuses what by may
// not take. Where a second person approves resets, nobody is shown the link: it
// goes to the person by mail, or there is no reset.
func (r *Room) PrepareReset(ctx context.Context, by id.Principal, in id.Org, who id.Person, t factor.Taking) (Reset, error) {
	p, have, err := r.Holds(ctx, by, in, who)
	if err != nil {
		return Reset{}, err
	}
	if p.State != org.Active {
		return Reset{}, fault.New(fault.Unmet, "reset-not-active")
	}
	reset, err := r.prepareReset(ctx, by, in, p, t, t.Left(have.Count).First())
	if err == nil && r.holder != nil && !reset.Link.Empty() {
		err = fault.New(fault.Unmet, "reset-needs-mail", "login", p.Login)
	}
	return reset, err
}

// MakeReset makes a reset in the caller's write, as by.
func (r *Room) MakeReset(tx *store.Tx, by id.Principal, reset Reset) (store.Event, error) {
	if r.holder != nil && !tx.Lifted("reset:"+string(reset.person.ID)) {
		return store.Event{}, store.ErrHeld
	}
	return r.resetFactors(tx.Org(reset.in), by, reset.in, reset.person, reset)
}

// ResetMade is called after the commit.
func (r *Room) ResetMade() {
	r.sessions.ForgetSessions()
	r.tokens.ForgetTokens()
}

// Holder keeps resets of other people's factors from being made until a second
// person has approved it (← change).
type Holder interface {
	// HoldReset asks for it, and returns what whoever wanted it is answered.
	HoldReset(ctx context.Context, by id.Principal, in id.Org, who id.Person, t factor.Taking) error
}

// Hold has every such reset held. Call it before the house starts.
func (r *Room) Hold(h Holder) { r.holder = h }

// Reset is a reset with all that is slow or random made already.
type Reset struct {
	Renewal
	in     id.Org
	person org.Person
	taking factor.Taking
	stays  bool // something is left to begin with
	value  secret.Text
	slip   once.Slip
	mail   []notify.Envelope
}

// said is what became of the link, for the log.
func (f Reset) said() string {
	switch {
	case f.stays:
		return "none"
	case f.Mailed != "":
		return "mailed"
	}
	return "shown"
}

func (r *Room) prepareReset(ctx context.Context, by id.Principal, in id.Org, p org.Person, t factor.Taking, stays bool) (Reset, error) {
	all := Reset{in: in, person: p, taking: t, stays: stays, slip: once.Slip{Org: in, Subject: string(p.ID)}}
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

func (r *Room) resetFactors(tx *store.Tx, by id.Principal, in id.Org, p org.Person, reset Reset) (store.Event, error) {
	now, err := r.factors.MayTouch(&tx.View, by, in, p.ID)
	if err != nil {
		return store.Event{}, err
	}
	if now.State != org.Active || now.Email != p.Email || now.Verified != p.Verified {
		return store.Event{}, fault.New(fault.Conflict, "changed-meanwhile")
	}
	self := tx.Self(p.ID)
	if err := reset.taking.From(self); err != nil {
		return store.Event{}, err
	}
	have, err := factor.CountOf(&self.View)
	if err == nil && have.First() != reset.stays {
		err = fault.New(fault.Conflict, "changed-meanwhile")
	}
	if err != nil {
		return store.Event{}, err
	}
	sessions, err := r.endAll(tx, p.ID)
	if err != nil {
		return store.Event{}, err
	}
	tokens, err := r.tokens.EndTokens(tx, p.ID)
	if err == nil && !reset.stays {
		err = once.Mint(tx, renewLink, reset.value, reset.slip)
	}
	if err == nil {
		err = queue(tx, reset.mail)
	}
	return store.Event{Name: "factors.reset", Org: in, By: by, Target: "person:" + string(p.ID), Fields: map[string]string{
		"taken": reset.taking.Kinds(), "sessions_ended": count(sessions), "tokens_ended": count(tokens),
		"link": reset.said(),
	}}, err
}
