package org

import (
	"context"
	"maps"
	"slices"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// set is permissions by name.
type set map[string]struct{}

func (s set) has(name string) bool { _, ok := s[name]; return ok }

func (s set) add(names ...string) {
	for _, name := range names {
		s[name] = struct{}{}
	}
}

// covers reports whether s has all that other has.
func (s set) covers(other set) bool {
	for name := range other {
		if !s.has(name) {
			return false
		}
	}
	return true
}

// Grants is what a person may do, where.
type Grants struct {
	Person id.Person
	State  State
	// Orgs are the active organizations in which the person is an active
	// member, by title.
	Orgs  []Organization
	held  map[id.Org]set // of the memberships
	roles map[id.Org][]id.Role
	below []Organization // organizations whose parent lets the person in
	under map[id.Org]set
	house set
}

// Holds reports whether the person holds a permission in an organization; of a
// permission of the house, whether they hold it at all.
func (g Grants) Holds(org id.Org, permission string) bool {
	return g.State == Active && (g.house.has(permission) || g.held[org].has(permission) || g.under[org].has(permission))
}

// Roles returns the roles that the person has in an organization as a member,
// those included in them too.
func (g Grants) Roles(org id.Org) []id.Role { return g.roles[org] }

// Member reports whether the person is an active member of an active
// organization.
func (g Grants) Member(org id.Org) bool { _, ok := g.held[org]; return ok }

// Sees reports whether the organization is one that the person may know of.
func (g Grants) Sees(org id.Org) bool { return g.Member(org) || g.under[org] != nil }

// Below are the organizations in which the person acts because they hold Below
// in the parent.
func (g Grants) Below() []Organization { return g.below }

// Of returns the permissions that the person holds in an organization, those of
// the house included, sorted.
func (g Grants) Of(org id.Org) []string {
	all := set{}
	for _, one := range []set{g.house, g.held[org], g.under[org]} {
		all.add(slices.Collect(maps.Keys(one))...)
	}
	return slices.Sorted(maps.Keys(all))
}

// power is what whoever writes may do, read in the same transaction.
type power struct {
	all bool // a process of the machine, the house itself
	Grants
}

// powerOf reads what by may do.
func (r *Register) powerOf(v *store.View, by id.Principal) (power, error) {
	switch by.Kind() {
	case id.KindLocal, id.KindSystem, id.KindNode:
		return power{all: true}, nil
	case id.KindPerson:
		g, err := r.grantsOf(v, by.Person())
		return power{Grants: g}, err
	}
	return power{}, nil
}

// need refuses who does not hold a permission. An organization that is none of
// theirs is one that they do not know of (R4).
func (p power) need(org id.Org, permission string) error {
	switch {
	case p.all || p.Holds(org, permission):
		return nil
	case org != "" && !p.Sees(org):
		return unknownOrg(org)
	}
	return fault.New(fault.Forbidden, "not-permitted", "permission", permission)
}

// covers reports whether who acts holds all these permissions there.
func (p power) covers(org id.Org, other set) bool {
	if p.all {
		return true
	}
	for name := range other {
		if !p.Holds(org, name) {
			return false
		}
	}
	return true
}

// over reports whether who acts is at least as strong as a person everywhere
// that person is: a reset or a new address would otherwise be a way to become
// them (A123). Everybody is over themselves.
func (p power) over(other Grants) bool {
	if p.all || p.Person == other.Person {
		return true
	}
	for org, held := range other.held {
		if !p.covers(org, held) {
			return false
		}
	}
	for org, held := range other.under {
		if !p.covers(org, held) {
			return false
		}
	}
	return p.covers("", other.house)
}

var errStronger = fault.New(fault.Forbidden, "stronger-than-you")

// grantsOf reads what a person may do: state, memberships, roles, and the
// organizations below.
func (r *Register) grantsOf(v *store.View, who id.Person) (Grants, error) {
	g := Grants{Person: who, held: map[id.Org]set{}, roles: map[id.Org][]id.Role{}, under: map[id.Org]set{}, house: set{}}
	person, err := personByID(v.House(), who)
	if fault.As(err) != nil {
		return g, nil // nobody holds nothing
	}
	if err != nil {
		return g, err
	}
	if g.State = person.State; g.State != Active {
		return g, nil
	}
	seats, err := seatsOf(v.House(), who)
	if err != nil {
		return g, err
	}
	for _, s := range seats {
		permissions, roles, err := r.resolve(v, s.org, s.roles)
		if err != nil {
			return g, err
		}
		g.sit(r, s.org, permissions, roles)
	}
	for _, o := range g.Orgs {
		if o.Type != Provider || !g.held[o.ID].has(Below) {
			continue
		}
		if err := g.reach(r, v, o.ID); err != nil {
			return g, err
		}
	}
	return g, nil
}

// sit adds a membership.
func (g *Grants) sit(r *Register, o Organization, permissions set, roles []id.Role) {
	g.Orgs = append(g.Orgs, o)
	g.held[o.ID], g.roles[o.ID] = set{}, roles
	for name := range permissions {
		if !r.permissions[name].House {
			g.held[o.ID].add(name)
		} else if o.Type == Provider {
			g.house.add(name)
		}
	}
}

// reach adds the organizations below a provider, disabled ones too: who is to
// enable them again must get in.
func (g *Grants) reach(r *Register, v *store.View, parent id.Org) error {
	children, err := orgsBelow(v.House(), parent)
	for _, o := range children {
		allowed := set{}
		for _, role := range o.ParentRoles {
			for _, name := range r.builtIn[id.Role(role)] {
				if !r.permissions[name].House {
					allowed.add(name)
				}
			}
		}
		g.below, g.under[o.ID] = append(g.below, o), allowed
	}
	return err
}

// resolve closes roles over what they include, and says what they permit.
func (r *Register) resolve(v *store.View, o Organization, roles []id.Role) (set, []id.Role, error) {
	custom := map[id.Role]Role{}
	if slices.ContainsFunc(roles, func(role id.Role) bool { return !r.isBuiltIn(role) }) {
		all, err := rolesIn(v.Org(o.ID), o.ID)
		if err != nil {
			return nil, nil, err
		}
		for _, role := range all {
			custom[role.ID] = role
		}
	}
	permissions, seen := set{}, map[id.Role]bool{}
	var walk func(which id.Role)
	walk = func(which id.Role) {
		if seen[which] {
			return
		}
		seen[which] = true
		permissions.add(r.builtIn[which]...)
		permissions.add(custom[which].Permissions...)
		for _, included := range slices.Concat(custom[which].Includes, r.included(o.Type, which)) {
			walk(included)
		}
	}
	for _, role := range roles {
		walk(role)
	}
	return permissions, slices.Sorted(maps.Keys(seen)), nil
}

func (r *Register) isBuiltIn(role id.Role) bool { _, ok := r.builtIn[role]; return ok }

// included is the order of the built-in roles.
func (r *Register) included(t Type, role id.Role) []id.Role {
	switch role {
	case Administrator:
		return []id.Role{Accounts, Auditor}
	case Accounts, Auditor, Operator:
		return []id.Role{User}
	}
	return nil
}

// Grants returns what a person may do, from memory if it was asked within
// Freshness.
func (r *Register) Grants(ctx context.Context, who id.Person) (Grants, error) {
	now := r.clock.Mono()
	r.mu.Lock()
	known := r.grants[who]
	r.mu.Unlock()
	if known.set && now-known.at < Freshness {
		return known.what, nil
	}
	var g Grants
	err := r.store.House().Read(ctx, func(v *store.View) (err error) {
		g, err = r.grantsOf(v, who)
		return err
	})
	if err != nil {
		return Grants{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.grants) >= mostRemembered {
		clear(r.grants)
	}
	r.grants[who] = remembered[Grants]{g, now, true}
	return g, nil
}

// mostRemembered bounds the memory: it is emptied when it is full.
const mostRemembered = 1 << 16

// forget makes this node ask again at once; the others do within Freshness. An
// answer that is being read at the moment may be older than the change, so it
// is called after the commit.
func (r *Register) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.grants)
}

// Permissions lists what roles of a type of organization can hold, sorted.
func (r *Register) Permissions(t Type) []Permission {
	var all []Permission
	for _, name := range slices.Sorted(maps.Keys(r.permissions)) {
		if p := r.permissions[name]; t == Provider || !p.House {
			all = append(all, p)
		}
	}
	return all
}

// Permission returns what was declared of a permission; false if nobody did.
func (r *Register) Permission(name string) (Permission, bool) {
	p, ok := r.permissions[name]
	return p, ok
}
