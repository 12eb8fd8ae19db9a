package e2e_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sekisho/sekisho/internal/housetest"
)

// bin is the folder of the binary under test.
var bin string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "sekisho-e2e-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
		bin = dir
		build := exec.Command("go", "build", "-o", filepath.Join(dir, "sekisho"), "github.com/sekisho/sekisho/cmd/sekisho")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
			return 1
		}
		if err := os.Chmod(dir, 0o755); err != nil { // a story may run it as somebody else
			panic(err)
		}
		return m.Run()
	}())
}

func TestStories(t *testing.T) {
	housetest.Long(t)
	t.Run("sqlite", func(t *testing.T) { tell(t, "sqlite", func() string { return "" }) })
	t.Run("postgres", func(t *testing.T) {
		housetest.Postgres(t) // or leave the engine out, said once
		tell(t, "postgres", func() string { return housetest.Postgres(t) })
	})
}

// tell runs every script on one engine; database makes a fresh database for a
// house, "" for SQLite in its folder.
func tell(t *testing.T, engine string, database func() string) {
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/script",
		Cmds: verbs,
		Condition: func(name string) (bool, error) {
			switch name {
			case "sqlite", "postgres":
				return name == engine, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Setup: func(env *testscript.Env) error {
			s := &story{work: env.WorkDir, houses: map[string]*place{}, database: database, jars: map[string]string{}}
			env.Values[storyKey{}] = s
			env.Defer(s.end)
			env.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			env.Setenv("LANG", "C")
			env.Setenv("SEKISHO_LOG_FORMAT", "json")
			p, err := s.place("house")
			if err != nil {
				return err
			}
			for name, value := range p.environ() {
				env.Setenv(name, value)
			}
			return nil
		},
	})
}

// freePort returns a port that nobody uses now.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return "", err
	}
	return port, l.Close()
}
