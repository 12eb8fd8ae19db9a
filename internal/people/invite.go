package people

import (
	"context"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/people/arrive"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// Newcomer is somebody to be asked into an organization.
type Newcomer struct {
	Person  org.Person // ID, State and Created are made
	Roles   []id.Role  // none: User
	Manager id.Person
	Groups  []id.Group
}

// Invited is who was asked in; Link is to be handed on where no mail is sent.
type Invited struct {
	Person id.Person
	Link   secret.Text
}

// errNoInvitations is said where the room was given no Inviter.
var errNoInvitations = fault.New(fault.Unmet, "invitations-unavailable")

// Invite adds a person as invited, makes them a member and sends the link, all
// in one write.
func (r *Room) Invite(ctx context.Context, by id.Principal, to id.Org, n Newcomer) (Invited, error) {
	if r.inviter == nil {
		return Invited{}, errNoInvitations
	}
	if n.Person.Email == "" {
		return Invited{}, withField(fault.New(fault.Invalid, "person-invalid"), "email", "field-required")
	}
	e := r.entry(to, n, org.Invited)
	draft, err := r.prepare(ctx, by, to, e.person)
	if err != nil {
		return Invited{}, err
	}
	err = r.write(ctx, r.store.Org(to), func(tx *store.Tx) ([]store.Event, error) {
		// First, so that who may not does not learn whether a login is taken.
		if err := r.org.Need(&tx.View, by, to, org.PeopleWrite); err != nil {
			return nil, err
		}
		return r.enter(tx, by, e, draft)
	})
	if err != nil {
		return Invited{}, r.orHold(ctx, err, arrive.Newcomer, to, arrive.Kept{By: by, Person: e.person, Fresh: true, Member: e.member, Groups: e.groups})
	}
	return Invited{e.person.ID, draft.Link}, nil
}

// prepare makes the invitation of one person into an organization that is there.
func (r *Room) prepare(ctx context.Context, by id.Principal, to id.Org, who org.Person) (org.Draft, error) {
	o, err := r.org.Organization(ctx, to)
	if err != nil {
		return org.Draft{}, err
	}
	drafts, err := r.inviter.Prepare(ctx, by, o, []org.Person{who})
	if err != nil {
		return org.Draft{}, err
	}
	return drafts[0], nil
}

// withField says which field a fault is about.
func withField(f *fault.Fault, path, code string, pairs ...any) *fault.Fault {
	var bad fault.Checks
	bad.Add(path, code, pairs...)
	f.Fields = bad.Fault("person-invalid").Fields
	return f
}

// entry is a person on the way in, with everything that must not be made inside
// of a transaction.
type entry struct {
	person org.Person
	member org.Member
	groups []id.Group
	hash   secret.Text // of a password that comes along
}

func (r *Room) entry(to id.Org, n Newcomer, state org.State) entry {
	now := r.clock.Now().UTC().Truncate(time.Microsecond)
	n.Person.ID, n.Person.State, n.Person.Created, n.Person.Verified = id.New[id.Person](now), state, now, false
	if len(n.Roles) == 0 {
		n.Roles = []id.Role{org.User}
	}
	return entry{person: n.Person, member: org.Member{Org: to, Person: n.Person.ID, Roles: n.Roles, Manager: n.Manager}, groups: n.Groups}
}

// enter adds the person, the membership and, with a draft, the invitation.
func (r *Room) enter(tx *store.Tx, by id.Principal, e entry, draft org.Draft) ([]store.Event, error) {
	added, err := r.org.AddPerson(tx, by, e.person)
	if err != nil {
		return nil, err
	}
	member, err := r.org.SetMember(tx, by, e.member)
	if err != nil {
		return nil, err
	}
	events := []store.Event{added, member}
	if !e.hash.Empty() {
		if err := r.passwords.Import(tx, e.person.ID, e.hash); err != nil {
			return nil, err
		}
	}
	more, err := r.join(tx, by, e.member.Org, e.person.ID, e.groups)
	if err != nil {
		return nil, err
	}
	events = append(events, more...)
	if draft.Write != nil {
		sent, err := draft.Write(tx)
		if err != nil {
			return nil, err
		}
		events = append(events, sent)
	}
	return events, nil
}

// join puts somebody into groups.
func (r *Room) join(tx *store.Tx, by id.Principal, in id.Org, who id.Person, groups []id.Group) ([]store.Event, error) {
	if len(groups) == 0 {
		return nil, nil
	}
	all, err := org.AllGroups(&tx.View, in)
	var events []store.Event
	for _, g := range all {
		if err != nil || !slices.Contains(groups, g.ID) || slices.Contains(g.Members, who) {
			continue
		}
		var event store.Event
		g.Members = append(g.Members, who)
		event, err = r.org.SetGroup(tx, by, g)
		events = append(events, event)
	}
	return events, err
}

// InviteAgain sends a new link to somebody who has not accepted yet; the link
// before counts no more.
func (r *Room) InviteAgain(ctx context.Context, by id.Principal, to id.Org, who id.Person) (Invited, error) {
	if r.inviter == nil {
		return Invited{}, errNoInvitations
	}
	p, err := r.org.Person(ctx, who)
	if err != nil {
		return Invited{}, err
	}
	draft, err := r.prepare(ctx, by, to, p)
	if err != nil {
		return Invited{}, err
	}
	err = r.write(ctx, r.store.Org(to), func(tx *store.Tx) ([]store.Event, error) {
		if now, err := r.waiting(tx, by, to, who); err != nil || now.Email != p.Email {
			return nil, orChanged(err)
		}
		if !draft.Link.Empty() {
			if err := r.org.MayHandOn(&tx.View, by, who); err != nil {
				return nil, err
			}
		}
		event, err := draft.Write(tx)
		return []store.Event{event}, err
	})
	return Invited{who, draft.Link}, err
}

// orChanged says that the person changed while the mail was written.
func orChanged(err error) error {
	if err != nil {
		return err
	}
	return fault.New(fault.Conflict, "changed-meanwhile")
}

// waiting is an invited person of the organization, for who may ask them in:
// whoever holds the link becomes them, so the strongest of what they would be
// counts.
func (r *Room) waiting(tx *store.Tx, by id.Principal, to id.Org, who id.Person) (org.Person, error) {
	if err := r.org.Need(&tx.View, by, to, org.PeopleWrite); err != nil {
		return org.Person{}, err
	}
	if _, err := org.MemberIn(&tx.View, to, who); err != nil {
		return org.Person{}, err
	}
	if err := r.org.MayTouch(&tx.View, by, who); err != nil {
		return org.Person{}, err
	}
	p, err := r.org.PersonIn(&tx.View, who)
	if err == nil && p.State != org.Invited {
		err = fault.New(fault.Conflict, "invitation-accepted-already")
	}
	if err == nil && p.Email == "" {
		err = withField(fault.New(fault.Invalid, "person-invalid"), "email", "field-required")
	}
	return p, err
}

// joiner is who moves a membership when an invitation is accepted.
var joiner = id.System("invitation")

// Join gives the memberships, groups and reports of an invited person to the
// person who accepted with an account of their own, and deletes the invited
// one: nobody has to know beforehand who has an account already. It is for the
// write in which the invitation is redeemed.
func (r *Room) Join(tx *store.Tx, invited, who id.Person) ([]store.Event, error) {
	p, err := r.org.PersonIn(&tx.View, invited)
	if err != nil {
		return nil, err
	}
	if p.State != org.Invited || invited == who {
		return nil, fault.New(fault.Conflict, "invitation-accepted-already")
	}
	orgs, err := r.org.OrgsOf(&tx.View, invited)
	if err != nil {
		return nil, err
	}
	var events []store.Event
	for _, in := range orgs {
		more, err := r.hand(tx, in, invited, who)
		if err != nil {
			return nil, err
		}
		events = append(events, more...)
	}
	gone, err := r.org.RemovePerson(tx, joiner, invited)
	return append(events, gone), err
}

// hand moves what an invited person is in one organization to another person.
func (r *Room) hand(tx *store.Tx, in id.Org, from, to id.Person) (events []store.Event, err error) {
	put := func(m org.Member) error {
		event, err := r.org.SetMember(tx, joiner, m)
		events = append(events, event)
		return err
	}
	m, err := org.MemberIn(&tx.View, in, from)
	if err != nil {
		return nil, err
	}
	if _, err = org.MemberIn(&tx.View, in, to); fault.As(err) != nil {
		m.Person, m.Version = to, 0
		err = put(m)
	}
	if err != nil {
		return nil, err
	}
	reports, err := org.ReportsOf(&tx.View, in, from)
	for _, one := range reports {
		if err != nil || one == to {
			continue
		}
		if m, err = org.MemberIn(&tx.View, in, one); err == nil {
			m.Manager = to
			err = put(m)
		}
	}
	if err != nil {
		return nil, err
	}
	groups, err := org.AllGroups(&tx.View, in)
	var theirs []id.Group
	for _, g := range groups {
		if slices.Contains(g.Members, from) {
			theirs = append(theirs, g.ID)
		}
	}
	if err != nil {
		return nil, err
	}
	more, err := r.join(tx, joiner, in, to, theirs)
	return append(events, more...), err
}
