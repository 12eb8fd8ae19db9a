// Package arrive has people who come in, or change, with more than every member
// has wait for a second person: one who is invited or made a member, or a list of
// them. It says what is shown of them; the room above makes it.
package arrive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// The sorts of changes.
const (
	Newcomer = "newcomer"
	List     = "people"
)

// Kept is all that it takes to make one.
type Kept struct {
	By     id.Principal // who wants it
	Person org.Person
	Fresh  bool // they are invited; else they are a person already
	Member org.Member
	Groups []id.Group

	File   []byte // of a list
	Invite bool
	Digest string // of its plan
}

// Holder is where it is asked for (← change).
type Holder interface {
	// Hold asks for it, and returns what whoever wanted it is answered. wanted is a
	// Wanted.
	Hold(ctx context.Context, by id.Principal, in id.Org, wanted any) error
}

// Wanted is a change as it is asked for.
type Wanted struct {
	Sort string
	Seen
	Base string // digest of what was seen
	Kept Kept
}

// Seen is what is shown of a change, and what it was computed against.
type Seen struct {
	Thing, Title  string
	Before, After []string // a line for each person
	Against       []string
}

func (s Seen) digest() string {
	text, err := json.Marshal(s)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Make makes a change as by in the caller's write.
type Make = func(tx *store.Tx, by id.Principal) ([]store.Event, error)

// Sort is how changes of one sort are shown and made.
type Sort struct {
	Name     string
	Store    *store.Store
	Register *org.Register
	See      func(v *store.View, in id.Org, k Kept) (Seen, error)
	Ready    func(ctx context.Context, by id.Principal, in id.Org, k Kept) (Make, error)
}

// Hold asks for one.
func (s *Sort) Hold(ctx context.Context, h Holder, in id.Org, k Kept) error {
	var seen Seen
	err := s.Store.Org(in).Read(ctx, func(v *store.View) (err error) {
		seen, err = s.See(v, in, k)
		return err
	})
	if err != nil {
		return err
	}
	return h.Hold(ctx, k.By, in, Wanted{s.Name, seen, seen.digest(), k})
}

// Needs implements change.Other.
func (*Sort) Needs() string { return org.PeopleWrite }

// Base implements change.Other.
func (s *Sort) Base(v *store.View, in id.Org, kept []byte) (string, error) {
	var k Kept
	if err := json.Unmarshal(kept, &k); err != nil {
		return "", err
	}
	seen, err := s.See(v.Org(in), in, k)
	return seen.digest(), err
}

// Prepare implements change.Other.
func (s *Sort) Prepare(ctx context.Context, by id.Principal, in id.Org, kept []byte) (Make, error) {
	var k Kept
	if err := json.Unmarshal(kept, &k); err != nil {
		return nil, err
	}
	return s.Ready(ctx, by, in, k)
}

// Made implements change.Other.
func (s *Sort) Made() { s.Register.Forget() }

// Mailed refuses links that whoever asked would have to hand on: what needs two
// people is no one's to hold in the hand.
func Mailed(drafts ...org.Draft) error {
	if slices.ContainsFunc(drafts, func(d org.Draft) bool { return !d.Link.Empty() }) {
		return fault.New(fault.Unmet, "link-needs-mail")
	}
	return nil
}

// Names are how the roles and groups of an organization are called.
type Names struct {
	Roles  []org.Role
	Groups []org.Group // with who is in them
}

// Line says of a member, in one line, everything that a list can say.
func (n Names) Line(p org.Person, m org.Member, manager string, hash secret.Text) string {
	parts := []string{p.Login + ": " + p.DisplayName}
	for _, part := range [][2]string{
		{"family_name", p.FamilyName},
		{"given_name", p.GivenName},
		{"reading", p.Reading},
		{"email", p.Email},
		{"locale", p.Locale},
		{"time_zone", p.TimeZone},
		{"roles", strings.Join(RoleNames(n.Roles, m.Roles), " ")},
		{"groups", strings.Join(GroupNames(n.Groups, p.ID), " ")},
		{"manager", manager},
	} {
		if part[1] != "" {
			parts = append(parts, part[0]+" "+part[1])
		}
	}
	if !hash.Empty() {
		parts = append(parts, "password_hash "+secret.Redacted)
	}
	return strings.Join(parts, ", ")
}

// Permits says what some roles permit, by name.
func (s *Sort) Permits(v *store.View, in id.Org, roles []id.Role) (string, error) {
	all, err := s.Register.Permits(v, org.Role{Org: in, Includes: roles})
	return strings.Join(all, " "), err
}

// One is what is shown of somebody who comes in.
func (s *Sort) One(v *store.View, in id.Org, k Kept) (Seen, error) {
	p, n := k.Person, Names{}
	if !k.Fresh {
		var err error
		if p, err = s.Register.PersonIn(v, k.Member.Person); err != nil {
			return Seen{}, err
		}
	}
	permits, err := s.Permits(v, in, k.Member.Roles)
	if err != nil {
		return Seen{}, err
	}
	if n.Roles, err = s.Register.RolesIn(v, in); err != nil {
		return Seen{}, err
	}
	all, err := org.AllGroups(v, in)
	for _, g := range all {
		if slices.Contains(k.Groups, g.ID) {
			n.Groups = append(n.Groups, org.Group{Name: g.Name, Members: []id.Person{p.ID}})
		}
	}
	if err != nil {
		return Seen{}, err
	}
	manager, err := org.PeopleByID(v, []id.Person{k.Member.Manager})
	seen := Seen{Thing: "person", Title: p.DisplayName, Against: []string{permits, string(p.State)}}
	if !k.Fresh {
		seen.Thing = string(id.OfPerson(p.ID))
	}
	seen.After = []string{n.Line(p, k.Member, manager[k.Member.Manager].Login, secret.Text{})}
	return seen, err
}

// RoleNames are roles by name, in order.
func RoleNames(all []org.Role, which []id.Role) []string {
	var names []string
	for _, role := range all {
		if slices.Contains(which, role.ID) {
			names = append(names, role.Name)
		}
	}
	slices.Sort(names)
	return names
}

// GroupNames are the groups in which somebody is directly.
func GroupNames(all []org.Group, who id.Person) []string {
	var names []string
	for _, g := range all {
		if slices.Contains(g.Members, who) {
			names = append(names, g.Name)
		}
	}
	return names
}
