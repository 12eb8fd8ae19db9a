package e2e_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/store"
)

type verb = func(ts *testscript.TestScript, neg bool, args []string)

// verbs are what the scripts say.
//
//	at NAME              go to another house; the first one is "house"
//	serve [ARG…]         start it and wait until it is ready; $LINK is its set-up link;
//	                     with "!" it must end with code 1 and a sentence (stderr)
//	halt, crash          end it by SIGTERM or SIGKILL
//	sekisho ARG…         run a command; "!" means code 1
//	misuse ARG…          run a command that ends with code 2
//	differs ARG…         run a command that ends with code 3
//	as WHO               send the cookies of WHO from now on, none for "nobody"
//	call …               see call_test.go
//	page PATH            what a page says to its reader
//	redeem               complete the set-up as WHO, who is the first administrator then
//	take NAME REGEXP     keep what the first group finds in the last output, as $NAME or in a file @NAME
//	audit NAME           the newest record of a name is there ($RECORD), "!" it is not
//	checkpoint FILE      keep the newest signed checkpoint, as a place outside does
//	ready, ! ready WHY   the house is ready, or is not and says why
//	damage FILE AT       overwrite 4 KiB
//	fill FILE N, bytes FILE HEX
//	newer                let the schema need a newer binary
//	unprivileged CMD…    run as somebody who is not root
//	readonly             let $SEKISHO_DATA be a folder of that somebody, which nobody may write
var verbs map[string]verb

func init() {
	verbs = map[string]verb{
		"at": at, "serve": serve, "halt": ends(syscall.SIGTERM), "crash": ends(syscall.SIGKILL),
		"sekisho": command(1), "misuse": misuse, "differs": differs, "as": as, "call": call, "page": page, "redeem": redeem,
		"take":  take,
		"audit": newest, "ready": ready, "damage": damage, "fill": fill, "bytes": raw, "newer": newer,
		"unprivileged": unprivileged, "checkpoint": checkpoint, "readonly": readonly,
	}
}

// TestNoVerbIsShadowed: testscript looks among its own commands first, and its
// "stop" ends a script as if all had gone well.
func TestNoVerbIsShadowed(t *testing.T) {
	const own = " cd chmod cmp cmpenv cp env exec exists grep kill mkdir mv rm skip stderr stdin stdout stop symlink ttyin ttyout unix2dos unquote wait "
	for name := range verbs {
		if strings.Contains(own, " "+name+" ") {
			t.Errorf("%s is a command of testscript: it would never be ours", name)
		}
	}
	scripts, err := filepath.Glob("testdata/script/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatal(err, scripts)
	}
	for _, name := range scripts {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if regexp.MustCompile(`(?m)^(stop|kill)\b`).Match(text) {
			t.Errorf("%s: say halt or crash", name)
		}
	}
}

func storyOf(ts *testscript.TestScript) *story { return ts.Value(storyKey{}).(*story) }

func at(ts *testscript.TestScript, _ bool, args []string) {
	p, err := storyOf(ts).place(args[0])
	ts.Check(err)
	for name, value := range p.environ() {
		ts.Setenv(name, value)
	}
}

var setupLink = regexp.MustCompile(`https?://\S+/setup\?link=(\S+)`)

// environment is what the script has set, for a process that we start.
func environment(ts *testscript.TestScript) []string {
	var out []string
	for _, name := range []string{
		"PATH", "LANG", "HOME", "TMPDIR", "SEKISHO_DATA", "SEKISHO_LISTEN", "SEKISHO_DATABASE", "SEKISHO_LOG_FORMAT", "SEKISHO_CONFIG",
		"SEKISHO_UNSEAL_FILE", "SEKISHO_UNSEAL_PASSPHRASE", "SEKISHO_COLOUR",
	} {
		if value := ts.Getenv(name); value != "" {
			out = append(out, name+"="+value)
		}
	}
	return out
}

func serve(ts *testscript.TestScript, neg bool, args []string) {
	p := storyOf(ts).here
	cmd := exec.Command(filepath.Join(bin, "sekisho"), append([]string{"serve"}, args...)...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), environment(ts)
	err := p.serve(cmd)
	ts.Logf("%s", p.said)
	if neg {
		if err == nil {
			ts.Fatalf("serve is ready, want a refusal")
		}
		if code := cmd.ProcessState.ExitCode(); code != 1 {
			ts.Fatalf("serve ended with code %d, want 1", code)
		}
		_, _ = ts.Stderr().Write([]byte(p.said.String()))
		return
	}
	ts.Check(err)
	_, _ = ts.Stdout().Write([]byte(p.said.String()))
	if m := setupLink.FindStringSubmatch(p.said.String()); m != nil {
		ts.Setenv("LINK", m[0])
		ts.Setenv("TOKEN", m[1])
	}
}

func ends(signal syscall.Signal) verb {
	return func(ts *testscript.TestScript, _ bool, _ []string) {
		p := storyOf(ts).here
		err := p.stop(signal)
		ts.Logf("%s", p.said)
		ts.Check(err)
	}
}

// command runs sekisho; code is that of a refusal.
func command(code int) verb {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		err := ts.Exec("sekisho", args...)
		var ended *exec.ExitError
		switch {
		case !neg:
			ts.Check(err)
		case err == nil:
			ts.Fatalf("it was done, want a refusal")
		case !errors.As(err, &ended) || ended.ExitCode() != code:
			ts.Fatalf("%v, want code %d", err, code)
		}
	}
}

func misuse(ts *testscript.TestScript, _ bool, args []string) { command(2)(ts, true, args) }

func differs(ts *testscript.TestScript, _ bool, args []string) { command(3)(ts, true, args) }

func as(ts *testscript.TestScript, _ bool, args []string) { storyOf(ts).who = args[0] }

func damage(ts *testscript.TestScript, _ bool, args []string) {
	offset, err := strconv.ParseInt(args[1], 0, 64)
	ts.Check(err)
	file, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY, 0)
	ts.Check(err)
	_, err = file.WriteAt([]byte(strings.Repeat("\xa5", 4096)), offset)
	ts.Check(errors.Join(err, file.Close()))
}

func fill(ts *testscript.TestScript, _ bool, args []string) {
	size, err := strconv.Atoi(args[1])
	ts.Check(err)
	text := `{"name":"` + strings.Repeat("a", size) + `"}`
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

func raw(ts *testscript.TestScript, _ bool, args []string) {
	text, err := hex.DecodeString(strings.Join(args[1:], ""))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o600))
}

func newer(ts *testscript.TestScript, _ bool, _ []string) {
	s, err := store.OpenAsIs(context.Background(), store.Options{
		URL: storyOf(ts).here.environ()["SEKISHO_DATABASE"], Clock: clock.System(), Schemas: house.Schemas(),
	})
	ts.Check(err)
	err = s.House().Write(context.Background(), func(tx *store.Tx) store.End {
		if _, err := tx.Exec("UPDATE schema_law SET oldest_binary = $1", int64(999912312359)); err != nil {
			return store.Abort(err)
		}
		return store.Quietly(store.QuietMigration)
	})
	ts.Check(errors.Join(err, s.Close()))
}

// nobody is a user without any right.
const nobody = 65534

func unprivileged(ts *testscript.TestScript, neg bool, args []string) {
	cmd := exec.Command(filepath.Join(bin, args[0]), args[1:]...)
	cmd.Dir, cmd.Env = "/", environment(ts)
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	out, err := cmd.CombinedOutput()
	_, _ = ts.Stderr().Write(out)
	if (err != nil) != neg {
		ts.Fatalf("%v\n%s", err, out)
	}
}

func readonly(ts *testscript.TestScript, _ bool, _ []string) {
	dir, err := os.MkdirTemp("", "sekisho-readonly-")
	ts.Check(err)
	ts.Defer(func() { _ = os.RemoveAll(dir) })
	if os.Getuid() == 0 {
		ts.Check(os.Chown(dir, nobody, nobody))
	}
	ts.Check(os.Chmod(dir, 0o500))
	ts.Setenv("SEKISHO_DATA", dir)
}

func ready(ts *testscript.TestScript, neg bool, args []string) {
	p := storyOf(ts).here
	want := `"ready"`
	if neg {
		want = args[0]
	}
	var answer string
	for range int(patience / (50 * time.Millisecond)) {
		status, _, body, err := ask(p, "GET", "/readyz", nil, nil)
		answer = fmt.Sprint(status, " ", body, " ", err)
		if (status == 503) == neg && strings.Contains(body, want) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("readyz: %s", answer)
}

// take keeps a part of what was said last.
func take(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: take NAME REGEXP")
	}
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("%s finds nothing", args[1])
	}
	if path, file := strings.CutPrefix(args[0], "@"); file {
		ts.Check(os.WriteFile(ts.MkAbs(path), []byte(found[1]+"\n"), 0o600))
		return
	}
	ts.Setenv(args[0], found[1])
}
