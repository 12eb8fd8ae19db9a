package paper

import (
	"strings"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// kinds are the kinds of manifests whose objects papers name, by the word before
// the colon.
var kinds = map[string]string{"person": "Member", "group": "Group", "role": "Role"}

// Calls are how things of an organization are called: identifiers by name, and
// back.
type Calls struct {
	names, ids map[string]string
	titles     map[string]string
}

func (c Calls) add(kind, which, name, title string) {
	c.names[kind+":"+which], c.ids[kind+":"+name] = kind+":"+name, kind+":"+which
	if title == "" {
		title = name
	}
	c.titles[kind+":"+which] = title
}

// Name is person:LOGIN of person:ID and so on; what is gone keeps its
// identifier.
func (c Calls) Name(text string) string {
	if name := c.names[text]; name != "" {
		return name
	}
	return text
}

// ID is person:ID of person:LOGIN and so on, "" for what is not there. What
// names nothing of the organization is itself.
func (c Calls) ID(text string) string {
	kind, name, _ := strings.Cut(text, ":")
	if kinds[kind] == "" || kind == "role" && org.IsBuiltIn(name) {
		return text
	}
	return c.ids[text]
}

// Title is how people call person:ID and so on.
func (c Calls) Title(text string) string {
	if title := c.titles[text]; title != "" {
		return title
	}
	return text
}

// callsOf reads how things are called in an organization.
func callsOf(v *store.View, in id.Org) (Calls, error) {
	c := Calls{map[string]string{}, map[string]string{}, map[string]string{}}
	for _, role := range org.BuiltInRoles() {
		c.names["role:"+string(role)] = "role:" + string(role)
	}
	members, err := org.AllMembers(v, in)
	if err != nil {
		return c, err
	}
	var who []id.Person
	for _, m := range members {
		who = append(who, m.Person)
	}
	people, err := org.PeopleByID(v, who)
	if err != nil {
		return c, err
	}
	for _, p := range people {
		c.add("person", string(p.ID), p.Login, p.DisplayName)
	}
	groups, err := org.AllGroups(v, in)
	if err != nil {
		return c, err
	}
	for _, g := range groups {
		c.add("group", string(g.ID), g.Name, g.Title)
	}
	roles, err := org.AllRoles(v, in)
	for _, r := range roles {
		c.add("role", string(r.ID), r.Name, r.Title)
	}
	return c, err
}
