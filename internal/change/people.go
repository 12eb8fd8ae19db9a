package change

import (
	"context"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/people/arrive"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
)

// The sorts of what floor org holds besides roles.
const (
	RoleEnd      = "role-end"     // a role that is deleted
	Member       = "member"       // roles that somebody gets
	Account      = "account"      // somebody else's account
	Organization = "organization" // whom an organization lets in
	Group        = "group"        // who decides because they are in it
)

// Hold implements the Holders of the floors: it asks for what is wanted.
func (r *Room) Hold(ctx context.Context, by id.Principal, in id.Org, wanted any) error {
	switch w := wanted.(type) {
	case org.Role:
		return r.holdRole(ctx, by, w)
	case org.EndedRole:
		return asked(ctx, r, RoleEnd, by, in, w)
	case org.Member:
		return asked(ctx, r, Member, by, in, w)
	case org.Group:
		return asked(ctx, r, Group, by, in, w)
	case org.Organization:
		return r.holdOrganization(ctx, by, w)
	case org.Person:
		return r.holdAccount(ctx, by, w)
	case arrive.Wanted:
		return r.holdArrival(ctx, by, in, w)
	}
	return r.holdRules(ctx, by, in, wanted)
}

// Decides implements org.Holder.
func (*Room) Decides(v *store.View, in id.Org, groups []id.Group) (bool, error) {
	return request.Deciding(v, in, groups)
}

// Managed implements org.Holder.
func (*Room) Managed(v *store.View, in id.Org) (bool, error) { return request.Managed(v, in) }

// peopleSorts are those of floor org.
func (r *Room) peopleSorts() {
	r.sorts[RoleEnd] = written[org.EndedRole]{
		room: r, name: RoleEnd, permission: org.RoleWrite, look: r.lookRoleEnd,
		lifts: func(w org.EndedRole) string { return "role:" + string(w.ID) },
		write: func(tx *store.Tx, by id.Principal, w org.EndedRole) (store.Event, error) {
			return r.Register.EndRole(tx, by, w.Org, w.ID)
		},
	}
	r.sorts[Member] = written[org.Member]{
		room: r, name: Member, permission: org.PeopleWrite, look: r.lookMember,
		lifts: func(w org.Member) string { return "member:" + string(w.Person) },
		write: func(tx *store.Tx, by id.Principal, w org.Member) (store.Event, error) {
			return r.Register.SetMember(tx, by, w)
		},
	}
	r.sorts[Account] = written[org.Person]{
		room: r, name: Account, permission: org.PeopleWrite, look: r.lookAccount,
		lifts: func(w org.Person) string { return "person:" + string(w.ID) },
		write: func(tx *store.Tx, by id.Principal, w org.Person) (store.Event, error) {
			return r.Register.PutPerson(tx, by, w)
		},
	}
	r.sorts[Organization] = written[org.Organization]{
		room: r, name: Organization, permission: org.Write, look: r.lookOrganization,
		lifts: func(w org.Organization) string { return "organization:" + string(w.ID) },
		write: func(tx *store.Tx, by id.Principal, w org.Organization) (store.Event, error) {
			return r.Register.SetOrganization(tx, by, w)
		},
	}
	r.sorts[Group] = written[org.Group]{
		room: r, name: Group, permission: org.GroupWrite, look: r.lookGroup,
		lifts: func(w org.Group) string { return "group:" + string(w.ID) },
		write: func(tx *store.Tx, by id.Principal, w org.Group) (store.Event, error) {
			return r.Register.SetGroup(tx, by, w)
		},
	}
}

func (r *Room) lookRoleEnd(v *store.View, in id.Org, w org.EndedRole) (g glance, err error) {
	role, err := r.Register.RoleIn(v, in, w.ID)
	if err != nil {
		return g, err
	}
	holders, err := r.Register.HoldersIn(v, in, w.ID)
	g = glance{thing: "role:" + string(w.ID), title: role.Title, base: role, before: fields(roleShown{role.Name, role.Title, role.Permissions, role.Includes})}
	g.facts = fact(fact(nil, "role", role.Name), "holders", number(len(holders)))
	return g, err
}

// roleShown is what is shown of a role.
type roleShown struct {
	Name, Title string
	Permission  []string
	Includes    []id.Role
}

// memberShown is what is shown of a membership.
type memberShown struct {
	State   org.State
	Role    []id.Role
	Manager id.Person
}

func (r *Room) lookMember(v *store.View, in id.Org, w org.Member) (g glance, err error) {
	p, err := r.Register.PersonIn(v, w.Person)
	if err != nil {
		return g, err
	}
	g = glance{thing: string(id.OfPerson(w.Person)), title: p.DisplayName}
	now, err := org.MemberIn(v, in, w.Person)
	switch {
	case err == nil:
		g.before = fields(memberShown{now.State, now.Roles, now.Manager})
	case fault.As(err) == nil:
		return g, err
	}
	if w.State == "" {
		w.State = org.Active
	}
	g.after = fields(memberShown{w.State, sorted(w.Roles), w.Manager})
	permits, err := r.Register.Permits(v, org.Role{Org: in, Includes: w.Roles})
	g.base = []any{now.Version, p.State, permits}
	g.facts = fact(fact(nil, "login", p.Login), "permits", strings.Join(permits, ", "))
	return g, err
}

// accountShown is what is shown of an account.
type accountShown struct {
	Login, Email string
	State        org.State
}

func (r *Room) lookAccount(v *store.View, _ id.Org, w org.Person) (g glance, err error) {
	now, err := r.Register.PersonIn(v, w.ID)
	return glance{
		thing: string(id.OfPerson(w.ID)), title: now.DisplayName, base: now.Version, facts: fact(nil, "login", now.Login),
		before: fields(accountShown{now.Login, now.Email, now.State}), after: fields(accountShown{w.Login, w.Email, w.State}),
	}, err
}

// holdAccount asks where who wants it may, and somebody else could decide.
func (r *Room) holdAccount(ctx context.Context, by id.Principal, w org.Person) error {
	in, err := r.placeFor(ctx, by, w.ID)
	if err != nil {
		return err
	}
	return asked(ctx, r, Account, by, in, w)
}

// placeFor is the organization in which others decide about somebody's account:
// the first of theirs in which who wants something may write people and somebody
// else could, too; else the first.
func (r *Room) placeFor(ctx context.Context, by id.Principal, who id.Person) (in id.Org, err error) {
	need := 1
	if by.Person() == "" {
		need = 2
	}
	err = r.Store.Self(who).Read(ctx, func(v *store.View) error {
		in = ""
		orgs, err := r.Register.OrgsOf(v, who)
		for _, one := range orgs {
			if err != nil {
				return err
			}
			if fault.As(r.Register.Need(v, by, one, org.PeopleWrite)) != nil {
				continue
			}
			if in == "" {
				in = one
			}
			able, bad := r.Register.Able(v, one, org.PeopleWrite)
			if err = bad; len(without(able, who, by.Person())) >= need {
				in = one
				return err
			}
		}
		return err
	})
	if err == nil && in == "" {
		err = fault.New(fault.Unmet, "change-nobody")
	}
	return in, err
}

// without leaves some people out.
func without(all []id.Person, some ...id.Person) (left []id.Person) {
	for _, one := range all {
		out := false
		for _, other := range some {
			out = out || one == other
		}
		if !out {
			left = append(left, one)
		}
	}
	return left
}

// organizationShown is what is shown of an organization.
type organizationShown struct {
	Name, Title string
	Type        org.Type
	State       org.State
	Parent      string
	ParentRole  []string
}

func showOrganization(v *store.View, o org.Organization) []string {
	parent, err := org.OrganizationByID(v, o.Parent)
	if err != nil {
		parent.Name = string(o.Parent)
	}
	return fields(organizationShown{o.Name, o.Title, o.Type, o.State, parent.Name, sorted(o.ParentRoles)})
}

func (r *Room) lookOrganization(v *store.View, _ id.Org, w org.Organization) (g glance, err error) {
	if w.State == "" {
		w.State = org.Active
	}
	g = glance{thing: "organization", title: w.Title, after: showOrganization(v, w)}
	if g.title == "" {
		g.title = w.Name
	}
	now, err := org.OrganizationByID(v, w.ID)
	if err == nil {
		g.thing, g.before, g.base = "organization:"+string(w.ID), showOrganization(v, now), now.Version
	} else if fault.As(err) != nil {
		err = nil
	}
	return g, err
}

// holdOrganization asks where who wants it may write organizations: in it, above
// it where it is enabled again, or, of one that becomes a provider, in a provider.
func (r *Room) holdOrganization(ctx context.Context, by id.Principal, w org.Organization) error {
	now, err := r.Register.Organization(ctx, w.ID)
	if err != nil && fault.As(err) == nil {
		return err
	}
	in := w.ID
	if fault.As(err) != nil || now.Type != w.Type {
		in, err = r.Register.ProviderFor(ctx, by, org.Write)
	} else if err = nil; now.Parent != "" && now.State != w.State {
		above := r.Store.Org(now.Parent).Read(ctx, func(v *store.View) error { return r.Register.Need(v, by, now.Parent, org.Write) })
		if above == nil {
			in = now.Parent
		} else if fault.As(above) == nil {
			err = above
		}
	}
	if err == nil && in == "" {
		err = fault.New(fault.Unmet, "change-nobody")
	}
	if err != nil {
		return err
	}
	return asked(ctx, r, Organization, by, in, w)
}

// groupShown is what is shown of a group.
type groupShown struct {
	Name, Title string
	Member      []id.Person
	Group       []id.Group
}

func (r *Room) lookGroup(v *store.View, in id.Org, w org.Group) (g glance, err error) {
	g = glance{thing: "group:" + string(w.ID), title: w.Title, after: fields(groupShown{w.Name, w.Title, sorted(w.Members), sorted(w.Groups)})}
	all, err := org.AllGroups(v, in)
	for _, now := range all {
		if now.ID == w.ID {
			g.before, g.base = fields(groupShown{now.Name, now.Title, sorted(now.Members), sorted(now.Groups)}), now.Version
		}
	}
	g.facts = fact(nil, "group", w.Name)
	return g, err
}
