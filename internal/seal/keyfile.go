package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
)

// keyMark begins the one line of a key file that is not a comment: the mark, 32
// bytes in base64, and a check that tells a damaged file from a wrong one.
const keyMark = "SEKISHO-UNSEAL-KEY-1"

const keyComment = `# This is the unseal key of a Sekisho house. Whoever has it and the database
# can read every sealed secret. Never put it into a backup of the database.
# 関所の開封鍵です。この鍵とデータベースがあれば、封印された秘密をすべて読めます。
# データベースのバックアップには決して含めないでください。
`

// fileMost bounds a key or identity file in bytes.
const fileMost = 64 << 10

type keyFile struct{ path string }

// KeyFile is the provider whose unseal key stands in a file of mode 0600. Found
// and Rekey make the file if it is not there; Unseal never does.
func KeyFile(path string) Provider { return keyFile{path} }

// MakeKeyFile makes the file of a KeyFile before the first start. It never
// replaces one; what is there must be a key.
func MakeKeyFile(path string) error { return keyFile{path}.prepare() }

func (keyFile) Kind() string           { return KindFile }
func (keyFile) opens(kind string) bool { return kind == KindFile }

func (f keyFile) prepare() error {
	if _, err := f.key(); fault.Code(err) != "seal-file-missing" {
		return err
	}
	key := newKey()
	defer key.Wipe()
	raw := key.RevealBytes()
	line := keyMark + " " + base64.StdEncoding.EncodeToString(raw) + " " + check(raw) + "\n"
	err := writePrivate(f.path, []byte(keyComment+line))
	if errors.Is(err, fs.ErrExist) {
		return nil // another process was first; its key is as good
	}
	return err
}

func (f keyFile) wrap(root secret.Text) (wrapping, error) {
	key, err := f.key()
	if err != nil {
		return wrapping{}, err
	}
	defer key.Wipe()
	return wrapUnder(key.RevealBytes(), KindFile, params{}, root)
}

func (f keyFile) unwrap(w wrapping) (secret.Text, error) {
	key, err := f.key()
	if err != nil {
		return secret.Text{}, err
	}
	defer key.Wipe()
	return unwrapUnder(key.RevealBytes(), w)
}

func (f keyFile) key() (secret.Text, error) {
	text, err := readPrivate(f.path)
	if err != nil {
		return secret.Text{}, err
	}
	defer clear(text)
	var found secret.Text
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		parts := strings.Fields(string(line))
		if !found.Empty() || len(parts) != 3 || parts[0] != keyMark {
			return secret.Text{}, errFileDamaged(f.path)
		}
		raw, err := base64.StdEncoding.DecodeString(parts[1])
		if err != nil || len(raw) != keySize || check(raw) != parts[2] {
			return secret.Text{}, errFileDamaged(f.path)
		}
		found = secret.OfBytes(raw)
	}
	if found.Empty() {
		return secret.Text{}, errFileDamaged(f.path)
	}
	return found, nil
}

func errFileDamaged(path string) *fault.Fault {
	return fault.New(fault.Unmet, "seal-file-damaged", "path", path)
}

// readPrivate reads a file that nobody but its owner can reach. (A165)
func readPrivate(path string) ([]byte, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Unmet, "seal-file-missing", "path", path)
	}
	if err != nil {
		return nil, fault.New(fault.Unmet, "seal-file-unreadable", "path", path).Because(err)
	}
	defer file.Close() //nolint:errcheck // only read
	stat, err := file.Stat()
	if err != nil || !stat.Mode().IsRegular() {
		return nil, fault.New(fault.Unmet, "seal-file-unreadable", "path", path).Because(err)
	}
	if stat.Mode().Perm()&0o077 != 0 {
		return nil, fault.New(fault.Unmet, "seal-file-open-to-others", "path", path, "mode", stat.Mode().Perm().String())
	}
	text, err := io.ReadAll(io.LimitReader(file, fileMost+1))
	if err != nil {
		return nil, fault.New(fault.Unmet, "seal-file-unreadable", "path", path).Because(err)
	}
	if len(text) > fileMost {
		return nil, errFileDamaged(path)
	}
	return text, nil
}

// writePrivate makes a file of mode 0600 whatever the umask, whole or not at
// all, and durable. It never replaces one: that is fs.ErrExist.
func writePrivate(path string, text []byte) (err error) {
	unusable := func(err error) error {
		if err == nil || errors.Is(err, fs.ErrExist) {
			return err
		}
		return fault.New(fault.Unmet, "seal-file-unwritable", "path", path).Because(err)
	}
	var tail [8]byte
	_, _ = rand.Read(tail[:])
	part := path + "." + hex.EncodeToString(tail[:])
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return unusable(err)
	}
	defer os.Remove(part) //nolint:errcheck // the linked name stays
	_, err = file.Write(text)
	err = errors.Join(file.Chmod(0o600), err, file.Sync(), file.Close())
	if err != nil {
		return unusable(err)
	}
	if err := os.Link(part, path); err != nil {
		return unusable(err)
	}
	return unusable(syncFolder(filepath.Dir(path)))
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
