package ticket

import (
	"context"
	"net/url"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/ticket/ui"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// matchBadges are the colours of who was found and who not.
var matchBadges = map[string]string{connector.Found: "good", connector.None: "", connector.Ambiguous: "bad"}

// matchSection says who the people of the organization are at a system that one
// connection serves for all: those who get nothing first.
func (r *Room) matchSection(v *web.Visit, s connector.System) (ui.Section, error) {
	part := ui.Section{ID: "matched", Title: v.Say("ticket.matched"), Text: v.Say("ticket.matched.empty")}
	all, err := r.desk.Matches(v.Context(), s.Org, s.ID)
	if err != nil || len(all) == 0 {
		return part, err
	}
	count := map[string]int{}
	for _, m := range all { // ambiguous, found, none: as they are read
		count[m.State]++
	}
	part.Text = v.Say("ticket.matched.counts", "found", count[connector.Found], "none", count[connector.None], "ambiguous", count[connector.Ambiguous])
	var shown []connector.Match
	for _, state := range []string{connector.Ambiguous, connector.None, connector.Found} {
		for _, m := range all {
			if m.State == state && len(shown) < mostShown {
				shown = append(shown, m)
			}
		}
	}
	var who []id.Person
	for _, m := range shown {
		who = append(who, m.Person)
	}
	names, err := r.register.Names(v.Context(), who)
	if err != nil {
		return part, err
	}
	var rows []webui.Row
	for _, m := range shown {
		account := m.NativeName
		if account == "" {
			account = m.NativeID
		}
		rows = append(rows, webui.Row{Href: "/admin/people/" + url.PathEscape(string(m.Person)), Cells: []templ.Component{
			webui.Text(orDash(names[m.Person])), webui.Text(orDash(account)), webui.Badge(matchBadges[m.State], v.Say("ticket.matched."+m.State)), webui.Ago(m.At),
		}})
	}
	part.Body = webui.Table(part.Title, []string{v.Say("ticket.person"), v.Say("ticket.account"), v.Say("ticket.state"), v.Say("ticket.matched.at")}, rows)
	return part, nil
}

// Unknown is how many people get nothing from a system because it does not know
// them, or not for sure.
type Unknown struct {
	Count int
	Href  string // of the system's page
	Title string
}

// Unknowns are those of an organization's systems that one connection serves for
// all.
func (r *Room) Unknowns(ctx context.Context, in id.Org) (all []Unknown, err error) {
	counts, err := r.desk.Unmatched(ctx, in)
	if err != nil || len(counts) == 0 {
		return nil, err
	}
	systems, err := r.desk.Systems(ctx, in)
	for _, s := range systems {
		if n := counts[s.ID]; n > 0 && s.Enabled && s.Mode == connector.ModeService {
			all = append(all, Unknown{n, pathOf(s.ID), s.Shown()})
		}
	}
	return all, err
}
