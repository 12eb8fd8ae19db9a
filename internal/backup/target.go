package backup

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/store"
)

// target is the place of a database. The caller keeps every server away from
// it: by the lock of the data folder, and on PostgreSQL by the target's own.
type target interface {
	// occupied says whether something is there.
	occupied(ctx context.Context) (bool, error)
	// stage makes a fresh place beside it and returns its URL. What killed
	// restores left there goes away.
	stage(ctx context.Context) (string, error)
	// swap puts the stage, of which nothing is open, in place at once: whoever
	// is killed leaves the old one or the new one. It returns where the old one
	// is, "" if there was none.
	swap(ctx context.Context) (aside string, err error)
	// discard takes the stage away.
	discard(ctx context.Context) error
	close() error
}

// newTarget opens the place that a database URL names.
func newTarget(ctx context.Context, dbURL string, c clock.Clock) (target, error) {
	scheme, path, _ := strings.Cut(dbURL, ":")
	if scheme == "sqlite" && path != "" {
		return &fileTarget{path: path, clock: c}, nil
	}
	s, err := store.OpenAsIs(ctx, store.Options{URL: dbURL, Clock: c, Conns: 4})
	if err != nil {
		return nil, err
	}
	release, err := s.Hold(ctx, true)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &schemaTarget{url: dbURL, store: s, release: release, clock: c}, nil
}

func random() string {
	var tail [6]byte
	_, _ = rand.Read(tail[:]) // never fails (crypto/rand, Go 1.24)
	return hex.EncodeToString(tail[:])
}

// stamp is a time as part of a name that nothing has yet.
func stamp(c clock.Clock) string {
	return c.Now().UTC().Format("20060102t150405z") + "_" + random()[:4]
}

// fileTarget is a SQLite file. The stage stands beside it, so that a rename
// puts it in place.
type fileTarget struct {
	path, staged string
	clock        clock.Clock
}

const stageMark = ".restoring-"

func (f *fileTarget) occupied(context.Context) (bool, error) {
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && info.Size() > 0, err
}

func (f *fileTarget) stage(context.Context) (string, error) {
	left, err := filepath.Glob(globQuote(f.path) + stageMark + "*")
	if err != nil {
		return "", err
	}
	for _, name := range left {
		if err := os.Remove(name); err != nil {
			return "", err
		}
	}
	f.staged = f.path + stageMark + random()
	return "sqlite:" + f.staged, nil
}

// globQuote keeps the path of a folder from being read as a pattern.
func globQuote(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// swap keeps the old file under a second name before the new one takes the
// first. A log of the old one beside the new one would be played into it: it
// must be gone before.
func (f *fileTarget) swap(ctx context.Context) (aside string, err error) {
	there, err := f.occupied(ctx)
	if err != nil {
		return "", err
	}
	if there {
		aside = f.path + ".before-" + stamp(f.clock)
		if err := f.setAside(ctx, aside); err != nil {
			return "", err
		}
	}
	if err := syncFile(f.staged); err != nil {
		return "", err
	}
	if err := os.Rename(f.staged, f.path); err != nil {
		return "", fault.New(fault.Unmet, "backup-file-unwritable", "path", f.path).Because(err)
	}
	return aside, syncFolder(filepath.Dir(f.path))
}

func (f *fileTarget) setAside(ctx context.Context, aside string) error {
	// Opening and closing moves the log into the file, if the file is sound.
	if s, err := store.OpenAsIs(ctx, store.Options{URL: "sqlite:" + f.path, Clock: f.clock}); err == nil {
		_ = s.Close()
	}
	for _, end := range []string{"", "-wal"} {
		if err := os.Link(f.path+end, aside+end); err != nil && (end == "" || !errors.Is(err, fs.ErrNotExist)) {
			return fault.New(fault.Unmet, "backup-file-unwritable", "path", aside).Because(err)
		}
	}
	if err := syncFolder(filepath.Dir(f.path)); err != nil {
		return err
	}
	for _, end := range []string{"-wal", "-shm"} {
		if err := os.Remove(f.path + end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (f *fileTarget) discard(context.Context) error {
	if f.staged == "" {
		return nil
	}
	var errs []error
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(f.staged + end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (f *fileTarget) close() error { return nil }

// schemaTarget is a PostgreSQL database. The stage is a schema of its own in
// it; one transaction moves the tables.
type schemaTarget struct {
	url     string
	store   *store.Store
	release func()
	staged  string
	clock   clock.Clock
}

func (s *schemaTarget) occupied(ctx context.Context) (there bool, err error) {
	err = s.store.House().Read(ctx, func(v *store.View) error {
		tables, err := tablesIn(v, "")
		there = len(tables) > 0
		return err
	})
	return there, err
}

func (s *schemaTarget) write(ctx context.Context, f func(*store.Tx) error) error {
	return s.store.House().Write(ctx, func(tx *store.Tx) store.End {
		if err := f(tx); err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietMigration)
	})
}

func (s *schemaTarget) stage(ctx context.Context) (string, error) {
	staged := stagePrefix + random()
	err := s.write(ctx, func(tx *store.Tx) error {
		left, err := stages(&tx.View)
		if err != nil {
			return err
		}
		for _, name := range left {
			if err := dropSchema(tx, name); err != nil {
				return err
			}
		}
		return createSchema(tx, staged)
	})
	if err != nil {
		return "", err
	}
	s.staged = staged
	u, err := url.Parse(s.url)
	if err != nil {
		return "", err
	}
	query := u.Query()
	query.Set("search_path", staged)
	u.RawQuery = query.Encode()
	return u.String(), nil
}

func (s *schemaTarget) swap(ctx context.Context) (aside string, err error) {
	there, err := s.occupied(ctx)
	if err != nil {
		return "", err
	}
	if there {
		aside = asidePrefix + stamp(s.clock)
	}
	return aside, s.write(ctx, func(tx *store.Tx) error { return swapSchemas(tx, s.staged, aside) })
}

func (s *schemaTarget) discard(ctx context.Context) error {
	if s.staged == "" {
		return nil
	}
	return s.write(ctx, func(tx *store.Tx) error { return dropSchema(tx, s.staged) })
}

func (s *schemaTarget) close() error {
	s.release()
	return s.store.Close()
}
