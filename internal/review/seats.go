package review

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
)

// seatsEvery is how often the questions of a round are put to whoever may decide
// by then: rotas are handed over, managers and groups change, delegations begin.
const seatsEvery = time.Hour

// seatsMost is how many items one step looks at.
const seatsMost = 200

// reseat puts questions to whoever may decide about them now, and takes them from
// who may not any more; some at a time.
func (r *Room) reseat(ctx context.Context, t job.Timer) (func(*store.Tx) store.End, error) {
	var about alarm
	if err := json.Unmarshal(t.Payload, &about); err != nil {
		return nil, err
	}
	on, err := r.Hall.OnCall(ctx, t.Org)
	if err != nil {
		return nil, err
	}
	var moved []string
	next := about
	err = r.inOrg(ctx, t.Org, func(v *store.View) (err error) {
		moved, next.After, err = r.moved(v, on, about)
		return err
	})
	if err != nil && fault.Code(err) != errNoRound.Code {
		return nil, err
	}
	return func(tx *store.Tx) store.End {
		in := tx.Org(t.Org)
		round, err := roundByID(&in.View, about.Round)
		if err != nil || round.State == Closed || round.State == Closing {
			return quietly(err)
		}
		events, err := r.putAgain(in, on, round, moved)
		if err != nil {
			return store.Abort(err)
		}
		at := in.Now()
		if next.After == "" {
			at = at.Add(seatsEvery)
		}
		if err := timer(in, t.Org, timerSeats, at, next); err != nil {
			return store.Abort(err)
		}
		return done(events)
	}, nil
}

// moved are the next open items that others may decide about than those to whom
// their question was put, at most endMost; last is the item behind which to go
// on, "" at the end.
func (r *Room) moved(v *store.View, on request.Rotas, about alarm) (which []string, last string, err error) {
	round, err := roundByID(v, about.Round)
	if err != nil {
		return nil, "", err
	}
	items, err := itemsOf(v, round.ID, Query{State: Open, Cursor: about.After, Limit: seatsMost})
	if err != nil || len(items) == 0 {
		return nil, "", err
	}
	seats, err := seatsOf(v, round.ID, items[0].ID, items[len(items)-1].ID)
	for _, i := range items {
		if err != nil {
			return nil, "", err
		}
		var c request.Chairs
		if c, err = r.chairs(v, on, round, i); err == nil && !slices.Equal(c.Everybody(), seats[i.ID]) {
			if which = append(which, i.ID); len(which) == endMost {
				return which, i.ID, nil
			}
		}
	}
	if len(items) == seatsMost {
		last = items[len(items)-1].ID
	}
	return which, last, err
}

// putAgain puts the questions about some items again, if they still are open.
func (r *Room) putAgain(tx *store.Tx, on request.Rotas, round Round, which []string) (events []store.Event, err error) {
	for _, one := range which {
		i, err := itemByID(&tx.View, one)
		if err == nil && i.State == Open {
			var some []store.Event
			some, err = r.put(tx, on, round, i)
			events = append(events, some...)
		}
		if err != nil {
			return nil, err
		}
	}
	return events, nil
}

// seated are people to whom questions about items were put, by item.
type seated map[string][]id.Person
