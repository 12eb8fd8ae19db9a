package operate_test

import (
	"context"
	"testing"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/store"
)

// number asks a database for one number, from outside of any house.
func number(t *testing.T, database, query string) (n int64) {
	t.Helper()
	s, err := store.OpenAsIs(context.Background(), store.Options{URL: database, Clock: clock.System()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // only read
	if err := s.House().Read(context.Background(), func(v *store.View) error { return v.Row(query).Scan(&n) }); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}
