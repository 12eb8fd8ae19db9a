package house_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/sekisho/sekisho/internal/house"
)

// TestAStrangersSocketIsNotTheHouse: what a killed server noted about its
// socket may lead to somebody else's by now.
func TestAStrangersSocketIsNotTheHouse(t *testing.T) {
	data, elsewhere := t.TempDir(), t.TempDir()
	note := func(path string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(data, "control"), []byte(path+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	socket := filepath.Join(elsewhere, "control.sock")
	note(socket)
	if got := house.ControlPath(data); got != "" {
		t.Errorf("a socket that is gone: %q", got)
	}
	plain := filepath.Join(elsewhere, "file")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	note(plain)
	if got := house.ControlPath(data); got != "" {
		t.Errorf("a plain file: %q", got)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // a test
	note(socket)
	if got := house.ControlPath(data); got != socket {
		t.Errorf("our own socket: %q", got)
	}
	link := filepath.Join(elsewhere, "link")
	if err := os.Symlink(socket, link); err != nil {
		t.Fatal(err)
	}
	note(link)
	if got := house.ControlPath(data); got != "" {
		t.Errorf("a link: %q", got)
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can give a socket away")
	}
	if err := os.Chown(socket, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	note(socket)
	if got := house.ControlPath(data); got != "" {
		t.Errorf("a stranger's socket: %q", got)
	}
}
