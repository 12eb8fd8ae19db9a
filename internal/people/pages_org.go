package people

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/people/ui"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

func (r *Room) orgPages(m *web.Mux) {
	orgShow, orgSave := checks(r.orgForm, r.takeOrg, r.foreseeOrg)
	in := func(path, permission string) web.Route {
		o := route("", path, permission)
		o.Target = "org"
		return o
	}
	m.Page(route(http.MethodGet, orgPath, org.PeopleRead), inOrg(r.showOrg))
	m.Page(route(http.MethodGet, orgsPath, web.SignedIn), r.showOrgs)
	asks(m, fresh(route("", orgsPath+"/new", org.Write)), r.showNewOrg, r.takeNewOrg)
	m.Page(route(http.MethodGet, orgsPath+"/{org}", web.SignedIn), r.showOrg)
	asks(m, in(orgsPath+"/{org}/edit", org.Write), orgShow, orgSave)
	asks(m, fresh(in(orgsPath+"/{org}/delete", org.Write)), shows(ends("organization", "org", r.orgEnd)), takes(ends("organization", "org", r.orgEnd), r.takeOrgEnd))
}

func (r *Room) showOrgs(v *web.Visit) error {
	all, next, err := r.org.Organizations(v.Context(), acting(v), v.Query("q"), v.Query("cursor"), 50)
	if err != nil {
		return err
	}
	page := ui.Items{
		Title: v.Say("people.organizations"), Lead: v.Say("people.organizations.lead"), Saved: saved(v), Search: true, Text: v.Query("q"), Action: orgsPath,
		NoneTitle: v.Say("people.organizations.none"), NoneText: v.Say("people.organizations.none.do"),
		Columns: []string{v.Say("people.field.title"), v.Say("people.field.name"), v.Say("people.field.type"), v.Say("people.state")},
	}
	if v.May(org.Write, "") == nil {
		page.Actions = []ui.Go{{Text: v.Say("people.organization.new"), Href: orgsPath + "/new", Kind: webui.Main}}
	}
	for _, o := range all {
		page.List = append(page.List, ui.Item{
			Title: o.Title, Name: o.Name, Href: under(orgsPath, string(o.ID)), Text: v.Say("people.type." + string(o.Type)),
			Badge: string(o.State), BadgeText: v.Say("people.state." + string(o.State)),
		})
	}
	if next != "" {
		page.After = orgsPath + "?" + url.Values{"q": {page.Text}, "cursor": {next}}.Encode()
	}
	return v.Show(page.Title, ui.Index(page))
}

// looked is the organization whose page it is: the one of the path, or the
// reader's own.
func (r *Room) looked(v *web.Visit) (org.Organization, error) {
	which := id.Org(v.Path("org"))
	if which == "" {
		which = here(v)
	}
	if err := r.knows(v.Context(), acting(v), which); err != nil {
		return org.Organization{}, err
	}
	return r.org.Organization(v.Context(), which)
}

func (r *Room) showOrg(v *web.Visit) error {
	o, err := r.looked(v)
	if err != nil {
		return err
	}
	page := ui.Thing{Title: o.Title, Lead: v.Say("people.type." + string(o.Type)), Saved: saved(v), Badges: []webui.Detail{
		{Key: string(o.State), Value: webui.Text(v.Say("people.state." + string(o.State)))},
	}}
	facts := []webui.Detail{
		{Key: v.Say("people.field.name"), Value: webui.Copy(o.Name)},
		{Key: v.Say("people.field.id"), Value: webui.Copy(string(o.ID))},
		{Key: v.Say("people.created"), Value: ui.At(o.Created)},
	}
	page.Sections = []ui.Section{{Title: v.Say("people.organization"), Facts: facts}}
	if o.Parent != "" {
		parent, err := r.parentSection(v, o)
		if err != nil {
			return err
		}
		page.Sections = append(page.Sections, parent)
	}
	if v.May(org.Write, string(o.ID)) == nil {
		at := under(orgsPath, string(o.ID))
		page.Actions = []ui.Go{{Text: v.Say("people.organization.edit"), Href: at + "/edit"}}
		page.DangerTitle = v.Say("people.danger")
		page.Danger = []ui.Go{{Text: v.Say("people.organization.delete"), Href: at + "/delete", Kind: webui.Danger}}
	}
	return showAbout(v, "organization:"+string(o.ID), page)
}

// parentSection says plainly who from above acts here, and as what.
func (r *Room) parentSection(v *web.Visit, o org.Organization) (ui.Section, error) {
	s := ui.Section{Title: v.Say("people.parent")}
	parent, err := r.org.Organization(v.Context(), o.Parent)
	if err != nil {
		return s, err
	}
	var roles []ui.Go
	for _, role := range o.ParentRoles {
		roles = append(roles, ui.Go{Text: v.Say("role." + role)})
	}
	s.Text = v.Say("people.parent.none", "parent", parent.Title)
	if len(roles) > 0 {
		s.Text = v.Say("people.parent.acts", "parent", parent.Title)
	}
	s.Facts = []webui.Detail{{Key: v.Say("people.parent"), Value: webui.Text(parent.Title)}, {Key: v.Say("people.parent.roles"), Value: ui.Names(roles)}}
	return s, nil
}

func orgFields(v *web.Visit, o org.Organization) []webui.Input {
	return []webui.Input{
		{Name: "title", Label: v.Say("people.field.title"), Value: o.Title, Max: org.NameMost, Half: true},
		{Name: "name", Label: v.Say("people.field.name"), Hint: v.Say("people.field.name.hint"), Value: o.Name, Required: true, Max: 64, Half: true},
	}
}

// parentRoles are what a parent can be given, in the order of the built-in
// roles.
var parentRoles = []id.Role{org.Administrator, org.Accounts, org.Auditor, org.User}

func parentPick(v *web.Visit, on []string) webui.Pick {
	pick := webui.Pick{Name: "parent_roles", Legend: v.Say("people.parent.roles"), Hint: v.Say("people.parent.roles.hint")}
	for _, role := range parentRoles {
		pick.Choices = append(pick.Choices, webui.Choice{
			Value: string(role), Text: v.Say("role." + string(role)), Hint: v.Say("role." + string(role) + ".about"), On: slices.Contains(on, string(role)),
		})
	}
	return pick
}

func (r *Room) orgForm(v *web.Visit) (org.Organization, ui.Form, error) {
	o, err := r.looked(v)
	at := under(orgsPath, string(o.ID))
	page := ui.Form{
		Heading: v.Say("people.organization.edit"), Lead: o.Title, Action: at + "/edit", Back: at, Submit: v.Say("people.save"),
		Fields: orgFields(v, o), Hidden: []ui.Pair{versionOf(o.Version)},
	}
	if err != nil {
		return o, page, err
	}
	if o.Parent != "" {
		page.Picks = append(page.Picks, parentPick(v, o.ParentRoles))
	}
	// Who stands only in the organization itself cannot close it.
	if o.ID != here(v) {
		page.Picks = append(page.Picks, webui.Pick{Name: "state", Legend: v.Say("people.state"), One: true, Choices: []webui.Choice{
			{Value: string(org.Active), Text: v.Say("people.state.active"), On: o.State == org.Active},
			{Value: string(org.Disabled), Text: v.Say("people.state.disabled"), Hint: v.Say("people.organization.disabled.about"), On: o.State == org.Disabled},
		}})
	}
	return o, page, nil
}

func (r *Room) takeOrg(v *web.Visit, o org.Organization, page *ui.Form, typed form) (string, error) {
	o.Name, o.Title, o.Version = typed.Get("name"), typed.Get("title"), typed.version
	if o.Parent != "" {
		o.ParentRoles = typed.Values["parent_roles"]
	}
	if state := typed.Get("state"); state != "" {
		o.State = org.State(state)
	}
	_, err := r.org.PutOrganization(v.Context(), acting(v), o)
	return page.Back + "?done=saved", err
}

// founding is an organization to be made with its first administrator.
type founding struct {
	Organization org.Organization
	Admin        org.Person // Login "": none is invited
}

// addOrganization makes an organization and invites its first administrator, in
// one write.
func (r *Room) addOrganization(v *web.Visit, f founding) (which id.Org, invited []Invited, err error) {
	o := f.Organization
	o.ID = id.New[id.Org](r.clock.Now())
	if o.Title == "" {
		o.Title = o.Name // the mail says it
	}
	e := r.entry(o.ID, Newcomer{Person: f.Admin, Roles: []id.Role{org.Administrator}}, org.Invited)
	asked := f.Admin.Login != "" || f.Admin.Email != ""
	if asked && r.inviter == nil {
		return o.ID, nil, errNoInvitations
	}
	if asked && f.Admin.Email == "" {
		return o.ID, nil, withField(fault.New(fault.Invalid, "person-invalid"), "email", "field-required")
	}
	var draft org.Draft
	if asked {
		drafts, err := r.inviter.Prepare(v.Context(), acting(v), o, []org.Person{e.person})
		if err != nil {
			return o.ID, nil, err
		}
		draft = drafts[0]
	}
	err = r.write(v.Context(), r.store.Org(o.ID), func(tx *store.Tx) ([]store.Event, error) {
		made, err := r.org.SetOrganization(tx, acting(v), o)
		if err != nil || !asked {
			return []store.Event{made}, err
		}
		// Who makes an organization need not be somebody in it: its first
		// administrator is the house's to name.
		more, err := r.enter(tx, founder, e, draft)
		return append([]store.Event{made}, attribute(more, acting(v))...), err
	})
	if held(err) { // the organization first: its administrator is invited once it is there
		return o.ID, nil, r.org.OrHold(v.Context(), err, acting(v), o.ID, o)
	}
	if err == nil && asked {
		invited = []Invited{{e.person.ID, draft.Link}}
	}
	return o.ID, invited, err
}

// founder is whose right the first administrator of an organization is.
var founder = id.System("founder")

// attribute says in the log who asked for it.
func attribute(events []store.Event, by id.Principal) []store.Event {
	for i := range events {
		events[i].By = by
	}
	return events
}

func (r *Room) newOrgForm(v *web.Visit) (ui.Form, error) {
	page := ui.Form{
		Heading: v.Say("people.organization.new"), Lead: v.Say("people.organization.new.lead"), Action: orgsPath + "/new", Back: orgsPath,
		Submit: v.Say("people.organization.new.do"), Fields: orgFields(v, org.Organization{}),
	}
	mine, err := r.org.Organization(v.Context(), here(v))
	if err != nil {
		return page, err
	}
	types := webui.Pick{Name: "type", Legend: v.Say("people.field.type"), One: true, Choices: []webui.Choice{
		{Value: string(org.Customer), Text: v.Say("people.type.customer"), Hint: v.Say("people.type.customer.below", "parent", mine.Title), On: true},
		{Value: string(org.Provider), Text: v.Say("people.type.provider"), Hint: v.Say("people.type.provider.about")},
	}}
	page.Picks = []webui.Pick{types, parentPick(v, []string{string(org.Accounts)})}
	login, email := webui.Input{Name: "login", Label: v.Say("people.organization.admin.login"), Max: org.LoginMost, Half: true},
		webui.Input{Name: "email", Label: v.Say("people.organization.admin.email"), Kind: "email", Max: org.EmailMost, Half: true}
	if r.inviter == nil {
		page.Notes = []string{v.Say("problem.invitations-unavailable")}
		return page, nil
	}
	page.Fields = append(page.Fields, login, email)
	return page, nil
}

func (r *Room) showNewOrg(v *web.Visit) error {
	page, err := r.newOrgForm(v)
	if err != nil {
		return err
	}
	return v.Show(page.Heading, ui.Write(page))
}

func (r *Room) takeNewOrg(v *web.Visit) error {
	page, err := r.newOrgForm(v)
	if err != nil {
		return err
	}
	typed, err := readForm(v)
	if err != nil {
		return err
	}
	f := founding{
		Organization: org.Organization{Name: typed.Get("name"), Title: typed.Get("title"), Type: org.Type(typed.Get("type"))},
		Admin:        org.Person{Login: typed.Get("login"), Email: typed.Get("email")},
	}
	if f.Organization.Type == org.Customer {
		f.Organization.Parent, f.Organization.ParentRoles = here(v), typed.Values["parent_roles"]
	}
	refill(&page, typed.Values)
	if kind := f.Organization.Type; kind != org.Customer && kind != org.Provider {
		offered := v.Say("people.type.customer") + ", " + v.Say("people.type.provider")
		bad := withField(fault.New(fault.Invalid, "organization-invalid"), "type", "field-not-offered", "offered", offered)
		return answer(v, bad, func() (ui.Form, error) { return page, nil }, "")
	}
	which, invited, err := r.addOrganization(v, f)
	if err == nil && len(invited) > 0 && !invited[0].Link.Empty() {
		return r.showLinks(v, invited)
	}
	return answer(v, err, func() (ui.Form, error) { return page, nil }, under(orgsPath, string(which))+"?done=saved")
}

func (r *Room) orgEnd(v *web.Visit) (org.Organization, ui.Form, error) {
	o, err := r.looked(v)
	at := under(orgsPath, string(o.ID))
	return o, ui.Form{
		Heading: v.Say("people.organization.delete.ask", "title", o.Title), Lead: v.Say("people.organization.delete.lead"), Action: at + "/delete", Back: at,
		Submit: v.Say("people.organization.delete"), Danger: true,
		Fields: []webui.Input{{Name: "name", Label: v.Say("people.organization.delete.type", "name", o.Name), Required: true}},
	}, err
}

func (r *Room) takeOrgEnd(v *web.Visit, o org.Organization, _ *ui.Form, typed form) (string, error) {
	if typed.Get("name") != o.Name {
		return "", withField(fault.New(fault.Invalid, "organization-invalid"), "name", "typed-name-differs", "name", o.Name)
	}
	return orgsPath + "?done=deleted", r.org.DropOrganization(v.Context(), acting(v), o.ID)
}
