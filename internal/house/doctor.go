package house

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/store"
)

// Level is how much a finding matters.
type Level string

// The levels of a finding.
const (
	Fine Level = "ok"
	Warn Level = "warn" // it may lose something, or somebody should know
	Bad  Level = "bad"  // it loses data, lets people in, or keeps the house from running
)

// Finding is one thing that Doctor looked at. Its sentence is doctor.KEY, or
// that of Err.
type Finding struct {
	Level Level
	Key   string
	Args  fault.Args
	Err   error
}

// doctor looks at a house from outside, running or not, and changes nothing.
type doctor struct {
	config Config
	clock  clock.Clock
	found  []Finding
}

// Doctor looks for settings that lose data or let people in. It may be asked
// while the house runs.
func Doctor(ctx context.Context, o Options) []Finding {
	d := &doctor{config: o.Config, clock: o.Clock}
	if err := d.config.settle(); err != nil {
		d.broken("configuration", err)
	}
	d.folder()
	d.key()
	d.disk()
	d.certificate()
	d.address()
	d.networks()
	d.mail(ctx)
	d.database(ctx)
	return d.found
}

func (d *doctor) say(level Level, key string, pairs ...any) {
	d.found = append(d.found, Finding{Level: level, Key: key, Args: fault.Pairs(pairs...)})
}

func (d *doctor) broken(key string, err error) {
	d.found = append(d.found, Finding{Level: Bad, Key: key, Err: err})
}

// folder looks at who can read what is kept.
func (d *doctor) folder() {
	data := d.config.Data
	info, err := os.Stat(data)
	switch {
	case err != nil:
		d.say(Warn, "folder.missing", "path", data)
		return
	case !info.IsDir() || info.Mode().Perm()&0o077 != 0:
		d.say(Bad, "folder.open", "path", data, "mode", info.Mode().Perm().String())
	default:
		d.say(Fine, "folder.private", "path", data)
	}
	_ = filepath.WalkDir(data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == data {
			return nil //nolint:nilerr // what cannot be read is told by the checks that need it
		}
		if info, err := entry.Info(); err == nil && info.Mode().Type() != fs.ModeSymlink && info.Mode().Perm()&0o077 != 0 {
			d.say(Bad, "file.open", "path", path, "mode", info.Mode().Perm().String())
		}
		return nil
	})
	if _, err := os.Stat(filepath.Join(data, KitFile)); err == nil {
		d.say(Warn, "kit.there", "path", filepath.Join(data, KitFile))
	}
}

// key looks at where the unseal key is kept.
func (d *doctor) key() {
	path := d.config.Unseal.File
	if d.config.Unseal.Age != "" {
		path = d.config.Unseal.Age
	}
	if path == "" {
		d.say(Fine, "key.passphrase")
		return
	}
	info, err := os.Stat(path)
	_, house := os.Stat(filepath.Join(d.config.Data, "lock"))
	switch {
	case err != nil && house == nil:
		d.say(Bad, "key.missing", "path", path)
	case err != nil:
		d.say(Warn, "key.none-yet", "path", path)
	case info.Mode().Perm()&0o077 != 0:
		d.say(Bad, "key.open", "path", path, "mode", info.Mode().Perm().String())
	case inside(d.config.Data, path):
		d.say(Warn, "key.inside", "path", path)
	default:
		d.say(Fine, "key.apart", "path", path)
	}
}

func inside(folder, path string) bool {
	a, err1 := filepath.Abs(folder)
	b, err2 := filepath.Abs(path)
	return err1 == nil && err2 == nil && strings.HasPrefix(b, a+string(filepath.Separator))
}

// The free space below which doctor speaks up, in bytes.
const (
	spaceWarn = 1 << 30
	spaceBad  = 100 << 20
)

// space is how many bytes of the disk with a folder are free for us, of how
// many.
func space(folder string) (free, whole int64, err error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(folder, &stat); err != nil {
		return 0, 0, err
	}
	return int64(stat.Bavail) * int64(stat.Bsize), int64(stat.Blocks) * int64(stat.Bsize), nil //nolint:unconvert // the types differ by system
}

func (d *doctor) disk() {
	free, _, err := space(d.config.Data)
	if err != nil {
		return // the folder is not there: said already
	}
	level, key := Fine, "disk.free"
	switch {
	case free < spaceBad:
		level, key = Bad, "disk.full"
	case free < spaceWarn:
		level, key = Warn, "disk.low"
	}
	d.say(level, key, "path", d.config.Data, "mib", free>>20)
}

// database looks behind the doors of the store, without touching the schema.
func (d *doctor) database(ctx context.Context) {
	url := d.config.Database.Reveal()
	if path, file := strings.CutPrefix(url, "sqlite:"); file {
		if _, err := os.Stat(path); err != nil {
			d.say(Warn, "database.none-yet", "path", path)
			return // opening would make it
		}
	}
	s, err := store.OpenAsIs(ctx, store.Options{URL: url, Clock: d.clock, Schemas: Schemas()})
	if err != nil {
		d.broken("database", err)
		return
	}
	defer s.Close() //nolint:errcheck // nothing was written
	settings, err := s.Settings(ctx)
	if err != nil {
		d.broken("database", err)
		return
	}
	if s.Engine() == "postgres" {
		d.postgres(settings)
	} else {
		d.sqlite(settings)
	}
	if d.schema(ctx, s) {
		d.log(ctx, s)
		d.pace(ctx, s)
		d.backups(ctx, s)
		d.effects(ctx, s)
		d.fourEyes(ctx, s)
	}
}

func (d *doctor) sqlite(settings map[string]string) {
	if settings["sound"] != "ok" {
		d.say(Bad, "sqlite.damaged", "what", settings["sound"])
		return
	}
	d.say(Fine, "sqlite.sound")
}

// postgres looks for settings with which an acknowledged write can be lost.
func (d *doctor) postgres(settings map[string]string) {
	d.say(Fine, "postgres.version", "version", settings["server_version"])
	if d.config.Drain == 0 {
		d.say(Warn, "drain.none")
	}
	for _, name := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		if settings[name] == "off" {
			d.say(Bad, "postgres.unsafe", "name", name)
		}
	}
	if settings["standbys"] != "0" && settings["synchronous_standby_names"] == "" {
		d.say(Warn, "postgres.standby", "count", settings["standbys"])
	}
	if settings["synchronous_standby_names"] != "" && settings["synchronous_commit"] == "local" {
		d.say(Warn, "postgres.local")
	}
	if settings["server_encoding"] != "UTF8" {
		d.say(Bad, "postgres.encoding", "encoding", settings["server_encoding"])
	}
	if c := settings["datcollate"]; c != "C" && c != "POSIX" && !strings.HasPrefix(c, "C.") {
		d.say(Warn, "postgres.collation", "collation", c)
	}
}

// schema reports whether the tables are those of this program.
func (d *doctor) schema(ctx context.Context, s *store.Store) bool {
	if err := s.Suits(ctx); err != nil {
		d.broken("schema", err)
		return false
	}
	names, err := s.Pending(ctx)
	switch {
	case err != nil:
		d.broken("schema", err)
	case len(names) > 0:
		d.say(Warn, "schema.pending", "count", len(names))
	default:
		d.say(Fine, "schema.current")
	}
	return err == nil && len(names) == 0
}

// The ages from which doctor speaks up.
const (
	lagMost    = 10 * time.Second
	signedMost = 10 * time.Minute
	aheadMost  = time.Minute
)

// log looks at the witness: is it kept, signed, and held outside?
func (d *doctor) log(ctx context.Context, s *store.Store) {
	log := audit.New(audit.Options{Store: s, Clock: d.clock})
	lag, err := log.Lag(ctx)
	if err != nil {
		d.broken("log", err)
		return
	}
	age, beyond, err := log.CheckpointAge(ctx)
	if err != nil {
		d.broken("log", err)
		return
	}
	switch {
	case lag > lagMost:
		d.say(Warn, "log.lag", "age", lag.Round(time.Second))
	case age > signedMost && beyond > 0:
		d.say(Warn, "log.unsigned", "age", age.Round(time.Second), "count", beyond)
	default:
		d.say(Fine, "log.current")
	}
	if age < -aheadMost {
		d.say(Bad, "clock.back", "by", (-age).Round(time.Second))
	}
	if len(d.config.Audit.CheckpointTo) == 0 {
		d.say(Warn, "log.inside")
	}
}
