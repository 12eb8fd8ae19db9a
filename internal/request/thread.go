package request

import (
	"context"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/store"
)

// about runs a write about an ask.
func (h *Hall) about(ctx context.Context, in id.Org, which id.Ask, does func(w *work) store.End) (a Ask, err error) {
	on, err := h.onCall(ctx, in)
	if err != nil {
		return a, err
	}
	fresh := h.fresh()
	err = h.Store.Org(in).Write(ctx, func(tx *store.Tx) store.End {
		w := h.work(tx, fresh, on)
		if err := w.open(in, which); err != nil {
			return store.Abort(err)
		}
		end := does(w)
		a = w.ask
		return end
	})
	return a, err
}

// Say adds a question of somebody who may decide, or an answer of who asked. It
// is part of what a decision is about: whoever looked before looks again.
func (h *Hall) Say(ctx context.Context, by id.Person, in id.Org, which id.Ask, text string) (Ask, error) {
	var bad fault.Checks
	checkText(&bad, "text", text, true)
	if f := bad.Fault("ask-invalid"); f != nil {
		return Ask{}, f
	}
	return h.about(ctx, in, which, func(w *work) store.End {
		name, err := w.speaks(by)
		if err == nil && w.ask.State != Open {
			err = w.over()
		}
		if err == nil && len(w.steps) >= stepsMost {
			err = fault.New(fault.Unmet, "ask-said-enough")
		}
		if err != nil {
			return w.abort(err)
		}
		told := w.ask.told
		if told != "" && told == w.terms {
			told = "same"
		}
		w.step(Step{By: id.OfPerson(by), Name: name, Text: text})
		if w.terms = w.bind(); told == "same" {
			w.ask.told = w.terms // what was said changes nothing of what others approved
		}
		return w.save()
	})
}

// stepsMost bounds the timeline of one ask.
const stepsMost = 200

// speaks says in which role somebody takes part in an ask.
func (w *work) speaks(who id.Person) (string, error) {
	if who == w.ask.Person || who == w.ask.For {
		return StepAnswer, nil
	}
	if w.ask.Stage < w.stages() {
		b, err := w.bench(w.ask.Stage)
		if err != nil {
			return "", err
		}
		if _, ok := b.seatOf(who, nil); ok && who != "" {
			return StepQuestion, nil
		}
	}
	return "", errNoAsk
}

// Withdraw takes an ask back that is not out yet. Who asked does, and who would
// get it.
func (h *Hall) Withdraw(ctx context.Context, by id.Person, in id.Org, which id.Ask) (Ask, error) {
	return h.about(ctx, in, which, func(w *work) store.End {
		switch {
		case by == "" || by != w.ask.Person && by != w.ask.For:
			return w.abort(errNoAsk)
		case w.ask.State != Open && w.ask.State != Approved:
			return w.abort(w.over())
		}
		w.ask.State = Withdrawn
		w.step(Step{By: id.OfPerson(by), Name: StepWithdrawn})
		return w.finish(Withdrawn, id.OfPerson(by), "")
	})
}

// Amended is what whoever asked changes of an open ask; nil stays.
type Amended struct {
	Reason *string
	Length *time.Duration
	From   *time.Time
}

// Amend changes an open ask. What was decided so far was about another one: the
// question begins anew.
func (h *Hall) Amend(ctx context.Context, by id.Person, in id.Org, which id.Ask, m Amended) (Ask, error) {
	return h.about(ctx, in, which, func(w *work) store.End {
		switch {
		case by == "" || by != w.ask.Person:
			return w.abort(errNoAsk)
		case w.ask.State != Open:
			return w.abort(w.over())
		case w.policyless():
			return w.void("policy-gone")
		}
		if m.From != nil && h.holder(w.ask.Kind) != nil {
			return w.abort(&fault.Fault{Kind: fault.Invalid, Code: "ask-invalid", Fields: []fault.Field{{Path: "from", Code: "ask-starts-at-once"}}})
		}
		a := &w.ask
		wanted := Wanted{Endless: a.Length == 0}
		if m.Reason != nil {
			a.Reason = *m.Reason
		}
		if m.Length != nil {
			a.Length, wanted.Endless = *m.Length, *m.Length == 0
		}
		if m.From != nil {
			a.From = m.From.UTC().Truncate(time.Microsecond)
		}
		if f := w.bound(w.tx.Now(), wanted); f != nil {
			return w.abort(f)
		}
		a.Revision, a.Stage, a.Escalated, a.wide, a.told, a.Asked = a.Revision+1, 0, false, nil, "", 0
		a.Policy, a.Due = w.policy.ID, w.tx.Now().Add(w.policy.Expires)
		w.votes = nil
		w.terms = w.bind()
		w.step(Step{By: id.OfPerson(by), Name: StepAmended, Text: a.Reason})
		if err := w.raise(false); err != nil {
			return w.abort(err)
		}
		w.timer(timerExpire, a.Due)
		return w.save()
	})
}

// GiveBack ends what somebody holds before its time.
func (h *Hall) GiveBack(ctx context.Context, by id.Person, in id.Org, which id.Lease) (lease.Lease, error) {
	l, err := h.Ledger.Get(ctx, in, which)
	if err == nil && l.Person != by {
		err = fault.New(fault.NotFound, "lease-unknown")
	}
	if err != nil {
		return l, err
	}
	return h.end(ctx, id.OfPerson(by), l, lease.Returned)
}

// Revoke takes back at once what somebody holds, and nothing else of them.
func (h *Hall) Revoke(ctx context.Context, by id.Principal, in id.Org, which id.Lease) (lease.Lease, error) {
	err := h.Store.Org(in).Read(ctx, func(v *store.View) error { return h.Register.Need(v, by, in, lease.Revoke) })
	if err != nil {
		return lease.Lease{}, err
	}
	l, err := h.Ledger.Get(ctx, in, which)
	if err != nil {
		return l, err
	}
	return h.end(ctx, by, l, lease.Revoked)
}

func (h *Hall) end(ctx context.Context, by id.Principal, l lease.Lease, why lease.Why) (lease.Lease, error) {
	l, err := h.Ledger.End(ctx, by, l.Org, l.ID, why)
	h.Register.Forget()
	return l, err
}
