package org

import (
	"slices"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// What a review does not keep is taken one by one, and nothing else of the
// member or the group changes.

// TakeGroup takes a member out of a group that they are in for good, in the
// caller's write; by must be allowed to by the caller. false: they are not in it
// any more.
func (r *Register) TakeGroup(tx *store.Tx, by id.Principal, org id.Org, which id.Group, who id.Person) (store.Event, bool, error) {
	in := tx.House().Org(org)
	gone, err := returnGroup(in, which, who, "")
	if err != nil || !gone {
		return store.Event{}, false, err
	}
	g, err := groupByID(&in.View, which)
	e := g.event("group.taken", by)
	e.Fields["person"] = string(who)
	return e, true, err
}

// TakeRole takes a role from a member who has it for good, in the caller's
// write; by must be allowed to by the caller. Nobody's last administrator or
// operator is taken. false: they have it no more.
func (r *Register) TakeRole(tx *store.Tx, by id.Principal, org id.Org, which id.Role, who id.Person) (store.Event, bool, error) {
	in := tx.House().Org(org)
	m, err := memberOf(&in.View, who)
	if f := fault.As(err); f != nil && f.Kind == fault.NotFound {
		return store.Event{}, false, nil
	}
	if err != nil {
		return store.Event{}, false, err
	}
	keeps := slices.DeleteFunc(slices.Clone(m.Roles), func(one id.Role) bool { return one == which })
	if which == Administrator || which == Operator {
		if err := keepChief(tx, org, who, keeps); err != nil {
			return store.Event{}, false, err
		}
	}
	gone, err := returnRole(in, which, who, "")
	if err != nil || !gone {
		return store.Event{}, false, err
	}
	m.Roles = keeps
	e := m.event("role.taken", by)
	e.Fields["role"], e.Fields["person"] = string(which), string(who)
	return e, true, nil
}
