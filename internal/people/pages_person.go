package people

import (
	"net/http"
	"slices"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/people/ui"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

func (r *Room) personPages(m *web.Mux) {
	seatShow, seatSave := checks(r.seatForm, r.takeSeat, r.foreseeSeat)
	seatShow, seatSave = inOrg(seatShow), inOrg(seatSave)
	stateShow, stateSave := checks(r.stateForm, r.takeState, r.foreseeState)
	stateShow, stateSave = inOrg(stateShow), inOrg(stateSave)
	const path = PeoplePath + "/{person}"
	m.Page(route(http.MethodGet, path, org.PeopleRead), inOrg(r.showPerson))
	asks(m, route("", path+"/profile", org.PeopleWrite), inOrg(shows(r.profileForm)), inOrg(takes(r.profileForm, r.takeProfile)))
	asks(m, fresh(route("", path+"/roles", org.PeopleWrite)), seatShow, seatSave)
	m.Page(route(http.MethodPost, path+"/invitation", org.PeopleWrite), inOrg(r.takeInvitation))
	asks(m, route("", path+"/state", org.PeopleWrite), stateShow, stateSave)
	asks(m, route("", path+"/remove", org.PeopleWrite), inOrg(shows(ends("person", "person", r.removeForm))), inOrg(takes(ends("person", "person", r.removeForm), r.takeRemove)))
	asks(m, fresh(route("", path+"/delete", org.PeopleErase)), inOrg(shows(ends("person", "person", r.deleteForm))), inOrg(takes(ends("person", "person", r.deleteForm), r.takeDelete)))
}

// visited is the member whose page it is; who is none of the organization is
// not there (R4).
func (r *Room) visited(v *web.Visit) (Listed, error) {
	return r.Member(v.Context(), here(v), id.Person(v.Path("person")))
}

func pathOf(who id.Person) string { return under(PeoplePath, string(who)) }

func (r *Room) showPerson(v *web.Visit) error {
	l, err := r.visited(v)
	if err != nil {
		return err
	}
	page := ui.Thing{Title: l.Person.DisplayName, Lead: l.Person.Reading, Saved: saved(v), Badges: r.badges(v, l)}
	page.Sections = append(page.Sections, ui.Section{Title: v.Say("people.profile"), Facts: profileFacts(v, l.Person)})
	seat, err := r.seat(v, l)
	if err != nil {
		return err
	}
	page.Sections = append(page.Sections, seat)
	panels, err := r.shownPanels(v, "person:"+string(l.Person.ID))
	if err != nil {
		return err
	}
	page.Sections = append(page.Sections, panels...)
	r.offers(v, l, &page)
	return showAbout(v, "person:"+string(l.Person.ID), page)
}

func (r *Room) badges(v *web.Visit, l Listed) []webui.Detail {
	badge := func(kind, text string) webui.Detail { return webui.Detail{Key: kind, Value: webui.Text(text)} }
	all := []webui.Detail{badge(string(l.State()), v.Say("people.state."+string(l.State())))}
	if l.Member.State == org.Disabled && l.Person.State == org.Active {
		all[0].Value = webui.Text(v.Say("people.state.disabled-here"))
	}
	if i := l.Invitation; i != nil && l.Person.State == org.Invited {
		all = append(all, badge(string(i.State), v.Say("people.invitation."+string(i.State))))
	}
	return all
}

// offers are what who looks may do with the person.
func (r *Room) offers(v *web.Visit, l Listed, page *ui.Thing) {
	at := pathOf(l.Person.ID)
	if v.May(org.PeopleWrite, "") != nil {
		return
	}
	if r.mayTouch(v, l.Person.ID) {
		page.Actions = append(page.Actions, ui.Go{Text: v.Say("people.profile.edit"), Href: at + "/profile"})
	}
	page.Sections[1].Actions = []ui.Go{{Text: v.Say("people.seat.edit"), Href: at + "/roles"}}
	if l.Person.State == org.Invited {
		page.Sections = slices.Insert(page.Sections, 0, r.invitationSection(v, l))
	}
	page.DangerTitle = v.Say("people.danger")
	page.Danger = []ui.Go{{Text: v.Say("people.state.edit"), Href: at + "/state"}, {Text: v.Say("people.remove"), Href: at + "/remove", Kind: webui.Danger}}
	if v.May(org.PeopleErase, "") == nil {
		page.Danger = append(page.Danger, ui.Go{Text: v.Say("people.delete"), Href: at + "/delete", Kind: webui.Danger})
	}
}

// mayTouch reports whether what is said of a person is who looks' to change.
func (r *Room) mayTouch(v *web.Visit, who id.Person) bool {
	return r.org.MightTouch(v.Context(), acting(v), here(v), who) == nil
}

func (r *Room) invitationSection(v *web.Visit, l Listed) ui.Section {
	s := ui.Section{Title: v.Say("people.invitation"), Text: v.Say("people.invitation.lead")}
	if i := l.Invitation; i != nil {
		s.Facts = []webui.Detail{
			{Key: v.Say("people.invitation.state"), Value: webui.Text(v.Say("people.invitation." + string(i.State)))}, {Key: v.Say("people.invitation.until"), Value: ui.At(i.Until)},
		}
		if i.Reason != "" {
			s.Facts = append(s.Facts, webui.Detail{Key: v.Say("people.invitation.reason"), Value: webui.Text(i.Reason)})
		}
	}
	if r.inviter == nil {
		s.Text = v.Say("problem.invitations-unavailable")
		return s
	}
	s.Body = ui.Once(pathOf(l.Person.ID)+"/invitation", v.Say("people.invitation.again"), webui.Plain, nil)
	return s
}

func profileFacts(v *web.Visit, p org.Person) []webui.Detail {
	var all []webui.Detail
	text := func(key, value string) {
		if value != "" {
			all = append(all, webui.Detail{Key: v.Say("people.field." + key), Value: webui.Text(value)})
		}
	}
	all = append(all, webui.Detail{Key: v.Say("people.field.login"), Value: webui.Copy(p.Login)})
	email := p.Email
	if email != "" && !p.Verified {
		email = v.Say("people.email.unverified", "email", email)
	}
	text("email", email)
	if v.Lang() == "ja" {
		text("family_name", p.FamilyName)
		text("given_name", p.GivenName)
	} else {
		text("given_name", p.GivenName)
		text("family_name", p.FamilyName)
	}
	text("reading", p.Reading)
	if p.Locale != "" {
		text("locale", v.Say("language."+p.Locale))
	}
	text("time_zone", p.TimeZone)
	return append(all, webui.Detail{Key: v.Say("people.field.id"), Value: webui.Copy(string(p.ID))})
}

// seat says what the person is in this organization.
func (r *Room) seat(v *web.Visit, l Listed) (ui.Section, error) {
	s := ui.Section{Title: v.Say("people.seat")}
	roles, err := r.org.Roles(v.Context(), here(v))
	if err != nil {
		return s, err
	}
	var given []ui.Go
	for _, role := range roles {
		if slices.Contains(l.Member.Roles, role.ID) {
			given = append(given, ui.Go{Text: roleTitle(v, role), Href: under(rolesPath, string(role.ID))})
		}
	}
	groups, err := r.org.GroupsOf(v.Context(), here(v), l.Person.ID)
	if err != nil {
		return s, err
	}
	var in []ui.Go
	for _, g := range groups {
		in = append(in, ui.Go{Text: g.Title, Href: under(groupsPath, string(g.ID))})
	}
	var manager []ui.Go
	if l.Manager != "" {
		manager = []ui.Go{{Text: l.Manager, Href: pathOf(l.Member.Manager)}}
	}
	s.Facts = []webui.Detail{
		{Key: v.Say("people.roles"), Value: ui.Names(given)},
		{Key: v.Say("people.groups"), Value: ui.Names(in)},
		{Key: v.Say("people.manager"), Value: ui.Names(manager)},
		{Key: v.Say("people.since"), Value: ui.At(l.Member.Since)},
	}
	return s, nil
}

// shownPanels are what other rooms know of the person.
func (r *Room) shownPanels(v *web.Visit, target string) ([]ui.Section, error) {
	var parts []templ.Component
	for _, panel := range r.panels {
		part, err := panel(v, target)
		if err != nil {
			return nil, err
		}
		if part != nil {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return nil, nil
	}
	return []ui.Section{{Title: v.Say("people.signin"), Body: ui.Panels(parts)}}, nil
}

func (r *Room) profileForm(v *web.Visit) (Listed, ui.Form, error) {
	l, err := r.visited(v)
	at := pathOf(l.Person.ID)
	return l, ui.Form{
		Heading: v.Say("people.profile.edit"), Lead: l.Person.DisplayName, Action: at + "/profile", Back: at, Submit: v.Say("people.save"),
		Fields: profileFields(v, l.Person, false), Hidden: []ui.Pair{versionOf(l.Person.Version)},
	}, err
}

func (r *Room) takeProfile(v *web.Visit, l Listed, page *ui.Form, typed form) (string, error) {
	next := typedPerson(l.Person, typed.Values, false)
	next.Version = typed.version
	if identity(l.Person, next) {
		if err := v.Actor().Fresh(web.Recent, v.Now()); err != nil {
			return "", err
		}
	}
	return page.Back + "?done=saved", r.Change(v.Context(), acting(v), next)
}

func (r *Room) seatForm(v *web.Visit) (Listed, ui.Form, error) {
	l, err := r.visited(v)
	if err != nil {
		return l, ui.Form{}, err
	}
	at := pathOf(l.Person.ID)
	page := ui.Form{
		Heading: v.Say("people.seat.edit"), Lead: l.Person.DisplayName, Action: at + "/roles", Back: at, Submit: v.Say("people.save"),
		Hidden: []ui.Pair{versionOf(l.Member.Version)}, Suggest: map[string]string{"manager": PeoplePath + "/suggest"},
	}
	manager := ""
	if l.Member.Manager != "" {
		p, err := r.org.Person(v.Context(), l.Member.Manager)
		if err != nil {
			return l, page, err
		}
		manager = p.Login
	}
	page.Fields = []webui.Input{{Name: "manager", Label: v.Say("people.manager"), Hint: v.Say("people.manager.hint"), Value: manager}}
	pick, err := r.rolePick(v, here(v), "roles", l.Member.Roles)
	page.Picks = []webui.Pick{pick}
	return l, page, err
}

func (r *Room) takeSeat(v *web.Visit, l Listed, page *ui.Form, typed form) (next string, err error) {
	l.Member.Roles, l.Member.Version = pickedRoles(page.Picks[0], typed.Values), typed.version
	if l.Member.Manager, err = r.personOf(v, here(v), "manager", typed.Get("manager")); err == nil {
		err = r.org.PutMember(v.Context(), acting(v), l.Member)
	}
	return page.Back + "?done=saved", err
}

func (r *Room) takeInvitation(v *web.Visit) error {
	l, err := r.visited(v)
	if err == nil {
		err = r.freshFor(v.Context(), l.Member.Roles)
	}
	if err != nil {
		return err
	}
	again, err := r.InviteAgain(v.Context(), acting(v), here(v), l.Person.ID)
	if err == nil && !again.Link.Empty() {
		return r.showLinks(v, []Invited{again})
	}
	return answer(v, err, func() (ui.Form, error) {
		_, page, err := r.profileForm(v)
		return page, err
	}, pathOf(l.Person.ID)+"?done=sent")
}

func (r *Room) stateForm(v *web.Visit) (Listed, ui.Form, error) {
	l, err := r.visited(v)
	at := pathOf(l.Person.ID)
	page := ui.Form{
		Heading: v.Say("people.state.edit"), Lead: l.Person.DisplayName, Action: at + "/state", Back: at, Submit: v.Say("people.save"),
		Hidden: []ui.Pair{versionOf(l.Member.Version)},
	}
	choice := func(value string, on bool) webui.Choice {
		return webui.Choice{Value: value, Text: v.Say("people.state." + value), Hint: v.Say("people.state." + value + ".about"), On: on}
	}
	page.Picks = []webui.Pick{{Name: "member", Legend: v.Say("people.state.here"), One: true, Choices: []webui.Choice{
		choice("member-active", l.Member.State == org.Active), choice("member-disabled", l.Member.State != org.Active),
	}}}
	if err != nil || l.Person.State == org.Invited {
		return l, page, err
	}
	err = r.store.Self(l.Person.ID).Read(v.Context(), func(view *store.View) error {
		return r.org.MayTouch(view, acting(v), l.Person.ID)
	})
	account := webui.Pick{Name: "account", Legend: v.Say("people.state.account"), One: true, Choices: []webui.Choice{
		choice("account-active", l.Person.State == org.Active), choice("account-disabled", l.Person.State != org.Active),
	}}
	if f := fault.As(err); f != nil {
		account.Hint, err = v.Say("problem."+f.Code), nil
		account.Choices[0].Fixed, account.Choices[1].Fixed = true, true
	}
	page.Picks = append(page.Picks, account)
	return l, page, err
}

func (r *Room) takeState(v *web.Visit, l Listed, page *ui.Form, typed form) (next string, err error) {
	if m := stateOf(typed.Get("member"), l.Member.State); m != l.Member.State {
		l.Member.State, l.Member.Version = m, typed.version
		err = r.org.PutMember(v.Context(), acting(v), l.Member)
	}
	if p := stateOf(typed.Get("account"), l.Person.State); err == nil && p != l.Person.State {
		if err = v.Actor().Fresh(web.Recent, v.Now()); err == nil {
			err = r.SetState(v.Context(), acting(v), l.Person.ID, p)
		}
	}
	return page.Back + "?done=saved", err
}

func stateOf(typed string, now org.State) org.State {
	switch typed {
	case "member-active", "account-active":
		return org.Active
	case "member-disabled", "account-disabled":
		return org.Disabled
	}
	return now
}

func (r *Room) removeForm(v *web.Visit) (Listed, ui.Form, error) {
	l, err := r.visited(v)
	at := pathOf(l.Person.ID)
	return l, ui.Form{
		Heading: v.Say("people.remove.ask", "name", l.Person.DisplayName), Lead: v.Say("people.remove.lead"), Action: at + "/remove", Back: at,
		Submit: v.Say("people.remove"), Danger: true,
	}, err
}

func (r *Room) takeRemove(v *web.Visit, l Listed, _ *ui.Form, _ form) (string, error) {
	return PeoplePath + "?done=removed", r.org.DropMember(v.Context(), acting(v), here(v), l.Person.ID)
}

func (r *Room) deleteForm(v *web.Visit) (Listed, ui.Form, error) {
	l, err := r.visited(v)
	if err != nil {
		return l, ui.Form{}, err
	}
	d, err := r.PlanDeletion(v.Context(), acting(v), here(v), l.Person.ID)
	at := pathOf(l.Person.ID)
	page := ui.Form{
		Heading: v.Say("people.delete.ask", "name", l.Person.DisplayName), Lead: v.Say("people.delete.lead"), Action: at + "/delete", Back: at,
		Submit: v.Say("people.delete"), Danger: true,
		Parts: []ui.Part{r.part(v, "erased", erased, d), r.part(v, "kept", kept, d)},
		Fields: []webui.Input{{
			Name: "login", Label: v.Say("people.delete.type", "login", l.Person.Login), Required: true,
		}},
	}
	if d.Refused != nil {
		title, do := say(v, d.Refused)
		page.Notes = []string{title + " " + do}
	}
	return l, page, err
}

func (r *Room) part(v *web.Visit, group string, parts []string, d Deletion) ui.Part {
	p := ui.Part{Title: v.Say("people.deletion." + group)}
	for _, part := range parts {
		p.Items = append(p.Items, v.Say("people.deletion."+group+"."+part, "count", len(d.Orgs)))
	}
	if group == "erased" && len(d.Reports) > 0 {
		p.Items = append(p.Items, v.Say("people.deletion.erased.manager", "count", len(d.Reports)))
	}
	return p
}

func (r *Room) takeDelete(v *web.Visit, l Listed, _ *ui.Form, typed form) (string, error) {
	return PeoplePath + "?done=deleted", r.Delete(v.Context(), acting(v), l.Person.ID, typed.Get("login"))
}
