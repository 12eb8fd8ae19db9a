package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
)

// Options says where the database is and what lives in it.
type Options struct {
	// URL is sqlite:PATH (a file on a local disk) or postgres://….
	URL string
	// Clock tells transactions the time.
	Clock clock.Clock
	// Log receives what nobody else can be told.
	Log *slog.Logger
	// Schemas are the rooms' schema folders; their files are merged by number.
	Schemas []fs.FS
	// Overrun is how long a write closure may take before its handle is
	// revoked: 250 ms on SQLite, where others wait behind it, and 5 s on
	// PostgreSQL, when it is 0.
	Overrun time.Duration
	// Patience is how long a write on PostgreSQL is tried again that cannot be
	// serialised with others, before it is given up (store-busy): 8 s when it is 0.
	Patience time.Duration
	// Conns is the number of connections: 8 readers on SQLite and 24 for all
	// on PostgreSQL, when it is 0.
	Conns int
}

// Store is an open database. It is safe for use by many goroutines.
type Store struct {
	engine  engine
	options Options
	witness atomic.Pointer[Witness]
	quiet   [6]atomic.Int64
	topics  topics
	ctx     context.Context
	stop    context.CancelFunc
	wg      sync.WaitGroup

	closing sync.Once
	closed  error // what came of it
}

// engine is what SQLite and PostgreSQL do differently.
type engine interface {
	read(ctx context.Context, sc scope, f func(*View) error) error
	write(w *work) error
	ping(ctx context.Context) error
	// migrator returns a connection pool on which migrations run.
	migrator() *sql.DB
	dialect() dialect
	close() error
}

// Open opens the database, creates it if it is a SQLite file that is not
// there, and brings its schema up to date.
func Open(ctx context.Context, o Options) (*Store, error) {
	s, err := OpenAsIs(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := s.Migrate(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// OpenAsIs opens the database without touching its schema.
func OpenAsIs(ctx context.Context, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{options: o}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.topics.init(s)
	engine, err := s.openEngine(ctx)
	if err != nil {
		s.stop()
		return nil, err
	}
	s.engine = engine
	return s, nil
}

func (s *Store) openEngine(ctx context.Context) (engine, error) {
	scheme, rest, _ := strings.Cut(s.options.URL, ":")
	switch scheme {
	case "sqlite":
		return openSQLite(ctx, s, rest)
	case "postgres", "postgresql":
		return openPostgres(ctx, s, s.options.URL)
	}
	return nil, fault.New(fault.Invalid, "store-url-unknown", "url", maskURL(s.options.URL))
}

// maskURL is a database URL without its password.
func maskURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(unreadable)"
	}
	return u.Redacted()
}

// Engine returns "sqlite" or "postgres".
func (s *Store) Engine() string { return string(s.engine.dialect()) }

// Close ends the doors after the writes that are under way. A second call says
// what the first one did.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.stop()
		s.wg.Wait()
		s.closed = s.engine.close()
	})
	return s.closed
}

// Ping says whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.engine.ping(ctx) }

// SetWitness fills the hook that every committing write goes through. Only
// audit calls it.
func (s *Store) SetWitness(w Witness) { s.witness.Store(&w) }

// QuietCounts returns how many writes went without a witness, by reason.
func (s *Store) QuietCounts() map[string]int64 {
	counts := map[string]int64{}
	for i, r := range Reasons() {
		counts[r.name] = s.quiet[i].Load()
	}
	return counts
}

// work is one write on its way.
type work struct {
	ctx    context.Context // the caller's, looked at before the start only
	scope  scope
	level  sql.IsolationLevel
	limit  time.Duration // 0: the engine's own
	around Circumstance
	f      func(*Tx) End
	done   chan error
	turn   bool // it has its turn among those that go one after the other

	core *core // of the last run
	end  End   // of the last run
	err  error // what the caller is told if the commit succeeds
}

func (s *Store) write(ctx context.Context, h Handle, level sql.IsolationLevel, f func(*Tx) End) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &work{ctx: ctx, scope: h.scope, level: level, limit: h.limit, around: AroundOf(ctx), f: f}
	return s.engine.write(w)
}

// errOverrun is told to the caller of a closure that took too long. On a
// machine that stalls it is nobody's mistake: the caller may try again.
func errOverrun(limit time.Duration) error {
	return fault.New(fault.Busy, "store-overrun", "limit", limit.String()).RetryAfter(time.Second)
}

// run runs the closure of w once on c, in a goroutine of its own, and brings
// it to its end: witness written, rows closed, panic caught, handle taken
// away. commit says whether what it wrote may stay; overran that the closure
// was stopped and may still be running, without a handle.
func (s *Store) run(w *work, c conn, limit time.Duration, r *runner) (commit, overran bool) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	core := &core{ctx: ctx, conn: c, now: s.options.Clock.Now(), around: w.around}
	w.core = core
	ended := make(chan End, 1)
	r.do(func() {
		defer func() {
			if p := recover(); p != nil {
				ended <- Abort(s.caught(p))
			}
		}()
		ended <- s.attest(w.f(&Tx{View{core: core, scope: w.scope}}), core)
	})
	if w.limit > 0 {
		limit = w.limit
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case w.end = <-ended:
	case <-timer.C:
		cancel() // interrupts a running statement, so that the mutex gets free
		_ = core.finish()
		r.abandon()
		w.err = errOverrun(limit)
		return false, true
	}
	w.err = w.outcome(core.finish())
	return w.end.kind != endAbort, false
}

// runner is a goroutine that runs one closure after the other: a fresh one for
// each would grow its stack anew every time (20 % of a grouped write,
// measured). One whose closure took too long is left to end by itself.
type runner struct{ in chan func() }

func (r *runner) do(f func()) {
	if r.in == nil {
		in := make(chan func())
		go func() {
			for f := range in {
				f()
			}
		}()
		r.in = in
	}
	r.in <- f
}

func (r *runner) abandon() {
	if r.in != nil {
		close(r.in)
		r.in = nil
	}
}

// attest lets the witness write the events while the closure's handle lives.
func (s *Store) attest(end End, c *core) End {
	switch {
	case end.kind == endQuiet && !slices.Contains(Reasons(), end.quiet):
		return Abort(errors.New("store: a quiet write for none of the reasons"))
	case end.kind == endRefused && end.fault == nil:
		return Abort(errors.New("store: a write was refused without a fault"))
	case end.kind != endDone && end.kind != endRefused:
		return end
	}
	hook := s.witness.Load()
	if hook == nil {
		return Abort(errors.New("store: no witness: a write with an event cannot commit before audit is there"))
	}
	tx := &Tx{View{core: c}}
	for _, event := range end.events {
		if err := (*hook)(tx, event); err != nil {
			return Abort(fmt.Errorf("witness: %w", err))
		}
	}
	return end
}

func (s *Store) caught(p any) error {
	s.options.Log.Error("a write closure panicked", "panic", fmt.Sprint(p), "stack", stack())
	return fmt.Errorf("store: a write closure panicked: %v", p)
}

// outcome decides what the caller is told, and turns an end that cannot stand
// into Abort: a closure that goes on after a failed statement would commit on
// SQLite and fail on PostgreSQL.
func (w *work) outcome(failed error) error {
	if serialization(failed) { // whatever the closure made of it: it runs again
		w.end.kind = endAbort
		return failed
	}
	switch w.end.kind {
	case endAbort:
		if w.end.err == nil {
			return errors.New("store: a write aborted without saying why")
		}
		return w.end.err
	case endNone:
		w.end.kind = endAbort
		return errors.New("store: a write closure ended without Done, Refused, Abort or Quietly")
	}
	if failed != nil {
		w.end.kind = endAbort
		return failed
	}
	if w.end.kind == endRefused {
		return w.end.fault
	}
	return nil
}

// committed does what follows a commit: counts, wakes.
func (s *Store) committed(w *work) {
	if w.end.kind == endQuiet {
		for i, r := range Reasons() {
			if r == w.end.quiet {
				s.quiet[i].Add(1)
			}
		}
	}
	s.topics.committed(w.core.touched)
}
