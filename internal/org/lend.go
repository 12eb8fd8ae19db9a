package org

import (
	"slices"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// What is lent is somebody's for a time, by a lease: it counts like anything
// else that they hold, no manifest exports it, and a change of the member or
// the group leaves it alone. Nobody's last administrator is a lent one.

// LendGroup puts a member into a group for a time, in the caller's write; by
// must be allowed to by the caller. Who is in it already is Conflict
// held-already.
func (r *Register) LendGroup(tx *store.Tx, by id.Principal, org id.Org, which id.Group, who id.Person, lease id.Lease) (store.Event, error) {
	in := tx.House().Org(org)
	g, err := groupByID(&in.View, which)
	if err == nil {
		_, err = memberOf(&in.View, who)
	}
	if err != nil {
		return store.Event{}, err
	}
	added, err := lendGroup(in, which, who, lease)
	if err == nil && !added {
		err = fault.New(fault.Conflict, "held-already", "title", g.Title)
	}
	return lent(g.event("group.lent", by), who, lease), err
}

// ReturnGroup takes a member out of a group that they are in by the lease;
// false: they are not any more.
func (r *Register) ReturnGroup(tx *store.Tx, by id.Principal, org id.Org, which id.Group, who id.Person, lease id.Lease) (store.Event, bool, error) {
	in := tx.House().Org(org)
	gone, err := returnGroup(in, which, who, lease)
	if err != nil || !gone {
		return store.Event{}, false, err
	}
	g, err := groupByID(&in.View, which)
	return lent(g.event("group.returned", by), who, lease), true, err
}

// LendRole gives a member a role for a time, in the caller's write; by must be
// allowed to by the caller. Who has it already is Conflict held-already.
func (r *Register) LendRole(tx *store.Tx, by id.Principal, org id.Org, which id.Role, who id.Person, lease id.Lease) (store.Event, error) {
	house, in := tx.House(), tx.House().Org(org)
	o, err := orgByID(&house.View, org)
	if err != nil {
		return store.Event{}, err
	}
	m, err := memberOf(&in.View, who)
	if err != nil {
		return store.Event{}, err
	}
	if slices.Contains(m.Roles, which) {
		return store.Event{}, fault.New(fault.Conflict, "held-already", "title", string(which))
	}
	m.Roles = []id.Role{which}
	if err := r.checkMember(&in.View, o, &m); err != nil {
		return store.Event{}, err
	}
	return lent(m.event("role.lent", by), who, lease), lendRole(in, which, who, lease)
}

// ReturnRole takes a role from a member who has it by the lease; false: they
// have it no more.
func (r *Register) ReturnRole(tx *store.Tx, by id.Principal, org id.Org, which id.Role, who id.Person, lease id.Lease) (store.Event, bool, error) {
	gone, err := returnRole(tx.House().Org(org), which, who, lease)
	e := (Member{Org: org, Person: who, Roles: []id.Role{which}, State: Active}).event("role.returned", by)
	return lent(e, who, lease), gone, err
}

func lent(e store.Event, who id.Person, lease id.Lease) store.Event {
	if e.Fields == nil {
		return e
	}
	e.Fields["person"], e.Fields["lease"] = string(who), string(lease)
	return e
}
