package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// TimerID names a timer; made outside the write closure, by id.New.
type TimerID string

// Timer is something that happens inside the house at a time.
type Timer struct {
	ID      TimerID
	Org     id.Org // "" is the house itself
	Kind    string // of a registered handler
	At      time.Time
	Payload json.RawMessage // at most 64 KiB; no secrets
}

// Handler prepares what a timer does. It is called outside any transaction, so
// it may make ids and read, but changes nothing: of several nodes each may
// call it. The closure it returns runs in the write that ends the timer, under
// the law of every write closure: it happens exactly once. Ended by Abort it is
// tried again later, and parked in the end.
type Handler func(ctx context.Context, t Timer) (func(tx *store.Tx) store.End, error)

const timerTopic = "job.timer"

// Handle makes the handler of a kind of timers known.
func (d *Desk) Handle(kind string, h Handler) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if kind == "" || h == nil || d.handlers[kind] != nil {
		return fmt.Errorf("job: timers of kind %q need one handler", kind)
	}
	d.handlers[kind] = h
	return nil
}

// At sets a timer in the transaction that decides it.
func At(tx *store.Tx, t Timer) error {
	switch {
	case !id.Valid(string(t.ID)):
		return errors.New("job: a timer needs an id made by id.New, outside the closure")
	case t.Kind == "" || t.At.IsZero():
		return errors.New("job: a timer needs a kind and a time")
	case len(t.Payload) > mostPayload || !json.Valid(t.Payload):
		return errors.New("job: the payload of a timer is not JSON, or too long")
	}
	if column, owner := tx.Owner(); column == "org" && string(t.Org) != owner {
		return errors.New("job: a timer of another organization")
	}
	at := store.Micros(t.At)
	_, err := tx.House().Exec(`INSERT INTO job_timer (id, org, kind, payload, state, tries, due, set_for, fired_at, why)
		VALUES ($1, $2, $3, $4, 'waiting', 0, $5, $5, 0, '')`,
		string(t.ID), string(t.Org), t.Kind, string(t.Payload), at)
	tx.Wake(timerTopic)
	return err
}

// Move sets a waiting or parked timer of org to another time.
func Move(tx *store.Tx, org id.Org, timer TimerID, at time.Time) error {
	n, err := tx.House().Exec(`UPDATE job_timer SET state = 'waiting', tries = 0, due = $3, set_for = $3, why = ''
		WHERE id = $1 AND org = $2 AND state IN ('waiting', 'parked')`, string(timer), string(org), store.Micros(at))
	tx.Wake(timerTopic)
	return timerThere(n, err)
}

// Cancel takes a waiting or parked timer of org away. One that has fired is
// unknown: whoever cancels decides in the same transaction what that means.
func Cancel(tx *store.Tx, org id.Org, timer TimerID) error {
	return timerThere(tx.House().Exec(`DELETE FROM job_timer WHERE id = $1 AND org = $2 AND state IN ('waiting', 'parked')`,
		string(timer), string(org)))
}

func timerThere(n int64, err error) error {
	if err == nil && n == 0 {
		return fault.New(fault.NotFound, "job-timer-unknown")
	}
	return err
}

// timers fires what is due.
func (d *Desk) timers() {
	watch := d.Store.Watch(timerTopic)
	defer watch.Close()
	for {
		next := d.fireDue()
		select {
		case <-d.stopping:
			return
		default:
		}
		select {
		case <-d.stopping:
			return
		case <-watch.C:
		case <-d.Clock.After(next):
		}
	}
}

// fireMost is how many timers of a kind are read at a time.
const fireMost = 100

// fireDue fires the due timers and returns when to look again.
func (d *Desk) fireDue() time.Duration {
	due, next, err := d.dueTimers()
	if err != nil {
		if d.calls.Err() == nil {
			d.Log.Warn("timers cannot be looked at; trying again", "err", err)
		}
		return d.Poll
	}
	for _, t := range due {
		select {
		case <-d.stopping:
			return d.Poll
		default:
			d.fire(t)
		}
	}
	return next
}

// due is a timer with how often it was tried.
type due struct {
	Timer
	tries int64
	due   time.Time
}

// dueTimers reads by kind: timers that no handler of this process knows (an
// older binary beside a newer) stand in nobody's way.
func (d *Desk) dueTimers() (all []due, next time.Duration, err error) {
	next = d.Poll
	err = d.Store.House().Read(d.calls, func(v *store.View) error {
		for _, kind := range d.kinds() {
			rows, err := v.Query(`SELECT id, org, payload, set_for, tries, due FROM job_timer
				WHERE state = 'waiting' AND kind = $1 ORDER BY due, id LIMIT $2`, kind, fireMost)
			some, err := store.Collect(rows, err, scanDue)
			if err != nil {
				return err
			}
			for _, t := range some {
				if early := t.due.Sub(v.Now()); early > 0 {
					next = min(next, early)
					break
				}
				t.Kind = kind
				all = append(all, t)
			}
			if len(all) >= fireMost {
				next = 0
			}
		}
		return nil
	})
	return all, max(next, time.Millisecond), err
}

func scanDue(scan func(...any) error) (t due, err error) {
	var payload string
	var at, dueAt int64
	err = scan(&t.ID, &t.Org, &payload, &at, &t.tries, &dueAt)
	t.At, t.due, t.Payload = store.FromMicros(at), store.FromMicros(dueAt), json.RawMessage(payload)
	return t, err
}

func (d *Desk) kinds() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.handlers))
}

func (d *Desk) handler(kind string) Handler {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.handlers[kind]
}

// fire ends the timer and does what it does, in one transaction.
func (d *Desk) fire(t due) {
	err := d.tryFire(t)
	if err == nil || errors.Is(err, errTaken) {
		return
	}
	if f := fault.As(err); f != nil && f.Kind == fault.Busy {
		return // the store's trouble, not the timer's
	}
	if err := d.misfired(t, err); err != nil && !errors.Is(err, errTaken) {
		d.Log.Warn("a timer's failure cannot be written", "timer", t.ID, "err", err)
	}
}

func (d *Desk) tryFire(t due) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("job: handler of %s panicked: %v", t.Kind, p)
		}
	}()
	does, err := d.handler(t.Kind)(d.calls, t.Timer)
	if err != nil {
		return err
	}
	return d.write(func(tx *store.Tx) store.End {
		now := store.Micros(tx.Now())
		n, err := tx.Exec("UPDATE job_timer SET state = 'fired', fired_at = $2 WHERE id = $1 AND state = 'waiting' AND due <= $2",
			string(t.ID), now)
		if err == nil && n == 0 {
			err = errTaken
		}
		if err != nil {
			return store.Abort(err)
		}
		return does(tx)
	})
}

// misfired counts a failure. A closure that ended in Refused has committed, and
// then there is nothing to count.
func (d *Desk) misfired(t due, cause error) error {
	why := fault.Code(cause)
	if why == "" {
		why = "job-timer-failed"
	}
	rest := d.Backoff(int(t.tries) + 1)
	return d.write(func(tx *store.Tx) store.End {
		state := "waiting"
		if t.tries+1 >= int64(d.Tries) {
			state = "parked"
		}
		n, err := tx.Exec(`UPDATE job_timer SET state = $2, tries = tries + 1, due = $3, why = $4
			WHERE id = $1 AND state = 'waiting' AND tries = $5`,
			string(t.ID), state, store.Micros(tx.Now().Add(rest)), why, t.tries)
		if err == nil && n == 0 {
			err = errTaken
		}
		if err != nil {
			return store.Abort(err)
		}
		if state == "waiting" {
			return store.Quietly(store.QuietClaim)
		}
		d.Log.Error("a timer failed too often; parked", "timer", t.ID, "kind", t.Kind, "err", cause)
		return store.Done(store.Event{
			Name: "timer.parked", Org: t.Org, By: id.OfNode(d.Node), Target: "timer:" + string(t.ID),
			Fields: map[string]string{"kind": t.Kind, "why": why, "tries": strconv.FormatInt(t.tries+1, 10)},
		})
	})
}
