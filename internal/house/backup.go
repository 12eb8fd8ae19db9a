package house

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/backup"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/secret"
)

// What the room backup reports and where its endpoint is.
type (
	Backup   = backup.Report
	Restored = backup.Restored
	Progress = backup.Progress
)

// The endpoint of the room backup on the control socket.
const (
	BackupPath    = backup.Path
	BackupTrailer = backup.Trailer
)

// SaveBackup writes what fill writes into a new file, and verifies it.
func SaveBackup(path string, fill func(io.Writer) (Backup, error)) (Backup, error) {
	return backup.Save(path, fill)
}

// WriteBackup writes a backup of a house that no server of this folder runs.
func WriteBackup(ctx context.Context, o Options, w io.Writer, recipients []string, progress Progress) (report Backup, err error) {
	if path, is := strings.CutPrefix(o.Config.Database.Reveal(), "sqlite:"); is {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return report, fault.New(fault.Unmet, "seal-unfounded") // and none is made
		}
	}
	h, err := New(ctx, o)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, h.Stop(ctx)) }()
	founded, err := h.ring.Founded(ctx)
	if err != nil {
		return report, err
	}
	if !founded {
		return report, fault.New(fault.Unmet, "seal-unfounded")
	}
	by := id.Local(os.Getuid())
	if err := h.ring.Unseal(ctx, by, h.config.Unseal.provider()); err != nil {
		return report, err
	}
	report, err = h.backup.Write(ctx, by, w, recipients, progress)
	return report, errors.Join(err, h.audit.Stop(ctx)) // gives the sequencer's seat back
}

// Restore puts a backup in the place of the house that the configuration
// names. No server may run it. auditKey may be empty if identity is the
// recovery kit.
func Restore(ctx context.Context, o Options, file, identity, auditKey string, replace bool, progress Progress) (report Restored, err error) {
	err = o.alone(func(ground backup.Ground) error {
		ground.Progress = progress
		report, err = backup.Restore(ctx, backup.RestoreOptions{
			Ground: ground, File: file, Identity: identity, AuditKey: auditKey, Replace: replace,
			Provider: o.Config.Unseal.provider(), KeyFile: o.Config.Unseal.File,
		})
		return err
	})
	return report, err
}

// Move copies a SQLite house that nobody runs to a PostgreSQL database.
func Move(ctx context.Context, o Options, to secret.Text, progress Progress) (report Restored, err error) {
	err = o.alone(func(ground backup.Ground) error {
		ground.Progress, ground.URL = progress, to
		report, err = backup.Move(ctx, backup.MoveOptions{
			Ground: ground, From: o.Config.Database, Provider: o.Config.Unseal.provider(), Version: o.Version,
		})
		return err
	})
	return report, err
}

// alone runs f while no server runs the house of this folder.
func (o *Options) alone(f func(backup.Ground) error) (err error) {
	if err := o.Config.prepareData(); err != nil {
		return err
	}
	lock, err := lockFolder(o.Config.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.unlock()) }()
	return f(backup.Ground{
		URL: o.Config.Database, Clock: o.Clock, Log: o.Log, Node: id.New[id.Node](o.Clock.Now()), By: id.Local(os.Getuid()),
		Schemas: Schemas(),
		Holders: func(*audit.Log) []seal.Sealed { return holders() },
		Enders:  []backup.Ender{{Name: "sessions", End: endSessions}, {Name: "tokens", End: endTokens}},
	})
}
