package signin

import (
	"net/http"
	"net/url"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/signin/ui"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// OpenPath is where administrators see who is signed in.
const OpenPath = "/admin/sessions"

func (r *Room) openPages(m *web.Mux) {
	m.Page(web.Route{Method: http.MethodGet, Path: OpenPath, Permission: ReadSessions}, r.showOpen)
	m.Page(web.Route{Method: http.MethodGet, Path: OpenPath + "/end", Permission: factor.Reset}, r.askEndMatching)
	m.Page(web.Route{Method: http.MethodPost, Path: OpenPath + "/end", Permission: factor.Reset, Fresh: web.Recent}, r.endMatching)
	m.Page(web.Route{Method: http.MethodPost, Path: OpenPath + "/{session}/end", Permission: factor.Reset, Fresh: web.Recent}, r.endOpen)
}

// wanted reads which sessions are meant, from an address or a form.
func wanted(v *web.Visit, get func(string) string) WantedSessions {
	return WantedSessions{org.Sought{Org: v.Actor().Org, Person: id.Person(get("person")), Text: get("q"), Cursor: get("cursor")}, get("acr")}
}

// address is what leads to them again.
func (s WantedSessions) address() url.Values {
	all := url.Values{}
	for name, value := range map[string]string{"q": s.Text, "person": string(s.Person), "acr": s.Level} {
		if value != "" {
			all.Set(name, value)
		}
	}
	return all
}

func (r *Room) showOpen(v *web.Visit) error {
	s := wanted(v, v.Query)
	if s.Org == "" {
		return v.See(OrganizationPath)
	}
	all, next, err := r.OpenIn(v.Context(), s)
	if err != nil {
		return err
	}
	page := ui.Open{
		Action: OpenPath, Text: s.Text, Person: string(s.Person), Level: s.Level, Filtered: len(s.address()) > 0 || s.Cursor != "",
		Levels: []webui.Option{{Text: v.Say("signin.open.any-level")}}, Rows: r.openRows(v, all),
	}
	for _, level := range levels {
		page.Levels = append(page.Levels, webui.Option{Value: level, Text: v.Say("signin.level." + level)})
	}
	if v.May(factor.Reset, "") == nil && len(all) > 0 {
		page.EndAll = OpenPath + "/end?" + s.address().Encode()
	}
	if done := v.Query("done"); done == "ended" || done == "ended-others" {
		page.Saved = v.Say("settings.done." + done)
	}
	if next != "" {
		more := s.address()
		more.Set("cursor", next)
		page.After = OpenPath + "?" + more.Encode()
	}
	return v.Show(v.Say("signin.open"), ui.ShowOpen(page))
}

// sayEnding says what ending all that fit comes to.
func sayEnding(v *web.Visit, e Ending) []string {
	lines := []string{v.Say("signin.open.ends", "sessions", len(e.Sessions), "people", e.People)}
	if e.More {
		lines = append(lines, v.Say("signin.open.more"))
	}
	if e.Kept > 0 {
		lines = append(lines, v.Say("signin.open.kept", "sessions", e.Kept))
	}
	return lines
}

func (r *Room) askEndMatching(v *web.Visit) error { return r.endPage(v, wanted(v, v.Query), nil) }

// endPage asks whether the sessions shall end; typed is what was sent, which
// does not count any more.
func (r *Room) endPage(v *web.Visit, s WantedSessions, typed url.Values) error {
	if err := v.May(ReadSessions, ""); err != nil {
		return err
	}
	e, err := r.MatchOpen(v.Context(), v.Actor().Principal, s)
	if err != nil {
		return err
	}
	form := s.address()
	page := ui.EndAll{Action: OpenPath + "/end", Back: OpenPath + "?" + form.Encode(), Any: len(e.Sessions) > 0}
	form.Set(webui.SeenField, typed.Get(webui.SeenField))
	page.Foreseen = web.Foreseen(form, sayEnding(v, e))
	for _, name := range []string{"q", "person", "acr"} {
		if value := form.Get(name); value != "" {
			page.Hidden = append(page.Hidden, [2]string{name, value})
		}
	}
	if typed != nil && page.Any && web.Seen(form, page.Foreseen) {
		if _, err := r.EndMatching(v.Context(), v.Actor().Principal, s); err != nil {
			return err
		}
		return v.See(OpenPath + "?done=ended-others")
	}
	return v.Show(v.Say("signin.open.end-all"), ui.AskEndAll(page))
}

func (r *Room) endMatching(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	return r.endPage(v, wanted(v, typed.Get), typed)
}

// openRows offers to end what is somebody else's; one's own sessions are ended
// in one's own settings.
func (r *Room) openRows(v *web.Visit, all []OpenSession) (rows []webui.Row) {
	ends, logs, me := v.May(factor.Reset, "") == nil, v.May("audit.read", "") == nil, v.Actor().Principal.Person()
	for _, s := range all {
		device := s.Browser
		if device == "" {
			device = v.Say("settings.sessions.unknown")
		}
		name := s.Who.DisplayName
		row := webui.Row{Href: "/admin/people/" + url.PathEscape(string(s.Person)), Cells: []templ.Component{
			webui.Text(name), webui.Text(device), webui.Text(orDash(s.Source)), webui.Text(v.Say("signin.level." + s.ACR())),
			webui.Ago(s.Begun), webui.Ago(s.Seen),
		}}
		log := ""
		if logs {
			log = "/admin/audit?" + url.Values{"target": {"session:" + s.ID}}.Encode()
		}
		end := ""
		if ends && s.Person != me {
			end = OpenPath + "/" + s.ID + "/end"
		}
		row.Cells = append(row.Cells, ui.OpenDoings(end, v.Say("signin.open.end", "name", name, "device", device), log, v.Say("signin.open.log-of", "name", name, "device", device)))
		rows = append(rows, row)
	}
	return rows
}

func (r *Room) endOpen(v *web.Visit) error {
	if err := r.EndOpen(v.Context(), v.Actor().Principal, v.Actor().Org, v.Path("session")); err != nil {
		return err
	}
	return v.See(OpenPath + "?done=ended")
}
