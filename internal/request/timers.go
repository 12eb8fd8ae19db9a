package request

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/store"
)

// The kinds of timers.
const (
	timerExpire   = "request.expire"   // the question
	timerRemind   = "request.remind"   // of the question of a stage
	timerEscalate = "request.escalate" // the question of a stage
	timerStart    = "request.start"    // of what was approved for later
	timerTell     = "request.tell"     // people, by mail
	timerReseat   = "request.reseat"   // who may decide may have changed
	timerReseats  = "request.reseats"  // the same of every open ask of an organization
)

// alarm is what a timer is about. One of another revision or stage than the ask
// is in has nothing to do any more.
type alarm struct {
	Ask      id.Ask `json:"ask"`
	Revision int    `json:"revision"`
	Stage    int    `json:"stage"`
	N        int    `json:"n"`
	// For is whom alone to tell, of a mail that waited for their morning.
	For id.Person `json:"for,omitempty"`
}

// Handle makes the hall's timers known.
func (h *Hall) Handle(d *job.Desk) error {
	return errors.Join(
		d.Handle(timerExpire, h.timed(false, (*work).expire)), d.Handle(timerRemind, h.timed(true, (*work).remind)),
		d.Handle(timerEscalate, h.timed(true, (*work).escalate)), d.Handle(timerStart, h.timed(false, (*work).start)),
		d.Handle(timerTell, h.tell), d.Handle(timerReseat, h.timed(false, (*work).reseat)),
		d.Handle(timerReseats, h.reseats),
	)
}

// timed is a handler that opens the ask and does something about it; staged
// ones are about the stage in which they were set.
func (h *Hall) timed(staged bool, does func(*work, alarm) store.End) job.Handler {
	return func(ctx context.Context, t job.Timer) (func(*store.Tx) store.End, error) {
		var at alarm
		if err := json.Unmarshal(t.Payload, &at); err != nil {
			return nil, err
		}
		on, err := h.onCall(ctx, t.Org)
		if err != nil {
			return nil, err
		}
		fresh := h.fresh()
		return func(tx *store.Tx) store.End {
			w := h.work(tx, fresh, on)
			err := w.open(t.Org, at.Ask)
			if fault.Code(err) == errNoAsk.Code {
				return store.Quietly(store.QuietClaim)
			}
			if err != nil {
				return store.Abort(err)
			}
			if w.ask.Revision != at.Revision || staged && (w.ask.State != Open || w.ask.Stage != at.Stage) {
				return store.Quietly(store.QuietClaim)
			}
			return does(w, at)
		}, nil
	}
}

// expire ends a question that nobody decided.
func (w *work) expire(alarm) store.End {
	if w.ask.State != Open || w.tx.Now().Before(w.ask.Due) {
		return store.Quietly(store.QuietClaim)
	}
	return w.finish(Expired, hallKeeper, "")
}

// remind puts the question again to whoever has not decided.
func (w *work) remind(alarm) store.End {
	if end, bad := w.ask1(true); bad {
		return end
	}
	w.step(Step{Name: StepReminded})
	return w.save()
}

// reseat puts the question to whoever may decide now, and takes it from who may
// not any more.
func (w *work) reseat(alarm) store.End {
	if w.ask.State != Open || w.ask.Stage >= w.stages() {
		return store.Quietly(store.QuietClaim)
	}
	switch err := w.put(false); {
	case errors.Is(err, errImpossible):
		return store.Quietly(store.QuietClaim) // the next reminder says so
	case err != nil:
		return w.abort(err)
	}
	w.events = slices.DeleteFunc(w.events, func(e store.Event) bool { return e.Name == "" })
	if len(w.events) == 0 {
		return store.Quietly(store.QuietClaim)
	}
	return w.save()
}

// Reseat has the open questions of an organization put to whoever may decide
// from a time on, in the write that changes who that is. What there are too few
// for is left to the next reminder.
func Reseat(tx *store.Tx, in id.Org, at time.Time) error {
	return reseatBehind(tx.Org(in), in, at, "")
}

// reseatBehind is Reseat of the asks behind one of them.
func reseatBehind(tx *store.Tx, in id.Org, at time.Time, after id.Ask) error {
	payload, err := json.Marshal(alarm{Ask: after})
	if err != nil {
		return err
	}
	return job.At(tx, job.Timer{ID: id.New[job.TimerID](at), Org: in, Kind: timerReseats, At: at, Payload: payload})
}

// mostReseated bounds the timers of one write.
const mostReseated = 100

// reseats sets a timer for each of the next open asks, and goes on behind them.
func (h *Hall) reseats(_ context.Context, t job.Timer) (func(*store.Tx) store.End, error) {
	var behind alarm
	if err := json.Unmarshal(t.Payload, &behind); err != nil {
		return nil, err
	}
	return func(tx *store.Tx) store.End {
		in := tx.Org(t.Org)
		all, err := openAsks(&in.View, behind.Ask, mostReseated)
		for _, one := range all {
			payload, broken := json.Marshal(one)
			err = errors.Join(err, broken, job.At(in, job.Timer{ID: id.New[job.TimerID](tx.Now()), Org: t.Org, Kind: timerReseat, At: tx.Now(), Payload: payload}))
		}
		if len(all) == mostReseated {
			err = errors.Join(err, reseatBehind(in, t.Org, tx.Now(), all[len(all)-1].Ask))
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietClaim) // what changed has its witness
	}, nil
}

// escalate asks further people.
func (w *work) escalate(alarm) store.End {
	if w.ask.Escalated {
		return store.Quietly(store.QuietClaim)
	}
	w.ask.Escalated = true
	if end, bad := w.ask1(true); bad {
		return end
	}
	w.step(Step{Name: StepEscalated})
	return w.save()
}

// start releases what was approved for later, if it still is what was approved.
func (w *work) start(alarm) store.End {
	if w.ask.State != Approved {
		return store.Quietly(store.QuietClaim)
	}
	if w.ask.Rule == "" {
		if w.policyless() {
			return w.void("policy-gone")
		}
		if w.ask.told != w.terms {
			return w.again("terms")
		}
		lost, err := w.lost()
		if err != nil {
			return w.abort(err)
		}
		if lost {
			return w.again("approver")
		}
	}
	return w.release(w.ask.DecidedBy)
}

// again asks anew where nobody is there to be told at once.
func (w *work) again(why string) store.End {
	end := w.reask(why)
	if w.err == nil && w.ask.State == Open {
		return store.Done(w.events[0], w.events[1:]...)
	}
	return end
}

// Ended is told of leases that are back: their ask is over.
func (h *Hall) Ended(tx *store.Tx, l lease.Lease) ([]store.Event, error) {
	if l.Ask == "" {
		return nil, nil
	}
	in := tx.Org(l.Org)
	all, err := asksOfLease(&in.View, l.ID)
	if err != nil {
		return nil, err
	}
	var events []store.Event
	for _, a := range all {
		if a.State != Released {
			continue
		}
		a.State = Over
		a.steps++
		s := Step{Ask: a.ID, Seq: a.steps, At: tx.Now(), By: l.EndedBy, Name: StepOver, Stage: a.Stage, More: map[string]string{"why": string(l.Why)}}
		if err := insertStep(in, s); err != nil {
			return nil, err
		}
		if err := saveAsk(in, a); err != nil {
			return nil, err
		}
		events = append(events, a.event("request."+StepOver, l.EndedBy, s.More))
		for _, t := range h.Tellers {
			more, err := t.Tell(in, a, s)
			if err != nil {
				return nil, err
			}
			events = append(events, more...)
		}
	}
	in.Wake(Topic)
	return events, nil
}
