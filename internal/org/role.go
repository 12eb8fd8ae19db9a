package org

import (
	"context"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

func (r Role) event(name string, by id.Principal) store.Event {
	includes := make([]string, len(r.Includes))
	for i, role := range r.Includes {
		includes[i] = string(role)
	}
	return store.Event{Name: name, Org: r.Org, By: by, Target: "role:" + string(r.ID), Fields: map[string]string{
		"name": r.Name, "title": r.Title, "permissions": strings.Join(r.Permissions, " "), "includes": strings.Join(includes, " "),
	}}
}

// PutRole makes a role (role.Version 0; role.ID is made if empty) or changes
// one. Who acts holds RoleWrite and everything that the role permits, before
// and after.
func (r *Register) PutRole(ctx context.Context, by id.Principal, role Role) (Role, error) {
	if role.ID == "" {
		role.ID = id.New[id.Role](r.clock.Now())
	}
	if r.holder != nil {
		return role, r.holder.Hold(ctx, by, role.Org, role)
	}
	err := r.write(ctx, func(tx *store.Tx) (store.Event, error) { return r.SetRole(tx, by, role) })
	if err != nil {
		return role, err
	}
	return r.Role(ctx, role.Org, role.ID)
}

// SetRole is PutRole in the caller's write, with role.ID.
func (r *Register) SetRole(tx *store.Tx, by id.Principal, role Role) (store.Event, error) {
	if r.holder != nil && !tx.Lifted("role:"+string(role.ID)) {
		return store.Event{}, store.ErrHeld
	}
	house, in := tx.House(), tx.House().Org(role.Org)
	p, err := r.powerOf(&house.View, by)
	if err == nil {
		err = p.need(role.Org, RoleWrite)
	}
	if err != nil {
		return store.Event{}, err
	}
	o, err := orgByID(&house.View, role.Org)
	if err != nil {
		return store.Event{}, err
	}
	all, err := rolesIn(&in.View)
	if err != nil {
		return store.Event{}, err
	}
	if role.Version != 0 && !slices.ContainsFunc(all, func(c Role) bool { return c.ID == role.ID }) {
		return store.Event{}, errNoRole
	}
	if err := r.checkRole(o, all, &role); err != nil {
		return store.Event{}, err
	}
	if slices.ContainsFunc(all, func(c Role) bool { return c.Name == role.Name && c.ID != role.ID }) {
		return store.Event{}, fault.New(fault.Conflict, "role-name-taken", "name", role.Name)
	}
	if err := r.mayWriteRole(&in.View, p, o, role, all); err != nil {
		return store.Event{}, err
	}
	if role.Version == 0 {
		return role.event("role.added", by), insertRole(in, role)
	}
	return role.event("role.changed", by), updateRole(in, role)
}

// mayWriteRole holds a role, as it is and as it shall be, to what who acts has.
func (r *Register) mayWriteRole(v *store.View, p power, o Organization, role Role, all []Role) error {
	next, _, err := r.resolve(v, o, role.Includes)
	if err != nil {
		return err
	}
	next.add(role.Permissions...)
	if slices.ContainsFunc(all, func(c Role) bool { return c.ID == role.ID }) {
		now, _, err := r.resolve(v, o, []id.Role{role.ID})
		if err != nil {
			return err
		}
		for name := range now {
			next.add(name)
		}
	}
	if !p.covers(o.ID, next) {
		return errStronger
	}
	return nil
}

func (r *Register) checkRole(o Organization, all []Role, role *Role) error {
	var bad fault.Checks
	if role.Title = strings.TrimSpace(role.Title); role.Title == "" {
		role.Title = role.Name
	}
	switch {
	case !NameForm.MatchString(role.Name):
		bad.Add("name", "name-malformed", "limit", 64)
	case r.isBuiltIn(id.Role(role.Name)) || r.isBuiltIn(role.ID):
		bad.Add("name", "role-built-in", "name", role.Name)
	}
	checkName(&bad, "title", role.Title)
	role.Permissions, role.Includes = distinct(role.Permissions), distinct(role.Includes)
	for _, name := range role.Permissions {
		if p, ok := r.permissions[name]; !ok || p.House && o.Type != Provider {
			bad.Add("permissions", "permission-unknown", "permission", name)
		}
	}
	for _, included := range role.Includes {
		mine := slices.ContainsFunc(all, func(c Role) bool { return c.ID == included })
		switch {
		case !mine && !r.isBuiltIn(included), included == Operator && o.Type != Provider:
			bad.Add("includes", "role-unknown", "role", string(included))
		case included == role.ID || includes(all, included, role.ID):
			bad.Add("includes", "role-in-itself")
		}
	}
	if f := bad.Fault("role-invalid"); f != nil {
		return f
	}
	return nil
}

// includes reports whether a leads to b.
func includes(all []Role, a, b id.Role) bool {
	seen := map[id.Role]bool{}
	var walk func(id.Role) bool
	walk = func(which id.Role) bool {
		if which == b {
			return true
		}
		if seen[which] {
			return false
		}
		seen[which] = true
		i := slices.IndexFunc(all, func(c Role) bool { return c.ID == which })
		return i >= 0 && slices.ContainsFunc(all[i].Includes, walk)
	}
	return walk(a)
}

// DropRole deletes a role and takes it from everybody. A role that another
// includes stays.
func (r *Register) DropRole(ctx context.Context, by id.Principal, org id.Org, which id.Role) error {
	err := r.write(ctx, func(tx *store.Tx) (store.Event, error) { return r.EndRole(tx, by, org, which) })
	return r.OrHold(ctx, err, by, org, EndedRole{org, which})
}

// EndRole is DropRole in the caller's write.
func (r *Register) EndRole(tx *store.Tx, by id.Principal, org id.Org, which id.Role) (store.Event, error) {
	house, in := tx.House(), tx.House().Org(org)
	p, err := r.powerOf(&house.View, by)
	if err == nil {
		err = p.need(org, RoleWrite)
	}
	if err != nil {
		return store.Event{}, err
	}
	o, err := orgByID(&house.View, org)
	if err != nil {
		return store.Event{}, err
	}
	all, err := rolesIn(&in.View)
	if err != nil {
		return store.Event{}, err
	}
	i := slices.IndexFunc(all, func(c Role) bool { return c.ID == which })
	if i < 0 {
		return store.Event{}, errNoRole
	}
	if user := slices.IndexFunc(all, func(c Role) bool { return slices.Contains(c.Includes, which) }); user >= 0 {
		return store.Event{}, fault.New(fault.Conflict, "role-included", "role", all[user].Name)
	}
	if err := r.mayGive(&in.View, p, o, []id.Role{which}); err != nil {
		return store.Event{}, err
	}
	err = r.held(tx, by, "role:"+string(which), func(*store.View) (bool, error) { return true, nil })
	if err != nil {
		return store.Event{}, err
	}
	return all[i].event("role.deleted", by), deleteRole(in, which)
}

var errNoRole = fault.New(fault.NotFound, "role-unknown-here")

// Roles returns the roles of an organization, the built-in ones first.
func (r *Register) Roles(ctx context.Context, org id.Org) (all []Role, err error) {
	o, err := r.Organization(ctx, org)
	if err != nil {
		return nil, err
	}
	err = r.in(org).Read(ctx, func(v *store.View) error {
		custom, err := rolesIn(v)
		all = append(r.BuiltIn(o), custom...)
		return err
	})
	return all, err
}

// BuiltIn returns the built-in roles of an organization.
func (r *Register) BuiltIn(o Organization) []Role {
	var all []Role
	for _, name := range []id.Role{Administrator, Accounts, Auditor, Operator, User} {
		if name == Operator && o.Type != Provider {
			continue
		}
		role := Role{Org: o.ID, ID: name, Name: string(name), BuiltIn: true, Includes: included(name)}
		role.Permissions = slices.Clone(r.builtIn[name])
		slices.Sort(role.Permissions)
		all = append(all, role)
	}
	return all
}

// Role returns one role, built-in ones too.
func (r *Register) Role(ctx context.Context, org id.Org, which id.Role) (Role, error) {
	all, err := r.Roles(ctx, org)
	if err != nil {
		return Role{}, err
	}
	i := slices.IndexFunc(all, func(c Role) bool { return c.ID == which })
	if i < 0 {
		return Role{}, errNoRole
	}
	return all[i], nil
}

// Holders returns who has a role in an organization, by identifier.
func (r *Register) Holders(ctx context.Context, org id.Org, which id.Role) (all []id.Person, err error) {
	err = r.in(org).Read(ctx, func(v *store.View) (err error) {
		all, err = holdersOf(v, which)
		return err
	})
	return all, err
}

// BuiltInRoles lists the names of the built-in roles.
func BuiltInRoles() []id.Role { return []id.Role{Administrator, Accounts, Auditor, Operator, User} }

// IsBuiltIn reports whether a name is that of a built-in role.
func IsBuiltIn(name string) bool { return slices.Contains(BuiltInRoles(), id.Role(name)) }
