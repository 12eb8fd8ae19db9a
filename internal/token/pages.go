package token

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/token/ui"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// Path is where people keep their tokens.
const Path = "/settings/tokens"

func (r *Room) pages(m *web.Mux) {
	plain := func(method, path string) web.Route {
		return web.Route{Method: method, Path: path, Permission: web.SignedIn}
	}
	fresh := func(method, path string) web.Route {
		return web.Route{Method: method, Path: path, Permission: web.SignedIn, Fresh: web.Recent}
	}
	m.Page(plain(http.MethodGet, Path), r.showTokens)
	m.Page(fresh(http.MethodGet, Path+"/new"), r.showNewToken)
	m.Page(fresh(http.MethodPost, Path+"/new"), r.saveToken)
	m.Page(plain(http.MethodGet, Path+"/{token}"), r.askRevoke)
	m.Page(plain(http.MethodPost, Path+"/{token}"), r.revokeToken)
}

// tokenDays are the lives that the form offers.
var tokenDays = []int{1, 7, 30, 90, 180, DaysMost}

const tokenDaysUsual = 30

func (r *Room) showTokens(v *web.Visit) error {
	who, err := factor.Present(v.Actor())
	if err != nil {
		return err
	}
	all, err := r.List(v.Context(), who)
	if err != nil {
		return err
	}
	titles, err := r.titles(v, who)
	if err != nil {
		return err
	}
	page := webui.Things{
		Heading: v.Say("settings.tokens"), Lead: v.Say("settings.tokens.lead"), Saved: factor.Done(v, "token-revoked"),
		New: Path + "/new", NewText: v.Say("settings.tokens.new"),
		None: v.Say("settings.tokens.none"), NoneDo: v.Say("settings.tokens.none.do"),
		Columns: []string{
			v.Say("settings.name"), v.Say("settings.tokens.org"), v.Say("settings.tokens.scopes"), v.Say("settings.tokens.ends"), v.Say("settings.used"),
		},
	}
	for _, t := range all {
		badge := ""
		if !v.Now().Before(t.Ends) {
			badge = v.Say("settings.tokens.over")
		}
		page.Rows = append(page.Rows, webui.Row{Href: Path + "/" + t.ID, Cells: []templ.Component{
			webui.Named(t.Name, "wait", badge), webui.Text(titleOr(titles, t.Org)), webui.Text(scopeTitles(v, t.Scopes)), webui.Time(t.Ends),
			webui.At(t.Used, v.Say("settings.never")),
		}})
	}
	return v.Show(page.Heading, webui.ShowThings(page))
}

// titles are the names of the organizations that a person may act in.
func (r *Room) titles(v *web.Visit, who id.Person) (map[id.Org]string, error) {
	grants, err := r.register.Grants(v.Context(), who)
	titles := map[id.Org]string{}
	for _, o := range slices.Concat(grants.Orgs, grants.Below()) {
		titles[o.ID] = o.Title
	}
	return titles, err
}

// titleOr is a dash for an organization that is no longer theirs to see.
func titleOr(titles map[id.Org]string, which id.Org) string {
	if title := titles[which]; title != "" {
		return title
	}
	return "—"
}

func scopeTitles(v *web.Visit, scopes []string) string {
	var all []string
	for _, scope := range scopes {
		all = append(all, v.Say("permission."+scope))
	}
	return strings.Join(all, v.Say("settings.comma"))
}

func (r *Room) showNewToken(v *web.Visit) error {
	page, err := r.newToken(v, id.Org(v.Query("org")), nil)
	if err != nil {
		return err
	}
	return v.Show(page.Form.Heading, ui.AddToken(page))
}

// newToken is the form for one organization: another one offers other
// permissions.
func (r *Room) newToken(v *web.Visit, which id.Org, typed url.Values) (ui.NewToken, error) {
	who, err := factor.Present(v.Actor())
	if err != nil {
		return ui.NewToken{}, err
	}
	grants, err := r.register.Grants(v.Context(), who)
	if err != nil {
		return ui.NewToken{}, err
	}
	choices := slices.Concat(grants.Orgs, grants.Below())
	if which == "" {
		which = v.Actor().Org
	}
	if which == "" && len(choices) > 0 {
		which = choices[0].ID
	}
	if !grants.Sees(which) {
		return ui.NewToken{}, fault.New(fault.NotFound, "organization-unknown")
	}
	page := ui.NewToken{Org: string(which), OrgsAction: Path + "/new", Form: tokenForm(v, typed)}
	page.Orgs = webui.Input{Name: "org", Label: v.Say("settings.tokens.org"), Kind: "select", Value: string(which), Required: true, Hint: v.Say("settings.tokens.org.hint")}
	for _, o := range choices {
		page.Orgs.Options = append(page.Orgs.Options, webui.Option{Value: string(o.ID), Text: o.Title})
		if o.ID == which {
			page.Form.Notes = []string{v.Say("settings.tokens.acts", "org", o.Title)}
		}
	}
	page.Scopes = scopePick(v, grants, which, typed["scopes"])
	return page, nil
}

func tokenForm(v *web.Visit, typed url.Values) webui.SettingForm {
	days := webui.Input{Name: "days", Label: v.Say("settings.tokens.life"), Kind: "select", Value: strconv.Itoa(tokenDaysUsual), Required: true}
	for _, n := range tokenDays {
		days.Options = append(days.Options, webui.Option{Value: strconv.Itoa(n), Text: v.Say("settings.tokens.days", "n", strconv.Itoa(n))})
	}
	if typed.Has("days") {
		days.Value = typed.Get("days")
	}
	return webui.SettingForm{
		Heading: v.Say("settings.tokens.new"), Lead: v.Say("settings.tokens.new.lead"), Action: Path + "/new", Back: Path,
		Submit: v.Say("settings.tokens.make"), Kind: webui.Main,
		Fields: []webui.Input{
			{Name: "name", Label: v.Say("settings.name"), Hint: v.Say("settings.tokens.name.hint"), Value: typed.Get("name"), Required: true, Max: factor.LabelMost},
			days,
		},
	}
}

func scopePick(v *web.Visit, grants org.Grants, which id.Org, on []string) webui.Pick {
	pick := webui.Pick{Name: "scopes", Legend: v.Say("settings.tokens.scopes"), Hint: v.Say("settings.tokens.scopes.hint")}
	for _, scope := range grants.Of(which) {
		pick.Choices = append(pick.Choices, webui.Choice{Value: scope, Text: v.Say("permission." + scope), Hint: scope, On: slices.Contains(on, scope)})
	}
	if len(pick.Choices) == 0 {
		pick.Hint = v.Say("settings.tokens.scopes.none")
	}
	return pick
}

// saveToken answers with the value itself: it is nowhere to be shown from
// again.
func (r *Room) saveToken(v *web.Visit) error {
	who, err := factor.Present(v.Actor())
	if err != nil {
		return err
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	days, _ := strconv.Atoi(typed.Get("days")) // 0 is refused
	n := Wanted{Name: typed.Get("name"), Org: id.Org(typed.Get("org")), Scopes: typed["scopes"], Days: days}
	t, value, err := r.Make(v.Context(), who, v.Actor().Session, n)
	if f := factor.Typed(err); f != nil {
		page, err := r.newToken(v, n.Org, typed)
		if err != nil {
			return err
		}
		factor.Refuse(v, &page.Form, f, "")
		for _, bad := range f.Fields {
			if bad.Path == "scopes" {
				page.Scopes.Error = v.Say("problem."+bad.Code, bad.Args.Pairs()...)
			}
		}
		return v.ShowStatus(f.Status(), page.Form.Heading, ui.AddToken(page))
	}
	if err != nil {
		return err
	}
	return v.Show(t.Name, webui.ShowCodes(webui.Codes{
		Heading: v.Say("settings.tokens.yours", "name", t.Name), Lead: v.Say("settings.tokens.once"), Back: Path,
		Codes: []string{value.Reveal()}, All: value.Reveal(),
		Notes: []string{v.Say("settings.tokens.use"), v.Say("settings.tokens.until", "day", t.Ends.In(v.Zone()).Format("2006-01-02"))},
	}))
}

func (r *Room) askRevoke(v *web.Visit) error {
	who, err := factor.Present(v.Actor())
	if err != nil {
		return err
	}
	t, err := r.One(v.Context(), who, v.Path("token"))
	if err != nil {
		return err
	}
	form := webui.SettingForm{
		Heading: v.Say("settings.tokens.revoke.ask", "name", t.Name), Lead: v.Say("settings.tokens.revoke.lead"), Action: Path + "/" + t.ID, Back: Path,
		Submit: v.Say("settings.tokens.revoke"), Kind: webui.Danger, Notes: []string{scopeTitles(v, t.Scopes)},
	}
	return v.Show(form.Heading, webui.EditSetting(form))
}

func (r *Room) revokeToken(v *web.Visit) error {
	who, err := factor.Present(v.Actor())
	if err != nil {
		return err
	}
	if err := r.Revoke(v.Context(), v.Actor().Principal, who, v.Path("token")); err != nil {
		return err
	}
	return v.See(Path + "?done=token-revoked")
}
