package org

import (
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// These let a door say before a write what the write would refuse.

// Check brings what is said of a person into the form in which it is kept, and
// returns all that is wrong with it (person-invalid), nil for nothing.
func (p *Person) Check() *fault.Fault { return p.settle() }

// Check does the same for a role as far as it can be seen without the
// organization; for groups and organizations the write says all.
func (r Role) Check() *fault.Fault {
	var bad fault.Checks
	if !NameForm.MatchString(r.Name) {
		bad.Add("name", "name-malformed", "limit", 64)
	}
	checkName(&bad, "title", r.Title)
	return bad.Fault("role-invalid")
}

// OrgsOf returns every organization in which a person is a member, in any
// state.
func (r *Register) OrgsOf(v *store.View, who id.Person) ([]id.Org, error) {
	return orgsOfPerson(v.House(), who)
}

// LoginOf returns the person of a login however it is spelled, person-unknown
// if there is none; an address is no login here.
func (r *Register) LoginOf(v *store.View, login string) (Person, error) {
	return personByLogin(v.House(), LoginFold(login))
}

// Need refuses who does not hold a permission in an organization, or with "" of
// the house. An organization that they do not know of is not there.
func (r *Register) Need(v *store.View, by id.Principal, org id.Org, permission string) error {
	p, err := r.powerOf(v.House(), by)
	if err != nil {
		return err
	}
	return p.need(org, permission)
}

// MayGive refuses to give or take roles that permit more than who acts may.
func (r *Register) MayGive(v *store.View, by id.Principal, org id.Org, roles []id.Role) error {
	house := v.House()
	p, err := r.powerOf(house, by)
	if err != nil {
		return err
	}
	o, err := orgByID(house, org)
	if err != nil {
		return err
	}
	return r.mayGive(house.Org(org), p, o, roles)
}

// MemberIn returns a membership in the caller's transaction.
func MemberIn(v *store.View, org id.Org, who id.Person) (Member, error) {
	return memberOf(v.Org(org), who)
}

// ReportsOf returns whose manager somebody is, by identifier.
func ReportsOf(v *store.View, org id.Org, who id.Person) ([]id.Person, error) {
	return reportsOf(v.Org(org), who)
}

// RolesIn returns the roles of an organization in the caller's transaction, the
// built-in ones first.
func (r *Register) RolesIn(v *store.View, org id.Org) ([]Role, error) {
	o, err := orgByID(v.House(), org)
	if err != nil {
		return nil, err
	}
	custom, err := rolesIn(v.Org(org))
	return append(r.BuiltIn(o), custom...), err
}

// PeopleByID reads people in the caller's transaction, in one statement for up
// to 200 each; who is not there is missing.
func PeopleByID(v *store.View, which []id.Person) (map[id.Person]Person, error) {
	people, err := peopleByID(v.House(), distinct(which))
	found := map[id.Person]Person{}
	for _, p := range people {
		found[p.ID] = p
	}
	return found, err
}

// OrganizationIn returns an organization by name in the caller's transaction.
func OrganizationIn(v *store.View, name string) (Organization, error) {
	return orgByName(v.House(), name)
}

// OrganizationByID returns an organization in the caller's transaction.
func OrganizationByID(v *store.View, which id.Org) (Organization, error) {
	return orgByID(v.House(), which)
}
