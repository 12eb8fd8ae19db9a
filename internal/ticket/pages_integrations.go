package ticket

import (
	"net/http"
	"net/url"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/ticket/ui"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// IntegrationsPath is where people switch systems on and off for themselves.
const IntegrationsPath = "/settings/integrations"

func (r *Room) integrationPages(m *web.Mux) {
	plain := func(method, path string) web.Route {
		return web.Route{Method: method, Path: path, Permission: web.SignedIn}
	}
	m.Page(plain(http.MethodGet, IntegrationsPath), r.showIntegrations)
	m.Page(plain(http.MethodPost, IntegrationsPath+"/{system}/off"), r.turnOff)
	m.Page(plain(http.MethodGet, IntegrationsPath+"/{system}/credential"), r.showPaste)
	m.Page(plain(http.MethodPost, IntegrationsPath+"/{system}/credential"), r.paste)
	m.Page(plain(http.MethodGet, IntegrationsPath+"/{system}/connected"), r.showConnected)
}

func integrationPath(which id.Connector, below string) string {
	return IntegrationsPath + "/" + url.PathEscape(string(which)) + "/" + below
}

func (r *Room) showIntegrations(v *web.Visit) error {
	who, err := factor.Present(v.Actor())
	if err != nil {
		return err
	}
	all, err := r.Integrations(v.Context(), who)
	if err != nil {
		return err
	}
	page := ui.Integrations{Saved: done(v, "off")}
	for _, i := range all {
		page.List = append(page.List, shown(v, i))
	}
	return v.Show(v.Say("ticket.integrations"), ui.ShowIntegrations(page))
}

func shown(v *web.Visit, i Integration) ui.Integration {
	s, c := i.System, i.Connection
	one := ui.Integration{
		Title: s.Shown(), Org: i.Organization, Kind: badges[c.State], State: v.Say("ticket.connection." + c.State), On: c.State == connector.On,
	}
	if c.State == connector.On {
		one.Text = v.Say("ticket.as", "account", c.Called())
		if !c.EndsAt.IsZero() && c.EndsAt.Before(v.Now().Add(connector.WarnAhead)) {
			one.Text += " " + v.Say("ticket.ends.on", "day", c.EndsAt.In(v.Zone()).Format("2006-01-02"))
		}
	}
	if c.State != connector.Off && c.State != connector.Connecting {
		one.Off = integrationPath(s.ID, "off")
	}
	if c.State != connector.On && s.Enabled {
		word := "ticket.switch.on"
		if c.State == connector.Reconnect {
			word, one.Text = "ticket.switch.again", v.Say("ticket.lost")
		}
		one.Switch = ui.Go{Text: v.Say(word), Href: startPath(s.ID), Kind: webui.Main}
		one.SwitchLabel = v.Say(word+".of", "name", s.Shown())
		if s.Scheme != connector.SchemeCode {
			one.Switch.Href = integrationPath(s.ID, "credential")
		}
	}
	return one
}

// mine is the system of the path and who is in front of the browser.
func (r *Room) mine(v *web.Visit) (s connector.System, who id.Person, err error) {
	if who, err = factor.Present(v.Actor()); err != nil {
		return s, who, err
	}
	s, err = r.Mine(v.Context(), who, id.Connector(v.Path("system")))
	return s, who, err
}

// turnOff asks the other side to forget, and forgets.
func (r *Room) turnOff(v *web.Visit) error {
	s, who, err := r.mine(v)
	if err != nil {
		return err
	}
	if err := r.desk.Disconnect(v.Context(), v.Actor().Principal, s.Org, s.ID, who); err != nil {
		return err
	}
	return v.See(IntegrationsPath + "?done=off")
}

// showPaste asks for a credential of one's own, where a system has no consent.
func (r *Room) showPaste(v *web.Visit) error {
	s, _, err := r.mine(v)
	if err != nil {
		return err
	}
	form, err := r.pasteForm(v, s, nil)
	if err != nil {
		return err
	}
	return v.Show(form.Heading, webui.EditSetting(form))
}

func (r *Room) pasteForm(v *web.Visit, s connector.System, typed url.Values) (webui.SettingForm, error) {
	def, err := r.desk.Definition(s)
	form := webui.SettingForm{
		Heading: v.Say("ticket.paste", "name", s.Shown()), Lead: v.Say("ticket.paste.lead"), Action: integrationPath(s.ID, "credential"), Back: IntegrationsPath,
		Submit: v.Say("ticket.switch.on"), Kind: webui.Main,
	}
	if err != nil {
		return form, err
	}
	form.Notes = paragraphs(said(v, def.Docs))
	field := func(name, kind string, value string) {
		form.Fields = append(form.Fields, webui.Input{Name: name, Label: v.Say("ticket." + name), Kind: kind, Value: value, Required: true, Max: 2000})
	}
	switch s.Scheme {
	case connector.SchemeBasic:
		field("username", "", typed.Get("username"))
		field("password", "password", "")
	case connector.SchemeHeaderToken:
		field("token", "password", "")
	default:
		return form, fault.New(fault.Unmet, "connector-not-connected-so", "name", s.Shown())
	}
	return form, nil
}

func (r *Room) paste(v *web.Visit) error {
	s, who, err := r.mine(v)
	if err != nil {
		return err
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	_, err = r.desk.Paste(v.Context(), connector.Intent{Org: s.Org, System: s.ID, Person: who, By: v.Actor().Principal, Session: v.Actor().Session}, connector.Pasted{
		Token: secret.Of(typed.Get("token")), Username: secret.Of(typed.Get("username")), Password: secret.Of(typed.Get("password")),
	})
	if f := factor.Typed(err); f != nil {
		form, err := r.pasteForm(v, s, typed)
		if err != nil {
			return err
		}
		factor.Refuse(v, &form, f, "")
		return v.ShowStatus(f.Status(), form.Heading, webui.EditSetting(form))
	}
	if err != nil {
		return err
	}
	return v.See(integrationPath(s.ID, "connected"))
}

// showConnected is the page that somebody is left on: the tab may be closed.
func (r *Room) showConnected(v *web.Visit) error {
	s, who, err := r.mine(v)
	if err != nil {
		return err
	}
	c, err := r.desk.Connection(v.Context(), s.Org, s.ID, who)
	if err != nil {
		return err
	}
	if c.State != connector.On {
		return v.See(IntegrationsPath)
	}
	page := ui.Done{
		Heading: v.Say("ticket.connected.to", "name", s.Shown()), Text: v.Say("ticket.as", "account", c.Called()), Close: v.Say("ticket.close"),
		Back: ui.Go{Text: v.Say("ticket.integrations"), Href: IntegrationsPath},
	}
	return v.Show(page.Heading, ui.ShowDone(page))
}
