package people

import (
	"slices"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// role is a Role as a manifest says it; the built-in ones are no objects.
type role struct {
	Title       string   `yaml:"title,omitempty"`
	Permissions []string `yaml:"permissions,omitempty"`
	Includes    []string `yaml:"includes,omitempty"`
}

// builtIn are the roles that are always there.
var builtIn = []string{string(org.Administrator), string(org.Accounts), string(org.Auditor), string(org.User), string(org.Operator)}

// custom leaves out the names of built-in roles.
func custom(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(builtIn, name) })
}

func (r *Room) roles() manifest.Kind {
	return manifest.Define(manifest.Definition[role]{
		Name: "Role", InOrg: true, After: []string{"Organization"}, Check: checkRole, Load: loadRoles, Apply: r.applyRole,
		References: func(s *role) []manifest.Reference {
			return refer(nil, "Role", "includes", custom(s.Includes)...)
		},
	})
}

func checkRole(name string, s *role) error {
	if s.Title == "" {
		s.Title = name
	}
	s.Permissions, s.Includes = sorted(s.Permissions), sorted(s.Includes)
	if f := (org.Role{Name: name, Title: s.Title}).Check(); f != nil {
		return f
	}
	return nil
}

func loadRoles(v *store.View, in id.Org) ([]manifest.Object[role], error) {
	all, err := org.AllRoles(v, in)
	var objects []manifest.Object[role]
	for _, one := range all {
		objects = append(objects, manifest.Object[role]{ID: string(one.ID), Name: one.Name, Spec: role{
			Title: one.Title, Permissions: one.Permissions, Includes: sorted(rolesNamed(all, one.Includes)),
		}})
	}
	return objects, err
}

// rolesNamed gives roles the names by which manifests call them.
func rolesNamed(all []org.Role, which []id.Role) []string {
	var names []string
	for _, one := range which {
		name := string(one)
		if i := slices.IndexFunc(all, func(r org.Role) bool { return r.ID == one }); i >= 0 {
			name = all[i].Name
		}
		names = append(names, name)
	}
	return names
}

// rolesByName is the inverse of rolesNamed.
func rolesByName(all []org.Role, names []string) []id.Role {
	var which []id.Role
	for _, name := range names {
		one := id.Role(name)
		if i := slices.IndexFunc(all, func(r org.Role) bool { return r.Name == name }); i >= 0 {
			one = all[i].ID
		}
		which = append(which, one)
	}
	return which
}

func (r *Room) applyRole(tx *store.Tx, c manifest.Change[role]) (store.Event, error) {
	if c.Action == manifest.Delete {
		return r.org.EndRole(tx, c.By, c.Org, id.Role(c.ID))
	}
	all, err := org.AllRoles(&tx.View, c.Org)
	if err != nil {
		return store.Event{}, err
	}
	next := org.Role{Org: c.Org, ID: id.Role(c.ID), Name: c.Name, Title: c.After.Title, Permissions: c.After.Permissions, Includes: rolesByName(all, c.After.Includes)}
	if i := slices.IndexFunc(all, func(one org.Role) bool { return one.ID == next.ID }); i >= 0 {
		next.Version = all[i].Version
	}
	return r.org.SetRole(tx, c.By, next)
}

// member is a Member as a manifest says it; the name is the login.
type member struct {
	Roles   []string `yaml:"roles,omitempty"`
	Manager string   `yaml:"manager,omitempty"` // a login
	State   string   `yaml:"state,omitempty"`
}

func (r *Room) members() manifest.Kind {
	return manifest.Define(manifest.Definition[member]{
		Name: "Member", InOrg: true, After: []string{"Organization", "Person", "Role"}, Check: checkMember, Load: loadMembers, Apply: r.applyMember,
		Default: func(s *member) { s.State = string(org.Active) },
		References: func(s *member) []manifest.Reference {
			return refer(refer(nil, "Role", "roles", custom(s.Roles)...), "Member", "manager", s.Manager)
		},
	})
}

func checkMember(_ string, s *member) error {
	s.Roles = sorted(s.Roles)
	return nil
}

func loadMembers(v *store.View, in id.Org) ([]manifest.Object[member], error) {
	all, err := org.AllMembers(v, in)
	if err != nil {
		return nil, err
	}
	roles, err := org.AllRoles(v, in)
	if err != nil {
		return nil, err
	}
	ids := make([]id.Person, len(all))
	for i, m := range all {
		ids[i] = m.Person
	}
	people, err := org.PeopleByID(v, ids)
	var objects []manifest.Object[member]
	for _, m := range all {
		objects = append(objects, manifest.Object[member]{ID: string(m.Person), Name: people[m.Person].Login, Spec: member{
			Roles: sorted(rolesNamed(roles, m.Roles)), Manager: people[m.Manager].Login, State: string(m.State),
		}})
	}
	return objects, err
}

func (r *Room) applyMember(tx *store.Tx, c manifest.Change[member]) (store.Event, error) {
	if c.Action == manifest.Delete {
		return r.org.EndMember(tx, c.By, c.Org, id.Person(c.ID))
	}
	who, err := r.org.LoginOf(&tx.View, c.Name)
	if err != nil {
		return store.Event{}, err
	}
	m := org.Member{Org: c.Org, Person: who.ID, State: org.State(c.After.State)}
	if c.Action != manifest.Create {
		if m, err = org.MemberIn(&tx.View, c.Org, who.ID); err != nil {
			return store.Event{}, err
		}
		m.State = org.State(c.After.State)
	}
	roles, err := org.AllRoles(&tx.View, c.Org)
	if err != nil {
		return store.Event{}, err
	}
	m.Roles, m.Manager = rolesByName(roles, c.After.Roles), ""
	if c.After.Manager != "" {
		manager, err := r.org.LoginOf(&tx.View, c.After.Manager)
		if err != nil {
			return store.Event{}, err
		}
		m.Manager = manager.ID
	}
	return r.org.SetMember(tx, c.By, m)
}

// group is a Group as a manifest says it: members by login, groups by name.
type group struct {
	Title   string   `yaml:"title,omitempty"`
	Members []string `yaml:"members,omitempty"`
	Groups  []string `yaml:"groups,omitempty"`
}

func (r *Room) groups() manifest.Kind {
	return manifest.Define(manifest.Definition[group]{
		Name: "Group", InOrg: true, After: []string{"Member"}, Check: checkGroup, Load: loadGroups, Apply: r.applyGroup,
		References: func(s *group) []manifest.Reference {
			return refer(refer(nil, "Member", "members", s.Members...), "Group", "groups", s.Groups...)
		},
	})
}

func checkGroup(name string, s *group) error {
	if s.Title == "" {
		s.Title = name
	}
	s.Members, s.Groups = sorted(s.Members), sorted(s.Groups)
	return nil
}

func loadGroups(v *store.View, in id.Org) ([]manifest.Object[group], error) {
	all, err := org.AllGroups(v, in)
	if err != nil {
		return nil, err
	}
	var ids []id.Person
	names := map[id.Group]string{}
	for _, g := range all {
		ids, names[g.ID] = append(ids, g.Members...), g.Name
	}
	people, err := org.PeopleByID(v, ids)
	var objects []manifest.Object[group]
	for _, g := range all {
		s := group{Title: g.Title}
		for _, who := range g.Members {
			s.Members = append(s.Members, people[who].Login)
		}
		for _, inner := range g.Groups {
			s.Groups = append(s.Groups, names[inner])
		}
		s.Members, s.Groups = sorted(s.Members), sorted(s.Groups)
		objects = append(objects, manifest.Object[group]{ID: string(g.ID), Name: g.Name, Spec: s})
	}
	return objects, err
}

func (r *Room) applyGroup(tx *store.Tx, c manifest.Change[group]) (store.Event, error) {
	if c.Action == manifest.Delete {
		return r.org.EndGroup(tx, c.By, c.Org, id.Group(c.ID))
	}
	g := org.Group{Org: c.Org, ID: id.Group(c.ID), Name: c.Name, Title: c.After.Title}
	all, err := org.AllGroups(&tx.View, c.Org)
	if err != nil {
		return store.Event{}, err
	}
	for _, one := range all {
		if one.ID == g.ID {
			g.Version = one.Version
		}
		if slices.Contains(c.After.Groups, one.Name) {
			g.Groups = append(g.Groups, one.ID)
		}
	}
	for _, login := range c.After.Members {
		who, err := r.org.LoginOf(&tx.View, login)
		if fault.As(err) != nil {
			return store.Event{}, withField(fault.New(fault.Invalid, "group-invalid"), "members", "member-unknown")
		}
		if err != nil {
			return store.Event{}, err
		}
		g.Members = append(g.Members, who.ID)
	}
	return r.org.SetGroup(tx, c.By, g)
}
