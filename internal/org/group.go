package org

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

func (g Group) event(name string, by id.Principal) store.Event {
	return store.Event{Name: name, Org: g.Org, By: by, Target: "group:" + string(g.ID), Fields: map[string]string{
		"name": g.Name, "title": g.Title, "members": strconv.Itoa(len(g.Members)), "groups": strconv.Itoa(len(g.Groups)),
	}}
}

// PutGroup makes a group (g.Version 0; g.ID is made if empty) or changes one,
// members and inner groups included.
func (r *Register) PutGroup(ctx context.Context, by id.Principal, g Group) (Group, error) {
	if g.ID == "" {
		g.ID = id.New[id.Group](r.clock.Now())
	}
	err := r.write(ctx, func(tx *store.Tx) (store.Event, error) { return r.SetGroup(tx, by, g) })
	if err != nil {
		return g, err
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
	if err == nil {
		err = checkGroup(&in.View, &g)
	}
	if err != nil {
		return store.Event{}, err
	}
	name, save := "group.changed", updateGroup
	if g.Version == 0 {
		name, save = "group.added", insertGroup
	}
	if err := save(in, g); err != nil {
		return store.Event{}, err
	}
	return g.event(name, by), fillGroup(in, g)
}

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
	members, err := membersOf(v, g.Members)
	if err != nil {
		return err
	}
	for _, person := range g.Members {
		if _, ok := members[person]; !ok {
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
	nesting, err := groupNesting(v)
	if err != nil {
		return err
	}
	known := map[id.Group]bool{}
	for _, one := range all {
		known[one.ID] = true
	}
	for _, inner := range g.Groups {
		switch {
		case !known[inner] && inner != g.ID:
			bad.Add("groups", "group-unknown")
		case within(nesting, inner)[g.ID]:
			bad.Add("groups", "group-in-itself")
		}
	}
	return nil
}

// within are all groups in a group, itself included.
func within(nesting []pair, which id.Group) map[id.Group]bool {
	seen := map[id.Group]bool{which: true}
	for again := true; again; {
		again = false
		for _, p := range nesting {
			if seen[id.Group(p.a)] && !seen[id.Group(p.b)] {
				seen[id.Group(p.b)], again = true, true
			}
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
	err = r.store.Org(org).Read(ctx, func(v *store.View) (err error) {
		if g, err = groupByID(v, which); err != nil {
			return err
		}
		if g.Members, err = directMembers(v, which); err != nil {
			return err
		}
		nesting, err := groupNesting(v)
		for _, p := range nesting {
			if p.a == string(which) {
				g.Groups = append(g.Groups, id.Group(p.b))
			}
		}
		return err
	})
	return g, err
}

// Groups returns the groups of an organization by name, each with what is
// directly in it, in three statements.
func (r *Register) Groups(ctx context.Context, org id.Org) (all []Group, err error) {
	err = r.store.Org(org).Read(ctx, func(v *store.View) (err error) {
		all, err = groupsOf(v)
		return err
	})
	return all, err
}

func groupsOf(v *store.View) ([]Group, error) {
	all, err := groupsIn(v)
	if err != nil {
		return nil, err
	}
	members, err := groupMembers(v)
	if err != nil {
		return nil, err
	}
	nesting, err := groupNesting(v)
	at := map[string]*Group{}
	for i := range all {
		at[string(all[i].ID)] = &all[i]
	}
	for _, p := range members {
		if g := at[p.a]; g != nil {
			g.Members = append(g.Members, id.Person(p.b))
		}
	}
	for _, p := range nesting {
		if g := at[p.a]; g != nil {
			g.Groups = append(g.Groups, id.Group(p.b))
		}
	}
	return all, err
}

// MembersOf returns everybody who is in a group, directly or through groups in
// it, by identifier.
func (r *Register) MembersOf(ctx context.Context, org id.Org, which id.Group) (all []id.Person, err error) {
	err = r.store.Org(org).Read(ctx, func(v *store.View) error {
		nesting, err := groupNesting(v)
		if err != nil {
			return err
		}
		members, err := groupMembers(v)
		inside := within(nesting, which)
		all = nil
		for _, p := range members {
			if inside[id.Group(p.a)] {
				all = append(all, id.Person(p.b))
			}
		}
		all = distinct(all)
		return err
	})
	return all, err
}

// GroupsOf returns the groups that a member is in, directly or through others.
func (r *Register) GroupsOf(ctx context.Context, org id.Org, who id.Person) (in []Group, err error) {
	err = r.store.Org(org).Read(ctx, func(v *store.View) error {
		in = nil
		all, err := groupsOf(v)
		if err != nil {
			return err
		}
		nesting, err := groupNesting(v)
		for _, g := range all {
			inside := within(nesting, g.ID)
			if slices.ContainsFunc(all, func(o Group) bool { return inside[o.ID] && slices.Contains(o.Members, who) }) {
				in = append(in, g)
			}
		}
		return err
	})
	return in, err
}
