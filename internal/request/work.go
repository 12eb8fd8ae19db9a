package request

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/store"
)

// work is one write about one ask: what was read, and what is about to be
// written. Everything about an ask is written by save or refuse, once.
type work struct {
	look
	hall   *Hall
	tx     *store.Tx // of the organization
	in     *store.Tx
	fresh  *fresh
	on     rotas
	events []store.Event
	sat    map[int]bench
	err    error // of a step or timer; save aborts with it
}

// fresh are identifiers that a closure may need: made outside of it, and the
// same ones each time that it runs.
type fresh struct {
	ids  []string
	used int
}

// freshMost is more than one write about an ask can need: a lease, its timer,
// and the timers of a stage and of mails.
const freshMost = 40

func (h *Hall) fresh() *fresh {
	f := &fresh{}
	for range freshMost {
		f.ids = append(f.ids, id.New[string](h.Clock.Now()))
	}
	return f
}

func (f *fresh) next() string {
	f.used++
	return f.ids[(f.used-1)%len(f.ids)]
}

func (f *fresh) timer() job.TimerID { return job.TimerID(f.next()) }

// work begins a write; the closure may have run before.
func (h *Hall) work(tx *store.Tx, f *fresh, on rotas) *work {
	f.used = 0
	return &work{hall: h, tx: tx, fresh: f, on: on, sat: map[int]bench{}}
}

// open reads the ask.
func (w *work) open(in id.Org, which id.Ask) (err error) {
	w.in = w.tx.Org(in)
	w.look, err = w.hall.see(&w.in.View, w.on, in, which)
	return err
}

// bench finds out who may decide in a stage.
func (w *work) bench(stage int) (bench, error) {
	if b, ok := w.sat[stage]; ok {
		return b, nil
	}
	b, err := w.hall.sit(&w.in.View, w.policy, w.ask, w.target, w.on, stage)
	w.sat[stage] = b
	return b, err
}

// step adds a line to the timeline, an event for the witness, and has everybody
// told whom it concerns.
func (w *work) step(s Step) {
	a := &w.ask
	a.steps++
	s.Ask, s.Seq, s.At, s.Stage = a.ID, a.steps, w.tx.Now(), a.Stage
	if s.By == "" {
		s.By = hallKeeper
	}
	w.steps = append(w.steps, s)
	w.note(insertStep(w.in, s))
	fields := map[string]string{"text": s.Text, "seat": string(s.As)}
	for key, value := range s.More {
		fields[key] = value
	}
	if s.Name == StepApproved || s.Name == StepRefused {
		fields["digest"] = w.at(a.Stage)
	}
	w.events = append(w.events, a.event("request."+s.Name, s.By, fields))
	for _, t := range w.hall.Tellers {
		events, err := t.Tell(w.in, *a, s)
		w.note(err)
		w.events = append(w.events, events...)
	}
	if w.hall.mails(s.Name) {
		w.timerOf(timerTell, w.tx.Now(), s.Seq)
	}
}

// abort rolls back. What went wrong first says whether it is worth trying again.
func (w *work) abort(err error) store.End { return store.Abort(errors.Join(w.err, err)) }

func (w *work) note(err error) { w.err = errors.Join(w.err, err) }

// NobodyDecides is the code of a stage that could never be approved.
const NobodyDecides = "ask-nobody-decides"

var errImpossible = fault.New(fault.Unmet, NobodyDecides)

// raise puts the question of the stage, and sets its timers.
func (w *work) raise(reminder bool) error {
	if err := w.put(reminder); err != nil || reminder {
		return err
	}
	for i, after := range w.policy.Reminders {
		w.timerOf(timerRemind, w.tx.Now().Add(after), i)
	}
	if after := w.policy.Escalate.After; after > 0 {
		w.timer(timerEscalate, w.tx.Now().Add(after))
	}
	return nil
}

// put brings the question of the stage to whoever may decide. A stage that
// nobody could approve is errImpossible: a question is never put to nobody.
func (w *work) put(reminder bool) error {
	delete(w.sat, w.ask.Stage)
	b, err := w.bench(w.ask.Stage)
	if err != nil {
		return err
	}
	if !b.possible() {
		return errImpossible
	}
	q := Question{
		Ask: w.ask.ID, Org: w.ask.Org, Revision: w.ask.Revision, Stage: w.ask.Stage, To: b.everybody(), Digest: w.at(w.ask.Stage), Due: w.ask.Due,
		Reminder: reminder, First: w.ask.version == 0, Asked: w.ask,
	}
	if err := putBench(w.in, w.ask.ID, b.approvers, q.First); err != nil {
		return err
	}
	for _, asker := range w.hall.Askers {
		events, err := asker.Raise(w.in, q)
		if err != nil {
			return err
		}
		w.events = append(w.events, events...)
	}
	return nil
}

// ask1 raises the stage's question; a stage that nobody can decide ends the
// ask, and the end is returned.
func (w *work) ask1(reminder bool) (end store.End, bad bool) {
	switch err := w.raise(reminder); {
	case errors.Is(err, errImpossible):
		return w.void(errImpossible.Code), true
	case err != nil:
		return w.abort(err), true
	}
	return end, false
}

// settle ends the questions.
func (w *work) settle() {
	w.note(putBench(w.in, w.ask.ID, nil, false))
	for _, asker := range w.hall.Askers {
		events, err := asker.Settle(w.in, w.ask)
		w.note(err)
		w.events = append(w.events, events...)
	}
}

// timer sets a timer of the stage.
func (w *work) timer(kind string, at time.Time) { w.timerOf(kind, at, 0) }

func (w *work) timerOf(kind string, at time.Time, n int) {
	payload, err := json.Marshal(alarm{Ask: w.ask.ID, Revision: w.ask.Revision, Stage: w.ask.Stage, N: n})
	w.note(err)
	w.note(job.At(w.in, job.Timer{ID: w.fresh.timer(), Org: w.ask.Org, Kind: kind, At: at, Payload: payload}))
}

// save writes the ask with everything that belongs to it.
func (w *work) save() store.End {
	if end, bad := w.write(); bad {
		return end
	}
	return store.Done(w.events[0], w.events[1:]...)
}

// refuse is save, and whoever acted is told why nothing of theirs counted.
func (w *work) refuse(f *fault.Fault) store.End {
	if end, bad := w.write(); bad {
		return end
	}
	return store.Refused(f, w.events[0], w.events[1:]...)
}

func (w *work) write() (end store.End, bad bool) {
	if w.err != nil {
		return w.abort(nil), true
	}
	w.events = slices.DeleteFunc(w.events, func(e store.Event) bool { return e.Name == "" })
	if len(w.events) == 0 {
		return w.abort(errors.New("request: nothing happened")), true
	}
	if err := saveAsk(w.in, w.ask); err != nil {
		return w.abort(err), true
	}
	w.in.Wake(Topic)
	return end, false
}
