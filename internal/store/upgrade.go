package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sekisho/sekisho/internal/fault"
)

// Change is one thing that a migration does: Verb is creates, adds, indexes,
// fills, removes, renames, refuses-older or else; What is a table, table.column
// or index.
type Change struct {
	Verb string `json:"does"`
	What string `json:"what"`
}

// Step is a migration that waits, and what it will change.
type Step struct {
	Name    string   `json:"name"`
	Changes []Change `json:"changes"`
}

// Steps returns what Migrate would do, in its order; nothing is changed.
func (s *Store) Steps(ctx context.Context) ([]Step, error) {
	names, err := s.Pending(ctx)
	if err != nil {
		return nil, err
	}
	all, err := migrations(s.options.Schemas)
	if err != nil {
		return nil, err
	}
	texts := map[string]string{"store": own}
	for _, m := range all {
		texts[m.name] = m.text
	}
	var steps []Step
	for _, name := range names {
		steps = append(steps, Step{Name: name, Changes: changesOf(texts[name])})
	}
	return steps, nil
}

// forms read the first words of a statement. The texts are our own: what no
// form reads is told as it begins, as "else".
var forms = []struct {
	verb string
	form *regexp.Regexp
}{
	{"refuses-older", regexp.MustCompile(`(?i)^UPDATE (schema_law)\b`)},
	{"creates", regexp.MustCompile(`(?i)^CREATE TABLE (?:IF NOT EXISTS )?(\w+)`)},
	{"indexes", regexp.MustCompile(`(?i)^CREATE (?:UNIQUE )?INDEX (?:IF NOT EXISTS )?\w+ ON (\w+)`)},
	{"adds", regexp.MustCompile(`(?i)^ALTER TABLE (\w+) ADD (?:COLUMN )?(\w+)`)},
	{"removes", regexp.MustCompile(`(?i)^ALTER TABLE (\w+) DROP (?:COLUMN )?(\w+)`)},
	{"renames", regexp.MustCompile(`(?i)^ALTER TABLE (\w+) RENAME\b`)},
	{"removes", regexp.MustCompile(`(?i)^DROP (?:TABLE|INDEX) (?:IF EXISTS )?(\w+)`)},
	{"fills", regexp.MustCompile(`(?i)^(?:WITH .*)?(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)`)},
}

var sqlComment = regexp.MustCompile(`--[^\n]*`)

func changesOf(text string) []Change {
	var changes []Change
	seen := map[Change]bool{}
	for statement := range strings.SplitSeq(sqlComment.ReplaceAllString(text, ""), ";") {
		words := strings.Join(strings.Fields(statement), " ")
		if words == "" {
			continue
		}
		if c := changeOf(words); !seen[c] {
			seen[c] = true
			changes = append(changes, c)
		}
	}
	return changes
}

func changeOf(statement string) Change {
	for _, f := range forms {
		if m := f.form.FindStringSubmatch(statement); m != nil {
			return Change{Verb: f.verb, What: strings.Join(m[1:], ".")}
		}
	}
	first, _, _ := strings.Cut(statement, "(")
	return Change{Verb: "else", What: strings.TrimSpace(first)}
}

// On PostgreSQL a step that changes a table waits until whoever reads it has
// ended, and everybody else waits behind the step: a backup would stop the
// servers that run during a rolling upgrade. So a step gives up soon, lets the
// others through and tries again.
const (
	stepWait  = "1s" // lock_timeout
	stepPause = 2 * time.Second
	stepTries = 40
)

// heldUp reports whether a step did nothing because others hold its tables:
// lock_not_available and deadlock_detected of PostgreSQL.
func heldUp(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && (pe.Code == "55P03" || pe.Code == "40P01")
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// SnapshotBefore keeps a copy of a SQLite database whose schema is about to
// change, beside its file: PATH.before-NUMBER, mode 0600, NUMBER being that of
// the newest step that waits. It returns the copy's path, "" where there is
// nothing to keep: no step waits, the database is empty or refuses this binary,
// or the engine is PostgreSQL, which has its own backups. A copy that is there
// already is the older truth, of an upgrade that was cut off, and stays.
func (s *Store) SnapshotBefore(ctx context.Context) (string, error) {
	e, ok := s.engine.(*sqliteEngine)
	if !ok {
		return "", nil
	}
	if there, err := s.founded(ctx); err != nil || !there {
		return "", err
	}
	names, err := s.Pending(ctx)
	if err != nil || len(names) == 0 || s.Suits(ctx) != nil {
		return "", err
	}
	number, _, _ := strings.Cut(names[len(names)-1], "_")
	path := e.path + ".before-" + number
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := s.copyTo(ctx, path); err != nil {
		return "", fault.New(fault.Unmet, "store-snapshot-failed", "path", path).Because(err)
	}
	return path, nil
}

// copyTo writes the database as it is now, whole or not at all.
func (s *Store) copyTo(ctx context.Context, path string) error {
	part := path + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) // VACUUM takes an empty file, and its mode
	if err != nil {
		return err
	}
	defer os.Remove(part) //nolint:errcheck // the renamed one stays
	_, err = s.engine.migrator().ExecContext(ctx, "VACUUM INTO $1", part)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
