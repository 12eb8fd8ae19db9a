package people

import (
	"context"
	_ "embed" // the examples
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/people/foresee"
	"github.com/sekisho/sekisho/internal/web"
)

// Paged is what every list takes.
type Paged struct {
	Cursor string `query:"cursor" doc:"From the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

// items is what every list gives.
type items[T any] struct {
	Body struct {
		Items []T    `json:"items"`
		Next  string `json:"next,omitempty" doc:"Cursor of the next page"`
	}
}

func list[T any](all []T, next string) *items[T] {
	out := &items[T]{}
	if out.Body.Items = all; all == nil {
		out.Body.Items = []T{}
	}
	out.Body.Next = next
	return out
}

// one is what everything else gives.
type one[T any] struct{ Body T }

type nothing struct{}

//go:embed examples.json
var examples []byte

// API registers the operations for programs.
func (r *Room) API(m *web.Mux) {
	m.Examples(examples)
	r.organizationAPI(m)
	r.memberAPI(m)
	r.groupAPI(m)
	r.roleAPI(m)
	r.personAPI(m)
	r.importAPI(m)
}

func op(method, path, name, summary, tag string) huma.Operation {
	o := huma.Operation{Method: method, Path: path, OperationID: name, Summary: summary, Tags: []string{tag}}
	if method == http.MethodPost {
		o.DefaultStatus = http.StatusCreated
	}
	return o
}

// in is a route about what belongs to the organization of the path.
func in(permission string) web.Route { return web.Route{Permission: permission, Target: "org"} }

// fresh is a route that wants its actor to be there.
func fresh(route web.Route) web.Route {
	route.Fresh = web.Recent
	return route
}

func by(ctx context.Context) id.Principal { return web.ActorOf(ctx).Principal }

// reaches holds a token to its own organization where a route names none.
func reaches(ctx context.Context, where id.Org) error {
	if a := web.ActorOf(ctx); a.Token && where != a.Org {
		return errNoOrg
	}
	return nil
}

// limited reports whether the actor is a token that may not do everything that
// its person may.
func limited(ctx context.Context) bool {
	a := web.ActorOf(ctx)
	return a.Token && a.Scopes != nil
}

// freshFor asks for a recent proof where roles give more than User.
func (r *Room) freshFor(ctx context.Context, roles []id.Role) error {
	if !slices.ContainsFunc(roles, func(role id.Role) bool { return role != org.User }) {
		return nil
	}
	return web.ActorOf(ctx).Fresh(web.Recent, r.clock.Now())
}

// Organization is one as the API shows it.
type organizationBody struct {
	ID          string   `json:"id"`
	Name        string   `json:"name" doc:"Unique in the house: lower-case letters, digits, hyphens"`
	Title       string   `json:"title" doc:"As people read it"`
	Type        string   `json:"type" enum:"provider,customer" doc:"A provider runs the installation and has customers below it"`
	Parent      string   `json:"parent,omitempty" doc:"Id of the provider above"`
	State       string   `json:"state" enum:"active,disabled"`
	ParentRoles []string `json:"parent_roles" doc:"Built-in roles that whoever may act below has here"`
	Version     int64    `json:"version" doc:"Send it back with a change"`
}

func bodyOfOrg(o org.Organization) organizationBody {
	return organizationBody{
		ID: string(o.ID), Name: o.Name, Title: o.Title, Type: string(o.Type), Parent: string(o.Parent), State: string(o.State),
		ParentRoles: append([]string{}, o.ParentRoles...), Version: o.Version,
	}
}

type (
	orgInput struct {
		Org string `path:"org"`
	}
	orgsInput struct {
		Paged
		Query string `query:"q" doc:"Any part of title or name"`
	}
	newOrgInput struct {
		Body struct {
			Name        string   `json:"name" doc:"Unique in the house: lower-case letters, digits, hyphens"`
			Title       string   `json:"title,omitempty"`
			Type        string   `json:"type" enum:"provider,customer" doc:"A provider runs the installation and has customers below it"`
			Parent      string   `json:"parent,omitempty" doc:"Id of the provider above; the caller's own organization if left out for a customer"`
			ParentRoles []string `json:"parent_roles,omitempty" doc:"Built-in roles that whoever may act below has here"`
		}
	}
	changeOrgInput struct {
		Org  string `path:"org"`
		Body struct {
			Name        *string   `json:"name,omitempty" doc:"Unique in the house: lower-case letters, digits, hyphens"`
			Title       *string   `json:"title,omitempty"`
			Type        *string   `json:"type,omitempty" enum:"provider,customer" doc:"A provider runs the installation and has customers below it"`
			Parent      *string   `json:"parent,omitempty" doc:"Id of the provider above"`
			State       *string   `json:"state,omitempty" enum:"active,disabled"`
			ParentRoles *[]string `json:"parent_roles,omitempty" doc:"Built-in roles that whoever may act below has here"`
			Version     int64     `json:"version" doc:"As read; a change in between is a conflict"`
		}
	}
)

func (r *Room) organizationAPI(m *web.Mux) {
	const tag = "organizations"
	web.API(m, web.Route{Permission: web.SignedIn}, op(http.MethodGet, "/organizations", "list-organizations", "Organizations that the caller may know of, by title", tag), r.apiOrgs)
	web.API(m, fresh(web.Route{Permission: org.Write}), web.MayWait(op(http.MethodPost, "/organizations", "add-organization", "Add an organization", tag)), r.apiAddOrg)
	web.API(m, web.Route{Permission: web.SignedIn}, op(http.MethodGet, "/organizations/{org}", "get-organization", "One organization", tag), r.apiOrg)
	web.API(m, in(org.Write), web.MayWait(web.Foreseeing(op(http.MethodPatch, "/organizations/{org}", "change-organization", "Change an organization; what is left out stays", tag))), r.apiChangeOrg)
	web.API(m, fresh(in(org.Write)), op(http.MethodDelete, "/organizations/{org}", "delete-organization", "Delete an organization with its memberships, groups and roles; the people stay", tag), r.apiDropOrg)
	web.API(m, in(org.PeopleRead), op(http.MethodGet, "/organizations/{org}/permissions", "list-permissions", "What roles of the organization can hold", tag), r.apiPermissions)
}

func (r *Room) apiOrgs(ctx context.Context, input *orgsInput) (*items[organizationBody], error) {
	all, next, err := r.org.Organizations(ctx, by(ctx), input.Query, input.Cursor, input.Limit)
	var bodies []organizationBody
	for _, o := range all {
		if reaches(ctx, o.ID) == nil {
			bodies = append(bodies, bodyOfOrg(o))
		}
	}
	return list(bodies, next), err
}

func (r *Room) apiOrg(ctx context.Context, input *orgInput) (*one[organizationBody], error) {
	which := id.Org(input.Org)
	if err := reaches(ctx, which); err != nil {
		return nil, err
	}
	if err := r.knows(ctx, by(ctx), which); err != nil {
		return nil, err
	}
	o, err := r.org.Organization(ctx, which)
	return &one[organizationBody]{bodyOfOrg(o)}, err
}

func (r *Room) apiAddOrg(ctx context.Context, input *newOrgInput) (*one[organizationBody], error) {
	b := input.Body
	o := org.Organization{Name: b.Name, Title: b.Title, Type: org.Type(b.Type), Parent: id.Org(b.Parent), ParentRoles: b.ParentRoles}
	if o.Parent == "" && o.Type == org.Customer {
		o.Parent = web.ActorOf(ctx).Org
	}
	if o.Type == org.Customer {
		if err := reaches(ctx, o.Parent); err != nil {
			return nil, err
		}
	}
	o, err := r.org.PutOrganization(ctx, by(ctx), o)
	return &one[organizationBody]{bodyOfOrg(o)}, err
}

func (r *Room) apiChangeOrg(ctx context.Context, input *changeOrgInput) (*one[organizationBody], error) {
	o, err := r.org.Organization(ctx, id.Org(input.Org))
	if err != nil {
		return nil, err
	}
	b, before := input.Body, o
	set(&o.Name, b.Name)
	set(&o.Title, b.Title)
	set(&o.Type, (*org.Type)(b.Type))
	set(&o.Parent, (*id.Org)(b.Parent))
	set(&o.State, (*org.State)(b.State))
	set(&o.ParentRoles, b.ParentRoles)
	o.Version = b.Version
	r.foresees(ctx, o.ID, func(e foresee.Eye) ([]string, error) { return e.Turned(before, o), nil })
	o, err = r.org.PutOrganization(ctx, by(ctx), o)
	return &one[organizationBody]{bodyOfOrg(o)}, err
}

// set changes what the caller said something of.
func set[T any](field *T, said *T) {
	if said != nil {
		*field = *said
	}
}

func (r *Room) apiDropOrg(ctx context.Context, input *orgInput) (*nothing, error) {
	return &nothing{}, r.org.DropOrganization(ctx, by(ctx), id.Org(input.Org))
}

type permissionBody struct {
	Name  string `json:"name" doc:"As roles hold it, such as people.read"`
	Title string `json:"title" doc:"In the caller's language"`
	House bool   `json:"house" doc:"About the installation: only roles of a provider hold it"`
}

func (r *Room) apiPermissions(ctx context.Context, input *orgInput) (*items[permissionBody], error) {
	o, err := r.org.Organization(ctx, id.Org(input.Org))
	if err != nil {
		return nil, err
	}
	var all []permissionBody
	for _, p := range r.org.Permissions(o.Type) {
		title := p.Name
		if key := "permission." + p.Name; r.book.Has(key) {
			title = r.book.Say(web.LangOf(ctx), key, nil)
		}
		all = append(all, permissionBody{p.Name, title, p.House})
	}
	return list(all, ""), nil
}

// page cuts a whole list into pages by the place of the cursor in it.
func page[T any](all []T, p Paged, key func(T) string) (*items[T], error) {
	start := 0
	if p.Cursor != "" {
		start = slices.IndexFunc(all, func(one T) bool { return key(one) == p.Cursor }) + 1
		if start == 0 {
			return nil, fault.New(fault.Invalid, "cursor-malformed")
		}
	}
	end := min(start+p.Limit, len(all))
	next := ""
	if end < len(all) {
		next = key(all[end-1])
	}
	return list(all[start:end], next), nil
}
