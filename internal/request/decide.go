package request

import (
	"context"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/presence"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
)

// Decider is the natural person who decides, as the edge knows them, and what
// they have proven.
type Decider struct {
	Person id.Person
	Proof  presence.Proof
}

// Verdict is a decision about exactly what was shown.
type Verdict struct {
	Org     id.Org
	Ask     id.Ask
	Approve bool
	Digest  string // of the Sheet that was shown
	Reason  string // compulsory for a refusal
	// Shorter lets it out for less time than was asked for; zero as asked.
	Shorter time.Duration
	// Later starts it later than was asked for; zero as asked.
	Later time.Time
}

// Decide counts one person's decision, and does what follows from it in the
// same write: the next stage opens, or it is released, or refused. It is
// refused, and nothing counts, when anything that was shown is not as it was
// shown any more (ask-changed); pressed twice it decides once.
func (h *Hall) Decide(ctx context.Context, by Decider, d Verdict) (a Ask, err error) {
	if f := d.check(); f != nil {
		return a, f
	}
	on, err := h.onCall(ctx, d.Org)
	if err != nil {
		return a, err
	}
	kind, ready, err := h.ready(ctx, d.Org, d.Ask)
	if err != nil {
		return a, err
	}
	fresh := h.fresh()
	var after bool
	err = h.within(d.Org, kind).Write(ctx, func(tx *store.Tx) store.End {
		w := h.work(tx, fresh, on)
		if err := w.open(d.Org, d.Ask); err != nil {
			return store.Abort(err)
		}
		w.ask.Ready = ready
		end, twice := w.decide(by, d)
		a, after = w.ask, !twice
		return end
	})
	if after {
		h.Register.Forget()
	}
	if holder := h.holder(kind); holder != nil && err == nil && a.State == Released {
		holder.Made(a)
	}
	return a, err
}

func (d *Verdict) check() *fault.Fault {
	var bad fault.Checks
	checkText(&bad, "reason", d.Reason, !d.Approve)
	if d.Digest == "" {
		bad.Add("digest", "field-required")
	}
	if d.Shorter < 0 || d.Shorter%time.Second != 0 {
		bad.Add("shorter", "policy-time-out-of-range")
	}
	if !d.Approve {
		d.Shorter, d.Later = 0, time.Time{}
	}
	return bad.Fault("decision-invalid")
}

// decide counts a vote. twice: it was counted already, and nothing is written.
func (w *work) decide(by Decider, d Verdict) (end store.End, twice bool) {
	who := by.Person
	if w.ask.Review == ReviewDue {
		return w.judgeGlass(by, d)
	}
	if w.ask.State != Open {
		return w.abort(w.hide(who, w.over())), false
	}
	if w.ask.Stage >= w.stages() || w.policyless() {
		return w.void("policy-gone"), false
	}
	b, err := w.bench(w.ask.Stage)
	if err != nil {
		return w.abort(err), false
	}
	seat, not := mayVote(w.look, b, who)
	if not != nil {
		return w.abort(w.hide(who, not)), not.Code == "ask-voted-already"
	}
	if !w.tx.Now().Before(w.ask.Due) { // its timer is late
		w.end(Expired, hallKeeper, "")
		return w.refuse(w.over()), false
	}
	if d.Digest != w.at(w.ask.Stage) {
		return w.abort(fault.New(fault.Conflict, "ask-changed")), false
	}
	if err := w.unsure(by); err != nil {
		return w.abort(err), false
	}
	if w.ask.told != "" && w.ask.told != w.terms { // an earlier stage approved something else
		return w.reask("terms"), false
	}
	if d.Approve && w.trouble != nil {
		if w.hall.holder(w.ask.Kind) != nil {
			return w.spoil(w.trouble), false
		}
		return w.abort(w.trouble), false
	}
	if err := w.vouched(d.Approve, who); err != nil {
		return w.unvouched(err, false), false
	}
	if err := w.narrow(who, seat, d); err != nil {
		return w.abort(err), false
	}
	return w.count(b, Vote{
		Revision: w.ask.Revision, Stage: w.ask.Stage, Person: who, Seat: seat, Approve: d.Approve, Reason: d.Reason, Digest: d.Digest, At: w.tx.Now(),
	}), false
}

// unsure refuses who has not proven enough of who they are (presence).
func (w *work) unsure(by Decider) error {
	demand, err := w.hall.demand(&w.in.View, w.look)
	if f := demand.Refuse(by.Proof, w.tx.Now()); err == nil && f != nil {
		return f
	}
	return err
}

// demand is what whoever decides has to have proven.
func (h *Hall) demand(v *store.View, l look) (presence.Demand, error) {
	q := presence.Question{
		Org: l.ask.Org, Kind: "ask", Source: "Sekisho", Title: l.target.Title, Thing: l.ask.Kind + ":" + l.target.Name, Due: l.ask.Due,
		Amount: l.target.Price.Amount, Currency: l.target.Price.Currency,
		Requester: l.people[l.ask.Person].DisplayName, Mail: l.people[l.ask.Person].Email, Fields: map[string]string{"reason": l.ask.Reason},
	}
	for _, f := range l.target.Facts {
		q.Fields[f.Key] = f.Value
	}
	if l.ask.Break {
		q.Priority = "urgent"
	}
	d, err := h.Presence.For(v, q)
	if h.holder(l.ask.Kind) != nil && (d.Within == 0 || d.Within > web.Recent) {
		d.Within = web.Recent // as for the change itself
	}
	return d, err
}

// hide keeps the ask from whoever belongs elsewhere (R4).
func (w *work) hide(who id.Person, not *fault.Fault) error {
	if not.Code != "not-asked-to-decide" && not.Code != "ask-decided" {
		return not
	}
	s, err := w.hall.Register.StandingOf(&w.in.View, who, w.ask.Org)
	if err != nil {
		return err
	}
	if s.Member == "" {
		return errNoAsk
	}
	return not
}

// over says what became of an ask that is not open any more.
func (w *work) over() *fault.Fault {
	return fault.New(fault.Conflict, "ask-decided", "state", string(w.ask.State))
}

func (w *work) policyless() bool { return w.policy.ID == "" }

// narrow shortens or delays what is asked. What others approved before was more
// than that: their approval covers it.
func (w *work) narrow(who, seat id.Person, d Verdict) error {
	a := &w.ask
	more := map[string]string{}
	if d.Shorter > 0 {
		if w.hall.holder(a.Kind) != nil || a.Length != 0 && d.Shorter >= a.Length {
			return fault.New(fault.Invalid, "decision-not-shorter")
		}
		if a.Asked == 0 {
			if a.Asked = int(a.Length / time.Second); a.Length == 0 {
				a.Asked = -1
			}
		}
		a.Length = d.Shorter
		more["length"] = d.Shorter.String()
	}
	if !d.Later.IsZero() {
		later := d.Later.UTC().Truncate(time.Microsecond)
		if w.hall.holder(a.Kind) != nil || !later.After(a.From) || !later.After(w.tx.Now()) || later.Sub(w.tx.Now()) > w.policy.Ahead {
			return fault.New(fault.Invalid, "decision-not-later")
		}
		a.From = later
		more["from"] = later.Format(time.RFC3339)
	}
	if len(more) == 0 {
		return nil
	}
	w.terms = w.bind()
	w.step(Step{By: id.OfPerson(who), As: other(seat, who), Name: StepNarrowed, More: more})
	return nil
}

// count writes the vote and what follows.
func (w *work) count(b bench, v Vote) store.End {
	if err := insertVote(w.in, w.ask.ID, v); err != nil {
		return w.abort(err)
	}
	w.votes = append(w.votes, v)
	w.ask.told = w.terms
	name := StepApproved
	if !v.Approve {
		name = StepRefused
	}
	w.step(Step{By: id.OfPerson(v.Person), As: other(v.Seat, v.Person), Name: name, Text: v.Reason})
	votes := b.sitting(votesIn(w.votes, w.ask.Stage))
	switch {
	case b.refused(votes):
		return w.finish(Refused, id.OfPerson(v.Person), "")
	case b.approved(votes):
		return w.advance(id.OfPerson(v.Person))
	}
	return w.save()
}

// other is who, unless it is the same as the second.
func other(who, same id.Person) id.Person {
	if who == same {
		return ""
	}
	return who
}

// advance opens the next stage, or releases after the last one.
func (w *work) advance(by id.Principal) store.End {
	if w.ask.Stage+1 < w.stages() {
		w.ask.Stage++
		w.ask.Escalated = false
		if end, bad := w.ask1(false); bad {
			return end
		}
		w.step(Step{By: by, Name: StepStage})
		return w.save()
	}
	if lost, err := w.lost(); err != nil || lost {
		if err != nil {
			return w.abort(err)
		}
		return w.reask("approver")
	}
	return w.approve(by, "")
}

// lost reports whether a stage that was approved would not be any more: an
// approver lost the right since.
func (w *work) lost() (bool, error) {
	for i := range w.stages() {
		b, err := w.bench(i)
		if err != nil {
			return false, err
		}
		if !b.approved(b.sitting(votesIn(w.votes, i))) {
			return true, nil
		}
	}
	return false, nil
}

// approve ends the question, and releases unless its start lies ahead.
func (w *work) approve(by id.Principal, rule string) store.End {
	a := &w.ask
	a.Decided, a.DecidedBy, a.Rule = w.tx.Now(), by, rule
	if a.From.After(w.tx.Now()) {
		a.State = Approved
		w.settle()
		w.step(Step{By: by, Name: StepDecided, More: map[string]string{"rule": rule, "from": a.From.Format(time.RFC3339)}})
		w.timer(timerStart, a.From)
		return w.save()
	}
	return w.release(by)
}

// release lets it out, in the write that decides.
func (w *work) release(by id.Principal) store.End {
	a := &w.ask
	if w.trouble != nil {
		return w.void(w.trouble.Code)
	}
	var err error
	switch {
	case a.Extends != "":
		err = w.extend(by)
	case w.hall.holder(a.Kind) != nil:
		if err := w.stillVouched(by); err != nil {
			return w.unvouched(err, true)
		}
		n := len(w.events)
		err = w.tx.Attempt(func(*store.Tx) error { return w.letOut(by) })
		if f := fault.As(err); f != nil && f.Kind != fault.Busy && f.Kind != fault.Broken {
			w.events = w.events[:n]
			return w.spoil(f)
		}
	default:
		err = w.letOut(by)
	}
	if f := fault.As(err); f != nil && f.Kind != fault.Busy {
		return w.abort(f)
	}
	if err != nil {
		return w.abort(err)
	}
	a.State = Released
	w.settle()
	more := map[string]string{"rule": a.Rule}
	if !a.Until.IsZero() {
		more["until"] = a.Until.Format(time.RFC3339)
	}
	w.step(Step{By: by, Name: StepReleased, More: more})
	return w.save()
}

// letOut begins the lease and releases under it.
func (w *work) letOut(by id.Principal) error {
	a := &w.ask
	start := w.tx.Now()
	a.Until = a.until(start)
	if w.target.Lent {
		a.Lease = id.Lease(w.fresh.next())
		e, err := w.hall.Ledger.Begin(w.tx, lease.Lease{
			Org: a.Org, ID: a.Lease, Person: a.For, Kind: a.Kind, Target: a.Target, Title: w.target.Title, Ask: a.ID, By: by, Until: a.Until,
		}, w.fresh.timer())
		if err != nil {
			return err
		}
		w.events = append(w.events, e)
	}
	events, err := w.hall.releasers[a.Kind].Release(w.tx, *a, by)
	for _, e := range events {
		if e.Fields != nil {
			e.Fields["ask"] = string(a.ID)
			if len(a.Held) > 0 {
				e.Fields["approved_by"] = w.approvers()
			}
		}
	}
	w.events = append(w.events, events...)
	return err
}

// extend sets the end of a lease further: from now by what is asked.
func (w *work) extend(by id.Principal) error {
	a := &w.ask
	l, err := lease.Look(&w.tx.View, a.Org, a.Extends)
	if err != nil {
		return err
	}
	from := l.Until
	if from.IsZero() || from.Before(w.tx.Now()) {
		return fault.New(fault.Conflict, "lease-over")
	}
	a.Until, a.Lease = a.until(from), a.Extends
	_, e, err := w.hall.Ledger.Extend(w.tx, a.Org, a.Extends, a.Until, by, w.fresh.timer())
	w.events = append(w.events, e)
	return err
}

// finish ends an ask that is not released.
func (w *work) finish(state State, by id.Principal, code string) store.End {
	w.end(state, by, code)
	return w.save()
}

func (w *work) end(state State, by id.Principal, code string) {
	a := &w.ask
	a.State, a.Decided, a.DecidedBy = state, w.tx.Now(), by
	w.settle()
	if state != Refused && state != Withdrawn {
		w.step(Step{By: by, Name: string(state), More: map[string]string{"code": code}})
	}
}

// void ends an ask whose release would not be what was approved. It commits.
func (w *work) void(code string) store.End { return w.finish(Void, hallKeeper, code) }

// reask begins the question anew: what was decided does not cover what is asked
// now (R5). It commits, and whoever pressed is told.
func (w *work) reask(why string) store.End {
	a := &w.ask
	a.Revision, a.Stage, a.Escalated, a.wide, a.told, a.State = a.Revision+1, 0, false, nil, "", Open
	a.Policy, a.Title = w.policy.ID, w.target.Title
	w.votes = nil
	w.terms = w.bind()
	if w.policyless() {
		return w.void("policy-gone")
	}
	if !a.Due.After(w.tx.Now()) {
		a.Due = w.tx.Now().Add(w.policy.Expires)
	}
	w.step(Step{By: hallKeeper, Name: StepReasked, More: map[string]string{"why": why}})
	if end, bad := w.ask1(false); bad {
		return end
	}
	w.timer(timerExpire, a.Due) // that of the revision before ends nothing any more
	return w.refuse(fault.New(fault.Conflict, "ask-reasked"))
}
