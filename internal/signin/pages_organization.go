package signin

import (
	"net/http"
	"strings"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/signin/ui"
	"github.com/sekisho/sekisho/internal/web"
)

// OrganizationPath is where a person chooses the organization to act in.
const OrganizationPath = "/organization"

func (r *Room) organizationPages(m *web.Mux) {
	m.Page(web.Route{Method: http.MethodGet, Path: OrganizationPath, Permission: web.SignedIn}, r.showOrganizations)
	m.Page(web.Route{Method: http.MethodPost, Path: OrganizationPath, Permission: web.SignedIn}, r.chooseOrganization)
}

func (r *Room) showOrganizations(v *web.Visit) error {
	who := v.Actor().Principal.Person()
	choices, err := r.Choices(v.Context(), who)
	if err != nil {
		return err
	}
	grants, err := r.register.Grants(v.Context(), who)
	if err != nil {
		return err
	}
	page := ui.Organizations{Action: OrganizationPath, Back: web.Local(v.Query("back")), Now: string(v.Actor().Org)}
	for _, o := range choices {
		page.Items = append(page.Items, ui.OrganizationItem{
			ID: string(o.ID), Title: o.Title, Roles: builtInRoles(v, grants.Roles(o.ID)), Below: !grants.Member(o.ID),
		})
	}
	return v.Show(v.Say("signin.organization"), ui.ShowOrganizations(page))
}

// builtInRoles says the built-in ones; what others are called is the
// organization's own business, and it is in its console.
func builtInRoles(v *web.Visit, roles []id.Role) string {
	var all []string
	for _, role := range roles {
		if !id.Valid(string(role)) && role != org.User {
			all = append(all, v.Say("role."+string(role)))
		}
	}
	return strings.Join(all, v.Say("signin.and"))
}

func (r *Room) chooseOrganization(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	who := v.Actor().Principal.Person()
	s, err := r.session(v.Context(), who, v.Actor().Session)
	if err != nil {
		return err
	}
	cookie, err := r.Choose(v.Context(), s, id.Org(typed.Get("org")))
	if err != nil {
		return err
	}
	v.OpenSession(cookie, s.Ends.Sub(v.Now()))
	return v.See(web.Local(typed.Get("back")))
}
