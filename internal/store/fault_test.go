package store_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/store"
)

// F5: on a full disk reads go on, writes say so, nothing is half there, and
// room is enough to go on without a restart.
func TestDiskFull(t *testing.T) {
	dir := housetest.SmallDisk(t, "8m")
	s, err := open("sqlite:"+filepath.Join(dir, "house.db"), schema)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a test's
	s.SetWitness(func(*store.Tx, store.Event) error { return nil })
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, bytes.Repeat([]byte("x"), 4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	big := func(name string) error {
		return s.House().Write(ctx, func(tx *store.Tx) store.End {
			if _, err := tx.Exec("INSERT INTO thing (id, n, body) VALUES ($1, 1, $2)", name, make([]byte, 40<<10)); err != nil {
				return store.Abort(err)
			}
			return store.Done(event)
		})
	}
	told := 0
	for ; ; told++ {
		err := big(fmt.Sprint(told))
		if err != nil {
			if code := fault.Code(err); code != "store-disk-full" && code != "store-disk-failing" {
				t.Fatalf("a full disk is called %v", err)
			}
			break
		}
		if told > 1000 {
			t.Fatal("the disk never fills")
		}
	}
	if n := count(t, s); n != told {
		t.Errorf("%d rows, %d writes were acknowledged", n, told)
	}
	for range 20 { // neighbours of one batch, all refused, none half done
		if err := big("again"); err == nil {
			t.Fatal("a full disk took a write")
		}
	}
	t.Run("F5 at each of 200 writes about the edge", func(t *testing.T) { told += edge(t, s, ballast, told, big) })
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := big("room"); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	if n := count(t, s); n != told+1 {
		t.Errorf("%d rows, want %d", n, told+1)
	}
}

// edge gives a full disk a little room again and again, less than a write takes:
// each write is there or refused as one that finds no room, and reads go on.
func edge(t *testing.T, s *store.Store, ballast string, told int, write func(name string) error) (taken int) {
	t.Helper()
	refused, left := 0, int64(4<<20)
	for i := range 200 {
		left -= 10 << 10
		if err := os.Truncate(ballast, left); err != nil {
			t.Fatal(err)
		}
		switch err := write(fmt.Sprintf("edge %d", i)); {
		case err == nil:
			taken++
		case fault.As(err) == nil || fault.As(err).Status() != http.StatusServiceUnavailable || !strings.HasPrefix(fault.Code(err), "store-disk-"):
			t.Errorf("write %d said %v", i, err)
		default:
			refused++
		}
		if n := count(t, s); n != told+taken {
			t.Fatalf("after write %d: %d rows, %d were acknowledged", i, n, told+taken)
		}
	}
	if refused == 0 || taken == 0 {
		t.Errorf("%d taken, %d refused: the edge was not met", taken, refused)
	}
	return taken
}

// PostgreSQL goes away in the middle of writes and comes back: everybody is
// told, nothing acknowledged is lost, the process goes on by itself.
func TestPostgresGoneAndBack(t *testing.T) {
	housetest.Long(t)
	cluster, url := housetest.OwnPostgres(t)
	s := housetest.Open(t, url, clock.System(), schema)
	var acknowledged, refused atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				err := s.House().Write(ctx, put(fmt.Sprintf("%d-%d", i, n), 1))
				switch {
				case err == nil:
					acknowledged.Add(1)
				case fault.Code(err) == "store-away":
					refused.Add(1)
					time.Sleep(50 * time.Millisecond)
				default:
					t.Errorf("a database that went away is called %v", err)
				}
			}
		})
	}
	time.Sleep(500 * time.Millisecond)
	cluster.Stop()
	time.Sleep(500 * time.Millisecond)
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	before := acknowledged.Load()
	for range 200 {
		if acknowledged.Load() > before {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if acknowledged.Load() == before {
		t.Error("no write succeeds after the database is back")
	}
	close(stop)
	wg.Wait()
	if refused.Load() == 0 {
		t.Error("nobody noticed that the database was away")
	}
	if n := count(t, s); int64(n) < acknowledged.Load() {
		t.Errorf("%d rows, %d were acknowledged", n, acknowledged.Load())
	}
}

// A damaged page is found when it is read, with one clear sentence; what does
// not need it goes on.
func TestDamagedPage(t *testing.T) {
	url := housetest.SQLite(t)
	path := strings.TrimPrefix(url, "sqlite:")
	s, err := open(url, schema)
	if err != nil {
		t.Fatal(err)
	}
	s.SetWitness(func(*store.Tx, store.Event) error { return nil })
	for i := range 500 {
		if err := s.House().Write(ctx, put(fmt.Sprintf("%0200d", i), 1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for page := 8; page*4096 < len(text); page++ {
		copy(text[page*4096:], bytes.Repeat([]byte{0xA5}, 512))
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err = open(url, schema); err == nil {
		defer s.Close() //nolint:errcheck // a test's
		err = s.House().Read(ctx, func(v *store.View) error {
			var n int64
			return v.Row("SELECT sum(length(id)) FROM thing WHERE n = 1").Scan(&n)
		})
	}
	if fault.Code(err) != "store-corrupt" {
		t.Errorf("a damaged database is called %v", err)
	}
}

// The wall clock of the machine steps back an hour: transactions go on, with
// the time that the clock says.
func TestClockSteppedBack(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		c := clock.NewMoved(housetest.Epoch)
		s := housetest.Open(t, url, c, schema)
		seen := func(name string) (at time.Time) {
			err := s.House().Write(ctx, func(tx *store.Tx) store.End {
				at = tx.Now()
				return put(name, 1)(tx)
			})
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
		drift := clock.NewDrift(c)
		first := seen("a")
		c.Advance(time.Second)
		c.Step(-time.Hour)
		if second := seen("b"); first.Sub(second) != time.Hour-time.Second {
			t.Errorf("the second write is at %v, the first at %v", second, first)
		}
		if step := drift.Step(); step != -time.Hour {
			t.Errorf("the step was seen as %v, want -1h", step)
		}
	})
}
