package housetest

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// patience is how long a write may hold the store in tests: several packages
// are tested at once, so a closure may wait for a processor longer than it may
// take in a house.
const patience = 10 * time.Second

// EachStore runs f on a fresh database of either engine, with a witness that
// keeps the events for Witnessed. The clock is the machine's.
func EachStore(t *testing.T, f func(t *testing.T, s *store.Store), schemas ...fs.FS) {
	t.Helper()
	EachURL(t, func(t *testing.T, url string) { f(t, Open(t, url, clock.System(), schemas...)) })
}

// EachURL runs f with the URL of a fresh database of either engine.
func EachURL(t *testing.T, f func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { f(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { f(t, Postgres(t)) })
}

// SQLite returns the URL of a fresh SQLite file.
func SQLite(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "house.db") }

// Open opens a store with a witness that keeps the events, and closes it at
// the end of the test. Opened twice on one PostgreSQL URL it is two nodes.
func Open(t testing.TB, url string, c clock.Clock, schemas ...fs.FS) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), store.Options{
		URL: url, Clock: c, Log: Log(t), Schemas: append([]fs.FS{witnessSchema}, schemas...), Overrun: patience,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.SetWitness(keep)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return s
}

// Log is a logger that writes warnings and worse into the test's output.
func Log(t testing.TB) *slog.Logger {
	level := slog.LevelWarn
	if os.Getenv("SEKISHO_LOG_LEVEL") == "debug" {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level}))
}

// Epoch is a moment at which moved clocks of tests start.
var Epoch = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// witnessSchema is the table of the witness that tests use in audit's place.
var witnessSchema = fstest.MapFS{"schema/202001010000_housetest_event.sql": {Data: []byte(
	"CREATE TABLE housetest_event (id TEXT NOT NULL PRIMARY KEY, body TEXT NOT NULL);")}}

func keep(tx *store.Tx, event store.Event) error {
	body, err := json.Marshal(event)
	if err != nil {
		return err
	}
	key := fmt.Sprintf("%020d-%s", order.Add(1), id.New[id.Record](tx.Now()))
	_, err = tx.Exec("INSERT INTO housetest_event (id, body) VALUES ($1, $2)", key, string(body))
	return err
}

// order numbers the events of this process; they are unique across processes
// by their id.
var order atomic.Int64

// Witnessed returns the committed events of a store that Open made, in the
// order in which this process wrote them.
func Witnessed(t testing.TB, s *store.Store) []store.Event {
	t.Helper()
	var events []store.Event
	err := s.House().Read(context.Background(), func(v *store.View) error {
		rows, err := v.Query("SELECT body FROM housetest_event ORDER BY id")
		events, err = store.Collect(rows, err, func(scan func(...any) error) (event store.Event, err error) {
			var body string
			if err = scan(&body); err == nil {
				err = json.Unmarshal([]byte(body), &event)
			}
			return event, err
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}
