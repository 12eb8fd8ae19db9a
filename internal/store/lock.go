package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/sekisho/sekisho/internal/fault"
)

// Numbers of PostgreSQL's advisory locks, all in the house's own range.
const (
	lockMigrate = 0x5e_c1_50_01
	lockServe   = 0x5e_c1_50_02
	lockStrife  = 0x5e_c1_50_03
)

// Hold keeps a PostgreSQL house from being changed behind the back of a
// running server: every server holds it shared, an offline command takes it
// exclusively or is refused (store-in-use). It returns how to let go. On
// SQLite the lock on the data folder does the same and Hold does nothing.
func (s *Store) Hold(ctx context.Context, exclusive bool) (release func(), err error) {
	e, ok := s.engine.(*postgresEngine)
	if !ok {
		return func() {}, nil
	}
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return nil, postgresFault(err, e.url)
	}
	query := "SELECT pg_try_advisory_lock_shared($1)"
	if exclusive {
		query = "SELECT pg_try_advisory_lock($1)"
	}
	var got bool
	if err := conn.QueryRowContext(ctx, query, int64(lockServe)).Scan(&got); err != nil {
		return nil, errors.Join(postgresFault(err, e.url), conn.Close())
	}
	if !got {
		_ = conn.Close()
		return nil, fault.New(fault.Conflict, "store-in-use", "url", maskURL(e.url))
	}
	return func() { letGo(conn) }, nil
}

// letGo ends the session that holds the lock instead of pooling it.
func letGo(conn *sql.Conn) {
	_, _ = conn.ExecContext(context.Background(), "SELECT pg_advisory_unlock_all()")
	_ = conn.Close()
}

// isNetwork reports whether err came from the network rather than from what
// was asked.
func isNetwork(err error) bool {
	var ne net.Error
	if errors.As(err, &ne) {
		return true
	}
	for _, cut := range []error{net.ErrClosed, io.EOF, io.ErrUnexpectedEOF, driver.ErrBadConn, sql.ErrConnDone} {
		if errors.Is(err, cut) {
			return true
		}
	}
	return false
}
