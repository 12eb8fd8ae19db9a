package foresee

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/web"
	"github.com/sekisho/sekisho/internal/words"
)

// Eye says in sentences what a change would do; no sentence is no consequence.
type Eye struct {
	Visit    *web.Visit
	Org      id.Org // where the change is
	Register *org.Register
	Book     *words.Book
	// Held counts the sessions and tokens that end with an account; nil: nobody
	// knows. A fault is for who may not know.
	Held func(ctx context.Context, by id.Principal, in id.Org, who id.Person) (sessions, tokens int64, err error)
	// Asked says what people are asked for at sign-in when others are in groups,
	// by group who will be in it; nil: nobody knows.
	Asked func(v *web.Visit, in id.Org, later map[id.Group][]id.Person) ([]string, error)
}

func (e Eye) say(key string, args ...any) string { return e.Visit.Say("people.foresee."+key, args...) }

// changes says what is gained and lost; about begins the keys of the sentences.
func (e Eye) changes(about string, before, after []string, args ...any) (lines []string) {
	gains, loses := Difference(before, after)
	for i, names := range [][]string{gains, loses} {
		if len(names) > 0 {
			lines = append(lines, e.say(about+[]string{".gains", ".loses"}[i], append(slices.Clone(args), "list", e.permissions(names))...))
		}
	}
	return lines
}

// permissions says permissions in the reader's language.
func (e Eye) permissions(names []string) string {
	said := make([]string, len(names))
	for i, name := range names {
		said[i] = name
		if key := "permission." + name; e.Book.Has(key) {
			said[i] = e.Visit.Say(key)
		}
	}
	return strings.Join(said, e.Visit.Say("people.comma"))
}

// self adds that the reader changes what they are themselves.
func (e Eye) self(lines []string, who id.Person) []string {
	if len(lines) > 0 && e.Visit.Actor().Principal == id.OfPerson(who) {
		return append(lines, e.say("you"))
	}
	return lines
}

// Seat is a change of somebody's roles.
func (e Eye) Seat(p org.Person, before, after []id.Role) ([]string, error) {
	all, err := e.Register.Roles(e.Visit.Context(), e.Org)
	return e.self(e.changes("person", Permits(all, before), Permits(all, after), "name", p.DisplayName), p.ID), err
}

// Member is a change of somebody's roles and of the state of their membership.
func (e Eye) Member(before, after org.Member) ([]string, error) {
	p, err := e.Register.Person(e.Visit.Context(), before.Person)
	if err != nil {
		return nil, err
	}
	lines, err := e.Seat(p, before.Roles, after.Roles)
	if err != nil || after.State != org.Disabled || before.State == org.Disabled {
		return lines, err
	}
	ends, err := e.State(p, true, false)
	return append(lines, ends...), err
}

// Role is a change of what a role permits and includes, for all who hold it, by
// itself or by a role that includes it.
func (e Eye) Role(which id.Role, permits []string, includes []id.Role) ([]string, error) {
	if which == "" { // nobody holds it yet
		return nil, nil
	}
	all, err := e.Register.Roles(e.Visit.Context(), e.Org)
	if err != nil {
		return nil, err
	}
	var holders []id.Person
	for _, one := range Reach(all, which) {
		who, err := e.Register.Holders(e.Visit.Context(), e.Org, one)
		if err != nil {
			return nil, err
		}
		holders = append(holders, who...)
	}
	slices.Sort(holders)
	if holders = slices.Compact(holders); len(holders) == 0 {
		return nil, nil
	}
	after := append(Permits(all, includes), permits...)
	slices.Sort(after)
	return e.changes("role", Permits(all, []id.Role{which}), slices.Compact(after), "count", len(holders)), nil
}

// Group is a change of who is in a group and of the groups within it. A member
// who comes or goes is no consequence; that they come into other groups with it,
// or are asked for more at sign-in, is.
func (e Eye) Group(after org.Group) (lines []string, err error) {
	if after.ID == "" {
		return nil, nil
	}
	all, err := e.Register.Groups(e.Visit.Context(), e.Org)
	i := slices.IndexFunc(all, func(g org.Group) bool { return g.ID == after.ID })
	if err != nil || i < 0 {
		return nil, err
	}
	nested := !slices.Equal(slices.Sorted(slices.Values(all[i].Groups)), slices.Sorted(slices.Values(after.Groups)))
	now := Everybody(all, after.ID)
	all[i].Members, all[i].Groups = after.Members, after.Groups
	then := Everybody(all, after.ID)
	in, out := Difference(texts(now), texts(then))
	if len(in)+len(out) == 0 {
		return nil, nil
	}
	later, outer := map[id.Group][]id.Person{after.ID: then}, []string{}
	for _, g := range Around(all, after.ID) {
		later[g.ID], outer = Everybody(all, g.ID), append(outer, g.Title)
	}
	if e.Asked != nil {
		lines, err = e.Asked(e.Visit, e.Org, later)
	}
	if len(outer) > 0 {
		lines = append([]string{e.say("group.around", "list", strings.Join(outer, e.Visit.Say("people.comma")))}, lines...)
	}
	if nested || len(lines) > 0 {
		lines = append([]string{e.say("group", "in", len(in), "out", len(out), "all", len(then))}, lines...)
	}
	return lines, err
}

func texts(all []id.Person) []string {
	text := make([]string, len(all))
	for i, one := range all {
		text[i] = string(one)
	}
	return text
}

// State is the end of a membership, of an account, or of both.
func (e Eye) State(p org.Person, member, account bool) (lines []string, err error) {
	if member {
		lines = append(lines, e.say("member", "name", p.DisplayName))
	}
	if account {
		held, err := e.held(p.ID)
		if err != nil {
			return nil, err
		}
		lines = append(append(lines, e.say("account", "name", p.DisplayName)), held...)
	}
	return e.self(lines, p.ID), nil
}

func (e Eye) held(who id.Person) ([]string, error) {
	if e.Held == nil {
		return nil, nil
	}
	sessions, tokens, err := e.Held(e.Visit.Context(), e.Visit.Actor().Principal, e.Org, who)
	if fault.As(err) != nil {
		return nil, nil
	}
	return []string{e.say("held", "sessions", strconv.FormatInt(sessions, 10), "tokens", strconv.FormatInt(tokens, 10))}, err
}

// Organization is a change of what the organization above may do in one, and
// its closing.
func (e Eye) Organization(o org.Organization, parentRoles []id.Role, closes bool) (lines []string) {
	if o.Parent != "" {
		all := e.Register.BuiltIn(o)
		var before []id.Role
		for _, role := range o.ParentRoles {
			before = append(before, id.Role(role))
		}
		lines = e.changes("parent", Permits(all, before), Permits(all, parentRoles))
	}
	if closes {
		lines = append(lines, e.say("closed", "title", o.Title))
	}
	return lines
}

// Turned is Organization between two states of it.
func (e Eye) Turned(before, after org.Organization) []string {
	roles := make([]id.Role, len(after.ParentRoles))
	for i, role := range after.ParentRoles {
		roles[i] = id.Role(role)
	}
	return e.Organization(before, roles, after.State == org.Disabled && before.State != org.Disabled)
}
