package org_test

import (
	"slices"
	"testing"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// Groups in groups: who is in one through others, and no circles.
func TestGroups(t *testing.T) {
	each(t, func(t *testing.T, r *org.Register, s *store.Store) {
		c := newCompany(t, r, s)
		group := func(name string, members []id.Person, inner ...id.Group) org.Group {
			t.Helper()
			g, err := r.PutGroup(ctx, root, org.Group{Org: c.kaede.ID, Name: name, Members: members, Groups: inner})
			if err != nil {
				t.Fatal(err)
			}
			return g
		}
		tokyo := group("tokyo", []id.Person{c.emi.ID, c.emi.ID})
		osaka := group("osaka", []id.Person{c.aoi.ID})
		sales := group("sales", []id.Person{c.chika.ID}, tokyo.ID, osaka.ID)
		whole := group("whole", nil, sales.ID, tokyo.ID)
		everybody := []id.Person{c.chika.ID, c.aoi.ID, c.emi.ID}
		slices.Sort(everybody)
		if got, err := r.MembersOf(ctx, c.kaede.ID, whole.ID); err != nil || !slices.Equal(got, everybody) {
			t.Errorf("in the whole: %v %v", got, err)
		}
		got, err := r.GroupsOf(ctx, c.kaede.ID, c.emi.ID)
		if err != nil || len(got) != 3 || got[0].Name != "sales" || got[1].Name != "tokyo" || got[2].Name != "whole" {
			t.Errorf("the groups of one: %+v %v", got, err)
		}
		page, next, err := r.GroupPage(ctx, c.kaede.ID, "", "", 3)
		if err != nil || next == "" || len(page) != 3 || page[1].Name != "sales" || page[1].People != 1 || page[1].Nesting != 2 {
			t.Errorf("page: %+v %v", page, err)
		}
		if page, next, err = r.GroupPage(ctx, c.kaede.ID, "", next, 3); err != nil || next != "" || len(page) != 1 || page[0].Name != "whole" {
			t.Errorf("next page: %+v %v", page, err)
		}
		if page, _, err = r.GroupPage(ctx, c.kaede.ID, "ＯＳＡ", "", 0); err != nil || len(page) != 1 {
			t.Errorf("found: %+v %v", page, err)
		}
		if found, err := r.Search(ctx, org.Query{Org: c.kaede.ID, Group: sales.ID}); err != nil || len(found.People) != 1 || found.People[0].ID != c.chika.ID {
			t.Errorf("who is in a group: %+v %v", found, err)
		}
		momiji, err := r.PutGroup(ctx, root, org.Group{Org: c.momiji.ID, Name: "sales"})
		if err != nil {
			t.Fatal(err)
		}
		change := func(g org.Group, f func(*org.Group)) error {
			f(&g)
			_, err := r.PutGroup(ctx, root, g)
			return err
		}
		for _, try := range []struct {
			name, want string
			err        error
		}{
			{"in itself", "group-invalid", change(tokyo, func(g *org.Group) { g.Groups = []id.Group{tokyo.ID} })},
			{"in itself through others", "group-invalid", change(tokyo, func(g *org.Group) { g.Groups = []id.Group{whole.ID} })},
			{"R4 a group of another organization", "group-invalid", change(tokyo, func(g *org.Group) { g.Groups = []id.Group{momiji.ID} })},
			{"R4 somebody of another organization", "group-invalid", change(tokyo, func(g *org.Group) { g.Members = []id.Person{c.botan.ID} })},
			{"nobody", "group-invalid", change(tokyo, func(g *org.Group) { g.Members = []id.Person{"\x00"} })},
			{"a name that is taken", "group-name-taken", change(tokyo, func(g *org.Group) { g.Name = "osaka" })},
			{"R4 changed from another organization", "group-unknown", change(momiji, func(g *org.Group) { g.Org = c.kaede.ID })},
			{"R4 ended from another organization", "group-unknown", r.DropGroup(ctx, root, c.kaede.ID, momiji.ID)},
			{"without the permission", "not-permitted", r.DropGroup(ctx, by(c.emi), c.kaede.ID, tokyo.ID)},
		} {
			if fault.Code(try.err) != try.want {
				t.Errorf("%s: want %s, got %v", try.name, try.want, try.err)
			}
		}
		if err := r.DropGroup(ctx, root, c.kaede.ID, tokyo.ID); err != nil {
			t.Fatal(err)
		}
		if g, err := r.Group(ctx, c.kaede.ID, whole.ID); err != nil || !slices.Equal(g.Groups, []id.Group{sales.ID}) {
			t.Errorf("a deleted group stays in another: %+v %v", g, err)
		}
	})
}

// Roles: names are taken once, circles are refused, what is included stays.
func TestRoles(t *testing.T) {
	each(t, func(t *testing.T, r *org.Register, s *store.Store) {
		c := newCompany(t, r, s)
		role := func(name string, includes ...id.Role) org.Role {
			t.Helper()
			saved, err := r.PutRole(ctx, root, org.Role{Org: c.kaede.ID, Name: name, Permissions: []string{org.PeopleRead}, Includes: includes})
			if err != nil {
				t.Fatal(err)
			}
			return saved
		}
		reader := role("reader")
		writer := role("writer", reader.ID, org.Auditor)
		change := func(role org.Role, f func(*org.Role)) error {
			f(&role)
			_, err := r.PutRole(ctx, root, role)
			return err
		}
		for _, try := range []struct {
			name, want string
			err        error
		}{
			{"in itself", "role-invalid", change(reader, func(r *org.Role) { r.Includes = []id.Role{reader.ID} })},
			{"in itself through others", "role-invalid", change(reader, func(r *org.Role) { r.Includes = []id.Role{writer.ID} })},
			{"a name that is taken", "role-name-taken", change(reader, func(r *org.Role) { r.Name = "writer" })},
			{"A123 the name of a built-in one", "role-invalid", change(reader, func(r *org.Role) { r.Name = "administrator" })},
			{"A123 the name of a built-in one, in capitals", "role-invalid", change(reader, func(r *org.Role) { r.Name = "Administrator" })},
			{"A123 the identifier of a built-in one", "role-invalid", change(org.Role{}, func(r *org.Role) { r.Org, r.ID, r.Name = c.kaede.ID, org.Administrator, "mine" })},
			{"no permission of ours", "role-invalid", change(reader, func(r *org.Role) { r.Permissions = []string{"everything"} })},
			{"R4 from another organization", "role-unknown-here", change(reader, func(r *org.Role) { r.Org = c.momiji.ID })},
			{"R4 ended from another organization", "role-unknown-here", r.DropRole(ctx, root, c.momiji.ID, reader.ID)},
			{"included", "role-included", r.DropRole(ctx, root, c.kaede.ID, reader.ID)},
		} {
			if fault.Code(try.err) != try.want {
				t.Errorf("%s: want %s, got %v", try.name, try.want, try.err)
			}
		}
		c.member(c.kaede, c.emi, writer.ID)
		want := []id.Role{writer.ID, reader.ID, org.Auditor, org.User}
		slices.Sort(want)
		if g, err := r.Grants(ctx, c.emi.ID); err != nil || !slices.Equal(g.Roles(c.kaede.ID), want) {
			t.Errorf("what is included counts: %v %v", g.Roles(c.kaede.ID), err)
		}
		if err := r.DropRole(ctx, root, c.kaede.ID, writer.ID); err != nil {
			t.Fatal(err)
		}
		if g, err := r.Grants(ctx, c.emi.ID); err != nil || g.Holds(c.kaede.ID, org.PeopleRead) {
			t.Errorf("a deleted role is held: %v", err)
		}
	})
}
