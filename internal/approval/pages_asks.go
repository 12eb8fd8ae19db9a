package approval

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/approval/ui"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// NewPath is where things are asked for.
const NewPath = "/ask"

// pages registers the pages of asks.
func (h asks) pages(m *web.Mux) {
	signed := func(method, path string, handler web.Handler) {
		m.Page(web.Route{Method: method, Path: path, Permission: web.SignedIn}, handler)
	}
	signed(http.MethodGet, NewPath, h.showFind)
	signed(http.MethodGet, NewPath+"/{kind}/{target}", h.showNew)
	signed(http.MethodPost, NewPath+"/{kind}/{target}", h.saveNew)
	signed(http.MethodGet, preparedPath, h.showPrepared)
	signed(http.MethodPost, preparedPath, h.savePrepared)
	signed(http.MethodGet, request.Path, h.showMine)
	signed(http.MethodGet, request.Path+"/{ask}", h.showAsk)
	signed(http.MethodPost, request.Path+"/{ask}/decide", h.saveDecision)
	signed(http.MethodPost, request.Path+"/{ask}/say", h.saveSaid)
	signed(http.MethodPost, request.Path+"/{ask}/withdraw", h.saveWithdrawn)
	signed(http.MethodPost, "/leases/{lease}/give-back", h.saveGivenBack)
}

// mine are the organizations that somebody belongs to, the one they act in
// first.
func (h asks) mine(v *web.Visit) (who id.Person, all []webui.Option, err error) {
	who, err = present(v.Actor())
	if err != nil {
		return who, nil, err
	}
	g, err := h.Register.Grants(v.Context(), who)
	for _, o := range g.Orgs {
		all = append(all, webui.Option{Value: string(o.ID), Text: o.Title})
	}
	slices.SortStableFunc(all, func(a, b webui.Option) int {
		here := string(v.Actor().Org)
		switch {
		case a.Value == here && b.Value != here:
			return -1
		case b.Value == here && a.Value != here:
			return 1
		}
		return 0
	})
	return who, all, err
}

// where is the organization that a page is about: one of the reader's.
func where(v *web.Visit, all []webui.Option) (id.Org, error) {
	wanted := v.Query("org")
	for _, o := range all {
		if wanted == "" || o.Value == wanted {
			return id.Org(o.Value), nil
		}
	}
	return "", fault.New(fault.NotFound, "organization-unknown")
}

func (h asks) showFind(v *web.Visit) error {
	who, all, err := h.mine(v)
	if err != nil {
		return err
	}
	in, err := where(v, all)
	if err != nil {
		return err
	}
	found, err := h.Find(v.Context(), request.Sought{Org: in, Asker: who, Text: v.Query("q"), Lang: v.Lang()})
	if err != nil {
		return err
	}
	offers, err := h.offers(v, in)
	if err != nil {
		return err
	}
	page := ui.Find{Offers: offers, Action: NewPath, Text: v.Query("q"), Org: string(in), Orgs: all}
	for _, t := range found {
		page.Rows = append(page.Rows, webui.Row{Href: newPath(in, t.Kind, t.ID, nil), Cells: []templ.Component{
			webui.Text(t.Title), webui.Text(v.Say("ask.kind." + t.Kind)), webui.Text(t.Name),
		}})
	}
	return v.Show(v.Say("ask.find"), ui.ShowFind(page))
}

func newPath(in id.Org, kind, target string, more url.Values) string {
	q := url.Values{"org": {string(in)}}
	for key, value := range more {
		q[key] = value
	}
	return NewPath + "/" + url.PathEscape(kind) + "/" + url.PathEscape(target) + "?" + q.Encode()
}

// wanted reads the form of an ask; what is missing is as the policy proposes.
func wanted(v *web.Visit, in id.Org, typed url.Values) (request.Wanted, *fault.Fault) {
	w := request.Wanted{
		Org: in, Kind: v.Path("kind"), Target: v.Path("target"), Reason: strings.TrimSpace(typed.Get("reason")),
		Extends: id.Lease(typed.Get("extends")), Break: typed.Get("break") == "yes", Endless: typed.Get("hours") == "endless",
	}
	w.Ticket = request.Ticket{System: id.Connector(typed.Get("system")), Number: strings.TrimSpace(typed.Get("ticket"))}
	var bad fault.Checks
	if text := typed.Get("hours"); text != "" && !w.Endless {
		hours, err := strconv.ParseFloat(text, 64)
		if err != nil || hours <= 0 || hours > request.LengthMost.Hours() {
			bad.Add("hours", "policy-time-out-of-range")
		}
		w.Length = time.Duration(hours * float64(time.Hour)).Truncate(time.Second)
	}
	if text := typed.Get("from"); text != "" {
		at, err := time.ParseInLocation("2006-01-02T15:04", text, web.TypedZone(typed, "from"))
		if err != nil {
			bad.Add("from", "policy-time-out-of-range")
		}
		w.From = at
	}
	return w, bad.Fault("ask-invalid")
}

// forWhom is the member of a login; "" is whoever asks.
func (h asks) forWhom(v *web.Visit, in id.Org, login string) (who id.Person, f *fault.Fault) {
	if login == "" {
		return "", nil
	}
	err := h.Store.Org(in).Read(v.Context(), func(view *store.View) error {
		p, err := h.Register.LoginOf(view, login)
		if err == nil {
			_, err = org.MemberIn(view, in, p.ID)
		}
		who = p.ID
		return err
	})
	if err != nil {
		var bad fault.Checks
		bad.Add("for", "member-unknown")
		return "", bad.Fault("ask-invalid")
	}
	return who, nil
}

func (h asks) showNew(v *web.Visit) error {
	who, all, err := h.mine(v)
	if err != nil {
		return err
	}
	in, err := where(v, all)
	if err != nil {
		return err
	}
	typed := v.Request().URL.Query()
	return h.newForm(v, who, in, typed, nil, http.StatusOK)
}

// newForm shows the form with who would decide about it as it stands.
func (h asks) newForm(v *web.Visit, who id.Person, in id.Org, typed url.Values, f *fault.Fault, status int) error {
	hint, err := h.prefill(v, in, typed)
	if err != nil {
		return err
	}
	systems, err := h.TicketSystems(v.Context(), in)
	if err != nil {
		return err
	}
	w, _ := wanted(v, in, typed)
	if known, bad := h.forWhom(v, in, typed.Get("for")); bad == nil {
		w.For = known
	}
	if w.Reason == "" {
		w.Reason = "—" // the form is not sent yet
	}
	p, err := h.Preview(v.Context(), who, w)
	if err != nil {
		return err
	}
	page := ui.NewAsk{Benches: h.benchesOf(v, p.Sheet), Glass: p.Policy.Glass > 0 && w.Extends == "" && h.may(v, in, request.Break), On: w.Break}
	page.Facts = []webui.Detail{{Key: v.Say("ask.kind"), Value: webui.Text(v.Say("ask.kind." + p.Target.Kind))}, {Key: v.Say("ask.org"), Value: webui.Text(p.Org.Title)}}
	for _, fact := range p.Target.Facts {
		page.Facts = append(page.Facts, webui.Detail{Key: v.Say(fact.Key), Value: webui.Text(fact.Value)})
	}
	if p.Rule != nil {
		page.Rule = v.Say("ask.rule", "rule", p.Rule.Name)
	}
	if p.Nobody {
		page.Warning = v.Say("problem." + request.NobodyDecides)
	}
	if f == nil && p.Trouble != nil && len(p.Trouble.Fields) == 0 {
		page.Warning = v.Say("problem."+p.Trouble.Code, p.Trouble.Args.Pairs()...)
	}
	page.Form = h.askForm(v, in, p, typed)
	if hint != "" {
		page.Form.Fields[0].Hint = hint
	}
	page.Form.Fields = append(page.Form.Fields, ticketFields(v, systems, typed)...)
	if f != nil {
		refuse(v, &page.Form, f)
	}
	return v.ShowStatus(status, page.Form.Heading, ui.ShowNew(page))
}

func (h asks) may(v *web.Visit, in id.Org, permission string) bool {
	return v.May(permission, string(in)) == nil
}

func (h asks) askForm(v *web.Visit, in id.Org, p request.Preview, typed url.Values) webui.SettingForm {
	form := webui.SettingForm{
		Heading: v.Say("ask.for", "title", p.Target.Title), Lead: v.Say("ask.for.lead"), Back: NewPath, Kind: webui.Main, Submit: v.Say("ask.send"),
		Action: newPath(in, p.Target.Kind, p.Target.ID, url.Values{"extends": typed["extends"]}),
	}
	reason := webui.Input{Name: "reason", Label: v.Say("ask.reason"), Hint: v.Say("ask.reason.hint"), Kind: "textarea", Value: typed.Get("reason"), Required: !p.Policy.NoReason, Max: request.ReasonMost, Rows: 3}
	form.Fields = []webui.Input{reason}
	if p.Target.Lent {
		hours := webui.Input{Name: "hours", Label: v.Say("ask.length"), Kind: "select", Value: typed.Get("hours"), Required: true, Half: true}
		hours.Options = lengths(v, p.Policy.Most, p.Policy.Endless)
		if hours.Value == "" {
			hours.Value = hoursOf(p.Policy.Usual)
		}
		if !slices.ContainsFunc(hours.Options, func(o webui.Option) bool { return o.Value == hours.Value }) {
			hours.Options = append(hours.Options, webui.Option{Value: hours.Value, Text: lasts(v, p.Policy.Usual)})
		}
		form.Fields = append(form.Fields, hours)
	}
	if typed.Get("extends") == "" {
		form.Fields = append(form.Fields, webui.Input{Name: "for", Label: v.Say("ask.for-whom"), Hint: v.Say("ask.for-whom.hint"), Value: typed.Get("for"), Max: org.LoginMost, Half: true})
		form.Fields = append(form.Fields, webui.Input{Name: "from", Label: v.Say("ask.from"), Hint: v.Say("ask.from.hint"), Kind: "datetime-local", Value: typed.Get("from"), Half: true})
	}
	return form
}

// ticketFields name a ticket outside; none where no system can be told anything.
func ticketFields(v *web.Visit, systems []request.TicketSystem, typed url.Values) []webui.Input {
	if len(systems) == 0 {
		return nil
	}
	system := webui.Input{Name: "system", Label: v.Say("ask.ticket.system"), Kind: "select", Value: typed.Get("system"), Half: true, Options: []webui.Option{{}}}
	for _, s := range systems {
		system.Options = append(system.Options, webui.Option{Value: string(s.ID), Text: s.Name})
	}
	return []webui.Input{
		system, {Name: "ticket", Label: v.Say("ask.ticket"), Hint: v.Say("ask.ticket.hint"), Value: typed.Get("ticket"), Max: 64, Half: true},
	}
}

// offered are the lengths that forms offer, as far as a policy lets them.
var offered = []time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 24 * time.Hour, 3 * 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour, 90 * 24 * time.Hour, 365 * 24 * time.Hour}

func lengths(v *web.Visit, most time.Duration, endless bool) (all []webui.Option) {
	for _, d := range offered {
		if d <= most {
			all = append(all, webui.Option{Value: hoursOf(d), Text: lasts(v, d)})
		}
	}
	if endless {
		all = append(all, webui.Option{Value: "endless", Text: v.Say("ask.length.endless")})
	}
	return all
}

func hoursOf(d time.Duration) string { return strconv.FormatFloat(d.Hours(), 'f', -1, 64) }

// lasts says a length for people.
func lasts(v *web.Visit, d time.Duration) string {
	switch {
	case d == 0:
		return v.Say("ask.length.endless")
	case d%(24*time.Hour) == 0:
		return v.Say("ask.length.days", "n", int64(d/(24*time.Hour)))
	case d%time.Hour == 0:
		return v.Say("ask.length.hours", "n", int64(d/time.Hour))
	}
	return v.Say("ask.length.minutes", "n", int64(d/time.Minute))
}

// refuse puts a fault into a form.
func refuse(v *web.Visit, form *webui.SettingForm, f *fault.Fault) {
	form.Problem, form.Do = v.Say("problem."+f.Code, f.Args.Pairs()...), v.Say("problem."+f.Code+".do", f.Args.Pairs()...)
	for _, bad := range f.Fields {
		for i := range form.Fields {
			if name := form.Fields[i].Name; name == bad.Path || name == "hours" && bad.Path == "length" {
				form.Fields[i].Error = v.Say("problem."+bad.Code, bad.Args.Pairs()...)
			}
		}
	}
}

func (h asks) saveNew(v *web.Visit) error {
	who, all, err := h.mine(v)
	if err != nil {
		return err
	}
	in, err := where(v, all)
	if err != nil {
		return err
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	if extends := v.Query("extends"); extends != "" {
		typed.Set("extends", extends)
	}
	w, f := wanted(v, in, typed)
	if f == nil {
		w.For, f = h.forWhom(v, in, typed.Get("for"))
	}
	if f != nil {
		return h.newForm(v, who, in, typed, f, f.Status())
	}
	a, err := h.Raise(v.Context(), who, w)
	if f := fault.As(err); f != nil && f.Kind != fault.NotFound && f.Kind != fault.Busy && f.Kind != fault.Broken {
		return h.newForm(v, who, in, typed, f, f.Status())
	}
	if err != nil {
		return err
	}
	return v.See(request.Path + "/" + string(a.ID) + "?done=asked")
}

func (h asks) showMine(v *web.Visit) error {
	who, orgs, err := h.mine(v)
	if err != nil {
		return err
	}
	asked, next, err := h.Mine(v.Context(), who, request.Query{Cursor: id.Ask(v.Query("cursor"))})
	if err != nil {
		return err
	}
	topics := []string{request.MineTopic(who)}
	if h.Topics != nil {
		topics = append(topics, h.Topics(who)...)
	}
	v.Follow(topics...)
	page := ui.Mine{Saved: done(v), Here: request.Path, Topics: topics}
	if cursor := v.Query("cursor"); cursor != "" {
		page.Here += "?cursor=" + url.QueryEscape(cursor)
	}
	for _, a := range asked {
		page.Asked = append(page.Asked, webui.Row{Href: request.Path + "/" + string(a.ID), Cells: []templ.Component{
			webui.Text(a.Title), stateBadge(v, a), webui.Ago(a.Created),
		}})
	}
	if next != "" {
		page.After = request.Path + "?cursor=" + url.QueryEscape(string(next))
	}
	for _, o := range orgs {
		waiting, err := h.Waiting(v.Context(), id.Org(o.Value), who)
		if err != nil {
			return err
		}
		rows, err := h.waitingRows(v, waiting)
		if err != nil {
			return err
		}
		page.Waiting = append(page.Waiting, rows...)
	}
	held, err := h.Ledger.Of(v.Context(), who)
	for _, l := range held {
		page.Held = append(page.Held, webui.Row{Href: pageOf(l), Cells: []templ.Component{
			webui.Text(l.Title), webui.Ago(l.Since), webui.At(l.Until, v.Say("ask.length.endless")),
			webui.End("/leases/"+string(l.ID)+"/give-back?org="+url.QueryEscape(string(l.Org)), v.Say("ask.give-back"), v.Say("ask.give-back.of", "title", l.Title)),
		}})
	}
	if err != nil {
		return err
	}
	return v.Show(v.Say("ask.mine"), ui.ShowMine(page))
}

// pageOf is the page of the ask that a lease came from, "" for none.
func pageOf(l lease.Lease) string {
	if l.Ask == "" {
		return ""
	}
	return request.Path + "/" + string(l.Ask)
}

func (h asks) waitingRows(v *web.Visit, all []request.Ask) (rows []webui.Row, err error) {
	who := make([]id.Person, len(all))
	for i, a := range all {
		who[i] = a.Person
	}
	names, err := h.Register.Names(v.Context(), who)
	for _, a := range all {
		rows = append(rows, webui.Row{Href: request.Path + "/" + string(a.ID), Cells: []templ.Component{webui.Text(a.Title), webui.Text(askerOf(v, a, names)), webui.Ago(a.Due)}})
	}
	return rows, err
}

// stateBadge says where an ask stands.
func stateBadge(v *web.Visit, a request.Ask) templ.Component {
	return webui.Badge(badgeKind(a), stateOf(v, a))
}

func badgeKind(a request.Ask) string {
	switch a.State {
	case request.Open, request.Approved:
		return "wait"
	case request.Released:
		return "good"
	case request.Refused, request.Expired, request.Void:
		return "bad"
	}
	return ""
}
