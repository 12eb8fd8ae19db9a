package store_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/store"
)

// TestAReaderWhoWritesIsNotBusy: the driver answers whoever reads first and
// writes then with SQLITE_BUSY, at once and in spite of a busy timeout, when
// somebody else wrote in between (517: its snapshot is over). Nobody of ours is
// answered so.
func TestAReaderWhoWritesIsNotBusy(t *testing.T) {
	t.Run("TRAP-GO17 the driver alone", func(t *testing.T) {
		db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "a.db")+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)")
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close() //nolint:errcheck // a test's
		if _, err := db.Exec("CREATE TABLE thing (id TEXT)"); err != nil {
			t.Fatal(err)
		}
		reads := func() *sql.Tx {
			tx, err := db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			var n int
			if err := tx.QueryRow("SELECT count(*) FROM thing").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return tx
		}
		first, second := reads(), reads()
		defer first.Rollback() //nolint:errcheck // it failed
		if _, err := second.Exec("INSERT INTO thing (id) VALUES ('b')"); err != nil {
			t.Fatal(err)
		}
		if err := second.Commit(); err != nil {
			t.Fatal(err)
		}
		if _, err := first.Exec("INSERT INTO thing (id) VALUES ('a')"); err == nil || !strings.Contains(err.Error(), "(517)") {
			t.Errorf("the driver says %v now: are the settings of the writer needed as they are?", err)
		}
	})
	t.Run("TRAP-GO17 ours", func(t *testing.T) {
		s := housetest.Open(t, housetest.SQLite(t), clock.System(), schema)
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for n := range 25 {
					err := s.House().Write(ctx, func(tx *store.Tx) store.End {
						var seen int
						if err := tx.Row("SELECT count(*) FROM thing").Scan(&seen); err != nil {
							return store.Abort(err)
						}
						return put(fmt.Sprintf("%d-%d", i, n), seen)(tx)
					})
					if err != nil {
						t.Errorf("%d of %d: %v", n, i, err)
					}
				}
			})
		}
		all.Wait()
		if n := count(t, s); n != 200 {
			t.Errorf("%d rows of 200", n)
		}
	})
}
