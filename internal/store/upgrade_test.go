package store_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/store"
)

func asIs(t *testing.T, url string, schemas ...fs.FS) *store.Store {
	t.Helper()
	s, err := store.OpenAsIs(ctx, store.Options{URL: url, Clock: clock.System(), Schemas: schemas})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

var nextThing = fstest.MapFS{"schema/202702010000_next_thing.sql": {Data: []byte(`
-- a comment; with a semicolon
ALTER TABLE thing ADD COLUMN more TEXT;
CREATE TABLE extra (
  id TEXT NOT NULL PRIMARY KEY
);
CREATE UNIQUE INDEX extra_id ON extra (id);
UPDATE thing SET more = 'x'; UPDATE thing SET more = 'y';
ALTER TABLE owned DROP COLUMN id;
DROP TABLE kept;
UPDATE schema_law SET oldest_binary = 202702010000;
VACUUM;`)}}

func TestStepsSayWhatChanges(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		housetest.Open(t, url, clock.System(), schema)
		s := asIs(t, url, schema, nextThing)
		got, err := s.Steps(ctx)
		if err != nil {
			t.Fatal(err)
		}
		want := []store.Step{{Name: "202702010000_next_thing.sql", Changes: []store.Change{
			{Verb: "adds", What: "thing.more"},
			{Verb: "creates", What: "extra"},
			{Verb: "indexes", What: "extra"},
			{Verb: "fills", What: "thing"},
			{Verb: "removes", What: "owned.id"},
			{Verb: "removes", What: "kept"},
			{Verb: "refuses-older", What: "schema_law"},
			{Verb: "else", What: "VACUUM"},
		}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("CAP-P3 %s", diff)
		}
		if err := s.House().Read(ctx, func(v *store.View) error {
			var n int
			return v.Row("SELECT count(*) FROM extra").Scan(&n)
		}); err == nil {
			t.Error("saying it has done it")
		}
	})
}

// The copy of before an upgrade is whole, private, taken once, and taken only
// where something changes.
func TestSnapshotBeforeAnUpgrade(t *testing.T) {
	none := func(t *testing.T, s *store.Store) {
		t.Helper()
		if path, err := s.SnapshotBefore(ctx); path != "" || err != nil {
			t.Errorf("%q, %v", path, err)
		}
	}
	t.Run("CAP-P3 nothing there yet", func(t *testing.T) { none(t, asIs(t, housetest.SQLite(t), schema)) })
	t.Run("CAP-P3 nothing changes", func(t *testing.T) {
		url := housetest.SQLite(t)
		housetest.Open(t, url, clock.System(), schema)
		none(t, asIs(t, url, schema))
	})
	t.Run("CAP-P3 a schema that refuses us", func(t *testing.T) {
		url := housetest.SQLite(t)
		law := fstest.MapFS{"schema/202803010000_law.sql": {Data: []byte("UPDATE schema_law SET oldest_binary = 202803010000;")}}
		housetest.Open(t, url, clock.System(), schema, law)
		none(t, asIs(t, url, schema, nextThing))
	})
	t.Run("CAP-P3 PostgreSQL keeps its own", func(t *testing.T) {
		url := housetest.Postgres(t)
		housetest.Open(t, url, clock.System(), schema)
		none(t, asIs(t, url, schema, nextThing))
	})
	t.Run("CAP-P3 no room", func(t *testing.T) {
		url := housetest.SQLite(t)
		housetest.Open(t, url, clock.System(), schema)
		s := asIs(t, url, schema, nextThing)
		taken := strings.TrimPrefix(url, "sqlite:") + ".before-202702010000.part"
		if err := os.MkdirAll(filepath.Join(taken, "in the way"), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := s.SnapshotBefore(ctx); fault.Code(err) != "store-snapshot-failed" {
			t.Errorf("said %v", err)
		}
	})
	t.Run("CAP-P3 whole and once", func(t *testing.T) {
		url := housetest.SQLite(t)
		old := housetest.Open(t, url, clock.System(), schema)
		write := func(s *store.Store, name string) {
			t.Helper()
			if err := s.House().Write(ctx, put(name, 1)); err != nil {
				t.Fatal(err)
			}
		}
		write(old, "before")
		add := fstest.MapFS{"schema/202702010000_add_thing.sql": {Data: []byte("ALTER TABLE thing ADD COLUMN more TEXT;")}}
		s := asIs(t, url, schema, add)
		path, err := s.SnapshotBefore(ctx)
		if err != nil || path != strings.TrimPrefix(url, "sqlite:")+".before-202702010000" {
			t.Fatalf("%q, %v", path, err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
		write(old, "after")
		if again, err := s.SnapshotBefore(ctx); again != path || err != nil {
			t.Errorf("the second time %q, %v", again, err)
		}
		if err := errors.Join(s.Migrate(ctx)); err != nil {
			t.Fatal(err)
		}
		none(t, s)
		kept := housetest.Open(t, "sqlite:"+path, clock.System(), schema)
		var names string
		if err := kept.House().Read(ctx, func(v *store.View) error {
			return v.Row("SELECT group_concat(id) FROM thing").Scan(&names)
		}); err != nil || names != "before" {
			t.Errorf("the copy has %q (%v), want what was there before", names, err)
		}
	})
}

// A step that needs a table which somebody reads for long, such as a backup,
// does not stop those who run, and is done once the table is free.
func TestAStepLetsOthersThrough(t *testing.T) {
	url := housetest.Postgres(t)
	old := housetest.Open(t, url, clock.System(), schema)
	add := fstest.MapFS{"schema/202702010000_add_thing.sql": {Data: []byte("ALTER TABLE thing ADD COLUMN more TEXT;")}}
	s := asIs(t, url, schema, add)
	reads, held := make(chan struct{}), make(chan struct{})
	reader := make(chan error, 1)
	go func() {
		reader <- old.House().Read(ctx, func(v *store.View) error {
			var n int
			err := v.Row("SELECT count(*) FROM thing").Scan(&n)
			close(reads)
			<-held
			return err
		})
	}()
	<-reads
	migrated := make(chan error, 1)
	go func() { migrated <- s.Migrate(ctx) }()
	for i := range 20 { // each of them would wait for the reader behind the step
		if err := old.House().Write(ctx, put(string(rune('a'+i)), 1)); err != nil {
			t.Fatalf("CAP-O2 a write beside a step that waits: %v", err)
		}
		select {
		case err := <-migrated:
			t.Fatalf("it was done under the reader's hands: %v", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
	close(held)
	if err := errors.Join(<-reader, <-migrated); err != nil {
		t.Errorf("CAP-O2 %v", err)
	}
	if names, err := s.Pending(ctx); len(names) > 0 || err != nil {
		t.Errorf("CAP-O2 %v still wait (%v)", names, err)
	}
}
