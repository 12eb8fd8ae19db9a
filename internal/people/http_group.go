package people

import (
	"context"
	"net/http"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/people/foresee"
	"github.com/sekisho/sekisho/internal/web"
)

type groupBody struct {
	ID      string   `json:"id"`
	Name    string   `json:"name" doc:"Unique in the organization: lower-case letters, digits, hyphens"`
	Title   string   `json:"title"`
	Members []string `json:"members" doc:"Ids of people who are directly in it"`
	Groups  []string `json:"groups" doc:"Ids of groups that are directly in it"`
	Version int64    `json:"version"`
}

func bodyOfGroup(g org.Group) groupBody {
	return groupBody{string(g.ID), g.Name, g.Title, texts(g.Members), texts(g.Groups), g.Version}
}

type (
	listInput struct {
		Org string `path:"org"`
		Paged
	}
	groupInput struct {
		Org   string `path:"org"`
		Group string `path:"group"`
	}
	groupMembersInput struct {
		Org   string `path:"org"`
		Group string `path:"group"`
		Paged
	}
	newGroupInput struct {
		Org  string `path:"org"`
		Body struct {
			Name    string   `json:"name" doc:"Unique in the organization: lower-case letters, digits, hyphens"`
			Title   string   `json:"title,omitempty"`
			Members []string `json:"members,omitempty" doc:"Ids of people who are directly in it"`
			Groups  []string `json:"groups,omitempty" doc:"Ids of groups that are directly in it"`
		}
	}
	changeGroupInput struct {
		Org   string `path:"org"`
		Group string `path:"group"`
		Body  struct {
			Name    *string   `json:"name,omitempty" doc:"Unique in the organization: lower-case letters, digits, hyphens"`
			Title   *string   `json:"title,omitempty"`
			Members *[]string `json:"members,omitempty" doc:"Ids of people who are directly in it"`
			Groups  *[]string `json:"groups,omitempty" doc:"Ids of groups that are directly in it"`
			Version int64     `json:"version"`
		}
	}
)

func (r *Room) groupAPI(m *web.Mux) {
	const path, tag = "/organizations/{org}/groups", "groups"
	web.API(m, in(org.PeopleRead), op(http.MethodGet, path, "list-groups", "Groups, by name", tag), r.apiGroups)
	web.API(m, in(org.GroupWrite), op(http.MethodPost, path, "add-group", "Add a group", tag), r.apiAddGroup)
	web.API(m, in(org.PeopleRead), op(http.MethodGet, path+"/{group}", "get-group", "One group", tag), r.apiGroup)
	web.API(m, in(org.GroupWrite), web.MayWait(web.Foreseeing(op(http.MethodPatch, path+"/{group}", "change-group", "Change a group; what is left out stays", tag))), r.apiChangeGroup)
	web.API(m, in(org.GroupWrite), op(http.MethodDelete, path+"/{group}", "delete-group", "Delete a group; its members stay", tag), r.apiDropGroup)
	web.API(m, in(org.PeopleRead), op(http.MethodGet, path+"/{group}/members", "list-group-members", "Everybody in a group, directly or through others", tag), r.apiGroupMembers)
}

func (r *Room) apiGroups(ctx context.Context, input *listInput) (*items[groupBody], error) {
	all, err := r.org.Groups(ctx, id.Org(input.Org))
	if err != nil {
		return nil, err
	}
	var bodies []groupBody
	for _, g := range all {
		bodies = append(bodies, bodyOfGroup(g))
	}
	return page(bodies, input.Paged, func(g groupBody) string { return g.ID })
}

func (r *Room) apiGroup(ctx context.Context, input *groupInput) (*one[groupBody], error) {
	g, err := r.org.Group(ctx, id.Org(input.Org), id.Group(input.Group))
	return &one[groupBody]{bodyOfGroup(g)}, err
}

func (r *Room) apiAddGroup(ctx context.Context, input *newGroupInput) (*one[groupBody], error) {
	b := input.Body
	g, err := r.org.PutGroup(ctx, by(ctx), org.Group{
		Org: id.Org(input.Org), Name: b.Name, Title: b.Title, Members: idsIn[id.Person](b.Members), Groups: idsIn[id.Group](b.Groups),
	})
	return &one[groupBody]{bodyOfGroup(g)}, err
}

func (r *Room) apiChangeGroup(ctx context.Context, input *changeGroupInput) (*one[groupBody], error) {
	g, err := r.org.Group(ctx, id.Org(input.Org), id.Group(input.Group))
	if err != nil {
		return nil, err
	}
	b := input.Body
	set(&g.Name, b.Name)
	set(&g.Title, b.Title)
	if b.Members != nil {
		g.Members = idsIn[id.Person](*b.Members)
	}
	if b.Groups != nil {
		g.Groups = idsIn[id.Group](*b.Groups)
	}
	g.Version = b.Version
	r.foresees(ctx, g.Org, func(e foresee.Eye) ([]string, error) { return e.Group(g) })
	g, err = r.org.PutGroup(ctx, by(ctx), g)
	return &one[groupBody]{bodyOfGroup(g)}, err
}

func (r *Room) apiDropGroup(ctx context.Context, input *groupInput) (*nothing, error) {
	return &nothing{}, r.org.DropGroup(ctx, by(ctx), id.Org(input.Org), id.Group(input.Group))
}

func (r *Room) apiGroupMembers(ctx context.Context, input *groupMembersInput) (*items[MemberBody], error) {
	all, next, err := r.List(ctx, Filter{Org: id.Org(input.Org), Group: id.Group(input.Group), Cursor: input.Cursor, Limit: input.Limit})
	var bodies []MemberBody
	for _, l := range all {
		bodies = append(bodies, bodyOfMember(l))
	}
	return list(bodies, next), err
}

type roleBody struct {
	ID          string   `json:"id" doc:"Of a built-in role its name"`
	Name        string   `json:"name" doc:"Unique in the organization: lower-case letters, digits, hyphens"`
	Title       string   `json:"title" doc:"Of a built-in role in the caller's language"`
	Permissions []string `json:"permissions" doc:"Names of permissions"`
	Includes    []string `json:"includes" doc:"Ids of roles"`
	BuiltIn     bool     `json:"built_in" doc:"It belongs to the house and cannot be changed"`
	Version     int64    `json:"version"`
}

func (r *Room) bodyOfRole(ctx context.Context, role org.Role) roleBody {
	title := role.Title
	if role.BuiltIn {
		title = r.book.Say(web.LangOf(ctx), "role."+role.Name, nil)
	}
	return roleBody{
		string(role.ID), role.Name, title, append([]string{}, role.Permissions...), texts(role.Includes), role.BuiltIn, role.Version,
	}
}

type (
	roleInput struct {
		Org  string `path:"org"`
		Role string `path:"role"`
	}
	newRoleInput struct {
		Org  string `path:"org"`
		Body struct {
			Name        string   `json:"name" doc:"Unique in the organization: lower-case letters, digits, hyphens"`
			Title       string   `json:"title,omitempty"`
			Permissions []string `json:"permissions,omitempty" doc:"Names of permissions"`
			Includes    []string `json:"includes,omitempty" doc:"Ids of roles whose permissions it holds too"`
		}
	}
	changeRoleInput struct {
		Org  string `path:"org"`
		Role string `path:"role"`
		Body struct {
			Name        *string   `json:"name,omitempty" doc:"Unique in the organization: lower-case letters, digits, hyphens"`
			Title       *string   `json:"title,omitempty"`
			Permissions *[]string `json:"permissions,omitempty" doc:"Names of permissions"`
			Includes    *[]string `json:"includes,omitempty" doc:"Ids of roles whose permissions it holds too"`
			Version     int64     `json:"version"`
		}
	}
)

func (r *Room) roleAPI(m *web.Mux) {
	const path, tag = "/organizations/{org}/roles", "roles"
	web.API(m, in(org.PeopleRead), op(http.MethodGet, path, "list-roles", "Roles, the built-in ones first", tag), r.apiRoles)
	web.API(m, fresh(in(org.RoleWrite)), web.MayWait(op(http.MethodPost, path, "add-role", "Add a role", tag)), r.apiAddRole)
	web.API(m, in(org.PeopleRead), op(http.MethodGet, path+"/{role}", "get-role", "One role", tag), r.apiRole)
	web.API(m, fresh(in(org.RoleWrite)), web.MayWait(web.Foreseeing(op(http.MethodPatch, path+"/{role}", "change-role", "Change a role; what is left out stays", tag))), r.apiChangeRole)
	web.API(m, in(org.RoleWrite), web.MayWait(op(http.MethodDelete, path+"/{role}", "delete-role", "Delete a role and take it from everybody", tag)), r.apiDropRole)
}

func (r *Room) apiRoles(ctx context.Context, input *listInput) (*items[roleBody], error) {
	all, err := r.org.Roles(ctx, id.Org(input.Org))
	if err != nil {
		return nil, err
	}
	var bodies []roleBody
	for _, role := range all {
		bodies = append(bodies, r.bodyOfRole(ctx, role))
	}
	return page(bodies, input.Paged, func(b roleBody) string { return b.ID })
}

func (r *Room) apiRole(ctx context.Context, input *roleInput) (*one[roleBody], error) {
	role, err := r.org.Role(ctx, id.Org(input.Org), id.Role(input.Role))
	return &one[roleBody]{r.bodyOfRole(ctx, role)}, err
}

func (r *Room) apiAddRole(ctx context.Context, input *newRoleInput) (*one[roleBody], error) {
	b := input.Body
	role, err := r.org.PutRole(ctx, by(ctx), org.Role{
		Org: id.Org(input.Org), Name: b.Name, Title: b.Title, Permissions: b.Permissions, Includes: idsIn[id.Role](b.Includes),
	})
	return &one[roleBody]{r.bodyOfRole(ctx, role)}, err
}

func (r *Room) apiChangeRole(ctx context.Context, input *changeRoleInput) (*one[roleBody], error) {
	role, err := r.org.Role(ctx, id.Org(input.Org), id.Role(input.Role))
	if err != nil {
		return nil, err
	}
	b := input.Body
	set(&role.Name, b.Name)
	set(&role.Title, b.Title)
	set(&role.Permissions, b.Permissions)
	if b.Includes != nil {
		role.Includes = idsIn[id.Role](*b.Includes)
	}
	role.Version = b.Version
	r.foresees(ctx, role.Org, func(e foresee.Eye) ([]string, error) { return e.Role(role.ID, role.Permissions, role.Includes) })
	role, err = r.org.PutRole(ctx, by(ctx), role)
	return &one[roleBody]{r.bodyOfRole(ctx, role)}, err
}

func (r *Room) apiDropRole(ctx context.Context, input *roleInput) (*nothing, error) {
	return &nothing{}, r.org.DropRole(ctx, by(ctx), id.Org(input.Org), id.Role(input.Role))
}
