package org

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
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
	return saved, r.OrHold(ctx, err, by, o.ID, o)
}

// SetOrganization is PutOrganization in the caller's write, with o.ID; call
// Forget after it.
func (r *Register) SetOrganization(tx *store.Tx, by id.Principal, o Organization) (store.Event, error) {
	house := tx.House()
	if o.State == "" {
		o.State = Active
	}
	o.ParentRoles = distinct(o.ParentRoles)
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
		if err := r.heldOpening(tx, by, Organization{}, o); err != nil {
			return store.Event{}, err
		}
		return o.event("organization.added", by), insertOrg(house, o)
	}
	now, err := orgByID(&house.View, o.ID)
	if err != nil {
		return store.Event{}, err
	}
	o.Created = now.Created
	if err := r.mayChange(&house.View, p, now, o); err != nil {
		return store.Event{}, err
	}
	if err := r.settle(&house.View, &o); err != nil {
		return store.Event{}, err
	}
	if err := r.heldOpening(tx, by, now, o); err != nil {
		return store.Event{}, err
	}
	name := "organization.changed"
	if now.State != o.State {
		name = map[State]string{Active: "organization.enabled", Disabled: "organization.disabled"}[o.State]
	}
	return o.event(name, by), updateOrg(house, o)
}

// heldOpening holds an organization that lets others in.
func (r *Register) heldOpening(tx *store.Tx, by id.Principal, now, next Organization) error {
	return r.held(tx, by, "organization:"+string(next.ID), func(v *store.View) (bool, error) {
		alone, err := firstAlone(v)
		return err == nil && !alone && r.opens(now, next), err
	})
}

// mayMake says who makes an organization, and that its parent is let in with
// no more than its maker has in the parent.
func (r *Register) mayMake(p power, o Organization) error {
	if o.Type == Provider {
		return r.needHouse(p)
	}
	if err := p.need(o.Parent, Write); err != nil {
		return err
	}
	if !p.covers(o.Parent, r.allowed(o.ParentRoles)) {
		return errStronger
	}
	return nil
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

// mayChange says who changes what of an organization: a customer's own
// administrators cannot become a provider, leave their parent or close the
// organization in which they stand, and nobody lets the parent do more than
// they may themselves.
func (r *Register) mayChange(v *store.View, p power, now, next Organization) error {
	if !(onlyState(now, next) && now.Parent != "" && p.Holds(now.Parent, Write)) {
		if err := p.need(now.ID, Write); err != nil {
			return err
		}
	}
	if now.Type != next.Type {
		if err := r.mayTurn(v, p, now); err != nil {
			return err
		}
	}
	if err := r.mayMove(p, now, next); err != nil {
		return err
	}
	if now.State == next.State {
		return nil
	}
	return r.mayClose(v, p, now)
}

// onlyState reports whether nothing but the state shall change.
func onlyState(now, next Organization) bool {
	return now.State != next.State && now.Name == next.Name && now.Title == strings.TrimSpace(next.Title) && now.Type == next.Type &&
		now.Parent == next.Parent && slices.Equal(now.ParentRoles, next.ParentRoles)
}

// mayTurn says who makes a customer of a provider or the other way round.
func (r *Register) mayTurn(v *store.View, p power, now Organization) error {
	if err := r.needHouse(p); err != nil || now.Type != Provider {
		return err
	}
	if err := keepProvider(v, now); err != nil {
		return err
	}
	return nothingBelow(v, now.ID)
}

// mayMove says who puts an organization below another parent, or lets the
// parent do more there.
func (r *Register) mayMove(p power, now, next Organization) error {
	added := slices.DeleteFunc(slices.Clone(next.ParentRoles), func(role string) bool { return slices.Contains(now.ParentRoles, role) })
	if now.Parent != next.Parent {
		for _, parent := range []id.Org{now.Parent, next.Parent} {
			if parent == "" {
				continue // of a provider, which mayTurn asked about
			}
			if err := p.need(parent, Write); err != nil {
				return err
			}
		}
		added = next.ParentRoles // others get what they allow
	}
	if !p.covers(now.ID, r.allowed(added)) {
		return errStronger
	}
	return nil
}

// mayClose says who disables, enables or deletes an organization: its parent,
// of a provider whoever holds everything of the house.
func (r *Register) mayClose(v *store.View, p power, now Organization) error {
	if now.Type != Provider {
		if p.all || p.Holds(now.Parent, Write) {
			return nil
		}
		return fault.New(fault.Forbidden, "not-permitted", "permission", Write)
	}
	if err := r.needHouse(p); err != nil {
		return err
	}
	return keepProvider(v, now)
}

// keepProvider refuses to take from the house its last active provider, or the
// one with its last operator.
func keepProvider(v *store.View, now Organization) error {
	if now.State != Active {
		return nil
	}
	if others, err := otherProviders(v, now.ID); err != nil || others == 0 {
		return lastOr(err, "last-provider")
	}
	if theirs, others, err := operatorsOf(v, now.ID); err != nil || theirs > 0 && others == 0 {
		return lastOr(err, "last-operator")
	}
	return nil
}

func nothingBelow(v *store.View, which id.Org) error {
	below, err := orgsBelow(v, which)
	if err == nil && len(below) > 0 {
		err = fault.New(fault.Conflict, "organization-has-others", "count", len(below))
	}
	return err
}

// DropOrganization deletes an organization with its memberships, groups and
// roles; the people stay. It must have no organizations below it
// (organization-has-others) and at most 500 members (organization-has-members).
func (r *Register) DropOrganization(ctx context.Context, by id.Principal, which id.Org) error {
	return r.write(ctx, func(tx *store.Tx) (store.Event, error) { return r.EndOrganization(tx, by, which) })
}

// mostEnded is how many memberships one write ends: nobody else writes to
// SQLite meanwhile. A larger organization is disabled, and its memberships are
// ended before it is deleted.
const mostEnded = 500

func orFault(err error, f *fault.Fault) error {
	if err != nil {
		return err
	}
	return f
}

// EndOrganization is DropOrganization in the caller's write; call Forget after
// it.
func (r *Register) EndOrganization(tx *store.Tx, by id.Principal, which id.Org) (store.Event, error) {
	house := tx.House()
	o, err := orgByID(&house.View, which)
	if err != nil {
		return store.Event{}, err
	}
	p, err := r.powerOf(&house.View, by)
	if err != nil {
		return store.Event{}, err
	}
	if o.Parent == "" || !p.Holds(o.Parent, Write) {
		if err := p.need(which, Write); err != nil {
			return store.Event{}, err
		}
	}
	if err := r.mayClose(&house.View, p, o); err != nil {
		return store.Event{}, err
	}
	if err := nothingBelow(&house.View, which); err != nil {
		return store.Event{}, err
	}
	if people, err := countMembers(house.View.Org(which)); err != nil || people > mostEnded {
		return store.Event{}, orFault(err, fault.New(fault.Conflict, "organization-has-members", "count", people, "limit", mostEnded))
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
		p, err := r.powerOf(v, by)
		if err != nil {
			return err
		}
		if p.all || p.Holds("", Everything) {
			page, err = orgsAfter(v, text, at.key, at.id, limit+1)
			return err
		}
		page = p.known(text, at, limit+1)
		return nil
	})
	if err != nil || len(page) <= limit {
		return page, "", err
	}
	page = page[:limit]
	last := page[limit-1]
	return page, cursorAt{key: last.Title, id: string(last.ID)}.String(), nil
}

// known pages through the organizations of who asks, as orgsAfter does through
// those of the house.
func (g Grants) known(text string, at cursorAt, limit int) []Organization {
	text = words.Fold(text)
	all := slices.DeleteFunc(slices.Concat(g.Orgs, g.below), func(o Organization) bool {
		return compareOrgs(o, Organization{Title: at.key, ID: id.Org(at.id)}) <= 0 || !strings.Contains(o.fold(), text)
	})
	slices.SortFunc(all, compareOrgs)
	all = slices.CompactFunc(all, func(a, b Organization) bool { return a.ID == b.ID })
	return all[:min(len(all), limit)]
}

func compareOrgs(a, b Organization) int {
	return cmp.Or(strings.Compare(a.Title, b.Title), strings.Compare(string(a.ID), string(b.ID)))
}

// fold is what an organization is found by.
func (o Organization) fold() string { return words.Fold(o.Name + " " + o.Title) }
