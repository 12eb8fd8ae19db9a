package welcome

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
	"github.com/sekisho/sekisho/internal/welcome/ui"
)

// askedCookie marks the browser in which somebody said that they forgot their
// password. The link in the mail counts with it alone (A055).
const askedCookie = "reset"

// mark gives the browser its mark, or keeps the one it has, for as long as a
// link counts. Every ask is answered with it, whoever was asked for.
func mark(v *web.Visit) secret.Text {
	value := v.Kept(askedCookie)
	if len(value.RevealBytes()) != 43 {
		value = secret.Random(resetCookieSize)
	}
	v.Keep(askedCookie, value, 2*ResetLife)
	return value
}

func (r *Room) showReset(v *web.Visit) error {
	step := ui.LinkStep{Heading: v.Say("signin.reset"), Lead: v.Say("signin.reset.lead"), Action: ResetPath}
	if !r.post.Enabled() {
		step.Lead = v.Say("signin.reset.no-mail")
		return v.Show(step.Heading, ui.ShowLinkStep(step))
	}
	step.Fields = []webui.Input{{
		Name: "login", Label: v.Say("signin.reset.login"), Required: true, Max: resetLoginMost, Complete: "username",
	}}
	step.Button = v.Say("signin.reset.send")
	return v.Show(step.Heading, ui.ShowLinkStep(step))
}

// postReset answers everybody the same: what is asked is looked up afterwards.
func (r *Room) postReset(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	if !r.post.Enabled() {
		return fault.New(fault.Unmet, "mail-off")
	}
	r.AskReset(strings.TrimSpace(typed.Get("login")), mark(v), v.Source())
	return v.Show(v.Say("signin.reset.sent"), ui.ShowTold(ui.Told{
		Heading: v.Say("signin.reset.sent"), Text: v.Say("signin.reset.sent.text", "minutes", minutes(ResetLife)),
		Go: v.Say("signin.back-to-signin"), GoHref: signInPath,
	}))
}

func (r *Room) showRenew(v *web.Visit) error {
	link := linkOf(v, nil)
	p, err := r.ResetOpen(v.Context(), link, v.Kept(askedCookie))
	if err != nil {
		return err
	}
	return r.renewStep(v, link, p.Login, nil)
}

func (r *Room) renewStep(v *web.Visit, link secret.Text, login string, bad *fault.Fault) error {
	step := ui.LinkStep{
		Heading: v.Say("signin.renew"), Lead: v.Say("signin.renew.lead", "login", login), Action: RenewPath, Button: v.Say("signin.renew.do"),
		Hidden: []ui.Pair{{Name: "link", Value: link.Reveal()}}, Fields: []webui.Input{newPasswordInput(v, bad)}, Note: v.Say("signin.renew.note"),
	}
	status := http.StatusOK
	if bad != nil {
		status = bad.Status()
		step.Problem, step.Do = v.Say("problem."+bad.Code, bad.Args.Pairs()...), sayIf(v, bad, ".do")
	}
	return v.ShowStatus(status, step.Heading, ui.ShowLinkStep(step))
}

func (r *Room) postRenew(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	link, browser := linkOf(v, typed), v.Kept(askedCookie)
	err = r.ResetPassword(v.Context(), link, browser, secret.Of(typed.Get("password")))
	if bad := shown(err); bad != nil && ofFactor(bad) {
		p, err := r.ResetOpen(v.Context(), link, browser)
		if err != nil {
			return err
		}
		return r.renewStep(v, link, p.Login, bad)
	}
	if err != nil {
		return err
	}
	v.CloseSession()
	return r.nowSignIn(v)
}

// nowSignIn says that the new factor stands and leads to the sign-in.
func (r *Room) nowSignIn(v *web.Visit) error {
	return v.Show(v.Say("signin.renewed"), ui.ShowTold(ui.Told{
		Heading: v.Say("signin.renewed"), Text: v.Say("signin.renewed.text"), Go: v.Say("signin.title"), GoHref: signInPath,
	}))
}

func (r *Room) showRecover(v *web.Visit) error {
	link := linkOf(v, nil)
	p, err := r.RecoverOpen(v.Context(), link)
	if err != nil {
		return err
	}
	return r.recoverFactor(v, link, p.Login, nil)
}

func (r *Room) recoverFactor(v *web.Visit, link secret.Text, login string, bad *fault.Fault) error {
	return r.factorPage(v, ui.Factor{
		Lead: v.Say("signin.recover.lead", "login", login), Action: RecoverPath, Options: RecoverPath + "/passkey", Login: login,
		Hidden: carried(url.Values{"link": {link.Reveal()}}, "link"),
	}, bad)
}

func (r *Room) postRecover(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	link := linkOf(v, typed)
	first, _ := firstOf(typed)
	o, begun, err := r.Recover(v.Context(), link, first, whereOf(v))
	if bad := shown(err); bad != nil && ofFactor(bad) {
		p, err := r.RecoverOpen(v.Context(), link)
		if err != nil {
			return err
		}
		return r.recoverFactor(v, link, p.Login, bad)
	}
	switch {
	case err != nil:
		return err
	case begun:
		return enter(v, o, "/")
	}
	v.CloseSession()
	return r.nowSignIn(v)
}

func (r *Room) recoverPasskey(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	c, err := r.BeginRecovery(v.Context(), linkOf(v, typed))
	return answerCeremony(v, c, err)
}
