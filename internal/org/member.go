package org

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

func (m Member) event(name string, by id.Principal) store.Event {
	roles := make([]string, len(m.Roles))
	for i, role := range m.Roles {
		roles[i] = string(role)
	}
	fields := map[string]string{"roles": strings.Join(roles, " "), "state": string(m.State)}
	if m.Manager != "" {
		fields["manager"] = string(m.Manager)
	}
	return store.Event{Name: name, Org: m.Org, By: by, Target: "person:" + string(m.Person), Fields: fields}
}

// PutMember makes a person a member, or changes a membership: roles, manager,
// state. m.Version is 0 for a new one, else the one that was read. Who acts
// holds PeopleWrite there, and every permission of the roles before and after.
func (r *Register) PutMember(ctx context.Context, by id.Principal, m Member) error {
	err := r.write(ctx, func(tx *store.Tx) (store.Event, error) { return r.SetMember(tx, by, m) })
	return r.OrHold(ctx, err, by, m.Org, m)
}

// write runs a change of one event and makes this node ask again after it.
func (r *Register) write(ctx context.Context, change func(*store.Tx) (store.Event, error)) error {
	err := r.store.House().Write(ctx, func(tx *store.Tx) store.End {
		event, err := change(tx)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
	r.forget()
	return err
}

// SetMember is PutMember in the caller's write; call Forget after it. Somebody
// who is a member only of organizations that who acts does not know of is no
// one to them (person-unknown): see JoinMember.
func (r *Register) SetMember(tx *store.Tx, by id.Principal, m Member) (store.Event, error) {
	return r.setMember(tx, by, m, false)
}

// JoinMember is SetMember of a person who agreed to it, by opening an
// invitation that was sent to them: who acts need not know them.
func (r *Register) JoinMember(tx *store.Tx, by id.Principal, m Member) (store.Event, error) {
	return r.setMember(tx, by, m, true)
}

func (r *Register) setMember(tx *store.Tx, by id.Principal, m Member, agreed bool) (store.Event, error) {
	house, in := tx.House(), tx.House().Org(m.Org)
	p, err := r.powerOf(&house.View, by)
	if err == nil {
		err = p.need(m.Org, PeopleWrite)
	}
	if err != nil {
		return store.Event{}, err
	}
	o, person, err := orgAndPerson(&house.View, m)
	if err == nil && !agreed {
		err = mayKnow(&house.View, p, m.Person)
	}
	if err != nil {
		return store.Event{}, err
	}
	if err := r.checkMember(&in.View, o, &m); err != nil {
		return store.Event{}, err
	}
	if err := r.mayGive(&in.View, p, o, m.Roles); err != nil {
		return store.Event{}, err
	}
	before, err := memberOf(&in.View, m.Person)
	if fault.As(err) != nil && m.Version != 0 {
		return store.Event{}, changedOr(0, nil)
	}
	if err == nil || fault.As(err) != nil {
		widens := func(v *store.View) (bool, error) { return r.widens(v, by, o, before, m) }
		if err := r.held(tx, by, "member:"+string(m.Person), widens); err != nil {
			return store.Event{}, err
		}
	}
	if fault.As(err) != nil {
		m.Since = tx.Now()
		return m.event("member.added", by), insertMember(in, m, person)
	}
	if err != nil {
		return store.Event{}, err
	}
	if m.Version == 0 {
		return store.Event{}, fault.New(fault.Conflict, "member-already")
	}
	if err := r.mayGive(&in.View, p, o, before.Roles); err != nil {
		return store.Event{}, err
	}
	keeps := m.Roles
	if m.State != Active {
		keeps = nil
	}
	if err := keepChief(house, m.Org, m.Person, keeps); err != nil {
		return store.Event{}, err
	}
	return m.event("member.changed", by), updateMember(in, m)
}

// mayKnow refuses a person whom who acts cannot know, as if there was none
// (R4). Who belongs nowhere yet, or no more, can be taken in.
func mayKnow(v *store.View, p power, who id.Person) error {
	if p.all {
		return nil
	}
	orgs, err := orgsOfPerson(v, who)
	if err == nil && len(orgs) > 0 && !slices.ContainsFunc(orgs, p.knows) {
		err = errNoPerson
	}
	return err
}

func orgAndPerson(v *store.View, m Member) (Organization, Person, error) {
	o, err := orgByID(v, m.Org)
	if err != nil {
		return o, Person{}, err
	}
	p, err := personByID(v, m.Person)
	if err == nil && p.State == Deleted {
		err = errNoPerson
	}
	return o, p, err
}

// checkMember holds a membership to its form and puts the roles in order.
func (r *Register) checkMember(v *store.View, o Organization, m *Member) error {
	if m.State == "" {
		m.State = Active
	}
	var bad fault.Checks
	if m.State != Active && m.State != Disabled {
		bad.Add("state", "person-state-unknown")
	}
	slices.Sort(m.Roles)
	m.Roles = slices.Compact(m.Roles)
	custom, err := rolesIn(v)
	if err != nil {
		return err
	}
	for _, role := range m.Roles {
		mine := slices.ContainsFunc(custom, func(c Role) bool { return c.ID == role })
		if !mine && (!r.isBuiltIn(role) || role == Operator && o.Type != Provider) {
			bad.Add("roles", "role-unknown", "role", string(role))
		}
	}
	if err := checkManager(v, m, &bad); err != nil {
		return err
	}
	if f := bad.Fault("member-invalid"); f != nil {
		return f
	}
	return nil
}

// mostManagers bounds the walk up; nobody's chain is longer.
const mostManagers = 64

// checkManager wants a member whose own managers do not lead back.
func checkManager(v *store.View, m *Member, bad *fault.Checks) error {
	next := m.Manager
	for range mostManagers {
		if next == "" {
			return nil
		}
		if next == m.Person {
			break
		}
		above, found, err := managerOf(v, next)
		if err != nil {
			return err
		}
		if !found {
			bad.Add("manager", "manager-unknown")
			return nil
		}
		next = above
	}
	bad.Add("manager", "manager-of-themselves")
	return nil
}

// mayGive refuses to give or take roles that permit more than who acts may.
func (r *Register) mayGive(v *store.View, p power, o Organization, roles []id.Role) error {
	permissions, _, err := r.resolve(v, o, roles)
	if err != nil {
		return err
	}
	if !p.covers(o.ID, permissions) {
		return errStronger
	}
	return nil
}

// DropMember ends a membership.
func (r *Register) DropMember(ctx context.Context, by id.Principal, org id.Org, who id.Person) error {
	return r.write(ctx, func(tx *store.Tx) (store.Event, error) { return r.EndMember(tx, by, org, who) })
}

// EndMember is DropMember in the caller's write; call Forget after it.
// Everybody who is active may leave by themselves.
func (r *Register) EndMember(tx *store.Tx, by id.Principal, org id.Org, who id.Person) (store.Event, error) {
	house, in := tx.House(), tx.House().Org(org)
	p, err := r.powerOf(&house.View, by)
	if err == nil && (by.Person() != who || p.State != Active) {
		err = p.need(org, PeopleWrite)
	}
	if err != nil {
		return store.Event{}, err
	}
	o, err := orgByID(&house.View, org)
	if err != nil {
		return store.Event{}, err
	}
	m, err := memberOf(&in.View, who)
	if err != nil {
		return store.Event{}, err
	}
	if by.Person() != who {
		if err := r.mayGive(&in.View, p, o, m.Roles); err != nil {
			return store.Event{}, err
		}
	}
	if err := keepChief(house, org, who, nil); err != nil {
		return store.Event{}, err
	}
	person, err := personByID(&house.View, who)
	if err != nil {
		return store.Event{}, err
	}
	err = deleteMember(in, person)
	for _, end := range r.left {
		err = errors.Join(err, end(tx, by, m))
	}
	return m.event("member.removed", by), err
}

// Member returns a membership.
func (r *Register) Member(ctx context.Context, org id.Org, who id.Person) (m Member, err error) {
	err = r.in(org).Read(ctx, func(v *store.View) (err error) {
		m, err = memberOf(v, who)
		return err
	})
	return m, err
}

// Memberships returns the memberships of some people in an organization, in
// four statements for up to 200 of them.
func (r *Register) Memberships(ctx context.Context, org id.Org, who []id.Person) (found map[id.Person]Member, err error) {
	err = r.in(org).Read(ctx, func(v *store.View) (err error) {
		found, err = membersOf(v, who)
		return err
	})
	return found, err
}

// Managers returns the managers of some members; who has none is missing.
func (r *Register) Managers(ctx context.Context, org id.Org, who []id.Person) (map[id.Person]id.Person, error) {
	members, err := r.Memberships(ctx, org, who)
	managers := map[id.Person]id.Person{}
	for person, m := range members {
		if m.Manager != "" {
			managers[person] = m.Manager
		}
	}
	return managers, err
}

// Standing is what an issuance must know of a person, read in the transaction
// that issues. Whatever is not Active stops it.
type Standing struct {
	Person       State // Deleted also if there never was one
	Organization State // "" without an organization, Deleted if there is none such
	Member       State // "" if the person is no member there
}

// StandingOf reads how a person stands in an organization; org may be "".
// Acting below by a role that the parent allows counts as membership.
func (r *Register) StandingOf(v *store.View, who id.Person, org id.Org) (Standing, error) {
	house := v.House()
	p, err := personByID(house, who)
	if fault.As(err) != nil {
		return Standing{Person: Deleted}, nil
	}
	s := Standing{Person: p.State}
	if err != nil || org == "" {
		return s, err
	}
	o, err := orgByID(house, org)
	if fault.As(err) != nil {
		s.Organization = Deleted
		return s, nil
	}
	if err != nil {
		return s, err
	}
	s.Organization = o.State
	m, err := memberOf(house.Org(org), who)
	if fault.As(err) == nil {
		s.Member = m.State
		return s, err
	}
	if reaches, err := r.reaches(house, p, o); err != nil || !reaches {
		return s, err
	}
	s.Member = Active
	return s, nil
}

// reaches reports whether a person acts in an organization because they hold
// Below in its parent.
func (r *Register) reaches(v *store.View, p Person, o Organization) (bool, error) {
	if o.Parent == "" || p.State != Active || len(o.ParentRoles) == 0 {
		return false, nil
	}
	seats, err := seatsOf(v, p.ID)
	i := slices.IndexFunc(seats, func(s seat) bool { return s.org.ID == o.Parent })
	if err != nil || i < 0 {
		return false, err
	}
	permissions, _, err := r.resolve(v, seats[i].org, seats[i].roles)
	return permissions.has(Below), err
}
