package org

import (
	"context"
	"slices"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// Tally is how many of one kind refer to something, and the first few of them
// by name.
type Tally struct {
	Count int64
	First []Called
}

// Called is a thing with the name that lists show.
type Called struct{ ID, Title string }

// fewCalled is how many a tally names.
const fewCalled = 5

// UsesOfPerson counts within an organization whose manager somebody is and the
// groups that they are directly in, at one statement, and one more for each that
// there are.
func (r *Register) UsesOfPerson(ctx context.Context, org id.Org, who id.Person) (reports, groups Tally, err error) {
	err = r.in(org).Read(ctx, func(v *store.View) (err error) {
		reports, groups, err = usesOfPerson(v, who)
		return err
	})
	return reports, groups, err
}

// UsesOfGroup counts who is directly in a group and the groups that it is
// directly in, at four statements.
func (r *Register) UsesOfGroup(ctx context.Context, org id.Org, which id.Group) (members, outer Tally, err error) {
	group := words.Kept(string(which))
	err = r.in(org).Read(ctx, func(v *store.View) (err error) {
		if members, err = tally(v, "group_member m JOIN person p ON p.id = m.person", "p.id, p.display_name", "p.sort", "m.org = $1 AND m.group_id = $2", group); err == nil {
			outer, err = tally(v, "group_group n JOIN people_group g ON g.id = n.group_id", "g.id, g.title", "g.name", "n.org = $1 AND n.inner_id = $2", group)
		}
		return err
	})
	return members, outer, err
}

// UsesOfRole counts who holds a role and the roles that include it, at three
// statements.
func (r *Register) UsesOfRole(ctx context.Context, org id.Org, which id.Role) (holders, including Tally, err error) {
	err = r.in(org).Read(ctx, func(v *store.View) (err error) {
		holders, err = tally(v, "member_role m JOIN person p ON p.id = m.person", "p.id, p.display_name", "p.sort", "m.org = $1 AND m.role = $2", words.Kept(string(which)))
		if err != nil {
			return err
		}
		including = Tally{}
		all, err := rolesIn(v)
		for _, role := range all {
			if slices.Contains(role.Includes, which) {
				including.add(string(role.ID), role.Title)
			}
		}
		return err
	})
	return holders, including, err
}

// UsesOfOrganization counts who is a member of an organization and what stands
// in it, at six statements.
func (r *Register) UsesOfOrganization(ctx context.Context, org id.Org) (members, groups, roles Tally, err error) {
	err = r.in(org).Read(ctx, func(v *store.View) (err error) {
		if members, err = tally(v, "member m JOIN person p ON p.id = m.person", "p.id, p.display_name", "m.sort", "m.org = $1"); err != nil {
			return err
		}
		if groups, err = tally(v, "people_group g", "g.id, g.title", "g.name", "g.org = $1"); err == nil {
			roles, err = tally(v, "role r", "r.id, r.title", "r.name", "r.org = $1")
		}
		return err
	})
	return members, groups, roles, err
}

// CustomersOf counts the organizations directly below one, of those that who
// asks may know of.
func (r *Register) CustomersOf(ctx context.Context, by id.Principal, org id.Org) (below Tally, err error) {
	err = r.store.House().Read(ctx, func(v *store.View) error {
		below = Tally{}
		p, err := r.powerOf(v, by)
		if err != nil {
			return err
		}
		if p.all || p.Holds("", Everything) {
			below, err = tally(v, "org o", "o.id, o.title", "o.title, o.id", "o.parent = $1", words.Kept(string(org)))
			return err
		}
		for _, o := range p.known("", cursorAt{}, mostKnown) {
			if o.Parent == org {
				below.add(string(o.ID), o.Title)
			}
		}
		return nil
	})
	return below, err
}

// mostKnown is more organizations than anybody is given by name.
const mostKnown = 1 << 20

func (t *Tally) add(which, title string) {
	if t.Count++; len(t.First) < fewCalled {
		t.First = append(t.First, Called{which, title})
	}
}
