package jobtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// Life is one process of a rig. It is started ahead and stands by, so that it
// takes over at once, and is killed.
type Life struct {
	// Ended receives once how it ended.
	Ended chan error
	// Says are the lines of its standard output; it is closed at its end.
	Says    chan string
	command *exec.Cmd
	stdin   io.WriteCloser
}

// mostSaid is how many lines of a process may wait unread; more are dropped.
const mostSaid = 64

// Spawn starts a process with further variables of the environment; nil argv is
// this program, nil stderr drops what it says there.
func Spawn(ctx context.Context, argv []string, stderr io.Writer, environ ...string) (*Life, error) {
	if argv == nil {
		argv = []string{os.Args[0]}
	}
	command := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // ourselves
	command.Env = append(os.Environ(), environ...)
	command.Stderr = stderr
	stdin, err1 := command.StdinPipe()
	stdout, err2 := command.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	l := &Life{command: command, stdin: stdin, Says: make(chan string, mostSaid), Ended: make(chan error, 1)}
	if err := command.Start(); err != nil {
		return nil, err
	}
	go func() {
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			select {
			case l.Says <- lines.Text():
			default:
			}
		}
		close(l.Says)
		l.Ended <- command.Wait()
	}()
	return l, nil
}

// Begin lets it work, once it stands by.
func (l *Life) Begin() error {
	if _, stands := <-l.Says; !stands {
		return fmt.Errorf("the process ended before it was ready: %w", <-l.Ended)
	}
	_, err := io.WriteString(l.stdin, "go\n")
	return err
}

// Kill ends it by SIGKILL and returns how it ended: nil if it had just ended by
// itself.
func (l *Life) Kill() error {
	_ = l.command.Process.Kill() // may have just ended
	return <-l.Ended
}

// Dismiss ends one that stands by and was not needed.
func (l *Life) Dismiss() error {
	return errors.Join(l.stdin.Close(), <-l.Ended)
}

// StandBy is the other side of Begin: it says that the process is ready, and
// waits. It reports false if the process was dismissed.
func StandBy() bool {
	fmt.Println("ready")
	_, err := bufio.NewReader(os.Stdin).ReadString('\n')
	return err == nil
}
