package signin

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/demand"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/signin/ui"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// The pages on which people see how they sign in and where they are signed in.
const SessionsPath = "/settings/sessions"

func (r *Room) sessionPages(m *web.Mux) {
	plain := func(method, path string) web.Route {
		return web.Route{Method: method, Path: path, Permission: web.SignedIn}
	}
	m.Page(plain(http.MethodGet, factor.SecurityPath), r.showSecurity)
	m.Page(plain(http.MethodGet, SessionsPath), r.showSessions)
	m.Page(plain(http.MethodPost, SessionsPath+"/{session}/end"), r.endSession)
	m.Page(plain(http.MethodPost, SessionsPath+"/others/end"), r.endOthers)
	act := func(path string, f web.Handler) {
		m.Page(web.Route{Method: http.MethodPost, Path: memberPath("{person}") + path, Permission: factor.Reset, Fresh: web.Recent}, f)
	}
	act("/unlock", r.postMemberUnlock)
	act("/end-sessions", r.postMemberEnd)
}

// memberPath is where administrators see how somebody signs in (← welcome).
func memberPath(who string) string { return "/admin/people/" + who + "/signin" }

func (r *Room) showSecurity(v *web.Visit) error {
	who, err := factor.Present(v.Actor())
	if err != nil {
		return err
	}
	held, err := r.factors.Held(v.Context(), who)
	if err != nil {
		return err
	}
	sessions, err := r.Sessions(v.Context(), who)
	if err != nil {
		return err
	}
	tokens, err := r.tokens(v.Context(), who)
	if err != nil {
		return err
	}
	page := ui.Security{Items: securityItems(v, held, len(sessions), tokens)}
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

func securityItems(v *web.Visit, held factor.Held, sessions, tokens int) []ui.SecurityItem {
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
	pw := item("password", factor.PasswordPath, on("password-since", held.Password))
	pw.At = held.PasswordAt
	if held.MustChange {
		pw.Kind, pw.Badge = "wait", v.Say("settings.security.must-change")
	}
	keys := item("passkeys", factor.PasskeysPath, count(len(held.Passkeys)))
	if len(held.Passkeys) > 0 {
		keys.Kind, keys.Badge = "good", v.Say("settings.security.strong")
	}
	otp := item("totp", factor.TOTPPath, on("since", held.TOTP))
	otp.At = held.TOTPAt
	codes := item("recovery", factor.RecoveryPath, on("", false))
	if held.RecoveryAll > 0 {
		codes.State = v.Say("settings.recovery.left", "left", strconv.Itoa(held.RecoveryLeft), "all", strconv.Itoa(held.RecoveryAll))
	}
	return []ui.SecurityItem{
		keys, pw, otp, codes,
		item("sessions", SessionsPath, count(sessions)),
		item("tokens", tokensPath, count(tokens)),
	}
}

// asked says what the organization in which the person acts asks for.
func (r *Room) asked(v *web.Visit, who id.Person, held factor.Held, page *ui.Security) error {
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
	page.Org, page.Asked = o.Title, demand.MethodNames(v, d.Methods)
	var could []factor.Proof
	for m, has := range map[factor.Method]bool{factor.ByPasskey: len(held.Passkeys) > 0, factor.ByPassword: held.Password, factor.ByTOTP: held.TOTP, factor.ByMail: true} {
		if has {
			could = append(could, factor.Proof{Method: m})
		}
	}
	if lacks := d.Missing(could); len(lacks) > 0 {
		page.Lacks = demand.MethodNames(v, lacks)
	}
	return nil
}

func (r *Room) showSessions(v *web.Visit) error {
	who, err := factor.Present(v.Actor())
	if err != nil {
		return err
	}
	all, err := r.Sessions(v.Context(), who)
	if err != nil {
		return err
	}
	page := webui.Things{
		Heading: v.Say("settings.sessions"), Lead: v.Say("settings.sessions.lead"), Saved: factor.Done(v, "password", "ended", "ended-others"),
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
	return v.Show(page.Heading, webui.ShowThings(page))
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
	return webui.Row{Cells: []templ.Component{
		webui.Named(device, "good", badge), webui.Text(orDash(s.Source)), webui.Text(v.Say("signin.level."+s.ACR()) + " · " + proofNames(v, s.Proofs)),
		webui.Ago(s.Begun), webui.Ago(s.Seen), webui.End(SessionsPath+"/"+s.ID+"/end", v.Say("settings.sessions.end"), end),
	}}
}

// proofNames are the methods of a session, each once.
func proofNames(v *web.Visit, proofs []factor.Proof) string {
	var names []string
	seen := map[factor.Method]bool{}
	for _, p := range proofs {
		if !seen[p.Method] {
			seen[p.Method] = true
			names = append(names, v.Say("signin.method."+string(p.Method)))
		}
	}
	return strings.Join(names, v.Say("signin.and"))
}

func (r *Room) endSession(v *web.Visit) error {
	who, err := factor.Present(v.Actor())
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
	who, err := factor.Present(v.Actor())
	if err != nil {
		return err
	}
	if _, err := r.EndOtherSessions(v.Context(), v.Actor().Principal, who, v.Actor().Session); err != nil {
		return err
	}
	return v.See(SessionsPath + "?done=ended-others")
}

func (r *Room) postMemberUnlock(v *web.Visit) error {
	who := id.Person(v.Path("person"))
	if err := r.Unlock(v.Context(), v.Actor().Principal, v.Actor().Org, who); err != nil {
		return err
	}
	return v.See(memberPath(url.PathEscape(string(who))) + "?done=unlocked")
}

func (r *Room) postMemberEnd(v *web.Visit) error {
	who := id.Person(v.Path("person"))
	if err := r.EndEverySession(v.Context(), v.Actor().Principal, v.Actor().Org, who); err != nil {
		return err
	}
	return v.See(memberPath(url.PathEscape(string(who))) + "?done=ended")
}

// tokensPath is where people keep their tokens (← token).
const tokensPath = "/settings/tokens"

func orDash(s string) string {
	if s == "" {
		return "—"
	}
	return s
}
