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
	m.Page(web.Route{Method: http.MethodPost, Path: OpenPath + "/{session}/end", Permission: factor.Reset, Fresh: web.Recent}, r.endOpen)
}

func (r *Room) showOpen(v *web.Visit) error {
	s := org.Sought{Org: v.Actor().Org, Person: id.Person(v.Query("person")), Text: v.Query("q"), Cursor: v.Query("cursor")}
	if s.Org == "" {
		return v.See(OrganizationPath)
	}
	all, next, err := r.OpenIn(v.Context(), s)
	if err != nil {
		return err
	}
	page := ui.Open{
		Action: OpenPath, Text: s.Text, Person: string(s.Person), Filtered: s.Text != "" || s.Person != "" || s.Cursor != "",
		Rows: r.openRows(v, all),
	}
	if v.Query("done") == "ended" {
		page.Saved = v.Say("settings.done.ended")
	}
	if next != "" {
		more := url.Values{"cursor": {next}}
		if s.Text != "" {
			more.Set("q", s.Text)
		}
		if s.Person != "" {
			more.Set("person", string(s.Person))
		}
		page.After = OpenPath + "?" + more.Encode()
	}
	return v.Show(v.Say("signin.open"), ui.ShowOpen(page))
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
