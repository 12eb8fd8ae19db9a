package approval

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/approval/ui"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/presence"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// find shows an ask of the path to the reader: in which of their organizations
// it is they need not know.
func (h asks) find(v *web.Visit) (who id.Person, s request.Sheet, err error) {
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

func (h asks) showAsk(v *web.Visit) error {
	v.Follow(request.TopicOf(id.Ask(v.Path("ask"))))
	who, s, err := h.find(v)
	if err != nil {
		return err
	}
	if seen := v.Query("seen"); seen != "" && v.Request().Header.Get("HX-Request") == "true" && seen == seenOf(s) {
		v.Writer().WriteHeader(http.StatusNoContent) // what is typed stays
		return nil
	}
	return h.keptPage(v, who, s)
}

// keptPage is the page of an ask with what the reader typed before they went to
// prove who they are.
func (h asks) keptPage(v *web.Visit, who id.Person, s request.Sheet) error {
	page := h.shown(v, who, s, nil)
	if page.Decide == nil {
		return v.Show(page.Title, ui.ShowAsk(page))
	}
	kept, err := h.Presence.Kept(v.Context(), who, v.Actor().Session, s.Ask.Thing())
	if err != nil {
		return err
	}
	if kept != nil && kept.Get("digest") != s.Digest {
		page = h.shown(v, who, s, fault.New(fault.Conflict, "ask-changed"))
	}
	page.Decide.Reason, page.Decide.Hours, page.Decide.Kept = kept.Get("reason"), kept.Get("shorter"), kept != nil
	page.Decide.Proof, page.Decide.ProofHref = presence.Said(v, s.Demand, kept != nil)
	return v.Show(page.Title, ui.ShowAsk(page))
}

// proveFirst keeps what was typed and leads to where people prove who they are;
// nothing is decided.
func (h asks) proveFirst(v *web.Visit, who id.Person, s request.Sheet, typed url.Values, f *fault.Fault) error {
	if err := h.Presence.Keep(v.Context(), who, v.Actor().Session, s.Ask.Thing(), typed); err != nil {
		return err
	}
	return v.See(presence.Again(f, request.Path+"/"+string(s.Ask.ID)))
}

// seenOf is what the forms of an ask are about.
func seenOf(s request.Sheet) string {
	offered := "0"
	if s.CanDecide {
		offered = "1"
	}
	return string(s.Ask.State) + offered + s.Digest[:min(len(s.Digest), 16)]
}

// sheetPage is the page of an ask; f is why what was just tried was refused.
func (h asks) sheetPage(v *web.Visit, who id.Person, s request.Sheet, f *fault.Fault, typed string, status int) error {
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
func (h asks) shown(v *web.Visit, who id.Person, s request.Sheet, f *fault.Fault) ui.Ask {
	a := s.Ask
	page := ui.Ask{
		Title: a.Title, Lead: v.Say("ask.asks", "requester", s.Asks(v.Say)), Badge: stateOf(v, a), Kind: badgeKind(a),
		Here: request.Path + "/" + string(a.ID), Topic: request.TopicOf(a.ID), Seen: seenOf(s), Facts: h.sheetFacts(v, s), Benches: h.benchesOf(v, s), Steps: h.timeline(v, s), Saved: done(v),
	}
	if c, held := a.Change(); held {
		page.Lead, page.Lines = v.Say("ask.held.lead", "requester", s.Asks(v.Say)), heldLines(c)
	}
	if f != nil {
		page.Problem, page.Do = v.Say("problem."+f.Code, f.Args.Pairs()...), v.Say("problem."+f.Code+".do", f.Args.Pairs()...)
		page.Saved = ""
	}
	deciding := a.State == request.Open || a.Review == request.ReviewDue
	if s.Trouble != nil && (a.State == request.Open || a.State == request.Approved) {
		page.Trouble = v.Say("problem."+s.Trouble.Code, s.Trouble.Args.Pairs()...)
	}
	path := request.Path + "/" + string(a.ID)
	if s.CanDecide {
		page.Decide = &ui.Decide{Action: path + "/decide", Digest: s.Digest, Review: a.Review == request.ReviewDue}
		if a.Review != request.ReviewDue && s.Target.Lent {
			page.Decide.Shorter = shorter(v, a.Length)
		}
	} else if deciding && s.Not != nil {
		page.Not = v.Say("problem." + s.Not.Code)
	}
	if a.State == request.Open && (s.Mine || s.CanDecide) {
		page.Say = &ui.Say{Action: path + "/say", Label: v.Say("ask.say.question")}
		if s.Mine {
			page.Say.Label = v.Say("ask.say.answer")
		}
	}
	if s.Mine && (a.State == request.Open || a.State == request.Approved) {
		page.Withdraw = path + "/withdraw"
	}
	if who == a.For && a.State == request.Released && s.Lease.State == lease.Out {
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
			all = append(all, webui.Option{Value: hoursOf(d), Text: lasts(v, d)})
		}
	}
	if len(all) == 1 {
		return nil
	}
	return all
}

// sheetFacts are what is asked, with target and duration first (A128).
func (h asks) sheetFacts(v *web.Visit, s request.Sheet) (all []webui.Detail) {
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
		length := lasts(v, a.Length)
		if a.Asked > 0 {
			length = v.Say("ask.length.instead", "length", length, "asked", lasts(v, time.Duration(a.Asked)*time.Second))
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
	if a.Ticket.Number != "" {
		all = append(all, ticketFact(v, a.Ticket))
	}
	if names := ownersLine(v, s); names != "" {
		add("ask.owners", names)
	}
	add("ask.about", s.Target.About)
	if !a.From.IsZero() {
		all = append(all, webui.Detail{Key: v.Say("ask.from"), Value: webui.Time(a.From)})
	}
	if !a.Until.IsZero() {
		all = append(all, webui.Detail{Key: v.Say("ask.until"), Value: webui.Time(a.Until)})
	}
	if a.State == request.Open {
		all = append(all, webui.Detail{Key: v.Say("ask.due"), Value: webui.Ago(a.Due)})
	}
	for _, fact := range s.Target.Facts {
		add(fact.Key, fact.Value)
	}
	return all
}

// ticketFact is the outside ticket that an ask names.
func ticketFact(v *web.Visit, t request.Ticket) webui.Detail {
	text := t.Label + " " + t.Number
	if t.Title != "" {
		text += " — " + t.Title
	}
	if t.Unread {
		text = v.Say("ask.ticket.unread", "ticket", text)
	}
	return webui.Detail{Key: v.Say("ask.ticket"), Value: webui.Text(text)}
}

func ownersLine(v *web.Visit, s request.Sheet) string {
	var names []string
	for _, who := range s.Target.Owners {
		if name := s.People[who].Name; name != "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, v.Say("ask.comma"))
}

// benchesOf says who may decide, stage by stage.
func (h asks) benchesOf(v *web.Visit, s request.Sheet) (all []ui.Bench) {
	for i, b := range s.Stages {
		one := ui.Bench{Title: b.Title}
		if one.Title == "" {
			one.Title = v.Say("ask.stage", "n", strconv.Itoa(i+1))
		}
		switch {
		case b.Approved && s.Ask.ID != "":
			one.State, one.Kind = v.Say("ask.stage.approved"), "good"
		case s.Ask.State == request.Open && i == s.Ask.Stage && s.Ask.ID != "":
			one.State, one.Kind = v.Say("ask.stage.now"), "wait"
		}
		for _, g := range b.Groups {
			one.Groups = append(one.Groups, seatsLine(v, g))
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

// seatsLine says who may decide for a group, and how many of them have to.
func seatsLine(v *web.Visit, g request.Seats) string {
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
func (h asks) timeline(v *web.Visit, s request.Sheet) (all []webui.Step) {
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
			one.Text = v.Say("ask.length") + ": " + lasts(v, d)
		}
		if rule := step.More["rule"]; rule != "" {
			one.Text = v.Say("ask.rule", "rule", rule)
		}
		if step.Name == request.StepApproved || step.Name == request.StepRefused || step.Name == request.StepReviewed {
			one.Seal = &webui.Decision{Name: by, At: step.At, Refused: step.Name == request.StepRefused || step.More["review"] == string(request.ReviewWrong)}
		}
		if state := s.Told[step.Seq]; state != "" {
			one.Note = v.Say("ask.told."+string(state), "system", s.Ask.Ticket.Label)
		}
		if logs {
			one.Href = "/admin/audit?" + url.Values{"target": {s.Ask.Thing()}}.Encode()
		}
		all = append(all, one)
	}
	return all
}

func (h asks) saveDecision(v *web.Visit) error {
	v.Follow(request.TopicOf(id.Ask(v.Path("ask"))))
	who, s, err := h.find(v)
	if err != nil {
		return err
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	d := request.Verdict{Org: s.Ask.Org, Ask: s.Ask.ID, Approve: typed.Get("decision") == "approve", Digest: typed.Get("digest"), Reason: strings.TrimSpace(typed.Get("reason"))}
	if text := typed.Get("shorter"); text != "" && d.Approve {
		hours, err := strconv.ParseFloat(text, 64)
		if err != nil || hours <= 0 || hours > request.LengthMost.Hours() {
			return fault.New(fault.Invalid, "decision-not-shorter")
		}
		d.Shorter = time.Duration(hours * float64(time.Hour)).Truncate(time.Second)
	}
	_, err = h.Decide(v.Context(), request.Decider{Person: who, Proof: presence.Of(v.Actor())}, d)
	if f := fault.As(err); f != nil && f.Code == web.StepUp {
		return h.proveFirst(v, who, s, typed, f)
	}
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
	if typed.Get("kept") != "" && h.Presence != nil {
		if err := h.Presence.Done(v.Context(), who, s.Ask.Thing()); err != nil {
			return err
		}
	}
	return v.See(request.Path + "/" + string(s.Ask.ID) + "?done=decided")
}

func (h asks) saveSaid(v *web.Visit) error {
	v.Follow(request.TopicOf(id.Ask(v.Path("ask"))))
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
	return v.See(request.Path + "/" + string(s.Ask.ID) + "?done=said")
}

// unsaid shows the ask again with what was typed and why it was not taken.
func (h asks) unsaid(v *web.Visit, who id.Person, s request.Sheet, f *fault.Fault, text string) error {
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

func (h asks) saveWithdrawn(v *web.Visit) error {
	who, s, err := h.find(v)
	if err != nil {
		return err
	}
	if _, err := h.Withdraw(v.Context(), who, s.Ask.Org, s.Ask.ID); err != nil {
		return err
	}
	return v.See(request.Path + "/" + string(s.Ask.ID) + "?done=withdrawn")
}

func (h asks) saveGivenBack(v *web.Visit) error {
	who, err := present(v.Actor())
	if err != nil {
		return err
	}
	if _, err := h.GiveBack(v.Context(), who, id.Org(v.Query("org")), id.Lease(v.Path("lease"))); err != nil {
		return err
	}
	return v.See(request.Path + "?done=given-back")
}
