package welcome

import (
	"context"
	"encoding/json"
	"errors"
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

// InvitationLife is how long an invitation can be accepted.
const InvitationLife = 7 * 24 * time.Hour

// invitation is the value in the link that asks somebody in. Used ones are
// known for as long, so that who comes twice is told so.
var invitation = once.Declare(once.Kind{Name: "invitation", Life: InvitationLife, Size: 32})

// byInvitation is how a new person gets their first session.
var byInvitation = admit.Declare(admit.Path{Name: "invitation", Exempt: map[admit.State]string{
	admit.PersonLocked:       "the first factor is made in the same write; nobody could guess yet",
	admit.ClientDisabled:     "no client takes part",
	admit.ConsentRevoked:     "no consent takes part",
	admit.SessionRevoked:     "it begins a session and comes from none",
	admit.DeviceLost:         "there are no registered devices yet",
	admit.PasswordMustChange: "the first factor is made in the same write",
}})

// invitationSubject owns the invitations of one person into one organization:
// a new one ends the older ones.
func invitationSubject(to id.Org, who id.Person) string {
	return "invitation:" + string(to) + ":" + string(who)
}

// invitedTo is what the redemption of an invitation needs to know.
type invitedTo struct {
	Person id.Person `json:"person"`
	// Email is where the link was sent, "" if it was handed on: who uses it
	// has shown that mail there arrives at them.
	Email string `json:"email,omitempty"`
}

func invitationRef(who id.Person) string { return "invitation:" + string(who) }

// Prepare makes the links and mails of invitations into an organization,
// outside of any write. Each draft's Write belongs into the write that adds the
// person, or that asks them again; the link before counts no more then. Who
// acts must be allowed to by the caller.
func (r *Room) Prepare(ctx context.Context, by id.Principal, to org.Organization, who []org.Person) ([]org.Draft, error) {
	name, err := r.nameOf(ctx, by)
	if err != nil {
		return nil, err
	}
	drafts := make([]org.Draft, len(who))
	for i, p := range who {
		if drafts[i], err = r.prepare(by, name, to, p); err != nil {
			return nil, err
		}
	}
	return drafts, nil
}

func (r *Room) prepare(by id.Principal, name string, to org.Organization, p org.Person) (org.Draft, error) {
	value, now := invitation.New(), r.clock.Now()
	link := r.linkTo("/welcome", value)
	if p.DisplayName == "" {
		p.DisplayName = p.Name()
	}
	mail, err := r.seal(p, p.Email, notify.Message{
		Kind: "signin.mail.invitation", Link: link, Org: to.ID, Ref: invitationRef(p.ID), By: by, Until: now.Add(InvitationLife),
		Args: map[string]string{"organization": to.Title, "by": name, "days": strconv.Itoa(int(InvitationLife / (24 * time.Hour)))},
	})
	if err != nil {
		return org.Draft{}, err
	}
	row := invited{org: to.ID, person: p.ID, by: by, made: now, ends: now.Add(InvitationLife)}
	slip := once.Slip{Org: to.ID, Subject: invitationSubject(to.ID, p.ID)}
	payload := invitedTo{Person: p.ID}
	draft := org.Draft{Link: link}
	if len(mail) > 0 {
		row.message, payload.Email, draft.Link = string(mail[0].ID()), p.Email, secret.Text{}
	}
	if slip.Payload, err = json.Marshal(payload); err != nil {
		return org.Draft{}, err
	}
	draft.Write = func(tx *store.Tx) (store.Event, error) { return invite(tx, row, value, slip, mail) }
	return draft, nil
}

func invite(tx *store.Tx, row invited, value secret.Text, slip once.Slip, mail []notify.Envelope) (store.Event, error) {
	before, err := once.Revoke(tx, slip.Subject, invitation)
	if err != nil {
		return store.Event{}, err
	}
	if err := once.Mint(tx, invitation, value, slip); err != nil {
		return store.Event{}, err
	}
	if err := putInvitation(tx.Org(row.org), row); err != nil {
		return store.Event{}, err
	}
	event := store.Event{Name: "invitation.made", Org: row.org, By: row.by, Target: "person:" + string(row.person), Fields: map[string]string{
		"until": row.ends.Format(time.RFC3339), "mailed": strconv.FormatBool(len(mail) > 0), "links_ended": count(before),
	}}
	return event, queue(tx, mail)
}

// Invitations says what became of the invitations of some people into an
// organization; who was never invited is missing. A mail that the relay refused
// is said with its reason.
func (r *Room) Invitations(ctx context.Context, to id.Org, who []id.Person) (map[id.Person]org.Invitation, error) {
	var rows []invited
	err := r.store.Org(to).Read(ctx, func(v *store.View) (err error) {
		rows, err = invitationsOf(v, who)
		return err
	})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	refs := make([]string, len(rows))
	for i, row := range rows {
		refs[i] = invitationRef(row.person)
	}
	deliveries, err := r.post.Deliveries(ctx, to, refs...)
	found, now := map[id.Person]org.Invitation{}, r.clock.Now()
	for _, row := range rows {
		delivery, mailed := deliveries[invitationRef(row.person)]
		found[row.person] = row.state(delivery, mailed && row.message != "", now)
	}
	return found, err
}

// state is where an invitation stands.
func (i invited) state(d notify.Delivery, mailed bool, now time.Time) org.Invitation {
	all := org.Invitation{State: org.InvitationMade, At: i.made, Until: i.ends}
	switch {
	case !i.accepted.IsZero():
		all.State, all.At = org.InvitationAccepted, i.accepted
	case mailed && d.Failed():
		all.State, all.At, all.Reason = org.InvitationRefused, d.At, d.Answer.Text
		if all.Reason == "" {
			all.Reason = d.Why
		}
	case !now.Before(i.ends):
		all.State, all.At = org.InvitationOver, i.ends
	case mailed && d.State == notify.Sent:
		all.State, all.At = org.InvitationSent, d.At
	}
	return all
}

// Welcome is an invitation as its page shows it.
type Welcome struct {
	Person       org.Person
	Organization org.Organization
	By           string // name of who invited
	Until        time.Time
	email        string
}

// Invited says what a link leads into. It consumes nothing.
func (r *Room) Invited(ctx context.Context, value secret.Text) (w Welcome, err error) {
	var by id.Principal
	err = r.lookUp(ctx, func(v *store.View) error {
		found, err := once.Peek(v, invitation, value)
		if err != nil {
			return linkFault(err, "invitation-invalid")
		}
		if w.Person, w.email, err = r.invitedPerson(v, found); err != nil {
			return err
		}
		w.Until = found.Until
		by, err = invitationBy(v.Org(found.Org), w.Person.ID)
		w.Organization.ID = found.Org
		return err
	})
	if err != nil {
		return w, err
	}
	if w.Organization, err = r.register.Organization(ctx, w.Organization.ID); err != nil {
		return w, invitationFault(err)
	}
	if w.Organization.State != org.Active {
		return w, fault.New(fault.Unmet, "invitation-invalid")
	}
	w.By, err = r.nameOf(ctx, by)
	return w, err
}

// invitedPerson is who an invitation is for, if it still counts: the person is
// there, not disabled, and has the address to which the link was sent.
func (r *Room) invitedPerson(v *store.View, found once.Found) (p org.Person, email string, err error) {
	var to invitedTo
	if err := json.Unmarshal(found.Payload, &to); err != nil {
		return p, "", err
	}
	p, err = r.register.PersonIn(v, to.Person)
	if err != nil {
		return p, "", invitationFault(err)
	}
	moved := to.Email != "" && org.EmailFold(to.Email) != org.EmailFold(p.Email)
	if p.State != org.Invited && p.State != org.Active || moved {
		return p, "", fault.New(fault.Unmet, "invitation-invalid")
	}
	return p, to.Email, nil
}

// invitationFault lets a link whose person or organization is gone be one that
// does not count.
func invitationFault(err error) error {
	if f := fault.As(err); f != nil && f.Kind == fault.NotFound {
		return fault.New(fault.Unmet, "invitation-invalid").Because(err)
	}
	return err
}

// named takes over what a new person says of themself.
func (w Welcome) named(said org.Person) org.Person {
	p := w.Person
	p.FamilyName, p.GivenName, p.Reading, p.Locale, p.DisplayName = said.FamilyName, said.GivenName, said.Reading, said.Locale, ""
	if p.FamilyName+p.GivenName == "" {
		p.DisplayName = w.Person.DisplayName
	} else {
		p.DisplayName = p.Name()
	}
	return p
}

// CheckWelcome says what is wrong with the names of a new person, and writes
// nothing.
func (r *Room) CheckWelcome(ctx context.Context, value secret.Text, said org.Person) (org.Person, error) {
	w, err := r.Invited(ctx, value)
	if err != nil {
		return org.Person{}, err
	}
	if w.Person.State != org.Invited {
		return org.Person{}, fault.New(fault.Unmet, "invitation-signin-first")
	}
	p := w.named(said)
	err = r.store.Self(p.ID).Write(ctx, func(tx *store.Tx) store.End {
		found, err := once.Peek(&tx.View, invitation, value)
		if err == nil {
			err = r.stillInvited(&tx.View, found)
		}
		if err != nil {
			return store.Abort(linkFault(err, "invitation-invalid"))
		}
		_, err = r.register.PutPerson(tx, id.OfPerson(p.ID), p)
		return store.Abort(errors.Join(err, errFine))
	})
	if f := fault.As(err); f != nil {
		return p, f
	}
	if errors.Is(err, errFine) {
		return p, nil
	}
	return p, err
}

// stillInvited refuses an invitation whose person has accepted another one.
func (r *Room) stillInvited(v *store.View, found once.Found) error {
	p, _, err := r.invitedPerson(v, found)
	if err == nil && p.State != org.Invited {
		err = fault.New(fault.Unmet, "invitation-signin-first")
	}
	return err
}

// BeginWelcome begins making a new person's passkey.
func (r *Room) BeginWelcome(ctx context.Context, value secret.Text, said org.Person) (factor.Ceremony, error) {
	p, err := r.CheckWelcome(ctx, value, said)
	if err != nil {
		return factor.Ceremony{}, err
	}
	w, err := r.Invited(ctx, value)
	if err != nil {
		return factor.Ceremony{}, err
	}
	wish, err := r.wishIn(ctx, w.Organization.ID)
	if err != nil {
		return factor.Ceremony{}, err
	}
	return r.factors.BeginFirst("invitation", value, p, wish)
}

// Accept makes an invited person active with names and a first factor of their
// own, and begins their first session, in one write that consumes the link.
func (r *Room) Accept(ctx context.Context, value secret.Text, said org.Person, first factor.First, in Where) (Opening, error) {
	p, err := r.CheckWelcome(ctx, value, said)
	if err != nil {
		return Opening{}, err
	}
	w, err := r.Invited(ctx, value)
	if err != nil {
		return Opening{}, err
	}
	wish, err := r.wishIn(ctx, w.Organization.ID)
	if err != nil {
		return Opening{}, err
	}
	names := []string{w.Organization.Name, w.Organization.Title}
	made, err := r.factors.MakeFirst(ctx, "invitation", value, p, first, names, wish)
	if err != nil {
		return Opening{}, err
	}
	o, err := r.sessions.Prepare(ctx, Beginning{
		Person: p.ID, Proofs: r.factors.ProofsOf(made, factor.ByInvite), Browser: in.Browser, Source: in.Source, In: w.Organization.ID,
	})
	if err != nil {
		return Opening{}, err
	}
	err = r.store.Self(p.ID).Write(ctx, func(tx *store.Tx) store.End {
		events, err := r.accept(tx, value, p, made, o)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(events[0], events[1:]...)
	})
	r.register.Forget()
	return o, err
}

func (r *Room) accept(tx *store.Tx, value secret.Text, p org.Person, made factor.Made, o Opening) ([]store.Event, error) {
	found, err := once.Redeem(tx, invitation, value, "")
	if err != nil {
		return nil, linkFault(err, "invitation-invalid")
	}
	now, email, err := r.invitedPerson(&tx.View, found)
	if err != nil {
		return nil, err
	}
	if now.ID != p.ID || now.State != org.Invited {
		return nil, fault.New(fault.Unmet, "invitation-signin-first")
	}
	by := id.OfPerson(p.ID)
	changed, err := r.register.PutPerson(tx, by, p)
	if err != nil {
		return nil, err
	}
	if _, err := r.register.Accept(tx, p.ID); err != nil {
		return nil, err
	}
	if email != "" {
		if err := r.register.Verify(tx, p.ID, email); err != nil {
			return nil, err
		}
	}
	if err := r.factors.PutFirst(tx, p.ID, made); err != nil {
		return nil, err
	}
	if err := acceptedInvitation(tx.Org(found.Org), p.ID); err != nil {
		return nil, err
	}
	begun, err := o.Open(tx, byInvitation)
	if err != nil {
		return nil, linkIssue(err, "invitation-invalid")
	}
	done := store.Event{Name: "invitation.accepted", Org: found.Org, By: by, Target: string(by), Fields: map[string]string{"method": string(made.Method)}}
	return []store.Event{done, changed, begun}, nil
}

// linkIssue says a refusal of the gate in the words of the link, and keeps it
// for the log.
func linkIssue(err error, code string) error {
	if f := fault.As(err); f != nil && f.Kind == fault.Forbidden {
		return fault.New(fault.Unmet, code).Because(err)
	}
	return err
}

// AcceptAs accepts an invitation with an account that stands already: their
// own, or, where nobody knew of it, in the place of the one that was made for
// the invitation. Both sides are proven: the link and the session (A051).
func (r *Room) AcceptAs(ctx context.Context, value secret.Text, who id.Person) (id.Org, error) {
	var in id.Org
	err := r.store.Self(who).Write(ctx, func(tx *store.Tx) store.End {
		found, err := once.Redeem(tx, invitation, value, "")
		if err != nil {
			return store.Abort(linkFault(err, "invitation-invalid"))
		}
		in = found.Org
		events, err := r.acceptAs(tx, found, who)
		if err != nil {
			return store.Abort(err)
		}
		by := id.OfPerson(who)
		done := store.Event{Name: "invitation.accepted", Org: found.Org, By: by, Target: string(by), Fields: map[string]string{"method": "session"}}
		return store.Done(done, events...)
	})
	r.register.Forget()
	return in, err
}

func (r *Room) acceptAs(tx *store.Tx, found once.Found, who id.Person) ([]store.Event, error) {
	p, email, err := r.invitedPerson(&tx.View, found)
	if err != nil {
		return nil, err
	}
	switch {
	case p.ID == who && p.State == org.Active:
		return r.enterAs(tx, found.Org, who, email)
	case p.State == org.Invited && r.join != nil:
		if err := acceptedInvitation(tx.Org(found.Org), p.ID); err != nil {
			return nil, err
		}
		return r.join(tx, p.ID, who)
	case p.State == org.Invited:
		return nil, fault.New(fault.Unmet, "invitation-not-yours")
	}
	return nil, fault.New(fault.Unmet, "invitation-not-yours")
}

// enterAs makes the membership of somebody who has an account active.
func (r *Room) enterAs(tx *store.Tx, in id.Org, who id.Person, email string) ([]store.Event, error) {
	if err := acceptedInvitation(tx.Org(in), who); err != nil {
		return nil, err
	}
	if email != "" {
		if err := r.register.Verify(tx, who, email); err != nil {
			return nil, err
		}
	}
	m, err := org.MemberIn(&tx.View, in, who)
	if err != nil || m.State == org.Active {
		return nil, invitationFault(err)
	}
	m.State = org.Active
	event, err := r.register.SetMember(tx, id.System("invitation"), m)
	event.By = id.OfPerson(who)
	return []store.Event{event}, err
}

// Where is the browser in which a link is used.
type Where struct {
	Browser string
	Source  string
}

// Open counts the invitations of a person that wait for an answer.
func (r *Room) Open(ctx context.Context, who id.Person) (n int64, err error) {
	now := r.clock.Now()
	err = r.store.Self(who).Read(ctx, func(v *store.View) (err error) {
		n, err = openInvitations(v, now)
		return err
	})
	return n, err
}
