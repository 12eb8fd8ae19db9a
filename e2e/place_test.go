package e2e_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"time"
)

type storyKey struct{}

// story is what one script has made so far.
type story struct {
	work     string
	houses   map[string]*place
	database func() string
	here     *place            // where commands go
	who      string            // whose cookies calls send
	jars     map[string]string // cookies by name of who has them
}

// place is one house: folder, port, database, and the process that serves it.
type place struct {
	name, data, port, database string
	process                    *exec.Cmd
	said                       *lines
	over                       chan error
}

// place returns the house of a name, made at its first mention, and goes there.
func (s *story) place(name string) (*place, error) {
	if s.houses[name] == nil {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		s.houses[name] = &place{name: name, data: filepath.Join(s.work, name), port: port, database: s.database()}
	}
	s.here = s.houses[name]
	return s.here, nil
}

// environ is what leads a command to the house.
func (p *place) environ() map[string]string {
	database := p.database
	if database == "" {
		database = "sqlite:" + filepath.Join(p.data, "house.db")
	}
	return map[string]string{
		"SEKISHO_DATA": p.data, "SEKISHO_LISTEN": "localhost:" + p.port, "SEKISHO_DATABASE": database,
		"DATA": p.data, "URL": p.url(),
	}
}

func (p *place) url() string { return "http://localhost:" + p.port }

// lines collects what a process says while others read it.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

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

var readyLine = regexp.MustCompile(`(?m)^ready http`)

// patience bounds every wait of a story.
const patience = 15 * time.Second

// serve starts the process and returns once it is ready, or has ended: then
// the error says so.
func (p *place) serve(cmd *exec.Cmd) error {
	p.process, p.said, p.over = cmd, &lines{}, make(chan error, 1)
	cmd.Stdout, cmd.Stderr = p.said, p.said
	if err := cmd.Start(); err != nil {
		return err
	}
	over := p.over
	go func() { over <- cmd.Wait() }()
	for range int(patience / (10 * time.Millisecond)) {
		if readyLine.MatchString(p.said.String()) {
			return nil
		}
		select {
		case err := <-over:
			p.process = nil
			return fmt.Errorf("serve ended: %v", err) //nolint:errorlint // also nil
		case <-time.After(10 * time.Millisecond):
		}
	}
	return fmt.Errorf("not ready after %s", patience)
}

// stop ends the process by a signal and waits for it.
func (p *place) stop(signal os.Signal) error {
	if p.process == nil {
		return nil
	}
	process := p.process
	p.process = nil
	if err := process.Process.Signal(signal); err != nil {
		return err
	}
	select {
	case err := <-p.over:
		if signal == syscall.SIGKILL {
			return nil
		}
		return err
	case <-time.After(patience):
		return fmt.Errorf("still there %s after %s: %v", patience, signal, process.Process.Kill())
	}
}

// end leaves no process behind.
func (s *story) end() {
	for _, p := range s.houses {
		_ = p.stop(syscall.SIGKILL)
	}
}
