package audit_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"

	"golang.org/x/mod/sumdb/note"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// logOf makes a log of n records with a checkpoint every 100 and returns its
// export and a checkpoint that it holds.
func logOf(t testing.TB, h *house, n int) ([]byte, audit.Checkpoint) {
	t.Helper()
	for done := 0; done < n; done += 100 {
		h.write(min(100, n-done))
		h.clock.Advance(time.Minute)
		h.checkpoint()
	}
	cp := h.checkpoint()
	return h.export(), cp
}

// numbered splits an export; where[i] is the line of record i.
func numbered(export []byte) (lines [][]byte, where map[int]int) {
	lines = bytes.SplitAfter(export, []byte("\n"))
	lines = lines[:len(lines)-1]
	where = map[int]int{}
	for n, line := range lines {
		var i int
		if _, err := fmt.Sscanf(string(line), `{"i":%d,`, &i); err == nil {
			where[i] = n
		}
	}
	return lines, where
}

// named returns the first and last record that a finding names, or -1.
func named(err error) (first, last int64) {
	f := fault.As(err)
	if f == nil {
		return -1, -1
	}
	first, ok := f.Args["record"].(int64)
	if !ok {
		return -1, -1
	}
	if last, ok = f.Args["last"].(int64); !ok {
		last = first
	}
	return first, last
}

// TestEveryTamperingIsFound changes an export 1,000 times at random.
func TestEveryTamperingIsFound(t *testing.T) {
	h := open(t, sqliteURL(t))
	export, cp := logOf(t, h, 300)
	lines, where := numbered(export)
	size := len(where)
	if _, err := h.verify(export, cp.Note); err != nil {
		t.Fatal(err)
	}
	random := mrand.New(mrand.NewPCG(1, 2)) //nolint:gosec // a test that repeats
	kinds := map[string]func() (changed [][]byte, record int){
		"flip a bit of a record": func() ([][]byte, int) {
			i := random.IntN(size)
			line := bytes.Clone(lines[where[i]])
			line[random.IntN(len(line))] ^= 1 << random.IntN(8)
			return replace(lines, where[i], line), i
		},
		"delete": func() ([][]byte, int) {
			i := random.IntN(size)
			return slices.Delete(slices.Clone(lines), where[i], where[i]+1), i
		},
		"insert": func() ([][]byte, int) {
			i := random.IntN(size)
			return slices.Insert(slices.Clone(lines), where[i], lines[where[random.IntN(size)]]), i
		},
		"swap": func() ([][]byte, int) {
			i := random.IntN(size - 1)
			j := i + 1 + random.IntN(size-i-1)
			changed := slices.Clone(lines)
			changed[where[i]], changed[where[j]] = renumber(lines[where[j]], i), renumber(lines[where[i]], j)
			return changed, i
		},
		"backdate": func() ([][]byte, int) {
			i := random.IntN(size)
			return replace(lines, where[i], bytes.Replace(lines[where[i]], []byte("2026-11-22T09:"), []byte("2026-11-22T08:"), 1)), i
		},
	}
	for kind, tamper := range kinds {
		t.Run(kind, func(t *testing.T) {
			for range 200 {
				changed, record := tamper()
				text := bytes.Join(changed, nil)
				if bytes.Equal(text, export) {
					continue // two equal lines were swapped
				}
				_, err := h.verify(text, cp.Note)
				first, _ := named(err)
				if kind == "insert" && first == int64(record)+1 {
					first-- // a second line of the same record
				}
				if err == nil || first != int64(record) {
					t.Fatalf("record %d: %v\n%s", record, err, changed[where[record]])
				}
			}
		})
	}
	t.Run("flip a bit anywhere", func(t *testing.T) {
		for range 300 {
			text := bytes.Clone(export)
			at := random.IntN(len(text))
			text[at] ^= 1 << random.IntN(8)
			if _, err := h.verify(text, cp.Note); err == nil {
				t.Fatalf("byte %d became %q: not found", at, text[at])
			}
		}
	})
	t.Run("cut anywhere", func(t *testing.T) {
		for range 100 {
			if _, err := h.verify(export[:random.IntN(len(export))]); err == nil {
				t.Fatal("not found")
			}
		}
	})
}

func replace(lines [][]byte, at int, line []byte) [][]byte {
	changed := slices.Clone(lines)
	changed[at] = line
	return changed
}

func renumber(line []byte, i int) []byte {
	_, rest, _ := bytes.Cut(line, []byte(`,"f":`))
	return append(fmt.Appendf(nil, `{"i":%d,"f":`, i), rest...)
}

// TestAnIntruderWithTheDatabaseIsFound changes rows behind the log's back.
func TestAnIntruderWithTheDatabaseIsFound(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		_, cp := logOf(t, h, 300)
		verify := func() error {
			_, err := h.VerifyStore(context.Background(), audit.VerifyOptions{Key: h.key(), Checkpoints: []string{cp.Note}})
			return err
		}
		want := func(name, code string, record int64) {
			t.Helper()
			err := verify()
			if first, last := named(err); fault.Code(err) != code || record < first || record > last {
				t.Fatalf("%s: %v, want %s at %d", name, err, code, record)
			}
		}
		must(t, verify())
		ids := h.ids(0)
		h.place(0, ids[:42*id.Len]+strings.Repeat("z", id.Len)+ids[43*id.Len:])
		want("delete", "audit-record-missing", 42)
		swapped := ids[:42*id.Len] + ids[43*id.Len:44*id.Len] + ids[42*id.Len:43*id.Len] + ids[44*id.Len:]
		h.place(0, swapped)
		want("swap", "audit-record-altered", 42)
		h.place(0, ids)
		must(t, verify())
		body := h.bodyOf(at(ids, 250))
		changed := bytes.Clone(body)
		changed[len(changed)-1] ^= 1
		h.sql("UPDATE audit_record SET body = $1 WHERE id = $2", changed, at(ids, 250))
		want("flip", "audit-record-altered", 250)
		h.sql("DELETE FROM audit_record WHERE id = $1", at(ids, 250))
		want("delete the body", "audit-record-missing", 250)
		h.sql("INSERT INTO audit_record (id, body) VALUES ($1, $2)", at(ids, 250), body)

		// Leaf and body together: the signed roots still say where.
		tile := h.tile(0)
		forged := bytes.Clone(tile)
		copy(forged[42*32:], tile[43*32:44*32])
		copy(forged[43*32:], tile[42*32:43*32])
		h.sql("UPDATE audit_tile SET hashes = $1 WHERE level = 0 AND n = 0", forged)
		h.place(0, swapped)
		want("swap with leaves", "audit-root-differs", 42)
		first, last := named(verify())
		if last-first > 110 {
			t.Fatalf("named %d to %d: the checkpoints are closer", first, last)
		}
	})
}

// at is the id of a leaf.
func at(ids string, leaf int) string { return ids[leaf*id.Len : (leaf+1)*id.Len] }

func (h *house) ids(n int64) (ids string) {
	h.t.Helper()
	must(h.t, h.store.House().Read(context.Background(), func(v *store.View) error {
		return v.Row("SELECT ids FROM audit_place WHERE n = $1", n).Scan(&ids)
	}))
	return ids
}

func (h *house) place(n int64, ids string) {
	h.t.Helper()
	h.sql("UPDATE audit_place SET ids = $1 WHERE n = $2", ids, n)
}

func (h *house) bodyOf(record string) (body []byte) {
	h.t.Helper()
	must(h.t, h.store.House().Read(context.Background(), func(v *store.View) error {
		return v.Row("SELECT body FROM audit_record WHERE id = $1", record).Scan(&body)
	}))
	return body
}

func (h *house) tile(n int64) (hashes []byte) {
	h.t.Helper()
	must(h.t, h.store.House().Read(context.Background(), func(v *store.View) error {
		return v.Row("SELECT hashes FROM audit_tile WHERE level = 0 AND n = $1", n).Scan(&hashes)
	}))
	return hashes
}

// TestACutTailIsFoundFromOutside: the log of an intruder who holds the key and
// cuts everything that came after is whole in itself.
func TestACutTailIsFoundFromOutside(t *testing.T) {
	h := open(t, sqliteURL(t))
	early, _ := logOf(t, h, 200)
	_, late := logOf(t, h, 200)
	if _, err := h.verify(early); err != nil {
		t.Fatalf("by itself it is whole: %v", err)
	}
	_, err := h.verify(early, late.Note)
	wantCode(t, err, "audit-tail-cut")
}

func TestASecondKeyIsFound(t *testing.T) {
	h := open(t, sqliteURL(t))
	export, cp := logOf(t, h, 10)
	private, public, err := note.GenerateKey(rand.Reader, "sekisho-audit")
	must(t, err)
	forged := resign(t, private, cp, func(text string) string { return text })
	_, err = h.verify(export, forged)
	wantCode(t, err, "audit-checkpoint-foreign")
	_, err = audit.Verify(context.Background(), bytes.NewReader(export), audit.VerifyOptions{Key: public})
	wantCode(t, err, "audit-checkpoint-foreign")
	_, err = audit.Verify(context.Background(), bytes.NewReader(export), audit.VerifyOptions{Key: "nonsense", Checkpoints: []string{cp.Note}})
	wantCode(t, err, "audit-key-malformed")
}

// resign signs a changed checkpoint.
func resign(t *testing.T, private string, cp audit.Checkpoint, change func(string) string) string {
	t.Helper()
	signer, err := note.NewSigner(private)
	must(t, err)
	text, _, _ := strings.Cut(cp.Note, "\n\n")
	signed, err := note.Sign(&note.Note{Text: change(text + "\n")}, signer)
	must(t, err)
	return string(signed)
}

func TestTwoCheckpointsOfOneSizeAreFound(t *testing.T) {
	keys := &keeping{gcm: newGCM()}
	h := open(t, sqliteURL(t), func(o *audit.Options) { o.Sealer = keys })
	export, cp := logOf(t, h, 10)
	other := resign(t, keys.private, cp, func(text string) string {
		lines := strings.Split(text, "\n")
		lines[2] = "AAAA" + lines[2][4:]
		return strings.Join(lines, "\n")
	})
	_, err := h.verify(export, other)
	wantCode(t, err, "audit-checkpoint-conflict")
	_, err = h.verify(export, cp.Note, other)
	wantCode(t, err, "audit-checkpoint-conflict")
}

// keeping is a sealer whose key leaked.
type keeping struct {
	gcm
	private string
}

func (k *keeping) Seal(ctx context.Context, at audit.Place, plain []byte) ([]byte, error) {
	k.private = string(plain)
	return k.gcm.Seal(ctx, at, plain)
}

func TestABackdatedRecordIsFound(t *testing.T) {
	h := open(t, sqliteURL(t))
	logOf(t, h, 10)
	h.clock.Step(-time.Hour)
	h.write(1)
	h.clock.Step(time.Hour)
	h.checkpoint()
	report, err := h.verify(h.export())
	must(t, err)
	if len(report.Backdated) == 0 {
		t.Fatalf("%+v", report)
	}
}

func TestAnUnsignedLogProvesNothing(t *testing.T) {
	h := open(t, sqliteURL(t), func(o *audit.Options) { o.Sealer = nil })
	h.write(3)
	_, err := audit.Verify(context.Background(), bytes.NewReader(h.export()), audit.VerifyOptions{Key: "x"})
	wantCode(t, err, "audit-nothing-signed")
	h2 := open(t, sqliteURL(t), func(o *audit.Options) { o.Sealer = sealed{} })
	h2.write(3)
	must(t, h2.Integrate(context.Background()))
	if _, err := h2.Checkpoint(context.Background()); err == nil {
		t.Fatal("a checkpoint without a key")
	}
}

// sealed is the house before it is unsealed.
type sealed struct{}

var errSealed = errors.New("sealed")

func (sealed) Seal(context.Context, audit.Place, []byte) ([]byte, error) { return nil, errSealed }
func (sealed) Open(context.Context, audit.Place, []byte) ([]byte, error) { return nil, errSealed }

func sqliteURL(t testing.TB) string { return housetest.SQLite(t) }
