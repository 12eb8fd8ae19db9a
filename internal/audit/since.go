package audit

import (
	"context"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/store"
)

// Since returns the records from a time on, those of all organizations, oldest
// first, and leaves none that says who looked: it is for what runs beside the
// house and hands no record on, as the ticks of the demo. Nobody's request ends
// here. Records that are written at once may get ids in another order: who
// follows the log looks a few seconds back and knows ids again.
func (l *Log) Since(ctx context.Context, from time.Time) (all []Record, err error) {
	err = l.store.House().Read(ctx, func(v *store.View) error {
		all = nil
		q := Query{From: from, House: true, Limit: limitMost}
		for {
			page, err := search(v, q)
			if err != nil {
				return err
			}
			all = append(all, page.Records...)
			if q.Cursor = page.Cursor; q.Cursor == "" || len(all) >= scanMost {
				return nil
			}
		}
	})
	slices.Reverse(all)
	return all, err
}
