package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/store"
)

// TestTheOtherServerTakesOver shows F2: the server dies under load, its standby is
// promoted, and the process goes on there by itself; everybody whose write was
// acknowledged finds it, and nobody is told anything but that the database is
// away.
func TestTheOtherServerTakesOver(t *testing.T) {
	housetest.Long(t)
	first, _ := housetest.OwnPostgres(t)
	second := first.Standby(t)
	s := housetest.Open(t, first.Either(second), clock.System(), schema)
	var acknowledged [8]atomic.Int64 // of each writer, who writes one after the other
	var refused atomic.Int64
	all := func() (n int64) {
		for i := range acknowledged {
			n += acknowledged[i].Load()
		}
		return n
	}
	reach := func(what string, n int64) {
		t.Helper()
		for range 1200 {
			if all() >= n {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("%s: only %d writes of %d", what, all(), n)
	}
	stop := make(chan struct{})
	var writers sync.WaitGroup
	t.Cleanup(writers.Wait)
	t.Cleanup(func() { close(stop) })
	for i := range acknowledged {
		writers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				n := acknowledged[i].Load()
				err := s.House().Write(ctx, func(tx *store.Tx) store.End {
					if _, err := tx.Exec("INSERT INTO thing (id, n) VALUES ($1, $2) ON CONFLICT DO NOTHING", fmt.Sprintf("%d-%d", i, n), i); err != nil {
						return store.Abort(err)
					}
					return store.Done(event)
				})
				switch {
				case err == nil:
					acknowledged[i].Add(1)
				case fault.As(err) != nil && fault.As(err).Kind == fault.Busy:
					refused.Add(1)
					time.Sleep(20 * time.Millisecond)
				default:
					t.Errorf("F2 a database that went away is called %v", err)
				}
			}
		})
	}
	reach("before", 400)
	first.Stop()
	if err := second.Promote(); err != nil {
		t.Fatal(err)
	}
	back, before := time.Now(), all()
	reach("on the other server", before+1)
	t.Logf("%d writes acknowledged; the next one %d ms after the promotion", before, time.Since(back).Milliseconds())
	reach("on the other server", before+400)
	var there [8]int64
	for i := range there { // what is acknowledged from now on is of no interest
		there[i] = acknowledged[i].Load()
	}
	err := s.House().Read(ctx, func(v *store.View) error {
		for i, want := range there {
			for n := range want {
				var found int
				if err := v.Row("SELECT count(*) FROM thing WHERE id = $1", fmt.Sprintf("%d-%d", i, n)).Scan(&found); err != nil {
					return err
				}
				if found != 1 {
					t.Errorf("F2 write %d of %d was acknowledged and is not there", n, i)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if refused.Load() == 0 {
		t.Error("nobody noticed that a server died: the test shows nothing")
	}
}
