// Package seat lets memberships in groups and roles of an organization out for
// a time, and takes them back: the hall releases them under a lease like
// anything else that can be asked for.
package seat

import (
	"context"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// KindGroup and KindRole are what can be asked for here.
const (
	KindGroup = "group"
	KindRole  = "role"
)

// Groups are the memberships in groups.
type Groups struct{ Register *org.Register }

// Kind implements request.Releaser and lease.Taker.
func (g Groups) Kind() string { return KindGroup }

// Targets implements request.Releaser.
func (g Groups) Targets(ctx context.Context, s request.Sought) (found []request.Target, err error) {
	page, _, err := g.Register.GroupPage(ctx, s.Org, s.Text, "", s.Limit)
	for _, line := range page {
		found = append(found, groupTarget(line.Group))
	}
	return found, err
}

func groupTarget(g org.Group) request.Target {
	return request.Target{Kind: KindGroup, ID: string(g.ID), Name: g.Name, Title: g.Title, Lent: true}
}

// Check implements request.Releaser.
func (g Groups) Check(v *store.View, a request.Ask) (request.Target, error) {
	group, err := org.GroupIn(v, a.Org, id.Group(a.Target))
	if err != nil {
		return request.Target{}, err
	}
	t := groupTarget(group)
	if err := holder(g.Register, v, a); err != nil || a.Extends != "" {
		return t, err
	}
	in, err := org.IsInGroup(v, a.Org, group.ID, a.For)
	if err == nil && in {
		err = fault.New(fault.Conflict, "held-already", "title", t.Title)
	}
	return t, err
}

// holder refuses who cannot hold anything in the organization now.
func holder(r *org.Register, v *store.View, a request.Ask) error {
	s, err := r.StandingOf(v, a.For, a.Org)
	switch {
	case err != nil:
		return err
	case s.Member == "" || s.Person == org.Deleted:
		return fault.New(fault.NotFound, "person-unknown")
	case s.Person != org.Active || s.Member != org.Active || s.Organization != org.Active:
		return fault.New(fault.Unmet, "holder-not-active")
	}
	return nil
}

// Release implements request.Releaser.
func (g Groups) Release(tx *store.Tx, a request.Ask, by id.Principal) ([]store.Event, error) {
	e, err := g.Register.LendGroup(tx, by, a.Org, id.Group(a.Target), a.For, a.Lease)
	return []store.Event{e}, err
}

// Take implements lease.Taker.
func (g Groups) Take(tx *store.Tx, l lease.Lease) (bool, []store.Event, error) {
	e, there, err := g.Register.ReturnGroup(tx, l.EndedBy, l.Org, id.Group(l.Target), l.Person, l.ID)
	if !there {
		return err == nil, nil, err
	}
	return true, []store.Event{e}, err
}

// Roles are the roles of an organization.
type Roles struct {
	Register *org.Register
	Book     *words.Book
}

// Kind implements request.Releaser and lease.Taker.
func (r Roles) Kind() string { return KindRole }

// Targets implements request.Releaser.
func (r Roles) Targets(ctx context.Context, s request.Sought) (found []request.Target, err error) {
	all, err := r.Register.Roles(ctx, s.Org)
	text := words.Fold(s.Text)
	for _, role := range all {
		t := r.target(role, s.Lang)
		if len(found) < s.Limit && strings.Contains(words.Fold(t.Name+" "+t.Title), text) {
			found = append(found, t)
		}
	}
	return found, err
}

func (r Roles) target(role org.Role, lang words.Lang) request.Target {
	t := request.Target{Kind: KindRole, ID: string(role.ID), Name: role.Name, Title: role.Title, Lent: true}
	if role.BuiltIn {
		t.Title = r.Book.Say(lang, "role."+role.Name, nil)
	}
	for _, p := range role.Permissions {
		t.Facts = append(t.Facts, request.Fact{Key: "ask.fact.permission", Value: p})
	}
	return t
}

// Check implements request.Releaser.
func (r Roles) Check(v *store.View, a request.Ask) (request.Target, error) {
	role, err := r.Register.RoleIn(v, a.Org, id.Role(a.Target))
	if err != nil {
		return request.Target{}, err
	}
	t := r.target(role, words.English)
	if err := holder(r.Register, v, a); err != nil || a.Extends != "" {
		return t, err
	}
	m, err := org.MemberIn(v, a.Org, a.For)
	if err == nil && slices.Contains(m.Roles, role.ID) {
		err = fault.New(fault.Conflict, "held-already", "title", t.Title)
	}
	return t, err
}

// MayLend implements request.Warder: whoever opens a role to asks holds all
// that it permits.
func (r Roles) MayLend(v *store.View, by id.Principal, in id.Org, target string) error {
	which := []id.Role{id.Role(target)}
	if target == "" {
		all, err := r.Register.RolesIn(v.Org(in), in)
		if err != nil {
			return err
		}
		which = nil
		for _, role := range all {
			which = append(which, role.ID)
		}
	}
	return r.Register.MayGive(v, by, in, which)
}

// Release implements request.Releaser.
func (r Roles) Release(tx *store.Tx, a request.Ask, by id.Principal) ([]store.Event, error) {
	e, err := r.Register.LendRole(tx, by, a.Org, id.Role(a.Target), a.For, a.Lease)
	return []store.Event{e}, err
}

// Take implements lease.Taker.
func (r Roles) Take(tx *store.Tx, l lease.Lease) (bool, []store.Event, error) {
	e, there, err := r.Register.ReturnRole(tx, l.EndedBy, l.Org, id.Role(l.Target), l.Person, l.ID)
	if !there {
		return err == nil, nil, err
	}
	return true, []store.Event{e}, err
}
