package order

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Times and bounds of reading.
const (
	overlap    = time.Minute         // before the newest change that was seen
	wholeEvery = time.Hour           // the whole list, for what has vanished
	oldMost    = 90 * 24 * time.Hour // closed longer ago is not shown for the first time
	lookMost   = 5                   // requests looked at singly in one reading
)

// Tie is a connection that requests are read by.
type Tie struct {
	Org    id.Org
	System id.Connector
	Title  string
	Person id.Person
}

// reading is one look at a person's requests at one system.
type reading struct {
	*Room
	tie     Tie
	session *connector.Session
	looks   int
	changes []change
}

type change struct {
	now   Request
	tells bool
}

// Read brings the requests of a connection's person up to what its system says:
// one call where nothing has changed, and at most lookMost times two more. What a
// list does not bring stays as it is until it is asked for by its own number.
func (r *Room) Read(ctx context.Context, t Tie) error {
	session, err := r.Desk.As(ctx, t.Org, t.System, t.Person)
	if err != nil {
		return asProblem(err)
	}
	if !session.Can(connector.OpSearch) {
		return nil
	}
	var newest, whole time.Time
	var open []Request
	err = r.Store.Self(t.Person).Read(ctx, func(v *store.View) (err error) {
		if newest, whole, err = readUpTo(v, t.System); err == nil {
			open, err = openAt(v, t.System)
		}
		return err
	})
	if err != nil {
		return err
	}
	started, since := r.Clock.Now(), time.Time{}
	full := newest.IsZero() || started.Sub(whole) > wholeEvery
	if !full {
		since = newest.Add(-overlap)
	}
	list, err := session.Own(ctx, since)
	if err != nil {
		return err
	}
	rd := &reading{Room: r, tie: t, session: session}
	latest := newest
	for _, one := range list {
		if one.UpdatedAt.After(latest) {
			latest = one.UpdatedAt
		}
		if err := rd.take(ctx, one); err != nil {
			return err
		}
	}
	if err := rd.again(ctx, open, list, full); err != nil {
		return err
	}
	if full {
		whole = started
	}
	return rd.write(ctx, latest, whole, latest.After(newest) || full)
}

// take brings one request up to what the list says of it.
func (rd *reading) take(ctx context.Context, t connector.Ticket) error {
	var q Request
	err := rd.Store.Self(rd.tie.Person).Read(ctx, func(v *store.View) (err error) {
		q, err = byNumber(v, rd.tie.System, t.ID)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNoRow):
		return rd.found(ctx, t)
	case err != nil:
		return err
	case !q.stale && q.touched.Equal(t.UpdatedAt) && q.State == t.State && q.Native == nativeOf(t):
		return nil
	}
	return rd.brought(ctx, q, t)
}

// found is a request that is seen for the first time.
func (rd *reading) found(ctx context.Context, t connector.Ticket) error {
	now := rd.Clock.Now()
	q := Request{
		ID: id.New[id.Order](now), Org: rd.tie.Org, Person: rd.tie.Person, System: rd.tie.System, Number: t.ID, Opened: t.CreatedAt,
		State: t.State, stale: true,
	}
	if q.Opened.IsZero() {
		q.Opened = now
	}
	last := t.UpdatedAt
	if last.IsZero() {
		last = q.Opened
	}
	if q.closed() && now.Sub(last) > oldMost {
		return nil
	}
	q.step("found", nativeOf(t), now)
	return rd.brought(ctx, q, t)
}

// brought writes down what a ticket says. Somebody is told when its state is
// another than the one they knew.
func (rd *reading) brought(ctx context.Context, q Request, t connector.Ticket) error {
	before := q
	q.Label, q.Title, q.State, q.Native, q.touched = cut(rd.tie.Title, lineMost), orElse(cut(t.Title, lineMost), t.ID), t.State, nativeOf(t), t.UpdatedAt
	if t.URL != "" {
		q.URL = t.URL
	}
	q.stale = true
	if rd.looks < lookMost {
		rd.looks++
		asked, err := askedOf(ctx, rd.session, q.Number)
		if kind := connector.KindOf(err); kind == connector.Throttled || kind == connector.Unavailable || kind == connector.Unauthorized {
			return err
		}
		if err == nil {
			q.Asked = asked
		}
		q.stale = false // who may not see it is not asked again until it changes
	}
	moved := q.State != before.State || q.Native != before.Native
	if before.Version > 0 && moved {
		q.step("state."+string(q.State), q.Native, rd.Clock.Now())
	}
	rd.changes = append(rd.changes, change{q, before.Version > 0 && q.State != before.State})
	return nil
}

// nativeOf is the system's own word for a ticket's state; of one made of several
// fields the last.
func nativeOf(t connector.Ticket) string {
	return cut(t.NativeState[strings.LastIndex(t.NativeState, "/")+1:], lineMost)
}

// askedOf is who is asked to approve a request.
func askedOf(ctx context.Context, s *connector.Session, number string) ([]Asked, error) {
	if !s.Can(connector.OpAsked) {
		return nil, nil
	}
	all, err := s.Asked(ctx, number)
	var asked []Asked
	for _, a := range all[:min(len(all), 50)] {
		if name := nameOf(a.Approver); name != "" {
			asked = append(asked, Asked{cut(name, lineMost), a.State})
		}
	}
	return asked, err
}

func nameOf(p connector.Party) string {
	for _, text := range []string{p.Name, p.Email, p.NativeID} {
		if text != "" {
			return text
		}
	}
	return ""
}

// again looks at single requests: those of which not all is known, and, beside a
// whole list, those that it did not bring.
func (rd *reading) again(ctx context.Context, open []Request, list []connector.Ticket, full bool) error {
	for _, q := range open {
		listed := slices.ContainsFunc(list, func(t connector.Ticket) bool { return t.ID == q.Number })
		if listed || !q.stale && !full || rd.looks >= lookMost || !rd.session.Can(connector.OpTicket) {
			continue
		}
		t, err := rd.session.Ticket(ctx, q.Number)
		switch connector.KindOf(err) {
		case "":
			if err := rd.brought(ctx, q, t); err != nil {
				return err
			}
		case connector.NotFound:
			rd.looks++
			q.State, q.Native, q.stale = Gone, "", false
			q.step("state."+string(Gone), "", rd.Clock.Now())
			rd.changes = append(rd.changes, change{q, true})
		case connector.Throttled, connector.Unavailable, connector.Unauthorized:
			return err
		default: // it may not be seen any more: that says nothing
			rd.looks++
		}
	}
	return nil
}

// write commits what a reading found. Of what changed in between the next one
// tells.
func (rd *reading) write(ctx context.Context, newest, whole time.Time, note bool) error {
	if len(rd.changes) == 0 && !note {
		return nil
	}
	queue, err := rd.word(ctx, rd.changes)
	if err != nil {
		return err
	}
	return rd.Store.Self(rd.tie.Person).Write(ctx, func(tx *store.Tx) store.End {
		var events []store.Event
		for _, c := range rd.changes {
			ok, err := put(tx, c.now)
			if err != nil {
				return store.Abort(err)
			}
			if ok && c.tells {
				events = append(events, c.now.event("order.changed", keeper))
			}
		}
		errs := noteRead(tx, rd.tie.System, newest, whole)
		if len(events) > 0 {
			errs = errors.Join(errs, queue(tx))
		}
		if len(rd.changes) > 0 {
			errs = errors.Join(errs, rd.stir(tx))
		}
		switch {
		case errs != nil:
			return store.Abort(errs)
		case len(events) == 0:
			return store.Quietly(store.QuietClaim)
		}
		return store.Done(events[0], events[1:]...)
	})
}
