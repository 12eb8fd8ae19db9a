package org

import (
	"context"
	"maps"
	"slices"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Holder keeps from being written, until a second person has approved it, what
// gives somebody more than they have (← change).
type Holder interface {
	// Hold asks for it, and returns what whoever wanted it is answered. wanted is a
	// Role, an EndedRole, a Member, a Person, an Organization or a Group.
	Hold(ctx context.Context, by id.Principal, in id.Org, wanted any) error
	// Decides reports whether who is in some groups decides about what others ask
	// for there.
	Decides(v *store.View, in id.Org, groups []id.Group) (bool, error)
	// Managed reports whether managers decide about what their people ask for there.
	Managed(v *store.View, in id.Org) (bool, error)
}

// EndedRole is a role that somebody wants to delete.
type EndedRole struct {
	Org id.Org
	ID  id.Role
}

// Hold has held what gives somebody more than they have: see widens, strengthens,
// opens and lets. Call it before the house starts.
func (r *Register) Hold(h Holder) { r.holder = h }

// OrHold asks for what the register refused because a second person has to
// approve it; any other error is returned as it is.
func (r *Register) OrHold(ctx context.Context, err error, by id.Principal, in id.Org, wanted any) error {
	if r.holder == nil || fault.Code(err) != store.ErrHeld.Code {
		return err
	}
	return r.holder.Hold(ctx, by, in, wanted)
}

// held refuses what needs a second person, unless somebody has approved it. is
// says whether it does; it is asked only where it matters.
func (r *Register) held(tx *store.Tx, by id.Principal, thing string, is func(v *store.View) (bool, error)) error {
	if r.holder == nil || !tx.Held(by, thing) {
		return nil
	}
	yes, err := is(tx.View.House())
	if err == nil && yes {
		err = store.ErrHeld
	}
	return err
}

// widens reports whether a membership, as it would be, gives somebody more than
// they have there: a role besides the one that every member has, or a manager who
// decides about what they ask for. As long as nobody but one
// person has ever come in, that person takes in the second by themselves.
func (r *Register) widens(v *store.View, by id.Principal, o Organization, now, next Member) (bool, error) {
	if alone, err := firstAlone(v); err != nil || alone {
		return false, err
	}
	if next.Manager != "" && now.Manager != next.Manager {
		if by.Person() == next.Person {
			return true, nil
		}
		if managed, err := r.holder.Managed(v, o.ID); err != nil || managed {
			return managed, err
		}
	}
	if next.State != Active {
		return false, nil
	}
	had := []id.Role{User}
	if now.State == Active {
		had = append(had, now.Roles...)
	}
	return r.more(v, o, had, next.Roles)
}

// more reports whether some roles lead to one to which others do not.
func (r *Register) more(v *store.View, o Organization, had, next []id.Role) (bool, error) {
	_, before, err := r.resolve(v, o, had)
	if err != nil {
		return false, err
	}
	_, after, err := r.resolve(v, o, next)
	return slices.ContainsFunc(after, func(role id.Role) bool { return !slices.Contains(before, role) }), err
}

// strengthens reports whether a change of somebody else's account leads to what
// they hold: it enables the account, or has mails for it go elsewhere.
func (r *Register) strengthens(v *store.View, by id.Principal, now, next Person) (bool, error) {
	if by.Person() == now.ID || EmailFold(now.Email) == EmailFold(next.Email) && (next.State != Active || now.State == Active) {
		return false, nil
	}
	if alone, err := firstAlone(v); err != nil || alone {
		return false, err
	}
	return r.strong(v, now.ID)
}

// strong reports whether somebody holds more than every member does, or would
// once they are enabled.
func (r *Register) strong(v *store.View, who id.Person) (bool, error) {
	seats, err := latentSeatsOf(v, who)
	for _, s := range seats {
		if err != nil {
			return false, err
		}
		more, bad := r.more(v, s.org, []id.Role{User}, s.roles)
		if err = bad; more {
			return true, err
		}
	}
	return false, err
}

// MayHandOn refuses to show somebody a link by which they could become a person
// who holds more than every member does: where two decide about that, it goes by
// mail.
func (r *Register) MayHandOn(v *store.View, by id.Principal, who id.Person) error {
	if r.holder == nil || !v.Held(by, "link") {
		return nil
	}
	alone, err := firstAlone(v.House())
	if err != nil || alone {
		return err
	}
	strong, err := r.strong(v.House(), who)
	if err == nil && strong {
		err = fault.New(fault.Unmet, "link-needs-mail")
	}
	return err
}

// opens reports whether a change of an organization lets others in: its parent by
// more roles, another parent, as a provider, or everybody again.
func (r *Register) opens(now, next Organization) bool {
	return next.Type == Provider && now.Type != Provider || now.Version != 0 && now.Parent != next.Parent ||
		now.Version != 0 && slices.ContainsFunc(next.ParentRoles, func(role string) bool { return !slices.Contains(now.ParentRoles, role) }) ||
		now.State == Disabled && next.State == Active
}

// lets reports whether somebody comes into a group whose people decide about what
// others ask for.
func (r *Register) lets(v *store.View, g Group) (bool, error) {
	in := v.Org(g.Org)
	members, err := stayingMembers(in, g.ID)
	if err != nil {
		return false, err
	}
	groups, err := directGroups(in, g.ID)
	if err != nil {
		return false, err
	}
	_, people := differ(members, g.Members)
	_, inner := differ(groups, g.Groups)
	if len(people)+len(inner) == 0 {
		return false, nil
	}
	edges, err := groupNesting(in)
	if err != nil {
		return false, err
	}
	return r.holder.Decides(v, g.Org, slices.Sorted(maps.Keys(outwards(edges).from(g.ID))))
}

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
