package request

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/request/ui"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// find shows an ask of the path to the reader: in which of their organizations
// it is they need not know.
func (h *Hall) find(v *web.Visit) (who id.Person, s Sheet, err error) {
	who, orgs, err := h.mine(v)
	if err != nil {
		return who, s, err
	}
	err = errNoAsk
	for _, o := range orgs {
		if s, err = h.Show(v.Context(), id.Org(o.Value), id.Ask(v.Path("ask")), who); fault.Code(err) != errNoAsk.Code {
			break
		}
	}
	if fault.Code(err) != errNoAsk.Code {
		return who, s, err
	}
	in, err := h.OrgOf(v.Context(), who, id.Ask(v.Path("ask"))) // whoever decides may act from above
	if err == nil {
		s, err = h.Show(v.Context(), in, id.Ask(v.Path("ask")), who)
	}
	return who, s, err
}

func (h *Hall) showAsk(v *web.Visit) error {
	who, s, err := h.find(v)
	if err != nil {
		return err
	}
	return h.sheetPage(v, who, s, nil, "", 200)
}

// sheetPage is the page of an ask; f is why what was just tried was refused.
func (h *Hall) sheetPage(v *web.Visit, who id.Person, s Sheet, f *fault.Fault, typed string, status int) error {
	page := h.shown(v, who, s, f)
	if page.Decide != nil {
		page.Decide.Reason = typed
		if f != nil && len(f.Fields) > 0 {
			page.Decide.ReasonError = v.Say("problem."+f.Fields[0].Code, f.Fields[0].Args.Pairs()...)
		}
	}
	return v.ShowStatus(status, page.Title, ui.ShowAsk(page))
}

// shown is the page of an ask, with what was refused.
func (h *Hall) shown(v *web.Visit, who id.Person, s Sheet, f *fault.Fault) ui.Ask {
	a := s.Ask
	page := ui.Ask{
		Title: a.Title, Lead: v.Say("ask.asks", "requester", s.Asks(v.Say)), Badge: stateOf(v, a), Kind: badgeKind(a),
		Facts: h.sheetFacts(v, s), Benches: h.benchesOf(v, s), Steps: h.timeline(v, s), Saved: done(v),
	}
	if c, held := a.Change(); held {
		page.Lead, page.Lines = v.Say("ask.held.lead", "requester", s.Asks(v.Say), "sort", v.Say("change.sort."+c.Sort)), heldLines(c)
	}
	if f != nil {
		page.Problem, page.Do = v.Say("problem."+f.Code, f.Args.Pairs()...), v.Say("problem."+f.Code+".do", f.Args.Pairs()...)
		page.Saved = ""
	}
	deciding := a.State == Open || a.Review == ReviewDue
	if s.Trouble != nil && (a.State == Open || a.State == Approved) {
		page.Trouble = v.Say("problem."+s.Trouble.Code, s.Trouble.Args.Pairs()...)
	}
	path := Path + "/" + string(a.ID)
	if s.CanDecide {
		page.Decide = &ui.Decide{Action: path + "/decide", Digest: s.Digest, Review: a.Review == ReviewDue}
		if a.Review != ReviewDue && s.Target.Lent {
			page.Decide.Shorter = shorter(v, a.Length)
		}
	} else if deciding && s.Not != nil {
		page.Not = v.Say("problem." + s.Not.Code)
	}
	if a.State == Open && (s.Mine || s.CanDecide) {
		page.Say = &ui.Say{Action: path + "/say", Label: v.Say("ask.say.question")}
		if s.Mine {
			page.Say.Label = v.Say("ask.say.answer")
		}
	}
	if s.Mine && (a.State == Open || a.State == Approved) {
		page.Withdraw = path + "/withdraw"
	}
	if who == a.For && a.State == Released && s.Lease.State == lease.Out {
		page.GiveBack = "/leases/" + string(a.Lease) + "/give-back?org=" + url.QueryEscape(string(a.Org))
		if !s.Lease.Until.IsZero() {
			page.Extend = newPath(a.Org, a.Kind, a.Target, url.Values{"extends": {string(a.Lease)}, "reason": {a.Reason}})
		}
	}
	if who == a.Person && a.State.Ended() && a.Held == nil {
		page.Repeat = newPath(a.Org, a.Kind, a.Target, url.Values{"reason": {a.Reason}, "hours": {hoursOf(a.Length)}})
	}
	return page
}

// shorter are the lengths that are less than what was asked for.
func shorter(v *web.Visit, asked time.Duration) []webui.Option {
	all := []webui.Option{{Value: "", Text: v.Say("ask.decide.as-asked")}}
	for _, d := range offered {
		if asked == 0 || d < asked {
			all = append(all, webui.Option{Value: hoursOf(d), Text: Lasts(v, d)})
		}
	}
	if len(all) == 1 {
		return nil
	}
	return all
}

// sheetFacts are what is asked, with target and duration first (A128).
func (h *Hall) sheetFacts(v *web.Visit, s Sheet) (all []webui.Detail) {
	a := s.Ask
	add := func(key, text string) {
		if text != "" {
			all = append(all, webui.Detail{Key: v.Say(key), Value: webui.Text(text)})
		}
	}
	if c, held := a.Change(); held {
		add("ask.kind", v.Say("change.sort."+c.Sort))
		add("ask.target", s.Target.Title)
		add("ask.by", s.Asks(v.Say))
	} else {
		add("ask.target", s.Target.Title+" ("+v.Say("ask.kind."+a.Kind)+")")
	}
	if s.Target.Lent || a.Length > 0 {
		length := Lasts(v, a.Length)
		if a.Asked > 0 {
			length = v.Say("ask.length.instead", "length", length, "asked", Lasts(v, time.Duration(a.Asked)*time.Second))
		}
		add("ask.length", length)
	}
	if len(a.Held) == 0 {
		add("ask.for-whom", s.Beneficiary.Name+" ("+s.Beneficiary.Login+")")
	}
	if a.Person != a.For {
		add("ask.by", s.Requester.Name+" ("+s.Requester.Login+")")
	}
	add("ask.org", s.Org.Title)
	add("ask.reason", a.Reason)
	if !a.From.IsZero() {
		all = append(all, webui.Detail{Key: v.Say("ask.from"), Value: webui.Time(a.From)})
	}
	if !a.Until.IsZero() {
		all = append(all, webui.Detail{Key: v.Say("ask.until"), Value: webui.Time(a.Until)})
	}
	if a.State == Open {
		all = append(all, webui.Detail{Key: v.Say("ask.due"), Value: webui.Ago(a.Due)})
	}
	for _, fact := range s.Target.Facts {
		add(fact.Key, fact.Value)
	}
	return all
}

// benchesOf says who may decide, stage by stage.
func (h *Hall) benchesOf(v *web.Visit, s Sheet) (all []ui.Bench) {
	for i, b := range s.Stages {
		one := ui.Bench{Title: b.Title}
		if one.Title == "" {
			one.Title = v.Say("ask.stage", "n", strconv.Itoa(i+1))
		}
		switch {
		case b.Approved && s.Ask.ID != "":
			one.State, one.Kind = v.Say("ask.stage.approved"), "good"
		case s.Ask.State == Open && i == s.Ask.Stage && s.Ask.ID != "":
			one.State, one.Kind = v.Say("ask.stage.now"), "wait"
		}
		for _, g := range b.Groups {
			one.Groups = append(one.Groups, SeatsLine(v, g))
		}
		if b.Any && len(b.Groups) > 1 {
			one.Groups = append(one.Groups, v.Say("ask.stage.any"))
		}
		all = append(all, one)
	}
	return all
}

// mostNamed bounds how many of a group are named.
const mostNamed = 8

// SeatsLine says who may decide for a group, and how many of them have to.
func SeatsLine(v *web.Visit, g Seats) string {
	var names []string
	for i, w := range g.Who {
		if i == mostNamed {
			names = append(names, v.Say("ask.more", "n", strconv.Itoa(len(g.Who)-mostNamed)))
			break
		}
		name := w.Name
		for _, d := range g.Delegates[w.ID] {
			name = v.Say("ask.delegate", "person", name, "delegate", d.Name)
		}
		names = append(names, name)
	}
	return v.Say("ask.need", "need", strconv.Itoa(g.Need), "names", strings.Join(names, v.Say("ask.comma")))
}

// timeline is what happened, with a seal for each decision and the way to its
// record for who may read the log.
func (h *Hall) timeline(v *web.Visit, s Sheet) (all []webui.Step) {
	logs := v.May("audit.read", "") == nil
	for _, step := range s.Thread {
		one := webui.Step{Title: v.Say("ask.step." + step.Name), Text: step.Text, At: step.At}
		by := s.People[step.By.Person()].Name
		if step.By.Kind() == id.KindLocal {
			by = v.Say("ask.by.machine", "user", string(step.By))
		}
		if by != "" {
			one.Title = v.Say("ask.step.by", "who", by, "step", one.Title)
		}
		if step.As != "" {
			one.Title = v.Say("ask.step.as", "who", s.People[step.As].Name, "step", one.Title)
		}
		if d, err := time.ParseDuration(step.More["length"]); err == nil {
			one.Text = v.Say("ask.length") + ": " + Lasts(v, d)
		}
		if rule := step.More["rule"]; rule != "" {
			one.Text = v.Say("ask.rule", "rule", rule)
		}
		if step.Name == StepApproved || step.Name == StepRefused || step.Name == StepReviewed {
			one.Seal = &webui.Decision{Name: by, At: step.At, Refused: step.Name == StepRefused || step.More["review"] == string(ReviewWrong)}
		}
		if logs {
			one.Href = "/admin/audit?" + url.Values{"target": {s.Ask.Thing()}}.Encode()
		}
		all = append(all, one)
	}
	return all
}

func (h *Hall) saveDecision(v *web.Visit) error {
	who, s, err := h.find(v)
	if err != nil {
		return err
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	d := Verdict{Org: s.Ask.Org, Ask: s.Ask.ID, Approve: typed.Get("decision") == "approve", Digest: typed.Get("digest"), Reason: strings.TrimSpace(typed.Get("reason"))}
	if text := typed.Get("shorter"); text != "" && d.Approve {
		hours, err := strconv.ParseFloat(text, 64)
		if err != nil || hours <= 0 || hours > daysMost.Hours() {
			return fault.New(fault.Invalid, "decision-not-shorter")
		}
		d.Shorter = time.Duration(hours * float64(time.Hour)).Truncate(time.Second)
	}
	_, err = h.Decide(v.Context(), Decider{who}, d)
	if f := fault.As(err); f != nil && slices.Contains([]fault.Kind{fault.Conflict, fault.Invalid, fault.Unmet, fault.Forbidden}, f.Kind) {
		now, err := h.Show(v.Context(), s.Ask.Org, s.Ask.ID, who)
		if err != nil {
			return f
		}
		return h.sheetPage(v, who, now, f, d.Reason, f.Status())
	}
	if err != nil {
		return err
	}
	return v.See(Path + "/" + string(s.Ask.ID) + "?done=decided")
}

func (h *Hall) saveSaid(v *web.Visit) error {
	who, s, err := h.find(v)
	if err != nil {
		return err
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	text := strings.TrimSpace(typed.Get("text"))
	_, err = h.Say(v.Context(), who, s.Ask.Org, s.Ask.ID, text)
	if f := fault.As(err); f != nil && slices.Contains([]fault.Kind{fault.Conflict, fault.Invalid, fault.Unmet}, f.Kind) {
		return h.unsaid(v, who, s, f, text)
	}
	if err != nil {
		return err
	}
	return v.See(Path + "/" + string(s.Ask.ID) + "?done=said")
}

// unsaid shows the ask again with what was typed and why it was not taken.
func (h *Hall) unsaid(v *web.Visit, who id.Person, s Sheet, f *fault.Fault, text string) error {
	now, err := h.Show(v.Context(), s.Ask.Org, s.Ask.ID, who)
	if err != nil {
		return f
	}
	page := h.shown(v, who, now, f)
	if page.Say != nil {
		page.Say.Text = text
		if len(f.Fields) > 0 {
			page.Say.Error = v.Say("problem."+f.Fields[0].Code, f.Fields[0].Args.Pairs()...)
		}
	}
	return v.ShowStatus(f.Status(), page.Title, ui.ShowAsk(page))
}

func (h *Hall) saveWithdrawn(v *web.Visit) error {
	who, s, err := h.find(v)
	if err != nil {
		return err
	}
	if _, err := h.Withdraw(v.Context(), who, s.Ask.Org, s.Ask.ID); err != nil {
		return err
	}
	return v.See(Path + "/" + string(s.Ask.ID) + "?done=withdrawn")
}

func (h *Hall) saveGivenBack(v *web.Visit) error {
	who, err := Present(v.Actor())
	if err != nil {
		return err
	}
	if _, err := h.GiveBack(v.Context(), who, id.Org(v.Query("org")), id.Lease(v.Path("lease"))); err != nil {
		return err
	}
	return v.See(Path + "?done=given-back")
}
