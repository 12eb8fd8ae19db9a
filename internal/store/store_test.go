package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

var ctx = context.Background()

// schema is two tables as a room would have them.
var schema = fstest.MapFS{"schema/202611220001_test_things.sql": {Data: []byte(`
CREATE TABLE thing (id TEXT NOT NULL PRIMARY KEY, n BIGINT NOT NULL CHECK (n < 1000), body BLOB) WITHOUT ROWID;
CREATE TABLE owned (org TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (org, id));
CREATE TABLE kept (person TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (person, id));
`)}}

var event = store.Event{Name: "thing.made", By: id.System("test")}

func put(name string, n int) func(*store.Tx) store.End {
	return func(tx *store.Tx) store.End {
		if _, err := tx.Exec("INSERT INTO thing (id, n) VALUES ($1, $2)", name, n); err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	}
}

func count(t *testing.T, s *store.Store) (n int) {
	t.Helper()
	err := s.House().Read(ctx, func(v *store.View) error {
		return v.Row("SELECT count(*) FROM thing").Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func each(t *testing.T, f func(t *testing.T, s *store.Store)) {
	t.Helper()
	housetest.EachStore(t, f, schema)
}

func TestWriteRefused(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		for name, f := range map[string]func(*store.Tx) store.End{
			"abort": func(tx *store.Tx) store.End {
				put("a", 1)(tx)
				return store.Abort(errors.New("no"))
			},
			"abort without a reason": func(tx *store.Tx) store.End {
				put("a", 1)(tx)
				return store.Abort(nil)
			},
			"no end": func(tx *store.Tx) store.End {
				put("a", 1)(tx)
				return store.End{}
			},
			"panic": func(tx *store.Tx) store.End {
				put("a", 1)(tx)
				panic("boom")
			},
			"done after a failed statement": func(tx *store.Tx) store.End {
				put("a", 1)(tx)
				_, _ = tx.Exec("INSERT INTO thing (id, n) VALUES ($1, $2)", "b", 5000)
				return store.Done(event)
			},
			"A156 quiet for no reason": func(tx *store.Tx) store.End {
				put("a", 1)(tx)
				return store.Quietly(store.Reason{})
			},
			"A156 refused without a fault": func(tx *store.Tx) store.End {
				put("a", 1)(tx)
				return store.Refused(nil, event)
			},
			"A156 commit by hand": func(tx *store.Tx) store.End {
				put("a", 1)(tx)
				_, _ = tx.Exec("COMMIT")
				return store.Abort(errors.New("no"))
			},
			"A156 commit behind another statement": func(tx *store.Tx) store.End {
				_, _ = tx.Exec("INSERT INTO thing (id, n) VALUES ('a', 1); COMMIT")
				return store.Abort(errors.New("no"))
			},
			"A156 commit behind a comment": func(tx *store.Tx) store.End {
				put("a", 1)(tx)
				_, _ = tx.Query(" /* why */ END")
				return store.Abort(errors.New("no"))
			},
			"A156 a savepoint given up": func(tx *store.Tx) store.End {
				put("a", 1)(tx)
				_ = tx.Later("release w")
				return store.Abort(errors.New("no"))
			},
			"refused after a failed statement": func(tx *store.Tx) store.End {
				put("a", 1)(tx)
				_, _ = tx.Exec("SELECT nothing FROM nowhere")
				return store.Refused(fault.New(fault.Conflict, "x"), event)
			},
		} {
			t.Run(name, func(t *testing.T) {
				if err := s.House().Write(ctx, f); err == nil || fault.Code(err) == "x" {
					t.Errorf("Write said %v, want an error of its own", err)
				}
				if n := count(t, s); n != 0 {
					t.Errorf("%d rows stayed, want 0", n)
				}
			})
		}
		if events := housetest.Witnessed(t, s); len(events) != 0 {
			t.Errorf("the witness saw %v of writes that did not happen", events)
		}
	})
}

func TestWriteNeedsAWitness(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		s, err := store.Open(ctx, store.Options{URL: url, Clock: clock.System(), Schemas: schemas()})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.House().Write(ctx, put("a", 1)); err == nil || !strings.Contains(err.Error(), "witness") {
			t.Errorf("Write without a witness said %v", err)
		}
		s.SetWitness(func(*store.Tx, store.Event) error { return errors.New("the pen is dry") })
		if err := s.House().Write(ctx, put("a", 1)); err == nil || !strings.Contains(err.Error(), "the pen is dry") {
			t.Errorf("Write with a failing witness said %v", err)
		}
		s.SetWitness(func(tx *store.Tx, _ store.Event) error { _, err := tx.Exec("SELECT broken"); _ = err; return nil })
		if err := s.House().Write(ctx, put("a", 1)); err == nil {
			t.Error("a witness whose statement failed was believed")
		}
		if n := count(t, s); n != 0 {
			t.Errorf("%d rows stayed without a witness", n)
		}
		if err := s.House().Write(ctx, func(tx *store.Tx) store.End {
			put("quiet", 1)(tx)
			return store.Quietly(store.QuietSeen)
		}); err != nil {
			t.Fatal(err)
		}
		if got := s.QuietCounts()[store.QuietSeen.String()]; got != 1 {
			t.Errorf("quiet writes counted %d, want 1", got)
		}
	})
}

func TestWriteDone(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		if err := s.House().Write(ctx, put("a", 1)); err != nil {
			t.Fatal(err)
		}
		refusal := fault.New(fault.Conflict, "thing-burned")
		err := s.House().Write(ctx, func(tx *store.Tx) store.End {
			put("b", 2)(tx)
			return store.Refused(refusal, store.Event{Name: "thing.refused"})
		})
		if !errors.Is(err, refusal) {
			t.Errorf("Write said %v, want the refusal", err)
		}
		if n := count(t, s); n != 2 {
			t.Errorf("%d rows, want 2: a refusal's consequences stay", n)
		}
		if events := housetest.Witnessed(t, s); len(events) != 2 {
			t.Errorf("witnessed %v, want two events", events)
		}
	})
}

// A caller that leaves in the middle must not take others' writes with it: on
// SQLite a cancelled statement rolls back the whole batch.
func TestCancelledCaller(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		const callers = 200
		var committed atomic.Int64
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				mine, cancel := context.WithCancel(ctx)
				defer cancel()
				err := s.House().Write(mine, func(tx *store.Tx) store.End {
					if i%3 == 0 {
						cancel()
					}
					return put(fmt.Sprint(i), i)(tx)
				})
				if err == nil {
					committed.Add(1)
				}
			})
		}
		wg.Wait()
		if n := count(t, s); int64(n) != committed.Load() || n != callers {
			t.Errorf("%d rows, %d callers were told yes, want %d both: the outcome comes from the commit", n, committed.Load(), callers)
		}
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if err := s.House().Write(gone, put("late", 1)); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller gone before the start was told %v", err)
		}
	})
}

// A closure that takes too long loses its handle, and its neighbours in the
// batch do not notice.
func TestOverrun(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		s, err := store.Open(ctx, store.Options{URL: url, Clock: clock.System(), Schemas: schemas(), Overrun: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		s.SetWitness(func(*store.Tx, store.Event) error { return nil })
		hold := make(chan struct{})
		late := make(chan error, 1)
		slow := map[string]func(*store.Tx) store.End{
			"sleeps": func(tx *store.Tx) store.End {
				put("slow", 1)(tx)
				<-hold
				_, err := tx.Exec("INSERT INTO thing (id, n) VALUES ($1, $2)", "ghost", 1)
				late <- err
				return store.Done(event)
			},
			"computes in the engine": func(tx *store.Tx) store.End {
				var n int64
				err := tx.Row(`WITH RECURSIVE c(x) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT x + 1 FROM c WHERE x < 1000000000) SELECT max(x) FROM c`).Scan(&n)
				return store.Abort(fmt.Errorf("not reached: %w", err))
			},
		}
		for name, f := range slow {
			t.Run(name, func(t *testing.T) {
				var wg sync.WaitGroup
				var slowErr error
				wg.Go(func() { slowErr = s.House().Write(ctx, f) })
				for i := range 20 {
					wg.Go(func() {
						if err := s.House().Write(ctx, put(name+fmt.Sprint(i), i)); err != nil {
							t.Errorf("a neighbour was told %v", err)
						}
					})
				}
				wg.Wait()
				if fault.Code(slowErr) != "store-overrun" {
					t.Errorf("the slow one was told %v", slowErr)
				}
			})
		}
		close(hold)
		if err := <-late; err == nil {
			t.Error("a revoked handle still writes")
		}
		if n := count(t, s); n != 40 {
			t.Errorf("%d rows, want the neighbours' 40", n)
		}
	})
}

func TestFailingNeighbour(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		var wg sync.WaitGroup
		for i := range 300 {
			wg.Go(func() {
				n, want := i, true
				if i%7 == 0 {
					n, want = 5000, false // the CHECK refuses it
				}
				if err := s.House().Write(ctx, put(fmt.Sprint(i), n)); (err == nil) != want {
					t.Errorf("write %d said %v", i, err)
				}
			})
		}
		wg.Wait()
		if n := count(t, s); n != 300-43 {
			t.Errorf("%d rows, want %d", n, 300-43)
		}
	})
}

// Two approvers of two-of-three read the same count and both decide: under
// READ COMMITTED both would see one (write skew).
func TestWriteSkewAtOnce(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		for round := range 20 {
			prefix := fmt.Sprintf("r%d-", round)
			var last atomic.Int64
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					var seen int
					err := s.House().Write(ctx, func(tx *store.Tx) store.End {
						if err := tx.Row("SELECT count(*) FROM thing WHERE id LIKE $1", prefix+"%").Scan(&seen); err != nil {
							return store.Abort(err)
						}
						return put(fmt.Sprintf("%s%d", prefix, i), seen)(tx)
					})
					if err != nil {
						t.Errorf("write: %v", err)
					}
					if seen == 7 {
						last.Add(1)
					}
				})
			}
			wg.Wait()
			if last.Load() != 1 {
				t.Fatalf("round %d: %d writers saw seven before them, want exactly one", round, last.Load())
			}
		}
	})
}

// TestOrgScope shows R4: a statement that does not restrict itself to its
// organization never runs.
func TestOrgScope(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		mine, other := s.Org("mine"), s.Org("other")
		add := func(h store.Handle, name string) error {
			return h.Write(ctx, func(tx *store.Tx) store.End {
				if _, err := tx.Exec("INSERT INTO owned (org, id) VALUES ($1, $2)", name); err != nil {
					return store.Abort(err)
				}
				return store.Done(event)
			})
		}
		for _, query := range []string{
			"SELECT id FROM owned",
			"SELECT id FROM owned WHERE id = $2",
			"SELECT id FROM owned WHERE org <> $1",
			"SELECT id FROM owned WHERE org = $2",
			"SELECT id FROM owned WHERE org = $10",
			"SELECT id FROM owned WHERE org = $1 OR 1 = 1",
			"SELECT id FROM owned WHERE id = $2 OR (org = $1 AND id = $2)",
			"SELECT id FROM owned WHERE (org = $1 OR id = $2)",
			"SELECT id FROM owned WHERE NOT org = $1",
			"SELECT id FROM owned WHERE (org = $1) IS NOT NULL",
			"SELECT id FROM owned WHERE org = $1 IS NOT NULL",
			"SELECT id FROM owned WHERE org = $1 || $2",
			"SELECT org = $1 FROM owned WHERE id = $2",
			"SELECT id FROM owned ORDER BY org = $1",
			"SELECT id FROM owned -- WHERE org = $1",
			"SELECT id FROM owned /* WHERE org = $1 */",
			"SELECT id FROM owned WHERE id <> 'org = $1'",
			`SELECT id AS "org = $1" FROM owned`,
			"SELECT id FROM owned WHERE id IN (SELECT id FROM owned WHERE org = $1)",
			"SELECT (SELECT max(id) FROM owned) FROM owned WHERE org = $1",
			"SELECT id FROM owned WHERE org = $1 UNION SELECT id FROM owned",
			"SELECT id FROM owned UNION ALL SELECT id FROM owned WHERE org = $1",
			"SELECT a.id FROM owned a LEFT JOIN owned b ON b.org = $1",
			"WITH a AS (SELECT id FROM owned) SELECT id FROM a, owned WHERE org = $1",
			"DELETE FROM owned",
			"DELETE FROM owned WHERE id = $2 RETURNING org = $1",
			"UPDATE owned SET org = $1 WHERE id = $2",
			"UPDATE owned SET org = $2 WHERE org = $1",
			"UPDATE owned SET (org, id) = ($2, $3) WHERE org = $1",
			"UPDATE owned SET id = $2, org = $1 WHERE id = $3",
			"INSERT INTO owned (org, id) VALUES ($2, $1)",
			"INSERT INTO owned (org, id) VALUES ($1, 'a'), ($2, 'b')",
			"INSERT INTO owned (id, org) VALUES ($1, $2)",
			"INSERT INTO owned (org, id) SELECT $1, id FROM owned",
			"INSERT INTO owned (org, id) SELECT $1, id FROM owned WHERE org = $2",
			"INSERT INTO owned (org, id) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET id = $3",
			"INSERT INTO owned (org, id) VALUES ($1, $2) ON CONFLICT (org, id) DO UPDATE SET org = $3",
			"SELECT id FROM owned WHERE org = $1)", "SELECT (id FROM owned WHERE org = $1",
		} {
			err := mine.Read(ctx, func(v *store.View) error {
				_, err := v.Query(query, "x", "x")
				return err
			})
			if fault.Code(err) != "store-unscoped" {
				t.Errorf("R4 %s: said %v", query, err)
			}
		}
		if err := errors.Join(add(mine, "a"), add(other, "a"), add(other, "b")); err != nil {
			t.Fatal(err)
		}
		for _, query := range []string{
			"SELECT id FROM owned WHERE org = $1 AND id = $2",
			"SELECT o.id FROM owned o WHERE (o.org = $1 AND o.id <> $2) ORDER BY id LIMIT 5",
			"select id from owned where id = $2 and (id = 'a' or id = 'b') and ORG=$1",
			"SELECT id FROM owned WHERE org = CAST($1 AS TEXT) AND id = $2 AND id IN (SELECT id FROM owned WHERE org = $1)",
			"SELECT id FROM owned WHERE org = $1 AND id = $2 UNION ALL SELECT id FROM owned WHERE org = $1",
			"WITH a AS (SELECT id, org FROM owned WHERE org = $1) SELECT count(*) FROM a WHERE org = $1 AND id = $2",
			"SELECT CASE WHEN id = $2 THEN 1 ELSE 0 END FROM owned WHERE org = $1 GROUP BY id HAVING count(*) > 0",
			"SELECT 1 FROM owned WHERE org = $1 AND EXISTS (SELECT 1 FROM owned WHERE org = $1 AND id = $2)",
		} {
			err := mine.Read(ctx, func(v *store.View) error {
				rows, err := v.Query(query, "a")
				if err != nil {
					return err
				}
				return rows.Close()
			})
			if err != nil {
				t.Errorf("%s: %v", query, err)
			}
		}
		for _, query := range []string{
			"INSERT INTO owned (org, id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
			"INSERT INTO owned (org, id) VALUES ($1, $2), ($1, 'z') ON CONFLICT (org, id) DO UPDATE SET id = excluded.id",
			"INSERT INTO owned (org, id) SELECT CAST($1 AS TEXT), id FROM owned WHERE org = $1 AND id = $2 ON CONFLICT (org, id) DO NOTHING",
			"UPDATE owned SET id = $2 WHERE org = $1 AND id = 'a'",
			"DELETE FROM owned WHERE org = $1 AND id = 'z' AND id <> $2 RETURNING id",
		} {
			err := mine.Write(ctx, func(tx *store.Tx) store.End {
				if _, err := tx.Exec(query, "a"); err != nil {
					return store.Abort(err)
				}
				return store.Done(event)
			})
			if err != nil {
				t.Errorf("%s: %v", query, err)
			}
		}
		var n int
		err := mine.Read(ctx, func(v *store.View) error {
			return v.Row("SELECT count(*) FROM owned WHERE org = $1").Scan(&n)
		})
		if err != nil || n != 1 {
			t.Errorf("I see %d of my rows (%v), want 1", n, err)
		}
	})
}

// TestSelfScope shows R4 for what belongs to a person.
func TestSelfScope(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		add := func(h store.Handle) error {
			return h.Write(ctx, func(tx *store.Tx) store.End {
				if _, err := tx.Exec("INSERT INTO kept (person, id) VALUES ($1, $2)", "a"); err != nil {
					return store.Abort(err)
				}
				return store.Done(event)
			})
		}
		if err := errors.Join(add(s.Self("aoi")), add(s.Self("botan"))); err != nil {
			t.Fatal(err)
		}
		for query, code := range map[string]string{
			"SELECT count(*) FROM kept":                   "store-unscoped",
			"SELECT count(*) FROM kept WHERE person = $2": "store-unscoped",
			"SELECT count(*) FROM kept WHERE org = $1":    "store-unscoped",
			"SELECT count(*) FROM kept WHERE person = $1": "",
		} {
			n := -1
			err := s.Self("aoi").Read(ctx, func(v *store.View) error { return v.Row(query).Scan(&n) })
			if fault.Code(err) != code || (code == "" && (err != nil || n != 1)) {
				t.Errorf("R4 %s: %d (%v), want code %q and one row of mine", query, n, err, code)
			}
		}
	})
}

func TestReadCannotWrite(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		err := s.House().Read(ctx, func(v *store.View) error {
			rows, err := v.Query("INSERT INTO thing (id, n) VALUES ('x', 1) RETURNING id")
			if err != nil {
				return err
			}
			rows.Next()
			return rows.Close()
		})
		if err == nil {
			t.Error("the read door wrote")
		}
		if n := count(t, s); n != 0 {
			t.Errorf("%d rows came through the read door", n)
		}
	})
}

func TestReadersDoNotWaitForEachOther(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				err := s.House().Read(ctx, func(v *store.View) error {
					var n int
					return v.Row(fmt.Sprintf("SELECT count(*) + %d FROM thing", i)).Scan(&n)
				})
				if err != nil {
					t.Errorf("read: %v", err)
				}
			})
		}
		wg.Wait()
	})
}

func TestWatch(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		w := s.Watch("bell")
		defer w.Close()
		silent := s.Watch("other")
		defer silent.Close()
		ring := func(end func(*store.Tx) store.End) error {
			return s.House().Write(ctx, func(tx *store.Tx) store.End {
				if err := tx.Touch("bell"); err != nil {
					return store.Abort(err)
				}
				return end(tx)
			})
		}
		drain(w.C, silent.C)
		if err := ring(func(*store.Tx) store.End { return store.Abort(errors.New("no")) }); err == nil {
			t.Fatal("an abort succeeded")
		}
		select {
		case <-w.C:
			t.Error("woken by a write that did not happen")
		case <-time.After(100 * time.Millisecond):
		}
		for range 3 {
			if err := ring(func(*store.Tx) store.End { return store.Done(event) }); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case <-w.C:
		case <-time.After(5 * time.Second):
			t.Error("not woken")
		}
		versions, err := s.Versions(ctx, "bell", "other")
		if err != nil || versions["bell"] != 3 || versions["other"] != 0 {
			t.Errorf("versions %v (%v), want bell 3", versions, err)
		}
	})
}

// drain empties what listening itself may have signalled.
func drain(cs ...<-chan struct{}) {
	time.Sleep(200 * time.Millisecond)
	for _, c := range cs {
		select {
		case <-c:
		default:
		}
	}
}

func TestWatchAcrossNodes(t *testing.T) {
	url := housetest.Postgres(t)
	one := housetest.Open(t, url, clock.System(), schema)
	two := housetest.Open(t, url, clock.System(), schema)
	w := two.Watch("bell")
	defer w.Close()
	drain(w.C)
	if err := one.House().Write(ctx, func(tx *store.Tx) store.End {
		tx.Wake("bell")
		return store.Done(event)
	}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-w.C:
	case <-time.After(5 * time.Second):
		t.Error("the other node was not woken")
	}
}

func TestClosedStore(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		s, err := store.Open(ctx, store.Options{URL: url, Clock: clock.System(), Schemas: schemas()})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.House().Write(ctx, put("a", 1)); err == nil {
			t.Error("a closed store wrote")
		}
		if err := s.House().Read(ctx, func(*store.View) error { return nil }); err == nil {
			t.Error("a closed store read")
		}
	})
}
