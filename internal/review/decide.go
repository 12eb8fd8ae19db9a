package review

import (
	"context"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/paper"
	"github.com/sekisho/sekisho/internal/presence"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
)

// Verdict is what a reviewer pressed, about exactly what was shown.
type Verdict struct {
	Org    id.Org
	Item   string
	Keep   bool
	Digest string
	Reason string // compulsory for an end
	Proof  presence.Proof
}

// Sheet is everything that is shown of an item to somebody.
type Sheet struct {
	Item      Item
	Round     Round
	Digest    string
	CanDecide bool
	Not       *fault.Fault // why the viewer cannot decide
	Demand    presence.Demand
}

// Show returns an item to who may decide about it, did, or reads reviews; to
// others there is none (R4).
func (r *Room) Show(ctx context.Context, in id.Org, item string, viewer id.Person) (s Sheet, err error) {
	on, err := r.Hall.OnCall(ctx, in)
	if err != nil {
		return s, err
	}
	err = r.inOrg(ctx, in, func(v *store.View) error {
		if s, err = r.look(v, on, item, viewer); err != nil {
			return err
		}
		if s.CanDecide || s.Item.DecidedBy.Person() == viewer && viewer != "" {
			return nil
		}
		if asked, err := sits(v, item, viewer); err != nil || asked {
			return err
		}
		if r.Register.Need(v, id.OfPerson(viewer), in, Read) != nil {
			return errNoItem
		}
		return nil
	})
	return s, err
}

// look reads an item for somebody.
func (r *Room) look(v *store.View, on request.Rotas, item string, viewer id.Person) (s Sheet, err error) {
	if s.Item, err = itemByID(v, item); err != nil {
		return s, err
	}
	if s.Round, err = roundByID(v, s.Item.Round); err != nil {
		return s, err
	}
	s.Digest = s.Item.Digest(s.Round)
	_, s.Not, err = r.seat(v, on, s.Round, s.Item, viewer)
	s.CanDecide = err == nil && s.Not == nil
	if err == nil {
		s.Demand, err = r.Presence.For(v, s.question())
	}
	return s, err
}

// question is the item as card policies see it.
func (s Sheet) question() presence.Question {
	return presence.Question{
		Org: s.Item.Org, Kind: "ask", Source: "Sekisho", Title: s.Item.Title, Thing: s.Item.Kind + ":" + s.Item.Title, Requester: s.Round.Spec.Title,
		Due: s.Round.Due, Fields: map[string]string{"holder": s.Item.Holder},
	}
}

// seat returns in whose place somebody decides about an item, or why not.
func (r *Room) seat(v *store.View, on request.Rotas, round Round, i Item, who id.Person) (id.Person, *fault.Fault, error) {
	switch {
	case who == "":
		return "", fault.New(fault.Forbidden, "decider-not-a-person"), nil
	case i.State != Open || round.State == Closed:
		if asked, err := sits(v, i.ID, who); err != nil || !asked && i.DecidedBy.Person() != who {
			return "", errNoItem, err // not even that it was decided (R4)
		}
		return "", fault.New(fault.Conflict, "review-decided", "state", string(i.State)), nil
	case who == i.Person:
		return "", fault.New(fault.Forbidden, "review-of-oneself"), nil
	}
	c, err := r.chairs(v, on, round, i)
	if err != nil {
		return "", nil, err
	}
	seat, ok := c.SeatOf(who)
	if !ok {
		return "", errNoItem, nil
	}
	return seat, nil, nil
}

// Decide counts a reviewer's decision, and ends the grant in the same write if
// that is what it says. Nothing counts if it is not what was shown.
func (r *Room) Decide(ctx context.Context, by id.Person, d Verdict) (i Item, err error) {
	d.Reason = strings.TrimSpace(d.Reason)
	if f := d.check(); f != nil {
		return i, f
	}
	on, err := r.Hall.OnCall(ctx, d.Org)
	if err != nil {
		return i, err
	}
	err = r.Store.Org(d.Org).Write(ctx, func(tx *store.Tx) store.End {
		in := tx.Org(d.Org)
		s, err := r.look(&in.View, on, d.Item, by)
		if err != nil {
			return store.Abort(err)
		}
		seat, not, err := r.seat(&in.View, on, s.Round, s.Item, by)
		switch {
		case err != nil:
			return store.Abort(err)
		case not != nil:
			return store.Abort(not)
		case d.Digest != s.Digest:
			return store.Abort(fault.New(fault.Conflict, "review-changed"))
		}
		if f := s.Demand.Refuse(d.Proof, tx.Now()); f != nil {
			return store.Abort(f)
		}
		i = s.Item
		if i.Reason = d.Reason; seat != by {
			i.Seat = seat
		}
		events, err := r.settle(in, s.Round, &i, by, d.Keep)
		if err != nil {
			return store.Abort(err)
		}
		in.Wake(Topic)
		return done(events)
	})
	if err == nil && i.State == Ended {
		r.Register.Forget()
	}
	return i, err
}

func (d Verdict) check() *fault.Fault {
	var bad fault.Checks
	paper.CheckText(&bad, "reason", d.Reason, request.ReasonMost, !d.Keep)
	if d.Digest == "" {
		bad.Add("digest", "field-required")
	}
	return bad.Fault("review-decision-invalid")
}

// settle writes a decision, what follows from it, and the end of a round whose
// last question it was.
func (r *Room) settle(tx *store.Tx, round Round, i *Item, by id.Person, keep bool) (events []store.Event, err error) {
	if keep {
		events, err = r.keep(tx, round, i, by)
	} else {
		events, err = r.end(tx, round, i, id.OfPerson(by), false)
	}
	if err != nil {
		return nil, err
	}
	if round.State == Filling {
		return events, nil
	}
	open, err := openItems(&tx.View, round.ID, false, 1)
	if err != nil || len(open) > 0 {
		return events, err
	}
	round.State, round.Closed = Closed, tx.Now()
	return append(events, round.event("review.closed", id.OfPerson(by))), saveRound(tx, round)
}

// keep lets a grant be; one that is no more is gone.
func (r *Room) keep(tx *store.Tx, round Round, i *Item, by id.Person) ([]store.Event, error) {
	there, err := held(&tx.View, *i)
	if err != nil {
		return nil, err
	}
	if i.State = Kept; !there {
		i.State = Gone
	}
	return r.close(tx, round, i, id.OfPerson(by), nil)
}

// end takes a grant. What may not be taken is refused to a person; of silence it
// is stuck, and shown.
func (r *Room) end(tx *store.Tx, round Round, i *Item, by id.Principal, silent bool) ([]store.Event, error) {
	taken, events, err := r.take(tx, *i, by)
	f := fault.As(err)
	if err != nil && (f == nil || !silent || f.Kind == fault.Busy || f.Kind == fault.Broken) {
		return nil, err
	}
	i.Silent = silent
	switch {
	case err != nil:
		i.State, i.Trouble, events = Stuck, f.Code, nil
	case taken:
		i.State = Ended
	default:
		i.State = Gone
	}
	return r.close(tx, round, i, by, events)
}

// close writes an item that was decided, and ends its questions.
func (r *Room) close(tx *store.Tx, round Round, i *Item, by id.Principal, events []store.Event) ([]store.Event, error) {
	i.Decided, i.DecidedBy = tx.Now(), by
	if err := saveItem(tx, i); err != nil {
		return nil, err
	}
	silent := ""
	if i.Silent {
		silent = "yes"
	}
	e := i.event("review."+string(i.State), round, by, "reason", i.Reason, "seat", string(i.Seat), "silent", silent, "trouble", i.Trouble, "digest", i.Digest(round))
	events = append([]store.Event{e}, events...)
	if r.Asker == nil {
		return events, nil
	}
	more, err := r.Asker.SettleReview(tx, *i, by.Person())
	return append(events, more...), err
}
