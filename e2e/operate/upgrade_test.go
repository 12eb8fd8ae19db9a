package operate_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
)

// site is the house of a test: where it is and how processes find it.
type site struct {
	dir     string
	environ []string
}

func newSite(t *testing.T, database string) site {
	t.Helper()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if database == "" {
		database = "sqlite:" + filepath.Join(data, "house.db")
	}
	return site{dir, []string{
		"SEKISHO_DATA=" + data, "SEKISHO_DATABASE=" + database, "SEKISHO_LISTEN=localhost:" + freePort(t),
		"SEKISHO_UNSEAL_FILE=" + filepath.Join(dir, "unseal.key"), "SEKISHO_LOG_LEVEL=warn",
	}}
}

func (s site) command(bin string, args ...string) *exec.Cmd {
	cmd := exec.Command(bin, args...)
	cmd.Dir, cmd.Env = s.dir, append([]string{"PATH=" + os.Getenv("PATH"), "LANG=C", "TMPDIR=" + os.TempDir()}, s.environ...)
	return cmd
}

// says runs a command that must succeed and returns what it prints.
func (s site) says(t *testing.T, bin string, args ...string) string {
	t.Helper()
	out, err := s.command(bin, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v: %s", args, err, out)
	}
	return string(out)
}

// refuses runs a command that must end with one sentence, which it returns.
func (s site) refuses(t *testing.T, bin string, args ...string) string {
	t.Helper()
	out, err := s.command(bin, args...).CombinedOutput()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != 1 {
		t.Errorf("%v: %v, want a refusal: %s", args, err, out)
	}
	return string(out)
}

// serve starts a version of the program. On a machine that is full a start can
// be given up; it is tried again, as the unit does.
func (s site) serve(t *testing.T, bin string) *process {
	t.Helper()
	for range 5 {
		p, err := try(t, s.command(bin, "serve"), "ready http")
		if err == nil {
			return p
		}
		if !strings.Contains(err.Error(), "the machine is overloaded") {
			t.Fatal(err)
		}
	}
	t.Fatal("the machine is overloaded")
	return nil
}

func halt(t *testing.T, p *process) {
	t.Helper()
	if err := p.stop(syscall.SIGTERM); err != nil {
		t.Errorf("stop: %v\n%s", err, p.said)
	}
}

// steps are what a version would change, by --dry-run.
func (s site) steps(t *testing.T, bin string) (names, does []string) {
	t.Helper()
	var said struct {
		Migrations []struct {
			Name    string                        `json:"name"`
			Changes []struct{ Does, What string } `json:"changes"`
		} `json:"migrations"`
	}
	if err := json.Unmarshal([]byte(s.says(t, bin, "migrate", "--dry-run", "--output", "json")), &said); err != nil {
		t.Fatal(err)
	}
	for _, m := range said.Migrations {
		names = append(names, m.Name)
		for _, c := range m.Changes {
			does = append(does, c.Does+" "+c.What)
		}
	}
	return names, does
}

// On SQLite: what will change is said before, the database of before is kept,
// the way back is open as long as nothing was taken away, and closed with a
// sentence after that; then the copy is the way back.
func TestUpgradeAndBack(t *testing.T) {
	now, wider, narrower := binary(t), later(t, "expand"), later(t, "expand", "contract")
	s := newSite(t, "")
	if said := s.refuses(t, wider, "migrate", "--dry-run"); !strings.Contains(said, "no keys yet") {
		t.Errorf("a dry run of nothing: %s", said)
	}
	halt(t, s.serve(t, now))

	p := s.serve(t, now)
	names, does := s.steps(t, wider) // while the house runs
	if len(names) != 3 || !slices.Contains(does, "creates next_room") || !slices.Contains(does, "adds session.next_note") || !slices.Contains(does, "fills person") {
		t.Errorf("CAP-P3 it would change %v: %v", names, does)
	}
	halt(t, p)
	p = s.serve(t, wider)
	kept := filepath.Join(s.dir, "data", "house.db.before-202901010002")
	if !strings.Contains(p.said.String(), kept) {
		t.Errorf("CAP-P3 the copy is not told of: %s", p.said)
	}
	halt(t, p)
	if again := s.serve(t, wider); strings.Contains(again.said.String(), "kept in") {
		t.Errorf("CAP-P3 a copy although nothing changed: %s", again.said)
	} else {
		halt(t, again)
	}
	halt(t, s.serve(t, now)) // CAP-O2: the way back, nothing lost
	if said := s.says(t, now, "audit", "verify"); !strings.Contains(said, "yes") {
		t.Errorf("the log: %s", said)
	}
	_, does = s.steps(t, narrower)
	if !slices.Equal(does, []string{"removes person.reading", "refuses-older schema_law"}) {
		t.Errorf("CAP-P3 it would %v", does)
	}
	if said := s.says(t, narrower, "migrate"); !strings.Contains(said, "before-202902010000") {
		t.Errorf("CAP-P3 migrate does not tell of the copy: %s", said)
	}
	halt(t, s.serve(t, narrower))
	if said := s.refuses(t, now, "serve"); strings.Count(said, "\n") > 3 || !strings.Contains(said, "newer") {
		t.Errorf("CAP-P3 the older program says %q", said)
	}
	back := filepath.Join(s.dir, "data", "house.db.before-202902010000")
	if err := os.Rename(back, filepath.Join(s.dir, "data", "house.db")); err != nil {
		t.Fatal(err)
	}
	for _, log := range []string{"-wal", "-shm"} {
		_ = os.Remove(filepath.Join(s.dir, "data", "house.db"+log))
	}
	halt(t, s.serve(t, now))
	if said := s.says(t, now, "audit", "verify"); !strings.Contains(said, "yes") {
		t.Errorf("the log of the copy: %s", said)
	}
}

// A migration that is killed at any moment goes on where it stopped: no step is
// done twice, none is left half done, and the copy is of before the first.
func TestKilledWhileMigrating(t *testing.T) {
	now, slow := binary(t), later(t, "slow")
	housetest.EachURL(t, func(t *testing.T, database string) {
		s := newSite(t, database)
		sqlite := strings.HasPrefix(database, "sqlite:")
		halt(t, s.serve(t, now))
		between := 0
		for life := 200 * time.Millisecond; life < 2*time.Second && between < 3; life += 200 * time.Millisecond {
			cmd := s.command(slow, "migrate")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(life)
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			if names, _ := s.steps(t, slow); len(names) == 2 {
				between++
			}
		}
		t.Logf("killed %d times between two steps", between)
		if between == 0 {
			t.Error("CAP-P3 no kill came between two steps: this shows nothing")
		}
		s.says(t, slow, "migrate")
		if names, _ := s.steps(t, slow); len(names) != 0 {
			t.Errorf("CAP-P3 %v still wait", names)
		}
		for query, want := range map[string]int64{
			"SELECT count(*) FROM next_slow": 2000000, "SELECT sum(n) FROM next_first": 4,
			"SELECT count(*) FROM schema_migration WHERE version_id >= 202901010010": 3,
		} {
			if got := number(t, database, query); got != want {
				t.Errorf("CAP-P3 %s: %d, want %d", query, got, want)
			}
		}
		halt(t, s.serve(t, slow))
		if sqlite {
			copied := "sqlite:" + strings.TrimPrefix(database, "sqlite:") + ".before-202901010012"
			if got := number(t, copied, "SELECT count(*) FROM sqlite_master WHERE name LIKE 'next_%'"); got != 0 {
				t.Errorf("CAP-P3 the copy is of in between: %d tables", got)
			}
		}
	})
}
