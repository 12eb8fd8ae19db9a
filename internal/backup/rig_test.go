package backup_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/backup"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

const operator = id.Principal("local:1000")

// thingSchema is a table of a room, with every kind of value and a name that
// SQL wants quoted.
var thingSchema = fstest.MapFS{"schema/202001030000_thing_rows.sql": {Data: []byte(
	`CREATE TABLE thing (id TEXT NOT NULL PRIMARY KEY, n BIGINT, "order" TEXT, raw BLOB);
CREATE TABLE thing_session (id TEXT NOT NULL PRIMARY KEY);`)}}

// laterSchema is what a newer version has.
var laterSchema = fstest.MapFS{"schema/202001040000_thing_later.sql": {Data: []byte(
	`ALTER TABLE thing ADD COLUMN added TEXT NOT NULL DEFAULT 'later';`)}}

var schemas = []fs.FS{audit.Schema, seal.Schema, once.Schema, job.Schema, thingSchema}

func endSessions(tx *store.Tx) (int64, error) { return tx.Exec("DELETE FROM thing_session") }

// home is a house of floors 1 and 2 with one room.
type home struct {
	url   string
	store *store.Store
	audit *audit.Log
	ring  *seal.Ring
	room  *backup.Room
}

type sealer struct{ ring *seal.Ring }

func (s sealer) Seal(_ context.Context, at audit.Place, plain []byte) ([]byte, error) {
	return s.ring.Seal(seal.Place(at), plain)
}

func (s sealer) Open(_ context.Context, at audit.Place, sealed []byte) ([]byte, error) {
	return s.ring.Open(seal.Place(at), sealed)
}

// open opens the house that a database holds, with sealed keys.
func open(t testing.TB, url string, schemas ...fs.FS) *home {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{URL: url, Clock: clock.System(), Log: housetest.Log(t), Schemas: schemas})
	if err != nil {
		t.Fatal(err)
	}
	h := &home{url: url, store: s}
	h.ring = seal.New(seal.Options{Store: s, Clock: clock.System(), Log: housetest.Log(t)})
	h.audit = audit.New(audit.Options{Store: s, Clock: clock.System(), Log: housetest.Log(t), Node: id.New[id.Node](clock.System().Now()), Sealer: sealer{h.ring}})
	h.room = backup.New(backup.Options{Store: s, Clock: clock.System(), Audit: h.audit, Ring: h.ring, Version: "test"})
	return h
}

func (h *home) close(t testing.TB) {
	t.Helper()
	if err := h.audit.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	h.ring.Close()
	if err := h.store.Close(); err != nil {
		t.Error(err)
	}
}

var book = func() *words.Book {
	b, err := words.Load(audit.Words, seal.Words, store.Words, backup.Words)
	if err != nil {
		panic(err)
	}
	return b
}()

// found makes the keys; it returns the files of the unseal key and the kit.
func (h *home) found(t testing.TB) (key, kit string) {
	t.Helper()
	dir := t.TempDir()
	key, kit = filepath.Join(dir, "unseal.key"), filepath.Join(dir, "kit.txt")
	made, err := h.ring.Found(t.Context(), operator, seal.KeyFile(key))
	if err != nil {
		t.Fatal(err)
	}
	public, err := h.audit.PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := made.Save(kit, book, public); err != nil {
		t.Fatal(err)
	}
	return key, kit
}

var codeKind = once.Declare(once.Kind{Name: "backup-test-code", Life: 3600e9, Size: 32})

// fill writes n things with a record each, a session, a code and an effect in
// every state.
func (h *home) fill(t testing.TB, n int) (code secret.Text) {
	t.Helper()
	for i := range n {
		h.put(t, fmt.Sprintf("thing%06d", i), i)
	}
	code = codeKind.New()
	err := h.store.House().Write(t.Context(), func(tx *store.Tx) store.End {
		err := once.Mint(tx, codeKind, code, once.Slip{Subject: "person:1"})
		for _, state := range []string{"intended", "inflight", "done", "parked"} {
			if err == nil {
				_, err = tx.Exec(`INSERT INTO job_effect (id, org, driver, target, line, seq, waits, state, probe, payload, principal,
					tries, due, owner, fence_no, sent_at, fence_until, intended_at, first_at, ended_at, why, result)
					VALUES ($1, '', 'fake', 'there', '', 0, 0, $1, 0, '{}', 'system:test', 0, 0, 'old', 7, 5, 6, 1, 0, 0, '', '')`, state)
			}
		}
		if err == nil {
			_, err = tx.Exec("INSERT INTO thing_session (id) VALUES ('s1')")
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: "thing.filled", By: operator})
	})
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func (h *home) put(t testing.TB, name string, i int) {
	t.Helper()
	err := h.store.House().Write(context.Background(), func(tx *store.Tx) store.End {
		var text, n any = fmt.Sprintf("関所 \"%d\"\n", i), int64(i)<<40 - 1<<60
		if i%7 == 0 {
			text, n = nil, nil
		}
		raw := []byte{0, byte(i), 0xff, '\'', '"'}
		if _, err := tx.Exec(`INSERT INTO thing (id, n, "order", raw) VALUES ($1, $2, $3, $4)`, name, n, text, raw); err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: "thing.put", By: operator, Target: name})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// things reads the table of the room as text.
func (h *home) things(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	err := h.store.House().Read(context.Background(), func(v *store.View) error {
		rows, err := v.Query(`SELECT id, n, "order", raw FROM thing ORDER BY id`)
		_, err = store.Collect(rows, err, func(scan func(...any) error) (none struct{}, err error) {
			var name string
			var n *int64
			var text *string
			var raw []byte
			err = scan(&name, &n, &text, &raw)
			line, _ := json.Marshal([]any{name, n, text, raw})
			b.Write(append(line, '\n'))
			return none, err
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func (h *home) text(t testing.TB, query string, args ...any) (out string) {
	t.Helper()
	err := h.store.House().Read(context.Background(), func(v *store.View) error { return v.Row(query, args...).Scan(&out) })
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return out
}

// save makes a backup file.
func (h *home) save(t testing.TB, recipients ...string) (string, backup.Report) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "house.backup")
	report, err := backup.Save(path, func(w io.Writer) (backup.Report, error) {
		return h.room.Write(context.Background(), operator, w, recipients, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	return path, report
}

func ground(t testing.TB, url string, schemas ...fs.FS) backup.Ground {
	return backup.Ground{
		URL: secret.Of(url), Clock: clock.System(), Log: housetest.Log(t), Node: id.New[id.Node](clock.System().Now()),
		By: operator, Schemas: schemas, Enders: []backup.Ender{{Name: "sessions", End: endSessions}},
	}
}

func restoring(t testing.TB, file, kit, url, key string) backup.RestoreOptions {
	return backup.RestoreOptions{
		Ground: ground(t, url, schemas...), File: file, Identity: kit, Provider: seal.KeyFile(key), KeyFile: key,
	}
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if fault.Code(err) != code {
		t.Fatalf("got %v, want %s", err, code)
	}
	for _, lang := range words.Langs {
		if !book.Has("problem." + code) {
			t.Errorf("no sentence for %s", code)
		}
		if said := book.Say(lang, "problem."+code, fault.As(err).Args); strings.ContainsAny(said, "{}") {
			t.Errorf("the sentence of %s has holes: %s", code, said)
		}
	}
}

// isEmpty fails if anything at all is in the place.
func isEmpty(t testing.TB, url string) {
	t.Helper()
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		names, _ := os.ReadDir(filepath.Dir(path))
		if len(names) > 0 {
			t.Errorf("left behind: %v", names)
		}
		return
	}
	s, err := store.OpenAsIs(context.Background(), store.Options{URL: url, Clock: clock.System()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // only read
	err = s.House().Read(context.Background(), func(v *store.View) error {
		var n int
		err := v.Row("SELECT count(*) FROM pg_catalog.pg_namespace n LEFT JOIN pg_catalog.pg_tables t ON t.schemaname = n.nspname WHERE n.nspname LIKE 'sekisho%' OR t.schemaname = 'public'").Scan(&n)
		if n > 0 {
			t.Errorf("left behind: %d schemas or tables", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func fileOf(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "changed.backup")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func contentOf(t testing.TB, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(content)
}
