package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/sekisho/sekisho/internal/store"
)

// TestLaterIsOnlyOnesOwn: what many put off at once is written for those who
// commit, and for nobody else.
func TestLaterIsOnlyOnesOwn(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		no := errors.New("no")
		var wg sync.WaitGroup
		const all = 120
		for i := range all {
			wg.Go(func() {
				n := i
				if i%40 == 7 {
					n = 1000 // the table refuses it, at the commit
				}
				err := s.House().Append(ctx, func(tx *store.Tx) store.End {
					if err := tx.Later("INSERT INTO thing (id, n) VALUES ($1, $2)", fmt.Sprint(i), n); err != nil {
						return store.Abort(err)
					}
					if i%10 == 3 {
						return store.Abort(no)
					}
					return store.Quietly(store.QuietCount)
				})
				switch {
				case i%10 == 3:
					if !errors.Is(err, no) {
						t.Errorf("%d aborted: %v", i, err)
					}
				case (n == 1000) != (err != nil):
					t.Errorf("%d: %v", i, err)
				}
			})
		}
		wg.Wait()
		const aborted, refused = all / 10, all / 40
		if got := count(t, s); got != all-aborted-refused {
			t.Fatalf("%d rows", got)
		}
		err := s.House().Read(ctx, func(v *store.View) error {
			var wrong int
			err := v.Row("SELECT count(*) FROM thing WHERE id <> CAST(n AS TEXT)").Scan(&wrong)
			if wrong > 0 {
				t.Errorf("%d rows with another's value", wrong)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
