package store_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/store"
)

const (
	durableEnv    = "SEKISHO_TEST_DURABLE"
	durableWrites = 40
)

// call is a line of strace: thread, call, and the rest.
var call = regexp.MustCompile(`^(\d+) +(?:<\.\.\. )?(\w+)(.*)$`)

// TestTheDiskIsAskedFirst shows F4 together with TestPowerIsCut: nothing that was
// written into the log is acknowledged before the disk has said that it is there.
// The system's own calls are listened to.
func TestTheDiskIsAskedFirst(t *testing.T) {
	if dir := os.Getenv(durableEnv); dir != "" {
		writeAndSay(t, dir)
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		housetest.Missing(t, "strace", "apt-get install strace")
	}
	dir := t.TempDir()
	trace := filepath.Join(dir, "trace")
	cmd := exec.Command(strace, "-f", "-y", "-e", "trace=write,pwrite64,fsync,fdatasync", "-o", trace, os.Args[0], "-test.run=^TestTheDiskIsAskedFirst$")
	cmd.Env = append(os.Environ(), durableEnv+"="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		if strings.Contains(string(out), "ptrace") {
			housetest.Missing(t, "ptrace", "let the tests trace processes of their own")
		}
		t.Fatalf("%v\n%s", err, out)
	}
	file, err := os.Open(trace)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()                       //nolint:errcheck // only read
	waits, dirty := map[string]bool{}, false // threads that wait for the disk, and whether the log has what it has not
	acks, asked := 0, 0
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		m := call.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		ofLog, done := strings.Contains(m[3], "house.db-wal>"), strings.HasSuffix(m[3], "= 0")
		switch {
		case m[2] == "pwrite64" && ofLog:
			dirty = true
		case strings.HasSuffix(m[2], "sync") && (ofLog && done || waits[m[1]] && done):
			dirty, waits[m[1]], asked = false, false, asked+1
		case strings.HasSuffix(m[2], "sync") && ofLog:
			waits[m[1]] = true
		case m[2] == "write" && strings.Contains(m[3], `"ack `):
			if acks++; dirty {
				t.Fatalf("F4 acknowledged before the disk was asked: %s", lines.Text())
			}
		}
	}
	if err := lines.Err(); err != nil || acks != durableWrites || asked < acks {
		t.Errorf("%d of %d acknowledged, the disk was asked %d times (%v)", acks, durableWrites, asked, err)
	}
}

// writeAndSay acknowledges writes on standard output, one call each.
func writeAndSay(t *testing.T, dir string) {
	url, _ := houseAt(dir)
	s, err := open(url, schema)
	if err != nil {
		t.Fatal(err)
	}
	s.SetWitness(func(*store.Tx, store.Event) error { return nil })
	for i := range durableWrites {
		if err := s.House().Write(ctx, put(fmt.Sprint(i), 1)); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stdout.WriteString(fmt.Sprintf("ack %d\n", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
