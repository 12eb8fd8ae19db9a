package store_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/store"
)

// raise adds one to a row, by reading and writing it.
func raise(tx *store.Tx) store.End {
	var n int
	err := tx.Row("SELECT n FROM thing WHERE id = 'hot'").Scan(&n)
	if err == nil {
		_, err = tx.Exec("UPDATE thing SET n = $1 WHERE id = 'hot'", n+1)
	}
	if err != nil {
		return store.Abort(err)
	}
	return store.Done(event)
}

func hot(t *testing.T, s *store.Store) (n int) {
	t.Helper()
	err := s.House().Read(ctx, func(v *store.View) error { return v.Row("SELECT n FROM thing WHERE id = 'hot'").Scan(&n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestEverybodyGetsThrough: forty who all change the same row, on two nodes, are
// all served, and nothing is counted twice.
func TestEverybodyGetsThrough(t *testing.T) {
	url := housetest.Postgres(t)
	nodes := []*store.Store{housetest.Open(t, url, clock.System(), schema), housetest.Open(t, url, clock.System(), schema)}
	if err := nodes[0].House().Write(ctx, put("hot", 0)); err != nil {
		t.Fatal(err)
	}
	const many, each = 40, 10
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			for range each {
				if err := nodes[i%2].House().Write(ctx, raise); err != nil {
					t.Errorf("writer %d: %v", i, err)
				}
			}
		})
	}
	all.Wait()
	again, busy := nodes[0].Strife()
	if n := hot(t, nodes[0]); n != many*each || busy != 0 {
		t.Errorf("%d, want %d; %d given up", n, many*each, busy)
	}
	if again == 0 {
		t.Error("nothing was tried again: the test shows nothing")
	}
}

// always is a write with which another always collides.
func always(t *testing.T, s *store.Store, tries *int) func(*store.Tx) store.End {
	return func(tx *store.Tx) store.End {
		*tries++
		var n int
		if err := tx.Row("SELECT n FROM thing WHERE id = 'hot'").Scan(&n); err != nil {
			return store.Abort(err)
		}
		if err := s.House().Append(ctx, raise); err != nil {
			t.Error(err)
		}
		if _, err := tx.Exec("UPDATE thing SET n = 900 WHERE id = 'hot'"); err != nil {
			return store.Abort(errors.New("it did not work")) // which says nothing of the cause
		}
		return store.Done(event)
	}
}

func TestWhatCannotBeSerialisedEnds(t *testing.T) {
	url := housetest.Postgres(t)
	impatient, err := store.Open(ctx, store.Options{URL: url, Clock: clock.System(), Schemas: schemas(), Patience: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer impatient.Close() //nolint:errcheck // a test's
	impatient.SetWitness(func(*store.Tx, store.Event) error { return nil })
	beside := housetest.Open(t, url, clock.System(), schema)
	if err := beside.House().Write(ctx, put("hot", 0)); err != nil {
		t.Fatal(err)
	}
	t.Run("store-busy", func(t *testing.T) {
		tries := 0
		err := impatient.House().Write(ctx, always(t, beside, &tries))
		if fault.Code(err) != "store-busy" || tries < 2 {
			t.Errorf("%v after %d tries", err, tries)
		}
		if n := hot(t, beside); n != tries {
			t.Errorf("%d is left of it, want %d", n, tries)
		}
		if _, busy := impatient.Strife(); busy != 1 {
			t.Errorf("%d counted as given up, want 1", busy)
		}
	})
	t.Run("a caller who goes", func(t *testing.T) {
		gone, cancel := context.WithCancel(ctx)
		tries, before := 0, hot(t, beside)
		collides := always(t, beside, &tries)
		err := beside.House().Write(gone, func(tx *store.Tx) store.End {
			if tries == 2 {
				cancel()
			}
			return collides(tx)
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want that it was cancelled", err)
		}
		if n := hot(t, beside); n != before+tries {
			t.Errorf("%d is left of it, want %d", n, before+tries)
		}
	})
	t.Run("others go on", func(t *testing.T) {
		if err := impatient.House().Write(ctx, raise); err != nil {
			t.Error(err)
		}
	})
}
