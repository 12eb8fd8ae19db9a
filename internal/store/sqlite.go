package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/sekisho/sekisho/internal/fault"
)

// sqliteEngine is one writer goroutine with group commit beside a pool of
// readers. Everybody who waits while a batch is being made durable is in the
// next one: one fsync serves all.
type sqliteEngine struct {
	store   *Store
	path    string
	overrun time.Duration
	queue   chan *work
	writers *sql.DB
	readers *sql.DB
	idle    chan *sqliteConn // readers that nobody uses
	writer  *sqliteConn      // the writer goroutine alone touches it, and
	runner  runner           // this
	ended   chan struct{}
}

// batchMost bounds how many writes share a commit, so that one long batch does
// not make everybody wait.
const batchMost = 128

func openSQLite(ctx context.Context, s *Store, path string) (engine, error) {
	if err := prepareFile(path); err != nil {
		return nil, err
	}
	e := &sqliteEngine{
		store: s, path: path, overrun: s.options.Overrun,
		queue: make(chan *work, batchMost), ended: make(chan struct{}),
	}
	if e.overrun == 0 {
		e.overrun = 250 * time.Millisecond
	}
	e.writers = openDSN(path, "_txlock=immediate", "_pragma=wal_autocheckpoint(4000)", "_pragma=temp_store(2)")
	e.readers = openDSN(path, "_pragma=query_only(1)")
	e.writer = &sqliteConn{db: e.writers}
	if err := e.writer.open(ctx); err != nil {
		return nil, errors.Join(sqliteFault(err, path), e.writers.Close(), e.readers.Close())
	}
	readers := s.options.Conns
	if readers == 0 {
		readers = 8
	}
	e.idle = make(chan *sqliteConn, readers)
	for range readers {
		e.idle <- &sqliteConn{db: e.readers}
	}
	go e.loop()
	return e, nil
}

// prepareFile makes an empty database that only we can read, whatever the
// umask; SQLite gives its WAL the same mode. (A165)
func prepareFile(path string) error {
	if path == "" {
		return fault.New(fault.Invalid, "store-url-unknown", "url", "sqlite:")
	}
	if err := refuseNetwork(filepath.Dir(path)); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fault.New(fault.Unmet, "store-file-unusable", "path", path).Because(err)
	}
	if info, err := file.Stat(); err == nil && info.Mode().Perm()&0o077 != 0 {
		_ = file.Close()
		return fault.New(fault.Unmet, "store-file-open-to-others", "path", path, "mode", info.Mode().Perm().String())
	}
	return file.Close()
}

func openDSN(path string, more ...string) *sql.DB {
	query := "_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=busy_timeout(10000)&_pragma=fullfsync(1)&_pragma=cache_size(-16000)"
	for _, m := range more {
		query += "&" + m
	}
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: query}).String()
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		panic(fmt.Sprintf("store: the SQLite settings are wrong: %v", err)) // ours, not the user's
	}
	return sql.OpenDB(connector)
}

func (e *sqliteEngine) dialect() dialect  { return dialectSQLite }
func (e *sqliteEngine) migrator() *sql.DB { return e.writers }

func (e *sqliteEngine) ping(ctx context.Context) error {
	var one int
	return sqliteFault(e.readers.QueryRowContext(ctx, "SELECT 1 FROM sqlite_master LIMIT 1").Scan(&one), e.path)
}

func (e *sqliteEngine) close() error {
	<-e.ended
	e.runner.abandon()
	// A reader that stays open would keep SQLite from moving the log into the
	// file and taking it away.
	var errs []error
	for range cap(e.idle) {
		errs = append(errs, (<-e.idle).close())
	}
	return errors.Join(append(errs, e.readers.Close(), e.writer.close(), e.writers.Close())...)
}

// read: one deferred transaction on a query_only connection.
func (e *sqliteEngine) read(ctx context.Context, sc scope, f func(*View) error) error {
	var c *sqliteConn
	select {
	case c = <-e.idle:
	case <-ctx.Done():
		return ctx.Err()
	case <-e.store.ctx.Done():
		return errClosed()
	}
	defer func() { e.idle <- c }()
	if err := c.begin(ctx, "BEGIN"); err != nil {
		return sqliteFault(err, e.path)
	}
	defer c.end(ctx, "ROLLBACK")
	core := &core{ctx: ctx, conn: c, now: e.store.options.Clock.Now(), around: AroundOf(ctx)}
	defer core.finish() //nolint:errcheck // what failed was told to f
	return sqliteFault(f(&View{core: core, scope: sc}), e.path)
}

func (e *sqliteEngine) write(w *work) error {
	w.done = make(chan error, 1)
	select {
	case e.queue <- w:
	case <-e.store.ctx.Done():
		return errClosed()
	}
	select {
	case err := <-w.done:
		return sqliteFault(err, e.path)
	case <-e.ended:
		select {
		case err := <-w.done:
			return sqliteFault(err, e.path)
		default:
			return errClosed()
		}
	}
}

// loop is the writer.
func (e *sqliteEngine) loop() {
	defer close(e.ended)
	for {
		select {
		case w := <-e.queue:
			e.commitAll(e.gather(w))
		case <-e.store.ctx.Done():
			return
		}
	}
}

// gather takes what is waiting, without waiting for more.
func (e *sqliteEngine) gather(first *work) []*work {
	batch := []*work{first}
	for len(batch) < batchMost {
		select {
		case w := <-e.queue:
			batch = append(batch, w)
		default:
			return batch
		}
	}
	return batch
}

// commitAll makes the batch durable. Nobody is answered before COMMIT; after
// any outer failure each is run again by itself, so that one's failure is not
// another's.
func (e *sqliteEngine) commitAll(batch []*work) {
	live := batch[:0]
	for _, w := range batch {
		if err := w.ctx.Err(); err != nil {
			w.done <- err
		} else {
			live = append(live, w)
		}
	}
	if len(live) == 0 {
		return
	}
	culprit, err := e.together(live)
	if err == nil {
		return
	}
	for _, w := range live {
		if w == culprit {
			w.done <- w.err
			continue
		}
		if _, err := e.together([]*work{w}); err != nil {
			w.done <- err
		}
	}
}

// together runs the batch in one transaction and answers everybody if it
// commits. Otherwise nobody is answered: it returns why, and the write that
// took too long if there was one.
func (e *sqliteEngine) together(batch []*work) (culprit *work, err error) {
	// Never the caller's context: ended in the middle of a statement it makes
	// SQLite roll back the whole batch.
	ctx := context.Background()
	if err := e.writer.begin(ctx, "BEGIN IMMEDIATE"); err != nil {
		return nil, err
	}
	e.writer.puts = e.writer.puts[:0]
	alone := len(batch) == 1
	for _, w := range batch {
		overran, err := e.one(ctx, w, alone)
		if err != nil || overran {
			e.rollback(ctx)
		}
		if overran {
			return w, w.err
		}
		if err != nil {
			return nil, err
		}
	}
	if alone && batch[0].end.kind == endAbort {
		e.rollback(ctx)
		batch[0].done <- batch[0].err
		return nil, nil
	}
	err = e.writer.putAll(ctx)
	if err == nil {
		err = e.writer.run(ctx, "COMMIT")
	}
	if err != nil {
		e.rollback(ctx)
		return nil, err
	}
	for _, w := range batch {
		if w.end.kind != endAbort {
			e.store.committed(w)
		}
		w.done <- w.err
	}
	return nil, nil
}

// one runs w inside a savepoint; alone it needs none. An error means that the
// outer transaction is no longer sound.
func (e *sqliteEngine) one(ctx context.Context, w *work, alone bool) (overran bool, err error) {
	if !alone {
		if err := e.writer.run(ctx, "SAVEPOINT w"); err != nil {
			return false, err
		}
	}
	before := len(e.writer.puts)
	commit, overran := e.store.run(w, e.writer, e.overrun, &e.runner)
	if !commit {
		e.writer.puts = e.writer.puts[:before]
	}
	if overran || alone {
		return overran, nil
	}
	if !commit {
		// Fails when SQLite has ended the whole transaction by itself (disk
		// full, I/O error, interrupt): then nothing of the batch counts.
		if err := e.writer.run(ctx, "ROLLBACK TO w"); err != nil {
			return false, err
		}
	}
	return false, e.writer.run(ctx, "RELEASE w")
}

func (e *sqliteEngine) rollback(ctx context.Context) { e.writer.end(ctx, "ROLLBACK") }

func stack() string { return string(debug.Stack()) }

// sqliteFault names the failures of the disk that somebody can do something
// about.
func sqliteFault(err error, path string) error {
	var se *sqlite.Error
	if err == nil || !errors.As(err, &se) {
		return err
	}
	switch se.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return fault.New(fault.Busy, "store-disk-full", "path", path).Because(err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fault.New(fault.Unmet, "store-file-unusable", "path", path).Because(err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fault.New(fault.Broken, "store-corrupt", "path", path).Because(err)
	case sqlite3.SQLITE_IOERR:
		return fault.New(fault.Busy, "store-disk-failing", "path", path).Because(err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fault.New(fault.Busy, "store-busy").Because(err)
	}
	return err
}

func errClosed() error { return fault.New(fault.Busy, "store-closed") }
