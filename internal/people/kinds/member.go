package kinds

import (
	"slices"

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

func (d *desk) roles() manifest.Kind {
	return manifest.Define(manifest.Definition[role]{
		Name: "Role", Thing: "role", Applied: d.forget, InOrg: true, After: []string{"Organization"}, Check: checkRole, Load: loadRoles, Apply: d.applyRole,
		References: func(s *role) []manifest.Reference {
			return refer(nil, "Role", "includes", custom(s.Includes)...)
		},
	})
}

func checkRole(name string, s *role) error {
	s.Title = titled(s.Title, name)
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
		objects = append(objects, manifest.Object[role]{ID: string(one.ID), Name: one.Name, Version: one.Version, Spec: role{
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

// rolesByName finds roles by the names that manifests call them; a built-in one
// is its own name.
func rolesByName(find func(kind, name string) string, names []string) []id.Role {
	which := make([]id.Role, len(names))
	for i, name := range names {
		if which[i] = id.Role(name); !slices.Contains(builtIn, name) {
			which[i] = id.Role(find("Role", name))
		}
	}
	return which
}

func (d *desk) applyRole(tx *store.Tx, c manifest.Change[role]) (store.Event, error) {
	if c.Action == manifest.Delete {
		return d.org.EndRole(tx, c.By, c.Org, id.Role(c.ID))
	}
	return d.org.SetRole(tx, c.By, org.Role{
		Org: c.Org, ID: id.Role(c.ID), Name: c.Name, Title: c.After.Title, Permissions: c.After.Permissions,
		Includes: rolesByName(c.Find, c.After.Includes), Version: c.Version,
	})
}

// member is a Member as a manifest says it; the name is the login.
type member struct {
	Roles   []string `yaml:"roles,omitempty"`
	Manager string   `yaml:"manager,omitempty"` // a login
	State   string   `yaml:"state,omitempty"`
}

func (d *desk) members() manifest.Kind {
	return manifest.Define(manifest.Definition[member]{
		Name: "Member", Thing: "person", NamedBy: "Person", Applied: d.forget, InOrg: true, After: []string{"Organization", "Person", "Role"}, Check: checkMember, Load: loadMembers, Apply: d.applyMember,
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
		objects = append(objects, manifest.Object[member]{ID: string(m.Person), Name: people[m.Person].Login, Version: m.Version, Spec: member{
			Roles: sorted(rolesNamed(roles, m.Roles)), Manager: people[m.Manager].Login, State: string(m.State),
		}})
	}
	return objects, err
}

func (d *desk) applyMember(tx *store.Tx, c manifest.Change[member]) (store.Event, error) {
	if c.Action == manifest.Delete {
		return d.org.EndMember(tx, c.By, c.Org, id.Person(c.ID))
	}
	m := org.Member{
		Org: c.Org, Person: id.Person(c.Find("Person", c.Name)), State: org.State(c.After.State),
		Roles: rolesByName(c.Find, c.After.Roles), Version: c.Version,
	}
	if c.After.Manager != "" {
		m.Manager = id.Person(c.Find("Member", c.After.Manager))
	}
	return d.org.SetMember(tx, c.By, m)
}

// group is a Group as a manifest says it: members by login, groups by name.
type group struct {
	Title   string   `yaml:"title,omitempty"`
	Members []string `yaml:"members,omitempty"`
	Groups  []string `yaml:"groups,omitempty"`
}

func (d *desk) groups() manifest.Kind {
	return manifest.Define(manifest.Definition[group]{
		Name: "Group", Thing: "group", InOrg: true, After: []string{"Member"}, Check: checkGroup, Load: loadGroups, Apply: d.applyGroup,
		References: func(s *group) []manifest.Reference {
			return refer(refer(nil, "Member", "members", s.Members...), "Group", "groups", s.Groups...)
		},
	})
}

func checkGroup(name string, s *group) error {
	s.Title = titled(s.Title, name)
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
		objects = append(objects, manifest.Object[group]{ID: string(g.ID), Name: g.Name, Version: g.Version, Spec: s})
	}
	return objects, err
}

func (d *desk) applyGroup(tx *store.Tx, c manifest.Change[group]) (store.Event, error) {
	if c.Action == manifest.Delete {
		return d.org.EndGroup(tx, c.By, c.Org, id.Group(c.ID))
	}
	g := org.Group{Org: c.Org, ID: id.Group(c.ID), Name: c.Name, Title: c.After.Title, Version: c.Version}
	for _, inner := range c.After.Groups {
		g.Groups = append(g.Groups, id.Group(c.Find("Group", inner)))
	}
	for _, login := range c.After.Members {
		g.Members = append(g.Members, id.Person(c.Find("Member", login)))
	}
	return d.org.SetGroup(tx, c.By, g)
}
