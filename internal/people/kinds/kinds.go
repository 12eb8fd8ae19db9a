// Package kinds are the kinds of manifests of people and organizations:
// Organization, Person, Role, Member and Group.
package kinds

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// Passwords takes passwords over for new people.
type Passwords interface {
	// Hash makes a hash of a password; it is slow. A password that the policy refuses
	// is a fault.
	Hash(ctx context.Context, who org.Person, password secret.Text) (secret.Text, error)
	// Import gives a new person the hash, in the write that adds them.
	Import(tx *store.Tx, who id.Person, hash secret.Text) error
}

// desk is what they stand on.
type desk struct {
	org       *org.Register
	passwords Passwords // nil: none are taken
}

// Of are the kinds. The rules of org hold in an apply as everywhere: who applies
// makes nobody stronger than themselves.
func Of(register *org.Register, passwords Passwords) []manifest.Kind {
	d := &desk{register, passwords}
	return []manifest.Kind{d.organizations(), d.people(), d.roles(), d.members(), d.groups()}
}

// forget makes this node ask again what people may do.
func (d *desk) forget() { d.org.Forget() }

// organization is an Organization as a manifest says it. Parent is its name.
type organization struct {
	Title       string   `yaml:"title,omitempty"`
	Type        org.Type `yaml:"type,required"`
	Parent      string   `yaml:"parent,omitempty"`
	State       string   `yaml:"state,omitempty"`
	ParentRoles []string `yaml:"parent_roles,omitempty"`
}

func (d *desk) organizations() manifest.Kind {
	return manifest.Define(manifest.Definition[organization]{
		Name: "Organization", Thing: "organization", Organizations: true, Applied: d.forget, Check: checkOrganization, Load: loadOrganizations, Apply: d.applyOrganization,
		Default: func(s *organization) { s.State = string(org.Active) },
		References: func(s *organization) []manifest.Reference {
			return refer(nil, "Organization", "parent", s.Parent)
		},
	})
}

// refer adds references by name; "" refers to nothing.
func refer(refs []manifest.Reference, kind, path string, names ...string) []manifest.Reference {
	for _, name := range names {
		if name != "" {
			refs = append(refs, manifest.Reference{Kind: kind, Name: name, Path: path})
		}
	}
	return refs
}

// titled is a title as it is kept.
func titled(title, name string) string { return cmp.Or(strings.TrimSpace(title), name) }

func sorted(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

func checkOrganization(name string, s *organization) error {
	s.Title = titled(s.Title, name)
	s.ParentRoles = sorted(s.ParentRoles)
	return nil
}

func loadOrganizations(v *store.View, _ id.Org) ([]manifest.Object[organization], error) {
	all, err := org.AllOrganizations(v)
	names := map[id.Org]string{}
	for _, o := range all {
		names[o.ID] = o.Name
	}
	var objects []manifest.Object[organization]
	for _, o := range all {
		objects = append(objects, manifest.Object[organization]{ID: string(o.ID), Name: o.Name, Version: o.Version, Spec: organization{
			Title: o.Title, Type: o.Type, Parent: names[o.Parent], State: string(o.State), ParentRoles: o.ParentRoles,
		}})
	}
	return objects, err
}

func (d *desk) applyOrganization(tx *store.Tx, c manifest.Change[organization]) (store.Event, error) {
	which := id.Org(c.ID)
	if c.Action == manifest.Delete {
		return d.org.EndOrganization(tx, c.By, which)
	}
	o := org.Organization{ID: which}
	var err error
	if c.Action != manifest.Create {
		if o, err = org.OrganizationByID(&tx.View, which); err != nil {
			return store.Event{}, err
		}
	}
	o.Name, o.Title, o.Type, o.State, o.ParentRoles = c.Name, c.After.Title, c.After.Type, org.State(c.After.State), c.After.ParentRoles
	if o.Parent = ""; c.After.Parent != "" {
		o.Parent = id.Org(c.Find("Organization", c.After.Parent))
	}
	return d.org.SetOrganization(tx, c.By, o)
}

// person is a Person as a manifest says it; the name is the login. Whether an
// address is verified is proven and never declared.
type person struct {
	Email       string          `yaml:"email,omitempty"`
	DisplayName string          `yaml:"display_name,omitempty"`
	FamilyName  string          `yaml:"family_name,omitempty"`
	GivenName   string          `yaml:"given_name,omitempty"`
	Reading     string          `yaml:"reading,omitempty"`
	Locale      string          `yaml:"locale,omitempty"`
	TimeZone    string          `yaml:"time_zone,omitempty"`
	State       string          `yaml:"state,omitempty"`
	Password    manifest.Secret `yaml:"password,omitempty"` // at creation only
}

func (d *desk) people() manifest.Kind {
	return manifest.Define(manifest.Definition[person]{
		Name: "Person", Thing: "person", Applied: d.forget, Check: checkPerson, Load: loadPeople, Prepare: d.preparePerson, Apply: d.applyPerson,
		Default: func(s *person) { s.State = string(org.Active) },
	})
}

func (s person) person(login string) org.Person {
	return org.Person{
		Login: login, Email: s.Email, DisplayName: s.DisplayName, FamilyName: s.FamilyName, GivenName: s.GivenName,
		Reading: s.Reading, Locale: s.Locale, TimeZone: s.TimeZone, State: org.State(s.State),
	}
}

func specOf(p org.Person) person {
	return person{
		Email: p.Email, DisplayName: p.DisplayName, FamilyName: p.FamilyName, GivenName: p.GivenName, Reading: p.Reading,
		Locale: p.Locale, TimeZone: p.TimeZone, State: string(p.State), Password: manifest.SecretAtBirth(),
	}
}

func checkPerson(name string, s *person) error {
	p := s.person(name)
	if f := p.Check(); f != nil {
		for i := range f.Fields {
			if f.Fields[i].Path == "login" {
				f.Fields[i].Path = "name"
			}
		}
		return f
	}
	if p.Login != name { // the next apply would not find it by this name
		return withField(fault.New(fault.Invalid, "person-invalid"), "name", "manifest-name-form", "name", p.Login)
	}
	password := s.Password
	*s = specOf(p)
	s.Password = password
	return nil
}

func loadPeople(v *store.View, _ id.Org) ([]manifest.Object[person], error) {
	all, err := org.AllPeople(v)
	var objects []manifest.Object[person]
	for _, p := range all {
		objects = append(objects, manifest.Object[person]{ID: string(p.ID), Name: p.Login, Version: p.Version, Spec: specOf(p)})
	}
	return objects, err
}

// preparePerson hashes the password of somebody new.
func (d *desk) preparePerson(ctx context.Context, name string, s *person) (any, error) {
	password, given := s.Password.Given()
	if !given {
		return nil, nil
	}
	if d.passwords == nil {
		return nil, withField(fault.New(fault.Invalid, "person-invalid"), "password", "import-no-passwords")
	}
	hash, err := d.passwords.Hash(ctx, s.person(name), password)
	if f := fault.As(err); f != nil && f.Kind != fault.Busy && f.Kind != fault.Broken {
		return nil, about("password", f)
	}
	return hash, err
}

func (d *desk) applyPerson(tx *store.Tx, c manifest.Change[person]) (store.Event, error) {
	who := id.Person(c.ID)
	if c.Action == manifest.Delete {
		return d.org.RemovePerson(tx, c.By, who)
	}
	next := c.After.person(c.Name)
	next.ID = who
	if c.Action == manifest.Create {
		next.Created = tx.Now()
		return d.createPerson(tx, c, next)
	}
	now, err := d.org.PersonIn(&tx.View, who)
	if err != nil {
		return store.Event{}, err
	}
	next.Version = now.Version
	return d.org.PutPerson(tx, c.By, next)
}

func (d *desk) createPerson(tx *store.Tx, c manifest.Change[person], p org.Person) (store.Event, error) {
	if err := d.org.Need(&tx.View, c.By, "", org.Everything); err != nil {
		return store.Event{}, err
	}
	event, err := d.org.AddPerson(tx, c.By, p)
	if _, given := c.After.Password.Given(); !given || err != nil || c.Trial {
		return event, err
	}
	hash, ready := c.Ready.(secret.Text)
	if !ready {
		return event, fault.New(fault.Conflict, "manifest-plan-changed")
	}
	return event, d.passwords.Import(tx, p.ID, hash)
}

// withField says which field a fault is about.
func withField(f *fault.Fault, path, code string, pairs ...any) *fault.Fault {
	var bad fault.Checks
	bad.Add(path, code, pairs...)
	f.Fields = bad.Fault("person-invalid").Fields
	return f
}

// about says that a field of a person is refused for what another rule said.
func about(path string, why *fault.Fault) error {
	var bad fault.Checks
	bad.AddFault(path, why)
	return bad.Fault("person-invalid")
}
