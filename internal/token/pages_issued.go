package token

import (
	"net/http"
	"net/url"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/token/ui"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// IssuedPath is where administrators see which tokens act in the organization.
const IssuedPath = "/admin/tokens"

func (r *Room) issuedPages(m *web.Mux) {
	m.Page(web.Route{Method: http.MethodGet, Path: IssuedPath, Permission: ReadTokens}, r.showIssued)
	m.Page(web.Route{Method: http.MethodPost, Path: IssuedPath + "/{token}/revoke", Permission: factor.Reset, Fresh: web.Recent}, r.revokeIssued)
}

func (r *Room) showIssued(v *web.Visit) error {
	s := org.Sought{Org: v.Actor().Org, Person: id.Person(v.Query("person")), Text: v.Query("q"), Cursor: v.Query("cursor")}
	if s.Org == "" {
		return v.See("/organization")
	}
	all, next, err := r.IssuedIn(v.Context(), s)
	if err != nil {
		return err
	}
	page := ui.Issued{
		Saved: factor.Done(v, "token-revoked"), Action: IssuedPath, Text: s.Text,
		Filtered: s.Text != "" || s.Person != "" || s.Cursor != "", Rows: r.issuedRows(v, all),
	}
	if next != "" {
		more := url.Values{"cursor": {next}}
		if s.Text != "" {
			more.Set("q", s.Text)
		}
		if s.Person != "" {
			more.Set("person", string(s.Person))
		}
		page.After = IssuedPath + "?" + more.Encode()
	}
	return v.Show(v.Say("settings.tokens"), ui.ShowIssued(page))
}

// issuedRows offers to revoke what is somebody else's; one's own tokens are
// revoked in one's own settings.
func (r *Room) issuedRows(v *web.Visit, all []Issued) (rows []webui.Row) {
	revokes, logs, me := v.May(factor.Reset, "") == nil, v.May("audit.read", "") == nil, v.Actor().Principal.Person()
	for _, t := range all {
		name := t.Who.DisplayName
		ends := webui.Ago(t.Ends)
		if !v.Now().Before(t.Ends) {
			ends = webui.Text(v.Say("settings.tokens.over"))
		}
		row := webui.Row{Href: "/admin/people/" + url.PathEscape(string(t.Person)), Cells: []templ.Component{
			webui.Text(name), webui.Text(t.Name), webui.Text(scopeTitles(v, t.Scopes)), webui.Ago(t.Created), used(v, t.Token), ends,
		}}
		do := ui.IssuedDo{}
		if logs {
			do.Log = "/admin/audit?" + url.Values{"target": {"token:" + t.ID}}.Encode()
			do.LogLabel = v.Say("token.issued.log-of", "name", name, "token", t.Name)
		}
		if revokes && t.Person != me {
			do.Revoke, do.Label = IssuedPath+"/"+t.ID+"/revoke", v.Say("token.issued.revoke", "name", name, "token", t.Name)
		}
		row.Cells = append(row.Cells, ui.IssuedDoings(do))
		rows = append(rows, row)
	}
	return rows
}

// used says when a token was last used, and plainly that it never was.
func used(v *web.Visit, t Token) templ.Component {
	if t.Used.IsZero() {
		return webui.Text(v.Say("token.issued.unused"))
	}
	return webui.Ago(t.Used)
}

func (r *Room) revokeIssued(v *web.Visit) error {
	if err := r.RevokeIssued(v.Context(), v.Actor().Principal, v.Actor().Org, v.Path("token")); err != nil {
		return err
	}
	return v.See(IssuedPath + "?done=token-revoked")
}
