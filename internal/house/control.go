package house

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// socketMost is how long the path of a socket may be everywhere (sun_path has
// 104 bytes on macOS, 108 on Linux).
const socketMost = 100

// control is the control socket: the same mux for processes of this machine.
type control struct {
	listener *net.UnixListener
	path     string
	aside    string // folder of its own, when the path in the data folder is too long
	note     string
}

// openControl opens DATA/control.sock. A path that is too long moves to a
// folder of its own in the system's temporary one, and stands in DATA/control.
func openControl(data string) (*control, error) {
	c := &control{path: filepath.Join(data, "control.sock"), note: filepath.Join(data, "control")}
	if len(c.path) > socketMost {
		dir, err := os.MkdirTemp("", "sekisho-") // 0700
		if err != nil {
			return nil, err
		}
		c.aside, c.path = dir, filepath.Join(dir, "control.sock")
	}
	if err := os.Remove(c.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	old := umask(0o177) // the socket is never open to others, not even for an instant
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: c.path, Net: "unix"})
	umask(old)
	if err != nil {
		return nil, err
	}
	c.listener = listener
	if err := os.WriteFile(c.note, []byte(c.path+"\n"), 0o600); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *control) close() error {
	err := c.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	_ = os.Remove(c.note)
	if c.aside != "" {
		return errors.Join(err, os.RemoveAll(c.aside))
	}
	return err
}

// ControlPath returns where the control socket of a data folder is; "" if no
// server has one open. The note of a server that was killed may name a folder
// in the system's temporary one that is gone, and that anybody could make anew
// to be told the passphrase: a socket counts if it belongs to whom the data
// folder belongs to.
func ControlPath(data string) string {
	text, err := os.ReadFile(filepath.Join(data, "control"))
	if err != nil {
		return ""
	}
	path := strings.TrimSpace(string(text))
	socket, err := os.Lstat(path)
	if err != nil || socket.Mode().Type() != fs.ModeSocket {
		return ""
	}
	folder, err := os.Stat(data)
	if err != nil || !sameOwner(socket, folder) && !ownedByUs(socket) {
		return ""
	}
	return path
}
