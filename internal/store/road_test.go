package store_test

import (
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/store"
)

// road leads to a database until it is shut: then nothing passes, and nobody
// hears that.
type road struct{ shut atomic.Bool }

func (r *road) carry(to, from net.Conn) {
	defer to.Close() //nolint:errcheck // the other end went first
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		for r.shut.Load() {
			time.Sleep(10 * time.Millisecond)
		}
		if err != nil {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// open returns the URL of the database at the road's other end.
func (r *road) open(t *testing.T, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	const name = ".s.PGSQL.5432"
	there, here := filepath.Join(u.Query().Get("host"), name), t.TempDir()
	l, err := net.Listen("unix", filepath.Join(here, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("unix", there)
			if err != nil {
				_ = from.Close()
				continue
			}
			go r.carry(to, from)
			go r.carry(from, to)
		}
	}()
	u.RawQuery = url.Values{"host": {here}}.Encode()
	return u.String()
}

// A database that stops answering in the middle of a write keeps nobody: not who
// rolls back either.
func TestNobodyWaitsForADatabaseThatHangs(t *testing.T) {
	var r road
	url := r.open(t, housetest.Postgres(t))
	s := housetest.Open(t, url, clock.System(), schema)
	t.Cleanup(func() { r.shut.Store(false) })
	t.Cleanup(store.AwayMost(300 * time.Millisecond))
	refusal := errors.New("no")
	for name, end := range map[string]store.End{"commit": store.Done(event), "roll back": store.Abort(refusal)} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan error, 1)
			go func() {
				ended <- s.House().Write(ctx, func(tx *store.Tx) store.End {
					if _, err := tx.Exec("INSERT INTO thing (id, n) VALUES ($1, 1)", name); err != nil {
						return store.Abort(err)
					}
					r.shut.Store(true)
					return end
				})
			}()
			select {
			case err := <-ended:
				if err == nil {
					t.Error("a write was acknowledged that nobody could know of")
				}
			case <-time.After(time.Minute):
				t.Fatal("the write never ends")
			}
			r.shut.Store(false)
		})
	}
	if err := s.House().Write(ctx, put("after", 1)); err != nil {
		t.Errorf("once the database answers: %v", err)
	}
}

// A write that was given longer than a database may take to answer has it.
func TestALongWriteIsCommitted(t *testing.T) {
	s := housetest.Open(t, housetest.Postgres(t), clock.System(), schema)
	t.Cleanup(store.AwayMost(200 * time.Millisecond))
	err := s.House().Within(time.Minute).Write(ctx, func(tx *store.Tx) store.End {
		time.Sleep(500 * time.Millisecond)
		return put("long", 1)(tx)
	})
	if err != nil {
		t.Error(err)
	}
}

// What is put off cannot be taken back with an attempt.
func TestNothingIsPutOffWithinAnAttempt(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		err := s.House().Write(ctx, func(tx *store.Tx) store.End {
			_ = tx.Attempt(func(tx *store.Tx) error {
				_ = tx.Later("INSERT INTO thing (id, n) VALUES ('put off', 1)")
				return errors.New("taken back")
			})
			return store.Done(event)
		})
		if err == nil || count(t, s) != 0 {
			t.Errorf("%v, %d rows stayed of an attempt that was taken back", err, count(t, s))
		}
	})
}
