package backup_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/sekisho/sekisho/internal/backup"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// TestLargeHouse prints seconds for a house of SEKISHO_BACKUP_RECORDS audit
// records (a tenth of them with a row), such as 1000000.
func TestLargeHouse(t *testing.T) {
	records, _ := strconv.Atoi(os.Getenv("SEKISHO_BACKUP_RECORDS"))
	if records == 0 {
		t.Skip("say how many: SEKISHO_BACKUP_RECORDS=1000000")
	}
	c := clock.System()
	timed := func(what string, f func()) {
		began := c.Mono()
		f()
		fmt.Printf("%-32s %6.1f s\n", what, (c.Mono() - began).Seconds())
	}
	from := housetest.SQLite(t)
	h := open(t, from, schemas...)
	key, kit := h.found(t)
	timed("fill", func() {
		h.audit.Start()
		h.fillMany(t, records)
		h.close(t)
	})
	h = open(t, from, schemas...)
	if err := h.ring.Unseal(t.Context(), operator, seal.KeyFile(key)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "house.backup")
	timed("backup of SQLite", func() {
		report, err := backup.Save(file, func(w io.Writer) (backup.Report, error) { return h.room.Write(t.Context(), operator, w, nil, nil) })
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("%d rows, %d records, %d MB\n", report.Rows, report.AuditSize, report.Bytes>>20)
	})
	h.close(t)
	for name, url := range engines {
		timed("restore onto "+name, func() {
			if _, err := backup.Restore(t.Context(), restoring(t, file, kit, url(t), filepath.Join(t.TempDir(), "unseal.key"))); err != nil {
				t.Fatal(err)
			}
		})
	}
	timed("move to postgres", func() {
		_, err := backup.Move(t.Context(), backup.MoveOptions{
			Ground: ground(t, housetest.Postgres(t), schemas...), From: secret.Of(from), Provider: seal.KeyFile(key),
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// fillMany writes n records and n/10 rows.
func (h *home) fillMany(t *testing.T, n int) {
	const batch = 50
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for from := w * batch; from < n; from += 8 * batch {
				err := h.store.House().Write(t.Context(), func(tx *store.Tx) store.End {
					var events []store.Event
					for i := from; i < min(from+batch, n); i++ {
						events = append(events, store.Event{
							Name: "thing.put", By: operator, Target: fmt.Sprint("thing:", i),
							Fields: map[string]string{"title": "a thing of some length", "number": fmt.Sprint(i)},
						})
						if i%10 != 0 {
							continue
						}
						if _, err := tx.Exec(`INSERT INTO thing (id, n, "order", raw) VALUES ($1, $2, 'a text of some length', $3)`, fmt.Sprint(i), i, []byte{1, 2, 3}); err != nil {
							return store.Abort(err)
						}
					}
					return store.Done(events[0], events[1:]...)
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
