package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
)

// ErrNoRow is what Row.Scan returns when there is no row.
var ErrNoRow = sql.ErrNoRows

// errRevoked is what a closure gets that goes on after its time was up.
var errRevoked = errors.New("store: the closure's time is up, its handle is revoked")

// Micros is how the database keeps a time: microseconds since 1970, UTC; 0 is
// "never".
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// FromMicros is the inverse of Micros.
func FromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// scope is whose rows a handle reaches. column "" is the whole house.
type scope struct{ column, value string }

// Handle opens the doors for one owner of rows. In an organization's or a
// person's handle the owner's id is always $1 of every statement, filled in by
// the store, and a statement that does not restrict itself by it is refused
// (R4): there is no unscoped get-by-id.
type Handle struct {
	store *Store
	scope scope
	limit time.Duration // of a write's closure; 0 is the engine's own
}

// Within gives writes through this handle another limit than the engine's own.
// On SQLite everybody waits meanwhile: it is for the rare large act of an
// operator, such as applying a folder of manifests.
func (h Handle) Within(limit time.Duration) Handle {
	h.limit = limit
	return h
}

// House reaches every row. Only floors up to 4 and the rooms console, backup
// and notice use it (a test sees to it).
func (s *Store) House() Handle { return Handle{store: s} }

// Org reaches what belongs to an organization: statements say org = $1, or
// insert it as the first column.
func (s *Store) Org(org id.Org) Handle { return Handle{store: s, scope: scope{"org", string(org)}} }

// Self reaches what belongs to a person: statements say person = $1, or insert
// it as the first column.
func (s *Store) Self(person id.Person) Handle {
	return Handle{store: s, scope: scope{"person", string(person)}}
}

// Read runs f in one read-only transaction (a snapshot). f must not keep the
// View.
func (h Handle) Read(ctx context.Context, f func(*View) error) error {
	return h.store.engine.read(ctx, h.scope, f)
}

// Write runs f in one SERIALIZABLE transaction. f is pure and re-runnable: it
// may run several times, so it resets what it captured, makes no ids or random
// values and calls nothing outside. ctx is looked at before the start only; if
// it ends later, the outcome still comes from the commit.
func (h Handle) Write(ctx context.Context, f func(*Tx) End) error {
	if rehearses(ctx) {
		f = rehearsed(f)
	}
	return h.store.write(ctx, h, sql.LevelSerializable, f)
}

// Append is Write at READ COMMITTED, for the sequencer, counters and other
// append-only paths that a concurrent write cannot make wrong.
func (h Handle) Append(ctx context.Context, f func(*Tx) End) error {
	return h.store.write(ctx, h, sql.LevelReadCommitted, f)
}

// conn is what both engines' transactions offer.
type conn interface {
	exec(ctx context.Context, query string, args []any) (sql.Result, error)
	query(ctx context.Context, query string, args []any) (*sql.Rows, error)
	// later runs a statement whose result nobody waits for, at the latest with
	// the commit.
	later(ctx context.Context, query string, args []any) error
}

// View is a read-only look at the database.
type View struct {
	core  *core
	scope scope
}

// Tx is a View that may also write.
type Tx struct{ View }

// core is shared by all Views of one transaction, whatever their scope.
type core struct {
	mu      sync.Mutex
	ctx     context.Context
	conn    conn
	now     time.Time
	around  Circumstance
	open    map[*Rows]struct{}
	err     error // first failed statement: on PostgreSQL nothing after it counts
	revoked bool
	lifted  *lifted // see Lift
	// attempts is how many Attempts the closure is in.
	attempts int
	touched  []string
}

// Now returns the time at which the transaction began.
func (v *View) Now() time.Time { return v.core.now }

// Around returns the circumstance under which the caller writes.
func (v *View) Around() Circumstance { return v.core.around }

// House returns a view of the same transaction that reaches the whole house.
func (v *View) house() View { return View{core: v.core} }

// House returns a view of the same snapshot that reaches the whole house: how
// the floors below org (once, job) work inside a room's scoped closure. The
// rule of Store.House holds for it too.
func (v *View) House() *View { return &View{core: v.core} }

// House returns a handle on the same transaction that reaches the whole house,
// as View.House does.
func (t *Tx) House() *Tx { return &Tx{t.house()} }

// Org returns a view of the same snapshot that reaches what belongs to an
// organization, as Store.Org does: how a rule that was handed the whole house
// (the apply of a manifest) keeps to one tenant (R4).
func (v *View) Org(org id.Org) *View { return &View{core: v.core, scope: scope{"org", string(org)}} }

// Org returns a handle on the same transaction that reaches what belongs to an
// organization.
func (t *Tx) Org(org id.Org) *Tx { return &Tx{*t.View.Org(org)} }

// Self returns a view of the same snapshot that reaches what belongs to a
// person, as Store.Self does.
func (v *View) Self(person id.Person) *View {
	return &View{core: v.core, scope: scope{"person", string(person)}}
}

// Self returns a handle on the same transaction that reaches what belongs to a
// person.
func (t *Tx) Self(person id.Person) *Tx { return &Tx{*t.View.Self(person)} }

// Owner returns whose rows the handle reaches: the column "org" or "person"
// and its value, or "" and "" for the whole house.
func (v *View) Owner() (column, value string) { return v.scope.column, v.scope.value }

// Query runs a statement that returns rows. Rows left open are closed when the
// closure ends.
func (v *View) Query(query string, args ...any) (*Rows, error) {
	args, err := v.scope.apply(query, args)
	if err != nil {
		return nil, err
	}
	c := v.core
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.revoked {
		return nil, errRevoked
	}
	counted(c.ctx)
	rows, err := c.conn.query(c.ctx, query, args)
	if err != nil {
		return nil, c.failed(query, err)
	}
	r := &Rows{core: c, rows: rows, query: query}
	if c.open == nil {
		c.open = map[*Rows]struct{}{}
	}
	c.open[r] = struct{}{}
	return r, nil
}

// Row runs a statement that returns at most one row; Scan says ErrNoRow if
// there is none.
func (v *View) Row(query string, args ...any) *Row {
	rows, err := v.Query(query, args...)
	return &Row{rows: rows, err: err}
}

// Exec runs a statement and returns how many rows it changed.
func (t *Tx) Exec(query string, args ...any) (int64, error) {
	args, err := t.scope.apply(query, args)
	if err != nil {
		return 0, err
	}
	return t.run(query, args)
}

// run runs a statement that was found fit.
func (t *Tx) run(query string, args []any) (int64, error) {
	c := t.core
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.revoked {
		return 0, errRevoked
	}
	result, err := c.conn.exec(c.ctx, query, args)
	if err != nil {
		return 0, c.failed(query, err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, c.failed(query, err)
	}
	return n, nil
}

// Shape changes the schema itself: the business of a restore, which makes a
// schema beside the one that is there and moves tables between them.
func (t *Tx) Shape(statement string) error {
	if t.scope.column != "" || !shapes.MatchString(statement) {
		return fmt.Errorf("store: %s: only CREATE SCHEMA, DROP SCHEMA and ALTER TABLE … SET SCHEMA change the shape", firstWords(statement))
	}
	_, err := t.run(statement, nil)
	return err
}

var shapes = regexp.MustCompile(`^(CREATE SCHEMA "\w+"|DROP SCHEMA IF EXISTS "\w+" CASCADE|ALTER TABLE "\w+"\."\w+" SET SCHEMA "\w+")$`)

// Later runs a statement whose result nobody needs to know; over PostgreSQL it
// travels with the commit and saves a round trip. If it fails, the write fails.
// What is read afterwards in the same closure may not see it.
func (t *Tx) Later(query string, args ...any) error {
	args, err := t.scope.apply(query, args)
	if err != nil {
		return err
	}
	c := t.core
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.revoked:
		return errRevoked
	case c.attempts > 0: // it would stay when the attempt is taken back
		return c.failed(query, errors.New("nothing is put off within an attempt"))
	}
	if err := c.conn.later(c.ctx, query, args); err != nil {
		return c.failed(query, err)
	}
	return nil
}

// failed notes the first failed statement and names it.
func (c *core) failed(query string, err error) error {
	err = fmt.Errorf("store: %s: %w", firstWords(query), err)
	if c.err == nil {
		c.err = err
	}
	return err
}

// firstWords is enough of a statement to find it in the source.
func firstWords(query string) string {
	const most = 60
	query = spaces.ReplaceAllString(query, " ")
	if len(query) > most {
		return query[:most] + "…"
	}
	return query
}

var spaces = regexp.MustCompile(`\s+`)

// finish closes what the closure left open and takes its handle away. It
// returns the first failed statement.
func (c *core) finish() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for r := range c.open {
		_ = r.rows.Close()
	}
	c.open = nil
	c.revoked = true
	return c.err
}

// Rows is a result that is read row by row.
type Rows struct {
	core  *core
	rows  *sql.Rows
	query string
}

// Next steps to the next row.
func (r *Rows) Next() bool {
	r.core.mu.Lock()
	defer r.core.mu.Unlock()
	return !r.core.revoked && r.rows.Next()
}

// Scan copies the row into dest, as database/sql does.
func (r *Rows) Scan(dest ...any) error {
	r.core.mu.Lock()
	defer r.core.mu.Unlock()
	if r.core.revoked {
		return errRevoked
	}
	return r.rows.Scan(dest...)
}

// Close ends the result and returns what went wrong while it was read.
func (r *Rows) Close() error {
	r.core.mu.Lock()
	defer r.core.mu.Unlock()
	delete(r.core.open, r)
	if r.core.revoked {
		return errRevoked
	}
	if err := errors.Join(r.rows.Err(), r.rows.Close()); err != nil {
		return r.core.failed(r.query, err)
	}
	return nil
}

// Row is the result of View.Row.
type Row struct {
	rows *Rows
	err  error
}

// Scan copies the only row into dest; ErrNoRow if there is none.
func (r *Row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	if !r.rows.Next() {
		if err := r.rows.Close(); err != nil {
			return err
		}
		return ErrNoRow
	}
	return errors.Join(r.rows.Scan(dest...), r.rows.Close())
}

// Collect reads all rows of a result through scan, which is called with the
// row's Scan.
func Collect[T any](rows *Rows, err error, scan func(scan func(...any) error) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	var all []T
	for rows.Next() {
		one, err := scan(rows.Scan)
		if err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		all = append(all, one)
	}
	return all, rows.Close()
}

// scoped remembers which statements restrict themselves, by column and text.
var scoped sync.Map

// apply puts the owner in front of the arguments and refuses a statement that
// does not restrict itself by it.
func (s scope) apply(query string, args []any) ([]any, error) {
	if !plain(query) {
		return nil, fmt.Errorf("store: %s: a closure reads and changes rows, by one statement at a time", firstWords(query))
	}
	if s.column == "" {
		return args, nil
	}
	key := s.column + "\x00" + query
	ok, known := scoped.Load(key)
	if !known {
		ok = restricts(s.column, query)
		scoped.Store(key, ok)
	}
	if ok != true {
		return nil, fault.New(fault.Broken, "store-unscoped", "column", s.column, "statement", firstWords(query))
	}
	return append([]any{s.value}, args...), nil
}

// plain reports whether query is one statement on rows. SQLite runs several in
// one call, and a COMMIT among them would make durable what no witness has seen.
func plain(query string) bool {
	query = strings.TrimLeft(query, " \t\r\n")
	verb := query
	if end := strings.IndexAny(query, " \t\r\n("); end >= 0 {
		verb = query[:end]
	}
	for _, known := range [...]string{"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"} {
		if strings.EqualFold(verb, known) {
			return strings.IndexByte(query, ';') < 0
		}
	}
	return false
}
