package ticket

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/connector/definition"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/ticket/ui"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// drafted is a system as a form has it, with the definition that it is of.
type drafted struct {
	connector.System
	def *connector.Definition
}

// showNew is the form of a definition that was chosen. The identifier stands in
// it already: the callback address is registered at the other side first, and
// the client that the form asks for comes from there.
func (r *Room) showNew(v *web.Visit) error {
	d, err := r.draft(v, v.Request().URL.Query())
	if err != nil {
		return err
	}
	form := r.form(v, d, nil)
	return v.Show(form.Heading, ui.Write(form))
}

// draft begins a system: of a built-in definition, or of a document that was
// uploaded.
func (r *Room) draft(v *web.Visit, given url.Values) (drafted, error) {
	org, ok := chosen(v)
	if !ok {
		return drafted{}, fault.New(fault.NotFound, "connector-unknown")
	}
	d := drafted{System: connector.System{
		Org: org, Definition: given.Get("definition"), Document: given.Get("document"), Mode: given.Get("mode"), Scheme: given.Get("scheme"), Enabled: true,
		ID: id.Connector(given.Get("id")),
	}}
	if !id.Valid(string(d.ID)) {
		d.ID = id.New[id.Connector](v.Now())
	}
	var err error
	if d.def, err = connector.DefinitionOf(d.System); err != nil {
		return d, err
	}
	d.Definition, d.Name = d.def.ID, d.def.ID
	if !slices.Contains(d.def.Modes, d.Mode) {
		d.Mode = d.def.Modes[0]
	}
	if !slices.Contains(d.def.Schemes(), d.Scheme) {
		d.Scheme = d.def.Schemes()[0]
	}
	d.Settings = map[string]any{}
	for _, s := range d.def.Settings() {
		if s.Default != nil {
			d.Settings[s.Name] = s.Default
		}
	}
	d.Scope = d.def.ScopeOf(d.Scheme)
	return d, nil
}

func (r *Room) saveNew(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	d, err := r.draft(v, typed)
	if err != nil {
		return err
	}
	return r.save(v, d, typed, "added")
}

func (r *Room) showEdit(v *web.Visit) error {
	d, err := r.existing(v)
	if err != nil {
		return err
	}
	form := r.form(v, d, nil)
	return v.Show(form.Heading, ui.Write(form))
}

func (r *Room) existing(v *web.Visit) (d drafted, err error) {
	if d.System, err = r.theSystem(v); err != nil {
		return d, err
	}
	d.def, err = r.desk.Definition(d.System)
	if mode := v.Query("mode"); err == nil && slices.Contains(d.def.Modes, mode) {
		d.Mode = mode
	}
	if scheme := v.Query("scheme"); err == nil && slices.Contains(d.def.Schemes(), scheme) {
		d.Scheme = scheme
	}
	return d, err
}

func (r *Room) saveEdit(v *web.Visit) error {
	d, err := r.existing(v)
	if err != nil {
		return err
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	d.Mode, d.Scheme = typed.Get("mode"), typed.Get("scheme")
	d.Revision, err = strconv.ParseInt(typed.Get("revision"), 10, 64)
	if err != nil {
		return fault.New(fault.Invalid, "form-malformed")
	}
	return r.save(v, d, typed, "saved")
}

// save writes what was typed. With every refusal it comes back, but secrets: a
// page that holds one would lie in the browser's memory.
func (r *Room) save(v *web.Visit, d drafted, typed url.Values, word string) error {
	w := read(d, typed)
	s, err := r.desk.Put(v.Context(), v.Actor().Principal, w)
	if f := factor.Typed(err); f != nil {
		d.System = w.System
		form := r.form(v, d, typed)
		refuse(v, &form, f)
		return v.ShowStatus(f.Status(), form.Heading, ui.Write(form))
	}
	if err != nil {
		return err
	}
	return v.See(pathOf(s.ID) + "?done=" + word)
}

// read makes a system of what was typed.
func read(d drafted, typed url.Values) connector.Wanted {
	w := connector.Wanted{System: d.System, Secrets: map[string]secret.Text{}}
	w.Name, w.Title = strings.TrimSpace(typed.Get("name")), strings.TrimSpace(typed.Get("title"))
	w.Settings = map[string]any{}
	for _, s := range d.def.Settings() {
		if s.Type == definition.SettingSecret {
			take(w.Secrets, s.Name, typed, s.Name)
			continue
		}
		w.Settings[s.Name] = readSetting(s, typed.Get(s.Name))
	}
	for _, one := range []struct {
		name string
		into *string
	}{
		{"auth.client_id", &w.ClientID},
		{"auth.username", &w.Username},
		{"auth.authorization_endpoint", &w.AuthorizationEndpoint},
		{"auth.token_endpoint", &w.TokenEndpoint},
		{"auth.scope", &w.Scope},
		{"authorities", &w.Authorities},
	} {
		if typed.Has(one.name) {
			*one.into = strings.TrimSpace(strings.ReplaceAll(typed.Get(one.name), "\r\n", "\n"))
		}
	}
	if typed.Has("networks") {
		w.Networks = strings.Fields(strings.ReplaceAll(typed.Get("networks"), ",", " "))
	}
	for _, name := range []string{connector.ClientSecret, connector.PasswordPart, connector.TokenPart} {
		take(w.Secrets, name, typed, "auth."+name)
	}
	return w
}

// take reads a secret that was typed; an empty field leaves what is there.
func take(into map[string]secret.Text, name string, typed url.Values, field string) {
	if text := typed.Get(field); text != "" {
		into[name] = secret.Of(text)
	}
}

// readSetting gives a typed text the form that the definition asks for; what has
// another is refused by the definition.
func readSetting(s connector.Setting, text string) any {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	switch s.Type {
	case definition.SettingNumber:
		if text == "" {
			return nil
		}
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			return n
		}
		return text
	case definition.SettingBoolean:
		return text == "true"
	case definition.SettingList:
		list := []any{}
		for line := range strings.SplitSeq(text, "\n") {
			if line = strings.TrimSpace(line); line != "" {
				list = append(list, line)
			}
		}
		return list
	case definition.SettingMap:
		table := map[string]any{}
		for line := range strings.SplitSeq(text, "\n") {
			if key, value, ok := strings.Cut(line, "="); ok {
				table[strings.TrimSpace(key)] = strings.TrimSpace(value)
			}
		}
		return table
	}
	return text
}

// form is the page of a draft, with what was typed if it came back.
func (r *Room) form(v *web.Visit, d drafted, typed url.Values) ui.Form {
	fresh := d.Revision == 0
	title := said(v, d.def.Title)
	form := ui.Form{
		Heading: v.Say("ticket.new.of", "name", title), Lead: v.Say("ticket.new.lead"), Action: SystemsPath + "/new", Back: SystemsPath,
		Submit: v.Say("ticket.save"), Kind: webui.Main, FactsTitle: v.Say("ticket.other-side"), Docs: paragraphs(said(v, d.def.Docs)),
		Hidden: []ui.Pair{{Name: "mode", Value: d.Mode}, {Name: "scheme", Value: d.Scheme}, {Name: "revision", Value: strconv.FormatInt(d.Revision, 10)}},
	}
	if d.Scheme == connector.SchemeCode {
		form.Facts = []webui.Detail{{Key: v.Say("ticket.callback"), Value: webui.Copy(r.desk.CallbackURL(d.ID))}}
	}
	if fresh {
		form.Hidden = append(form.Hidden, ui.Pair{Name: "definition", Value: d.Definition}, ui.Pair{Name: "id", Value: string(d.ID)})
		if d.Document != "" {
			form.Hidden = append(form.Hidden, ui.Pair{Name: "document", Value: d.Document})
		}
	} else {
		form.Heading, form.Lead = v.Say("ticket.edit.of", "name", d.Shown()), v.Say("ticket.edit.lead")
		form.Action, form.Back = pathOf(d.ID, "edit"), pathOf(d.ID)
	}
	if d.Document == "" || !fresh { // what was uploaded stands in a form alone
		form.Choose = r.choose(v, d, form)
	}
	form.Groups = []ui.Group{naming(v, d, typed), r.asked(v, d, typed), r.auth(v, d, typed)}
	if v.May(connector.Reach, "") == nil {
		form.Groups = append(form.Groups, reach(v, d, typed))
	}
	return form
}

// choose is how the mode and the scheme are changed, which decide what else is
// asked.
func (r *Room) choose(v *web.Visit, d drafted, form ui.Form) *ui.Choose {
	c := &ui.Choose{Action: form.Action, Submit: v.Say("ticket.choose")}
	if d.Revision == 0 {
		c.Hidden = []ui.Pair{{Name: "definition", Value: d.Definition}, {Name: "id", Value: string(d.ID)}}
	}
	add := func(name, label, value, words string, all []string) {
		if len(all) < 2 {
			return
		}
		input := webui.Input{Name: name, Label: label, Kind: "select", Value: value, Required: true, Half: true}
		for _, one := range all {
			input.Options = append(input.Options, webui.Option{Value: one, Text: v.Say(words + one)})
		}
		c.Fields = append(c.Fields, input)
	}
	add("mode", v.Say("ticket.mode"), d.Mode, "ticket.mode.", d.def.Modes)
	add("scheme", v.Say("ticket.scheme"), d.Scheme, "ticket.scheme.", d.def.Schemes())
	if len(c.Fields) == 0 {
		return nil
	}
	return c
}

func kept(typed url.Values, name, value string) string {
	if typed != nil && typed.Has(name) {
		return typed.Get(name)
	}
	return value
}

func naming(v *web.Visit, d drafted, typed url.Values) ui.Group {
	return ui.Group{Fields: []webui.Input{
		{Name: "title", Label: v.Say("ticket.title"), Hint: v.Say("ticket.title.hint", "name", said(v, d.def.Title)), Value: kept(typed, "title", d.System.Title), Max: connector.TitleMost, Half: true},
		{Name: "name", Label: v.Say("ticket.name"), Hint: v.Say("ticket.name.hint"), Value: kept(typed, "name", d.Name), Max: connector.NameMost, Required: true, Half: true},
	}}
}

// asked are the settings that the definition asks for.
func (r *Room) asked(v *web.Visit, d drafted, typed url.Values) ui.Group {
	group := ui.Group{Title: v.Say("ticket.settings")}
	for _, s := range d.def.Settings() {
		input := webui.Input{
			Name: s.Name, Label: labelOf(v, s), Hint: said(v, s.Help), Value: kept(typed, s.Name, settingText(d.Settings[s.Name])), Required: s.Required,
		}
		switch s.Type {
		case definition.SettingURL:
			input.Kind = "url"
		case definition.SettingNumber:
			input.Kind = "number"
		case definition.SettingList:
			input.Kind, input.Hint = "textarea", orElse(input.Hint, v.Say("ticket.list.hint"))
		case definition.SettingMap:
			input.Kind, input.Hint = "textarea", orElse(input.Hint, v.Say("ticket.map.hint"))
		case definition.SettingBoolean:
			input.Kind, input.Options = "select", []webui.Option{{Value: "false", Text: v.Say("ticket.no")}, {Value: "true", Text: v.Say("ticket.yes")}}
		case definition.SettingSecret:
			input = hidden(v, s.Name, labelOf(v, s), d.Has(s.Name), s.Required)
		}
		group.Fields = append(group.Fields, input)
	}
	return group
}

func orElse(text, other string) string {
	if text != "" {
		return text
	}
	return other
}

// hidden is the field of a secret: never shown, and left as it is when nothing
// is typed.
func hidden(v *web.Visit, name, label string, there, required bool) webui.Input {
	input := webui.Input{Name: name, Label: label, Kind: "password", Complete: "new-password", Required: required && !there}
	if there {
		input.Hint = v.Say("ticket.secret.kept")
	}
	return input
}

// auth are the fields of the scheme.
func (r *Room) auth(v *web.Visit, d drafted, typed url.Values) ui.Group {
	group := ui.Group{Title: v.Say("ticket.auth"), Lead: v.Say("ticket.scheme."+d.Scheme) + v.Say("ticket.auth.and") + v.Say("ticket.mode."+d.Mode)}
	text := func(name, value, kind, hint string, required bool) {
		group.Fields = append(group.Fields, webui.Input{
			Name: "auth." + name, Label: v.Say("ticket." + name), Value: kept(typed, "auth."+name, value), Kind: kind, Hint: hint, Required: required,
		})
	}
	secret := func(name string, required bool) {
		group.Fields = append(group.Fields, hidden(v, "auth."+name, v.Say("ticket."+name), d.Has(name), required))
	}
	authorize, token := d.def.Endpoints(d.Scheme)
	usual := func(endpoint string) string {
		if endpoint == "" {
			return ""
		}
		return v.Say("ticket.endpoint.hint", "endpoint", endpoint)
	}
	switch d.Scheme {
	case connector.SchemeCode, connector.SchemeClient:
		text("client_id", d.ClientID, "", v.Say("ticket.client_id.hint"), true)
		secret(connector.ClientSecret, d.Scheme == connector.SchemeClient)
		if d.Scheme == connector.SchemeCode {
			text("authorization_endpoint", d.AuthorizationEndpoint, "url", usual(authorize), false)
		}
		text("token_endpoint", d.TokenEndpoint, "url", usual(token), false)
		text("scope", d.Scope, "", v.Say("ticket.scope.hint"), false)
	case connector.SchemeBasic:
		if d.Mode == connector.ModeService {
			text("username", d.Username, "", "", true)
			secret(connector.PasswordPart, true)
		}
	case connector.SchemeHeaderToken:
		if d.Mode == connector.ModeService {
			secret(connector.TokenPart, true)
		}
	}
	if len(group.Fields) == 0 {
		group.Lead += v.Say("ticket.auth.each")
	}
	return group
}

// reach is for who runs the installation: its networks are what a call to a
// private address reaches.
func reach(v *web.Visit, d drafted, typed url.Values) ui.Group {
	return ui.Group{Title: v.Say("ticket.reach"), Lead: v.Say("ticket.reach.lead"), Folded: true, Fields: []webui.Input{
		{Name: "networks", Label: v.Say("ticket.networks"), Hint: v.Say("ticket.networks.hint"), Value: kept(typed, "networks", strings.Join(d.Networks, "\n")), Kind: "textarea"},
		{Name: "authorities", Label: v.Say("ticket.authorities"), Hint: v.Say("ticket.authorities.hint"), Value: kept(typed, "authorities", d.Authorities), Kind: "textarea"},
	}}
}

// refuse puts a refusal's sentences where they belong; what belongs to no field
// stands above the form.
func refuse(v *web.Visit, form *ui.Form, f *fault.Fault) {
	say := func(code string, args fault.Args) string { return v.Say("problem."+code, args.Pairs()...) }
	form.Problem, form.Do = say(f.Code, f.Args), v.Say("problem."+f.Code+".do", f.Args.Pairs()...)
	for _, bad := range f.Fields {
		placed := false
		for g := range form.Groups {
			for i := range form.Groups[g].Fields {
				if form.Groups[g].Fields[i].Name == bad.Path {
					form.Groups[g].Fields[i].Error, placed = say(bad.Code, bad.Args), true
				}
			}
		}
		if !placed {
			form.Notes = append(form.Notes, where(bad)+say(bad.Code, bad.Args))
		}
	}
}

// where is the line of a document that a fault is about.
func where(bad fault.Field) string {
	place, _ := bad.Args["place"].(string)
	for _, part := range []string{bad.Path} {
		if part != "" {
			place = strings.TrimPrefix(place+": "+part, ": ")
		}
	}
	if place == "" {
		return ""
	}
	return place + ": "
}
