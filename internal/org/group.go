package org

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

func (g Group) event(name string, by id.Principal) store.Event {
	return store.Event{Name: name, Org: g.Org, By: by, Target: "group:" + string(g.ID), Fields: map[string]string{
		"name": g.Name, "title": g.Title, "members": strconv.Itoa(len(g.Members)), "groups": strconv.Itoa(len(g.Groups)),
	}}
}

// fold is what a group is found by.
func (g Group) fold() string { return words.Fold(g.Name + " " + g.Title) }

// PutGroup makes a group (g.Version 0; g.ID is made if empty) or changes one,
// members and inner groups included.
func (r *Register) PutGroup(ctx context.Context, by id.Principal, g Group) (Group, error) {
	if g.ID == "" {
		g.ID = id.New[id.Group](r.clock.Now())
	}
	err := r.write(ctx, func(tx *store.Tx) (store.Event, error) { return r.SetGroup(tx, by, g) })
	if err != nil {
		return g, r.OrHold(ctx, err, by, g.Org, g)
	}
	return r.Group(ctx, g.Org, g.ID)
}

// SetGroup is PutGroup in the caller's write, with g.ID.
func (r *Register) SetGroup(tx *store.Tx, by id.Principal, g Group) (store.Event, error) {
	house, in := tx.House(), tx.House().Org(g.Org)
	p, err := r.powerOf(&house.View, by)
	if err == nil {
		err = p.need(g.Org, GroupWrite)
	}
	if err == nil {
		_, err = orgByID(&house.View, g.Org)
	}
	if err == nil && g.Version != 0 {
		_, err = groupByID(&in.View, g.ID)
	}
	if err == nil {
		err = checkGroup(&in.View, &g)
	}
	if err == nil {
		err = r.held(tx, by, "group:"+string(g.ID), func(v *store.View) (bool, error) { return r.lets(v, g) })
	}
	if err != nil {
		return store.Event{}, err
	}
	if g.Version == 0 {
		if err := insertGroup(in, g); err != nil {
			return store.Event{}, err
		}
		return g.event("group.added", by), fillGroup(in, g)
	}
	if err := updateGroup(in, g); err != nil {
		return store.Event{}, err
	}
	return g.event("group.changed", by), fillGroup(in, g)
}

// GroupMost is how many people, and how many groups, are directly in a group:
// one write changes them all. Larger groups are made of groups.
const GroupMost = 10_000

// checkGroup holds a group to its form: members are members, groups are of the
// same organization, and no group is in itself.
func checkGroup(v *store.View, g *Group) error {
	var bad fault.Checks
	if g.Title = strings.TrimSpace(g.Title); g.Title == "" {
		g.Title = g.Name
	}
	if !NameForm.MatchString(g.Name) {
		bad.Add("name", "name-malformed", "limit", 64)
	}
	checkName(&bad, "title", g.Title)
	g.Members, g.Groups = distinct(g.Members), distinct(g.Groups)
	for path, n := range map[string]int{"members": len(g.Members), "groups": len(g.Groups)} {
		if n > GroupMost {
			bad.Add(path, "list-too-long", "limit", GroupMost)
			return bad.Fault("group-invalid")
		}
	}
	members, err := whichAreMembers(v, g.Members)
	if err != nil {
		return err
	}
	for _, person := range g.Members {
		if !members[person] {
			bad.Add("members", "member-unknown", "person", string(person))
		}
	}
	if err := checkNesting(v, g, &bad); err != nil {
		return err
	}
	if f := bad.Fault("group-invalid"); f != nil {
		return f
	}
	return nil
}

func distinct[T ~string](all []T) []T {
	all = slices.Clone(all)
	slices.Sort(all)
	return slices.Compact(all)
}

func checkNesting(v *store.View, g *Group, bad *fault.Checks) error {
	if len(g.Groups) == 0 {
		return nil
	}
	all, err := groupsIn(v)
	if err != nil {
		return err
	}
	edges, err := groupNesting(v)
	if err != nil {
		return err
	}
	known := map[id.Group]bool{}
	for _, one := range all {
		known[one.ID] = true
	}
	inside := nestingOf(edges)
	for _, inner := range g.Groups {
		switch {
		case !known[inner] && inner != g.ID:
			bad.Add("groups", "group-unknown")
		case inside.from(inner)[g.ID]:
			bad.Add("groups", "group-in-itself")
		}
	}
	return nil
}

// nesting leads from a group to those next to it, inwards or outwards.
type nesting map[id.Group][]id.Group

func nestingOf(edges []pair) nesting {
	n := nesting{}
	for _, e := range edges {
		n[id.Group(e.a)] = append(n[id.Group(e.a)], id.Group(e.b))
	}
	return n
}

// outwards leads from a group to those that it is in.
func outwards(edges []pair) nesting {
	n := nesting{}
	for _, e := range edges {
		n[id.Group(e.b)] = append(n[id.Group(e.b)], id.Group(e.a))
	}
	return n
}

// from are the groups that some lead to, these included.
func (n nesting) from(groups ...id.Group) map[id.Group]bool {
	seen := map[id.Group]bool{}
	for len(groups) > 0 {
		next := groups[0]
		groups = groups[1:]
		if !seen[next] {
			seen[next] = true
			groups = append(groups, n[next]...)
		}
	}
	return seen
}

// DropGroup deletes a group; its members stay members of the organization.
func (r *Register) DropGroup(ctx context.Context, by id.Principal, org id.Org, which id.Group) error {
	return r.write(ctx, func(tx *store.Tx) (store.Event, error) { return r.EndGroup(tx, by, org, which) })
}

// EndGroup is DropGroup in the caller's write.
func (r *Register) EndGroup(tx *store.Tx, by id.Principal, org id.Org, which id.Group) (store.Event, error) {
	house, in := tx.House(), tx.House().Org(org)
	p, err := r.powerOf(&house.View, by)
	if err == nil {
		err = p.need(org, GroupWrite)
	}
	if err != nil {
		return store.Event{}, err
	}
	g, err := groupByID(&in.View, which)
	if err != nil {
		return store.Event{}, err
	}
	return g.event("group.deleted", by), deleteGroup(in, which)
}

// Group returns a group with what is directly in it.
func (r *Register) Group(ctx context.Context, org id.Org, which id.Group) (g Group, err error) {
	err = r.in(org).Read(ctx, func(v *store.View) (err error) {
		if g, err = groupByID(v, which); err != nil {
			return err
		}
		if g.Members, err = directMembers(v, which); err != nil {
			return err
		}
		g.Groups, err = directGroups(v, which)
		return err
	})
	return g, err
}

// Groups returns the groups of an organization by name, each with what is
// directly in it, in three statements: everything there is, for manifests and
// rules. Lists that people read ask GroupPage.
func (r *Register) Groups(ctx context.Context, org id.Org) (all []Group, err error) {
	err = r.in(org).Read(ctx, func(v *store.View) (err error) {
		all, err = groupsOf(v, true)
		return err
	})
	return all, err
}

func groupsOf(v *store.View, lent bool) ([]Group, error) {
	all, err := groupsIn(v)
	if err != nil {
		return nil, err
	}
	members, err := groupMembers(v, lent)
	if err != nil {
		return nil, err
	}
	edges, err := groupNesting(v)
	at := map[string]*Group{}
	for i := range all {
		at[string(all[i].ID)] = &all[i]
	}
	for _, p := range members {
		if g := at[p.a]; g != nil {
			g.Members = append(g.Members, id.Person(p.b))
		}
	}
	for _, p := range edges {
		if g := at[p.a]; g != nil {
			g.Groups = append(g.Groups, id.Group(p.b))
		}
	}
	return all, err
}

// GroupLine is a group in a list.
type GroupLine struct {
	Group         // without what is in it
	People  int64 // directly in it
	Nesting int64 // groups directly in it
}

// GroupPage pages through the groups of an organization by name, with how much
// is directly in each. text finds by any part of name and title. It costs one
// statement; who is in a group is paged by Search with Query.Group.
func (r *Register) GroupPage(ctx context.Context, org id.Org, text, cursor string, limit int) (page []GroupLine, next string, err error) {
	at, err := readCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	limit = bounded(limit)
	err = r.in(org).Read(ctx, func(v *store.View) (err error) {
		page, err = groupsAfter(v, text, at.key, limit+1)
		return err
	})
	if err != nil || len(page) <= limit {
		return page, "", err
	}
	return page[:limit], cursorAt{key: page[limit-1].Name}.String(), nil
}

// MembersOf returns everybody who is in a group, directly or through groups in
// it, by identifier.
func (r *Register) MembersOf(ctx context.Context, org id.Org, which id.Group) (all []id.Person, err error) {
	err = r.in(org).Read(ctx, func(v *store.View) error {
		edges, err := groupNesting(v)
		if err != nil {
			return err
		}
		all, err = membersIn(v, slices.Sorted(maps.Keys(nestingOf(edges).from(which))))
		return err
	})
	return all, err
}

// GroupsOf returns the groups that a member is in, directly or through others,
// by name and without what is in them.
func (r *Register) GroupsOf(ctx context.Context, org id.Org, who id.Person) (in []Group, err error) {
	err = r.in(org).Read(ctx, func(v *store.View) error {
		direct, err := groupsWith(v, who)
		if in = nil; err != nil || len(direct) == 0 {
			return err
		}
		edges, err := groupNesting(v)
		if err != nil {
			return err
		}
		in, err = groupsByID(v, slices.Sorted(maps.Keys(outwards(edges).from(direct...))))
		return err
	})
	return in, err
}
