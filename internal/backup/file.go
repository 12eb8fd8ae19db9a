package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sekisho/sekisho/internal/fault"
)

// Save writes a new file of mode 0600, whole or not at all, and never over
// another. It is read again before it gets its name: its bytes must be those
// that fill reports to have encrypted. That they can be decrypted nobody here
// can tell: the identity is elsewhere.
func Save(path string, fill func(io.Writer) (Report, error)) (report Report, err error) {
	if _, err := os.Lstat(path); err == nil {
		return report, fault.New(fault.Conflict, "backup-file-there", "path", path)
	}
	part := path + ".part-" + random()
	unusable := func(err error) error {
		return fault.New(fault.Unmet, "backup-file-unwritable", "path", path).Because(err)
	}
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return report, unusable(err)
	}
	defer os.Remove(part) //nolint:errcheck // the linked name stays
	defer file.Close()    //nolint:errcheck // closed below where it matters
	if err := file.Chmod(0o600); err != nil {
		return report, unusable(err)
	}
	out := &fileWriter{file: file}
	if report, err = fill(out); err != nil {
		if out.err != nil {
			return report, unusable(out.err)
		}
		return report, err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return report, unusable(err)
	}
	if err := recheck(part, report); err != nil {
		return report, err
	}
	err = os.Link(part, path)
	if errors.Is(err, fs.ErrExist) {
		return report, fault.New(fault.Conflict, "backup-file-there", "path", path)
	}
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) {
		err = os.Rename(part, path) // a disk without second names
	}
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return report, unusable(err)
	}
	return report, nil
}

// fileWriter tells a failing disk from a failing backup.
type fileWriter struct {
	file *os.File
	err  error
}

func (f *fileWriter) Write(p []byte) (int, error) {
	n, err := f.file.Write(p)
	if err != nil {
		f.err = err
	}
	return n, err
}

// recheck reads the file and holds it against what was encrypted.
func recheck(path string, report Report) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // only read
	sum := sha256.New()
	n, err := io.Copy(sum, file)
	if err != nil {
		return err
	}
	if n != report.Bytes || hex.EncodeToString(sum.Sum(nil)) != report.SHA256 {
		return fault.New(fault.Unmet, "backup-not-as-written", "path", path)
	}
	return nil
}

func syncFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

func syncFolder(path string) error { return syncFile(path) }
