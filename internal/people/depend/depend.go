// Package depend is the part of people in "what depends on this": what of
// people, groups, roles and organizations refers to one of them.
package depend

import (
	"context"
	"net/url"
	"strings"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/web"
)

// Paths are where the pages of things are, before their identifiers.
type Paths struct{ People, Groups, Roles, Organizations string }

// On is what depends on people, groups, roles and organizations.
type On struct {
	Register *org.Register
	Paths    Paths
}

// Dependents implements web.Dependents. Of a person, a group and a role it tells
// who reads people where they act, of an organization who knows of it.
func (o On) Dependents(ctx context.Context, actor web.Actor, target string, may func(string) bool) ([]web.Dependence, error) {
	kind, which, _ := strings.Cut(target, ":")
	if kind == "organization" {
		return o.organization(ctx, actor, id.Org(which), may)
	}
	if actor.Org == "" || !may(org.PeopleRead) {
		return nil, nil
	}
	switch kind {
	case "person":
		return o.person(ctx, actor, id.Person(which))
	case "group":
		members, outer, err := o.Register.UsesOfGroup(ctx, actor.Org, id.Group(which))
		return []web.Dependence{
			o.said("depends.group.members", members, o.Paths.People, o.Paths.People+"?group="+url.QueryEscape(which)), o.said("depends.group.outer", outer, o.Paths.Groups, ""),
		}, err
	case "role":
		holders, including, err := o.Register.UsesOfRole(ctx, actor.Org, id.Role(which))
		return []web.Dependence{
			o.said("depends.role.holders", holders, o.Paths.People, o.Paths.People+"?role="+url.QueryEscape(which)), o.said("depends.role.including", including, o.Paths.Roles, ""),
		}, err
	}
	return nil, nil
}

func (o On) said(key string, t org.Tally, path, more string) web.Dependence {
	d := web.Dependence{Key: key, Count: t.Count}
	for _, one := range t.First {
		d.Some = append(d.Some, web.Named{Title: one.Title, Href: path + "/" + url.PathEscape(one.ID)})
	}
	if t.Count > int64(len(t.First)) {
		d.More = more
	}
	return d
}

// person says whose manager somebody is, and where else they belong that the
// actor knows of.
func (o On) person(ctx context.Context, actor web.Actor, who id.Person) ([]web.Dependence, error) {
	reports, groups, err := o.Register.UsesOfPerson(ctx, actor.Org, who)
	if err != nil {
		return nil, err
	}
	all := []web.Dependence{
		o.said("depends.person.reports", reports, o.Paths.People, ""), o.said("depends.person.groups", groups, o.Paths.Groups, ""),
	}
	elsewhere, err := o.elsewhere(ctx, actor, who)
	return append(all, o.said("depends.person.elsewhere", elsewhere, o.Paths.Organizations, "")), err
}

// elsewhere are the other organizations of a person in which the actor reads
// people too.
func (o On) elsewhere(ctx context.Context, actor web.Actor, who id.Person) (t org.Tally, err error) {
	mine := actor.Principal.Person()
	if mine == "" {
		return t, nil
	}
	theirs, err := o.Register.Grants(ctx, who)
	if err != nil {
		return t, err
	}
	known, err := o.Register.Grants(ctx, mine)
	for _, one := range theirs.Orgs {
		if one.ID != actor.Org && known.Holds(one.ID, org.PeopleRead) {
			if t.Count++; len(t.First) < few {
				t.First = append(t.First, org.Called{ID: string(one.ID), Title: one.Title})
			}
		}
	}
	return t, err
}

// few is how many organizations of a person are named.
const few = 5

// organization says what is below one and in it. Who does not read people in it
// is not told how many there are.
func (o On) organization(ctx context.Context, actor web.Actor, which id.Org, may func(string) bool) ([]web.Dependence, error) {
	who := actor.Principal.Person()
	var grants org.Grants
	if who != "" {
		var err error
		if grants, err = o.Register.Grants(ctx, who); err != nil || !grants.Sees(which) && !grants.Holds("", org.Everything) {
			return nil, err
		}
	}
	below, err := o.Register.CustomersOf(ctx, actor.Principal, which)
	if err != nil {
		return nil, err
	}
	all := []web.Dependence{o.said("depends.organization.below", below, o.Paths.Organizations, o.Paths.Organizations)}
	here := which == actor.Org && may(org.PeopleRead)
	if who != "" && !here && (actor.Token || !grants.Holds(which, org.PeopleRead)) {
		return all, nil
	}
	members, groups, roles, err := o.Register.UsesOfOrganization(ctx, which)
	if err != nil {
		return nil, err
	}
	inside := []web.Dependence{
		o.said("depends.organization.members", members, o.Paths.People, o.Paths.People),
		o.said("depends.organization.groups", groups, o.Paths.Groups, o.Paths.Groups), o.said("depends.organization.roles", roles, o.Paths.Roles, o.Paths.Roles),
	}
	for i := range inside {
		if which != actor.Org { // the pages of another organization open only there
			inside[i].More = ""
			for j := range inside[i].Some {
				inside[i].Some[j].Href = ""
			}
		}
	}
	return append(all, inside...), nil
}
