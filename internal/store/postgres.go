package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/sekisho/sekisho/internal/fault"
)

// postgresEngine runs each write in a transaction of its own; PostgreSQL
// groups commits by itself.
type postgresEngine struct {
	store   *Store
	url     string
	overrun time.Duration
	db      *sql.DB
	strife  *strife
}

// awayMost bounds how long a transaction takes to begin and to end, so that a
// caller hears of a database that went away.
var awayMost = 15 * time.Second

func openPostgres(ctx context.Context, s *Store, url string) (engine, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fault.New(fault.Invalid, "store-url-unknown", "url", maskURL(url)).Because(err)
	}
	config.RuntimeParams["application_name"] = "sekisho"
	config.RuntimeParams["timezone"] = "UTC"
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 5 * time.Second
	}
	e := &postgresEngine{store: s, url: url, overrun: s.options.Overrun, db: stdlib.OpenDB(*config), strife: newStrife()}
	if e.overrun == 0 {
		e.overrun = 5 * time.Second
	}
	conns := s.options.Conns
	if conns == 0 {
		conns = 24
	}
	e.db.SetMaxOpenConns(conns)
	e.db.SetMaxIdleConns(conns)
	if err := e.ping(ctx); err != nil {
		return nil, errors.Join(err, e.db.Close())
	}
	s.topics.listen(config)
	return e, nil
}

func (e *postgresEngine) dialect() dialect  { return dialectPostgres }
func (e *postgresEngine) migrator() *sql.DB { return e.db }
func (e *postgresEngine) close() error      { return e.db.Close() }

func (e *postgresEngine) ping(ctx context.Context) error {
	return postgresFault(e.db.PingContext(ctx), e.url)
}

func (e *postgresEngine) read(ctx context.Context, sc scope, f func(*View) error) error {
	tx, err := e.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return postgresFault(err, e.url)
	}
	defer tx.Rollback() //nolint:errcheck // read-only: nothing to lose
	core := &core{ctx: ctx, conn: readTx{tx}, now: e.store.options.Clock.Now(), around: AroundOf(ctx)}
	defer core.finish() //nolint:errcheck // what failed was told to f
	return postgresFault(f(&View{core: core, scope: sc}), e.url)
}

func (e *postgresEngine) write(w *work) error {
	var err error
	if w.level == sql.LevelSerializable {
		err = e.serialize(w)
	} else {
		err = e.alone(w)
	}
	if err != nil {
		return postgresFault(err, e.url)
	}
	e.store.committed(w)
	return w.err
}

// once runs w in one transaction. nil means committed; then w.err is what the
// caller is told. The closure has a limit of its own.
func (e *postgresEngine) once(w *work) error {
	ctx, cancel := context.WithTimeout(e.store.ctx, awayMost)
	defer cancel()
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()          //nolint:errcheck // back into the pool
	if w.turn && w.limit == 0 { // what is known to be long keeps no other node waiting
		defer amongNodes(ctx, conn)()
	}
	if _, err := conn.ExecContext(ctx, begins[w.level]); err != nil {
		return err
	}
	tx := &postgresTx{conn: conn}
	var r runner
	defer r.abandon()
	commit, _ := e.store.run(w, tx, e.overrun, &r)
	return e.end(w, tx, commit)
}

// end commits or rolls back.
func (e *postgresEngine) end(w *work, tx *postgresTx, commit bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.store.ctx), awayMost)
	defer cancel()
	err := w.err
	if commit {
		err = tx.commit(ctx)
	}
	if err != nil {
		tx.rollback(ctx)
	}
	return err
}

var begins = map[sql.IsolationLevel]string{
	sql.LevelSerializable:  "BEGIN ISOLATION LEVEL SERIALIZABLE",
	sql.LevelReadCommitted: "BEGIN ISOLATION LEVEL READ COMMITTED",
}

// postgresTx is a transaction on a connection of its own. It needs no cache of
// statements: pgx keeps prepared ones for each connection.
type postgresTx struct {
	conn  *sql.Conn
	batch pgx.Batch // what travels with the commit
}

func (p *postgresTx) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	return p.conn.ExecContext(ctx, query, args...)
}

func (p *postgresTx) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	return p.conn.QueryContext(ctx, query, args...)
}

func (p *postgresTx) later(_ context.Context, query string, args []any) error {
	p.batch.Queue(query, args...)
	return nil
}

// commit sends what was put off and COMMIT in one round trip. A transaction
// that cannot commit answers COMMIT with ROLLBACK and no error.
func (p *postgresTx) commit(ctx context.Context) error {
	p.batch.Queue("COMMIT")
	return p.conn.Raw(func(raw any) (err error) {
		sent := raw.(*stdlib.Conn).Conn().SendBatch(ctx, &p.batch)
		defer func() { err = errors.Join(err, sent.Close()) }()
		var tag pgconn.CommandTag
		for range p.batch.Len() {
			if tag, err = sent.Exec(); err != nil {
				return err
			}
		}
		if tag.String() != "COMMIT" {
			return errors.New("store: the transaction was rolled back at its commit")
		}
		return nil
	})
}

// rollback ends the transaction, or the connection if that cannot be done.
func (p *postgresTx) rollback(ctx context.Context) {
	if _, err := p.conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		_ = p.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}

// readTx is a read-only transaction of the pool.
type readTx struct{ tx *sql.Tx }

func (r readTx) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	return r.tx.ExecContext(ctx, query, args...)
}

func (r readTx) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	return r.tx.QueryContext(ctx, query, args...)
}

func (r readTx) later(ctx context.Context, query string, args []any) error {
	_, err := r.tx.ExecContext(ctx, query, args...)
	return err
}

// serialization reports whether the transaction may be tried again as it is.
func serialization(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && (pe.Code == "40001" || pe.Code == "40P01")
}

// postgresFault names the failures that somebody can do something about. The
// text of a database error never leaves the process (A164).
func postgresFault(err error, url string) error {
	if err == nil || fault.As(err) != nil {
		return err
	}
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		switch {
		case serialization(err):
			return fault.New(fault.Busy, "store-busy").Because(err)
		case pe.Code == "53100":
			return fault.New(fault.Busy, "store-disk-full", "path", maskURL(url)).Because(err)
		case pe.Code[:2] == "28", pe.Code == "3D000":
			return fault.New(fault.Unmet, "store-login-refused", "url", maskURL(url)).Because(err)
		case pe.Code[:2] == "57", pe.Code[:2] == "08", pe.Code[:2] == "53", pe.Code == "25006":
			return away(url, err)
		}
		return err
	}
	var ce *pgconn.ConnectError
	if errors.As(err, &ce) || pgconn.Timeout(err) || pgconn.SafeToRetry(err) || isNetwork(err) {
		return away(url, err)
	}
	return err
}

func away(url string, err error) error {
	return fault.New(fault.Busy, "store-away", "url", maskURL(url)).RetryAfter(2 * time.Second).Because(err)
}
