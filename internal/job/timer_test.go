package job_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/store"
)

func timer(c clock.Clock, kind string, at time.Time) job.Timer {
	return job.Timer{ID: id.New[job.TimerID](c.Now()), Kind: kind, At: at, Payload: json.RawMessage(`{}`)}
}

func (b *bench) set(timers ...job.Timer) {
	b.Helper()
	err := b.write(func(tx *store.Tx) store.End {
		for _, t := range timers {
			if err := job.At(tx, t); err != nil {
				return store.Abort(err)
			}
		}
		return store.Done(store.Event{Name: "set", By: id.System("test")})
	})
	if err != nil {
		b.Fatal(err)
	}
}

// fired counts the committed records of a timer.
func (b *bench) fired(t job.Timer) (n int) {
	b.Helper()
	for _, event := range housetest.Witnessed(b.T, b.store) {
		if event.Target == "timer:"+string(t.ID) && event.Name == "fired" {
			n++
		}
	}
	return n
}

func fired(t job.Timer) store.Event {
	return store.Event{Name: "fired", By: id.System("test"), Target: "timer:" + string(t.ID)}
}

// rings registers a handler that leaves a record.
func rings(b *bench, desk *job.Desk) {
	b.Helper()
	err := desk.Handle("ring", func(_ context.Context, t job.Timer) (func(*store.Tx) store.End, error) {
		return func(*store.Tx) store.End { return store.Done(fired(t)) }, nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

func TestTimerRefusals(t *testing.T) {
	each(t, nil, func(b *bench) {
		good := timer(b.clock, "ring", b.clock.Now())
		for name, spoil := range map[string]func(t *job.Timer){
			"an id of one's own":   func(t *job.Timer) { t.ID = "mine" },
			"no kind":              func(t *job.Timer) { t.Kind = "" },
			"no time":              func(t *job.Timer) { t.At = time.Time{} },
			"payload not JSON":     func(t *job.Timer) { t.Payload = json.RawMessage("x") },
			"another organization": func(t *job.Timer) { t.Org = "other" },
		} {
			b.Run(name, func(t *testing.T) {
				bad := good
				bad.Org = "mine"
				spoil(&bad)
				err := b.store.Org("mine").Write(context.Background(), func(tx *store.Tx) store.End {
					if err := job.At(tx, bad); err != nil {
						return store.Abort(err)
					}
					return store.Done(store.Event{Name: "set"})
				})
				if err == nil {
					t.Error("set")
				}
			})
		}
		rings(b, b.desk)
		if b.desk.Handle("ring", func(context.Context, job.Timer) (func(*store.Tx) store.End, error) { return nil, nil }) == nil {
			b.Error("two handlers of one kind")
		}
	})
}

// TestTimersOnlyOnce: R8, A159: two nodes, each timer once, none early.
func TestTimersOnlyOnce(t *testing.T) {
	each(t, nil, func(b *bench) {
		rings(b, b.desk)
		rings(b, b.start(nil))
		var all []job.Timer
		for i := range 100 {
			all = append(all, timer(b.clock, "ring", b.clock.Now().Add(time.Second+time.Duration(i)*time.Millisecond)))
		}
		b.set(all...)
		b.clock.Advance(time.Second - time.Microsecond)
		b.still()
		if n := b.fired(all[0]); n != 0 {
			b.Errorf("fired %d times a microsecond early", n)
		}
		b.wait("the last has fired", func() bool { return b.fired(all[99]) > 0 })
		for _, t := range all {
			b.wait("fired", func() bool { return b.fired(t) > 0 })
			if n := b.fired(t); n != 1 {
				b.Errorf("R8 A159 fired %d times", n)
			}
		}
	})
}

func TestTimerEnds(t *testing.T) {
	each(t, nil, func(b *bench) {
		var tries sync.Map
		count := func(t job.Timer) int64 {
			n, _ := tries.LoadOrStore(t.ID, new(atomic.Int64))
			return n.(*atomic.Int64).Add(1)
		}
		handlers := map[string]func(t job.Timer, try int64) (func(*store.Tx) store.End, error){
			"aborts-once": func(t job.Timer, try int64) (func(*store.Tx) store.End, error) {
				return func(*store.Tx) store.End {
					if try == 1 {
						return store.Abort(errors.New("not yet"))
					}
					return store.Done(fired(t))
				}, nil
			},
			"unready-once": func(t job.Timer, try int64) (func(*store.Tx) store.End, error) {
				if try == 1 {
					return nil, errors.New("cannot prepare")
				}
				return func(*store.Tx) store.End { return store.Done(fired(t)) }, nil
			},
			"panics-once": func(t job.Timer, try int64) (func(*store.Tx) store.End, error) {
				if try == 1 {
					panic("a hole in the handler")
				}
				return func(*store.Tx) store.End { return store.Done(fired(t)) }, nil
			},
			"refuses": func(t job.Timer, _ int64) (func(*store.Tx) store.End, error) {
				return func(*store.Tx) store.End {
					return store.Refused(fault.New(fault.Conflict, "too-late"), fired(t))
				}, nil
			},
			"poison": func(job.Timer, int64) (func(*store.Tx) store.End, error) { return nil, errors.New("never") },
		}
		for kind, f := range handlers {
			err := b.desk.Handle(kind, func(_ context.Context, t job.Timer) (func(*store.Tx) store.End, error) { return f(t, count(t)) })
			if err != nil {
				b.Fatal(err)
			}
		}
		poison := timer(b.clock, "poison", b.clock.Now())
		b.set(poison)
		for kind, want := range map[string]int64{"aborts-once": 2, "unready-once": 2, "panics-once": 2, "refuses": 1} {
			b.Run(kind, func(t *testing.T) {
				one := timer(b.clock, kind, b.clock.Now())
				b.set(one)
				b.wait("fired", func() bool { return b.fired(one) > 0 })
				b.still()
				n, _ := tries.Load(one.ID)
				if got := n.(*atomic.Int64).Load(); got != want || b.fired(one) != 1 {
					t.Errorf("%d tries, fired %d times; want %d tries", got, b.fired(one), want)
				}
			})
		}
		b.wait("A155 the poisonous one is parked", func() bool { return b.parked(poison) == 1 })
	})
}

func (b *bench) parked(t job.Timer) (n int) {
	for _, event := range housetest.Witnessed(b.T, b.store) {
		if event.Name == "timer.parked" && event.Target == "timer:"+string(t.ID) {
			n++
		}
	}
	return n
}

func TestTimerMoveAndCancel(t *testing.T) {
	each(t, nil, func(b *bench) {
		rings(b, b.desk)
		do := func(f func(tx *store.Tx) error) error {
			return b.write(func(tx *store.Tx) store.End {
				if err := f(tx); err != nil {
					return store.Abort(err)
				}
				return store.Done(store.Event{Name: "changed", By: id.System("test")})
			})
		}
		cancelled := timer(b.clock, "ring", b.clock.Now().Add(time.Minute))
		moved := timer(b.clock, "ring", b.clock.Now().Add(time.Minute))
		b.set(cancelled, moved)
		for name, f := range map[string]func(tx *store.Tx) error{
			"R4 cancel another's": func(tx *store.Tx) error { return job.Cancel(tx, "other", moved.ID) },
			"R4 move another's":   func(tx *store.Tx) error { return job.Move(tx, "other", moved.ID, b.clock.Now()) },
		} {
			if err := do(f); fault.Code(err) != "job-timer-unknown" {
				b.Errorf("%s: %v", name, err)
			}
		}
		err := do(func(tx *store.Tx) error {
			return errors.Join(job.Cancel(tx, "", cancelled.ID), job.Move(tx, "", moved.ID, tx.Now().Add(time.Second)))
		})
		if err != nil {
			b.Fatal(err)
		}
		begun := b.clock.Now()
		b.wait("fired", func() bool { return b.fired(moved) > 0 })
		if took := b.clock.Now().Sub(begun); took > 30*time.Second {
			b.Errorf("fired after %v: it was moved to 1 s", took)
		}
		b.clock.Advance(2 * time.Minute)
		b.still()
		if b.fired(cancelled) != 0 || b.fired(moved) != 1 {
			b.Errorf("cancelled fired %d times, moved %d", b.fired(cancelled), b.fired(moved))
		}
		if err := do(func(tx *store.Tx) error { return job.Cancel(tx, "", moved.ID) }); fault.Code(err) != "job-timer-unknown" {
			b.Errorf("cancel of a fired one: %v", err)
		}
	})
}
