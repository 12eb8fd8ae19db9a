package house_test

import (
	"context"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/store"
)

var writeSchema = flag.Bool("schema", false, "write schema.sql anew")

// schema.sql at the root is what the merged migrations make, so that a change
// of the schema is seen in review as a whole.
func TestSchemaDump(t *testing.T) {
	const path = "../../schema.sql"
	ctx := context.Background()
	s, err := store.Open(ctx, store.Options{URL: housetest.SQLite(t), Clock: clock.System(), Schemas: house.Schemas()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a test's
	got, err := s.Dump(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if *writeSchema {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("schema.sql is not what the migrations make; run go test ./internal/house -run SchemaDump -schema\n%s", diff)
	}
}
