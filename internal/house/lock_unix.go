//go:build unix

package house

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/sekisho/sekisho/internal/fault"
)

// folderLock keeps a second process out of a data folder. The kernel lets go
// of it when the process ends, however it ends.
type folderLock struct{ file *os.File }

func lockFolder(dir string) (*folderLock, error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fault.New(fault.Unmet, "house-folder-unusable", "path", dir).Because(err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil { //nolint:gosec // a descriptor is small
		_ = file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fault.New(fault.Conflict, "house-in-use", "path", dir)
		}
		return nil, fault.New(fault.Unmet, "house-folder-unusable", "path", dir).Because(err)
	}
	return &folderLock{file}, nil
}

func (l *folderLock) unlock() error { return l.file.Close() }
