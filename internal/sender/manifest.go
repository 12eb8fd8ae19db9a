package sender

import (
	"slices"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/jws"
)

// senderSpec is a sender as a manifest says it: people by login, groups by name.
// Tokens are no part of it: their values are shown once.
type senderSpec struct {
	Title      string       `yaml:"title,omitempty"`
	Role       string       `yaml:"role,omitempty"`
	Audience   audienceSpec `yaml:"audience,omitempty"`
	Callback   string       `yaml:"callback,omitempty"`
	Signature  string       `yaml:"signature,omitempty"`
	Alg        string       `yaml:"alg,omitempty"`
	QuietHours string       `yaml:"quiet_hours,omitempty"`
	Rate       int          `yaml:"rate,omitempty"`
	Networks   []string     `yaml:"networks,omitempty"`
	Templates  []Template   `yaml:"templates,omitempty"`
	Enabled    bool         `yaml:"enabled"`
}

type audienceSpec struct {
	Everybody bool     `yaml:"everybody,omitempty"`
	People    []string `yaml:"people,omitempty"`
	Groups    []string `yaml:"groups,omitempty"`
}

// The words of quiet_hours.
const (
	quietKept   = "keep"
	quietPassed = "urgent-passes"
)

// Kind is the manifest kind CardSender.
func (r *Room) Kind() manifest.Kind {
	return manifest.Define(manifest.Definition[senderSpec]{
		Name: "CardSender", Thing: "card-sender", InOrg: true, After: []string{"Group", "Member"}, Default: func(s *senderSpec) { s.Enabled = true },
		Check: checkSpec, References: references, Load: load, Apply: r.apply, Applied: r.tokens.clear,
	})
}

func references(s *senderSpec) (all []manifest.Reference) {
	for _, login := range s.Audience.People {
		all = append(all, manifest.Reference{Kind: "Member", Name: login, Path: "audience.people"})
	}
	for _, name := range s.Audience.Groups {
		all = append(all, manifest.Reference{Kind: "Group", Name: name, Path: "audience.groups"})
	}
	return all
}

// sender is the sender that a spec describes, in which find makes identifiers of
// names.
func (s *senderSpec) sender(name string, find func(kind, name string) string) Sender {
	out := Sender{
		Name: name, Title: s.Title, Role: Role(s.Role), Callback: s.Callback, Signature: Signature(s.Signature), Alg: jws.Alg(s.Alg),
		Audience: Audience{Everybody: s.Audience.Everybody}, Templates: slices.Clone(s.Templates), Networks: s.Networks,
		Urgent: s.QuietHours == quietPassed, Rate: s.Rate, Enabled: s.Enabled,
	}
	for _, login := range s.Audience.People {
		out.Audience.People = append(out.Audience.People, id.Person(find("Member", login)))
	}
	for _, group := range s.Audience.Groups {
		out.Audience.Groups = append(out.Audience.Groups, id.Group(find("Group", group)))
	}
	return out
}

// specOf is the spec of a sender, in which names has what its audience is called.
// Who is gone is left out.
func specOf(s Sender, names calls) senderSpec {
	spec := senderSpec{
		Title: s.Title, Role: string(s.Role), Callback: s.Callback, Signature: string(s.Signature), Alg: string(s.Alg), QuietHours: quietKept,
		Rate: s.Rate, Networks: s.Networks, Templates: s.Templates, Enabled: s.Enabled, Audience: audienceSpec{Everybody: s.Audience.Everybody},
	}
	if s.Urgent {
		spec.QuietHours = quietPassed
	}
	for _, who := range s.Audience.People {
		if login := names.people[who]; login != "" {
			spec.Audience.People = append(spec.Audience.People, login)
		}
	}
	for _, g := range s.Audience.Groups {
		if name := names.groups[g]; name != "" {
			spec.Audience.Groups = append(spec.Audience.Groups, name)
		}
	}
	slices.Sort(spec.Audience.People)
	slices.Sort(spec.Audience.Groups)
	return spec
}

// checkSpec holds a document to the rules, with names in the place of
// identifiers, and brings it into the form in which it is loaded.
func checkSpec(name string, s *senderSpec) error {
	if s.QuietHours == "" {
		s.QuietHours = quietKept
	}
	out := s.sender(name, func(_, name string) string { return name })
	f := out.Settle()
	if s.QuietHours != quietKept && s.QuietHours != quietPassed {
		if f == nil {
			f = fault.New(fault.Invalid, "sender-invalid")
		}
		f.Fields = append(f.Fields, fault.Field{Path: "quiet_hours", Code: "field-wrong"})
	}
	if f != nil {
		return f
	}
	same := calls{map[id.Person]string{}, map[id.Group]string{}}
	for _, who := range out.Audience.People {
		same.people[who] = string(who)
	}
	for _, g := range out.Audience.Groups {
		same.groups[g] = string(g)
	}
	*s = specOf(out, same)
	return nil
}

// calls are what people and groups of an organization are called.
type calls struct {
	people map[id.Person]string // login
	groups map[id.Group]string  // name
}

func callsIn(v *store.View, in id.Org) (calls, error) {
	c := calls{map[id.Person]string{}, map[id.Group]string{}}
	members, err := org.AllMembers(v, in)
	if err != nil {
		return c, err
	}
	who := make([]id.Person, len(members))
	for i, m := range members {
		who[i] = m.Person
	}
	people, err := org.PeopleByID(v, who)
	if err != nil {
		return c, err
	}
	for _, p := range people {
		c.people[p.ID] = p.Login
	}
	groups, err := org.AllGroups(v, in)
	for _, g := range groups {
		c.groups[g.ID] = g.Name
	}
	return c, err
}

func load(v *store.View, in id.Org) (objects []manifest.Object[senderSpec], err error) {
	all, err := sendersOf(v.Org(in))
	if err != nil || len(all) == 0 {
		return nil, err
	}
	names, err := callsIn(v, in)
	for _, s := range all {
		objects = append(objects, manifest.Object[senderSpec]{ID: string(s.ID), Name: s.Name, Version: s.Revision, Spec: specOf(s, names)})
	}
	return objects, err
}

func (r *Room) apply(tx *store.Tx, c manifest.Change[senderSpec]) (store.Event, error) {
	in := tx.Org(c.Org)
	if c.Action == manifest.Delete {
		return r.EndIn(in, c.By, c.Org, id.Sender(c.ID))
	}
	s := c.After.sender(c.Name, c.Find)
	s.ID, s.Org, s.Revision = id.Sender(c.ID), c.Org, c.Version
	return r.PutIn(in, c.By, &s)
}
