package job_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/store"
)

const (
	timeout = 2 * time.Second
	fence   = 5 * time.Second
)

// outside is a system that answers as a test says, by marker.
type outside struct {
	mu     sync.Mutex
	landed []string
	calls  map[string]int
	probes map[string]int
	// answer is asked before anything lands: an error is returned, and the
	// effect lands all the same if land says so. nil lands and is fine.
	answer func(ctx context.Context, e job.Effect, call int) (land bool, err error)
	probe  func(e job.Effect) error
}

func newOutside() *outside { return &outside{calls: map[string]int{}, probes: map[string]int{}} }

func (o *outside) do(ctx context.Context, e job.Effect) (json.RawMessage, error) {
	o.mu.Lock()
	o.calls[e.Marker()]++
	call := o.calls[e.Marker()]
	o.mu.Unlock()
	if o.answer != nil {
		if land, err := o.answer(ctx, e, call); err != nil || !land {
			if land {
				o.land(e)
			}
			return nil, err
		}
	}
	o.land(e)
	return json.RawMessage(`{"ref":"R1"}`), nil
}

func (o *outside) land(e job.Effect) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.landed = append(o.landed, e.Marker())
}

func (o *outside) find(_ context.Context, e job.Effect) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.probes[e.Marker()]++
	if o.probe != nil {
		if err := o.probe(e); err != nil {
			return false, err
		}
	}
	return slices.Contains(o.landed, e.Marker()), nil
}

func (o *outside) count(effect id.Effect) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, marker := range o.landed {
		if marker == string(effect) {
			n++
		}
	}
	return n
}

func (o *outside) called(effect id.Effect) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.calls[string(effect)]
}

// driver that probes.
func (o *outside) driver() job.Driver {
	return job.Driver{Name: "ticket", Timeout: timeout, Fence: fence, Do: o.do, Probe: o.find}
}

// bench is a desk with what a test needs around it.
type bench struct {
	*testing.T
	store *store.Store
	clock *clock.Moved
	out   *outside
	desk  *job.Desk
}

// each runs f with a started desk on both engines, unless the test starts it.
func each(t *testing.T, change func(*job.Options, *job.Driver), f func(b *bench)) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		c := clock.NewMoved(housetest.Epoch)
		b := &bench{T: t, store: housetest.Open(t, url, c, job.Schema), clock: c, out: newOutside()}
		b.desk = b.start(change)
		f(b)
	})
}

// start starts another desk on the same store: another node.
func (b *bench) start(change func(*job.Options, *job.Driver)) *job.Desk {
	b.Helper()
	o := job.Options{
		Store: b.store, Clock: b.clock, Log: housetest.Log(b.T), Poll: 100 * time.Millisecond, Tries: 3, Skew: time.Microsecond,
		Backoff: func(int) time.Duration { return time.Second },
	}
	driver := b.out.driver()
	if change != nil {
		change(&o, &driver)
	}
	desk := job.New(o)
	if err := errors.Join(desk.Register(driver), desk.Start()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		_ = desk.Stop(ctx)
	})
	return desk
}

func (b *bench) intend(line string) id.Effect { return b.intendAt("only", line) }

func (b *bench) intendAt(target, line string) id.Effect {
	b.Helper()
	e := effect(b.clock, target, line)
	if err := b.write(func(tx *store.Tx) store.End { return intended(tx, e) }); err != nil {
		b.Fatal(err)
	}
	return e.ID
}

func effect(c clock.Clock, target, line string) job.Effect {
	return job.Effect{
		ID: id.New[id.Effect](c.Now()), Driver: "ticket", Target: target, Line: line, By: id.System("test"),
		Payload: json.RawMessage(`{"text":"approved"}`),
	}
}

func intended(tx *store.Tx, e job.Effect) store.End {
	if err := job.Intend(tx, e); err != nil {
		return store.Abort(err)
	}
	return store.Done(store.Event{Name: "decided", By: e.By, Target: "effect:" + e.Marker()})
}

func (b *bench) write(f func(tx *store.Tx) store.End) error {
	return b.store.House().Write(context.Background(), f)
}

func (b *bench) look(effect id.Effect) (s job.Status) {
	b.Helper()
	err := b.store.House().Read(context.Background(), func(v *store.View) (err error) {
		s, err = job.Look(v, "", effect)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// wait moves the clock on in small steps until ok.
func (b *bench) wait(what string, ok func() bool) {
	b.Helper()
	for range 2000 {
		if ok() {
			return
		}
		b.clock.Advance(20 * time.Millisecond)
		time.Sleep(time.Millisecond)
	}
	b.Fatalf("never: %s", what)
}

// still gives the desk real time without moving the clock.
func (b *bench) still() { time.Sleep(150 * time.Millisecond) }

func (b *bench) waitState(effect id.Effect, state job.State) job.Status {
	b.Helper()
	var s job.Status
	b.wait(fmt.Sprintf("%s becomes %s", effect, state), func() bool { s = b.look(effect); return s.State == state })
	return s
}

// events counts the records of a name about an effect.
func (b *bench) events(name string, effect id.Effect) (n int) {
	b.Helper()
	for _, event := range housetest.Witnessed(b.T, b.store) {
		if event.Name == name && event.Target == "effect:"+string(effect) {
			n++
		}
	}
	return n
}

func (b *bench) operate(f func(tx *store.Tx) (store.Event, error)) error {
	return b.write(func(tx *store.Tx) store.End {
		event, err := f(tx)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
}

func (b *bench) skip(effect id.Effect) error {
	return b.operate(func(tx *store.Tx) (store.Event, error) {
		return job.Skip(tx, "", effect, id.Local(0), "the ticket is gone")
	})
}

func (b *bench) retry(effect id.Effect) error {
	return b.operate(func(tx *store.Tx) (store.Event, error) { return job.Retry(tx, "", effect, id.Local(0)) })
}

func TestRegisterRefusals(t *testing.T) {
	good := newOutside().driver()
	for name, spoil := range map[string]func(d *job.Driver){
		"no name":                   func(d *job.Driver) { d.Name = "" },
		"nothing to do":             func(d *job.Driver) { d.Do = nil },
		"no timeout":                func(d *job.Driver) { d.Timeout = 0 },
		"neither probe nor key":     func(d *job.Driver) { d.Probe = nil },
		"both":                      func(d *job.Driver) { d.IdempotentBy = "key" },
		"no fence":                  func(d *job.Driver) { d.Fence = 0 },
		"fence as long as timeout":  func(d *job.Driver) { d.Fence = d.Timeout },
		"timeout beyond the fence":  func(d *job.Driver) { d.Timeout = d.Fence + 1 },
		"negative concurrency":      func(d *job.Driver) { d.Concurrency = -1 },
		"a name that is there":      func(d *job.Driver) { d.Name = "there" },
		"a name that is a document": func(d *job.Driver) { d.Name = strings.Repeat("x", 300) },
	} {
		t.Run("R8 "+name, func(t *testing.T) {
			desk := job.New(job.Options{Store: housetest.Open(t, housetest.SQLite(t), clock.System()), Clock: clock.System()})
			there := good
			there.Name = "there"
			if err := desk.Register(there); err != nil {
				t.Fatal(err)
			}
			d := good
			spoil(&d)
			if desk.Register(d) == nil {
				t.Error("registered")
			}
		})
	}
}

func TestIntendRefusals(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		c := clock.NewMoved(housetest.Epoch)
		s := housetest.Open(t, url, c, job.Schema)
		for name, spoil := range map[string]func(e *job.Effect){
			"no id":                func(e *job.Effect) { e.ID = "" },
			"an id of one's own":   func(e *job.Effect) { e.ID = "ticket-1" },
			"no driver":            func(e *job.Effect) { e.Driver = "" },
			"no target":            func(e *job.Effect) { e.Target = "" },
			"nobody":               func(e *job.Effect) { e.By = "" },
			"long line":            func(e *job.Effect) { e.Line = strings.Repeat("x", 300) },
			"payload not JSON":     func(e *job.Effect) { e.Payload = json.RawMessage("{") },
			"no payload":           func(e *job.Effect) { e.Payload = nil },
			"huge payload":         func(e *job.Effect) { e.Payload = json.RawMessage(`"` + strings.Repeat("x", 64<<10) + `"`) },
			"another organization": func(e *job.Effect) { e.Org = "other" },
		} {
			t.Run(name, func(t *testing.T) {
				e := effect(c, "only", "")
				e.Org = "mine"
				spoil(&e)
				if s.Org("mine").Write(context.Background(), func(tx *store.Tx) store.End { return intended(tx, e) }) == nil {
					t.Error("written")
				}
			})
		}
		t.Run("A156 an aborted decision leaves no effect", func(t *testing.T) {
			e := effect(c, "only", "")
			_ = s.House().Write(context.Background(), func(tx *store.Tx) store.End {
				intended(tx, e)
				return store.Abort(errors.New("changed its mind"))
			})
			all, err := job.Search(context.Background(), s, job.Filter{Everywhere: true})
			if err != nil || len(all) != 0 {
				t.Errorf("%v, %v", all, err)
			}
		})
	})
}

// TestOutcomes: what each answer of the outside leads to.
func TestOutcomes(t *testing.T) {
	unknown := errors.New("connection reset")
	each(t, nil, func(b *bench) {
		script := map[id.Effect]func(call int) (bool, error){}
		var mu sync.Mutex
		b.out.answer = func(_ context.Context, e job.Effect, call int) (bool, error) {
			mu.Lock()
			defer mu.Unlock()
			if f := script[e.ID]; f != nil {
				return f(call)
			}
			return true, nil
		}
		for _, c := range []struct {
			name   string
			answer func(call int) (bool, error)
			state  job.State
			calls  int
			landed int
			why    string
		}{
			{"answered", func(int) (bool, error) { return true, nil }, job.Done, 1, 1, ""},
			{"final refusal: parked at once", func(int) (bool, error) {
				return false, &job.Refusal{Code: "ticket-closed", Final: true}
			}, job.Parked, 1, 0, "ticket-closed"},
			{"A155 refused every time: parked after 3 tries", func(int) (bool, error) {
				return false, &job.Refusal{Code: "field-missing"}
			}, job.Parked, 3, 0, "field-missing"},
			{"refused once", func(call int) (bool, error) {
				if call == 1 {
					return false, &job.Refusal{Code: "locked"}
				}
				return true, nil
			}, job.Done, 2, 1, ""},
			{"away does not count as a try", func(call int) (bool, error) {
				if call < 6 {
					return false, &job.Away{}
				}
				return true, nil
			}, job.Done, 6, 1, ""},
			{"A157 done, and it said it was not", func(int) (bool, error) { return true, unknown }, job.Done, 1, 1, ""},
			{"not done, and nobody knows", func(call int) (bool, error) {
				if call == 1 {
					return false, unknown
				}
				return true, nil
			}, job.Done, 2, 1, ""},
			{"A155 never done, and nobody knows: parked", func(int) (bool, error) { return false, unknown }, job.Parked, 3, 0, "job-had-no-effect"},
			{"a driver that panics", func(int) (bool, error) { panic("a hole in the driver") }, job.Parked, 3, 0, "job-had-no-effect"},
		} {
			b.Run(c.name, func(t *testing.T) {
				sub := *b
				sub.T = t
				e := effect(b.clock, "only", "")
				mu.Lock()
				script[e.ID] = c.answer
				mu.Unlock()
				if err := sub.write(func(tx *store.Tx) store.End { return intended(tx, e) }); err != nil {
					t.Fatal(err)
				}
				s := sub.waitState(e.ID, c.state)
				if calls, landed := b.out.called(e.ID), b.out.count(e.ID); calls != c.calls || landed != c.landed || s.Why != c.why {
					t.Errorf("%d calls, %d landed, why %q; want %d, %d, %q", calls, landed, s.Why, c.calls, c.landed, c.why)
				}
				if n := sub.events("effect."+string(c.state), e.ID); n != 1 {
					t.Errorf("%d records of its end", n)
				}
			})
		}
	})
}

// TestFence: A157: nothing is probed or sent again before the fence has passed.
func TestFence(t *testing.T) {
	each(t, nil, func(b *bench) {
		b.out.answer = func(_ context.Context, _ job.Effect, call int) (bool, error) {
			if call == 1 {
				return false, errors.New("cut")
			}
			return true, nil
		}
		// Call and fence are measured from before the wall stamp, so the test
		// measures from before the call could be begun.
		begun := b.clock.Mono()
		e := b.intend("")
		b.wait("called", func() bool { return b.out.called(e) == 1 })
		stamp := b.look(e).SentAt
		b.wait("probed", func() bool { b.out.mu.Lock(); defer b.out.mu.Unlock(); return b.out.probes[string(e)] > 0 })
		if passed := b.clock.Mono() - begun; passed < fence {
			b.Errorf("R8 probed %v after the call was begun at the earliest, fence %v", passed, fence)
		}
		if s := b.waitState(e, job.Done); !s.SentAt.After(stamp) {
			b.Errorf("R8 sent again without a fresh stamp")
		}
	})
}

func TestLines(t *testing.T) {
	each(t, nil, func(b *bench) {
		var bad sync.Map
		b.out.answer = func(_ context.Context, e job.Effect, _ int) (bool, error) {
			if _, is := bad.Load(e.ID); is {
				return false, &job.Refusal{Code: "no", Final: true}
			}
			return true, nil
		}
		b.Run("in the order of the decisions", func(t *testing.T) {
			var want []string
			for range 20 {
				want = append(want, string(b.intend("T-1")))
			}
			b.waitState(id.Effect(want[19]), job.Done)
			b.out.mu.Lock()
			defer b.out.mu.Unlock()
			if !slices.Equal(b.out.landed, want) {
				t.Errorf("landed %v, want %v", b.out.landed, want)
			}
		})
		b.Run("A155 a parked one holds up its line and nothing else", func(t *testing.T) {
			poison := effect(b.clock, "only", "T-2")
			bad.Store(poison.ID, true)
			if err := b.write(func(tx *store.Tx) store.End { return intended(tx, poison) }); err != nil {
				t.Fatal(err)
			}
			behind, skipped, last, other := b.intend("T-2"), b.intend("T-2"), b.intend("T-2"), b.intend("T-3")
			b.waitState(poison.ID, job.Parked)
			b.waitState(other, job.Done)
			b.still()
			if s := b.look(behind); s.State != job.Intended || !s.Waits {
				t.Errorf("behind it: %+v", s)
			}
			if err := b.skip(skipped); err != nil { // while it waits
				t.Fatal(err)
			}
			if err := b.skip(poison.ID); err != nil {
				t.Fatal(err)
			}
			b.waitState(behind, job.Done)
			b.waitState(last, job.Done)
			if b.out.called(skipped) != 0 || b.events("effect.skipped", poison.ID) != 1 {
				t.Error("skipped, and yet called; or without a record")
			}
		})
		b.Run("retry", func(t *testing.T) {
			poison := effect(b.clock, "only", "T-4")
			bad.Store(poison.ID, true)
			if err := b.write(func(tx *store.Tx) store.End { return intended(tx, poison) }); err != nil {
				t.Fatal(err)
			}
			behind := b.intend("T-4")
			b.waitState(poison.ID, job.Parked)
			bad.Delete(poison.ID)
			if err := b.retry(poison.ID); err != nil {
				t.Fatal(err)
			}
			b.waitState(poison.ID, job.Done)
			b.waitState(behind, job.Done)
			for name, f := range map[string]func(id.Effect) error{"skip": b.skip, "retry": b.retry} {
				if err := f(poison.ID); fault.Code(err) != "job-not-parked" {
					t.Errorf("%s of a done one: %v", name, err)
				}
				if err := f("01hz0000000000000000000000"); fault.Code(err) != "job-effect-unknown" {
					t.Errorf("%s of nothing: %v", name, err)
				}
			}
			if b.events("effect.retried", poison.ID) != 1 {
				t.Error("retried without a record")
			}
		})
		b.Run("R4 another organization's is unknown", func(t *testing.T) {
			e := b.intend("T-5")
			err := b.operate(func(tx *store.Tx) (store.Event, error) {
				return job.Skip(tx, "other", e, id.Local(0), "")
			})
			if fault.Code(err) != "job-effect-unknown" {
				t.Error(err)
			}
		})
	})
}

// TestTwoNodes: A159: of two desks one sends.
func TestTwoNodes(t *testing.T) {
	each(t, nil, func(b *bench) {
		b.start(nil)
		var all []id.Effect
		for i := range 200 {
			all = append(all, b.intend(fmt.Sprintf("T-%d", i%50)))
		}
		for _, e := range all {
			b.waitState(e, job.Done)
			if calls, records := b.out.called(e), b.events("effect.done", e); calls != 1 || records != 1 {
				b.Errorf("A159 %s: %d calls, %d records", e, calls, records)
			}
		}
	})
}

// TestPausedOwner: A159: a node that wakes up after its effect was taken over
// changes nothing.
func TestPausedOwner(t *testing.T) {
	each(t, nil, func(b *bench) {
		awake := make(chan struct{})
		b.out.answer = func(_ context.Context, _ job.Effect, call int) (bool, error) {
			if call == 1 {
				<-awake // not even its timeout wakes it
			}
			return true, nil
		}
		e := b.intend("T-1")
		b.wait("called", func() bool { return b.out.called(e) == 1 })
		b.out.land(job.Effect{ID: e}) // it had left before the node stopped
		b.start(nil)
		s := b.waitState(e, job.Done)
		b.out.mu.Lock()
		b.out.landed = nil
		b.out.mu.Unlock()
		close(awake)
		b.still()
		if after := b.look(e); after.EndedAt != s.EndedAt || b.events("effect.done", e) != 1 || b.out.called(e) != 1 {
			b.Errorf("A159 %+v, %d records, %d calls", after, b.events("effect.done", e), b.out.called(e))
		}
		next := b.intend("T-1")
		b.waitState(next, job.Done)
	})
}

// TestClockSteps: recovery neither believes a stamp that a step made old, nor
// waits an hour because of one that a step made young.
// Where the target shows nothing to find an effect by, one that may have been
// done waits for an operator at once, and holds up nothing else; to retry it is
// to send it again.
func TestUnprovable(t *testing.T) {
	each(t, nil, func(b *bench) {
		b.out.probe = func(job.Effect) error { return job.ErrUnprovable }
		b.out.answer = func(_ context.Context, e job.Effect, call int) (bool, error) {
			if e.Line == "one" && call == 1 {
				return true, errors.New("cut off")
			}
			return true, nil
		}
		lost := b.intend("one")
		s := b.waitState(lost, job.Parked)
		if !s.Unsure || s.Why != "job-cannot-be-known" || b.out.called(lost) != 1 {
			b.Errorf("R8 parked unsure %t because of %s after %d calls", s.Unsure, s.Why, b.out.called(lost))
		}
		b.waitState(b.intend("two"), job.Done)
		if err := b.retry(lost); err != nil {
			b.Fatal(err)
		}
		if b.waitState(lost, job.Done); b.out.called(lost) != 2 {
			b.Errorf("R8 one that was retried was called %d times", b.out.called(lost))
		}
	})
}

func TestClockSteps(t *testing.T) {
	for name, step := range map[string]time.Duration{"ahead": time.Hour, "back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			each(t, nil, func(b *bench) {
				hang := make(chan struct{})
				b.Cleanup(func() { close(hang) })
				b.out.answer = func(_ context.Context, _ job.Effect, call int) (bool, error) {
					if call == 1 {
						<-hang // as if its process were gone
					}
					return true, nil
				}
				e := b.intend("")
				b.wait("called", func() bool { return b.out.called(e) == 1 })
				b.start(nil) // takes over
				b.still()
				b.clock.Step(step)
				begun := b.clock.Mono()
				b.wait("probed", func() bool { b.out.mu.Lock(); defer b.out.mu.Unlock(); return b.out.probes[string(e)] > 0 })
				if waited := b.clock.Mono() - begun; waited < fence-200*time.Millisecond || waited > 3*fence {
					b.Errorf("R8 probed %v after the step, fence %v", waited, fence)
				}
				b.waitState(e, job.Done)
			})
		})
	}
}

// TestBreaker: F7: a dead target is left alone, its queue keeps, others flow.
func TestBreaker(t *testing.T) {
	for name, dead := range map[string]func(ctx context.Context) error{
		"refuses connections": func(context.Context) error { return &job.Away{Err: errors.New("refused")} },
		"hangs":               func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(_ *job.Options, d *job.Driver) {
				d.Timeout, d.Fence = 30*time.Second, 60*time.Second
			}, func(b *bench) {
				var repaired sync.Map
				b.out.answer = func(ctx context.Context, e job.Effect, _ int) (bool, error) {
					if _, well := repaired.Load("all"); e.Target == "dead" && !well {
						return false, dead(ctx)
					}
					return true, nil
				}
				var queue []id.Effect
				for range 20 {
					queue = append(queue, b.intendAt("dead", ""))
				}
				for range 1000 { // the clock stands until the first calls are out
					if s := b.standing("dead"); s.Running > 0 || s.Failures > 0 {
						break
					}
					time.Sleep(2 * time.Millisecond)
				}
				begun := b.clock.Mono()
				b.wait("the breaker opens", func() bool { return b.standing("dead").Open })
				if took := b.clock.Mono() - begun; took > 10*time.Second {
					b.Errorf("F7 it took %v", took)
				}
				b.waitState(b.intendAt("alive", ""), job.Done)
				if counts, err := job.Counts(context.Background(), b.store); err != nil || len(counts) == 0 || counts[0].Oldest.IsZero() {
					b.Errorf("F7 the oldest is not shown: %+v, %v", counts, err)
				}
				repaired.Store("all", true)
				for _, e := range queue {
					b.waitFor(e)
				}
				if b.standing("dead").Open {
					b.Error("it stays open")
				}
			})
		})
	}
}

// waitFor is waitState with long strides.
func (b *bench) waitFor(effect id.Effect) {
	b.Helper()
	b.wait("done", func() bool {
		b.clock.Advance(time.Second)
		time.Sleep(3 * time.Millisecond)
		return b.look(effect).State == job.Done
	})
	if n := b.out.count(effect); n != 1 {
		b.Errorf("A157 landed %d times", n)
	}
}

func (b *bench) standing(target string) job.Standing {
	for _, s := range b.desk.Standings() {
		if s.Target == target {
			return s
		}
	}
	return job.Standing{}
}

func TestRetryAfter(t *testing.T) {
	each(t, nil, func(b *bench) {
		b.out.answer = func(_ context.Context, e job.Effect, call int) (bool, error) {
			if e.Line == "first" && call == 1 {
				return false, &job.Away{After: 20 * time.Second}
			}
			return true, nil
		}
		first := b.intend("first")
		b.wait("called", func() bool { return b.out.called(first) == 1 && b.standing("only").Held > 0 })
		asked := b.clock.Mono()
		second := b.intend("second")
		b.waitState(second, job.Done)
		if waited := b.clock.Mono() - asked; waited < 19*time.Second {
			b.Errorf("the target asked for 20 s, and was called after %v", waited)
		}
		b.waitState(first, job.Done)
		if b.standing("only").Open {
			b.Error("a target that answers is not dead")
		}
	})
}

// TestFollowUp: what follows from an effect is written with its end or not at
// all.
func TestFollowUp(t *testing.T) {
	var fail sync.Map
	each(t, func(_ *job.Options, d *job.Driver) {
		d.Then = func(tx *store.Tx, e job.Effect, _ json.RawMessage) ([]store.Event, error) {
			if _, is := fail.Load(e.ID); is {
				return nil, errors.New("cannot follow")
			}
			return []store.Event{{Name: "followed", By: e.By, Target: "effect:" + e.Marker()}}, nil
		}
	}, func(b *bench) {
		e := b.intend("")
		if s := b.waitState(e, job.Done); string(s.Result) != `{"ref":"R1"}` || b.events("followed", e) != 1 {
			b.Errorf("%+v", s)
		}
		broken := effect(b.clock, "only", "")
		fail.Store(broken.ID, true)
		if err := b.write(func(tx *store.Tx) store.End { return intended(tx, broken) }); err != nil {
			b.Fatal(err)
		}
		if s := b.waitState(broken.ID, job.Parked); !s.Unsure || s.Why != "job-follow-up-failed" {
			b.Errorf("%+v", s)
		}
		fail.Delete(broken.ID)
		if err := b.retry(broken.ID); err != nil {
			b.Fatal(err)
		}
		b.waitState(broken.ID, job.Done)
		if b.out.count(broken.ID) != 1 || b.events("followed", broken.ID) != 1 {
			b.Error("A157 retried by calling again")
		}
	})
}

func TestStop(t *testing.T) {
	each(t, nil, func(b *bench) {
		entered, leave := make(chan struct{}), make(chan struct{})
		b.out.answer = func(ctx context.Context, e job.Effect, _ int) (bool, error) {
			entered <- struct{}{}
			select {
			case <-leave:
				return true, nil
			case <-ctx.Done():
				return false, ctx.Err()
			}
		}
		e := b.intend("")
		<-entered
		go func() { time.Sleep(20 * time.Millisecond); close(leave) }()
		if err := b.desk.Stop(context.Background()); err != nil {
			b.Fatal(err)
		}
		if s := b.look(e); s.State != job.Done {
			b.Errorf("the stop did not wait: %s", s.State)
		}
		after := b.intend("")
		b.clock.Advance(time.Second)
		b.still()
		if s := b.look(after); s.State != job.Intended {
			b.Errorf("claimed after the stop: %s", s.State)
		}
	})
}

func TestSearchAndSweep(t *testing.T) {
	each(t, nil, func(b *bench) {
		ctx := context.Background()
		var all []id.Effect
		for range 7 {
			all = append(all, b.intend("T-1"))
			b.clock.Advance(time.Millisecond)
		}
		b.waitState(all[6], job.Done)
		var pages []id.Effect
		for f := (job.Filter{Everywhere: true, State: job.Done, Limit: 3}); ; {
			page, err := job.Search(ctx, b.store, f)
			if err != nil {
				b.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, s := range page {
				pages = append(pages, s.ID)
			}
			f.After = page[len(page)-1].ID
		}
		if !slices.Equal(pages, all) {
			b.Errorf("%v, want %v", pages, all)
		}
		if none, err := job.Search(ctx, b.store, job.Filter{Org: "other"}); err != nil || len(none) != 0 {
			b.Errorf("R4 %v, %v", none, err)
		}
		if n, err := job.Sweep(ctx, b.store, b.clock, time.Hour); n != 0 || err != nil {
			b.Errorf("swept %d, %v", n, err)
		}
		b.clock.Advance(2 * time.Hour)
		if n, err := job.Sweep(ctx, b.store, b.clock, time.Hour); n != 7 || err != nil {
			b.Errorf("swept %d, %v", n, err)
		}
		b.waitState(b.intend("T-1"), job.Done) // the line begins anew
	})
}
