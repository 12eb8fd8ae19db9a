package order

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/store"
)

// DriverName is the driver of orders.
const DriverName = "order.place"

// codeUnclear parks an order of which nobody can say whether it arrived.
const codeUnclear = "order-unclear"

// skew is by how much a system's clock may be behind ours.
const skew = 10 * time.Minute

// Driver brings orders to outside systems. What is there already is noted before
// the first call; the probe takes what has come since then for the order, by its
// mark where the system has a place for one. A definite no is an end too. One of
// which nobody knows holds up no other.
func (r *Room) Driver() job.Driver {
	return job.Driver{
		Name: r.driver, Timeout: r.Timeout, Fence: r.Timeout + r.Reach, Do: r.do, Probe: r.probe, Then: r.then,
		Aside: true,
	}
}

// outcome is how an order ended, as the effect keeps it.
type outcome struct {
	Refused connector.Kind  `json:"refused,omitempty"`
	Said    string          `json:"said,omitempty"`
	Order   connector.Order `json:"order,omitzero"`
	Seen    *seen           `json:"seen,omitempty"`
}

// seen is a request as it was read right behind its order.
type seen struct {
	Title   string          `json:"title,omitempty"`
	State   connector.State `json:"state"`
	Native  string          `json:"native,omitempty"`
	Touched time.Time       `json:"touched,omitzero"`
	Asked   []Asked         `json:"asked,omitempty"`
}

func (o outcome) json() (json.RawMessage, error) { return json.Marshal(o) }

// mission is one effect on its way: its order and the session of its person.
type mission struct {
	payload
	order   Request
	session *connector.Session
	wish    connector.Wish
}

func (r *Room) mission(ctx context.Context, e job.Effect) (m mission, err error) {
	if err := json.Unmarshal(e.Payload, &m.payload); err != nil {
		return m, &job.Refusal{Code: "order-unreadable", Final: true, Err: err}
	}
	if m.order, err = r.Get(ctx, m.Person, m.payload.Order); err != nil {
		return m, err
	}
	m.wish = connector.Wish{Item: m.Item, Quantity: m.Quantity, Values: m.Values, Marker: r.BaseURL + PathOf(m.order.ID)}
	m.session, err = r.Desk.As(ctx, e.Org, m.System, m.Person)
	return m, asProblem(err)
}

// asProblem says a refusal of the desk's own, before anything was sent, as a
// system would.
func asProblem(err error) error {
	f := fault.As(err)
	var p *connector.Problem
	if f == nil || errors.As(err, &p) {
		return err
	}
	switch f.Kind {
	case fault.Unmet, fault.NotFound:
		return &connector.Problem{Kind: connector.Unauthorized, Err: err}
	case fault.Forbidden:
		return &connector.Problem{Kind: connector.Forbidden, Err: err}
	}
	return err
}

// tells reports whether the system shows by what an order is found again.
func (m mission) tells() bool {
	return m.session.Can(connector.OpPlaced) && m.session.Definition.Probe(connector.OpOrder).By != "none"
}

// placed are the orders that may be this one, without those that were there
// before it or that are others of ours.
func (r *Room) placed(ctx context.Context, m mission) ([]connector.Order, error) {
	since := m.order.sent
	if since.IsZero() {
		since = r.Clock.Now()
	}
	all, err := m.session.Placed(ctx, m.wish, since.Add(-skew))
	if err != nil {
		return nil, err
	}
	var known []string
	err = r.Store.Self(m.Person).Read(ctx, func(v *store.View) error {
		known = slices.Clone(m.order.known)
		for _, o := range all {
			q, err := byNumber(v, m.System, o.Number)
			switch {
			case err == nil && q.Key != "" && q.ID != m.order.ID:
				known = append(known, o.Number)
			case err != nil && !errors.Is(err, store.ErrNoRow):
				return err
			}
		}
		return nil
	})
	return slices.DeleteFunc(all, func(o connector.Order) bool { return slices.Contains(known, o.Number) }), err
}

// do is one try.
func (r *Room) do(ctx context.Context, e job.Effect) (json.RawMessage, error) {
	m, err := r.mission(ctx, e)
	if err != nil {
		return unsent(err)
	}
	switch {
	case !m.order.sent.IsZero() && (m.order.unclear || !m.tells()):
		return nil, &job.Refusal{Code: codeUnclear, Final: true, Err: errors.New("order: an earlier try may have arrived")}
	case m.order.sent.IsZero():
		if m.order, err = r.begin(ctx, m); err != nil {
			return unsent(err)
		}
	}
	placed, err := m.session.Order(ctx, m.wish)
	if err == nil {
		return outcome{Order: placed, Seen: m.look(ctx, placed.Number)}.json()
	}
	return r.afterError(ctx, m, err)
}

// begin notes what is there and that the order is about to be sent, before it is.
func (r *Room) begin(ctx context.Context, m mission) (Request, error) {
	q := m.order
	if m.tells() {
		before, err := m.session.Placed(ctx, m.wish, r.Clock.Now().Add(-skew))
		if err != nil {
			return q, err
		}
		for _, o := range before {
			q.known = append(q.known, o.Number)
		}
	}
	return r.note(ctx, q, func(_ *store.Tx, q *Request) error {
		q.sent, q.unclear = r.Clock.Now(), false
		return nil
	})
}

// note writes what is known of an order on its way; its effect has the witness.
func (r *Room) note(ctx context.Context, q Request, change func(*store.Tx, *Request) error) (Request, error) {
	known := q.known
	err := r.Store.Self(q.Person).Write(ctx, func(tx *store.Tx) store.End {
		now, err := byID(&tx.View, q.ID)
		if err != nil {
			return store.Abort(err)
		}
		now.known = known
		if err := change(tx, &now); err != nil {
			return store.Abort(err)
		}
		if _, err := put(tx, now); err != nil {
			return store.Abort(err)
		}
		now.Version++
		q = now
		return store.Quietly(store.QuietClaim)
	})
	return q, err
}

// look reads the request behind an order, as far as it can be read already.
func (m mission) look(ctx context.Context, number string) *seen {
	if !m.session.Can(connector.OpTicket) {
		return nil
	}
	t, err := m.session.Ticket(ctx, number)
	if err != nil {
		return nil // the next reading finds it
	}
	s := &seen{Title: cut(t.Title, lineMost), State: t.State, Native: nativeOf(t), Touched: t.UpdatedAt}
	if asked, err := askedOf(ctx, m.session, number); err == nil {
		s.Asked = asked
	}
	return s
}

// unsent is the end of a try before anything was sent.
func unsent(err error) (json.RawMessage, error) {
	var refusal *job.Refusal
	var p *connector.Problem
	switch {
	case errors.As(err, &refusal):
		return nil, err
	case errors.Is(err, errUnknown): // the person was erased
		return outcome{Refused: connector.NoSuchUser}.json()
	case !errors.As(err, &p):
		return nil, &job.Away{Err: err} // our own trouble
	case p.Kind == connector.Unavailable || p.Kind == connector.Throttled:
		return nil, &job.Away{After: p.RetryAfter, Err: err}
	}
	return refusedBy(p).json()
}

func refusedBy(p *connector.Problem) outcome {
	return outcome{Refused: p.Kind, Said: cut(p.Message, lineMost)}
}

// afterError is the end of a try whose call failed. Only what the system said no
// to was certainly not done.
func (r *Room) afterError(ctx context.Context, m mission, err error) (json.RawMessage, error) {
	var p *connector.Problem
	if !errors.As(err, &p) {
		return nil, err
	}
	waits := p.Kind == connector.Throttled || p.Kind == connector.Unavailable && !p.Sent
	switch {
	case waits:
		_, failed := r.note(ctx, m.order, func(_ *store.Tx, q *Request) error {
			q.sent = time.Time{}
			return nil
		})
		if failed != nil {
			return nil, failed
		}
		return nil, &job.Away{After: p.RetryAfter, Err: err}
	case p.Kind == connector.NotApplied && !m.tells():
		return nil, &job.Refusal{Code: codeUnclear, Final: true, Err: err}
	case p.Kind == connector.Unavailable, p.Kind == connector.NotApplied, p.Kind == connector.Failed, p.Step == connector.OpOrder:
		return nil, err // nobody knows: the probe looks once nothing can arrive any more
	}
	return refusedBy(p).json()
}

// probe looks for the order among what has come since. One is it; of several
// nobody can say, and no call is made.
func (r *Room) probe(ctx context.Context, e job.Effect) (bool, error) {
	m, err := r.mission(ctx, e)
	if err != nil {
		var p *connector.Problem
		if errors.As(err, &p) && p.Kind != connector.Unavailable && p.Kind != connector.Throttled {
			return false, r.unclear(ctx, m, true) // the connection has died: nobody can look
		}
		return false, err
	}
	if m.order.sent.IsZero() || !m.tells() {
		return false, nil
	}
	found, err := r.placed(ctx, m)
	switch {
	case err != nil:
		return false, err
	case len(found) != 1:
		return false, r.unclear(ctx, m, len(found) > 1)
	}
	_, err = r.note(ctx, m.order, func(tx *store.Tx, q *Request) error {
		if err := r.rivalled(&tx.View, m); err != nil {
			return err
		}
		q.unclear = false
		return q.adopt(tx, found[0])
	})
	if errors.Is(err, errRivals) {
		return false, r.unclear(ctx, m, true)
	}
	return err == nil, err
}

var errRivals = errors.New("order: it may be another one of ours")

// rivalled refuses what was found by item and person while another order of the
// same may have become it: nobody can say whose it is. One that could not arrive
// any more when this one was begun is none.
func (r *Room) rivalled(v *store.View, m mission) error {
	if m.session.Definition.Probe(connector.OpOrder).By == "marker" {
		return nil
	}
	there, err := rivals(v, m.order, m.order.sent.Add(-r.Timeout-r.Reach))
	if err == nil && there {
		err = errRivals
	}
	return err
}

// unclear says whether the order may be sent again.
func (r *Room) unclear(ctx context.Context, m mission, yes bool) error {
	if m.order.ID == "" || m.order.sent.IsZero() || m.order.unclear == yes {
		return nil
	}
	_, err := r.note(ctx, m.order, func(_ *store.Tx, q *Request) error {
		q.unclear = yes
		return nil
	})
	return err
}

// then writes the end on the order, with the effect's own.
func (r *Room) then(tx *store.Tx, e job.Effect, result json.RawMessage) ([]store.Event, error) {
	var p payload
	var o outcome
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		return nil, err
	}
	if len(result) > 0 {
		if err := json.Unmarshal(result, &o); err != nil {
			return nil, err
		}
	}
	self := tx.Self(p.Person)
	q, err := byID(&self.View, p.Order)
	if errors.Is(err, errUnknown) || err == nil && q.Way != Sending { // the person was erased
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	name, by := "order.placed", id.OfPerson(p.Person)
	if o.Refused != "" {
		name, by = "order.refused", keeper
		q.Way, q.Why, q.Said = Refused, string(o.Refused), o.Said
		q.step("refused", o.Said, tx.Now())
	} else if err := q.arrive(self, o); err != nil {
		return nil, err
	}
	if _, err := put(self, q); err != nil {
		return nil, err
	}
	return []store.Event{q.event(name, by, "said", q.Said)}, r.stir(self)
}

// arrive makes an order the request that it became.
func (q *Request) arrive(self *store.Tx, o outcome) error {
	q.Way, q.stale = There, true
	if o.Order.Number != "" {
		if err := q.adopt(self, o.Order); err != nil {
			return err
		}
	}
	if o.Seen != nil {
		q.Title, q.State, q.Native, q.touched, q.Asked, q.stale = orElse(o.Seen.Title, q.Title), o.Seen.State, o.Seen.Native, o.Seen.Touched, o.Seen.Asked, false
	}
	q.step("placed", q.Number, self.Now())
	return nil
}

// adopt takes over what the system calls an order. A reading may have found it
// before us: then that row goes.
func (q *Request) adopt(self *store.Tx, o connector.Order) error {
	q.Number, q.URL = o.Number, o.URL
	other, err := byNumber(&self.View, q.System, q.Number)
	if errors.Is(err, store.ErrNoRow) || err == nil && other.ID == q.ID {
		return nil
	}
	if err != nil {
		return err
	}
	if other.Key != "" {
		return errRivals // another of ours is it already
	}
	q.State, q.Native, q.Asked, q.touched, q.Title, q.stale = other.State, other.Native, other.Asked, other.touched, other.Title, other.stale
	return drop(self, other.ID)
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
