package seal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
)

func TestRotationMovesEveryValueAndDestroysTheOldKey(t *testing.T) {
	both(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		r, _ := founded(t, quick(t, s), drawer{})
		stop := running(t, r)
		put(t, s, r, 0, 1000)
		if err := r.Rotate(ctx, operator); err != nil {
			t.Fatal(err)
		}
		put(t, s, r, 1000, 50)
		until(t, "the old key destroyed", func() bool { p := progress(t, r); return p.Phase == "done" && p.Writes == 2 })
		stop()
		if used := keysInUse(t, s, r); used[2] != 1050 || len(used) != 1 {
			t.Fatalf("keys in use: %v", used)
		}
		p := progress(t, r)
		if p.Moved != 1000 || p.Stuck != 0 || len(p.Old) != 0 {
			t.Fatalf("progress: %+v", p)
		}
		want := []string{"seal.founded", "seal.holder-added", "seal.key-rotated", "seal.values-moved", "seal.key-destroyed"}
		got := witnessed(t, s)
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("witnessed %v", got)
		}
		var left []byte
		err := s.House().Read(ctx, func(v *store.View) error {
			return v.Row("SELECT wrapped FROM seal_key WHERE id = 1 AND state = 'destroyed'").Scan(&left)
		})
		if err != nil || len(left) != 0 {
			t.Fatalf("of the old key %d bytes are left, %v", len(left), err)
		}
	})
}

// A key stays as long as one value needs it.
func TestKeyWithAReferenceIsNotDestroyed(t *testing.T) {
	both(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		r, _ := founded(t, quick(t, s), drawer{})
		put(t, s, r, 0, 300)
		bad := bytes.Repeat([]byte{7}, 60)
		copy(bad, []byte{1, 0, 0, 0, 1})
		good := cell(t, s, rowID(150))
		change(t, s, "UPDATE drawer SET secret = $1 WHERE id = $2", bad, rowID(150))
		if err := r.Rotate(ctx, operator); err != nil {
			t.Fatal(err)
		}
		running(t, r)
		until(t, "stuck", func() bool { return progress(t, r).Phase == "stuck" })
		if p := progress(t, r); p.Moved != 299 || p.Stuck != 1 || !slices.Equal(p.Old, []uint32{1}) {
			t.Fatalf("progress: %+v", p)
		}
		change(t, s, "UPDATE drawer SET secret = $1 WHERE id = $2", good, rowID(150)) // repaired
		until(t, "destroyed once nothing is stuck", func() bool { return progress(t, r).Phase == "done" })
		if used := keysInUse(t, s, r); used[2] != 300 {
			t.Fatalf("keys in use: %v", used)
		}
	})
}

func cell(t testing.TB, s *store.Store, row string) (sealed []byte) {
	t.Helper()
	err := s.House().Read(context.Background(), func(v *store.View) error {
		return v.Row("SELECT secret FROM drawer WHERE id = $1", row).Scan(&sealed)
	})
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// A binary that does not know all sealed columns moves what it knows and
// destroys nothing.
func TestUnknownHolderKeepsTheKeys(t *testing.T) {
	both(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		newer, path := founded(t, quick(t, s), drawer{})
		put(t, s, newer, 0, 10)
		stop := running(t, newer)
		until(t, "the holder noted", func() bool { return slices.Contains(witnessed(t, s), "seal.holder-added") })
		stop()
		older := ring(t, quick(t, s))
		if err := older.Unseal(ctx, operator, seal.KeyFile(path)); err != nil {
			t.Fatal(err)
		}
		if err := older.Rotate(ctx, operator); err != nil {
			t.Fatal(err)
		}
		stop = running(t, older)
		until(t, "closing", func() bool { return progress(t, older).Phase == "closing" })
		<-clock.System().After(300 * time.Millisecond) // far more than it needs to destroy
		stop()
		if p := progress(t, older); p.Phase == "done" || !slices.Equal(p.Old, []uint32{1}) {
			t.Fatalf("progress: %+v", p)
		}
		if used := keysInUse(t, s, older); used[1] != 10 {
			t.Fatalf("keys in use: %v", used)
		}
	})
}

// Values written under the old key after the walk has passed are found by the
// last walk; those that come later still are refused by Live.
func TestLateWriters(t *testing.T) {
	both(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		o := quick(t, s)
		o.Grace = 2 * time.Second
		r, _ := founded(t, o, drawer{})
		put(t, s, r, 0, 10)
		late, err := r.Seal(drawerPlace(rowID(10), "kaede"), []byte("value 10"))
		if err != nil {
			t.Fatal(err)
		}
		tooLate, err := r.Seal(drawerPlace(rowID(11), "kaede"), []byte("value 11"))
		if err != nil {
			t.Fatal(err)
		}
		write := func(row string, sealed []byte) error {
			return s.House().Write(ctx, func(tx *store.Tx) store.End {
				if err := r.Live(tx, sealed); err != nil {
					return store.Abort(err)
				}
				if _, err := tx.Exec("INSERT INTO drawer (id, org, secret) VALUES ($1, 'kaede', $2)", row, sealed); err != nil {
					return store.Abort(err)
				}
				return store.Quietly(store.QuietSeen)
			})
		}
		running(t, r)
		if err := r.Rotate(ctx, operator); err != nil {
			t.Fatal(err)
		}
		until(t, "moved", func() bool { return progress(t, r).Phase == "waiting" })
		if err := write(rowID(10), late); err != nil {
			t.Fatal(err)
		}
		until(t, "closing", func() bool { return progress(t, r).Phase == "closing" })
		wantCode(t, write(rowID(11), tooLate), "seal-key-retired")
		until(t, "destroyed", func() bool { return progress(t, r).Phase == "done" })
		wantCode(t, write(rowID(11), tooLate), "seal-key-retired")
		if used := keysInUse(t, s, r); used[2] != 11 || len(used) != 1 {
			t.Fatalf("keys in use: %v", used)
		}
		until(t, "the key dropped from memory", func() bool {
			_, err := r.Open(drawerPlace(rowID(11), "kaede"), tooLate)
			return fault.Code(err) == "seal-key-unknown"
		})
	})
}

// Two nodes rotate, write and re-encrypt at once: nothing is lost.
func TestTwoNodesAtOnce(t *testing.T) {
	both(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		a, path := founded(t, quick(t, s), drawer{})
		b := ring(t, quick(t, s), drawer{})
		if err := b.Unseal(ctx, operator, seal.KeyFile(path)); err != nil {
			t.Fatal(err)
		}
		running(t, a)
		running(t, b)
		var mu sync.Mutex
		n, rotations := 0, 0
		var wg sync.WaitGroup
		for _, r := range []*seal.Ring{a, b, a, b} {
			wg.Go(func() {
				for range 12 {
					mu.Lock()
					from := n
					n += 40
					mu.Unlock()
					put(t, s, r, from, 40)
					err := r.Rotate(ctx, operator)
					if code := fault.Code(err); err != nil && code != "seal-rotated-meanwhile" && code != "store-busy" {
						t.Error(err)
					}
					if err == nil {
						mu.Lock()
						rotations++
						mu.Unlock()
					}
				}
			})
		}
		wg.Wait()
		until(t, "one key left", func() bool { p := progress(t, a); return p.Phase == "done" && len(p.Old) == 0 })
		p := progress(t, b)
		if int(p.Writes) != rotations+1 {
			t.Fatalf("%d rotations, but key %d writes", rotations, p.Writes)
		}
		until(t, "both see all", func() bool {
			used := keysInUse(t, s, b)
			return used[p.Writes] == n && len(used) == 1
		})
		if used := keysInUse(t, s, a); used[p.Writes] != n {
			t.Fatalf("keys in use: %v", used)
		}
		if got := count(witnessed(t, s), "seal.key-destroyed"); got != rotations {
			t.Errorf("%d keys destroyed of %d", got, rotations)
		}
	})
}

// Eight processes rotate from one state: one wins.
func TestOneRotatesFromOneKey(t *testing.T) {
	both(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		first, path := founded(t, quick(t, s))
		rings := []*seal.Ring{first}
		for range 7 {
			r := ring(t, quick(t, s))
			if err := r.Unseal(ctx, operator, seal.KeyFile(path)); err != nil {
				t.Fatal(err)
			}
			rings = append(rings, r)
		}
		errs := make([]error, len(rings))
		var wg sync.WaitGroup
		for i, r := range rings {
			wg.Go(func() { errs[i] = r.Rotate(ctx, operator) })
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if code := fault.Code(err); code != "seal-rotated-meanwhile" && code != "store-busy" {
				t.Error(err)
			}
		}
		if won != 1 || progress(t, first).Writes != 2 {
			t.Fatalf("%d won, key %d writes: %v", won, progress(t, first).Writes, errs)
		}
	})
}

// Another node opens a value under a key it has not heard of, at once, even
// from inside a write, and writes with it soon.
func TestOtherNodeTakesANewKeyOver(t *testing.T) {
	both(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		a, path := founded(t, quick(t, s))
		b := ring(t, quick(t, s))
		if err := b.Unseal(ctx, operator, seal.KeyFile(path)); err != nil {
			t.Fatal(err)
		}
		if err := a.Rotate(ctx, operator); err != nil {
			t.Fatal(err)
		}
		place := drawerPlace("r1", "kaede")
		sealed, err := a.Seal(place, []byte("new"))
		if err != nil {
			t.Fatal(err)
		}
		var plain []byte
		err = s.House().Write(ctx, func(*store.Tx) store.End {
			if plain, err = b.Open(place, sealed); err != nil {
				return store.Abort(err)
			}
			return store.Quietly(store.QuietSeen)
		})
		if err != nil || string(plain) != "new" {
			t.Fatalf("%q, %v", plain, err)
		}
		running(t, b)
		until(t, "b writes with the new key", func() bool {
			sealed, err := b.Seal(place, nil)
			key, _ := seal.KeyOf(sealed)
			return err == nil && key == 2
		})
	})
}

// On PostgreSQL two stores are two nodes: the topic wakes the other one.
func TestNewKeyReachesAnotherProcess(t *testing.T) {
	url := housetest.Postgres(t)
	open := func() *store.Store { return housetest.Open(t, url, clock.System(), seal.Schema, drawerSchema) }
	a, path := founded(t, quick(t, open()))
	o := quick(t, open())
	o.Look, o.Grace = time.Hour, 24*time.Hour // only the wake can bring it
	b := ring(t, o)
	if err := b.Unseal(context.Background(), operator, seal.KeyFile(path)); err != nil {
		t.Fatal(err)
	}
	running(t, b)
	c := clock.System()
	if err := a.Rotate(context.Background(), operator); err != nil {
		t.Fatal(err)
	}
	until(t, "b writes with the new key", func() bool {
		sealed, err := b.Seal(drawerPlace("r1", ""), nil)
		key, _ := seal.KeyOf(sealed)
		return err == nil && key == 2
	})
	if c.Mono() > 5*time.Second {
		t.Errorf("it took %v", c.Mono())
	}
}

func TestKeyIsFollowedByAgeAndByCount(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		moved := clock.NewMoved(housetest.Epoch)
		s := housetest.Open(t, url, moved, seal.Schema, drawerSchema)
		o := quick(t, s)
		o.Clock = moved
		o.RotateAt = 3 * seal.ReserveSize
		r, _ := founded(t, o)
		running(t, r)
		// later lets the ring look several times after the clock was moved.
		later := func(d time.Duration) {
			moved.Advance(d)
			for range 20 {
				<-clock.System().After(5 * time.Millisecond)
				moved.Advance(time.Second)
			}
		}
		later(89 * 24 * time.Hour)
		if p := progress(t, r); p.Writes != 1 {
			t.Fatalf("key %d writes after 89 days", p.Writes)
		}
		later(25 * time.Hour)
		until(t, "rotated by age", func() bool { moved.Advance(time.Second); return progress(t, r).Writes == 2 })
		change(t, s, "UPDATE seal_key SET spent = $1 WHERE id = 2", 3*seal.ReserveSize)
		until(t, "rotated by count", func() bool { moved.Advance(time.Second); return progress(t, r).Writes == 3 })
		var reasons []string
		for _, event := range housetest.Witnessed(t, s) {
			if event.Name == "seal.key-rotated" {
				reasons = append(reasons, event.Fields["reason"])
			}
		}
		if fmt.Sprint(reasons) != "[age count]" {
			t.Errorf("reasons: %v", reasons)
		}
	})
}

// Messages are counted before they are sealed; without a count nothing is.
func TestMessagesAreReservedFirst(t *testing.T) {
	both(t, func(t *testing.T, s *store.Store) {
		r, _ := founded(t, quick(t, s))
		spent := func() (n int64) {
			err := s.House().Read(context.Background(), func(v *store.View) error {
				return v.Row("SELECT spent FROM seal_key WHERE id = 1").Scan(&n)
			})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		if spent() != seal.ReserveSize {
			t.Fatalf("%d reserved", spent())
		}
		seal.Exhaust(r)
		_, err := r.Seal(drawerPlace("r1", ""), nil)
		wantCode(t, err, "seal-spent")
		until(t, "more reserved", func() bool {
			_, err := r.Seal(drawerPlace("r1", ""), nil)
			return err == nil
		})
		if n := spent(); n < 2*seal.ReserveSize {
			t.Fatalf("%d reserved", n)
		}
	})
}

// A process that slept must not write with a key that may be gone.
func TestSleeperDoesNotSeal(t *testing.T) {
	moved := clock.NewMoved(housetest.Epoch)
	s := housetest.Open(t, housetest.SQLite(t), moved, seal.Schema, drawerSchema)
	r, _ := founded(t, seal.Options{Store: s, Clock: moved, Grace: 10 * time.Minute})
	place := drawerPlace("r1", "")
	sealed, err := r.Seal(place, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	moved.Advance(6 * time.Minute)
	_, err = r.Seal(place, nil)
	wantCode(t, err, "seal-stale")
	if _, err := r.Open(place, sealed); err != nil {
		t.Fatal("it may still read:", err)
	}
	running(t, r)
	until(t, "it has looked", func() bool { _, err := r.Seal(place, nil); return err == nil })
}

// A wall clock that jumps ahead shortens no wait.
func TestSteppedClockDestroysNothingEarly(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		moved := clock.NewMoved(housetest.Epoch)
		s := housetest.Open(t, url, moved, seal.Schema, drawerSchema)
		o := quick(t, s)
		o.Clock, o.Grace = moved, 10*time.Minute
		r, _ := founded(t, o, drawer{})
		put(t, s, r, 0, 5)
		if err := r.Rotate(context.Background(), operator); err != nil {
			t.Fatal(err)
		}
		running(t, r)
		until(t, "moved", func() bool { return progress(t, r).Phase == "waiting" })
		moved.Step(48 * time.Hour)
		for range 5 {
			until(t, "the ring waits", func() bool { return moved.Waiting() >= 2 })
			moved.Advance(time.Second)
		}
		if p := progress(t, r); p.Phase != "waiting" {
			t.Fatalf("progress: %+v", p)
		}
		until(t, "it ends in its time", func() bool {
			moved.Advance(time.Minute)
			return progress(t, r).Phase == "done"
		})
	})
}

// failing fails in the middle of a batch, as a locked table would.
type failing struct {
	drawer
	mu sync.Mutex
	n  int
}

func (f *failing) Replace(tx *store.Tx, cell seal.Cell, sealed []byte) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n++; f.n%200 == 0 {
		return false, errors.New("a holder that fails now and then")
	}
	return f.drawer.Replace(tx, cell, sealed)
}

func TestFailingHolderIsTriedAgain(t *testing.T) {
	both(t, func(t *testing.T, s *store.Store) {
		o := quick(t, s)
		o.Log = nil
		r, _ := founded(t, o, &failing{})
		put(t, s, r, 0, 300)
		if err := r.Rotate(context.Background(), operator); err != nil {
			t.Fatal(err)
		}
		running(t, r)
		until(t, "done", func() bool { return progress(t, r).Phase == "done" })
		if used := keysInUse(t, s, r); used[2] != 300 {
			t.Fatalf("keys in use: %v", used)
		}
	})
}
