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
	Register *org.Register
	Book     *words.Book
	// Held counts the sessions and tokens that end with an account; nil: nobody
	// knows. A fault is for who may not know.
	Held func(ctx context.Context, by id.Principal, in id.Org, who id.Person) (sessions, tokens int64, err error)
}

func (e Eye) here() id.Org { return e.Visit.Actor().Org }

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
	all, err := e.Register.Roles(e.Visit.Context(), e.here())
	return e.self(e.changes("person", Permits(all, before), Permits(all, after), "name", p.DisplayName), p.ID), err
}

// Role is a change of what a role permits and includes, for all who hold it, by
// itself or by a role that includes it.
func (e Eye) Role(which id.Role, permits []string, includes []id.Role) ([]string, error) {
	if which == "" { // nobody holds it yet
		return nil, nil
	}
	all, err := e.Register.Roles(e.Visit.Context(), e.here())
	if err != nil {
		return nil, err
	}
	var holders []id.Person
	for _, one := range Reach(all, which) {
		who, err := e.Register.Holders(e.Visit.Context(), e.here(), one)
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

// Group is a change of the groups within one.
func (e Eye) Group(g org.Group, inner []id.Group) ([]string, error) {
	if g.ID == "" {
		return nil, nil
	}
	before, err := e.Register.MembersOf(e.Visit.Context(), e.here(), g.ID)
	if err != nil {
		return nil, err
	}
	after := slices.Clone(g.Members)
	for _, one := range inner {
		some, err := e.Register.MembersOf(e.Visit.Context(), e.here(), one)
		if err != nil {
			return nil, err
		}
		after = append(after, some...)
	}
	slices.Sort(after)
	after = slices.Compact(after)
	in, out := Difference(texts(before), texts(after))
	if len(in)+len(out) == 0 {
		return nil, nil
	}
	return []string{e.say("group", "in", len(in), "out", len(out), "all", len(after))}, nil
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
	sessions, tokens, err := e.Held(e.Visit.Context(), e.Visit.Actor().Principal, e.here(), who)
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
