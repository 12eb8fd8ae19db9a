package org

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// NameForm is the form of the names of organizations, groups and roles.
var NameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`)

func (o Organization) event(name string, by id.Principal) store.Event {
	fields := map[string]string{"name": o.Name, "title": o.Title, "type": string(o.Type), "state": string(o.State), "parent_roles": strings.Join(o.ParentRoles, " ")}
	if o.Parent != "" {
		fields["parent"] = string(o.Parent)
	}
	return store.Event{Name: name, Org: o.ID, By: by, Target: "organization:" + string(o.ID), Fields: fields}
}

// settle fills in what follows and returns all that is wrong.
func (r *Register) settle(v *store.View, o *Organization) error {
	var bad fault.Checks
	if o.Title = strings.TrimSpace(o.Title); o.Title == "" {
		o.Title = o.Name
	}
	if !NameForm.MatchString(o.Name) {
		bad.Add("name", "name-malformed", "limit", 64)
	}
	checkName(&bad, "title", o.Title)
	if o.Type != Provider && o.Type != Customer {
		bad.Add("type", "organization-type-unknown")
	}
	if o.State != Active && o.State != Disabled {
		bad.Add("state", "organization-state-unknown")
	}
	slices.Sort(o.ParentRoles)
	for _, role := range o.ParentRoles {
		if !r.isBuiltIn(id.Role(role)) || id.Role(role) == Operator {
			bad.Add("parent_roles", "role-unknown", "role", role)
		}
	}
	switch parent, err := orgByID(v, o.Parent); {
	case o.Parent == "" && o.Type == Provider:
	case o.Parent == "":
		bad.Add("parent", "field-required")
	case fault.As(err) != nil:
		bad.Add("parent", "organization-unknown")
	case err != nil:
		return err
	case parent.Type != Provider || parent.ID == o.ID || o.Type == Provider:
		bad.Add("parent", "organization-parent-wrong")
	}
	if f := bad.Fault("organization-invalid"); f != nil {
		return f
	}
	return nil
}

// PutOrganization makes an organization (o.Version 0; o.ID is made if empty) or
// changes one. A customer is made by who holds Write in its parent, a provider
// by who holds every permission of the house.
func (r *Register) PutOrganization(ctx context.Context, by id.Principal, o Organization) (Organization, error) {
	if o.ID == "" {
		o.ID = id.New[id.Org](r.clock.Now())
	}
	var saved Organization
	err := r.write(ctx, func(tx *store.Tx) (store.Event, error) {
		event, err := r.SetOrganization(tx, by, o)
		if err == nil {
			saved, err = orgByID(&tx.View, o.ID)
		}
		return event, err
	})
	return saved, err
}

// SetOrganization is PutOrganization in the caller's write, with o.ID; call
// Forget after it.
func (r *Register) SetOrganization(tx *store.Tx, by id.Principal, o Organization) (store.Event, error) {
	house := tx.House()
	if o.State == "" {
		o.State = Active
	}
	p, err := r.powerOf(&house.View, by)
	if err != nil {
		return store.Event{}, err
	}
	if o.Version == 0 {
		o.Created = tx.Now()
		if err := r.mayMake(p, o); err != nil {
			return store.Event{}, err
		}
		if err := r.settle(&house.View, &o); err != nil {
			return store.Event{}, err
		}
		return o.event("organization.added", by), insertOrg(house, o)
	}
	now, err := orgByID(&house.View, o.ID)
	if err != nil {
		return store.Event{}, err
	}
	if err := p.need(o.ID, Write); err != nil {
		return store.Event{}, err
	}
	o.Created = now.Created
	if err := r.mayMove(&house.View, p, now, o); err != nil {
		return store.Event{}, err
	}
	if err := r.settle(&house.View, &o); err != nil {
		return store.Event{}, err
	}
	name := "organization.changed"
	if now.State != o.State {
		name = map[State]string{Active: "organization.enabled", Disabled: "organization.disabled"}[o.State]
	}
	return o.event(name, by), updateOrg(house, o)
}

// mayMake says who makes an organization.
func (r *Register) mayMake(p power, o Organization) error {
	if o.Type == Provider {
		return r.needHouse(p)
	}
	return p.need(o.Parent, Write)
}

// needHouse asks for everything that a provider's roles could give.
func (r *Register) needHouse(p power) error {
	whole := set{}
	whole.add(r.builtIn[Operator]...)
	if !p.covers("", whole) {
		return errStronger
	}
	return nil
}

// mayMove says who changes type, parent or state, or gives the parent more: a
// customer's own administrators cannot become a provider, leave their parent or
// close the organization in which they stand.
func (r *Register) mayMove(v *store.View, p power, now, next Organization) error {
	if now.Type != next.Type {
		if err := r.needHouse(p); err != nil {
			return err
		}
	}
	if now.Parent != next.Parent {
		for _, parent := range []id.Org{now.Parent, next.Parent} {
			if err := p.need(parent, Write); err != nil {
				return err
			}
		}
	}
	if now.State == next.State {
		return nil
	}
	if now.Type == Provider {
		others, err := allOrgs(v)
		if err == nil && !slices.ContainsFunc(others, func(o Organization) bool { return o.ID != now.ID && o.Type == Provider && o.State == Active }) {
			return fault.New(fault.Conflict, "last-provider")
		}
		if err != nil {
			return err
		}
		return r.needHouse(p)
	}
	return p.need(now.Parent, Write)
}

// DropOrganization deletes an organization with its memberships, groups and
// roles; the people stay. It must have no organizations below it.
func (r *Register) DropOrganization(ctx context.Context, by id.Principal, which id.Org) error {
	return r.write(ctx, func(tx *store.Tx) (store.Event, error) { return r.EndOrganization(tx, by, which) })
}

// EndOrganization is DropOrganization in the caller's write.
func (r *Register) EndOrganization(tx *store.Tx, by id.Principal, which id.Org) (store.Event, error) {
	house := tx.House()
	o, err := orgByID(&house.View, which)
	if err != nil {
		return store.Event{}, err
	}
	p, err := r.powerOf(&house.View, by)
	if err == nil {
		err = p.need(which, Write)
	}
	if err != nil {
		return store.Event{}, err
	}
	closed := o
	closed.State = Disabled
	if o.State == Active {
		if err := r.mayMove(&house.View, p, o, closed); err != nil {
			return store.Event{}, err
		}
	}
	below, err := orgsBelow(&house.View, which)
	if err == nil && len(below) > 0 {
		err = fault.New(fault.Conflict, "organization-has-others", "count", len(below))
	}
	if err != nil {
		return store.Event{}, err
	}
	return o.event("organization.deleted", by), deleteOrg(house, which)
}

// Organization returns one organization.
func (r *Register) Organization(ctx context.Context, which id.Org) (o Organization, err error) {
	err = r.store.House().Read(ctx, func(v *store.View) (err error) {
		o, err = orgByID(v, which)
		return err
	})
	return o, err
}

// OrganizationNamed returns the organization of a name.
func (r *Register) OrganizationNamed(ctx context.Context, name string) (o Organization, err error) {
	err = r.store.House().Read(ctx, func(v *store.View) (err error) {
		o, err = orgByName(v, name)
		return err
	})
	return o, err
}

// Organizations pages through those that who asks may know of, by title. text
// finds by any part of title and name; cursor is "" for the first page; next is
// "" after the last.
func (r *Register) Organizations(ctx context.Context, by id.Principal, text, cursor string, limit int) (page []Organization, next string, err error) {
	at, err := readCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	limit = bounded(limit)
	err = r.store.House().Read(ctx, func(v *store.View) error {
		page = nil
		p, err := r.powerOf(v, by)
		if err != nil {
			return err
		}
		for len(page) <= limit {
			some, err := orgsAfter(v, text, at.key, at.id, 200)
			if err != nil || len(some) == 0 {
				return err
			}
			for _, o := range some {
				if p.all || p.Sees(o.ID) || p.covers("", map[string]struct{}{Everything: {}}) {
					page = append(page, o)
				}
			}
			last := some[len(some)-1]
			at = cursorAt{last.Title, string(last.ID)}
		}
		return nil
	})
	if err != nil || len(page) <= limit {
		return page, "", err
	}
	page = page[:limit]
	last := page[limit-1]
	return page, cursorAt{last.Title, string(last.ID)}.String(), nil
}
