package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/store"
)

// A reader whose caller leaves in the middle of a statement loses its
// connection, and with it statements prepared on it.
func TestReadersSurviveCallersWhoLeave(t *testing.T) {
	housetest.EachStore(t, func(t *testing.T, s *store.Store) {
		const slow = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT count(*) FROM n"
		read := func(ctx context.Context, query string) error {
			return s.House().Read(ctx, func(v *store.View) error {
				var n int64
				return v.Row(query).Scan(&n)
			})
		}
		for i := range 30 {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i)*time.Millisecond)
			if err := read(ctx, slow); err == nil {
				t.Fatal("the statement was not interrupted")
			}
			cancel()
			if err := read(context.Background(), "SELECT count(*) FROM topic"); err != nil {
				t.Fatal(err)
			}
		}
	})
}
