package people

import (
	"net/http"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/people/ui"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

func (r *Room) settingsPages(m *web.Mux) {
	m.Page(route(http.MethodGet, SettingsPath, web.SignedIn), r.showSettings)
	asks(m, route("", SettingsPath+"/profile", web.SignedIn), shows(r.ownForm), takes(r.ownForm, r.takeOwn))
	asks(m, fresh(route("", SettingsPath+"/email", web.SignedIn)), shows(r.emailForm), takes(r.emailForm, r.takeEmail))
}

// self is who looks; who is no person has no settings.
func (r *Room) self(v *web.Visit) (org.Person, error) {
	who := acting(v).Person()
	if who == "" {
		return org.Person{}, errNoPerson
	}
	return r.org.Person(v.Context(), who)
}

func (r *Room) showSettings(v *web.Visit) error {
	p, err := r.self(v)
	if err != nil {
		return err
	}
	page := ui.Thing{Title: v.Say("people.settings"), Lead: v.Say("people.settings.lead"), Saved: saved(v)}
	profile := ui.Section{Title: p.DisplayName, Facts: profileFacts(v, p), Actions: []ui.Go{{Text: v.Say("people.profile.edit"), Href: SettingsPath + "/profile"}}}
	email := ui.Section{Title: v.Say("people.field.email"), Text: v.Say("people.email.lead")}
	if r.verifier != nil {
		email.Actions = []ui.Go{{Text: v.Say("people.email.change"), Href: SettingsPath + "/email"}}
		waiting, err := r.verifier.Waiting(v.Context(), p.ID)
		if err != nil {
			return err
		}
		if waiting != "" {
			email.Facts = []webui.Detail{{Key: v.Say("people.email.waiting"), Value: webui.Text(waiting)}}
		}
	}
	orgs, err := r.ownOrgs(v, p.ID)
	if err != nil {
		return err
	}
	page.Sections = []ui.Section{profile, email, orgs}
	return v.Show(page.Title, ui.Show(page))
}

// ownOrgs says where one belongs, and as what.
func (r *Room) ownOrgs(v *web.Visit, who id.Person) (ui.Section, error) {
	s := ui.Section{Title: v.Say("people.settings.organizations")}
	grants, err := r.org.Grants(v.Context(), who)
	if err != nil {
		return s, err
	}
	for _, o := range grants.Orgs {
		roles, err := r.org.Roles(v.Context(), o.ID)
		if err != nil {
			return s, err
		}
		m, err := r.org.Member(v.Context(), o.ID, who)
		if err != nil {
			return s, err
		}
		var names []ui.Go
		for _, title := range titles(v, roles, m.Roles) {
			names = append(names, ui.Go{Text: title})
		}
		s.Facts = append(s.Facts, webui.Detail{Key: o.Title, Value: ui.Names(names)})
	}
	return s, nil
}

func (r *Room) ownForm(v *web.Visit) (org.Person, ui.Form, error) {
	p, err := r.self(v)
	return p, ui.Form{
		Heading: v.Say("people.profile.edit"), Action: SettingsPath + "/profile", Back: SettingsPath, Submit: v.Say("people.save"),
		Fields: profileFields(v, p, true), Hidden: []ui.Pair{versionOf(p.Version)},
	}, err
}

func (r *Room) takeOwn(v *web.Visit, p org.Person, _ *ui.Form, typed form) (string, error) {
	if limited(v.Context()) {
		return "", errPresent
	}
	next := typedPerson(p, typed.Values, true)
	next.Version = typed.version
	return SettingsPath + "?done=saved", r.Change(v.Context(), acting(v), next)
}

func (r *Room) emailForm(v *web.Visit) (org.Person, ui.Form, error) {
	p, err := r.self(v)
	page := ui.Form{
		Heading: v.Say("people.email.change"), Lead: v.Say("people.email.lead"), Action: SettingsPath + "/email", Back: SettingsPath,
		Submit: v.Say("people.email.send"), Fields: []webui.Input{{
			Name: "email", Label: v.Say("people.email.new"), Kind: "email", Required: true, Max: org.EmailMost, Complete: "email",
		}},
	}
	if r.verifier == nil {
		page.Notes = []string{v.Say("problem.email-change-unavailable")}
	}
	return p, page, err
}

func (r *Room) takeEmail(v *web.Visit, p org.Person, page *ui.Form, typed form) (string, error) {
	page.Notes = nil
	return SettingsPath + "?done=asked", r.AskEmail(v.Context(), p.ID, typed.Get("email"))
}
