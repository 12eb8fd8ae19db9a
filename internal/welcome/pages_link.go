package welcome

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
	"github.com/sekisho/sekisho/internal/welcome/ui"
	"github.com/sekisho/sekisho/internal/words"
)

// The pages of links. No GET uses anything up (A055).
const (
	SetupPath   = "/setup"
	WelcomePath = "/welcome"
	VerifyPath  = "/verify"
	ResetPath   = "/reset"
	RenewPath   = "/reset/new"
	RecoverPath = "/recover"
)

// linkPages registers the pages of links.
func (r *Room) linkPages(m *web.Mux) {
	look := func(path string, f web.Handler) {
		m.Page(web.Route{Method: http.MethodGet, Path: path, Permission: web.Public}, f)
	}
	act := func(path string, f web.Handler) {
		m.Page(web.Route{Method: http.MethodPost, Path: path, Permission: web.Public, Class: entry}, f)
	}
	look(SetupPath, r.showSetup)
	act(SetupPath, r.postSetup)
	act(SetupPath+"/passkey", r.setupPasskey)
	look(WelcomePath, r.showWelcome)
	act(WelcomePath, r.postWelcome)
	act(WelcomePath+"/passkey", r.welcomePasskey)
	look(VerifyPath, r.showVerify)
	act(VerifyPath, r.postVerify)
	look(ResetPath, r.showReset)
	act(ResetPath, r.postReset)
	look(RenewPath, r.showRenew)
	act(RenewPath, r.postRenew)
	look(RecoverPath, r.showRecover)
	act(RecoverPath, r.postRecover)
	act(RecoverPath+"/passkey", r.recoverPasskey)
	r.memberPages(m)
}

// signInPath and signOutPath are where people sign in and out, organizationPath
// is where they choose the organization in which they act (← signin).
const (
	signInPath       = "/signin"
	signOutPath      = "/signout"
	organizationPath = "/organization"
)

// entry is the class of requests in which something can be guessed.
const entry = "entry"

// shown are the refusals that come back on the page itself.
func shown(err error) *fault.Fault {
	f := fault.As(err)
	if f == nil || f.Kind == fault.Broken || f.Kind == fault.Busy && !f.Slow && f.Code != "password-busy" {
		return nil
	}
	return f
}

func minutes(d time.Duration) string { return count(int64(d / time.Minute)) }

func whereOf(v *web.Visit) Where {
	return Where{Browser: web.BrowserName(v.Request().UserAgent()), Source: v.Source()}
}

// linkOf is the value of the link that the page stands for.
func linkOf(v *web.Visit, typed url.Values) secret.Text {
	if typed != nil {
		return secret.Of(typed.Get("link"))
	}
	return secret.Of(v.Query("link"))
}

// firstOf reads the first factor of a form; false while none was chosen.
func firstOf(typed url.Values) (factor.First, bool) {
	first := factor.First{Password: secret.Of(typed.Get("password")), Ticket: typed.Get("ticket")}
	if answer := typed.Get("answer"); answer != "" {
		first.Answer = json.RawMessage(answer)
		return first, true
	}
	return first, typed.Has("password")
}

// answerCeremony answers a script of ours that begins a passkey. What is wrong
// with the input comes back as a problem that it can show.
func answerCeremony(v *web.Visit, c factor.Ceremony, err error) error {
	if f := fault.As(err); f != nil && f.Kind != fault.Broken && f.Kind != fault.Busy {
		return answerJSON(v, f.Status(), "application/problem+json", map[string]any{
			"title": v.Say("problem."+f.Code, f.Args.Pairs()...), "detail": firstMistake(v, f), "code": f.Code, "status": f.Status(),
		})
	}
	if err != nil {
		return err
	}
	return answerJSON(v, http.StatusOK, "application/json", c)
}

func firstMistake(v *web.Visit, f *fault.Fault) string {
	if len(f.Fields) > 0 {
		return v.Say("problem."+f.Fields[0].Code, f.Fields[0].Args.Pairs()...)
	}
	return v.Say("problem."+f.Code+".do", f.Args.Pairs()...)
}

func answerJSON(v *web.Visit, status int, kind string, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	head := v.Writer().Header()
	head.Set("Content-Type", kind)
	head.Set("Cache-Control", "no-store")
	v.Writer().WriteHeader(status)
	_, _ = v.Writer().Write(text) // a browser that left is no error of ours
	return nil
}

// ofFactor reports whether a refusal is about the first factor that was chosen.
func ofFactor(f *fault.Fault) bool {
	return strings.HasPrefix(f.Code, "password-") || strings.HasPrefix(f.Code, "passkey")
}

// ofLink reports whether a refusal is about the link itself: no form helps.
func ofLink(f *fault.Fault) bool { return f.Kind == fault.Unmet && !ofFactor(f) }

// input is a field with what was typed and what is wrong with it.
func input(v *web.Visit, key string, in webui.Input, typed url.Values, bad *fault.Fault) webui.Input {
	in.Label = v.Say(key)
	if typed != nil {
		in.Value = typed.Get(in.Name)
	}
	if bad != nil {
		for _, field := range bad.Fields {
			if field.Path == in.Name {
				in.Error = v.Say("problem."+field.Code, field.Args.Pairs()...)
			}
		}
	}
	return in
}

// newPasswordInput is the field of a new password.
func newPasswordInput(v *web.Visit, bad *fault.Fault) webui.Input {
	in := webui.Input{
		Name: "password", Label: v.Say("signin.first.password.label"), Kind: "password", Required: true, Complete: "new-password",
		Hint: v.Say("signin.first.password.hint", "least", 15),
	}
	if bad != nil && strings.HasPrefix(bad.Code, "password-") {
		in.Error = v.Say("problem."+bad.Code, bad.Args.Pairs()...)
	}
	return in
}

// names are the fields of how a person is called. A reader of Japanese is asked
// for the family name first.
func namesOf(v *web.Visit, p org.Person, typed url.Values, bad *fault.Fault) []webui.Input {
	family := input(v, "signin.names.family", webui.Input{Name: "family_name", Value: p.FamilyName, Max: org.NameMost, Complete: "family-name", Half: true}, typed, bad)
	given := input(v, "signin.names.given", webui.Input{Name: "given_name", Value: p.GivenName, Max: org.NameMost, Complete: "given-name", Half: true}, typed, bad)
	reading := input(v, "signin.names.reading", webui.Input{Name: "reading", Value: p.Reading, Max: org.NameMost}, typed, bad)
	reading.Hint = v.Say("signin.names.reading.hint")
	if v.Lang() == words.Japanese {
		return []webui.Input{family, given, reading}
	}
	return []webui.Input{given, family, reading}
}

func localeInput(v *web.Visit, typed url.Values, bad *fault.Fault) webui.Input {
	in := input(v, "signin.names.locale", webui.Input{Name: "locale", Kind: "select", Value: string(v.Lang()), Required: true}, typed, bad)
	in.Options = []webui.Option{{Value: "en", Text: "English"}, {Value: "ja", Text: "日本語"}}
	return in
}

// personIn reads the names of a form.
func personIn(typed url.Values) org.Person {
	return org.Person{
		Login: typed.Get("login"), Email: typed.Get("email"), FamilyName: strings.TrimSpace(typed.Get("family_name")),
		GivenName: strings.TrimSpace(typed.Get("given_name")), Reading: strings.TrimSpace(typed.Get("reading")), Locale: typed.Get("locale"),
	}
}

// carried are the fields that the second step sends along.
func carried(typed url.Values, names ...string) []ui.Pair {
	var all []ui.Pair
	for _, name := range names {
		all = append(all, ui.Pair{Name: name, Value: typed.Get(name)})
	}
	return all
}

// factorPage is the step on which a first factor is chosen.
func (r *Room) factorPage(v *web.Visit, page ui.Factor, bad *fault.Fault) error {
	page.Heading, page.Password = v.Say("signin.first"), newPasswordInput(v, bad)
	if page.Lead == "" {
		page.Lead = v.Say("signin.first.lead")
	}
	if !r.factors.HasPasskeys() {
		page.Options = ""
		if off := r.factors.PasskeysOff(); off != nil {
			page.Off = v.Say("problem."+off.Code, off.Args.Pairs()...)
		}
	}
	status := http.StatusOK
	if bad != nil {
		status = bad.Status()
		page.Problem, page.Do = v.Say("problem."+bad.Code, bad.Args.Pairs()...), sayIf(v, bad, ".do")
	}
	return v.ShowStatus(status, page.Heading, ui.ShowFactor(page))
}

// sayIf is the sentence of a problem that not every problem has.
func sayIf(v *web.Visit, f *fault.Fault, end string) string {
	said := v.Say("problem."+f.Code+end, f.Args.Pairs()...)
	if strings.HasPrefix(said, "[") {
		return ""
	}
	return said
}

// enter opens the session of somebody whose link was redeemed.
func enter(v *web.Visit, o Opening, to string) error {
	v.OpenSession(o.Cookie, o.Life)
	return v.See(to)
}
