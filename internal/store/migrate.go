package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/sekisho/sekisho/internal/fault"
)

type dialect string

const (
	dialectSQLite   dialect = "sqlite"
	dialectPostgres dialect = "postgres"
)

const migrationTable = "schema_migration"

// migration is one file of a room's schema folder: NNNNNNNNNNNN_room_what.sql,
// the number being yyyymmddhhmm in UTC.
type migration struct {
	number int64
	name   string
	text   string
}

var migrationName = regexp.MustCompile(`^(\d{12})_[a-z0-9_]+\.sql$`)

// migrations merges the folders by number.
func migrations(schemas []fs.FS) ([]migration, error) {
	var all []migration
	for _, schema := range schemas {
		names, err := fs.Glob(schema, "schema/*.sql")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			parts := migrationName.FindStringSubmatch(path.Base(name))
			if parts == nil {
				return nil, fmt.Errorf("store: migration %s: want yyyymmddhhmm_room_what.sql", name)
			}
			text, err := fs.ReadFile(schema, name)
			if err != nil {
				return nil, err
			}
			number, _ := strconv.ParseInt(parts[1], 10, 64)
			all = append(all, migration{number, path.Base(name), string(text)})
		}
	}
	slices.SortFunc(all, func(a, b migration) int { return strings.Compare(a.name, b.name) })
	for i := 1; i < len(all); i++ {
		if all[i].number == all[i-1].number {
			return nil, fmt.Errorf("store: migrations %s and %s have one number", all[i-1].name, all[i].name)
		}
	}
	return all, nil
}

// own is the schema of the store itself.
const own = `
CREATE TABLE schema_law (
  one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
  oldest_binary BIGINT NOT NULL
);
INSERT INTO schema_law (one, oldest_binary) VALUES (1, 0);
CREATE TABLE topic (
  name TEXT NOT NULL PRIMARY KEY,
  version BIGINT NOT NULL
);
`

// ownNumber sorts before every room's first migration.
const ownNumber = 202611220000

func (d dialect) translate(text string) string {
	if d == dialectPostgres {
		text = blob.ReplaceAllString(text, "BYTEA")
		text = rowid.ReplaceAllString(text, "BIGINT PRIMARY KEY")
		text = bytewise.ReplaceAllString(text, `COLLATE "C"`)
		return withoutRowid.ReplaceAllString(text, "")
	}
	return text
}

var (
	blob         = regexp.MustCompile(`\bBLOB\b`)
	rowid        = regexp.MustCompile(`\bINTEGER PRIMARY KEY\b`)
	bytewise     = regexp.MustCompile(`\bCOLLATE BINARY\b`)
	withoutRowid = regexp.MustCompile(`\s*\bWITHOUT ROWID\b`)
)

// Pending returns the names of the migrations that Migrate would run.
func (s *Store) Pending(ctx context.Context) ([]string, error) {
	provider, known, err := s.provider()
	if err != nil {
		return nil, err
	}
	status, err := provider.Status(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, one := range status {
		if one.State == goose.StatePending {
			names = append(names, known[one.Source.Version])
		}
	}
	return names, nil
}

// Migrate brings the schema up to date. Each migration is one transaction, so
// a killed process goes on where it stopped; of several nodes one migrates and
// the others wait. A schema that refuses this binary is left alone.
func (s *Store) Migrate(ctx context.Context) error {
	provider, known, err := s.provider()
	if err != nil {
		return err
	}
	if err := s.refuseOld(ctx, newest(known)); err != nil {
		return err
	}
	for try := 1; ; try++ {
		results, err := provider.Up(ctx)
		if err == nil {
			s.quiet[0].Add(int64(len(results)))
			return nil
		}
		if !heldUp(err) {
			return s.known(fmt.Errorf("store: migrate: %w", err))
		}
		if try == stepTries {
			return fault.New(fault.Busy, "store-schema-held").Because(err)
		}
		if err := pause(ctx, stepPause); err != nil {
			return err
		}
	}
}

// known names what an engine's own error means.
func (s *Store) known(err error) error {
	switch e := s.engine.(type) {
	case *sqliteEngine:
		return sqliteFault(err, e.path)
	case *postgresEngine:
		return postgresFault(err, e.url)
	}
	return err
}

func newest(known map[int64]string) int64 {
	var most int64
	for number := range known {
		most = max(most, number)
	}
	return most
}

func (s *Store) provider() (*goose.Provider, map[int64]string, error) {
	all, err := migrations(s.options.Schemas)
	if err != nil {
		return nil, nil, err
	}
	all = append([]migration{{ownNumber, "store", own}}, all...)
	known := map[int64]string{}
	var steps []*goose.Migration
	for _, m := range all {
		known[m.number] = m.name
		steps = append(steps, goose.NewGoMigration(m.number, &goose.GoFunc{RunTx: s.step(m)}, nil))
	}
	gooseDialect := goose.DialectSQLite3
	options := []goose.ProviderOption{
		goose.WithGoMigrations(steps...), goose.WithDisableGlobalRegistry(true),
		goose.WithAllowOutofOrder(true), goose.WithTableName(migrationTable),
	}
	if s.engine.dialect() == dialectPostgres {
		gooseDialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockID(lockMigrate))
		if err != nil {
			return nil, nil, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(gooseDialect, s.engine.migrator(), nil, options...)
	return provider, known, err
}

// step runs one migration's statements in goose's transaction.
func (s *Store) step(m migration) func(context.Context, *sql.Tx) error {
	return func(ctx context.Context, tx *sql.Tx) error {
		text := s.engine.dialect().translate(m.text)
		var err error
		if s.engine.dialect() == dialectPostgres {
			_, err = tx.ExecContext(ctx, "SET LOCAL lock_timeout = '"+stepWait+"'; "+text, pgx.QueryExecModeSimpleProtocol) // several statements at once
		} else {
			_, err = tx.ExecContext(ctx, text)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		return nil
	}
}

// refuseOld refuses a schema whose oldest_binary is newer than the newest
// migration this binary knows (`go run` has no version to compare). Newer
// binaries and those in between go on, so that a rolling upgrade works.
func (s *Store) refuseOld(ctx context.Context, newest int64) error {
	if there, err := s.founded(ctx); err != nil || !there {
		return err
	}
	var oldest int64
	if err := s.engine.migrator().QueryRowContext(ctx, "SELECT oldest_binary FROM schema_law").Scan(&oldest); err != nil {
		return s.known(err)
	}
	if oldest > newest {
		return fault.New(fault.Unmet, "store-schema-too-new", "oldest", oldest, "newest", newest)
	}
	return nil
}

// founded reports whether any schema is there.
func (s *Store) founded(ctx context.Context) (bool, error) {
	var there int
	probe := "SELECT count(*) FROM sqlite_master WHERE name = 'schema_law'"
	if s.engine.dialect() == dialectPostgres {
		probe = "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'schema_law'"
	}
	err := s.engine.migrator().QueryRowContext(ctx, probe).Scan(&there)
	return there > 0, s.known(err)
}

// Dump returns the schema of a SQLite store as text, tables by name: what
// schema.sql at the root holds.
func (s *Store) Dump(ctx context.Context) (string, error) {
	if s.engine.dialect() != dialectSQLite {
		return "", errors.New("store: the schema is dumped from SQLite")
	}
	var parts []string
	err := s.House().Read(ctx, func(v *View) error {
		rows, err := v.Query("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY tbl_name, type DESC, name")
		parts, err = Collect(rows, err, func(scan func(...any) error) (text string, err error) {
			err = scan(&text)
			return text + ";\n", err
		})
		return err
	})
	return strings.Join(parts, "\n"), err
}

// Suits returns why the schema refuses this binary, or nil.
func (s *Store) Suits(ctx context.Context) error {
	all, err := migrations(s.options.Schemas)
	if err != nil {
		return err
	}
	most := int64(ownNumber)
	for _, m := range all {
		most = max(most, m.number)
	}
	return s.refuseOld(ctx, most)
}
