package store_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/store"
)

func schemas() []fs.FS { return []fs.FS{schema} }

func open(url string, schemas ...fs.FS) (*store.Store, error) {
	return store.Open(ctx, store.Options{URL: url, Clock: clock.System(), Schemas: schemas})
}

func TestMigrateRefused(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		twin := fstest.MapFS{"schema/202611220001_other_things.sql": {Data: []byte("SELECT 1;")}}
		if _, err := open(url, schema, twin); err == nil || !strings.Contains(err.Error(), "one number") {
			t.Errorf("two migrations of one number: %v", err)
		}
		odd := fstest.MapFS{"schema/1_x.sql": {Data: []byte("SELECT 1;")}}
		if _, err := open(url, odd); err == nil || !strings.Contains(err.Error(), "yyyymmddhhmm") {
			t.Errorf("a migration without a date: %v", err)
		}
		half := fstest.MapFS{"schema/202611220002_half.sql": {Data: []byte("CREATE TABLE half (id TEXT); INSERT INTO nowhere VALUES (1);")}}
		if _, err := open(url, schema, half); err == nil {
			t.Error("a broken migration passed")
		}
		whole := fstest.MapFS{"schema/202611220002_half.sql": {Data: []byte("CREATE TABLE half (id TEXT);")}}
		s, err := open(url, schema, whole)
		if err != nil {
			t.Fatalf("the mended migration did not run on what the broken one left: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestSchemaRefusesOlderBinaries(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		closed := func(s *store.Store, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		next := fstest.MapFS{"schema/202702010000_next_thing.sql": {Data: []byte("ALTER TABLE thing ADD COLUMN more TEXT;")}}
		closed(open(url, schema, next))
		closed(open(url, schema)) // an older binary goes on: rolling upgrade
		law := fstest.MapFS{"schema/202703010000_law.sql": {Data: []byte("UPDATE schema_law SET oldest_binary = 202702010000;")}}
		closed(open(url, schema, next, law))
		if _, err := open(url, schema); fault.Code(err) != "store-schema-too-new" {
			t.Errorf("a binary too old for the schema was told %v", err)
		}
		closed(open(url, schema, next))
		late := fstest.MapFS{"schema/202701010000_late_thing.sql": {Data: []byte("CREATE TABLE late (id TEXT);")}}
		closed(open(url, schema, next, law, late)) // out of order
	})
}

func TestOpenRefused(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return "sqlite:" + path
	}
	for name, c := range map[string]struct{ url, code string }{
		"no engine":            {"mysql://x:secret@y/z", "store-url-unknown"},
		"no path":              {"sqlite:", "store-url-unknown"},
		"no folder":            {"sqlite:" + filepath.Join(dir, "none", "x.db"), "store-file-unusable"},
		"A165 readable by all": {file("open.db", "", 0o644), "store-file-open-to-others"},
		"not a database":       {file("text.db", strings.Repeat("not a database ", 100), 0o600), "store-corrupt"},
		"nobody listens":       {"postgres://me:secret@127.0.0.1:1/x", "store-away"},
		"unreadable URL":       {"postgres://me:secret@[::1/x", "store-url-unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(c.url, schema)
			if fault.Code(err) != c.code {
				t.Errorf("Open said %v, want %s", err, c.code)
			}
			if err != nil && strings.Contains(fault.As(err).Code+argsOf(err), "secret") {
				t.Errorf("the password is in the fault: %v", err)
			}
		})
	}
}

func argsOf(err error) string {
	var b strings.Builder
	if f := fault.As(err); f != nil {
		for _, v := range f.Args {
			if s, ok := v.(string); ok {
				b.WriteString(s)
			}
		}
	}
	return b.String()
}

func TestHold(t *testing.T) {
	url := housetest.Postgres(t)
	one, two := housetest.Open(t, url, clock.System()), housetest.Open(t, url, clock.System())
	release, err := one.Hold(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := two.Hold(ctx, true); fault.Code(err) != "store-in-use" {
		t.Errorf("an exclusive hold beside a server said %v", err)
	}
	shared, err := two.Hold(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	shared()
	release()
	exclusive, err := two.Hold(ctx, true)
	if err != nil {
		t.Fatal(err)
	}
	exclusive()
}
