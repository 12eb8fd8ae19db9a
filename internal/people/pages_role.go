package people

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/people/ui"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

func (r *Room) rolePages(m *web.Mux) {
	roleShow, roleSave := checks(r.roleForm, r.takeRole, r.foreseeRole)
	roleShow, roleSave = inOrg(roleShow), inOrg(roleSave)
	const path = rolesPath + "/{role}"
	m.Page(route(http.MethodGet, rolesPath, org.PeopleRead), inOrg(r.showRoles))
	asks(m, fresh(route("", rolesPath+"/new", org.RoleWrite)), roleShow, roleSave)
	m.Page(route(http.MethodGet, path, org.PeopleRead), inOrg(r.showRole))
	asks(m, fresh(route("", path+"/edit", org.RoleWrite)), roleShow, roleSave)
	asks(m, route("", path+"/delete", org.RoleWrite), inOrg(shows(ends("role", "role", r.roleEnd))), inOrg(takes(ends("role", "role", r.roleEnd), r.takeRoleEnd)))
}

func (r *Room) showRoles(v *web.Visit) error {
	all, err := r.org.Roles(v.Context(), here(v))
	if err != nil {
		return err
	}
	page := ui.Items{
		Title: v.Say("people.roles"), Lead: v.Say("people.roles.lead"), Saved: saved(v),
		Columns: []string{v.Say("people.field.title"), v.Say("people.field.name"), v.Say("people.role.permissions"), v.Say("people.role.kind")},
	}
	if v.May(org.RoleWrite, "") == nil {
		page.Actions = []ui.Go{{Text: v.Say("people.role.new"), Href: rolesPath + "/new", Kind: webui.Main}}
	}
	for _, role := range all {
		item := ui.Item{
			Title: roleTitle(v, role), Name: role.Name, Href: under(rolesPath, string(role.ID)),
			Text: strconv.Itoa(len(role.Permissions)), BadgeText: v.Say("people.role.custom"), Badge: "active",
		}
		if role.BuiltIn {
			item.BadgeText, item.Badge = v.Say("people.role.built-in"), ""
		}
		page.List = append(page.List, item)
	}
	return v.Show(page.Title, ui.Index(page))
}

func (r *Room) role(v *web.Visit) (org.Role, error) {
	return r.org.Role(v.Context(), here(v), id.Role(v.Path("role")))
}

// permissionTitle says a permission in the reader's language.
func (r *Room) permissionTitle(v *web.Visit, name string) string {
	if key := "permission." + name; r.book.Has(key) {
		return v.Say(key)
	}
	return name
}

func (r *Room) showRole(v *web.Visit) error {
	role, err := r.role(v)
	if err != nil {
		return err
	}
	page := ui.Thing{Title: roleTitle(v, role), Lead: v.Say("people.role.custom"), Saved: saved(v)}
	if role.BuiltIn {
		page.Lead = v.Say("role." + role.Name + ".about")
	} else if v.May(org.RoleWrite, "") == nil {
		at := under(rolesPath, string(role.ID))
		page.Actions = []ui.Go{{Text: v.Say("people.role.edit"), Href: at + "/edit"}, {Text: v.Say("people.role.delete"), Href: at + "/delete", Kind: webui.Danger}}
	}
	var permissions []ui.Go
	for _, name := range role.Permissions {
		permissions = append(permissions, ui.Go{Text: r.permissionTitle(v, name)})
	}
	all, err := r.org.Roles(v.Context(), here(v))
	if err != nil {
		return err
	}
	page.Sections = []ui.Section{{Title: v.Say("people.role.allows"), Facts: []webui.Detail{
		{Key: v.Say("people.field.name"), Value: webui.Copy(role.Name)},
		{Key: v.Say("people.role.permissions"), Value: ui.Names(permissions)},
		{Key: v.Say("people.role.includes"), Value: ui.Names(roleLinks(v, all, role.Includes))},
	}}}
	return showAbout(v, "role:"+string(role.ID), page)
}

func roleLinks(v *web.Visit, all []org.Role, which []id.Role) []ui.Go {
	var links []ui.Go
	for _, role := range all {
		if slices.Contains(which, role.ID) {
			links = append(links, ui.Go{Text: roleTitle(v, role), Href: under(rolesPath, string(role.ID))})
		}
	}
	return links
}

func (r *Room) roleForm(v *web.Visit) (role org.Role, page ui.Form, err error) {
	page = ui.Form{Heading: v.Say("people.role.new"), Lead: v.Say("people.role.form.lead"), Action: rolesPath + "/new", Back: rolesPath, Submit: v.Say("people.save")}
	if v.Path("role") != "" {
		if role, err = r.role(v); err != nil {
			return role, page, err
		}
		if role.BuiltIn {
			return role, page, withField(fault.New(fault.Invalid, "role-invalid"), "name", "role-built-in", "name", role.Name)
		}
		at := under(rolesPath, string(role.ID))
		page.Heading, page.Action, page.Back = v.Say("people.role.edit"), at+"/edit", at
	}
	page.Hidden = []ui.Pair{versionOf(role.Version)}
	page.Fields = []webui.Input{
		{Name: "title", Label: v.Say("people.field.title"), Value: role.Title, Max: org.NameMost, Half: true},
		{Name: "name", Label: v.Say("people.field.name"), Hint: v.Say("people.field.name.hint"), Value: role.Name, Required: true, Max: 64, Half: true},
	}
	permissions, err := r.permissionPick(v, role)
	if err != nil {
		return role, page, err
	}
	includes, err := r.rolePick(v, here(v), "includes", role.Includes)
	includes.Legend, includes.Hint = v.Say("people.role.includes"), v.Say("people.role.includes.hint")
	includes.Choices = slices.DeleteFunc(includes.Choices, func(c webui.Choice) bool { return c.Value == string(role.ID) })
	page.Picks = []webui.Pick{permissions, includes}
	return role, page, err
}

// permissionPick offers what roles here can hold; what who acts does not hold
// themselves is shown and cannot be given.
func (r *Room) permissionPick(v *web.Visit, role org.Role) (webui.Pick, error) {
	pick := webui.Pick{Name: "permissions", Legend: v.Say("people.role.permissions"), Hint: v.Say("people.role.permissions.hint")}
	o, err := r.org.Organization(v.Context(), here(v))
	if err != nil {
		return pick, err
	}
	for _, p := range r.org.Permissions(o.Type) {
		holds, err := r.holds(v.Context(), acting(v), here(v), p.Name)
		if err != nil {
			return pick, err
		}
		pick.Choices = append(pick.Choices, webui.Choice{
			Value: p.Name, Text: r.permissionTitle(v, p.Name), On: slices.Contains(role.Permissions, p.Name), Fixed: !holds,
		})
	}
	return pick, nil
}

func (r *Room) takeRole(v *web.Visit, role org.Role, page *ui.Form, typed form) (string, error) {
	role.Org, role.Name, role.Title, role.Version = here(v), typed.Get("name"), typed.Get("title"), typed.version
	role.Permissions, role.Includes = nil, pickedRoles(page.Picks[1], typed.Values)
	for _, permission := range pickedRoles(page.Picks[0], typed.Values) {
		role.Permissions = append(role.Permissions, string(permission))
	}
	saved, err := r.org.PutRole(v.Context(), acting(v), role)
	return under(rolesPath, string(saved.ID)) + "?done=saved", err
}

func (r *Room) roleEnd(v *web.Visit) (org.Role, ui.Form, error) {
	role, err := r.role(v)
	if err != nil {
		return role, ui.Form{}, err
	}
	holders, err := r.org.Holders(v.Context(), here(v), role.ID)
	at := under(rolesPath, string(role.ID))
	return role, ui.Form{
		Heading: v.Say("people.role.delete.ask", "title", roleTitle(v, role)), Lead: v.Say("people.role.delete.lead", "count", len(holders)),
		Action: at + "/delete", Back: at, Submit: v.Say("people.role.delete"), Danger: true,
	}, err
}

func (r *Room) takeRoleEnd(v *web.Visit, role org.Role, _ *ui.Form, _ form) (string, error) {
	return rolesPath + "?done=deleted", r.org.DropRole(v.Context(), acting(v), here(v), role.ID)
}
