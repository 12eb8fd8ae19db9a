package console

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
)

// youngest is the least age of records that can be archived: what is asked for
// in the next days should be at hand.
const youngest = 24 * time.Hour

// Archived is what one run moved out of the database.
type Archived struct {
	Path  string // "" if nothing was old enough
	Moved int64  // records
}

// Archive moves the bodies of records older than age into a new file in the
// archive folder, readable by us alone. Their leaf hashes stay, so that every
// proof and the verification of the whole log hold.
func (r *Room) Archive(ctx context.Context, by id.Principal, age time.Duration) (a Archived, err error) {
	if age < youngest {
		return a, fault.New(fault.Invalid, "archive-too-young", "least", youngest.String())
	}
	now := r.clock.Now()
	dir := filepath.Join(r.data, "archive")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return a, fault.New(fault.Unmet, "archive-folder-unusable", "path", dir).Because(err)
	}
	path := filepath.Join(dir, "audit-"+now.Format("20060102T150405.000000Z")+".jsonl")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return a, fault.New(fault.Unmet, "archive-folder-unusable", "path", dir).Because(err)
	}
	a.Moved, err = r.audit.Archive(ctx, by, now.Add(-age), file)
	err = errors.Join(err, file.Close())
	if a.Moved == 0 {
		return a, errors.Join(err, os.Remove(path))
	}
	a.Path = path
	return a, err
}
