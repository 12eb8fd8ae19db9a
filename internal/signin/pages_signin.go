package signin

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/signin/ui"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// Where people sign in and out.
const (
	SignInPath  = "/signin"
	SignOutPath = "/signout"

	passwordPath = SignInPath + "/password"
	secondPath   = SignInPath + "/second"
	changePath   = SignInPath + "/new-password"
	codePath     = SignInPath + "/code"
	againPath    = SignInPath + "/again"
	passkeyPath  = SignInPath + "/passkey"
)

// What a browser keeps, besides the session: a half-done sign-in, the value that
// a mail code counts together with, and the marks of people who signed in in it.
const (
	stepCookie   = "step"
	mailedCookie = "code"
	deviceCookie = "device"
	deviceLife   = 400 * 24 * time.Hour // browsers keep none longer
)

// entry is the class of requests in which something can be guessed.
const entry = "entry"

func (r *Room) flowPages(m *web.Mux) {
	public := func(method, path string) web.Route {
		route := web.Route{Method: method, Path: path, Permission: web.Public}
		if method == http.MethodPost && path != SignInPath {
			route.Class = entry
		}
		return route
	}
	m.Page(public(http.MethodGet, SignInPath), r.showSignIn)
	m.Page(public(http.MethodPost, SignInPath), r.askPassword)
	m.Page(public(http.MethodPost, passwordPath), r.takePassword)
	m.Page(public(http.MethodPost, passkeyPath), r.takePasskey)
	m.Page(web.Route{Method: http.MethodPost, Path: passkeyPath + "/options", Permission: web.Public}, r.giveOptions)
	m.Page(public(http.MethodPost, codePath), r.sendMail)
	m.Page(public(http.MethodPost, codePath+"/check"), r.takeCode)
	m.Page(public(http.MethodGet, secondPath), r.showSecond)
	m.Page(public(http.MethodPost, secondPath), r.takeSecond)
	m.Page(web.Route{Method: http.MethodPost, Path: secondPath + "/options", Permission: web.Public}, r.giveSecondOptions)
	m.Page(public(http.MethodGet, changePath), r.showNewPassword)
	m.Page(public(http.MethodPost, changePath), r.takeNewPassword)
	known := func(method, path, class string) web.Route {
		return web.Route{Method: method, Path: path, Permission: web.SignedIn, Class: class}
	}
	m.Page(known(http.MethodGet, againPath, ""), r.showAgain)
	m.Page(known(http.MethodPost, againPath, entry), r.takeAgain)
	m.Page(known(http.MethodPost, againPath+"/options", ""), r.giveAgainOptions)
	m.Page(known(http.MethodPost, SignOutPath, ""), r.signOut)
}

// browserOf is where a visit comes from.
func browserOf(v *web.Visit) Browser {
	actor := v.Actor()
	b := Browser{Name: web.BrowserName(v.Request().UserAgent()), Source: v.Source(), Marks: v.Kept(deviceCookie)}
	if who := actor.Principal.Person(); who != "" && !actor.Token {
		b.Before, b.BeforeSession = who, actor.Session
	}
	return b
}

// start is the address of the first step.
func start(back string) string {
	if back == "" || back == "/" {
		return SignInPath
	}
	return SignInPath + "?" + url.Values{"back": {back}}.Encode()
}

func (r *Room) door(v *web.Visit, title, lead, login, back string) ui.Door {
	d := ui.Door{Title: v.Say(title), Login: login, Back: web.Local(back), Passkeys: r.factors.HasPasskeys(), Mail: r.post != nil && r.post.Enabled()}
	d.Start = start(d.Back)
	if lead != "" {
		d.Lead = v.Say(lead)
	}
	return d
}

// refused says on a sheet why an answer was refused, and returns the status.
func refused(v *web.Visit, d *ui.Door, f *fault.Fault) int {
	say := func(key string) string {
		var pairs []any
		for name, value := range f.Args {
			pairs = append(pairs, name, value)
		}
		return v.Say(key, pairs...)
	}
	d.Problem, d.Do = say("problem."+f.Code), say("problem."+f.Code+".do")
	if f.After > 0 {
		v.RetryAfter(f.After)
	}
	return f.Status()
}

// shown are the refusals that come back on the sheet itself.
func shown(err error) *fault.Fault {
	f := fault.As(err)
	if f == nil || f.Kind == fault.Broken || f.Kind == fault.Busy && !f.Slow && f.Code != "password-busy" {
		return nil
	}
	return f
}

func (r *Room) showSignIn(v *web.Visit) error {
	if v.Actor().Principal.Person() != "" {
		return v.See(v.Query("back"))
	}
	d := r.door(v, "signin.title", "", "", v.Query("back"))
	return v.Show(d.Title, ui.SignIn(d))
}

// askPassword answers every login alike, without looking for anybody (A046).
func (r *Room) askPassword(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	if typed.Get("login") == "" {
		return v.See(start(web.Local(typed.Get("back"))))
	}
	d := r.door(v, "signin.title", "", typed.Get("login"), typed.Get("back"))
	return v.Show(d.Title, ui.Password(d))
}

func (r *Room) takePassword(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	back := web.Local(typed.Get("back"))
	out, err := r.Password(v.Context(), browserOf(v), typed.Get("login"), secret.Of(typed.Get("password")), back)
	if f := shown(err); f != nil {
		d := r.door(v, "signin.title", "", typed.Get("login"), back)
		return v.ShowStatus(refused(v, &d, f), d.Title, ui.Password(d))
	}
	return r.goOn(v, out, err)
}

// answerOf reads what the script left of a passkey.
func answerOf(typed url.Values) factor.Answer {
	return factor.Answer{Method: factor.ByPasskey, Ticket: typed.Get("ticket"), Passkey: json.RawMessage(typed.Get("answer"))}
}

func (r *Room) takePasskey(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	back := web.Local(typed.Get("back"))
	out, err := r.Passkey(v.Context(), browserOf(v), answerOf(typed), back)
	if f := shown(err); f != nil {
		d := r.door(v, "signin.title", "", "", back)
		return v.ShowStatus(refused(v, &d, f), d.Title, ui.SignIn(d))
	}
	return r.goOn(v, out, err)
}

// options are what the script of passkeys takes.
type options struct {
	Options json.RawMessage `json:"options"`
	Ticket  string          `json:"ticket"`
}

func (r *Room) giveOptions(v *web.Visit) error {
	o, ticket, err := r.PasskeyOptions()
	if err != nil {
		return err
	}
	return v.JSON(options{o, ticket})
}

func (r *Room) giveSecondOptions(v *web.Visit) error {
	o, ticket, err := r.SecondOptions(v.Context(), v.Kept(stepCookie))
	if err != nil {
		return err
	}
	return v.JSON(options{o, ticket})
}

func (r *Room) giveAgainOptions(v *web.Visit) error {
	if v.Actor().Principal.Person() == "" {
		return fault.New(fault.Forbidden, "person-must-be-present")
	}
	o, ticket, err := r.AgainOptions(v.Context(), v.Actor().Principal.Person(), v.Actor().Session)
	if err != nil {
		return err
	}
	return v.JSON(options{o, ticket})
}

// sendMail answers every login alike; what is done for one that exists is done
// later.
func (r *Room) sendMail(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	value, err := r.AskCode(v.Context(), typed.Get("login"), v.Lang())
	if err != nil {
		return err
	}
	v.Keep(mailedCookie, value, mailCode.Life)
	d := r.door(v, "signin.code.title", "signin.code.lead", "", typed.Get("back"))
	return v.Show(d.Title, ui.Code(d, r.digitsField(v, "signin.code")))
}

func (r *Room) digitsField(v *web.Visit, key string) webui.Input {
	return webui.Input{Name: "code", Label: v.Say(key), Required: true, Max: 4 * factor.CodeDigits, Complete: "one-time-code"}
}

func (r *Room) takeCode(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	back := web.Local(typed.Get("back"))
	out, err := r.Code(v.Context(), browserOf(v), v.Kept(mailedCookie), secret.Of(typed.Get("code")), back)
	if f := shown(err); f != nil {
		d := r.door(v, "signin.code.title", "signin.code.lead", "", back)
		return v.ShowStatus(refused(v, &d, f), d.Title, ui.Code(d, r.digitsField(v, "signin.code")))
	}
	if err == nil {
		v.Drop(mailedCookie)
	}
	return r.goOn(v, out, err)
}

// goOn leads on from an answer that was right: the ids that the browser keeps
// change with each (A037).
func (r *Room) goOn(v *web.Visit, out Outcome, err error) error {
	switch {
	case err != nil:
		return err
	case out.Opening == nil:
		v.Keep(stepCookie, out.Step, stepLife)
		if out.Change {
			return v.See(changePath)
		}
		return v.See(secondPath)
	}
	s := out.Opening.Session
	v.OpenSession(out.Opening.Cookie, s.Ends.Sub(v.Now()))
	v.Drop(stepCookie)
	if !out.Marks.Empty() {
		v.Keep(deviceCookie, out.Marks, deviceLife)
	}
	if out.Choose {
		return v.See(OrganizationPath + "?" + url.Values{"back": {web.Local(out.Back)}}.Encode())
	}
	return v.See(out.Back)
}

// startAgain leads back to the first step when a half-done sign-in is over.
func (r *Room) startAgain(v *web.Visit, f *fault.Fault) error {
	v.Drop(stepCookie)
	d := r.door(v, "signin.title", "", "", "")
	return v.ShowStatus(refused(v, &d, f), d.Title, ui.SignIn(d))
}

func (r *Room) showSecond(v *web.Visit) error {
	w, err := r.Wait(v.Context(), v.Kept(stepCookie))
	if f := shown(err); f != nil {
		return r.startAgain(v, f)
	}
	if err != nil {
		return err
	}
	if w.Change {
		return v.See(changePath)
	}
	s := r.stepSheet(v, w)
	return v.Show(s.Title, ui.Second(s))
}

// stepSheet says who asks for more, and what.
func (r *Room) stepSheet(v *web.Visit, w Waiting) ui.Step {
	s := ui.Step{Door: r.door(v, "signin.second.title", "signin.second.own", w.Person.Login, w.Back)}
	if len(w.Policies) > 0 {
		s.Lead = v.Say("signin.second.policy")
	}
	for _, m := range w.Ask {
		ask := ui.Ask{Method: string(m), Field: webui.Input{Name: "answer-text", Required: true, Complete: "one-time-code", Max: 4 * factor.CodeDigits}}
		switch m {
		case factor.ByTOTP:
			ask.Field.Label = v.Say("signin.ask.totp")
		case factor.ByRecovery:
			ask.Field.Label, ask.Field.Complete, ask.Field.Max = v.Say("signin.ask.recovery"), "", 64
		case factor.ByMail:
			ask.Field.Label, ask.Sent = v.Say("signin.code"), !v.Kept(mailedCookie).Empty()
		case factor.ByPassword:
			ask.Field = webui.Input{Name: "answer-text", Kind: "password", Label: v.Say("signin.ask.password"), Required: true, Complete: "current-password"}
		}
		s.Ask = append(s.Ask, ask)
	}
	return s
}

func (r *Room) takeSecond(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	value := v.Kept(stepCookie)
	if typed.Get("method") == "mail-send" {
		return r.sendSecond(v, value)
	}
	a := answerOf(typed)
	if a.Method = factor.Method(typed.Get("method")); a.Method != factor.ByPasskey {
		a.Text, a.Challenge = secret.Of(typed.Get("answer-text")), v.Kept(mailedCookie)
	}
	out, err := r.Second(v.Context(), browserOf(v), value, a)
	f := shown(err)
	if f == nil {
		return r.goOn(v, out, err)
	}
	w, gone := r.Wait(v.Context(), value)
	if over := shown(gone); over != nil {
		return r.startAgain(v, over)
	}
	if gone != nil {
		return gone
	}
	if w.Change {
		return v.See(changePath)
	}
	s := r.stepSheet(v, w)
	return v.ShowStatus(refused(v, &s.Door, f), s.Title, ui.Second(s))
}

func (r *Room) sendSecond(v *web.Visit, step secret.Text) error {
	value, err := r.AskSecondCode(v.Context(), step, v.Lang())
	if f := shown(err); f != nil {
		return r.startAgain(v, f)
	}
	if err != nil {
		return err
	}
	v.Keep(mailedCookie, value, mailCode.Life)
	return v.See(secondPath)
}

func (r *Room) showNewPassword(v *web.Visit) error {
	w, err := r.Wait(v.Context(), v.Kept(stepCookie))
	if f := shown(err); f != nil {
		return r.startAgain(v, f)
	}
	if err != nil {
		return err
	}
	if !w.Change {
		return v.See(secondPath)
	}
	d, field := r.changeSheet(v, w)
	return v.Show(d.Title, ui.NewPassword(d, field))
}

func (r *Room) changeSheet(v *web.Visit, w Waiting) (ui.Door, webui.Input) {
	d := r.door(v, "signin.new-password.title", "signin.new-password.lead", w.Person.Login, w.Back)
	d.Passkeys = false
	return d, webui.Input{
		Name: "password", Kind: "password", Label: v.Say("signin.new-password"), Hint: v.Say("signin.new-password.hint"), Required: true, Complete: "new-password",
	}
}

func (r *Room) takeNewPassword(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	value := v.Kept(stepCookie)
	out, err := r.NewPassword(v.Context(), browserOf(v), value, secret.Of(typed.Get("password")))
	f := shown(err)
	if f == nil {
		return r.goOn(v, out, err)
	}
	w, gone := r.Wait(v.Context(), value)
	if over := shown(gone); over != nil {
		return r.startAgain(v, over)
	}
	if gone != nil {
		return gone
	}
	d, field := r.changeSheet(v, w)
	return v.ShowStatus(refused(v, &d, f), d.Title, ui.NewPassword(d, field))
}

// signOut ends the session of this browser, whoever's it is.
func (r *Room) signOut(v *web.Visit) error {
	if actor := v.Actor(); actor.Principal.Person() != "" {
		if err := r.EndSession(v.Context(), actor.Principal, actor.Principal.Person(), actor.Session); err != nil {
			return err
		}
	}
	v.CloseSession()
	back := "" // where somebody else goes on, such as whom an invitation is for
	if typed, err := v.Form(); err == nil {
		back = typed.Get("back")
	}
	return v.See(web.Local(back))
}

// Entrance is what a page offers to somebody who has to sign in, or to prove
// once more who they are, before they may see it.
func (r *Room) Entrance(v *web.Visit, f *fault.Fault) templ.Component {
	back := "/"
	if v.Request().Method == http.MethodGet {
		back = v.Request().URL.RequestURI()
	}
	if who := v.Actor().Principal.Person(); f.Code == web.StepUp && who != "" {
		need, _ := f.Args["level"].(string)
		c, err := r.confirmSheet(v, back, need)
		if err != nil {
			web.Note(v.Context(), "entrance", err.Error())
			return nil
		}
		c.Bare = true
		return ui.Again(c)
	}
	d := r.door(v, "signin.title", "", "", back)
	d.Bare = true
	return ui.SignIn(d)
}
