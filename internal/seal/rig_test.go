package seal_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
)

const operator = id.Principal("local:1000")

// drawerSchema is the table of a room that has sealed values.
var drawerSchema = fstest.MapFS{"schema/202001020000_drawer_cells.sql": {Data: []byte(
	"CREATE TABLE drawer (id TEXT NOT NULL PRIMARY KEY, org TEXT NOT NULL, secret BLOB NOT NULL);")}}

// drawer is what such a room writes in its store.go.
type drawer struct{}

func (drawer) Name() string { return "drawer.secret" }

func (drawer) Next(v *store.View, after string, limit int) ([]seal.Cell, error) {
	rows, err := v.Query("SELECT id, org, secret FROM drawer WHERE id > $1 ORDER BY id LIMIT $2", after, limit)
	return store.Collect(rows, err, func(scan func(...any) error) (c seal.Cell, err error) {
		var org string
		err = scan(&c.After, &org, &c.Sealed)
		c.Place = drawerPlace(c.After, org)
		return c, err
	})
}

func (drawer) Replace(tx *store.Tx, cell seal.Cell, sealed []byte) (bool, error) {
	n, err := tx.Exec("UPDATE drawer SET secret = $1 WHERE id = $2 AND secret = $3", sealed, cell.After, cell.Sealed)
	return n == 1, err
}

func drawerPlace(row, org string) seal.Place {
	return seal.Place{Table: "drawer", Column: "secret", Row: row, Org: id.Org(org)}
}

// put writes n sealed values, from number from on.
func put(t testing.TB, s *store.Store, r *seal.Ring, from, n int) {
	t.Helper()
	for start := from; start < from+n; start += 200 {
		type row struct {
			id     string
			sealed []byte
		}
		var rows []row
		for i := start; i < min(start+200, from+n); i++ {
			sealed, err := r.Seal(drawerPlace(rowID(i), "kaede"), fmt.Appendf(nil, "value %d", i))
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row{rowID(i), sealed})
		}
		err := s.House().Write(context.Background(), func(tx *store.Tx) store.End {
			for _, row := range rows {
				if _, err := tx.Exec("INSERT INTO drawer (id, org, secret) VALUES ($1, 'kaede', $2)", row.id, row.sealed); err != nil {
					return store.Abort(err)
				}
			}
			return store.Quietly(store.QuietSeen)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func rowID(i int) string { return fmt.Sprintf("%08d", i) }

// keysInUse opens every value of the drawer and counts them by key.
func keysInUse(t testing.TB, s *store.Store, r *seal.Ring) map[uint32]int {
	t.Helper()
	counts := map[uint32]int{}
	after, number := "", 0
	for {
		var cells []seal.Cell
		err := s.House().Read(context.Background(), func(v *store.View) (err error) {
			cells, err = drawer{}.Next(v, after, 1000)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(cells) == 0 {
			return counts
		}
		for _, cell := range cells {
			plain, err := r.Open(cell.Place, cell.Sealed)
			if err != nil || string(plain) != fmt.Sprintf("value %d", number) {
				t.Fatalf("row %s opens as %q, %v", cell.After, plain, err)
			}
			key, _ := seal.KeyOf(cell.Sealed)
			counts[key]++
			number++
			after = cell.After
		}
	}
}

// quick are options under which a rotation takes a moment.
func quick(t testing.TB, s *store.Store) seal.Options {
	return seal.Options{
		Store: s, Clock: clock.System(), Log: housetest.Log(t),
		Grace: time.Second, Look: 20 * time.Millisecond,
	}
}

// ring makes a ring that the test closes.
func ring(t testing.TB, o seal.Options, holders ...seal.Sealed) *seal.Ring {
	r := seal.New(o, holders...)
	t.Cleanup(r.Close)
	return r
}

// founded makes an open ring with a key file, and says where that is.
func founded(t testing.TB, o seal.Options, holders ...seal.Sealed) (*seal.Ring, string) {
	t.Helper()
	r := ring(t, o, holders...)
	path := filepath.Join(t.TempDir(), "unseal.key")
	kit, err := r.Found(context.Background(), operator, seal.KeyFile(path))
	if err != nil {
		t.Fatal(err)
	}
	kit.Wipe()
	return r, path
}

// running runs the ring until the test ends or the returned function is called.
func running(t testing.TB, r *seal.Ring) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = r.Run(ctx)
	}()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return stop
}

// until waits for a condition, 20 seconds at most.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	c := clock.System()
	for c.Mono() < 20*time.Second {
		if is() {
			return
		}
		<-c.After(5 * time.Millisecond)
	}
	t.Fatalf("waited in vain: %s", what)
}

func progress(t testing.TB, r *seal.Ring) seal.Progress {
	t.Helper()
	p, err := r.Progress(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if fault.Code(err) != code {
		t.Fatalf("got %v, want the code %q", err, code)
	}
}

func write(t testing.TB, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// change runs one statement on the database, as somebody would who has a
// client of the database in hand.
func change(t testing.TB, s *store.Store, query string, args ...any) {
	t.Helper()
	err := s.House().Write(context.Background(), func(tx *store.Tx) store.End {
		if _, err := tx.Exec(query, args...); err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietSeen)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// dump is every table of the ring as text.
func dump(t testing.TB, s *store.Store) string {
	t.Helper()
	var out string
	err := s.House().Read(context.Background(), func(v *store.View) error {
		out = ""
		for _, query := range []string{
			"SELECT id, params, wrapped FROM seal_wrapping ORDER BY id",
			"SELECT CAST(id AS TEXT), state, wrapped FROM seal_key ORDER BY id",
			"SELECT CAST(writes AS TEXT), root_check, CAST(recipient AS TEXT) FROM seal_ring",
		} {
			rows, err := v.Query(query)
			lines, err := store.Collect(rows, err, func(scan func(...any) error) (string, error) {
				var a, b string
				var c []byte
				err := scan(&a, &b, &c)
				return fmt.Sprintf("%s %s %x\n", a, b, c), err
			})
			if err != nil {
				return err
			}
			out += fmt.Sprint(lines)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// both runs f on either engine with the ring's and the drawer's tables.
func both(t *testing.T, f func(t *testing.T, s *store.Store)) {
	t.Helper()
	housetest.EachStore(t, f, seal.Schema, drawerSchema)
}

// names of the witnessed events.
func witnessed(t testing.TB, s *store.Store) []string {
	var names []string
	for _, event := range housetest.Witnessed(t, s) {
		names = append(names, event.Name)
	}
	return names
}
