package order

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/mailaddr"
)

// tellTimer tells somebody later: at the end of their quiet hours, or at their
// daily hour.
const tellTimer = "order.tell"

// telling is what somebody is to be told of later.
type telling struct {
	Person id.Person
	Orders []id.Order
	Nudged bool // in their browsers they were told
	Due    time.Time
}

// tellingMost is of how many requests one message tells.
const tellingMost = 200

// hours are when somebody may be told; the zero time is never.
type hours struct{ nudge, mail time.Time }

func (r *Room) hours(ctx context.Context, who id.Person) (h hours, err error) {
	now := r.Clock.Now()
	if r.Pace == nil {
		return hours{now, now}, nil
	}
	h.nudge, h.mail, err = r.Pace(ctx, who)
	return h, err
}

// word prepares what somebody is told of requests that moved: one nudge and one
// mail, however many they are, at once or later. What it returns queues it.
func (r *Room) word(ctx context.Context, changes []change) (func(*store.Tx) error, error) {
	var moved []Request
	for _, c := range changes {
		if c.tells {
			moved = append(moved, c.now)
		}
	}
	if len(moved) == 0 || r.Register == nil {
		return func(*store.Tx) error { return nil }, nil
	}
	p, err := r.Register.Person(ctx, moved[0].Person)
	if err != nil {
		return nil, err
	}
	h, err := r.hours(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	now := r.Clock.Now()
	nudge, mail, t := telling{Person: p.ID}.step(h, now)
	send, err := r.send(ctx, p, moved, nudge, mail)
	if err != nil || t.Due.IsZero() {
		return send, err
	}
	for _, q := range moved {
		t.Orders = append(t.Orders, q.ID)
	}
	timer := id.New[job.TimerID](now)
	return func(tx *store.Tx) error { return errors.Join(send(tx), putOff(tx, t, moved[0].Org, timer)) }, nil
}

// putOff adds to what the handle's person is told later. What is set already
// stays so: the timer that fires first tells of all.
func putOff(tx *store.Tx, t telling, in id.Org, timer job.TimerID) error {
	before, err := tellingOf(&tx.View)
	if err != nil {
		return err
	}
	if before != nil {
		t.Orders, t.Nudged = slices.Concat(before.Orders, t.Orders), t.Nudged && before.Nudged
		if before.Due.Before(t.Due) {
			t.Due = before.Due
		}
	}
	slices.Sort(t.Orders)
	if t.Orders = slices.Compact(t.Orders); len(t.Orders) > tellingMost {
		t.Orders = t.Orders[len(t.Orders)-tellingMost:]
	}
	if err := putTelling(tx, t); err != nil || before != nil && before.Due.Equal(t.Due) {
		return err
	}
	body, err := json.Marshal(t.Person)
	if err != nil {
		return err
	}
	return job.At(tx, job.Timer{ID: timer, Org: in, Kind: tellTimer, At: t.Due, Payload: body})
}

// tellLater is the timer: it tells what may be told by now, and sets the next for
// what may not.
func (r *Room) tellLater(ctx context.Context, timer job.Timer) (func(*store.Tx) store.End, error) {
	var who id.Person
	if err := json.Unmarshal(timer.Payload, &who); err != nil {
		return nil, err
	}
	p, err := r.Register.Person(ctx, who)
	if fault.As(err) != nil {
		return quietly(who, dropTelling), nil // they are gone
	}
	if err != nil {
		return nil, err
	}
	t, moved, err := r.moved(ctx, who)
	now := r.Clock.Now()
	if err != nil || t == nil || now.Before(t.Due) { // another timer is set for it
		return quietly(who, func(*store.Tx) error { return nil }), err
	}
	h, err := r.hours(ctx, who)
	if err != nil {
		return nil, err
	}
	nudge, mail, next := t.step(h, now)
	send, err := r.send(ctx, p, moved, nudge, mail)
	another := id.New[job.TimerID](now)
	return quietly(who, func(tx *store.Tx) error {
		still, err := tellingOf(&tx.View)
		if err != nil || still == nil {
			return err
		}
		rest := next
		if rest.Orders = still.Orders; next.Due.IsZero() {
			rest = still.without(*t)
			rest.Due = now
		}
		if err := errors.Join(dropTelling(tx), send(tx)); err != nil || len(rest.Orders) == 0 {
			return err
		}
		return putOff(tx, rest, timer.Org, another)
	}), err
}

// step is what is told now that the time has come, and what is left: everything
// while they want quiet, the mail until its daily hour.
func (t telling) step(h hours, now time.Time) (nudge, mail bool, next telling) {
	next = telling{Person: t.Person}
	switch {
	case h.nudge.After(now):
		next.Nudged, next.Due = t.Nudged, h.nudge
	case h.mail.After(now) && !t.Nudged:
		nudge, next.Nudged, next.Due = true, true, h.mail
	default:
		nudge, mail = !t.Nudged, !h.mail.IsZero()
	}
	return nudge, mail, next
}

// quietly is a write on somebody's behalf that needs no witness: each request
// that moved has its record.
func quietly(who id.Person, f func(*store.Tx) error) func(*store.Tx) store.End {
	return func(tx *store.Tx) store.End {
		if err := f(tx.Self(who)); err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietClaim)
	}
}

// without is what was added since.
func (t telling) without(told telling) telling {
	t.Orders = slices.DeleteFunc(slices.Clone(t.Orders), func(q id.Order) bool { return slices.Contains(told.Orders, q) })
	return t
}

// moved is what somebody is to be told of, with the requests as they are now.
func (r *Room) moved(ctx context.Context, who id.Person) (t *telling, all []Request, err error) {
	err = r.Store.Self(who).Read(ctx, func(v *store.View) error {
		all = nil
		if t, err = tellingOf(v); err != nil || t == nil {
			return err
		}
		for _, which := range t.Orders {
			q, err := byID(v, which)
			switch {
			case errors.Is(err, errUnknown): // another row has become it
			case err != nil:
				return err
			default:
				all = append(all, q)
			}
		}
		return nil
	})
	return t, all, err
}

// send prepares a nudge and a mail about requests that moved.
func (r *Room) send(ctx context.Context, p org.Person, moved []Request, nudge, mail bool) (func(*store.Tx) error, error) {
	var nudges notify.Nudges
	var err error
	if len(moved) == 0 || p.State != org.Active {
		return func(*store.Tx) error { return nil }, nil
	}
	if nudge {
		if nudges, err = r.nudge(ctx, p, moved); err != nil {
			return nil, err
		}
	}
	to, bad := mailaddr.Parse(p.Email)
	if !mail || bad != nil || !p.Verified || r.Post == nil || !r.Post.Enabled() {
		return nudges.Queue, nil
	}
	envelope, err := r.Post.Seal(r.letter(p, to, moved))
	return func(tx *store.Tx) error { return errors.Join(nudges.Queue(tx), envelope.Queue(tx)) }, err
}

func (r *Room) nudge(ctx context.Context, p org.Person, moved []Request) (notify.Nudges, error) {
	if r.Pager == nil {
		return notify.Nudges{}, nil
	}
	n := notify.Nudge{
		To: p.ID, Kind: "order.tell", Path: PathOf(moved[0].ID), Topic: "orders", Badge: -1, By: keeper,
		Args: map[string]string{"count": strconv.Itoa(len(moved))},
	}
	if len(moved) > 1 {
		n.Path = ListPath
	}
	return r.Pager.Prepare(ctx, n)
}

// letter is the mail about requests that moved.
func (r *Room) letter(p org.Person, to mailaddr.Address, moved []Request) notify.Message {
	q := moved[0]
	m := notify.Message{
		To: to, Lang: factor.LangOf(p), Kind: "order.mail.one", Org: q.Org, Ref: "person:" + string(p.ID), By: keeper,
		Link: secret.Of(r.BaseURL + PathOf(q.ID)),
		Args: map[string]string{"name": p.DisplayName, "title": q.Title, "number": q.Number, "system": q.Label, "state": r.Book.Say(factor.LangOf(p), "order.state."+string(q.State), nil)},
	}
	if len(moved) > 1 {
		m.Kind, m.Link = "order.mail.many", secret.Of(r.BaseURL+ListPath)
		m.Args = map[string]string{"name": p.DisplayName, "count": strconv.Itoa(len(moved))}
	}
	return m
}
