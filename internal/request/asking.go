package request

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// Topic is woken whenever something happens to an ask.
const Topic = "request"

// Wanted is what somebody asks for.
type Wanted struct {
	Org     id.Org
	For     id.Person // "" for whoever asks
	Kind    string
	Target  string
	Reason  string
	From    time.Time     // not before; zero: as soon as it is decided
	Length  time.Duration // 0: as long as the policy proposes
	Endless bool          // until it is given back, where the policy lets it
	Extends id.Lease
	Break   bool
	Held    []byte // a Change, of kinds that have a Holder
	// Those ask by themselves: Which is the identifier that the ask gets, and Keep
	// is called in the write that asks, to try the change and keep what is not
	// shown of it.
	Which id.Ask
	Keep  func(tx *store.Tx, a Ask) error
	// Ticket is an outside ticket that is told of each step; its title is found
	// out.
	Ticket Ticket
}

// Preview is what somebody sees before they ask.
type Preview struct {
	Sheet
	Rule    *Rule // that would decide in place of people
	Nobody  bool  // nobody could decide: it cannot be asked for
	Trouble *fault.Fault
}

// ask makes an ask of what is wanted.
func (h *Hall) ask(by id.Person, w Wanted, which id.Ask) Ask {
	a := Ask{
		Org: w.Org, ID: which, Person: by, For: w.For, Kind: w.Kind, Target: w.Target, Reason: w.Reason,
		From: w.From.UTC().Truncate(time.Microsecond), Length: w.Length, Extends: w.Extends, Break: w.Break, Held: w.Held, Ticket: w.Ticket,
		State: Open, Revision: 1,
	}
	if w.From.IsZero() {
		a.From = time.Time{}
	}
	if a.For == "" {
		a.For = by
	}
	return a
}

// Preview says who would decide about what somebody wants, and what stands
// against it; nothing is written.
func (h *Hall) Preview(ctx context.Context, by id.Person, wanted Wanted) (p Preview, err error) {
	on, err := h.onCall(ctx, wanted.Org)
	if err != nil {
		return p, err
	}
	err = h.Store.Org(wanted.Org).Read(ctx, func(v *store.View) error {
		l, err := h.prepare(v, on, h.ask(by, wanted, ""), wanted)
		if f := fault.As(err); f != nil && l.policy.ID != "" {
			p.Trouble, err = f, nil
		}
		if err != nil {
			return err
		}
		if p.Sheet, err = h.sheet(v, l, on, by); err != nil {
			return err
		}
		benches, err := h.benches(v, l, on)
		for _, b := range benches {
			p.Nobody = p.Nobody || !b.possible()
		}
		if err != nil {
			return err
		}
		r, decides, err := h.decideByRule(v, l.policy, l.ask, l.target, on)
		if p.Rule = nil; decides {
			p.Rule, p.Nobody = &r, false
		}
		return err
	})
	return p, err
}

// prepare holds what is wanted to its rules and to the policy's bounds. What is
// wrong with it is a fault, and the look is as whole as it can be.
func (h *Hall) prepare(v *store.View, on rotas, a Ask, wanted Wanted) (l look, err error) {
	if h.releasers[a.Kind] == nil {
		return l, fault.New(fault.NotFound, "target-unknown")
	}
	if f := h.heldTrouble(a, wanted); f != nil {
		return l, f
	}
	if err := h.mayAsk(v, a); err != nil {
		return l, err
	}
	l.ask = a
	if err := h.check(v, &l, on); err != nil {
		return l, err
	}
	if l.policy.ID == "" {
		if l.trouble == nil {
			l.trouble = fault.New(fault.NotFound, "target-unknown")
		}
		return l, l.trouble
	}
	l.ask.Title, l.ask.Policy, l.ask.Created, l.ask.Due = l.target.Title, l.policy.ID, v.Now(), v.Now().Add(l.policy.Expires)
	if l.people, err = org.PeopleByID(v, l.named()); err != nil {
		return l, err
	}
	f := l.bound(v.Now(), wanted)
	l.terms = l.bind()
	if f == nil && l.trouble != nil {
		f = l.trouble
	}
	if f != nil {
		return l, f
	}
	return l, h.single(v, l.ask)
}

// mayAsk refuses who is no active member, and things of others.
func (h *Hall) mayAsk(v *store.View, a Ask) error {
	if h.holder(a.Kind) != nil {
		return nil // Check says who may make such a change
	}
	s, err := h.Register.StandingOf(v, a.Person, a.Org)
	if err != nil {
		return err
	}
	if s.Person != org.Active || s.Member != org.Active || s.Organization != org.Active {
		return fault.New(fault.Forbidden, "asks-nowhere")
	}
	if a.Extends == "" {
		return nil
	}
	l, err := lease.Look(v, a.Org, a.Extends)
	switch {
	case err != nil:
		return err
	case l.Person != a.For || l.Kind != a.Kind || l.Target != a.Target:
		return fault.New(fault.NotFound, "lease-unknown")
	case l.State != lease.Out || l.Until.IsZero():
		return fault.New(fault.Conflict, "lease-over")
	}
	return nil
}

// bound fills in what was not said, and holds length, start and reason to the
// policy: two limits that have nothing to do with each other.
func (l *look) bound(now time.Time, wanted Wanted) *fault.Fault {
	var bad fault.Checks
	a, p := &l.ask, l.policy
	checkText(&bad, "reason", a.Reason, (!p.NoReason || a.Break) && len(a.Held) == 0)
	most := p.Most
	if a.Break {
		if most = p.Glass; most == 0 {
			return fault.New(fault.Forbidden, "glass-not-offered")
		}
	}
	switch {
	case !l.target.Lent:
		a.Length = 0
	case wanted.Endless && (!p.Endless || a.Break):
		bad.Add("length", "ask-needs-an-end", "most", most.String())
	case wanted.Endless:
		a.Length = 0
	case a.Length == 0:
		a.Length = min(p.Usual, most)
	case a.Length < time.Minute || a.Length%time.Second != 0:
		bad.Add("length", "policy-time-out-of-range")
	case a.Length > most:
		bad.Add("length", "ask-too-long", "most", most.String())
	}
	switch {
	case a.From.IsZero():
	case a.Break || a.Extends != "":
		bad.Add("from", "ask-starts-at-once")
	case a.From.Before(now):
		a.From = time.Time{}
	case a.From.Sub(now) > p.Ahead:
		bad.Add("from", "ask-too-far-ahead", "most", p.Ahead.String())
	}
	return bad.Fault("ask-invalid")
}

// single refuses a second open ask for the same.
func (h *Hall) single(v *store.View, a Ask) error {
	other, err := openAsk(v.Org(a.Org), a)
	switch {
	case errors.Is(err, store.ErrNoRow):
		return nil
	case err != nil:
		return err
	}
	return fault.New(fault.Conflict, "ask-open-already", "ask", string(other))
}

// Raise asks for something. Where a rule decides it is decided at once.
func (h *Hall) Raise(ctx context.Context, by id.Person, wanted Wanted) (a Ask, err error) {
	on, err := h.onCall(ctx, wanted.Org)
	if err == nil {
		wanted.Ticket, err = h.lookAt(ctx, by, wanted)
	}
	if err != nil {
		return a, err
	}
	fresh, which := h.fresh(), cmp.Or(wanted.Which, id.New[id.Ask](h.Clock.Now()))
	err = h.within(wanted.Org, wanted.Kind).Write(ctx, func(tx *store.Tx) store.End {
		w := h.work(tx, fresh, on)
		end := w.begin(by, wanted, which)
		a = w.ask
		return end
	})
	if a.State == Released {
		h.Register.Forget()
	}
	return a, err
}

// begin writes the ask, and what follows at once.
func (w *work) begin(by id.Person, wanted Wanted, which id.Ask) store.End {
	h := w.hall
	w.in = w.tx.Org(wanted.Org)
	l, err := h.prepare(&w.in.View, w.on, h.ask(by, wanted, which), wanted)
	if err != nil {
		return w.abort(err)
	}
	w.look = l
	if err := insertAsk(w.in, w.ask); err != nil {
		return w.abort(err)
	}
	me := id.OfPerson(by)
	if c, held := w.ask.Change(); held {
		me = c.By
		if err := wanted.Keep(w.tx, w.ask); err != nil {
			return w.abort(err)
		}
	}
	w.step(Step{By: me, Name: StepAsked, Text: w.ask.Reason})
	if w.ask.Break {
		return w.glass(me)
	}
	r, decides, err := h.decideByRule(&w.in.View, w.policy, w.ask, w.target, w.on)
	switch {
	case err != nil:
		return w.abort(err)
	case decides && r.Refuse:
		w.ask.Rule = r.Name
		w.step(Step{Name: StepRefused, More: map[string]string{"rule": r.Name}})
		return w.finish(Refused, hallKeeper, r.Name)
	case decides:
		return w.approve(hallKeeper, r.Name)
	}
	if len(w.policy.Stages) == 0 {
		return w.abort(errImpossible)
	}
	for i := range w.policy.Stages { // said now, and not when the stage is reached
		b, err := w.bench(i)
		if err == nil && !b.possible() {
			err = h.impossible(w.ask.Kind)
		}
		if err != nil {
			return w.abort(err)
		}
	}
	if err := w.raise(false); err != nil {
		return w.abort(err)
	}
	w.timer(timerExpire, w.ask.Due)
	return w.save()
}
