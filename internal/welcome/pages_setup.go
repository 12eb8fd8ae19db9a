package welcome

import (
	"net/http"
	"net/url"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
	"github.com/sekisho/sekisho/internal/welcome/ui"
)

// afterSetup is where the first administrator arrives.
const afterSetup = "/admin"

var setupFields = []string{"link", "org.title", "org.name", "family_name", "given_name", "reading", "login", "email", "locale"}

func (r *Room) showSetup(v *web.Visit) error {
	if err := r.SetupOpen(v.Context(), linkOf(v, nil)); err != nil {
		return err
	}
	return r.setupStep(v, nil, nil)
}

// setupStep asks who the first administrator is. What was typed comes back with
// every refusal.
func (r *Room) setupStep(v *web.Visit, typed url.Values, bad *fault.Fault) error {
	step := ui.LinkStep{
		Heading: v.Say("signin.setup"), Lead: v.Say("signin.setup.lead"), Action: SetupPath, Button: v.Say("signin.next"),
		Hidden: []ui.Pair{{Name: "link", Value: linkOf(v, typed).Reveal()}}, Note: v.Say("signin.setup.note"),
	}
	title := input(v, "signin.setup.org.title", webui.Input{Name: "org.title", Required: true, Max: org.NameMost, Complete: "organization", Half: true}, typed, bad)
	title.Hint = v.Say("signin.setup.org.title.hint")
	name := input(v, "signin.setup.org.name", webui.Input{Name: "org.name", Required: true, Max: 64, Half: true}, typed, bad)
	name.Hint = v.Say("signin.setup.org.name.hint")
	login := input(v, "signin.setup.login", webui.Input{Name: "login", Required: true, Max: org.LoginMost, Complete: "username", Half: true}, typed, bad)
	login.Hint = v.Say("signin.setup.login.hint")
	email := input(v, "signin.setup.email", webui.Input{Name: "email", Max: org.EmailMost, Kind: "email", Complete: "email", Half: true}, typed, bad)
	email.Hint = v.Say("signin.setup.email.hint")
	step.Fields = append([]webui.Input{title, name}, namesOf(v, org.Person{}, typed, bad)...)
	step.Fields = append(step.Fields, login, email, localeInput(v, typed, bad))
	status := http.StatusOK
	if bad != nil {
		status = bad.Status()
		step.Problem, step.Do = v.Say("problem."+bad.Code, bad.Args.Pairs()...), sayIf(v, bad, ".do")
	}
	return v.ShowStatus(status, step.Heading, ui.ShowLinkStep(step))
}

func foundingOf(typed url.Values) Founding {
	return Founding{Org: org.Organization{Name: typed.Get("org.name"), Title: typed.Get("org.title")}, Person: personIn(typed)}
}

// postSetup takes both steps.
func (r *Room) postSetup(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	link, founding := linkOf(v, typed), foundingOf(typed)
	first, chosen := firstOf(typed)
	switch {
	case typed.Get("step") == "names":
		if err := r.SetupOpen(v.Context(), link); err != nil {
			return err
		}
		return r.setupStep(v, typed, nil)
	case !chosen:
		err = r.CheckFounding(v.Context(), link, founding)
		if err == nil {
			return r.setupFactor(v, typed, nil)
		}
	default:
		var o Opening
		o, err = r.SetUp(v.Context(), link, founding, first, whereOf(v))
		if err == nil {
			return enter(v, o, afterSetup)
		}
	}
	switch bad := shown(err); {
	case bad == nil, ofLink(bad):
		return err
	case ofFactor(bad):
		return r.setupFactor(v, typed, bad)
	default:
		return r.setupStep(v, typed, bad)
	}
}

func (r *Room) setupFactor(v *web.Visit, typed url.Values, bad *fault.Fault) error {
	return r.factorPage(v, ui.Factor{
		Action: SetupPath, Options: SetupPath + "/passkey", Hidden: carried(typed, setupFields...), Login: typed.Get("login"), Back: v.Say("signin.back"),
	}, bad)
}

func (r *Room) setupPasskey(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	c, err := r.BeginSetup(v.Context(), linkOf(v, typed), foundingOf(typed))
	return answerCeremony(v, c, err)
}
