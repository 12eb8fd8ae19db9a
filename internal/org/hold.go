package org

import (
	"context"
	"slices"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Holder keeps roles from being written until a second person has approved it
// (← change).
type Holder interface {
	// HoldRole asks for it, and returns what whoever wanted it is answered.
	HoldRole(ctx context.Context, by id.Principal, role Role) error
}

// Hold has every role that is made or changed held. Call it before the house
// starts.
func (r *Register) Hold(h Holder) { r.holder = h }

// Able returns who holds a permission in an organization now, by identifier:
// active members, and those who act there from above.
func (r *Register) Able(v *store.View, org id.Org, permission string) (who []id.Person, err error) {
	o, err := orgByID(v.House(), org)
	if err != nil {
		return nil, err
	}
	all, err := r.RolesIn(v.Org(org), org)
	if err != nil {
		return nil, err
	}
	var roles []id.Role
	for _, role := range all {
		if slices.Contains(role.Permissions, permission) {
			roles = append(roles, role.ID)
		}
	}
	if roles = including(all, roles); len(roles) > 0 {
		if who, err = holdersWith(v.Org(org), roles); err != nil {
			return nil, err
		}
	}
	if o.Parent != "" && r.allowed(o.ParentRoles).has(permission) {
		above, err := r.Able(v, o.Parent, Below)
		if err != nil {
			return nil, err
		}
		who = append(who, above...)
	}
	slices.Sort(who)
	var able []id.Person
	for _, one := range slices.Compact(who) {
		err := r.Need(v, id.OfPerson(one), org, permission)
		if err == nil {
			able = append(able, one)
		} else if fault.As(err) == nil {
			return nil, err
		}
	}
	return able, nil
}

// Permits returns what a role as it would be written permits, with what it
// includes, sorted.
func (r *Register) Permits(v *store.View, role Role) ([]string, error) {
	o, err := orgByID(v.House(), role.Org)
	if err != nil {
		return nil, err
	}
	all, _, err := r.resolve(v, o, role.Includes)
	if err != nil {
		return nil, err
	}
	all.add(role.Permissions...)
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// ProviderFor returns the provider in which others can approve what by wants to
// do to the installation: one of their own, and any for a process of the machine,
// which two approve. It is the first that has as many people with the permission,
// else the first; "" if there is none.
func (r *Register) ProviderFor(ctx context.Context, by id.Principal, permission string) (in id.Org, err error) {
	need := 1
	if by.Person() == "" {
		need = 2
	}
	err = r.store.House().Read(ctx, func(v *store.View) error {
		in = ""
		all, err := r.providersOf(v, by)
		if err != nil {
			return err
		}
		for _, one := range all {
			able, err := r.Able(v, one, permission)
			if err != nil {
				return err
			}
			able = slices.DeleteFunc(able, func(who id.Person) bool { return who == by.Person() })
			if in == "" {
				in = one
			}
			if len(able) >= need {
				in = one
				return nil
			}
		}
		return nil
	})
	return in, err
}

func (r *Register) providersOf(v *store.View, by id.Principal) (all []id.Org, err error) {
	if by.Person() == "" {
		return providers(v)
	}
	g, err := r.grantsOf(v, by.Person())
	for _, o := range g.Orgs {
		if o.Type == Provider {
			all = append(all, o.ID)
		}
	}
	return all, err
}

// MostAble returns how many people of one provider hold a permission of the
// house: of the one with the most.
func (r *Register) MostAble(ctx context.Context, permission string) (most int, err error) {
	err = r.store.House().Read(ctx, func(v *store.View) error {
		most = 0
		all, err := providers(v)
		for _, one := range all {
			able, err := r.Able(v, one, permission)
			if err != nil {
				return err
			}
			most = max(most, len(able))
		}
		return err
	})
	return most, err
}
