package backup_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/backup"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
)

func TestBackupUnderWriteLoad(t *testing.T) {
	eachWay(t, func(t *testing.T, from, to string) {
		h := open(t, from, schemas...)
		_, kit := h.found(t)
		h.audit.Start()
		var wg sync.WaitGroup
		var stop atomic.Bool
		var acked [4]atomic.Int64 // rows of each writer that are acknowledged
		for w := range acked {
			wg.Go(func() {
				for i := 0; !stop.Load(); i++ {
					h.put(t, fmt.Sprintf("w%d-%06d", w, i), i)
					acked[w].Store(int64(i + 1))
				}
			})
		}
		for acked[0].Load() < 200 {
			time.Sleep(time.Millisecond)
		}
		before := [4]int64{}
		for w := range acked {
			before[w] = acked[w].Load()
		}
		file, _ := h.save(t)
		stop.Store(true)
		wg.Wait()
		h.close(t)

		o := restoring(t, file, kit, to, filepath.Join(t.TempDir(), "unseal.key"))
		got, err := backup.Restore(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		h = open(t, to, schemas...)
		defer h.close(t)
		for w, least := range before {
			// Dense: no acknowledged row is missing, none came out of order.
			query := "SELECT CAST(count(*) AS TEXT) || ' ' || max(id) FROM thing WHERE id LIKE $1"
			var n, last int64
			if _, err := fmt.Sscanf(h.text(t, query, fmt.Sprintf("w%d-%%", w)), "%d w"+fmt.Sprint(w)+"-%d", &n, &last); err != nil {
				t.Fatal(err)
			}
			if n < least || last != n-1 {
				t.Errorf("writer %d had %d rows acknowledged before; the copy has %d, the last is number %d", w, least, n, last)
			}
		}
		if _, err := h.audit.VerifyStore(t.Context(), audit.VerifyOptions{Key: got.AuditKey}); err != nil {
			t.Error(err)
		}
		// One snapshot: each row has its record and each record its row.
		rows := h.text(t, "SELECT CAST(count(*) AS TEXT) FROM thing")
		holds := map[string]string{
			"sqlite":   "instr(body, CAST('thing.put' AS BLOB)) > 0",
			"postgres": "position(CAST('thing.put' AS BYTEA) IN body) > 0",
		}[h.store.Engine()]
		records := h.text(t, "SELECT CAST(count(*) AS TEXT) FROM audit_record WHERE "+holds)
		if rows != records {
			t.Errorf("%s rows and %s records of them", rows, records)
		}
	})
}

const childVar = "SEKISHO_TEST_RESTORE_CHILD"

// TestRestoreChild is the process that is killed.
func TestRestoreChild(t *testing.T) {
	given := strings.Split(os.Getenv(childVar), "\n")
	if len(given) != 4 {
		t.Skip("only as a child of TestKilledRestore")
	}
	o := restoring(t, given[0], given[1], given[2], given[3])
	o.Replace = true
	fmt.Println("begins")
	if _, err := backup.Restore(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// killed runs a restore in a process of its own and kills it after d; a d of 0
// lets it live. It returns how long it lived after it began.
func killed(t *testing.T, d time.Duration, file, kit, url, key string) time.Duration {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestRestoreChild$")
	cmd.Env = append(os.Environ(), childVar+"="+strings.Join([]string{file, kit, url, key}, "\n"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	begins := make([]byte, 7)
	if _, err := out.Read(begins); err != nil {
		t.Fatal(err)
	}
	c := clock.System()
	began := c.Mono()
	if d > 0 {
		time.Sleep(d)
		_ = cmd.Process.Kill()
	}
	_ = cmd.Wait()
	return c.Mono() - began
}

func TestKilledRestoreLeavesTheOldOrTheNew(t *testing.T) {
	housetest.Long(t)
	h := open(t, housetest.SQLite(t), schemas...)
	_, kit := h.found(t)
	h.fill(t, 100)
	want := h.things(t)
	file, _ := h.save(t)
	h.close(t)
	const tries = 24
	eachEngine(t, func(t *testing.T, first string) {
		whole := killed(t, 0, file, kit, first, filepath.Join(t.TempDir(), "unseal.key"))
		fresh := engines[strings.SplitN(first, ":", 2)[0]]
		outcomes := map[string]int{}
		for i := range tries {
			url, key := fresh(t), filepath.Join(t.TempDir(), "unseal.key")
			old := ""
			if i%2 == 1 { // every other place is taken
				h := open(t, url, schemas...)
				if err := os.Remove(foundAt(t, h, key)); err != nil {
					t.Fatal(err)
				}
				h.put(t, "old", i)
				old = h.things(t)
				h.close(t)
			}
			killed(t, whole*time.Duration(i+tries/2)/(tries*5/4), file, kit, url, key)
			outcomes[afterKill(t, url, key, old, want)]++
			// What is left behind is no obstacle.
			o := restoring(t, file, kit, url, key)
			o.Replace = true
			if _, err := backup.Restore(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			if state := afterKill(t, url, key, old, want); state != "new" {
				t.Errorf("restored again it is %s", state)
			}
		}
		t.Logf("a whole restore takes %v; killed, it left %v", whole, outcomes)
	})
}

// foundAt makes the keys of h with the key file at path; it returns the kit.
func foundAt(t *testing.T, h *home, path string) string {
	t.Helper()
	key, kit := h.found(t)
	if err := os.Rename(key, path); err != nil {
		t.Fatal(err)
	}
	return kit
}

// afterKill says what is in the place: empty, old or new, of which each is
// whole and opens with the key that stands in its place.
func afterKill(t *testing.T, url, key, old, want string) string {
	t.Helper()
	s, err := store.OpenAsIs(t.Context(), store.Options{URL: url, Clock: clock.System()})
	if err != nil {
		t.Fatal(err)
	}
	var tables []store.Table
	err = s.House().Read(t.Context(), func(v *store.View) (err error) {
		tables, err = s.Tables(v)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(tables) == 0 {
		if old != "" {
			t.Fatal("the old house is gone and nothing came")
		}
		return "empty"
	}
	h := open(t, url, schemas...)
	defer h.close(t)
	if err := h.ring.Unseal(t.Context(), operator, seal.KeyFile(key)); err != nil {
		t.Fatalf("what is there does not open: %v", err)
	}
	if err := h.ring.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	switch h.things(t) {
	case want:
		return "new"
	case old:
		return "old"
	}
	t.Fatal("neither the old nor the new")
	return ""
}
