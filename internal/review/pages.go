package review

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/paper"
	"github.com/sekisho/sekisho/internal/review/ui"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// Path is where the console keeps campaigns.
const Path = "/admin/reviews"

const (
	roundPath = Path + "/{review}/rounds/{round}"
	perPage   = 50
)

// Pages registers the pages of the console. Reviewers decide on their cards.
func (r *Room) Pages(m *web.Mux) {
	r.Campaigns.Pages(m)
	m.Page(web.Route{Method: http.MethodPost, Path: Path + "/{review}/start", Permission: Write}, r.saveStarted)
	m.Page(web.Route{Method: http.MethodGet, Path: roundPath, Permission: Read}, r.showRound)
	m.Page(web.Route{Method: http.MethodGet, Path: roundPath + "/sheet", Permission: Read}, r.giveSheet)
}

func (r *Room) drawn() paper.Drawn[Campaign] {
	return paper.Drawn[Campaign]{
		Path: Path, Key: "review", Param: "review", Operation: "review", Plural: "reviews",
		Columns: func(v *web.Visit) []string {
			return []string{v.Say("review.title"), v.Say("review.kind"), v.Say("review.silence"), v.Say("review.next")}
		},
		Row: func(v *web.Visit, p paper.Paper[Campaign], _ func(string) string) []templ.Component {
			return []templ.Component{
				webui.Text(p.Spec.Title), webui.Text(v.Say("review.kind." + p.Spec.Kind)), webui.Text(v.Say("review.silence." + p.Spec.Silence)), begins(p.Spec.Next(v.Now())),
			}
		},
		Fields: fields, Values: values, Typed: typed, Below: r.rounds,
	}
}

// begins is a moment that is planned, or none.
func begins(at time.Time) templ.Component {
	if at.IsZero() {
		return webui.Text("—")
	}
	return webui.Time(at)
}

func fields(v *web.Visit, t url.Values) []webui.Input {
	f := func(name, kind string, half bool) webui.Input {
		return webui.Input{Name: name, Label: v.Say("review." + name), Hint: v.Say("review." + name + ".hint"), Kind: kind, Value: t.Get(name), Half: half, Max: 4000}
	}
	choice := func(name string, half bool, values ...string) webui.Input {
		i := f(name, "select", half)
		for _, value := range values {
			i.Options = append(i.Options, webui.Option{Value: value, Text: v.Say("review." + name + "." + value)})
		}
		return i
	}
	title, reviewers := f("title", "text", false), f("reviewers", "text", false)
	title.Required, title.Max, reviewers.Required = true, titleMost, true
	kind, silence := choice("kind", true, OfGroups, OfRoles, OfLeases), choice("silence", true, SilenceEnds, SilenceEscalates)
	kind.Required, silence.Required = true, true
	return []webui.Input{
		title, kind, f("targets", "text", true), f("when", "text", false), reviewers, f("fallback", "text", false),
		f("days", "number", true), f("reminders", "text", true), silence, f("escalate_to", "text", true), f("escalate_days", "number", true),
		f("starts", "date", true), f("every_months", "number", true), f("time_zone", "text", true),
	}
}

func values(c Campaign) url.Values {
	var days []string
	for _, n := range c.Reminders {
		days = append(days, strconv.Itoa(n))
	}
	return url.Values{
		"title": {c.Title}, "kind": {c.Kind}, "targets": {strings.Join(c.Targets, " ")}, "when": {c.When}, "reviewers": {strings.Join(c.Reviewers, " ")},
		"fallback": {strings.Join(c.Fallback, " ")}, "days": {paper.Digits(c.Days)}, "reminders": {strings.Join(days, " ")}, "silence": {c.Silence},
		"escalate_to": {strings.Join(c.Escalate, " ")}, "escalate_days": {paper.Digits(c.Further)}, "starts": {c.Starts}, "every_months": {paper.Digits(c.Months)},
		"time_zone": {c.TimeZone},
	}
}

func typed(_ *web.Visit, t url.Values, bad *fault.Checks) Campaign {
	c := Campaign{
		Title: paper.Text(t, "title"), Kind: paper.Text(t, "kind"), Targets: strings.Fields(t.Get("targets")), When: paper.Text(t, "when"),
		Reviewers: strings.Fields(t.Get("reviewers")), Fallback: strings.Fields(t.Get("fallback")), Days: paper.Number(t, "days", bad), Silence: paper.Text(t, "silence"),
		Escalate: strings.Fields(t.Get("escalate_to")), Further: paper.Number(t, "escalate_days", bad), Starts: paper.Text(t, "starts"),
		Months: paper.Number(t, "every_months", bad), TimeZone: paper.Text(t, "time_zone"),
	}
	for _, text := range strings.Fields(t.Get("reminders")) {
		n, err := strconv.Atoi(text)
		if err != nil {
			bad.Add("reminders", "paper-line-unclear", "line", text)
		}
		c.Reminders = append(c.Reminders, n)
	}
	return c
}

// rounds are the times that a campaign ran, and the way to begin one.
func (r *Room) rounds(v *web.Visit, p paper.Paper[Campaign]) (templ.Component, error) {
	all, err := r.Rounds(v.Context(), p.Org, p.ID)
	if err != nil {
		return nil, err
	}
	page := ui.Rounds{}
	if v.May(Write, string(p.Org)) == nil && (len(all) == 0 || all[0].State == Closed) {
		page.Start = Path + "/" + url.PathEscape(p.ID) + "/start"
	}
	for _, one := range all {
		page.Rows = append(page.Rows, webui.Row{Href: pathOf(one), Cells: []templ.Component{
			webui.Text(v.Say("review.round.lead", "n", strconv.Itoa(one.Number))), roundBadge(v, one), webui.Time(one.Started), webui.Time(one.Due), webui.At(one.Closed, "—"),
		}})
	}
	page.Columns = []string{v.Say("review.round"), v.Say("review.state"), v.Say("review.started"), v.Say("review.due"), v.Say("review.closed")}
	return ui.ShowRounds(page), nil
}

func pathOf(r Round) string {
	return Path + "/" + url.PathEscape(r.Campaign) + "/rounds/" + url.PathEscape(r.ID)
}

func roundBadge(v *web.Visit, r Round) templ.Component {
	kind := "wait"
	if r.State == Closed {
		kind = "good"
	}
	return webui.Badge(kind, v.Say("review.round."+string(r.State)))
}

func itemBadge(v *web.Visit, i Item) templ.Component {
	kind := map[State]string{Open: "wait", Kept: "good", Stuck: "bad"}[i.State]
	text := v.Say("review.item." + string(i.State))
	if i.Silent && i.State == Ended {
		text = v.Say("review.item.silent")
	}
	return webui.Badge(kind, text)
}

func (r *Room) saveStarted(v *web.Visit) error {
	in, err := paper.Here(v)
	if err != nil {
		return err
	}
	round, err := r.Start(v.Context(), v.Actor().Principal, in, v.Path("review"))
	if err != nil {
		return err
	}
	return v.See(pathOf(round))
}

// states are those that a page of items can be cut down to.
var states = []State{Open, Kept, Ended, Gone, Stuck}

func (r *Room) showRound(v *web.Visit) error {
	in, err := paper.Here(v)
	if err != nil {
		return err
	}
	v.Follow(Topic)
	round, counts, err := r.Progress(v.Context(), in, v.Path("round"))
	if err != nil {
		return err
	}
	state := State(v.Query("state"))
	items, err := r.Items(v.Context(), in, round.ID, Query{State: state, Cursor: v.Query("cursor"), Limit: perPage + 1})
	if err != nil {
		return err
	}
	here := pathOf(round)
	page := ui.Round{
		Heading: round.Spec.Title, Lead: v.Say("review.round.lead", "n", strconv.Itoa(round.Number)), Badge: roundBadge(v, round), Here: v.Request().URL.RequestURI(), Topic: Topic,
		Sheet: here + "/sheet", None: v.Say("review.items.none"), NoneDo: v.Say("review.items.none.do"),
		Facts: []webui.Detail{{Key: v.Say("review.started"), Value: webui.Time(round.Started)}, {Key: v.Say("review.due"), Value: webui.Time(round.Due)}},
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	page.Tabs = append(page.Tabs, ui.Tab{Href: here, Text: v.Say("review.items.all"), Count: total, On: state == ""})
	for _, s := range states {
		page.Tabs = append(page.Tabs, ui.Tab{Href: here + "?state=" + string(s), Text: v.Say("review.item." + string(s)), Count: counts[s], On: state == s})
	}
	if len(items) > perPage {
		items = items[:perPage]
		page.After = here + "?" + url.Values{"state": {string(state)}, "cursor": {items[perPage-1].ID}}.Encode()
	}
	page.Columns = []string{v.Say("review.holder"), v.Say("review.what"), v.Say("review.state"), v.Say("review.by"), v.Say("review.reason")}
	page.Rows, err = r.itemRows(v, items)
	if err != nil {
		return err
	}
	v.Crumb(round.Name, Path+"/"+url.PathEscape(round.Campaign))
	return v.Show(page.Heading, ui.ShowRound(page))
}

func (r *Room) itemRows(v *web.Visit, items []Item) (rows []webui.Row, err error) {
	var who []id.Person
	for _, i := range items {
		who = append(who, i.DecidedBy.Person())
	}
	names, err := r.Register.Names(v.Context(), who)
	for _, i := range items {
		by, why := names[i.DecidedBy.Person()], i.Reason
		if i.Trouble != "" {
			why = v.Say("problem." + i.Trouble)
		}
		rows = append(rows, webui.Row{Cells: []templ.Component{
			webui.Text(i.Holder), webui.Text(i.Title), itemBadge(v, i), webui.Text(orDash(by)), webui.Text(orDash(why)),
		}})
	}
	return rows, err
}

func orDash(text string) string {
	if text == "" {
		return "—"
	}
	return text
}

// giveSheet is the round as a file, for whoever audits it.
func (r *Room) giveSheet(v *web.Visit) error {
	in, err := paper.Here(v)
	if err != nil {
		return err
	}
	round, _, err := r.Progress(v.Context(), in, v.Path("round"))
	if err != nil {
		return err
	}
	var out strings.Builder
	out.WriteString("\ufeff") // without it spreadsheets take UTF-8 for something else
	w := csv.NewWriter(&out)
	line := func(cells ...string) {
		for i := range cells {
			cells[i] = inert(cells[i])
		}
		_ = w.Write(cells) // into memory
	}
	line("holder", "holder_id", "kind", "target", "title", "state", "silent", "decided", "decided_by", "in_place_of", "reason", "trouble")
	for cursor := ""; ; {
		items, err := r.Items(v.Context(), in, round.ID, Query{Cursor: cursor, Limit: 500})
		if err != nil {
			return err
		}
		for _, i := range items {
			decided := ""
			if !i.Decided.IsZero() {
				decided = i.Decided.UTC().Format(time.RFC3339)
			}
			line(i.Holder, string(i.Person), i.Kind, i.Target, i.Title, string(i.State), strconv.FormatBool(i.Silent), decided, string(i.DecidedBy), string(i.Seat), i.Reason, i.Trouble)
			cursor = i.ID
		}
		if len(items) < 500 {
			break
		}
	}
	w.Flush()
	h := v.Writer().Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="review-`+round.Name+`-`+strconv.Itoa(round.Number)+`.csv"`)
	_, err = v.Writer().Write([]byte(out.String()))
	return err
}

// inert keeps a spreadsheet from taking what people wrote for a formula.
func inert(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
