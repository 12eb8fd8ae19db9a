package operate_test

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// idleMost is what a server may have of its own while it does nothing, in kB.
// What it takes besides are pages of the program's file, which the system can have
// back; with them it comes close to 100 MB (docs/figures.md).
const idleMost = 64_000

// A server that is ready and has shown its first pages has less than 64 MB of its
// own.
func TestAnIdleServerIsSmall(t *testing.T) {
	bin, dir := binary(t), t.TempDir()
	port := freePort(t)
	cmd := exec.Command(bin, "serve")
	cmd.Env = []string{"SEKISHO_LISTEN=localhost:" + port, "SEKISHO_DATA=" + filepath.Join(dir, "state"), "SEKISHO_UNSEAL_FILE=" + filepath.Join(dir, "unseal.key")}
	p := run(t, cmd, "ready http")
	for _, path := range []string{"/", "/signin", "/help", "/readyz"} {
		answer, err := http.Get("http://localhost:" + port + path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", path, answer.Status)
		}
	}
	t.Run("CAP-O4 F10 resident memory", func(t *testing.T) {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/status")
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "RssAnon:")
		kB, err := strconv.Atoi(strings.Fields(rest)[0])
		if err != nil || kB > idleMost || kB < 1000 {
			t.Errorf("%d kB (%v), allowed are %d", kB, err, idleMost)
		}
		_, whole, _ := strings.Cut(string(text), "VmRSS:")
		t.Logf("%d kB of its own, in all %s kB", kB, strings.Fields(whole)[0])
	})
	if err := p.stop(syscall.SIGTERM); err != nil {
		t.Errorf("stop: %v\n%s", err, p.said)
	}
}
