package request

import (
	"slices"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/store"
)

// glass lets a thing out before anybody decides: at once, for a short time, with
// a reason, loudly, and with a review that nobody gets around.
func (w *work) glass(by id.Principal) store.End {
	if err := w.hall.Register.Need(&w.in.View, by, w.ask.Org, Break); err != nil {
		return w.abort(err)
	}
	if len(w.policy.Stages) == 0 {
		return w.abort(errImpossible)
	}
	a := &w.ask
	a.Decided, a.DecidedBy, a.Review = w.tx.Now(), by, ReviewDue
	if err := w.letOut(by); err != nil {
		return w.abort(err)
	}
	a.State = Released
	if err := w.raise(false); err != nil { // whoever reviews it must be there before it is out
		return w.abort(err)
	}
	w.step(Step{By: by, Name: StepBroken, Text: a.Reason})
	return w.save()
}

// judgeGlass is the review of a broken glass by somebody who could have decided
// about it: what was not in order is taken back at once.
func (w *work) judgeGlass(by Decider, d Verdict) (end store.End, twice bool) {
	who := by.Person
	b, err := w.bench(0)
	if err != nil {
		return w.abort(err), false
	}
	seat, not := mayVote(w.look, b, who)
	if not != nil {
		return w.abort(w.hide(who, not)), not.Code == "ask-voted-already"
	}
	if d.Digest != w.at(0) {
		return w.abort(fault.New(fault.Conflict, "ask-changed")), false
	}
	if err := w.unsure(by); err != nil {
		return w.abort(err), false
	}
	a := &w.ask
	if a.Review = ReviewFine; !d.Approve {
		a.Review = ReviewWrong
	}
	v := Vote{Revision: a.Revision, Person: who, Seat: seat, Approve: d.Approve, Reason: d.Reason, Digest: d.Digest, At: w.tx.Now()}
	if err := insertVote(w.in, a.ID, v); err != nil {
		return w.abort(err), false
	}
	w.settle()
	w.step(Step{By: id.OfPerson(who), As: other(seat, who), Name: StepReviewed, Text: d.Reason, More: map[string]string{"review": string(a.Review)}})
	if end, bad := w.write(); bad {
		return end, false
	}
	events := w.events
	if !d.Approve && a.State == Released && a.Lease != "" {
		_, taken, err := w.hall.Ledger.Ending(w.tx, a.Org, a.Lease, lease.Reviewed, id.OfPerson(who))
		if err != nil {
			return w.abort(err), false
		}
		events = slices.Concat(events, taken)
	}
	return store.Done(events[0], events[1:]...), false
}
