package card

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/store"
)

const driverName = "card.decide"

// Driver brings decisions to outside systems. Its probe asks the system for the
// question by its own name. A definite no is an end too: the card says it, and
// the line goes on. What is not there or asks to wait keeps the decision queued.
func (r *Room) Driver() job.Driver {
	return job.Driver{
		Name: driverName, Timeout: r.Timeout, Fence: r.Timeout + r.Reach, Do: r.do, Probe: r.probe, Then: r.then,
	}
}

// outcome is how a decision ended, as the effect keeps it.
type outcome struct {
	State State          `json:"state"`
	Why   connector.Kind `json:"why,omitempty"`
	Said  string         `json:"said,omitempty"`
	Other string         `json:"other,omitempty"`
	Sheet *Sheet         `json:"sheet,omitempty"` // the question as it is now, of one that is open again
}

func (o outcome) json() (json.RawMessage, error) { return json.Marshal(o) }

// do is one try: read first, send only what is still asked and still what was
// shown, and read back.
func (r *Room) do(ctx context.Context, e job.Effect) (json.RawMessage, error) {
	p, session, err := r.session(ctx, e)
	if err != nil {
		return unsent(err)
	}
	before, err := session.Approval(ctx, p.Backend)
	if connector.KindOf(err) == connector.NotFound && p.For != "" {
		return p.standInRefused(outcome{State: Withdrawn, Why: connector.NotFound}).json()
	}
	if err != nil {
		return unsent(err)
	}
	if o, over := p.judge(before); over {
		return o.json()
	}
	if sheet := sheetOf(before); sheet.Digest(p.Card) != p.Digest {
		return outcome{State: Open, Why: connector.Conflict, Sheet: &sheet}.json()
	}
	if err := p.send(ctx, session, e.Marker()); err != nil {
		return p.afterError(ctx, session, err)
	}
	after, err := session.Approval(ctx, p.Backend)
	if connector.KindOf(err) == connector.NotFound && p.action() != "" {
		return outcome{State: Applied}.json()
	}
	if err != nil {
		return nil, fmt.Errorf("card: sent, and not read back: %w", err)
	}
	return p.result(after, connector.NotApplied, "").json()
}

// session opens the system as the person for whom it was decided.
func (r *Room) session(ctx context.Context, e job.Effect) (p payload, s Session, err error) {
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		return p, nil, err
	}
	if r.Systems == nil {
		return p, nil, &connector.Problem{Kind: connector.Unavailable}
	}
	t, err := r.Systems.Tie(ctx, e.Org, p.System, p.Person)
	switch {
	case err != nil:
		return p, nil, err
	case !t.On:
		return p, nil, &connector.Problem{Kind: connector.Unauthorized}
	case t.Native.NativeID != p.Native:
		return p, nil, &connector.Problem{Kind: connector.Forbidden}
	}
	s, err = r.Systems.Open(ctx, t)
	return p, s, err
}

// unsent is the end of a try before anything was sent: what may pass waits, and
// the rest is said on the card.
func unsent(err error) (json.RawMessage, error) {
	var problem *connector.Problem
	if !errors.As(err, &problem) {
		return nil, &job.Away{Err: err} // our own trouble
	}
	switch problem.Kind {
	case connector.Unavailable, connector.Throttled:
		return nil, &job.Away{After: problem.RetryAfter, Err: err}
	case connector.NotFound:
		return outcome{State: Withdrawn, Why: problem.Kind}.json()
	}
	o := failed(problem)
	if o.Why == connector.Invalid || o.Why == connector.Failed {
		o.Why = whyUnread
	}
	return o.json()
}

// whyUnread is what a decision ends with whose question could not be read before
// it: nothing was sent.
const whyUnread = "unread"

func failed(p *connector.Problem) outcome {
	var w washer
	if f := fault.As(p); f != nil && p.Message == f.Code {
		return outcome{State: Failed, Why: p.Kind} // a code says nothing to a reader
	}
	return outcome{State: Failed, Why: p.Kind, Said: w.line(p.Message)}
}

func (p payload) action() string {
	if action, ok := strings.CutPrefix(p.Decision, actionMark); ok {
		return action
	}
	return ""
}

func (p payload) send(ctx context.Context, s Session, marker string) error {
	if action := p.action(); action != "" {
		return s.Act(ctx, p.Backend, action, p.Inputs)
	}
	return s.Decide(ctx, connector.Verdict{ID: p.Backend, Decision: connector.Decision(p.Decision), Comment: p.Comment, Marker: marker})
}

// judge says how a question ended that is not asked any more, and refuses one
// that is put to another account.
func (p payload) judge(a connector.Approval) (o outcome, over bool) {
	var w washer
	other := w.line(partyName(a.DecidedBy))
	switch {
	case a.State == connector.Pending:
		if a.Approver.NativeID != "" && !slices.Contains(p.others(), a.Approver.NativeID) {
			return outcome{State: Failed, Why: connector.Forbidden}, true
		}
		return o, false
	case a.State == connector.Cancelled || a.State == connector.Closed:
		return outcome{State: Withdrawn}, true
	case a.State == connector.Unmapped:
		return outcome{State: Failed, Why: connector.Invalid}, true
	case string(a.State) == p.Decision && !p.byOther(a):
		return outcome{State: Applied}, true
	}
	return outcome{State: Superseded, Other: other}, true
}

// byOther reports whether the system names somebody else as who decided.
func (p payload) byOther(a connector.Approval) bool {
	return a.DecidedBy.NativeID != "" && !slices.Contains(p.others(), a.DecidedBy.NativeID)
}

func partyName(p connector.Party) string {
	switch {
	case p.Name != "":
		return p.Name
	case p.Email != "":
		return p.Email
	}
	return p.NativeID
}

// result is what the question says after something was sent. why is what it
// means that nothing changed.
func (p payload) result(a connector.Approval, why connector.Kind, said string) outcome {
	sheet := sheetOf(a)
	changed := sheet.Digest(p.Card) != p.Digest
	o, over := p.judge(a)
	switch {
	case p.action() != "" && over && o.State == Superseded: // whatever the action led to
		return outcome{State: Applied}
	case over:
		return o
	case p.action() != "" && changed:
		return outcome{State: Applied, Sheet: &sheet}
	case changed && why == connector.Conflict:
		return outcome{State: Open, Why: why, Sheet: &sheet}
	}
	return outcome{State: Failed, Why: why, Said: said}
}

// afterError is the end of a try whose call failed. What may have been done is
// asked; where that cannot be told either, recovery waits out the fence.
func (p payload) afterError(ctx context.Context, s Session, err error) (json.RawMessage, error) {
	var problem *connector.Problem
	if !errors.As(err, &problem) {
		return nil, err
	}
	switch problem.Kind {
	case connector.Throttled:
		return nil, &job.Away{After: problem.RetryAfter, Err: err}
	case connector.Unavailable:
		if !problem.Sent {
			return nil, &job.Away{After: problem.RetryAfter, Err: err}
		}
		return nil, err
	}
	now, again := s.Approval(ctx, p.Backend)
	switch {
	case again == nil:
		return p.result(now, problem.Kind, failed(problem).Said).json()
	case connector.KindOf(again) == connector.NotFound:
		return p.standInRefused(outcome{State: Withdrawn, Why: connector.NotFound}).json()
	case problem.Sent && problem.Kind != connector.Forbidden:
		return nil, err
	}
	return failed(problem).json()
}

// probe asks whether the decision is there. Any other end is do's to tell.
func (r *Room) probe(ctx context.Context, e job.Effect) (bool, error) {
	p, session, err := r.session(ctx, e)
	if err == nil {
		var now connector.Approval
		if now, err = session.Approval(ctx, p.Backend); err == nil {
			return p.done(now), nil
		}
	}
	var problem *connector.Problem
	if errors.As(err, &problem) && problem.Kind != connector.Unavailable && problem.Kind != connector.Throttled {
		return false, nil // a definite answer: do says it on the card
	}
	return false, err
}

// done reports whether a question shows that the decision was taken. An action
// has no state of its own: the question has changed or is gone.
func (p payload) done(a connector.Approval) bool {
	o, over := p.judge(a)
	if p.action() == "" {
		return over && o.State == Applied
	}
	return over && o.State != Failed || !over && sheetOf(a).Digest(p.Card) != p.Digest
}

// then writes the end on the card, with the effect's own.
func (r *Room) then(tx *store.Tx, e job.Effect, result json.RawMessage) ([]store.Event, error) {
	var p payload
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		return nil, err
	}
	o := outcome{State: Applied} // found by the probe
	if len(result) > 0 {
		if err := json.Unmarshal(result, &o); err != nil {
			return nil, err
		}
	}
	self := tx.Self(p.Person)
	c, err := cardOf(&self.View, p.Card)
	if errors.Is(err, errUnknown) { // the person was erased
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if c.State != Deciding || c.Effect != e.ID {
		return nil, nil
	}
	name := c.end(o, p)
	if _, err := put(self, c); err != nil {
		return nil, err
	}
	return []store.Event{c.event(name, endedBy(p, o), "said", c.Said)}, nil
}

// endedBy is who the record names: the decider for what was applied.
func endedBy(p payload, o outcome) id.Principal {
	if o.State == Applied {
		return id.OfPerson(p.Person)
	}
	return reader
}

// end moves a card to its outcome and returns the event's name.
func (c *Card) end(o outcome, p payload) string {
	action := p.action()
	c.State, c.Why, c.Said, c.Other = o.State, string(o.Why), o.Said, o.Other
	if o.Sheet != nil {
		c.Sheet, c.Digest = *o.Sheet, o.Sheet.Digest(c.ID)
	}
	if action != "" && o.State == Applied {
		a, _ := c.Sheet.action(action)
		if !slices.Contains(c.Acted, action) {
			c.Acted = append(c.Acted, action)
		}
		if !a.Removes && o.Sheet != nil {
			c.State = Open
			return "card.applied"
		}
	}
	if c.State == Open {
		return "card.reopened"
	}
	return "card." + string(c.State)
}
