package backup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/seal"
)

// stagedKey is the new unseal key on its way into place. Database and key file
// cannot be swapped in one act, so a restored house that finds a key file in
// its place opens with that one too until the new one stands there: killed at
// any moment there is a database with a key that opens it.
type stagedKey struct {
	provider seal.Provider // of the new key, where it stands now
	path     string        // where it goes; "" if it is not a file
	staged   string
	old      seal.Provider // the key file that stands there; nil if there is none that can be read
	there    bool
	clock    clock.Clock
}

// stageKey makes the new key beside the old one.
func stageKey(path string, provider seal.Provider, c clock.Clock) (*stagedKey, error) {
	if path == "" {
		return &stagedKey{provider: provider}, nil
	}
	k := &stagedKey{path: path, staged: path + stageMark + random(), clock: c}
	k.provider = seal.KeyFile(k.staged)
	left, err := filepath.Glob(globQuote(path) + stageMark + "*")
	if err != nil {
		return nil, err
	}
	for _, name := range left {
		if err := os.Remove(name); err != nil {
			return nil, err
		}
	}
	_, err = os.Lstat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Unmet, "backup-file-unwritable", "path", path).Because(err)
	}
	if k.there = err == nil; k.there {
		if old := seal.KeyFile(path); seal.Ready(old) == nil {
			k.old = old
		}
	}
	return k, nil
}

// providers are all that the copy is to be opened with when it is put in place.
func (k *stagedKey) providers() []seal.Provider {
	if k.old == nil {
		return []seal.Provider{k.provider}
	}
	return []seal.Provider{k.provider, k.old}
}

// place puts the key where it goes, before the database comes: unless the key
// that stands there is needed until then. It returns where that one is kept, if
// it had to make room.
func (k *stagedKey) place() (aside string, err error) {
	if k == nil || k.path == "" || k.old != nil {
		return "", nil
	}
	if k.there {
		return k.replace()
	}
	if err := os.Link(k.staged, k.path); err != nil {
		return "", fault.New(fault.Unmet, "backup-file-unwritable", "path", k.path).Because(err)
	}
	return "", syncFolder(filepath.Dir(k.path))
}

// replace puts the key in the place of the one that is there, which is kept
// aside.
func (k *stagedKey) replace() (aside string, err error) {
	aside = k.path + ".before-" + stamp(k.clock)
	err = os.Link(k.path, aside)
	if err == nil {
		err = os.Rename(k.staged, k.path)
	}
	if err == nil {
		err = syncFolder(filepath.Dir(k.path))
	}
	if err != nil {
		return "", fault.New(fault.Unmet, "backup-key-not-replaced", "path", k.path).Because(err)
	}
	return aside, nil
}

// discard takes the staged name away.
func (k *stagedKey) discard() {
	if k.path != "" {
		_ = os.Remove(k.staged)
	}
}

// takeKey ends the overlap of two keys, once the restored house stands.
func (r *restorer) takeKey(ctx context.Context) (err error) {
	k := r.keys
	if k == nil || k.path == "" {
		return nil
	}
	if r.report.KeyFile = k.path; k.old == nil {
		return nil
	}
	if r.report.KeyAside, err = k.replace(); err != nil {
		return err
	}
	fresh := seal.KeyFile(k.path)
	return r.inspect(ctx, r.ground.URL.Reveal(), func(f *floors) error {
		return errors.Join(f.ring.Unseal(ctx, r.ground.By, fresh), f.ring.Rekey(ctx, r.ground.By, fresh))
	})
}
