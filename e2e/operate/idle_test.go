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

// idleMost is what a server may take while it does nothing, in kB: half of it is
// the program itself, whose pages the system can have back (docs/figures.md).
const idleMost = 100_000

// A server that is ready and has shown its first pages takes less than 100 MB.
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
		_, rest, _ := strings.Cut(string(text), "VmRSS:")
		kB, err := strconv.Atoi(strings.Fields(rest)[0])
		if err != nil || kB > idleMost || kB < 1000 {
			t.Errorf("%d kB (%v), allowed are %d", kB, err, idleMost)
		}
		t.Logf("%d kB", kB)
	})
	if err := p.stop(syscall.SIGTERM); err != nil {
		t.Errorf("stop: %v\n%s", err, p.said)
	}
}
