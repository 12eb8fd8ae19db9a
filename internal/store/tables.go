package store

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Kind is what a column holds, the same on both engines.
type Kind string

// The kinds.
const (
	KindInteger Kind = "integer" // int64
	KindText    Kind = "text"
	KindBytes   Kind = "bytes"
)

// Column is a column of a Table.
type Column struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
}

// Table is a table of the house's own schema.
type Table struct {
	Name    string   `json:"name"`
	Columns []Column `json:"columns"`
}

const (
	sqliteColumns = `SELECT m.name, c.name, lower(c.type) FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY m.name, c.cid`
	postgresColumns = `SELECT CAST(c.table_name AS TEXT), CAST(c.column_name AS TEXT), CAST(c.data_type AS TEXT)
		FROM information_schema.columns c JOIN information_schema.tables t
		ON t.table_schema = c.table_schema AND t.table_name = c.table_name
		WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' ORDER BY c.table_name, c.ordinal_position`
)

var kinds = map[string]Kind{
	"bigint": KindInteger, "integer": KindInteger, "text": KindText, "blob": KindBytes, "bytea": KindBytes,
}

// Tables lists the tables by name, columns in their order, without the one
// that notes which migrations have run.
func (s *Store) Tables(v *View) ([]Table, error) {
	query := sqliteColumns
	if s.engine.dialect() == dialectPostgres {
		query = postgresColumns
	}
	type line struct{ table, column, kind string }
	rows, err := v.Query(query)
	lines, err := Collect(rows, err, func(scan func(...any) error) (l line, err error) {
		err = scan(&l.table, &l.column, &l.kind)
		return l, err
	})
	if err != nil {
		return nil, err
	}
	var all []Table
	for _, l := range lines {
		if l.table == migrationTable {
			continue
		}
		kind, known := kinds[l.kind]
		if !known {
			return nil, fmt.Errorf("store: column %s.%s is of type %s, which no migration of ours makes", l.table, l.column, l.kind)
		}
		if len(all) == 0 || all[len(all)-1].Name != l.table {
			all = append(all, Table{Name: l.table})
		}
		last := &all[len(all)-1]
		last.Columns = append(last.Columns, Column{l.column, kind})
	}
	return all, nil
}

// Migrations lists the numbers of the migrations that have run, in order.
func Migrations(v *View) ([]int64, error) {
	rows, err := v.Query("SELECT version_id FROM " + migrationTable + " WHERE version_id > 0 ORDER BY version_id")
	return Collect(rows, err, func(scan func(...any) error) (number int64, err error) {
		err = scan(&number)
		return number, err
	})
}

// Choose returns the schemas without the migrations whose number is not among
// the given ones, and the numbers that no schema has: how a database is brought
// to the schema of an older binary.
func Choose(schemas []fs.FS, numbers []int64) (chosen []fs.FS, unknown []int64, err error) {
	all, err := migrations(schemas)
	if err != nil {
		return nil, nil, err
	}
	known := map[int64]bool{ownNumber: true}
	for _, m := range all {
		known[m.number] = true
	}
	for _, number := range numbers {
		if !known[number] {
			unknown = append(unknown, number)
		}
	}
	for _, schema := range schemas {
		chosen = append(chosen, chosenFS{schema, numbers})
	}
	return chosen, unknown, nil
}

// chosenFS is a schema folder of which only some migrations are seen.
type chosenFS struct {
	fs.FS
	numbers []int64
}

// Glob implements fs.GlobFS.
func (c chosenFS) Glob(pattern string) ([]string, error) {
	names, err := fs.Glob(c.FS, pattern)
	return slices.DeleteFunc(names, func(name string) bool {
		text, _, _ := strings.Cut(path.Base(name), "_")
		number, err := strconv.ParseInt(text, 10, 64)
		return err == nil && !slices.Contains(c.numbers, number)
	}), err
}
