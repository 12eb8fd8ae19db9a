package once

import (
	"context"
	"strconv"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// sweepMost bounds how many rows one write deletes, so that others do not wait
// behind it.
const sweepMost = 1000

// Sweep deletes the values that may be forgotten and returns how many. Nothing
// depends on it but the size of the table: a value is refused from its end on,
// swept or not.
func Sweep(ctx context.Context, s *store.Store, c clock.Clock) (int64, error) {
	var all int64
	for {
		now := store.Micros(c.Now())
		due := false
		err := s.House().Read(ctx, func(v *store.View) error {
			return v.Row("SELECT EXISTS (SELECT 1 FROM once_value WHERE forget_at <= $1)", now).Scan(&due)
		})
		if err != nil || !due {
			return all, err
		}
		n, err := sweepOnce(ctx, s, now)
		all += n
		if err != nil {
			return all, err
		}
	}
}

func sweepOnce(ctx context.Context, s *store.Store, now int64) (n int64, err error) {
	err = s.House().Write(ctx, func(tx *store.Tx) store.End {
		var err error
		n, err = tx.Exec(`DELETE FROM once_value WHERE hash IN
			(SELECT hash FROM once_value WHERE forget_at <= $1 ORDER BY forget_at LIMIT $2) AND forget_at <= $1`, now, sweepMost)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{
			Name: "once.swept", By: id.System("once"), Fields: map[string]string{"values": strconv.FormatInt(n, 10)},
		})
	})
	if err != nil {
		n = 0
	}
	return n, err
}
