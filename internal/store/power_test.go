package store_test

import (
	"bytes"
	"crypto/rand"
	"database/sql"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/store"
)

// disk is what the two files of a database hold.
type disk struct{ house, log []byte }

func diskOf(t *testing.T, path string) (d disk) {
	t.Helper()
	var err error
	if d.house, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	if d.log, err = os.ReadFile(path + "-wal"); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return d
}

// sector is what a disk writes whole or not at all.
const sector = 512

// torn is old on its way to become next when the power goes: each sector that
// differs is the old one, the new one, or what nobody wrote from where it differs
// (SQLite takes disks at their word that no write spoils what it does not touch);
// what is longer is cut anywhere.
func torn(old, next []byte, r *mrand.Rand) []byte {
	if r.IntN(5) == 0 {
		return next
	}
	out := bytes.Clone(next[:len(next)-r.IntN(max(len(next)-len(old), 0)+1)])
	for at := 0; at < len(out); at += sector {
		end := min(at+sector, len(out))
		if at+sector <= len(old) && bytes.Equal(old[at:at+sector], next[at:end]) {
			continue
		}
		switch r.IntN(3) {
		case 0:
			n := 0
			if at < len(old) {
				n = copy(out[at:end], old[at:])
			}
			clear(out[at+n : end])
		case 1:
			from := at
			for from < end && from < len(old) && old[from] == next[from] {
				from++
			}
			_, _ = rand.Read(out[from:end])
		}
	}
	return out
}

// TestPowerIsCut shows F4 for SQLite: wherever the power goes between two writes
// that were acknowledged, the database is whole, what was acknowledged is there,
// and what was on its way is there or not, but never half.
func TestPowerIsCut(t *testing.T) {
	housetest.Long(t)
	url, path := houseAt(t.TempDir())
	s := housetest.Open(t, url, clock.System(), schema)
	const writes = 250
	cuts := 4 // at each fifth write; SEKISHO_CUTS
	if n, err := strconv.Atoi(os.Getenv("SEKISHO_CUTS")); err == nil {
		cuts = n
	}
	seed := clock.System().Now().UnixNano()
	r := mrand.New(mrand.NewPCG(uint64(seed), 1)) //nolint:gosec // which sectors are torn
	t.Logf("seed %d", seed)
	tried, landed := 0, 0
	cut := func(t *testing.T, d disk, acked int) {
		t.Helper()
		tried++
		if n := wakes(t, d); n != acked && n != acked+1 {
			t.Fatalf("F4 seed %d: %d rows after the power came back, %d were acknowledged", seed, n, acked)
		} else if n > acked {
			landed++
		}
	}
	before := diskOf(t, path)
	for k := range writes {
		err := s.House().Write(ctx, func(tx *store.Tx) store.End {
			for part := range 2 { // both or none
				if _, err := tx.Exec("INSERT INTO thing (id, n, body) VALUES ($1, $2, $3)", fmt.Sprintf("%06d-%d", k, part), part, make([]byte, r.IntN(6000))); err != nil {
					return store.Abort(err)
				}
			}
			return store.Done(event)
		})
		if err != nil {
			t.Fatal(err)
		}
		after := diskOf(t, path)
		if k%5 == 0 {
			for range cuts {
				if bytes.Equal(before.house, after.house) {
					cut(t, disk{after.house, torn(before.log, after.log, r)}, k)
				} else { // the log was whole before the database was touched
					cut(t, disk{torn(before.house, after.house, r), after.log}, k+1)
				}
			}
		}
		before = after
	}
	if err := s.Close(); err != nil { // what is in the log goes to the database
		t.Fatal(err)
	}
	after := diskOf(t, path)
	for range 5 * cuts {
		cut(t, disk{torn(before.house, after.house, r), before.log}, writes)
	}
	if landed == 0 || landed == tried {
		t.Errorf("%d of %d writes on their way had landed: the cuts hit nothing", landed, tried)
	}
	t.Logf("%d cuts, %d had landed", tried, landed)
}

func houseAt(dir string) (url, path string) {
	path = filepath.Join(dir, "house.db")
	return "sqlite:" + path, path
}

// wakes opens what a disk holds and returns how many whole writes are there.
func wakes(t *testing.T, d disk) (whole int) {
	t.Helper()
	dir, err := os.MkdirTemp("", "sekisho-power-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	url, path := houseAt(dir)
	if err := os.WriteFile(path, d.house, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+"-wal", d.log, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := open(url, schema)
	if err != nil {
		t.Fatalf("F4 the house does not open: %v", err)
	}
	var halves int
	err = s.House().Read(ctx, func(v *store.View) error {
		if err := v.Row("SELECT count(*) FROM thing WHERE n = 0").Scan(&whole); err != nil {
			return err
		}
		return v.Row("SELECT count(*) FROM thing WHERE n = 1").Scan(&halves)
	})
	if err != nil || halves != whole {
		t.Errorf("F4 %d and %d halves of writes (%v)", whole, halves, err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("F4 close: %v", err)
	}
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // only read
	var said string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&said); err != nil || said != "ok" {
		t.Errorf("F4 the check says %q (%v)", said, err)
	}
	return whole
}
