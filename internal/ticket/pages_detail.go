package ticket

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/connector/definition"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/ticket/ui"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

func (r *Room) showSystem(v *web.Visit) error {
	s, err := r.theSystem(v)
	if err != nil {
		return err
	}
	v.Follow(connector.Topic)
	connections, err := r.desk.Connected(v.Context(), s.Org, s.ID)
	if err != nil {
		return err
	}
	def, err := r.desk.Definition(s)
	if err != nil {
		return err
	}
	if err := v.About("connector:" + string(s.ID)); err != nil {
		return err
	}
	writes := v.May(connector.Write, "") == nil
	thing := ui.Thing{
		Title: s.Shown(), Lead: said(v, def.Title),
		Saved: done(v, "added", "saved", "enabled", "disabled", "authorized", "disconnected", "definition"),
	}
	thing.Kind, thing.State = r.stateOf(v, s, tally(connections))
	if thing.Sections, err = r.sections(v, s, def, connections, writes); err != nil {
		return err
	}
	if writes {
		thing.Actions = []templ.Component{
			webui.Go(webui.Main, v.Say("ticket.probe"), pathOf(s.ID, "test")), webui.Go(webui.Plain, v.Say("ticket.edit"), pathOf(s.ID, "edit")),
		}
		turn := v.Say("ticket.turn.on")
		if s.Enabled {
			turn = v.Say("ticket.turn.off")
		}
		thing.DangerText = v.Say("ticket.danger.lead")
		thing.Danger = []templ.Component{
			ui.Once(pathOf(s.ID, "switch"), turn, webui.Plain, turn), webui.Go(webui.Danger, v.Say("ticket.remove"), pathOf(s.ID, "remove")),
		}
	}
	return v.Show(s.Shown(), ui.Show(thing))
}

func tally(all []connector.Connection) (t connector.Tally) {
	for _, c := range all {
		switch c.State {
		case connector.On:
			t.On++
		case connector.Reconnect:
			t.Reconnect++
		}
	}
	return t
}

func (r *Room) sections(v *web.Visit, s connector.System, def *connector.Definition, connections []connector.Connection, writes bool) ([]ui.Section, error) {
	all := []ui.Section{}
	var err error
	if s.Mode == connector.ModeService {
		all = append(all, r.serviceSection(v, s, connections, writes))
		if def.Can(connector.OpApprovals, s.Mode) {
			matched, err := r.matchSection(v, s)
			if err != nil {
				return nil, err
			}
			all = append(all, matched)
		}
	}
	all = append(all, r.otherSide(v, s, def))
	if s.Mode == connector.ModeUser {
		var people ui.Section
		if people, err = r.peopleSection(v, s, connections, writes); err != nil {
			return nil, err
		}
		all = append(all, people)
	}
	return append(all, r.settingsSection(v, s, def), r.definitionSection(v, s, def, writes)), nil
}

// serviceSection is the organization's own connection, with the button by which
// an administrator authorizes it once for all.
func (r *Room) serviceSection(v *web.Visit, s connector.System, connections []connector.Connection, writes bool) ui.Section {
	part := ui.Section{ID: "authorize", Title: v.Say("ticket.service"), Text: v.Say("ticket.service.none")}
	state := connector.Off
	for _, c := range connections {
		if c.Person == "" {
			state = c.State
			if c.State == connector.On {
				part.Text, part.Facts = "", r.facts(v, c)
			}
		}
	}
	if state == connector.Reconnect {
		part.Text = v.Say("ticket.service.lost")
	}
	if !writes || !s.Enabled {
		return part
	}
	label := v.Say("ticket.authorize")
	if state == connector.On {
		label = v.Say("ticket.authorize.again")
	}
	if s.Scheme == connector.SchemeCode {
		part.Actions = append(part.Actions, webui.Go(webui.Plain, label, startPath(s.ID)))
	} else {
		part.Actions = append(part.Actions, ui.Once(pathOf(s.ID, "authorize"), label, webui.Plain, label))
	}
	if state != connector.Off {
		part.Actions = append(part.Actions, ui.Once(pathOf(s.ID, "disconnect"), v.Say("ticket.disconnect"), webui.Plain, v.Say("ticket.disconnect")))
	}
	return part
}

func (r *Room) facts(v *web.Visit, c connector.Connection) []webui.Detail {
	all := []webui.Detail{{Key: v.Say("ticket.account"), Value: webui.Text(orDash(c.Called()))}}
	if !c.Since.IsZero() {
		all = append(all, webui.Detail{Key: v.Say("ticket.since"), Value: webui.Time(c.Since)})
	}
	if !c.EndsAt.IsZero() {
		all = append(all, webui.Detail{Key: v.Say("ticket.ends"), Value: webui.Time(c.EndsAt)})
	}
	return all
}

func orDash(text string) string {
	if text == "" {
		return "—"
	}
	return text
}

// otherSide is what to register there, to be copied.
func (r *Room) otherSide(v *web.Visit, s connector.System, def *connector.Definition) ui.Section {
	part := ui.Section{
		ID: "other-side", Title: v.Say("ticket.other-side"), Paragraphs: paragraphs(said(v, def.Docs)),
	}
	if s.Scheme == connector.SchemeCode {
		part.Facts = append(part.Facts, webui.Detail{Key: v.Say("ticket.callback"), Value: webui.Copy(r.desk.CallbackURL(s.ID))})
	}
	if def.Doorbell() != nil {
		part.Facts = append(part.Facts, webui.Detail{Key: v.Say("ticket.doorbell"), Value: webui.Copy(r.desk.DoorbellURL(s.ID))})
	}
	return part
}

// mostShown is how many connected people a system's page lists.
const mostShown = 100

func (r *Room) peopleSection(v *web.Visit, s connector.System, connections []connector.Connection, writes bool) (ui.Section, error) {
	part := ui.Section{ID: "people", Title: v.Say("ticket.people"), Text: v.Say("ticket.people.none")}
	if len(connections) == 0 {
		return part, nil
	}
	shown := connections[:min(len(connections), mostShown)]
	var who []id.Person
	for _, c := range shown {
		who = append(who, c.Person)
	}
	names, err := r.register.Names(v.Context(), who)
	if err != nil {
		return part, err
	}
	var rows []webui.Row
	for _, c := range shown {
		row := webui.Row{Href: "/admin/people/" + url.PathEscape(string(c.Person)), Cells: []templ.Component{
			webui.Text(orDash(names[c.Person])), webui.Text(orDash(c.Called())), webui.Badge(badges[c.State], v.Say("ticket.connection."+c.State)),
			webui.Ago(c.Since),
		}}
		rows = append(rows, row)
	}
	part.Text = ""
	if len(connections) > mostShown {
		part.Text = v.Say("ticket.people.more", "shown", mostShown, "all", len(connections))
	}
	part.Body = webui.Table(part.Title, []string{v.Say("ticket.person"), v.Say("ticket.account"), v.Say("ticket.state"), v.Say("ticket.since")}, rows)
	return part, nil
}

var badges = map[string]string{
	connector.On: "good", connector.Connecting: "wait", connector.Reconnect: "bad", connector.Off: "",
}

func (r *Room) settingsSection(v *web.Visit, s connector.System, def *connector.Definition) ui.Section {
	part := ui.Section{ID: "settings", Title: v.Say("ticket.settings")}
	add := func(label, text string) {
		if text != "" {
			part.Facts = append(part.Facts, webui.Detail{Key: label, Value: webui.Text(text)})
		}
	}
	add(v.Say("ticket.name"), s.Name)
	for _, setting := range def.Settings() {
		if setting.Type == definition.SettingSecret {
			add(labelOf(v, setting), v.Say(map[bool]string{true: "ticket.secret.set", false: "ticket.secret.none"}[s.Has(setting.Name)]))
			continue
		}
		add(labelOf(v, setting), settingLine(v, s.Settings[setting.Name]))
	}
	add(v.Say("ticket.mode"), v.Say("ticket.mode."+s.Mode))
	add(v.Say("ticket.scheme"), v.Say("ticket.scheme."+s.Scheme))
	add(v.Say("ticket.client_id"), s.ClientID)
	if s.Has(connector.ClientSecret) {
		add(v.Say("ticket.client_secret"), v.Say("ticket.secret.set"))
	}
	add(v.Say("ticket.username"), s.Username)
	add(v.Say("ticket.authorization_endpoint"), s.AuthorizationEndpoint)
	add(v.Say("ticket.token_endpoint"), s.TokenEndpoint)
	add(v.Say("ticket.scope"), s.Scope)
	add(v.Say("ticket.networks"), strings.Join(s.Networks, ", "))
	return part
}

func labelOf(v *web.Visit, s connector.Setting) string {
	if label := said(v, s.Label); label != "" {
		return label
	}
	return strings.ReplaceAll(s.Name, "_", " ")
}

// settingLine is a setting as people read it.
func settingLine(v *web.Visit, value any) string {
	if on, is := value.(bool); is {
		return v.Say(map[bool]string{true: "ticket.yes", false: "ticket.no"}[on])
	}
	return strings.ReplaceAll(settingText(value), "\n", v.Say("ticket.offer.and"))
}

// settingText is a setting as a form shows it: lists a line each, maps as KEY =
// VALUE.
func settingText(value any) string {
	switch x := value.(type) {
	case nil:
		return ""
	case []any:
		var lines []string
		for _, one := range x {
			lines = append(lines, fmt.Sprint(one))
		}
		return strings.Join(lines, "\n")
	case map[string]any:
		var lines []string
		for _, key := range slices.Sorted(maps.Keys(x)) {
			lines = append(lines, key+" = "+fmt.Sprint(x[key]))
		}
		return strings.Join(lines, "\n")
	}
	return fmt.Sprint(value)
}

func (r *Room) definitionSection(v *web.Visit, s connector.System, def *connector.Definition, writes bool) ui.Section {
	part := ui.Section{
		ID: "definition", Title: v.Say("ticket.definition"),
		Facts: []webui.Detail{
			{Key: v.Say("ticket.definition.id"), Value: webui.Text(def.ID)},
			{Key: v.Say("ticket.definition.version"), Value: webui.Text(def.Version)},
			{Key: v.Say("ticket.definition.operations"), Value: webui.Text(strings.Join(def.Operations(), ", "))},
		},
		Actions: []templ.Component{webui.Go(webui.Plain, v.Say("ticket.definition.text"), pathOf(s.ID, "text"))},
	}
	if writes && s.Document != "" {
		part.Actions = append(part.Actions, webui.Go(webui.Plain, v.Say("ticket.definition.replace"), pathOf(s.ID, "definition")))
	}
	return part
}

// showText is the definition of a system as it was written.
func (r *Room) showText(v *web.Visit) error {
	s, err := r.theSystem(v)
	if err != nil {
		return err
	}
	def, err := r.desk.Definition(s)
	if err != nil {
		return err
	}
	return v.Show(v.Say("ticket.definition.text"), ui.ShowText(s.Shown(), string(def.Source)))
}
