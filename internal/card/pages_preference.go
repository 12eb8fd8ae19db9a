package card

import (
	"net/http"
	"net/url"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// PreferencePath is where a person says how they want to be told.
const PreferencePath = "/settings/cards"

func (r *Room) preferencePages(m *web.Mux) {
	m.Page(web.Route{Method: http.MethodGet, Path: PreferencePath, Permission: web.SignedIn}, r.showPreference)
	m.Page(web.Route{Method: http.MethodPost, Path: PreferencePath, Permission: web.SignedIn}, r.takePreference)
}

func (r *Room) showPreference(v *web.Visit) error {
	who, err := reads(v)
	if err != nil {
		return err
	}
	p, err := r.Preference(v.Context(), who)
	if err != nil {
		return err
	}
	form := preferenceForm(v, url.Values{
		"mail": {p.Mail}, "quiet_from": {p.QuietFrom.String()}, "quiet_until": {p.QuietUntil.String()}, "digest_at": {p.DigestAt.String()},
		"urgent": {map[bool]string{false: "yes", true: "no"}[p.Calm]},
	})
	if v.Query("done") == "1" {
		form.Notes = []string{v.Say("card.preference.saved")}
	}
	return v.Show(form.Heading, webui.EditSetting(form))
}

func (r *Room) takePreference(v *web.Visit) error {
	who, err := reads(v)
	if err != nil {
		return err
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	p, bad := preferenceTyped(typed)
	if bad == nil {
		err = r.Prefer(v.Context(), who, p)
		bad = fault.As(err)
	}
	switch {
	case bad != nil && bad.Kind == fault.Invalid:
		form := preferenceForm(v, typed)
		form.Problem, form.Do = v.Say("problem."+bad.Code), v.Say("problem."+bad.Code+".do")
		for _, one := range bad.Fields {
			for i := range form.Fields {
				if form.Fields[i].Name == one.Path {
					form.Fields[i].Error = v.Say("problem."+one.Code, one.Args.Pairs()...)
				}
			}
		}
		return v.ShowStatus(bad.Status(), form.Heading, webui.EditSetting(form))
	case err != nil:
		return err
	}
	return v.See(PreferencePath + "?done=1")
}

func preferenceTyped(typed url.Values) (p Preference, bad *fault.Fault) {
	var checks fault.Checks
	minute := func(name string) Minute {
		m, err := parseMinute(typed.Get(name))
		if err != nil {
			checks.Add(name, "card-not-a-time")
		}
		return m
	}
	p = Preference{Mail: typed.Get("mail"), QuietFrom: minute("quiet_from"), QuietUntil: minute("quiet_until"), DigestAt: minute("digest_at"), Calm: typed.Get("urgent") == "no"}
	return p, checks.Fault("card-preference-invalid")
}

func preferenceForm(v *web.Visit, typed url.Values) webui.SettingForm {
	field := func(name, kind, hint string) webui.Input {
		return webui.Input{Name: name, Kind: kind, Label: v.Say("card.preference." + name), Value: typed.Get(name), Hint: hint, Required: name == "mail"}
	}
	mail := field("mail", "select", "")
	for _, one := range []string{MailEach, MailDigest, MailOff} {
		mail.Options = append(mail.Options, webui.Option{Value: one, Text: v.Say("card.preference." + one)})
	}
	urgent := field("urgent", "select", v.Say("card.preference.urgent.hint"))
	for _, one := range []string{"yes", "no"} {
		urgent.Options = append(urgent.Options, webui.Option{Value: one, Text: v.Say("card.preference.urgent." + one)})
	}
	return webui.SettingForm{
		Heading: v.Say("card.preference"), Lead: v.Say("card.preference.lead", "zone", v.Zone().String()), Action: PreferencePath, Back: ListPath,
		Submit: v.Say("card.preference.save"), Kind: webui.Main,
		Fields: []webui.Input{
			mail, field("digest_at", "time", ""), field("quiet_from", "time", v.Say("card.preference.quiet.hint")), field("quiet_until", "time", ""), urgent,
		},
	}
}
