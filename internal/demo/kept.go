package demo

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
)

// keptFile holds what a demo must know at its next start, in its data folder:
// for nobody but who runs it to read.
const keptFile = "demo.json"

// kept is what stands in that file.
type kept struct {
	mu   sync.Mutex
	path string

	Seeded    bool                  `json:"seeded"` // the company is in the house
	Passwords map[string]string     `json:"passwords"`
	Begun     map[string]time.Time  `json:"begun"`   // when a story began (again), by name
	Systems   map[string]keptSystem `json:"systems"` // outside systems, by name
}

// keptSystem is what connectors know of an outside system: it must be the same
// at the next start.
type keptSystem struct {
	Listen  string `json:"listen"`
	Client  string `json:"client"`
	Key     string `json:"key"`
	Bell    string `json:"bell"`     // path of the house's doorbell for it
	BellKey string `json:"bell_key"` // what proves a ring
}

// openKept reads the file, or makes the passwords of a new demo. A folder with a
// house that is no demo is refused: nobody's house gets strangers as people.
func (d *demo) openKept() error {
	k := &kept{path: filepath.Join(d.Data, keptFile), Passwords: map[string]string{}, Begun: map[string]time.Time{}, Systems: map[string]keptSystem{}}
	d.kept = k
	text, err := os.ReadFile(k.path)
	if err == nil {
		if err := json.Unmarshal(text, k); err != nil {
			return fault.New(fault.Unmet, "demo-folder-damaged", "path", k.path).Because(err)
		}
		if k.Systems == nil {
			k.Systems = map[string]keptSystem{} // of a demo from before there were any
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Unmet, "house-folder-unusable", "path", d.Data).Because(err)
	}
	if err := d.take(); err != nil {
		return err
	}
	for _, who := range cast {
		k.Passwords[who.Login] = newPassword()
	}
	return k.save()
}

// take makes the folder, or takes an empty one for this user alone: whoever made
// it for the demo need not know which mode a house wants.
func (d *demo) take() error {
	entries, err := os.ReadDir(d.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = os.MkdirAll(d.Data, 0o700)
	case err == nil && len(entries) > 0:
		return fault.New(fault.Unmet, "demo-folder-foreign", "path", d.Data)
	case err == nil:
		err = os.Chmod(d.Data, 0o700) //nolint:gosec // a folder
	}
	if err != nil {
		return fault.New(fault.Unmet, "house-folder-unusable", "path", d.Data).Because(err)
	}
	return nil
}

// newPassword is random, 80 bits, and easy to type.
func newPassword() string {
	b := make([]byte, 10)
	_, _ = rand.Read(b) // never fails (crypto/rand, Go 1.24)
	text := strings.ToLower(base32.StdEncoding.EncodeToString(b))
	return text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
}

// save writes the file whole or not at all.
func (k *kept) save() error {
	text, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return err
	}
	part := k.path + ".part"
	if err := os.WriteFile(part, append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(part, k.path)
}

// begin lets a story begin at a time.
func (k *kept) begin(story string, at time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.Begun[story] = at
	return k.save()
}

// began is when a story began.
func (k *kept) began(story string) time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.Begun[story]
}

// system keeps what connectors know of an outside system.
func (k *kept) system(name string, s keptSystem) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.Systems[name] = s
	return k.save()
}
