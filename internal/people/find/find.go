// Package find is the part of people in search everywhere: people, groups, roles
// and organizations. The floor below decides who knows of what; this package
// only turns it into findings.
package find

import (
	"context"
	"net/url"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/web"
	"github.com/sekisho/sekisho/internal/words"
)

// Paths are where the pages of things are, before their identifiers.
type Paths struct{ People, Groups, Roles, Organizations string }

// Everybody is the finder. It costs eight statements at most.
type Everybody struct {
	Register *org.Register
	Book     *words.Book
	Paths    Paths
}

// Find implements web.Finder. Who acts in no organization finds organizations
// only: the other pages are those of one.
func (e Everybody) Find(ctx context.Context, actor web.Actor, s web.Sought) (found []web.Finding, err error) {
	if actor.Org != "" && s.May(org.PeopleRead) {
		if found, err = e.inOrg(ctx, actor.Org, s); err != nil {
			return nil, err
		}
	}
	if !actor.Known() || !s.May(org.PeopleRead) && !s.May(org.Below) {
		return found, nil
	}
	orgs, _, err := e.Register.Organizations(ctx, actor.Principal, s.Text, "", s.Limit)
	for _, o := range orgs {
		found = append(found, web.Finding{
			Kind: "organization", Title: o.Title, Detail: o.Name, Also: []string{o.Name, string(o.ID)}, Href: under(e.Paths.Organizations, string(o.ID)),
		})
	}
	return found, err
}

func (e Everybody) inOrg(ctx context.Context, in id.Org, s web.Sought) (found []web.Finding, err error) {
	people, err := e.Register.Search(ctx, org.Query{Org: in, Text: s.Text, Limit: s.Limit})
	if err != nil {
		return nil, err
	}
	for _, p := range people.People {
		found = append(found, e.person(p))
	}
	if id.Valid(s.Fold) {
		known, err := e.byID(ctx, in, id.Person(s.Fold))
		if err != nil {
			return nil, err
		}
		found = append(found, known...)
	}
	groups, _, err := e.Register.GroupPage(ctx, in, s.Text, "", s.Limit)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		found = append(found, web.Finding{
			Kind: "group", Title: g.Title, Detail: g.Name, Also: []string{g.Name, string(g.ID)}, Href: under(e.Paths.Groups, string(g.ID)),
		})
	}
	roles, err := e.roles(ctx, in, s)
	return append(found, roles...), err
}

func (e Everybody) person(p org.Person) web.Finding {
	return web.Finding{
		Kind: "person", Title: p.DisplayName, Detail: p.Login, Also: []string{p.Login, p.Email, p.Reading, string(p.ID)}, Href: under(e.Paths.People, string(p.ID)),
	}
}

// byID finds a member by the identifier that logs and files name.
func (e Everybody) byID(ctx context.Context, in id.Org, who id.Person) ([]web.Finding, error) {
	members, err := e.Register.Memberships(ctx, in, []id.Person{who})
	if _, ok := members[who]; err != nil || !ok {
		return nil, err
	}
	p, err := e.Register.Person(ctx, who)
	return []web.Finding{e.person(p)}, err
}

// roles finds the built-in ones by their words in every language.
func (e Everybody) roles(ctx context.Context, in id.Org, s web.Sought) (found []web.Finding, err error) {
	all, err := e.Register.Roles(ctx, in)
	for _, role := range all {
		title, also := role.Title, []string{role.Name, string(role.ID)}
		if role.BuiltIn {
			title = e.Book.Say(s.Lang, "role."+role.Name, nil)
			for _, lang := range words.Langs {
				also = append(also, e.Book.Say(lang, "role."+role.Name, nil))
			}
		}
		if len(found) < s.Limit && s.In(append(also, title)...) {
			found = append(found, web.Finding{Kind: "role", Title: title, Detail: role.Name, Also: also, Href: under(e.Paths.Roles, string(role.ID))})
		}
	}
	return found, err
}

func under(path, rest string) string { return path + "/" + url.PathEscape(rest) }
