package people

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/people/ui"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// Where the pages are.
const (
	PeoplePath   = "/admin/people"
	SettingsPath = "/settings"

	groupsPath = "/admin/groups"
	rolesPath  = "/admin/roles"
	orgPath    = "/admin/organization"
	orgsPath   = "/admin/organizations"
)

// Entry is one line of the console's navigation.
type Entry struct {
	Key, Href, Permission string
	Organization          bool // of the organization itself, not of its people
}

// Rail lists the room's pages of the console.
func Rail() []Entry {
	return []Entry{
		{Key: "people.list", Href: PeoplePath, Permission: org.PeopleRead},
		{Key: "people.groups", Href: groupsPath, Permission: org.PeopleRead},
		{Key: "people.roles", Href: rolesPath, Permission: org.PeopleRead},
		{Key: "people.organization", Href: orgPath, Permission: org.PeopleRead, Organization: true},
		{Key: "people.organizations", Href: orgsPath, Permission: org.Below, Organization: true},
	}
}

// Pages registers the pages for people.
func (r *Room) Pages(m *web.Mux) {
	r.peoplePages(m)
	r.personPages(m)
	r.groupPages(m)
	r.rolePages(m)
	r.orgPages(m)
	r.settingsPages(m)
}

func route(method, path, permission string) web.Route {
	return web.Route{Method: method, Path: path, Permission: permission}
}

// asks registers a page with a form and where it is sent.
func asks(m *web.Mux, r web.Route, show, take web.Handler) {
	r.Method = http.MethodGet
	m.Page(r, show)
	r.Method = http.MethodPost
	m.Page(r, take)
}

// showAbout shows the page of a thing, with what depends on it and what happened to
// it below.
func showAbout(v *web.Visit, target string, page ui.Thing) error {
	if err := v.About(target); err != nil {
		return err
	}
	return v.Show(page.Title, ui.Show(page))
}

// shows is the page with a form.
func shows[T any](form func(*web.Visit) (T, ui.Form, error)) web.Handler {
	return func(v *web.Visit) error {
		_, page, err := form(v)
		if err != nil {
			return err
		}
		return v.Show(page.Heading, ui.Write(page))
	}
}

// ends is shows for a page that asks whether a thing shall be deleted: it says
// first what depends on it.
func ends[T any](kind, wildcard string, form func(*web.Visit) (T, ui.Form, error)) func(*web.Visit) (T, ui.Form, error) {
	return func(v *web.Visit) (T, ui.Form, error) {
		thing, page, err := form(v)
		if err == nil {
			page.Above, err = v.Ending(kind + ":" + v.Path(wildcard))
		}
		return thing, page, err
	}
}

// takes is where a form is sent: take does it and says where to go on. What is
// refused comes back with what was typed.
func takes[T any](shown func(*web.Visit) (T, ui.Form, error), take func(v *web.Visit, thing T, page *ui.Form, typed form) (next string, err error)) web.Handler {
	return func(v *web.Visit) error {
		thing, page, err := shown(v)
		if err != nil {
			return err
		}
		typed, err := readForm(v)
		if err != nil {
			return err
		}
		next, err := take(v, thing, &page, typed)
		err = mistyped(err)
		refill(&page, typed.Values)
		return answer(v, err, func() (ui.Form, error) { return page, nil }, next)
	}
}

// mistyped makes a mistake of what is not there: the thing that the form is about
// was found, so what is missing was named in it, and what was typed stays.
func mistyped(err error) error {
	if f := fault.As(err); f != nil && f.Kind == fault.NotFound {
		again := *f
		again.Kind = fault.Invalid
		return &again
	}
	return err
}

// here is the organization of whose console a page is; who acts in none is sent
// to choose one.
func here(v *web.Visit) id.Org { return v.Actor().Org }

func acting(v *web.Visit) id.Principal { return v.Actor().Principal }

func under(path string, parts ...string) string {
	for _, part := range parts {
		path += "/" + url.PathEscape(part)
	}
	return path
}

// inOrg keeps pages of an organization from whoever acts in none.
func inOrg(handler web.Handler) web.Handler {
	return func(v *web.Visit) error {
		if here(v) == "" {
			return v.See(orgsPath)
		}
		return handler(v)
	}
}

// form reads what was typed, with the version of what was shown.
type form struct {
	url.Values
	version int64
}

func readForm(v *web.Visit) (form, error) {
	values, err := v.Form()
	if err != nil {
		return form{}, err
	}
	version, _ := strconv.ParseInt(values.Get("version"), 10, 64) // 0 is no version that was ever shown
	return form{values, version}, nil
}

// answer goes on after a form was taken, or shows it again with what is wrong.
// What somebody is not known for, and what broke, is for the edge.
func answer(v *web.Visit, err error, again func() (ui.Form, error), next string) error {
	f := fault.As(err)
	switch {
	case err == nil:
		return v.See(next)
	case f == nil || f.Kind == fault.Broken || f.Kind == fault.Busy || f.Kind == fault.Unknown || f.Kind == fault.NotFound:
		return err
	}
	page, broken := again()
	if broken != nil {
		return broken
	}
	refuse(v, &page, f)
	return v.ShowStatus(f.Status(), page.Heading, ui.Write(page))
}

func say(v *web.Visit, f *fault.Fault) (title, do string) {
	var all []any
	for name, value := range f.Args {
		all = append(all, name, value)
	}
	title, do = v.Say("problem."+f.Code, all...), v.Say("problem."+f.Code+".do", all...)
	if strings.HasPrefix(do, "[") {
		do = ""
	}
	return title, do
}

// refuse puts the sentences of a fault where they belong.
func refuse(v *web.Visit, page *ui.Form, f *fault.Fault) {
	page.Problem, page.Do = say(v, f)
	for _, bad := range f.Fields {
		text, _ := say(v, &fault.Fault{Code: bad.Code, Args: bad.Args})
		if !mark(page, bad.Path, text) {
			page.Notes = append(page.Notes, text)
		}
	}
}

func mark(page *ui.Form, path, text string) bool {
	for i := range page.Fields {
		if page.Fields[i].Name == path {
			page.Fields[i].Error = text
			return true
		}
	}
	for i := range page.Picks {
		if page.Picks[i].Name == path {
			page.Picks[i].Error = text
			return true
		}
	}
	return false
}

// refill puts what was typed back into a form.
func refill(page *ui.Form, typed url.Values) {
	for i := range page.Fields {
		if _, sent := typed[page.Fields[i].Name]; sent {
			page.Fields[i].Value = typed.Get(page.Fields[i].Name)
		}
	}
	for i := range page.Picks {
		for j := range page.Picks[i].Choices {
			choice := &page.Picks[i].Choices[j]
			if !choice.Fixed {
				choice.On = slices.Contains(typed[page.Picks[i].Name], choice.Value)
			}
		}
	}
}

func versionOf(n int64) ui.Pair { return ui.Pair{Name: "version", Value: strconv.FormatInt(n, 10)} }

// saved is the sentence for what was just done, from the address.
func saved(v *web.Visit) string {
	switch done := v.Query("done"); done {
	case "saved", "invited", "sent", "removed", "deleted", "imported", "enabled", "disabled", "asked":
		return v.Say("people.done." + done)
	}
	return ""
}

// roleTitle is how a role is called in the reader's language.
func roleTitle(v *web.Visit, role org.Role) string {
	if role.BuiltIn {
		return v.Say("role." + role.Name)
	}
	return role.Title
}

// titles names roles for people.
func titles(v *web.Visit, all []org.Role, which []id.Role) []string {
	var names []string
	for _, role := range all {
		if slices.Contains(which, role.ID) {
			names = append(names, roleTitle(v, role))
		}
	}
	return names
}

// rolePick asks for roles; those that who acts may not give are shown and
// cannot be changed.
func (r *Room) rolePick(v *web.Visit, in id.Org, name string, on []id.Role) (webui.Pick, error) {
	pick := webui.Pick{Name: name, Legend: v.Say("people.roles"), Hint: v.Say("people.roles.hint")}
	all, err := r.org.Roles(v.Context(), in)
	if err != nil {
		return pick, err
	}
	err = r.store.Org(in).Read(v.Context(), func(view *store.View) error {
		pick.Choices = nil
		for _, role := range all {
			err := r.org.MayGive(view, acting(v), in, []id.Role{role.ID})
			if err != nil && fault.As(err) == nil {
				return err
			}
			choice := webui.Choice{Value: string(role.ID), Text: roleTitle(v, role), On: slices.Contains(on, role.ID), Fixed: err != nil}
			if role.BuiltIn {
				choice.Hint = v.Say("role." + role.Name + ".about")
			}
			pick.Choices = append(pick.Choices, choice)
		}
		return nil
	})
	return pick, err
}

// pickedRoles are the roles ticked, and those that the form could not change.
func pickedRoles(pick webui.Pick, typed url.Values) []id.Role {
	var roles []id.Role
	for _, choice := range pick.Choices {
		if choice.Fixed && choice.On || !choice.Fixed && slices.Contains(typed[pick.Name], choice.Value) {
			roles = append(roles, id.Role(choice.Value))
		}
	}
	return roles
}

// personOf finds a member by the login that somebody typed; "" is nobody.
func (r *Room) personOf(v *web.Visit, in id.Org, path, typed string) (id.Person, error) {
	if strings.TrimSpace(typed) == "" {
		return "", nil
	}
	var found org.Person
	err := r.store.Org(in).Read(v.Context(), func(view *store.View) (err error) {
		if found, err = r.org.LoginOf(view, typed); err == nil {
			_, err = org.MemberIn(view, in, found.ID)
		}
		return err
	})
	if fault.As(err) != nil {
		return "", withField(fault.New(fault.Invalid, "member-invalid"), path, "manager-unknown")
	}
	return found.ID, err
}
