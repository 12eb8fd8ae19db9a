package signin

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/signin/password"
	"github.com/sekisho/sekisho/internal/signin/ui"
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
	SessionsPath = "/settings/sessions"
	TokensPath   = "/settings/tokens"
)

func (r *Room) settingsPages(m *web.Mux) {
	plain := func(method, path string) web.Route {
		return web.Route{Method: method, Path: path, Permission: web.SignedIn}
	}
	fresh := func(method, path string) web.Route {
		return web.Route{Method: method, Path: path, Permission: web.SignedIn, Fresh: web.Recent}
	}
	m.Page(plain(http.MethodGet, SecurityPath), r.showSecurity)
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

	m.Page(plain(http.MethodGet, SessionsPath), r.showSessions)
	m.Page(plain(http.MethodPost, SessionsPath+"/{session}/end"), r.endSession)
	m.Page(plain(http.MethodPost, SessionsPath+"/others/end"), r.endOthers)

	m.Page(plain(http.MethodGet, TokensPath), r.showTokens)
	m.Page(fresh(http.MethodGet, TokensPath+"/new"), r.showNewToken)
	m.Page(fresh(http.MethodPost, TokensPath+"/new"), r.saveToken)
	m.Page(plain(http.MethodGet, TokensPath+"/{token}"), r.askRevoke)
	m.Page(plain(http.MethodPost, TokensPath+"/{token}"), r.revokeToken)
}

// present is the person in front of the browser. Settings are nothing for
// tokens, which name what they may do, nor for who is no person.
func present(actor web.Actor) (id.Person, error) {
	who := actor.Principal.Person()
	switch {
	case who == "":
		return "", fault.New(fault.Forbidden, "settings-need-person")
	case actor.Token:
		return "", fault.New(fault.Forbidden, "person-must-be-present")
	}
	return who, nil
}

// done is the sentence for what was just done, by the query parameter that the
// redirect left.
func done(v *web.Visit, keys ...string) string {
	for _, key := range keys {
		if v.Query("done") == key {
			return v.Say("settings.done." + key)
		}
	}
	return ""
}

// typedAgain reports whether a refusal leads back to the form.
func typedAgain(err error) *fault.Fault {
	f := fault.As(err)
	if f != nil && (f.Kind == fault.Invalid || f.Kind == fault.Unmet || f.Kind == fault.Conflict) {
		return f
	}
	return nil
}

// refuseSetting puts a refusal's sentences where they belong. at is the field
// that a refusal without fields is about.
func refuseSetting(v *web.Visit, form *ui.SettingForm, f *fault.Fault, at string) {
	say := func(code string, args fault.Args) string { return v.Say("problem."+code, pairs(args)...) }
	form.Problem, form.Do = say(f.Code, f.Args), v.Say("problem."+f.Code+".do", pairs(f.Args)...)
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

func (r *Room) showSecurity(v *web.Visit) error {
	who, err := present(v.Actor())
	if err != nil {
		return err
	}
	held, err := r.Held(v.Context(), who)
	if err != nil {
		return err
	}
	page := ui.Security{Items: securityItems(v, held)}
	if held.RecoveryAll > 0 && held.RecoveryLeft < 3 {
		page.Advice = append(page.Advice, v.Say("settings.security.few-codes"))
	}
	if held.TOTP && held.RecoveryAll == 0 {
		page.Advice = append(page.Advice, v.Say("settings.security.no-codes"))
	}
	if len(held.Passkeys) == 1 && !held.Password {
		page.Advice = append(page.Advice, v.Say("settings.security.one-key"))
	}
	if err := r.asked(v, who, held, &page); err != nil {
		return err
	}
	return v.Show(v.Say("settings.security"), ui.ShowSecurity(page))
}

func securityItems(v *web.Visit, held Held) []ui.SecurityItem {
	item := func(key, href, state string) ui.SecurityItem {
		return ui.SecurityItem{Name: v.Say("settings." + key), Href: href, State: state}
	}
	on := func(key string, yes bool) string {
		if yes {
			return v.Say("settings.security." + key)
		}
		return v.Say("settings.security.none")
	}
	count := func(n int) string {
		if n == 0 {
			return v.Say("settings.security.none")
		}
		return v.Say("settings.security.count", "n", strconv.Itoa(n))
	}
	pw := item("password", PasswordPath, on("password-since", held.Password))
	pw.At = held.PasswordAt
	if held.MustChange {
		pw.Kind, pw.Badge = "wait", v.Say("settings.security.must-change")
	}
	keys := item("passkeys", PasskeysPath, count(len(held.Passkeys)))
	if len(held.Passkeys) > 0 {
		keys.Kind, keys.Badge = "good", v.Say("settings.security.strong")
	}
	otp := item("totp", TOTPPath, on("since", held.TOTP))
	otp.At = held.TOTPAt
	codes := item("recovery", RecoveryPath, on("", false))
	if held.RecoveryAll > 0 {
		codes.State = v.Say("settings.recovery.left", "left", strconv.Itoa(held.RecoveryLeft), "all", strconv.Itoa(held.RecoveryAll))
	}
	return []ui.SecurityItem{
		keys, pw, otp, codes,
		item("sessions", SessionsPath, count(held.Sessions)),
		item("tokens", TokensPath, count(held.standing(v.Now()))),
	}
}

// standing counts the tokens that are not over.
func (h Held) standing(now time.Time) (n int) {
	for _, t := range h.Tokens {
		if now.Before(t.Ends) {
			n++
		}
	}
	return n
}

// asked says what the organization in which the person acts asks for.
func (r *Room) asked(v *web.Visit, who id.Person, held Held, page *ui.Security) error {
	which := v.Actor().Org
	if which == "" {
		return nil
	}
	o, err := r.register.Organization(v.Context(), which)
	if err != nil {
		return err
	}
	d, err := r.DemandOn(v.Context(), which, who)
	if err != nil {
		return err
	}
	page.Org, page.Asked = o.Title, methodNames(v, d.Methods)
	var could []Proof
	for m, has := range map[Method]bool{ByPasskey: len(held.Passkeys) > 0, ByPassword: held.Password, ByTOTP: held.TOTP, ByMail: true} {
		if has {
			could = append(could, Proof{Method: m})
		}
	}
	if lacks := d.Missing(could); len(lacks) > 0 {
		page.Lacks = methodNames(v, lacks)
	}
	return nil
}

func (r *Room) showPassword(v *web.Visit) error {
	form, err := r.passwordForm(v)
	if err != nil {
		return err
	}
	return v.Show(form.Heading, ui.EditSetting(form))
}

func (r *Room) passwordForm(v *web.Visit) (ui.SettingForm, error) {
	who, err := present(v.Actor())
	if err != nil {
		return ui.SettingForm{}, err
	}
	p, err := r.register.Person(v.Context(), who)
	if err != nil {
		return ui.SettingForm{}, err
	}
	held, err := r.Held(v.Context(), who)
	if err != nil {
		return ui.SettingForm{}, err
	}
	asked, err := r.AsksCurrent(v.Context(), who, v.Actor().Session)
	if err != nil {
		return ui.SettingForm{}, err
	}
	least := password.LeastAlone
	if held.TOTP {
		least = password.LeastWithMore
	}
	form := ui.SettingForm{
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
	if f := typedAgain(err); f != nil {
		at := "new"
		if f.Code == "password-wrong" {
			at = "current"
		}
		refuseSetting(v, &form, f, at)
		return v.ShowStatus(f.Status(), form.Heading, ui.EditSetting(form))
	}
	if err != nil {
		return err
	}
	return v.See(SessionsPath + "?done=password")
}

func (r *Room) showSessions(v *web.Visit) error {
	who, err := present(v.Actor())
	if err != nil {
		return err
	}
	all, err := r.Sessions(v.Context(), who)
	if err != nil {
		return err
	}
	page := ui.Things{
		Heading: v.Say("settings.sessions"), Lead: v.Say("settings.sessions.lead"), Saved: done(v, "password", "ended", "ended-others"),
		Columns: []string{
			v.Say("settings.sessions.device"), v.Say("settings.sessions.address"), v.Say("settings.sessions.how"), v.Say("settings.sessions.begun"),
			v.Say("settings.sessions.seen"), v.Say("settings.sessions.end"),
		},
	}
	for _, s := range all {
		page.Rows = append(page.Rows, sessionRow(v, s, s.ID == v.Actor().Session))
	}
	if len(all) > 1 {
		page.After = ui.EndOthers(SessionsPath + "/others/end")
	}
	return v.Show(page.Heading, ui.ShowThings(page))
}

func sessionRow(v *web.Visit, s Session, here bool) webui.Row {
	device, badge := s.Browser, ""
	if device == "" {
		device = v.Say("settings.sessions.unknown")
	}
	if here {
		badge = v.Say("settings.sessions.here")
	}
	end := v.Say("settings.sessions.end-one", "device", device)
	return webui.Row{Cells: cells(
		ui.Named(device, "good", badge), webui.Text(orDash(s.Source)), webui.Text(v.Say("signin.level."+s.ACR())+" · "+proofNames(v, s.Proofs)),
		webui.Ago(s.Begun), webui.Ago(s.Seen), ui.End(SessionsPath+"/"+s.ID+"/end", v.Say("settings.sessions.end"), end),
	)}
}

// proofNames are the methods of a session, each once.
func proofNames(v *web.Visit, proofs []Proof) string {
	var names []string
	seen := map[Method]bool{}
	for _, p := range proofs {
		if !seen[p.Method] {
			seen[p.Method] = true
			names = append(names, v.Say("signin.method."+string(p.Method)))
		}
	}
	return strings.Join(names, v.Say("signin.and"))
}

func (r *Room) endSession(v *web.Visit) error {
	who, err := present(v.Actor())
	if err != nil {
		return err
	}
	which := v.Path("session")
	if err := r.EndSession(v.Context(), v.Actor().Principal, who, which); err != nil {
		return err
	}
	if which == v.Actor().Session {
		v.CloseSession()
		return v.See("/")
	}
	return v.See(SessionsPath + "?done=ended")
}

func (r *Room) endOthers(v *web.Visit) error {
	who, err := present(v.Actor())
	if err != nil {
		return err
	}
	if _, err := r.EndOtherSessions(v.Context(), v.Actor().Principal, who, v.Actor().Session); err != nil {
		return err
	}
	return v.See(SessionsPath + "?done=ended-others")
}
