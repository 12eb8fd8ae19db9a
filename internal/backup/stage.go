package backup

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/store"
)

// stage is the fresh database that a copy is read into; nobody else knows it.
type stage struct {
	ctx      context.Context
	url      string
	schemas  []fs.FS
	clock    clock.Clock
	log      *slog.Logger
	progress Progress

	store   *store.Store
	header  *Header
	sums    []digest
	table   int   // of the rows that wait
	waiting []any // values of these rows
	bytes   int
	done    int64
}

// The bounds of one write into the stage.
const (
	batchRows  = 2000
	batchBytes = 4 << 20
)

// patience bounds a write into the stage, behind which nobody waits.
const patience = 10 * time.Minute

func (st *stage) open(ctx context.Context, schemas []fs.FS) (err error) {
	st.store, err = store.Open(ctx, store.Options{URL: st.url, Clock: st.clock, Log: st.log, Schemas: schemas, Overrun: patience, Conns: 4})
	return err
}

func (st *stage) close() error {
	if st.store == nil {
		return nil
	}
	err := st.store.Close()
	st.store = nil
	return err
}

// write is a write that needs no witness: the log of the copy is whole as it is.
func (st *stage) write(f func(*store.Tx) error) error {
	return st.store.House().Append(st.ctx, func(tx *store.Tx) store.End {
		if err := f(tx); err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietMigration)
	})
}

// begin makes the schema that the copy was read from.
func (st *stage) begin(h *Header) error {
	chosen, unknown, err := store.Choose(st.schemas, h.Migrations)
	if err != nil {
		return err
	}
	if len(unknown) > 0 {
		return fault.New(fault.Unmet, "backup-newer", "migration", unknown[0], "version", h.Version)
	}
	if err := st.open(st.ctx, chosen); err != nil {
		return err
	}
	st.header, st.sums = h, make([]digest, len(h.Tables))
	if err := st.compare(); err != nil {
		return err
	}
	return st.write(func(tx *store.Tx) error {
		for _, table := range h.Tables {
			if err := emptyTable(tx, table.Table); err != nil {
				return err
			}
		}
		return nil
	})
}

// compare refuses a header that names other tables or columns than our own
// migrations made: from here on its names are ours. (A166)
func (st *stage) compare() error {
	return st.store.House().Read(st.ctx, func(v *store.View) error {
		ours, err := st.store.Tables(v)
		if err != nil {
			return err
		}
		if len(ours) != len(st.header.Tables) {
			return fault.New(fault.Unmet, "backup-schema-foreign", "table", "*")
		}
		seen := map[string]bool{}
		for _, theirs := range st.header.Tables {
			i := slices.IndexFunc(ours, func(t store.Table) bool { return t.Name == theirs.Name })
			if i < 0 || seen[theirs.Name] || !sameColumns(ours[i], theirs.Table) {
				return fault.New(fault.Unmet, "backup-schema-foreign", "table", theirs.Name)
			}
			seen[theirs.Name] = true
		}
		return nil
	})
}

// sameColumns compares by name and kind; their order may differ.
func sameColumns(a, b store.Table) bool {
	if len(a.Columns) != len(b.Columns) {
		return false
	}
	for i, c := range b.Columns {
		again := slices.IndexFunc(b.Columns, func(o store.Column) bool { return o.Name == c.Name })
		if !slices.Contains(a.Columns, c) || again != i {
			return false
		}
	}
	return true
}

// row takes a row into the next write.
func (st *stage) row(table int, row []byte) (err error) {
	if table != st.table {
		if err := st.flush(); err != nil {
			return err
		}
		st.table = table
	}
	columns := st.header.Tables[table].Columns
	if st.waiting, err = parseRow(st.waiting, columns, row); err != nil {
		return damaged(err)
	}
	st.sums[table].add(row)
	st.bytes += len(row)
	if st.done++; st.progress != nil && st.done%progressEvery == 0 {
		st.progress(st.done, st.header.rows())
	}
	if len(st.waiting) >= batchRows*len(columns) || st.bytes > batchBytes {
		return st.flush()
	}
	return nil
}

func (st *stage) flush() error {
	if len(st.waiting) == 0 {
		return nil
	}
	table := st.header.Tables[st.table].Table
	err := st.write(func(tx *store.Tx) error { return insertRows(tx, table, st.waiting) })
	clear(st.waiting)
	st.waiting, st.bytes = st.waiting[:0], 0
	if err != nil && (fault.As(err) == nil || fault.As(err).Kind == fault.Broken) {
		return fault.New(fault.Unmet, "backup-row-refused", "table", table.Name).Because(err)
	}
	return err
}

// settle writes the last rows and reads everything back: what the engine gives
// back must be what the copy holds.
func (st *stage) settle() error {
	if err := st.flush(); err != nil {
		return err
	}
	return st.store.House().Read(st.ctx, func(v *store.View) error {
		var row []byte
		for i, table := range st.header.Tables {
			var sum digest
			err := eachRow(v, table.Table, true, func(values []any) (err error) {
				row, err = appendRow(row[:0], table.Columns, values)
				sum.add(row)
				return err
			})
			if err != nil {
				return err
			}
			if sum != st.sums[i] {
				return fault.New(fault.Unmet, "backup-row-refused", "table", table.Name).
					Because(errors.New("the database gives back something else than was written"))
			}
		}
		return nil
	})
}
