package factor

import (
	"net/http"
	"strconv"

	"github.com/sekisho/sekisho/internal/factor/password"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// The pages on which people keep what they sign in with; SecurityPath shows all
// of it.
const (
	PasswordPath = "/settings/password"
	PasskeysPath = "/settings/passkeys"
	TOTPPath     = "/settings/totp"
	RecoveryPath = "/settings/recovery"
)

func (r *Room) pages(m *web.Mux) {
	plain := func(method, path string) web.Route {
		return web.Route{Method: method, Path: path, Permission: web.SignedIn}
	}
	fresh := func(method, path string) web.Route {
		return web.Route{Method: method, Path: path, Permission: web.SignedIn, Fresh: web.Recent}
	}
	m.Page(plain(http.MethodGet, PasswordPath), r.showPassword)
	m.Page(plain(http.MethodPost, PasswordPath), r.savePassword)

	m.Page(plain(http.MethodGet, PasskeysPath), r.showPasskeys)
	m.Page(fresh(http.MethodGet, PasskeysPath+"/new"), r.showNewPasskey)
	m.Page(fresh(http.MethodPost, PasskeysPath+"/new/options"), r.beginPasskeyPage)
	m.Page(fresh(http.MethodPost, PasskeysPath+"/new"), r.savePasskey)
	m.Page(plain(http.MethodGet, PasskeysPath+"/{passkey}"), r.showOnePasskey)
	m.Page(plain(http.MethodPost, PasskeysPath+"/{passkey}"), r.saveName)
	m.Page(fresh(http.MethodGet, PasskeysPath+"/{passkey}/remove"), r.askRemovePasskey)
	m.Page(fresh(http.MethodPost, PasskeysPath+"/{passkey}/remove"), r.removePasskey)

	m.Page(plain(http.MethodGet, TOTPPath), r.showTOTP)
	m.Page(fresh(http.MethodGet, TOTPPath+"/new"), r.showNewTOTP)
	m.Page(fresh(http.MethodPost, TOTPPath+"/new"), r.saveTOTP)
	m.Page(fresh(http.MethodGet, TOTPPath+"/remove"), r.askRemoveTOTP)
	m.Page(fresh(http.MethodPost, TOTPPath+"/remove"), r.removeTOTP)

	m.Page(plain(http.MethodGet, RecoveryPath), r.showRecovery)
	m.Page(fresh(http.MethodGet, RecoveryPath+"/new"), r.askRecovery)
	m.Page(fresh(http.MethodPost, RecoveryPath+"/new"), r.makeRecovery)
}

// Present is the person in front of the browser. Settings are nothing for
// tokens, which name what they may do, nor for who is no person.
func Present(actor web.Actor) (id.Person, error) {
	who := actor.Principal.Person()
	switch {
	case who == "":
		return "", fault.New(fault.Forbidden, "settings-need-person")
	case actor.Token:
		return "", fault.New(fault.Forbidden, "person-must-be-present")
	}
	return who, nil
}

// Done is the sentence for what was just done, by the query parameter that the
// redirect left.
func Done(v *web.Visit, keys ...string) string {
	for _, key := range keys {
		if v.Query("done") == key {
			return v.Say("settings.done." + key)
		}
	}
	return ""
}

// Typed reports whether a refusal leads back to the form.
func Typed(err error) *fault.Fault {
	f := fault.As(err)
	if f != nil && (f.Kind == fault.Invalid || f.Kind == fault.Unmet || f.Kind == fault.Conflict) {
		return f
	}
	return nil
}

// Refuse puts a refusal's sentences where they belong. at is the field
// that a refusal without fields is about.
func Refuse(v *web.Visit, form *webui.SettingForm, f *fault.Fault, at string) {
	say := func(code string, args fault.Args) string { return v.Say("problem."+code, args.Pairs()...) }
	form.Problem, form.Do = say(f.Code, f.Args), v.Say("problem."+f.Code+".do", f.Args.Pairs()...)
	fields := f.Fields
	if len(fields) == 0 && at != "" {
		fields = []fault.Field{{Path: at, Code: f.Code, Args: f.Args}}
	}
	for _, bad := range fields {
		for i := range form.Fields {
			if form.Fields[i].Name == bad.Path {
				form.Fields[i].Error = say(bad.Code, bad.Args)
			}
		}
	}
}

func (r *Room) showPassword(v *web.Visit) error {
	form, err := r.passwordForm(v)
	if err != nil {
		return err
	}
	return v.Show(form.Heading, webui.EditSetting(form))
}

func (r *Room) passwordForm(v *web.Visit) (webui.SettingForm, error) {
	who, err := Present(v.Actor())
	if err != nil {
		return webui.SettingForm{}, err
	}
	p, err := r.register.Person(v.Context(), who)
	if err != nil {
		return webui.SettingForm{}, err
	}
	held, err := r.Held(v.Context(), who)
	if err != nil {
		return webui.SettingForm{}, err
	}
	asked, err := r.AsksCurrent(v.Context(), who, v.Actor().Session)
	if err != nil {
		return webui.SettingForm{}, err
	}
	least := password.LeastAlone
	if held.TOTP {
		least = password.LeastWithMore
	}
	form := webui.SettingForm{
		Heading: v.Say("settings.password.set"), Lead: v.Say("settings.password.lead"), Action: PasswordPath, Back: SecurityPath,
		Submit: v.Say("settings.password.save"), Kind: webui.Main, Login: p.Login,
		Notes: []string{v.Say("settings.password.policy", "least", strconv.Itoa(least))},
	}
	if held.Password {
		form.Heading = v.Say("settings.password.change")
	}
	if asked {
		form.Fields = append(form.Fields, webui.Input{
			Name: "current", Label: v.Say("settings.password.current"), Kind: "password", Complete: "current-password", Required: true,
		})
	}
	form.Fields = append(form.Fields, webui.Input{
		Name: "new", Label: v.Say("settings.password.new"), Kind: "password", Complete: "new-password", Required: true,
	})
	return form, nil
}

// savePassword never sends back what was typed: the fields come empty.
func (r *Room) savePassword(v *web.Visit) error {
	form, err := r.passwordForm(v)
	if err != nil {
		return err
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	err = r.ChangePassword(v.Context(), PasswordChange{
		Person: v.Actor().Principal.Person(), Session: v.Actor().Session,
		Current: secret.Of(typed.Get("current")), New: secret.Of(typed.Get("new")),
	})
	if f := Typed(err); f != nil {
		at := "new"
		if f.Code == "password-wrong" {
			at = "current"
		}
		Refuse(v, &form, f, at)
		return v.ShowStatus(f.Status(), form.Heading, webui.EditSetting(form))
	}
	if err != nil {
		return err
	}
	return v.See("/settings/sessions?done=password") // which ended, but this one
}
