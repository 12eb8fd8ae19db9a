package org

import (
	"maps"
	"slices"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// These answer in the caller's transaction, for decisions that must not stand
// on what was true a moment ago.

// GroupIn returns a group without what is in it.
func GroupIn(v *store.View, org id.Org, which id.Group) (Group, error) {
	return groupByID(v.Org(org), which)
}

// RoleIn returns a role, built-in ones too.
func (r *Register) RoleIn(v *store.View, org id.Org, which id.Role) (Role, error) {
	all, err := r.RolesIn(v.Org(org), org)
	if err != nil {
		return Role{}, err
	}
	if i := slices.IndexFunc(all, func(one Role) bool { return one.ID == which }); i >= 0 {
		return all[i], nil
	}
	return Role{}, errNoRole
}

// InGroup returns everybody who is in a group, directly or through groups in
// it, by identifier.
func InGroup(v *store.View, org id.Org, which id.Group) ([]id.Person, error) {
	in := v.Org(org)
	edges, err := groupNesting(in)
	if err != nil {
		return nil, err
	}
	return membersIn(in, slices.Sorted(maps.Keys(nestingOf(edges).from(which))))
}

// IsInGroup reports whether somebody is in a group, directly or through others.
// It reads nobody else's memberships: on PostgreSQL whoever reads them all has a
// conflict with everybody who joins meanwhile.
func IsInGroup(v *store.View, org id.Org, which id.Group, who id.Person) (bool, error) {
	in := v.Org(org)
	edges, err := groupNesting(in)
	if err != nil {
		return false, err
	}
	return isIn(in, slices.Sorted(maps.Keys(nestingOf(edges).from(which))), who)
}

// GroupsWith returns the groups that a member is in, directly or through
// others, by name and without what is in them.
func GroupsWith(v *store.View, org id.Org, who id.Person) ([]Group, error) {
	in := v.Org(org)
	direct, err := groupsWith(in, who)
	if err != nil || len(direct) == 0 {
		return nil, err
	}
	edges, err := groupNesting(in)
	if err != nil {
		return nil, err
	}
	return groupsByID(in, slices.Sorted(maps.Keys(outwards(edges).from(direct...))))
}

// HoldersIn returns who has a role or one that includes it, by identifier.
func (r *Register) HoldersIn(v *store.View, org id.Org, which id.Role) ([]id.Person, error) {
	in := v.Org(org)
	all, err := r.RolesIn(in, org)
	if err != nil {
		return nil, err
	}
	return holdersWith(in, including(all, []id.Role{which}))
}

// including adds to some roles those that include one of them.
func including(all []Role, wanted []id.Role) []id.Role {
	for i := 0; i < len(wanted); i++ { // it grows on the way
		for _, one := range all {
			includes := slices.Concat(one.Includes, included(one.ID))
			if slices.Contains(includes, wanted[i]) && !slices.Contains(wanted, one.ID) {
				wanted = append(wanted, one.ID)
			}
		}
	}
	return wanted
}

// ActiveIn leaves of some people those who are active and active members, in
// their order.
func ActiveIn(v *store.View, org id.Org, who []id.Person) ([]id.Person, error) {
	active, err := standing(v.Org(org), who)
	return slices.DeleteFunc(slices.Clone(who), func(one id.Person) bool { return !active[one] }), err
}

// GrantsIn reads what a person may do, in the caller's transaction.
func (r *Register) GrantsIn(v *store.View, who id.Person) (Grants, error) {
	return r.grantsOf(v.House(), who)
}
