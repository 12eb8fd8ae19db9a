package card_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/job"
)

// crashes are the steps of a decision's way at which a worker dies: before the
// question is read, before and after the decision lands, before it is read back,
// and with the answer in hand.
const crashes = 5

// TestKilledAtEveryStep stops the worker at every step, twice in a row at every
// pair of steps: nothing is lost, nothing doubled, and the card is applied only
// once the system says so (H10, C22).
func TestKilledAtEveryStep(t *testing.T) {
	each(t, func(r *rig) {
		n := 0
		for one := 1; one <= crashes; one++ {
			for two := 0; two <= crashes; two++ {
				n++
				row := fmt.Sprint(n)
				r.ask(row)
				r.read()
				if _, err := r.press(r.card(row)); err != nil {
					t.Fatal(err)
				}
				r.dieAt(one, row)
				if two > 0 {
					r.dieAt(two, row)
				}
				r.live(row, card.Applied)
				if r.state(row) != connector.Approved {
					t.Errorf("%d, %d: the system says %s", one, two, r.state(row))
				}
			}
		}
		if len(r.writes()) != n || r.events("card.decided") != n || r.events("card.applied") != n {
			t.Errorf("%d writes, %d decided, %d applied of %d decisions", len(r.writes()), r.events("card.decided"), r.events("card.applied"), n)
		}
	})
}

// dieAt runs a worker that dies at the given step of its first call. What it
// held stays as it was.
func (r *rig) dieAt(at int, row string) {
	r.t.Helper()
	dead := make(chan struct{})
	var steps atomic.Int64
	die := func(string) {
		if int(steps.Add(1)) == at {
			close(dead)
			runtime.Goexit()
		}
	}
	driver := r.room.Driver()
	do := driver.Do
	driver.Do = func(ctx context.Context, e job.Effect) (json.RawMessage, error) {
		answer, err := do(ctx, e)
		die("answer")
		return answer, err
	}
	r.office.atStep = die
	desk := r.start(driver)
	defer r.stop(desk)
	for range 3000 {
		select {
		case <-dead:
			return
		case <-time.After(5 * time.Millisecond):
			r.clock.Advance(time.Second)
		}
		if r.card(row).State == card.Applied { // the probe found it: there was no such step
			return
		}
	}
	r.t.Fatalf("step %d was never reached, card %s is %s", at, row, r.card(row).State)
}

// live runs a worker that does not die until the card has a state.
func (r *rig) live(row string, want card.State) {
	r.t.Helper()
	r.office.atStep = nil
	desk := r.start(r.room.Driver())
	defer r.stop(desk)
	r.ends(row, want)
}

func (r *rig) start(driver job.Driver) *job.Desk {
	r.t.Helper()
	desk := job.New(job.Options{Store: r.store, Clock: r.clock, Log: housetest.Log(r.t)})
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
