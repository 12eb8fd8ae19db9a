package order_test

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/order"
)

// TestKilledOnItsWay stops the worker before the call, with the order placed and
// no answer, and with the answer in hand; then again in the next try: nothing is
// lost and nothing ordered twice (R8, C22).
func TestKilledOnItsWay(t *testing.T) {
	each(t, func(r *rig) {
		room := r.h.Orders().Apart("order.test")
		n := 0
		for _, deaths := range [][]string{{"before"}, {"cut"}, {"after"}, {"before", "after"}, {"cut", "before"}, {"after", "after"}} {
			n++
			q, err := room.Order(ctx, r.k.Aoi, r.wish("iPhone"))
			if err != nil {
				r.t.Fatal(err)
			}
			for _, death := range deaths {
				r.die(room, q.ID, death)
			}
			r.live(room, q.ID)
			if got := r.get(q.ID); got.Number == "" || len(r.sn.Requests()) != n {
				r.t.Errorf("%v: the order is %q, ServiceNow has %d of %d", deaths, got.Number, len(r.sn.Requests()), n)
			}
		}
		if r.recorded("order.placed") != n {
			r.t.Errorf("%d placed of %d", r.recorded("order.placed"), n)
		}
	})
}

func (r *rig) start(driver job.Driver) *job.Desk {
	r.t.Helper()
	desk := job.New(job.Options{Store: r.h.Store(), Clock: r.clock, Log: housetest.Log(r.t)})
	if err := errors.Join(desk.Register(driver), desk.Start()); err != nil {
		r.t.Fatal(err)
	}
	return desk
}

func (r *rig) stop(desk *job.Desk) {
	cut, cancel := context.WithCancel(ctx)
	cancel()
	_ = desk.Stop(cut)
}

// die runs a worker that dies at its first call. What it held stays as it was.
func (r *rig) die(room *order.Room, which id.Order, at string) {
	r.t.Helper()
	dead := make(chan struct{})
	var died atomic.Bool
	die := func() {
		if died.CompareAndSwap(false, true) {
			close(dead)
			runtime.Goexit()
		}
	}
	driver := room.Driver()
	do := driver.Do
	driver.Do = func(ctx context.Context, e job.Effect) (json.RawMessage, error) {
		if at == "before" {
			die()
		}
		if at == "cut" {
			r.sn.Set(func(s *servicenow.Switches) { s.Cut = 1 })
		}
		answer, err := do(ctx, e)
		die()
		return answer, err
	}
	desk := r.start(driver)
	defer r.stop(desk)
	for range 3000 {
		select {
		case <-dead:
			return
		case <-time.After(5 * time.Millisecond):
			r.clock.Advance(time.Second)
		}
		if r.get(which).Way == order.There { // the probe found it: there was no such call
			return
		}
	}
	r.t.Fatalf("the worker never died %s", at)
}

// live runs a worker that does not die until the order is there.
func (r *rig) live(room *order.Room, which id.Order) {
	r.t.Helper()
	desk := r.start(room.Driver())
	defer r.stop(desk)
	r.there(which)
}

// TestAnAnswerThatGotLost: the house itself finds the order again, and does not
// take another one of the same item for it.
func TestAnAnswerThatGotLost(t *testing.T) {
	each(t, func(r *rig) {
		if _, err := r.sn.Order("aoi", "iPhone", 1); err != nil { // a moment before, there
			r.t.Fatal(err)
		}
		r.sn.Set(func(s *servicenow.Switches) { s.Cut = 1 })
		q := r.there(r.order(r.wish("iPhone")).ID)
		all := r.sn.Requests()
		if len(all) != 2 || q.Number != all[1].Number {
			r.t.Errorf("the order is %s, ServiceNow has %d", q.Number, len(all))
		}
	})
}

// TestNobodyCanSay: an order whose answer got lost, at a system where nothing
// shows it, is parked with words and never sent again, whatever an operator
// presses; and so is one of which two could be it.
func TestNobodyCanSay(t *testing.T) {
	r := newRig(t, housetest.SQLite(t))
	unclear := func(q order.Request) bool {
		s, err := r.h.Orders().StandOf(ctx, r.get(q.ID))
		return err == nil && s.Unclear
	}
	t.Run("two could be it", func(t *testing.T) {
		w := r.wish("Shared Mailbox")
		r.sn.Set(func(s *servicenow.Switches) { s.Cut = 1 })
		q := r.order(w)
		r.until("sent", func() bool { return len(r.sn.Requests()) == 1 })
		if _, err := r.sn.Order("aoi", "Shared Mailbox", 1); err != nil {
			t.Fatal(err)
		}
		r.until("unclear", func() bool { return unclear(q) })
		r.again(q)
		r.until("unclear again", func() bool { return unclear(q) })
		page := r.h.As(t, r.k.Aoi, r.k.Org).Get(order.PathOf(q.ID))
		if !strings.Contains(page.Body, "nobody knows whether the order arrived") || len(r.sn.Requests()) != 2 {
			t.Errorf("%d requests; the page says\n%s", len(r.sn.Requests()), page.Body)
		}
	})
	t.Run("nothing shows it", func(t *testing.T) {
		text := ""
		for _, d := range connector.BuiltIn() {
			if d.ID == "servicenow" {
				text = string(d.Source)
			}
		}
		text = strings.Replace(text, "probe: {by: natural, op: catalog.placed}", "probe: {by: none}", 1)
		text = strings.Replace(text, "id: servicenow\n", "id: another-desk\n", 1)
		system := r.add(map[string]any{"definition": "another-desk", "document": text, "name": "another", "title": "Another desk"})
		r.connect(system, r.k.Aoi, "aoi")
		before := len(r.sn.Requests())
		r.system = system
		r.sn.Set(func(s *servicenow.Switches) { s.Cut = 1 })
		q := r.order(r.wish("iPhone"))
		r.until("unclear", func() bool { return unclear(q) })
		r.again(q)
		r.until("unclear again", func() bool { return unclear(q) })
		if n := len(r.sn.Requests()); n != before+1 {
			t.Errorf("%d requests, want %d", n, before+1)
		}
	})
}

// again is an operator who has the effect of an order tried again.
func (r *rig) again(q order.Request) {
	r.t.Helper()
	got := r.h.As(r.t, r.k.Chika, r.k.Org).Call("POST", "/api/v1/effects/"+string(q.Effect)+"/retry", map[string]any{})
	if got.Status >= 300 {
		r.t.Fatalf("try again: %d %s", got.Status, got.Body)
	}
}
