package job_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/store"
)

// TestEffectMachine: R8, A155–A159: whatever the outside answers, wherever the
// process dies, and however an operator interferes.
func TestEffectMachine(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		c := clock.NewMoved(housetest.Epoch)
		s := housetest.Open(t, url, c, job.Schema)
		run := 0
		rapid.Check(t, func(t *rapid.T) {
			run++
			m := &machine{t: t, store: s, clock: c, name: fmt.Sprintf("run%d", run), gone: make(chan struct{}), model: map[id.Effect]*known{}}
			defer close(m.gone)
			m.begin()
			t.Repeat(map[string]func(*rapid.T){
				"intend": m.intend, "pass": m.pass, "crash": m.crash, "retry": m.retry, "skip": m.skip, "step": m.step, "": m.check,
			})
			m.drain()
		})
	})
}

// fate is what becomes of a call.
type fate int

const (
	fine      fate = iota // lands, and says so
	refused               // does not land, and says so
	away                  // does not land: nobody is there
	lie                   // lands, and says it did not
	lost                  // does not land, and nobody knows
	late                  // lands within the fence, after the caller gave up
	deadEarly             // its process dies before it lands
	deadLate              // its process dies, and it lands within the fence
	fates
)

// known is the model of an effect.
type known struct {
	job.Effect
	state   job.State
	retried bool // since the state was seen
	skipped bool
}

// machine is the desk, the outside and the model of both.
type machine struct {
	t     *rapid.T
	store *store.Store
	clock *clock.Moved
	name  string
	desk  *job.Desk
	gone  chan struct{} // calls of dead processes hang until the end

	mu      sync.Mutex
	next    []fate
	held    int // calls of the living desk that do not come back
	died    bool
	pending map[string]time.Duration // landings that are on their way, monotonic
	landed  []string

	model map[id.Effect]*known
	order []id.Effect
}

// begin starts a process; those before it are dead.
func (m *machine) begin() {
	m.desk = job.New(job.Options{
		Store: m.store, Clock: m.clock, Tries: 3, Skew: time.Microsecond, Backoff: func(int) time.Duration { return time.Second },
	})
	m.held, m.died = 0, false
	err := m.desk.Register(job.Driver{Name: m.name, Timeout: timeout, Fence: fence, Do: m.do, Probe: m.probe, Concurrency: 3})
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) do(_ context.Context, e job.Effect) (json.RawMessage, error) {
	m.mu.Lock()
	f := fine
	if len(m.next) > 0 {
		f, m.next = m.next[0], m.next[1:]
	}
	if m.died {
		f = deadEarly // this process does nothing any more
	}
	switch f {
	case fine, lie:
		m.landed = append(m.landed, e.Marker())
	case late, deadLate:
		if m.pending == nil {
			m.pending = map[string]time.Duration{}
		}
		m.pending[e.Marker()] = m.clock.Mono() + fence - time.Millisecond
	}
	if f == deadEarly || f == deadLate {
		m.held++
		m.died = true
	}
	m.mu.Unlock()
	switch f {
	case refused:
		return nil, &job.Refusal{Code: "no"}
	case away:
		return nil, &job.Away{}
	case lie, lost, late:
		return nil, errors.New("cut")
	case deadEarly, deadLate:
		<-m.gone
		return nil, errors.New("too late")
	}
	return nil, nil
}

func (m *machine) probe(_ context.Context, e job.Effect) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Contains(m.landed, e.Marker()), nil
}

func (m *machine) intend(t *rapid.T) {
	e := job.Effect{
		ID: id.New[id.Effect](m.clock.Now()), Driver: m.name, Target: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "target"),
		Line: rapid.SampledFrom([]string{"", "T-1", "T-2"}).Draw(t, "line"), Payload: json.RawMessage(`{}`), By: id.System("test"),
	}
	if err := m.store.House().Write(context.Background(), func(tx *store.Tx) store.End { return intended(tx, e) }); err != nil {
		t.Fatal(err)
	}
	m.model[e.ID] = &known{Effect: e, state: job.Intended}
	m.order = append(m.order, e.ID)
}

// pass lets time go by and the desk look for work. If a process died on the
// way, the next takes over.
func (m *machine) pass(t *rapid.T) {
	draws := rapid.SliceOfN(rapid.IntRange(0, int(fates)-1), 0, 4).Draw(t, "fates")
	m.mu.Lock()
	m.next = nil
	for _, f := range draws {
		m.next = append(m.next, fate(f))
	}
	m.mu.Unlock()
	m.turn(time.Duration(rapid.IntRange(0, 7000).Draw(t, "ms")) * time.Millisecond)
}

func (m *machine) turn(d time.Duration) {
	m.clock.Advance(d)
	m.mu.Lock()
	for marker, at := range m.pending {
		if at <= m.clock.Mono() {
			m.landed = append(m.landed, marker)
			delete(m.pending, marker)
		}
	}
	m.mu.Unlock()
	m.desk.Turn(m.holds, func() { time.Sleep(100 * time.Microsecond) })
	if m.holds() > 0 {
		m.begin()
	}
}

func (m *machine) holds() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held
}

// crash ends the process between two calls.
func (m *machine) crash(*rapid.T) { m.begin() }

// step moves the wall clock alone, under the eyes of the living process.
func (m *machine) step(t *rapid.T) {
	m.clock.Step(time.Duration(rapid.SampledFrom([]int{-3600, -10, 10, 3600}).Draw(t, "s")) * time.Second)
	m.turn(0)
}

func (m *machine) retry(t *rapid.T) { m.operate(t, false) }

func (m *machine) skip(t *rapid.T) { m.operate(t, true) }

// operate lets an operator try something with any effect: the rules decide.
func (m *machine) operate(t *rapid.T, skip bool) {
	if len(m.order) == 0 {
		t.Skip("nothing to operate on")
	}
	k := m.model[rapid.SampledFrom(m.order).Draw(t, "effect")]
	err := m.store.House().Write(context.Background(), func(tx *store.Tx) store.End {
		var event store.Event
		var err error
		if skip {
			event, err = job.Skip(tx, "", k.ID, id.Local(0), "")
		} else {
			event, err = job.Retry(tx, "", k.ID, id.Local(0))
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
	may := k.state == job.Parked || skip && k.state == job.Intended
	if (err == nil) != may {
		t.Fatalf("R8 skip %t of a %s effect: %v", skip, k.state, err)
	}
	if err == nil {
		k.skipped, k.retried = skip, !skip
	}
}

// moves are the ways that a state may have gone between two looks.
var moves = map[job.State][]job.State{
	job.Intended: {job.Intended, job.Inflight, job.Done, job.Parked},
	job.Inflight: {job.Intended, job.Inflight, job.Done, job.Parked},
	job.Done:     {job.Done},
	job.Parked:   {job.Parked},
	job.Skipped:  {job.Skipped},
}

func (m *machine) check(t *rapid.T) {
	all, err := job.Search(context.Background(), m.store, job.Filter{Everywhere: true, Driver: m.name, Limit: 500})
	if err != nil || len(all) != len(m.model) {
		t.Fatalf("A156 %d effects of %d: %v", len(all), len(m.model), err)
	}
	for _, s := range all {
		k := m.model[s.ID]
		from := k.state
		if k.retried && from == job.Parked {
			from = job.Intended
		}
		legal := slices.Contains(moves[from], s.State)
		if k.skipped {
			legal = s.State == job.Skipped
		}
		if !legal {
			t.Fatalf("R8 an effect went from %s to %s", k.state, s.State)
		}
		k.state, k.retried = s.State, false
		m.checkLanded(t, s)
	}
	m.checkOrder(t)
}

func (m *machine) checkLanded(t *rapid.T, s job.Status) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, marker := range m.landed {
		if marker == s.Marker() {
			n++
		}
	}
	if n > 1 {
		t.Fatalf("A157 doubled: landed %d times", n)
	}
	if s.State == job.Done && n != 1 {
		t.Fatalf("R8 done, and landed %d times", n)
	}
}

// checkOrder: what has landed of a line landed in the order of the decisions.
func (m *machine) checkOrder(t *rapid.T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	last := map[string]int{}
	for _, marker := range m.landed {
		k := m.model[id.Effect(marker)]
		if k.Line == "" {
			continue
		}
		line, place := k.Target+"/"+k.Line, slices.Index(m.order, k.ID)
		if place < last[line] {
			t.Fatalf("R8 line %s out of order", line)
		}
		last[line] = place
	}
}

// drain: with an outside that is well again everything comes to its end, with
// one record.
func (m *machine) drain() {
	m.mu.Lock()
	m.next = nil
	m.mu.Unlock()
	for range 400 {
		m.turn(2 * time.Second)
		m.check(m.t)
		open := 0
		for _, k := range m.model {
			if k.state == job.Parked {
				m.unpark(k)
			}
			if k.state != job.Done && k.state != job.Skipped {
				open++
			}
		}
		if open == 0 {
			m.checkRecords()
			return
		}
	}
	m.t.Fatal("R8 it does not come to an end")
}

func (m *machine) unpark(k *known) {
	err := m.store.House().Write(context.Background(), func(tx *store.Tx) store.End {
		event, err := job.Retry(tx, "", k.ID, id.Local(0))
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
	if err != nil {
		m.t.Fatal(err)
	}
	k.retried = true
}

func (m *machine) checkRecords() {
	ends := map[string]int{}
	err := m.store.House().Read(context.Background(), func(v *store.View) error {
		rows, err := v.Query("SELECT body FROM housetest_event WHERE body LIKE '%\"effect.done\"%' OR body LIKE '%\"effect.skipped\"%'")
		_, err = store.Collect(rows, err, func(scan func(...any) error) (event store.Event, err error) {
			var body string
			if err = scan(&body); err == nil {
				err = json.Unmarshal([]byte(body), &event)
			}
			ends[event.Target]++
			return event, err
		})
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
	for effect := range m.model {
		if n := ends["effect:"+string(effect)]; n != 1 {
			m.t.Fatalf("A156 %d records of the end of an effect", n)
		}
	}
}
