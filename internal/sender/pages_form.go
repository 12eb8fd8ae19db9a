package sender

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
	"github.com/sekisho/sekisho/internal/wire/jws"
	"github.com/sekisho/sekisho/internal/wire/yaml"
)

func (r *Room) callsOf(v *web.Visit, in id.Org) (c calls, err error) {
	err = r.Store.Org(in).Read(v.Context(), func(view *store.View) (err error) {
		c, err = callsIn(view, in)
		return err
	})
	return c, err
}

func (r *Room) showNew(v *web.Visit) error {
	if _, err := here(v); err != nil {
		return err
	}
	form := senderForm(v, url.Values{"role": {string(Creator)}, "enabled": {"yes"}, "rate": {strconv.Itoa(RateUsual)}}, "")
	return v.Show(form.Heading, webui.EditSetting(form))
}

func (r *Room) showEdit(v *web.Visit) error {
	s, err := r.theSender(v)
	if err != nil {
		return err
	}
	typed, err := r.typedOf(v, s)
	if err != nil {
		return err
	}
	form := senderForm(v, typed, s.ID)
	form.Heading = s.Shown()
	return v.Show(form.Heading, webui.EditSetting(form))
}

// typedOf is a sender as its form has it.
func (r *Room) typedOf(v *web.Visit, s Sender) (url.Values, error) {
	names, err := r.callsOf(v, s.Org)
	if err != nil {
		return nil, err
	}
	var lines []string
	spec := specOf(s, names).Audience
	for _, one := range spec.Groups {
		lines = append(lines, "group:"+one)
	}
	for _, one := range spec.People {
		lines = append(lines, "person:"+one)
	}
	if spec.Everybody {
		lines = append(lines, everybody)
	}
	templates := ""
	if len(s.Templates) > 0 {
		text, err := yaml.Encode(templateList{s.Templates})
		if err != nil {
			return nil, err
		}
		templates = strings.TrimPrefix(string(text), "---\n")
	}
	return url.Values{
		"name": {s.Name}, "title": {s.Title}, "role": {string(s.Role)}, "callback": {s.Callback}, "signature": {string(s.Signature) + " " + string(s.Alg)},
		"audience": {strings.Join(lines, "\n")}, "templates": {templates}, "networks": {strings.Join(s.Networks, "\n")}, "rate": {strconv.Itoa(s.Rate)},
		"urgent": {yesNo(s.Urgent)}, "enabled": {yesNo(s.Enabled)}, "version": {strconv.FormatInt(s.Revision, 10)},
	}, nil
}

// everybody is the line of an audience that bounds nothing.
const everybody = "everybody"

type templateList struct {
	Templates []Template `yaml:"templates"`
}

func options(v *web.Visit, key string, all ...string) (some []webui.Option) {
	for _, one := range all {
		some = append(some, webui.Option{Value: one, Text: v.Say(key + strings.ReplaceAll(one, " ", "."))})
	}
	return some
}

func senderForm(v *web.Visit, typed url.Values, which id.Sender) webui.SettingForm {
	get := func(name, usual string) string {
		if typed.Has(name) {
			return typed.Get(name)
		}
		return usual
	}
	form := webui.SettingForm{
		Heading: v.Say("sender.new"), Lead: v.Say("sender.new.lead"), Action: Path + "/new", Back: Path, Submit: v.Say("sender.save"), Kind: webui.Main,
		Fields: []webui.Input{
			{Name: "name", Label: v.Say("sender.name"), Hint: v.Say("sender.name.hint"), Value: get("name", ""), Required: true, Max: NameMost, Half: true},
			{Name: "title", Label: v.Say("sender.title"), Hint: v.Say("sender.title.hint"), Value: get("title", ""), Max: TitleMost, Half: true},
			{Name: "role", Label: v.Say("sender.role"), Kind: "select", Value: get("role", string(Creator)), Required: true, Options: options(v, "sender.role.say.", string(Creator), string(Admin), string(Auditor))},
			{Name: "audience", Label: v.Say("sender.audience"), Hint: v.Say("sender.audience.hint"), Kind: "textarea", Value: get("audience", ""), Rows: 4},
			{Name: "callback", Label: v.Say("sender.callback"), Hint: v.Say("sender.callback.hint"), Value: get("callback", ""), Max: 2000},
			{Name: "signature", Label: v.Say("sender.signature"), Kind: "select", Value: get("signature", "jwt ES256"), Required: true, Options: options(v, "sender.signature.", "jwt ES256", "jwt RS256", "http ES256", "http RS256")},
			{Name: "rate", Label: v.Say("sender.rate"), Hint: v.Say("sender.rate.hint"), Kind: "number", Value: get("rate", ""), Required: true, Half: true},
			{Name: "urgent", Label: v.Say("sender.urgent"), Kind: "select", Value: get("urgent", "no"), Required: true, Half: true, Options: options(v, "sender.urgent.", "no", "yes")},
			{Name: "templates", Label: v.Say("sender.templates"), Hint: v.Say("sender.templates.hint"), Kind: "textarea", Value: get("templates", ""), Rows: 8},
			{Name: "networks", Label: v.Say("sender.networks"), Hint: v.Say("sender.networks.hint"), Kind: "textarea", Value: get("networks", ""), Rows: 2},
			{Name: "enabled", Label: v.Say("sender.state"), Kind: "select", Value: get("enabled", "yes"), Required: true, Options: options(v, "sender.enabled.", "yes", "no")},
		},
	}
	if which != "" {
		form.Action, form.Back = pathOf(which, "edit")+"?version="+url.QueryEscape(typed.Get("version")), pathOf(which)
	}
	return form
}

func (r *Room) saveNew(v *web.Visit) error { return r.save(v, "", "added") }

func (r *Room) saveEdit(v *web.Visit) error {
	s, err := r.theSender(v)
	if err != nil {
		return err
	}
	return r.save(v, s.ID, "saved")
}

// save writes what was typed; with every refusal it comes back.
func (r *Room) save(v *web.Visit, which id.Sender, word string) error {
	in, err := here(v)
	if err != nil {
		return err
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	s, f, err := r.typedSender(v, in, typed)
	if err != nil {
		return err
	}
	if s.ID = which; which != "" {
		version, _ := strconv.ParseInt(v.Query("version"), 10, 64) // 0 is another version than any
		s.Revision = max(version, 1)
		typed.Set("version", v.Query("version"))
	}
	if f == nil {
		s, err = r.Put(v.Context(), v.Actor().Principal, s)
		if f = fault.As(err); f != nil && f.Code != "sender-networks-refused" && factor.Typed(err) == nil || f == nil && err != nil {
			return err
		}
	}
	if f != nil {
		form := senderForm(v, typed, which)
		refuse(v, &form, f)
		return v.ShowStatus(f.Status(), form.Heading, webui.EditSetting(form))
	}
	return v.See(pathOf(s.ID) + "?done=" + word)
}

// refuse says everything that is wrong beside the field that it is about.
func refuse(v *web.Visit, form *webui.SettingForm, f *fault.Fault) {
	if f.Code == "sender-networks-refused" {
		factor.Refuse(v, form, f, "networks")
		return
	}
	for i := range f.Fields {
		path, rest, _ := strings.Cut(f.Fields[i].Path, ".")
		if f.Fields[i].Path = path; path == "alg" {
			f.Fields[i].Path = "signature"
		}
		if path == "templates" && rest != "" {
			form.Notes = append(form.Notes, rest+": "+v.Say("problem."+f.Fields[i].Code, f.Fields[i].Args.Pairs()...))
		}
	}
	factor.Refuse(v, form, f, "name")
}

// typedSender reads a sender from its form, in which people and groups are called
// by name.
func (r *Room) typedSender(v *web.Visit, in id.Org, typed url.Values) (s Sender, f *fault.Fault, err error) {
	var bad fault.Checks
	signature, alg, _ := strings.Cut(typed.Get("signature"), " ")
	rate, wrong := strconv.Atoi(typed.Get("rate"))
	if wrong != nil || rate == 0 {
		rate = -1 // refused
	}
	s = Sender{
		Org: in, Name: strings.TrimSpace(typed.Get("name")), Title: strings.TrimSpace(typed.Get("title")), Role: Role(typed.Get("role")),
		Callback: strings.TrimSpace(typed.Get("callback")), Signature: Signature(signature), Alg: jws.Alg(alg), Rate: rate,
		Urgent: typed.Get("urgent") == "yes", Enabled: typed.Get("enabled") == "yes",
		Networks: strings.Fields(strings.ReplaceAll(typed.Get("networks"), ",", " ")),
	}
	for _, name := range []string{"urgent", "enabled"} {
		choice(&bad, name, typed.Get(name), "yes", "no")
	}
	names, err := r.callsOf(v, in)
	if err != nil {
		return s, nil, err
	}
	s.Audience = typedAudience(&bad, typed.Get("audience"), names)
	s.Templates = typedTemplates(&bad, typed.Get("templates"))
	copied := s
	if all := copied.Settle(); all != nil {
		for _, field := range all.Fields {
			bad.AddFault(field.Path, &fault.Fault{Code: field.Code, Args: field.Args})
		}
	}
	return s, bad.Fault("sender-invalid"), nil
}

func typedAudience(bad *fault.Checks, text string, names calls) (a Audience) {
	people, groups := map[string]id.Person{}, map[string]id.Group{}
	for who, login := range names.people {
		people[login] = who
	}
	for g, name := range names.groups {
		groups[name] = g
	}
	var unknown []string
	for line := range strings.FieldsSeq(strings.ReplaceAll(text, ",", " ")) {
		kind, name, _ := strings.Cut(line, ":")
		who, isPerson := people[name]
		g, isGroup := groups[name]
		switch {
		case line == everybody:
			a.Everybody = true
		case kind == "person" && isPerson:
			a.People = append(a.People, who)
		case kind == "group" && isGroup:
			a.Groups = append(a.Groups, g)
		case len(unknown) < 10:
			unknown = append(unknown, named(line))
		}
	}
	if len(unknown) > 0 {
		bad.Add("audience", "sender-audience-unknown", "names", strings.Join(unknown, ", "))
	}
	return a
}

func typedTemplates(bad *fault.Checks, text string) []Template {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	var list templateList
	docs, err := yaml.Parse("templates", []byte(text), yaml.Limits{})
	if err == nil && len(docs) == 1 {
		err = yaml.Decode(docs[0], &list)
	}
	if err == nil && len(docs) == 1 {
		return list.Templates
	}
	if f := fault.As(err); f != nil && len(f.Fields) > 0 {
		bad.Add("templates", f.Fields[0].Code, f.Fields[0].Args.Pairs()...)
	} else {
		bad.Add("templates", "sender-templates-unread")
	}
	return nil
}
