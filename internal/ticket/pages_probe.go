package ticket

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/ticket/ui"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// showProbe is the test screen before anything was asked.
func (r *Room) showProbe(v *web.Visit) error {
	s, err := r.theSystem(v)
	if err != nil {
		return err
	}
	return v.Show(v.Say("ticket.probe"), ui.ShowProbe(probePage(v, s, "")))
}

func probePage(v *web.Visit, s connector.System, which string) ui.Probe {
	return ui.Probe{
		Heading: v.Say("ticket.probe.of", "name", s.Shown()), Lead: v.Say("ticket.probe.lead." + s.Mode), Action: pathOf(s.ID, "test"), Back: pathOf(s.ID),
		Ticket: webui.Input{Name: "ticket", Label: v.Say("ticket.probe.ticket"), Hint: v.Say("ticket.probe.ticket.hint"), Value: which, Max: 200},
	}
}

// runProbe asks, and shows what was said. In user mode it is the connection of
// whoever tests.
func (r *Room) runProbe(v *web.Visit) error {
	s, err := r.theSystem(v)
	if err != nil {
		return err
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	which := strings.TrimSpace(typed.Get("ticket"))
	o, err := r.Probe(v.Context(), v.Actor().Principal, s.Org, s.ID, which)
	if err != nil {
		return err
	}
	page := probePage(v, s, which)
	page.Asked, page.Fine, page.Raw = true, v.Say("ticket.probe.fine"), o.Raw
	if o.Fault != nil {
		page.Problem, page.Do = v.Say("problem."+o.Fault.Code, o.Fault.Args.Pairs()...), v.Say("problem."+o.Fault.Code+".do", o.Fault.Args.Pairs()...)
	}
	if o.Ahead != 0 {
		page.Clock, page.ClockDo = v.Say("ticket.probe.clock."+ahead(o.Ahead), "span", spanText(v, o.Ahead.Abs())), v.Say("ticket.probe.clock.do")
	}
	if who := o.Account; who.NativeID != "" {
		page.Facts = append(page.Facts, webui.Detail{Key: v.Say("ticket.account"), Value: webui.Text(accountText(who))})
	}
	if o.Ticket != nil {
		page.Facts = append(page.Facts, ticketFacts(v, *o.Ticket)...)
	}
	for _, e := range o.Trace {
		page.Trace = append(page.Trace, callOf(v, e))
	}
	return v.Show(v.Say("ticket.probe"), ui.ShowProbe(page))
}

// ahead says in which of two words a clock differs.
func ahead(by time.Duration) string {
	if by > 0 {
		return "ahead"
	}
	return "behind"
}

// spanText is how far two clocks are apart, in minutes, and from two hours on in
// hours.
func spanText(v *web.Visit, d time.Duration) string {
	if hours := int64(d / time.Hour); hours >= 2 {
		return v.Say("ticket.probe.clock.hours", "count", hours)
	}
	return v.Say("ticket.probe.clock.minutes", "count", int64(d/time.Minute))
}

func accountText(p connector.Party) string {
	var all []string
	for _, text := range []string{p.Name, p.Email, p.NativeID} {
		if text != "" {
			all = append(all, text)
		}
	}
	return strings.Join(all, " · ")
}

// ticketFacts are a ticket in our words.
func ticketFacts(v *web.Visit, t connector.Ticket) (all []webui.Detail) {
	add := func(key, text string) {
		if text != "" {
			all = append(all, webui.Detail{Key: v.Say("ticket.of." + key), Value: webui.Text(text)})
		}
	}
	add("id", t.ID)
	add("title", t.Title)
	add("state", v.Say("ticket.of.state."+string(t.State)))
	add("native", t.NativeState)
	add("type", t.Type)
	add("requester", accountText(t.Requester))
	add("assignee", accountText(t.Assignee))
	add("assets", strings.Join(t.Assets, ", "))
	if t.Priority > 0 {
		add("priority", strconv.Itoa(t.Priority))
	}
	if !t.Window.Start.IsZero() {
		all = append(all, webui.Detail{Key: v.Say("ticket.of.from"), Value: webui.Time(t.Window.Start)})
	}
	if !t.Window.End.IsZero() {
		all = append(all, webui.Detail{Key: v.Say("ticket.of.until"), Value: webui.Time(t.Window.End)})
	}
	add("depends", strings.Join(t.DependsOn, ", "))
	add("url", t.URL)
	return all
}

func callOf(v *web.Visit, e connector.Exchange) ui.Call {
	status := v.Say("ticket.probe.no-answer")
	if e.Status != 0 {
		status = strconv.Itoa(e.Status)
	}
	if e.Fault != "" {
		status += " · " + e.Fault
	}
	return ui.Call{Step: e.Step, Method: e.Method, URL: e.URL, Status: status, Took: fmt.Sprintf("%d ms", e.Millis), Sent: e.Sent, Got: e.Got}
}

// serve connects the organization by the credential that stands in the system.
func (r *Room) serve(v *web.Visit) error {
	s, err := r.theSystem(v)
	if err != nil {
		return err
	}
	if _, err := r.desk.Serve(v.Context(), v.Actor().Principal, s.Org, s.ID); err != nil {
		return err
	}
	return v.See(pathOf(s.ID) + "?done=authorized")
}

// disconnect ends the organization's own connection.
func (r *Room) disconnect(v *web.Visit) error {
	s, err := r.theSystem(v)
	if err != nil {
		return err
	}
	if err := r.desk.Disconnect(v.Context(), v.Actor().Principal, s.Org, s.ID, ""); err != nil {
		return err
	}
	return v.See(pathOf(s.ID) + "?done=disconnected")
}
