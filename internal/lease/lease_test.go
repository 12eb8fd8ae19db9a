package lease_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/store"
)

var (
	ctx = context.Background()
	by  = id.Local(0)
	in  = id.Org("01m00000000000000000000001")
	who = id.Person("01m00000000000000000000002")
)

// shelf is where things stand that are let out: it can refuse to take them back.
type shelf struct {
	mu    sync.Mutex
	dead  error
	later bool // proven only afterwards
	taken []id.Lease
}

func (s *shelf) Kind() string { return "thing" }

func (s *shelf) Take(_ *store.Tx, l lease.Lease) (bool, []store.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead != nil {
		return false, nil, s.dead
	}
	if !slices.Contains(s.taken, l.ID) {
		s.taken = append(s.taken, l.ID)
	}
	return !s.later, nil, nil
}

func (s *shelf) set(dead error, later bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead, s.later = dead, later
}

func (s *shelf) has() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.taken)
}

type rig struct {
	t      *testing.T
	store  *store.Store
	clock  *clock.Moved
	ledger *lease.Ledger
	shelf  *shelf
}

func each(t *testing.T, f func(t *testing.T, r *rig)) {
	t.Helper()
	housetest.EachURL(t, func(t *testing.T, url string) {
		c := clock.NewMoved(housetest.Epoch)
		s := housetest.Open(t, url, c, lease.Schema, job.Schema)
		shelf := &shelf{}
		f(t, &rig{t, s, c, lease.New(lease.Options{Store: s, Clock: c, Log: housetest.Log(t)}, shelf), shelf})
	})
}

// lend lets a thing out for so long; 0 is without an end.
func (r *rig) lend(thing string, length time.Duration) (lease.Lease, error) {
	l := lease.Lease{Org: in, ID: id.New[id.Lease](r.clock.Now()), Person: who, Kind: "thing", Target: thing, Title: thing, By: by}
	if length != 0 {
		l.Until = r.clock.Now().Add(length)
	}
	timer := id.New[job.TimerID](r.clock.Now())
	err := r.store.Org(in).Write(ctx, func(tx *store.Tx) store.End {
		e, err := r.ledger.Begin(tx, l, timer)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(e)
	})
	return l, err
}

func (r *rig) must(thing string, length time.Duration) lease.Lease {
	r.t.Helper()
	l, err := r.lend(thing, length)
	if err != nil {
		r.t.Fatal(err)
	}
	return l
}

func (r *rig) get(l lease.Lease) lease.Lease {
	r.t.Helper()
	l, err := r.ledger.Get(ctx, in, l.ID)
	if err != nil {
		r.t.Fatal(err)
	}
	return l
}

func (r *rig) sweep() {
	r.t.Helper()
	if err := r.ledger.Sweep(ctx); err != nil {
		r.t.Fatal(err)
	}
}

func TestRefused(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		first := r.must("a", time.Hour)
		if _, err := r.lend("a", time.Hour); fault.Code(err) != "lease-already" {
			t.Errorf("twice to one person: %v", err)
		}
		if _, err := r.lend("b", -time.Second); fault.Code(err) != "lease-over-before-begun" {
			t.Errorf("over before it began: %v", err)
		}
		if _, err := r.ledger.Get(ctx, "01m00000000000000000000009", first.ID); fault.Code(err) != "lease-unknown" {
			t.Errorf("R4 from another organization: %v", err)
		}
		if _, err := r.ledger.End(ctx, by, "01m00000000000000000000009", first.ID, lease.Revoked); fault.Code(err) != "lease-unknown" {
			t.Errorf("R4 ended from another organization: %v", err)
		}
		if _, _, err := r.ledger.In(ctx, in, lease.Query{Cursor: "x' OR 1=1"}); fault.Code(err) != "cursor-malformed" {
			t.Errorf("A061 a forged cursor: %v", err)
		}
		if l, err := r.ledger.End(ctx, by, in, first.ID, lease.Revoked); err != nil || l.State != lease.Back {
			t.Fatalf("%+v %v", l, err)
		}
		if _, err := r.ledger.End(ctx, by, in, first.ID, lease.Returned); fault.Code(err) != "lease-over" {
			t.Errorf("ended twice: %v", err)
		}
		r.must("a", time.Hour) // once it is back it can be let out again
	})
}

// A125: what is overdue is taken back, however its timer fares, and by whichever
// process comes to look; a dead target is tried until it answers.
func TestTakenBack(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		early, late, endless := r.must("early", time.Minute), r.must("late", time.Hour), r.must("endless", 0)
		r.clock.Advance(time.Minute - time.Second)
		r.sweep()
		if r.shelf.has() != 0 {
			t.Fatal("A125 taken back early")
		}
		r.clock.Advance(5 * time.Second) // T+4 s, and no timer fired: nobody runs them here
		r.sweep()
		if got := r.get(early); got.State != lease.Back || got.Why != lease.Expired || r.get(late).State != lease.Out || r.get(endless).State != lease.Out {
			t.Errorf("A125 at T+4 s: %+v", got)
		}
		r.shelf.set(errors.New("dead"), false)
		r.clock.Advance(time.Hour)
		for range 20 { // tried again and again, never given up
			r.sweep()
			r.clock.Advance(10 * time.Minute)
		}
		if got := r.get(late); !got.Stuck() || got.Tries < 10 || got.Trouble != "lease-taking-failed" || got.Why != lease.Expired {
			t.Errorf("A125 with a dead target: %+v", got)
		}
		alarms := 0
		for _, e := range housetest.Witnessed(t, r.store) {
			if e.Name == "lease.stuck" {
				alarms++
			}
		}
		if alarms != 1 {
			t.Errorf("A125 %d alarms of one trouble", alarms)
		}
		r.shelf.set(nil, false)
		r.clock.Advance(10 * time.Minute)
		again := lease.New(lease.Options{Store: r.store, Clock: r.clock, Log: housetest.Log(t)}, r.shelf) // after a kill
		if err := again.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		if got := r.get(late); got.State != lease.Back {
			t.Errorf("A125 once the target is there: %+v", got)
		}
	})
}

// A revocation that meets a dead target stays decided.
func TestRevokedWithADeadTarget(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		l := r.must("a", time.Hour)
		r.shelf.set(fault.New(fault.Unmet, "held-already"), false)
		got, err := r.ledger.End(ctx, by, in, l.ID, lease.Revoked)
		if err != nil || r.get(got).State != lease.Taking || r.get(got).Why != lease.Revoked {
			t.Fatalf("CAP-H17 %+v %v", r.get(got), err)
		}
		r.shelf.set(nil, true)
		r.clock.Advance(5 * time.Second)
		r.sweep()
		if now := r.get(l); now.State != lease.Taking || now.Stuck() {
			t.Fatalf("CAP-H17 on its way: %+v", now)
		}
		err = r.store.Org(in).Write(ctx, func(tx *store.Tx) store.End {
			events, err := r.ledger.Proven(tx, in, l.ID)
			if err != nil || len(events) == 0 {
				return store.Abort(errors.Join(err, errors.New("nothing")))
			}
			return store.Done(events[0], events[1:]...)
		})
		if now := r.get(l); err != nil || now.State != lease.Back || now.EndedBy != by {
			t.Errorf("CAP-H17 proven: %+v %v", now, err)
		}
	})
}

// What was decided outlives the process that decided it: another one carries it
// out, as what it was.
func TestA158ARevocationOutlivesItsProcess(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		l := r.must("a", time.Hour)
		r.shelf.set(errors.New("dead"), false)
		if _, err := r.ledger.End(ctx, by, in, l.ID, lease.Revoked); err != nil {
			t.Fatal(err)
		}
		r.shelf.set(nil, false)
		if r.shelf.has() != 0 {
			t.Fatal("it was carried out at once: the test shows nothing")
		}
		r.clock.Advance(10 * time.Minute) // the lease itself would last for longer
		again := lease.New(lease.Options{Store: r.store, Clock: r.clock, Log: housetest.Log(t)}, r.shelf)
		if err := again.Sweep(ctx); err != nil {
			t.Fatal(err)
		}
		if now := r.get(l); now.State != lease.Back || now.Why != lease.Revoked || now.EndedBy != by || r.shelf.has() != 1 {
			t.Errorf("%+v, taken %d times", now, r.shelf.has())
		}
		if err := again.Sweep(ctx); err != nil || r.shelf.has() != 1 {
			t.Errorf("carried out again: %d times, %v", r.shelf.has(), err)
		}
	})
}

// A113: 64 end it at once, and it ends once.
func TestEndedAtOnce(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		l := r.must("a", time.Hour)
		var mu sync.Mutex
		codes := map[string]int{}
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				_, err := r.ledger.End(ctx, by, in, l.ID, lease.Returned)
				for f := fault.As(err); f != nil && f.Kind == fault.Busy; f = fault.As(err) {
					_, err = r.ledger.End(ctx, by, in, l.ID, lease.Returned)
				}
				mu.Lock()
				defer mu.Unlock()
				codes[fault.Code(err)]++
			})
		}
		wg.Wait()
		if codes[""] != 1 || codes["lease-over"] != 63 {
			t.Errorf("A113 %v", codes)
		}
	})
}

// An extension moves the end, and the old timer does nothing.
func TestExtended(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		l := r.must("a", time.Hour)
		timer := id.New[job.TimerID](r.clock.Now())
		until := r.clock.Now().Add(3 * time.Hour)
		extend := func() error {
			return r.store.Org(in).Write(ctx, func(tx *store.Tx) store.End {
				_, e, err := r.ledger.Extend(tx, in, l.ID, until, by, timer)
				if err != nil {
					return store.Abort(err)
				}
				return store.Done(e)
			})
		}
		if err := extend(); err != nil {
			t.Fatal(err)
		}
		r.clock.Advance(time.Hour + 10*time.Second)
		payload, _ := json.Marshal(map[string]string{"lease": string(l.ID)})
		does, err := r.ledger.Expire(ctx, job.Timer{ID: "01m0000000000000000000000z", Org: in, Payload: payload})
		if err == nil {
			err = r.store.House().Write(ctx, does)
		}
		if r.sweep(); err != nil || r.get(l).State != lease.Out {
			t.Fatalf("CAP-H12 ended by an old timer: %+v %v", r.get(l), err)
		}
		r.clock.Advance(2 * time.Hour)
		if r.sweep(); r.get(l).State != lease.Back {
			t.Errorf("CAP-H12 %+v", r.get(l))
		}
		if err := extend(); fault.Code(err) != "lease-over" {
			t.Errorf("CAP-H12 extended after its end: %v", err)
		}
	})
}
