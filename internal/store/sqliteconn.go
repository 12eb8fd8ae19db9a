package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// sqliteConn is one connection with its own prepared statements. One goroutine
// uses it at a time. A connection that an interrupt or a failed rollback left
// in doubt is thrown away and opened afresh by the next begin.
type sqliteConn struct {
	db    *sql.DB
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	puts  puts // the writer's alone: what travels with the commit
}

// stmtMost bounds the prepared statements of a connection. Texts are
// constants, so only generated IN lists could ever reach it.
const stmtMost = 1000

func (c *sqliteConn) open(ctx context.Context) error {
	conn, err := c.db.Conn(ctx)
	if err != nil {
		return err
	}
	c.conn, c.stmts = conn, map[string]*sql.Stmt{}
	return nil
}

func (c *sqliteConn) close() error {
	if c.conn == nil {
		return nil
	}
	var errs []error
	for _, stmt := range c.stmts {
		errs = append(errs, stmt.Close())
	}
	errs = append(errs, c.conn.Close())
	c.conn, c.stmts = nil, nil
	return errors.Join(errs...)
}

// drop throws the connection away instead of giving it back to the pool.
func (c *sqliteConn) drop() {
	if c.conn == nil {
		return
	}
	for _, stmt := range c.stmts {
		_ = stmt.Close() // before the connection: finalizing on a closed one crashes the process
	}
	c.stmts = nil
	_ = c.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = c.close()
}

// begin starts a transaction, on a fresh connection if the old one is gone.
func (c *sqliteConn) begin(ctx context.Context, how string) error {
	if c.conn != nil {
		err := c.run(ctx, how)
		if err == nil || ctx.Err() != nil {
			return err
		}
		c.drop()
	}
	if err := c.open(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	if err := c.run(ctx, how); err != nil {
		c.drop()
		return err
	}
	return nil
}

// end ends a transaction by how, whatever became of ctx.
func (c *sqliteConn) end(ctx context.Context, how string) {
	if err := c.run(context.WithoutCancel(ctx), how); err != nil {
		c.drop()
	}
}

func (c *sqliteConn) run(ctx context.Context, query string) error {
	_, err := c.exec(ctx, query, nil)
	return err
}

func (c *sqliteConn) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	stmt, err := c.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	if stmt == nil {
		return c.conn.ExecContext(ctx, query, args...)
	}
	return stmt.ExecContext(ctx, args...)
}

func (c *sqliteConn) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	stmt, err := c.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	if stmt == nil {
		return c.conn.QueryContext(ctx, query, args...)
	}
	return stmt.QueryContext(ctx, args...)
}

func (c *sqliteConn) later(_ context.Context, query string, args []any) error {
	c.puts = append(c.puts, put{query, args})
	return nil
}

// prepared returns nil when the cache is full.
func (c *sqliteConn) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt := c.stmts[query]; stmt != nil {
		return stmt, nil
	}
	if c.conn == nil {
		return nil, driver.ErrBadConn
	}
	if len(c.stmts) >= stmtMost {
		return nil, nil
	}
	stmt, err := c.conn.PrepareContext(context.WithoutCancel(ctx), query)
	if err != nil {
		return nil, err
	}
	c.stmts[query] = stmt
	return stmt, nil
}
