package backup

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
)

// newest is the newest checkpoint and the public key; both empty in a house
// that never signed.
func newest(v *store.View) (note, key string, err error) {
	c, key, err := audit.Newest(v)
	if errors.Is(err, store.ErrNoRow) {
		return "", "", nil
	}
	return c.Note, key, err
}

// kept is the condition on the rows of a table that a file carries: of the ways
// to the root key only the recovery kit's.
func kept(table string, whole bool) string {
	if table == "seal_wrapping" && !whole {
		return " WHERE kind = '" + seal.KindRecovery + "'"
	}
	return ""
}

func countRows(v *store.View, table store.Table, whole bool) (n int64, err error) {
	err = v.Row(`SELECT count(*) FROM "` + table.Name + `"` + kept(table.Name, whole)).Scan(&n)
	return n, err
}

func columnsOf(table store.Table) string {
	names := make([]string, len(table.Columns))
	for i, c := range table.Columns {
		names[i] = `"` + c.Name + `"`
	}
	return strings.Join(names, ", ")
}

// eachRow reads the rows as they lie. values belong to f until it returns.
func eachRow(v *store.View, table store.Table, whole bool, f func(values []any) error) error {
	rows, err := v.Query(`SELECT ` + columnsOf(table) + ` FROM "` + table.Name + `"` + kept(table.Name, whole))
	if err != nil {
		return err
	}
	values := make([]any, len(table.Columns))
	into := make([]any, len(values))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return errors.Join(err, rows.Close())
		}
		if err := f(values); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return rows.Close()
}

// emptyTable takes away what migrations put there.
func emptyTable(tx *store.Tx, table store.Table) error {
	_, err := tx.Exec(`DELETE FROM "` + table.Name + `"`)
	return err
}

// insertSQL inserts n rows at once.
func insertSQL(table store.Table, n int) string {
	var b strings.Builder
	b.WriteString(`INSERT INTO "` + table.Name + `" (` + columnsOf(table) + `) VALUES `)
	for row := range n {
		if row > 0 {
			b.WriteString(", ")
		}
		for i := range table.Columns {
			b.WriteByte("(,"[min(i, 1)])
			fmt.Fprintf(&b, "$%d", row*len(table.Columns)+i+1)
		}
		b.WriteByte(')')
	}
	return b.String()
}

// insertRows inserts rows whose values stand one behind the other, in
// statements of many rows.
func insertRows(tx *store.Tx, table store.Table, values []any) error {
	width := len(table.Columns)
	many := min(max(1, 1000/width), 100) // few parameters: both engines take 32,766
	for _, n := range []int{many, 1} {
		statement := insertSQL(table, n)
		for len(values) >= n*width {
			if _, err := tx.Exec(statement, values[:n*width]...); err != nil {
				return err
			}
			values = values[n*width:]
		}
	}
	return nil
}

// The names of schemas that we make on PostgreSQL.
const (
	stagePrefix = "sekisho_restoring_"
	asidePrefix = "sekisho_before_"
)

func createSchema(tx *store.Tx, name string) error {
	return tx.Shape(`CREATE SCHEMA "` + name + `"`)
}

func dropSchema(tx *store.Tx, name string) error {
	return tx.Shape(`DROP SCHEMA IF EXISTS "` + name + `" CASCADE`)
}

// stages lists the schemas that killed restores left.
func stages(v *store.View) ([]string, error) {
	rows, err := v.Query("SELECT CAST(nspname AS TEXT) FROM pg_catalog.pg_namespace ORDER BY nspname")
	all, err := store.Collect(rows, err, func(scan func(...any) error) (name string, err error) {
		err = scan(&name)
		return name, err
	})
	return slices.DeleteFunc(all, func(name string) bool { return !strings.HasPrefix(name, stagePrefix) }), err
}

// tablesIn lists the tables of a PostgreSQL schema; "" is the current one.
func tablesIn(v *store.View, schema string) ([]string, error) {
	rows, err := v.Query(`SELECT CAST(tablename AS TEXT) FROM pg_catalog.pg_tables
		WHERE schemaname = CASE WHEN $1 = '' THEN current_schema() ELSE CAST($1 AS TEXT) END ORDER BY tablename`, schema)
	return store.Collect(rows, err, func(scan func(...any) error) (name string, err error) {
		err = scan(&name)
		return name, err
	})
}

// swapSchemas moves the tables that are there into the schema aside, if it is
// not "", and those of stage into their place.
func swapSchemas(tx *store.Tx, stage, aside string) error {
	var here string
	if err := tx.Row("SELECT CAST(current_schema() AS TEXT)").Scan(&here); err != nil {
		return err
	}
	fresh, err := tablesIn(&tx.View, stage)
	if err != nil {
		return err
	}
	old, err := tablesIn(&tx.View, here)
	if err != nil {
		return err
	}
	if aside != "" {
		if err := createSchema(tx, aside); err != nil {
			return err
		}
	}
	for _, name := range old {
		if !slices.Contains(fresh, name) {
			continue // not ours
		}
		if err := tx.Shape(`ALTER TABLE "` + here + `"."` + name + `" SET SCHEMA "` + aside + `"`); err != nil {
			return err
		}
	}
	for _, name := range fresh {
		if err := tx.Shape(`ALTER TABLE "` + stage + `"."` + name + `" SET SCHEMA "` + here + `"`); err != nil {
			return err
		}
	}
	return dropSchema(tx, stage)
}
