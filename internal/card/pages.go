package card

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/card/ui"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/presence"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// ListPath is where people find their cards.
const ListPath = "/cards"

const (
	waitingPath = ListPath + "/waiting"
	onePath     = ListPath + "/{card}"
	perPage     = 30
	waitingMost = 5
)

// PathOf is the page of a card.
func PathOf(which id.Card) string { return ListPath + "/" + url.PathEscape(string(which)) }

// Pages registers the pages for people.
func (r *Room) Pages(m *web.Mux) {
	route := func(method, path string) web.Route {
		return web.Route{Method: method, Path: path, Permission: web.SignedIn}
	}
	m.Page(route(http.MethodGet, ListPath), r.showList)
	m.Page(route(http.MethodGet, waitingPath), r.showWaiting)
	m.Page(route(http.MethodGet, onePath), r.showCard)
	m.Page(route(http.MethodPost, onePath), r.takeDecision)
	r.preferencePages(m)
}

// reads is the person who looks at their cards: nobody else has any.
func reads(v *web.Visit) (id.Person, error) {
	who := v.Actor().Principal.Person()
	if who == "" {
		return "", fault.New(fault.Forbidden, "cards-are-peoples")
	}
	return who, nil
}

func (r *Room) showList(v *web.Visit) error {
	who, err := reads(v)
	if err != nil {
		return err
	}
	v.Follow(TopicOf(who))
	r.Here(v.Context(), who)
	done := v.Query("done") == "1"
	cards, next, err := r.List(v.Context(), who, done, v.Query("cursor"), perPage)
	if err != nil {
		return err
	}
	page := ui.List{
		Heading: v.Say("card.list"), Lead: v.Say("card.list.lead"), Here: v.Request().URL.RequestURI(), Topic: TopicOf(who), Done: done,
		Open: ListPath, Closed: ListPath + "?done=1", None: v.Say("card.none"), NoneDo: v.Say("card.none.do"),
	}
	if done {
		page.None, page.NoneDo = v.Say("card.none.done"), v.Say("card.none.done.do")
	}
	if next != "" {
		q := url.Values{"cursor": {next}}
		if done {
			q.Set("done", "1")
		}
		page.After = ListPath + "?" + q.Encode()
	}
	for _, c := range cards {
		page.Items = append(page.Items, item(v, c))
	}
	if r.Beside != nil && !done && v.Query("cursor") == "" {
		if page.Beside, err = r.Beside(v, ""); err != nil {
			return err
		}
	}
	return v.Show(page.Heading, ui.ShowList(page))
}

// Panel is what waits for the reader, for the first page.
func (r *Room) Panel(v *web.Visit, _ string) (templ.Component, error) {
	who := v.Actor().Principal.Person()
	if who == "" {
		return nil, nil
	}
	v.Follow(TopicOf(who))
	r.Here(v.Context(), who)
	cards, _, err := r.List(v.Context(), who, false, "", waitingMost)
	if err != nil {
		return nil, err
	}
	count := len(cards)
	if count == waitingMost {
		if count, err = r.Count(v.Context(), who); err != nil {
			return nil, err
		}
	}
	page := ui.Waiting{Here: waitingPath, Topic: TopicOf(who), All: ListPath, Count: count}
	for _, c := range cards {
		page.Items = append(page.Items, item(v, c))
	}
	return ui.ShowWaiting(page), nil
}

func (r *Room) showWaiting(v *web.Visit) error {
	if _, err := reads(v); err != nil {
		return err
	}
	part, err := r.Panel(v, "")
	if err != nil {
		return err
	}
	return v.Fragment(http.StatusOK, part)
}

func item(v *web.Visit, c Card) ui.Item {
	state, kind := badge(v, c)
	return ui.Item{
		Href: PathOf(c.ID), Title: c.Sheet.Title, Requester: c.Sheet.requesterLine(),
		Amount: strings.TrimSpace(c.Sheet.Amount.Value + " " + c.Sheet.Amount.Currency), Source: c.Label, Due: c.Sheet.Due,
		Late: late(v, c), State: state, Kind: kind,
	}
}

func late(v *web.Visit, c Card) bool {
	return !c.State.closed() && !c.Sheet.Due.IsZero() && c.Sheet.Due.Before(v.Now())
}

// badge is a card's state in a word; none for one that is open.
func badge(v *web.Visit, c Card) (text, kind string) {
	switch c.State {
	case Open:
		if c.Why != "" {
			return v.Say("card.state.again"), "wait"
		}
		return priority(v, c)
	case Deciding:
		kind = "wait"
	case Applied:
		kind = "good"
		switch c.Decision {
		case string(connector.Reject):
			kind = "bad"
			fallthrough
		case string(connector.Approve):
			return v.Say("card.state." + c.Decision), kind
		}
	case Failed:
		kind = "bad"
	}
	return v.Say("card.state." + string(c.State)), kind
}

func (r *Room) showCard(v *web.Visit) error {
	who, err := reads(v)
	if err != nil {
		return err
	}
	v.Follow(TopicOf(who))
	c, err := r.Get(v.Context(), who, id.Card(v.Path("card")))
	if err != nil {
		return err
	}
	if seen := v.Query("version"); seen != "" && v.Request().Header.Get("HX-Request") == "true" && seen == strconv.FormatInt(c.Version, 10) && c.State != Deciding {
		v.Writer().WriteHeader(http.StatusNoContent) // what is typed stays
		return nil
	}
	return r.showOne(v, c, http.StatusOK, nil, nil)
}

// takeDecision is the one way in which a page decides. Every refusal shows the
// card as it is now, with what was typed.
func (r *Room) takeDecision(v *web.Visit) error {
	who, err := reads(v)
	if err != nil {
		return err
	}
	v.Follow(TopicOf(who))
	typed, err := v.Form()
	if err != nil {
		return err
	}
	which := id.Card(v.Path("card"))
	c, err := r.Get(v.Context(), who, which)
	if err != nil {
		return err
	}
	if f, err := r.unproven(v, c); err != nil || f != nil {
		return r.proveFirst(v, c, typed, f, err)
	}
	verdict, bad := verdictOf(typed, which)
	if bad == nil {
		_, err = r.Decide(v.Context(), deciderOf(v.Actor()), verdict)
		bad = fault.As(err)
	}
	switch {
	case bad == nil && err == nil:
		return r.decided(v, c, typed)
	case bad == nil || bad.Kind == fault.Broken || bad.Kind == fault.NotFound || bad.Kind == fault.Unknown:
		return err
	}
	if c, err = r.Get(v.Context(), who, which); err != nil {
		return err
	}
	return r.showOne(v, c, bad.Status(), bad, typed)
}

// deciderOf is who acts, as a decision keeps it.
func deciderOf(a web.Actor) Decider {
	return Decider{Person: a.Principal.Person(), Name: a.Name, ACR: a.ACR, AMR: a.AMR, Proof: presence.Of(a), Session: a.Session}
}

func verdictOf(typed url.Values, which id.Card) (Verdict, *fault.Fault) {
	v := Verdict{Card: which, Digest: typed.Get("digest"), Reason: typed.Get("reason"), Action: typed.Get("action")}
	switch {
	case v.Action != "":
		for name, values := range typed {
			if field, ok := strings.CutPrefix(name, "input."); ok && len(values) > 0 && values[0] != "" {
				if v.Inputs == nil {
					v.Inputs = map[string]string{}
				}
				v.Inputs[field] = values[0]
			}
		}
	case typed.Get("decision") == "approve":
		v.Yes = true
	case typed.Get("decision") != "refuse":
		return v, fieldFault("decision", "field-wrong")
	}
	return v, nil
}

// showOne shows a card; bad and typed are of a decision that was refused.
func (r *Room) showOne(v *web.Visit, c Card, status int, bad *fault.Fault, typed url.Values) error {
	c, shown, err := r.current(v.Context(), c, v.Lang())
	if err != nil {
		return err
	}
	kept := url.Values(nil)
	if typed == nil {
		if kept, err = r.keptFor(v, c); err != nil {
			return err
		}
		typed = kept
	}
	page := r.view(v, c, typed)
	page.Page = shown.Page
	if kept != nil && bad == nil && kept.Get("digest") != c.Digest {
		bad = fault.New(fault.Conflict, "card-changed")
	}
	if bad != nil {
		page.Problem, page.Do = v.Say("problem."+bad.Code, bad.Args.Pairs()...), v.Say("problem."+bad.Code+".do", bad.Args.Pairs()...)
		for _, one := range bad.Fields {
			said := v.Say("problem."+one.Code, one.Args.Pairs()...)
			if page.Reason != nil && one.Path == page.Reason.Name {
				page.Reason.Error = said
			}
			for i := range page.Acts {
				for j := range page.Acts[i].Inputs {
					if page.Acts[i].ID == typed.Get("action") && page.Acts[i].Inputs[j].Name == one.Path {
						page.Acts[i].Inputs[j].Error = said
					}
				}
			}
		}
	}
	if err := r.standing(v, c, &page); err != nil {
		return err
	}
	if err := r.sayProof(v, c, shown, kept, &page); err != nil {
		return err
	}
	if shown.Whole && page.Decide {
		page.Decide, page.NeedText, page.NeedHref, page.NeedDo = false, v.Say("card.need.whole"), shown.Page, v.Say("card.page")
	}
	v.Crumb(v.Say("card.list"), ListPath)
	return v.ShowStatus(status, c.Sheet.Title, ui.ShowCard(page))
}

// view is what the card shows of the question.
func (r *Room) view(v *web.Visit, c Card, typed url.Values) ui.Card {
	s := c.Sheet
	page := ui.Card{
		Title: s.Title, Source: c.Label, Lines: s.Lines, Text: s.Text, URL: s.URL, Cut: s.Cut, Action: PathOf(c.ID), Digest: c.Digest,
		Here: PathOf(c.ID) + "?version=" + strconv.FormatInt(c.Version, 10), Topic: TopicOf(c.Person),
	}
	page.State, page.Kind = badge(v, c)
	fact := func(list *[]ui.Fact, key string, there bool, value templ.Component) {
		if there {
			*list = append(*list, ui.Fact{Key: v.Say("card." + key), Value: value})
		}
	}
	detail := s.Requester.Email
	if detail == "" || detail == s.requesterLine() {
		detail = s.Requester.NativeID
	}
	if detail == s.requesterLine() {
		detail = ""
	}
	fact(&page.Facts, "behalf", c.Behalf != "", webui.Text(partyName(s.Approver)))
	fact(&page.Facts, "requester", s.requesterLine() != "", ui.Party(s.requesterLine(), detail))
	fact(&page.Facts, "number", s.Number != "", webui.Text(s.Number))
	fact(&page.Facts, "amount", s.Amount.Value != "", ui.Amount(s.Amount.Value, s.Amount.Currency))
	fact(&page.Facts, "due-at", !s.Due.IsZero(), ui.Due(s.Due, late(v, c)))
	fact(&page.More, "stage", s.Stage != "", webui.Text(s.Stage))
	for i, f := range s.Fields {
		list := &page.More
		if i < s.Leading {
			list = &page.Facts
		}
		*list = append(*list, ui.Fact{Key: f.Label, Value: webui.Text(f.Value)})
	}
	fact(&page.More, "raised", true, webui.Time(c.Raised))
	if c.State == Open || c.State == Failed {
		r.offer(v, c, typed, &page)
	}
	return page
}

// offer is how the question can be decided here.
func (r *Room) offer(v *web.Visit, c Card, typed url.Values, page *ui.Card) {
	if len(c.Sheet.Actions) == 0 {
		page.Decide = true
		page.Reason = &webui.Input{
			Name: "reason", Label: v.Say("card.reason"), Kind: "textarea", Rows: 2, Max: ReasonMost, Value: typed.Get("reason"),
			Required: c.Sheet.Comment == connector.Always,
		}
		if c.Sheet.Comment == connector.OnReject {
			page.Reason.Hint = v.Say("card.reason.on-reject")
		}
	}
	for _, a := range c.Sheet.Actions {
		act := ui.Act{ID: a.ID, Label: a.Label, Primary: a.Primary, Done: c.spent(a)}
		if c.Kind == App && a.ID == SeenAction {
			act.Label = v.Say("card.seen")
		}
		if act.Done && a.Completed != "" {
			act.Label = a.Completed
		}
		switch a.Kind {
		case connector.Visit:
			act.Visit = a.URL
		case connector.Dismiss:
			continue
		}
		for _, in := range a.Inputs {
			act.Inputs = append(act.Inputs, inputOf(in, typed))
		}
		page.Acts = append(page.Acts, act)
	}
}

func inputOf(in connector.Input, typed url.Values) webui.Input {
	field := webui.Input{Name: "input." + in.ID, Label: in.Label, Required: in.Min > 0, Max: in.Max, Value: typed.Get("input." + in.ID)}
	switch {
	case len(in.Options) > 0:
		field.Kind = "select"
		if in.Min == 0 {
			field.Options = []webui.Option{{}}
		}
		for _, o := range in.Options {
			field.Options = append(field.Options, webui.Option{Value: o.Value, Text: o.Label})
		}
	case in.Format == "number", in.Format == "date":
		field.Kind = in.Format
	case in.Max > 200:
		field.Kind = "textarea"
	}
	return field
}

// standing says what became of the question, how far a decision is, and what is
// missing to decide here.
func (r *Room) standing(v *web.Visit, c Card, page *ui.Card) error {
	page.Said = c.Said
	switch c.State {
	case Open:
		if c.Why != "" {
			page.Sentence = v.Say("card.says.changed")
		}
	case Failed:
		page.Sentence = v.Say("card.says.failed." + failureWord(c.Why))
		if c.Behalf != "" && (c.Why == string(connector.Forbidden) || c.Why == string(connector.NotApplied)) {
			page.Sentence = v.Say("card.says.failed.stand-in", "source", c.Label, "name", partyName(c.Sheet.Approver))
		}
	case Superseded:
		page.Sentence = v.Say("card.says.superseded")
		if c.Other != "" {
			page.Sentence = v.Say("card.says.superseded.by", "name", c.Other)
		}
	case Deciding:
		return r.underWay(v, c, page)
	default:
		page.Sentence = v.Say("card.says." + string(c.State))
	}
	if c.State == Applied {
		page.Sentence = v.Say("card.says.applied", "source", c.Label)
		if c.Kind == App {
			page.Sentence = toldApp(v, c)
		}
		page.Seal = seal(v, c)
	}
	return r.connect(v, c, page)
}

func seal(v *web.Visit, c Card) *webui.Decision {
	if c.DecidedAt.IsZero() || c.Decision != string(connector.Approve) && c.Decision != string(connector.Reject) {
		return nil
	}
	return &webui.Decision{Name: v.Actor().Name, At: c.DecidedAt, Method: method(v, c.AMR), Refused: c.Decision == string(connector.Reject)}
}

// method is how somebody was sure to be themself, in a word (RFC 8176 §2).
func method(v *web.Visit, amr []string) string {
	for _, one := range []struct{ amr, method string }{{"pop", "passkey"}, {"otp", "totp"}, {"pwd", "password"}} {
		if slices.Contains(amr, one.amr) {
			return v.Say("signin.method." + one.method)
		}
	}
	return ""
}

// failures are the kinds of problems that have a sentence of their own.
var failures = map[string]bool{
	"unauthorized": true, "forbidden": true, "notApplied": true, "invalid": true, "ambiguousUser": true, "noSuchUser": true, whyGivenUp: true, whyUnread: true,
	"refused": true, "blocked": true, "gone": true, // of apps
}

func failureWord(why string) string {
	if failures[why] {
		return strings.ToLower(why)
	}
	return "other"
}

// underWay says how long a decision waits, and for what.
func (r *Room) underWay(v *web.Visit, c Card, page *ui.Card) error {
	w, err := r.WayOf(v.Context(), c)
	if err != nil {
		return err
	}
	says := "card.says.deciding"
	if c.Kind == App {
		says = "card.says.telling"
	}
	page.Sentence = v.Say(says, "source", c.Label, "decision", v.Say("card.decision."+decisionWord(c.Decision)))
	switch {
	case w.Stuck, w.Skipped:
		page.Way = v.Say("card.way.stuck")
	case w.Why != "":
		page.Way = v.Say("card.way.waits", "source", c.Label, "when", webui.Relative(v.Context(), w.Since))
	}
	return nil
}

func decisionWord(decision string) string {
	if strings.HasPrefix(decision, actionMark) {
		return "action"
	}
	return decision
}
