package operate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
)

// root is the folder of the source.
const root = "../.."

// scratch is a folder of the whole run, which everybody may enter.
var scratch string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "sekisho-operate-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
		if err := os.Chmod(dir, 0o755); err != nil {
			panic(err)
		}
		scratch = dir
		return m.Run()
	}())
}

// clone is the source as somebody gets it: what is committed and nothing else.
var clone = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(scratch, "source")
	out, err := exec.Command("git", "clone", "--quiet", "--no-hardlinks", root, dir).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git clone: %w: %s", err, out)
	}
	return dir, nil
})

// built is the folder of the binary that the image's own command builds.
var built = sync.OnceValues(func() (string, error) {
	src, err := clone()
	if err != nil {
		return "", err
	}
	command, err := buildCommand()
	if err != nil {
		return "", err
	}
	out := filepath.Join(scratch, "out")
	build := exec.Command("/bin/sh", "-c", strings.ReplaceAll(command, "/out/", out+"/"))
	build.Dir = src
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", command, err, said)
	}
	return out, nil
})

// binary is the path of sekisho as the image holds it.
func binary(t *testing.T) string {
	t.Helper()
	housetest.Long(t)
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "sekisho")
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// asRoot ends a test that needs to change into an empty root or a network of
// its own.
func asRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		housetest.Missing(t, "root", "run the tests as root, as CI does")
	}
}

// tool returns the path of a program, or ends the test.
func tool(t *testing.T, name, pack string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		housetest.Missing(t, name, "apt-get install "+pack)
	}
	return path
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // only its number is wanted
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// patience bounds every wait.
const patience = 30 * time.Second

// lines collects what a process says while others read it.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// process is a server of a test.
type process struct {
	cmd  *exec.Cmd
	said *lines
	over chan error
}

// run starts cmd and returns once it has said what is awaited.
func run(t *testing.T, cmd *exec.Cmd, awaited string) *process {
	t.Helper()
	p, err := try(t, cmd, awaited)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// try is run for a process that may end before it has said it.
func try(t *testing.T, cmd *exec.Cmd, awaited string) (*process, error) {
	t.Helper()
	p := &process{cmd: cmd, said: &lines{}, over: make(chan error, 1)}
	cmd.Stdout, cmd.Stderr = p.said, p.said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.over <- cmd.Wait() }()
	t.Cleanup(func() { _ = p.stop(syscall.SIGKILL) })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !strings.Contains(p.said.String(), awaited) {
		select {
		case err := <-p.over:
			p.cmd = nil
			return nil, fmt.Errorf("it ended before %q: %w\n%s", awaited, err, p.said)
		case <-ctx.Done():
			return nil, fmt.Errorf("no %q:\n%s", awaited, p.said)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return p, nil
}

// stop ends the process by a signal and returns how it ended.
func (p *process) stop(signal os.Signal) error {
	if p.cmd == nil {
		return nil
	}
	cmd := p.cmd
	p.cmd = nil
	if err := cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case err := <-p.over:
		return err
	case <-time.After(patience):
		return errors.Join(fmt.Errorf("still there after %s", signal), cmd.Process.Kill())
	}
}
