package org

import (
	"context"
	"maps"
	"slices"
	"strings"

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
func (g Grants) Roles(org id.Org) []id.Role { return slices.Clone(g.roles[org]) }

// Member reports whether the person is an active member of an active
// organization.
func (g Grants) Member(org id.Org) bool { _, ok := g.held[org]; return ok }

// Sees reports whether the organization is one that the person may know of.
func (g Grants) Sees(org id.Org) bool { return g.Member(org) || g.under[org] != nil }

// Below are the organizations in which the person acts because they hold Below
// in the parent.
func (g Grants) Below() []Organization { return slices.Clone(g.below) }

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

// knows reports whether who acts may know who belongs to an organization.
func (p power) knows(org id.Org) bool {
	return p.all || p.Member(org) || p.Holds(org, PeopleRead) || p.Holds(org, PeopleWrite) || p.Holds("", Everything)
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
	return g, g.take(r, v, seats)
}

// take adds memberships and what lies below them.
func (g *Grants) take(r *Register, v *store.View, seats []seat) error {
	for _, s := range seats {
		permissions, roles, err := r.resolve(v, s.org, s.roles)
		if err != nil {
			return err
		}
		g.sit(r, s.org, permissions, roles)
	}
	for _, o := range g.Orgs {
		if o.Type != Provider || !g.held[o.ID].has(Below) {
			continue
		}
		if err := g.reach(r, v, o.ID); err != nil {
			return err
		}
	}
	return nil
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
	shared := map[string]set{} // a thousand organizations allow one of a few lists
	for _, o := range children {
		key := strings.Join(o.ParentRoles, " ")
		if shared[key] == nil {
			shared[key] = r.allowed(o.ParentRoles)
		}
		g.under[o.ID] = shared[key]
	}
	g.below = append(g.below, children...)
	return err
}

// allowed is what the roles that an organization allows its parent permit
// there; nothing of the house is among it.
func (r *Register) allowed(roles []string) set {
	all := set{}
	var walk func(role id.Role)
	walk = func(role id.Role) {
		for _, name := range r.builtIn[role] {
			if !r.permissions[name].House {
				all.add(name)
			}
		}
		for _, included := range included(role) {
			walk(included)
		}
	}
	for _, role := range roles {
		walk(id.Role(role))
	}
	return all
}

// resolve closes roles over what they include, and says what they permit.
func (r *Register) resolve(v *store.View, o Organization, roles []id.Role) (set, []id.Role, error) {
	custom := map[id.Role]Role{}
	if slices.ContainsFunc(roles, func(role id.Role) bool { return !r.isBuiltIn(role) }) {
		all, err := rolesIn(v.Org(o.ID))
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
		for _, included := range slices.Concat(custom[which].Includes, included(which)) {
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
func included(role id.Role) []id.Role {
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
	return r.kept(ctx, r.grants, who, r.grantsOf)
}

// kept reads what somebody may do, or remembers it.
func (r *Register) kept(ctx context.Context, memory map[id.Person]remembered[Grants], who id.Person, read func(*store.View, id.Person) (Grants, error)) (Grants, error) {
	now := r.clock.Mono()
	r.mu.Lock()
	known, epoch := memory[who], r.epoch
	r.mu.Unlock()
	if known.set && now-known.at < Freshness {
		return known.what, nil
	}
	var g Grants
	err := r.store.House().Read(ctx, func(v *store.View) (err error) {
		g, err = read(v, who)
		return err
	})
	if err != nil {
		return Grants{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.epoch != epoch {
		return g, nil // something changed meanwhile: good for this caller only
	}
	weight := 1 + len(g.Orgs) + len(g.below)
	if r.weight += weight; r.weight > mostRemembered {
		r.empty()
		r.weight = weight
	}
	memory[who] = remembered[Grants]{g, now, true}
	return g, nil
}

func (r *Register) empty() {
	clear(r.grants)
	clear(r.latent)
	r.weight = 0
}

// mostRemembered bounds the memory, in people and organizations: it is emptied
// when it is full.
const mostRemembered = 1 << 18

// forget makes this node ask again at once; the others do within Freshness. It
// is called after the commit; an answer that is being read at the moment may be
// older than the change and is not kept.
func (r *Register) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.empty()
	r.epoch++
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
