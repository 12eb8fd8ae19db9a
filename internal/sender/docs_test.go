package sender_test

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
)

var (
	program = regexp.MustCompile("(?s)```go file=verify\\.go\n(.*?)```")
	command = regexp.MustCompile("(?s)```sh (story\\S*)\n(.*?)```")
)

// saying keeps what a program says.
type saying struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *saying) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *saying) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// The page for who writes an app is run: its program is built and hears, its
// commands are typed, and what they say is so.
func TestThePageForApps(t *testing.T) {
	housetest.Long(t)
	for _, tool := range []string{"curl", "jq", "go"} {
		if _, err := exec.LookPath(tool); err != nil {
			housetest.Missing(t, tool, "apt install curl jq")
			return
		}
	}
	for _, page := range []string{"apps.md", "apps.ja.md"} {
		t.Run(page, func(t *testing.T) {
			text, err := os.ReadFile("../../docs/" + page)
			if err != nil {
				t.Fatal(err)
			}
			runPage(newRig(t, housetest.House(t, onLoopback)), string(text))
		})
	}
}

func runPage(r *rig, text string) {
	folder := r.TempDir()
	source := filepath.Join(folder, "verify.go")
	if err := os.WriteFile(source, []byte(program.FindStringSubmatch(text)[1]), 0o600); err != nil {
		r.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "go.mod"), []byte("module verify\n\ngo 1.26\n"), 0o600); err != nil {
		r.Fatal(err)
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", "verify", "verify.go")
	build.Dir, build.Env = folder, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		r.Fatalf("the program does not build: %v\n%s", err, out)
	}
	at := free(r.T)
	callback := "http://" + at + "/decided"
	token, _ := r.token(r.add("expense", object{"callback": callback}), nil)
	said := r.start(folder, at, callback)
	botan := r.h.As(r.T, r.k.Botan, r.k.Org)
	for _, block := range command.FindAllStringSubmatch(text, -1) {
		if block[1] == "story=last" {
			c := r.cards(botan)[0]
			if got := r.decide(botan, c, object{"decision": "approve"}); got.Status != http.StatusOK {
				r.Fatalf("decide: %d %s", got.Status, got.Body)
			}
			r.until("the program believes it", func() bool { return strings.Contains(said.String(), "expense-4711: approved by botan") })
			r.until("the card says so", func() bool { return r.card(botan, c.ID).State == "applied" })
			r.forged(callback, said)
		}
		shell := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", block[2])
		shell.Dir = folder
		shell.Env = append(os.Environ(), "SEKISHO="+r.h.URL(), "TOKEN="+token)
		if out, err := shell.CombinedOutput(); err != nil {
			r.Fatalf("%v\n%s\n%s", err, block[2], out)
		}
	}
}

// start runs the program of the page beside the house.
func (r *rig) start(folder, at, callback string) *saying {
	said := &saying{}
	run := exec.CommandContext(ctx, filepath.Join(folder, "verify"))
	run.Stderr = said
	run.Env = []string{"SEKISHO=" + r.h.URL(), "CALLBACK=" + callback, "LISTEN=" + at}
	if err := run.Start(); err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { _ = run.Process.Kill(); _ = run.Wait() })
	for range 200 {
		c, err := net.DialTimeout("tcp", at, time.Second)
		if err == nil {
			_ = c.Close()
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return said
}

// forged sends the program of the page what it must not believe.
func (r *rig) forged(callback string, said *saying) {
	for _, body := range []string{"", "a.b.c", "eyJhbGciOiJub25lIn0.eyJqdGkiOiJ4In0."} {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, callback, strings.NewReader(body))
		if err != nil {
			r.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			r.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusForbidden {
			r.Errorf("TRAP-H24 %q is answered with %d", body, answer.StatusCode)
		}
	}
	if n := strings.Count(said.String(), "expense-4711"); n != 1 {
		r.Errorf("it was done %d times:\n%s", n, said)
	}
}

// free is an address of this machine on which nothing listens.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
