package operate_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/house"
)

const unit = "deploy/sekisho.service"

// exposure is the most that systemd may find exposed of the unit, in its scale
// of 0 to 10. What stays: the network, and files that everybody may read.
const exposure = 2.0

// settings are the lines of one section of a unit.
func settings(text, section string) map[string][]string {
	out := map[string][]string{}
	here := ""
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if strings.HasPrefix(line, "[") {
			here = strings.Trim(line, "[]")
		} else if name, value, ok := strings.Cut(line, "="); ok && here == section {
			out[name] = append(out[name], value)
		}
	}
	return out
}

// judgeUnit says where the unit and the program do not fit together.
func judgeUnit(text, config string) []string {
	var found []string
	bad := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	s := settings(text, "Service")
	command := strings.Fields(strings.Join(s["ExecStart"], " "))
	if len(command) < 2 || command[1] != "serve" {
		return append(found, fmt.Sprintf("ExecStart %v does not serve", command))
	}
	at := slices.Index(command, "--config")
	if at < 0 || len(command) < at+2 || command[at+1] != "/etc/sekisho/sekisho.yaml" {
		bad("ExecStart names no configuration of /etc/sekisho")
	}
	var environ []string
	for _, pair := range s["Environment"] {
		environ = append(environ, strings.ReplaceAll(pair, "%d", "/run/credentials/sekisho.service"))
	}
	c, err := house.LoadConfig(config, environ)
	if err != nil {
		bad("%v", err)
	}
	if state := s["StateDirectory"]; len(state) != 1 || c.Data != "/var/lib/"+state[0] {
		bad("StateDirectory %v, but the data are in %s", state, c.Data)
	}
	credential, source, _ := strings.Cut(strings.Join(s["LoadCredential"], ""), ":")
	if credential == "" || c.Unseal.File != "/run/credentials/sekisho.service/"+credential {
		bad("unseal.file is %s, but the credential is called %q", c.Unseal.File, credential)
	}
	if own, err := house.LoadConfig(config, nil); err != nil || own.Unseal.File != source {
		bad("for commands of root unseal.file is %s, but the key is in %s (%v)", own.Unseal.File, source, err)
	}
	if strings.HasPrefix(source, c.Data) {
		bad("the key %s lies beside the data", source)
	}
	stop, err := time.ParseDuration(strings.Join(s["TimeoutStopSec"], "") + "s")
	if least := c.Drain + 2*stopMost; err != nil || stop < least {
		bad("TimeoutStopSec %v, want at least %v", s["TimeoutStopSec"], least)
	}
	for name, want := range map[string]string{
		"Type": "notify", "User": "sekisho", "UMask": "0077", "NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes",
		"MemoryDenyWriteExecute": "yes", "CapabilityBoundingSet": "", "LimitCORE": "0", "StateDirectoryMode": "0700",
	} {
		if got, there := s[name]; !there || !slices.Equal(got, []string{want}) {
			bad("%s is %v, want %s", name, got, want)
		}
	}
	return found
}

// stopMost is how long the house waits for what runs when it stops.
const stopMost = 10 * time.Second

func TestUnitFitsTheProgram(t *testing.T) {
	text, config := read(t, unit), filepath.Join(root, "deploy/sekisho.yaml")
	if found := judgeUnit(text, config); len(found) > 0 {
		t.Errorf("%s:\n%s", unit, strings.Join(found, "\n"))
	}
	for want, spoil := range map[string][2]string{
		"does not serve":      {"sekisho serve", "sekisho run"},
		"no configuration":    {" --config /etc/sekisho/sekisho.yaml", ""},
		"SEKISHO_DATEN":       {"SEKISHO_DATA", "SEKISHO_DATEN"},
		"but the data are in": {"StateDirectory=sekisho", "StateDirectory=house"},
		"the credential is":   {"%d/unseal.key", "%d/key"},
		"but the key is in":   {":/etc/sekisho/unseal.key", ":/etc/unseal.key"},
		"lies beside":         {":/etc/sekisho/unseal.key", ":/var/lib/sekisho/unseal.key"},
		"TimeoutStopSec":      {"TimeoutStopSec=60", "TimeoutStopSec=15"},
		"User is":             {"User=sekisho", "User=root"},
		"ProtectSystem is":    {"ProtectSystem=strict\n", ""},
	} {
		spoilt := strings.Replace(text, spoil[0], spoil[1], 1)
		if got := strings.Join(judgeUnit(spoilt, config), "\n"); spoilt == text || !strings.Contains(got, want) {
			t.Errorf("with %q: %q does not say %q", spoil[1], got, want)
		}
	}
}

// systemd itself reads the unit, and says how much of the machine it exposes.
func TestUnitIsReadBySystemd(t *testing.T) {
	analyze := tool(t, "systemd-analyze", "systemd")
	verify := func(text string) (string, error) {
		file := filepath.Join(t.TempDir(), "sekisho.service")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(analyze, "verify", "--man=no", "--recursive-errors=no", file).CombinedOutput()
		if said := strings.TrimSpace(string(out)); said != "" {
			err = errors.Join(err, errors.New(said))
		}
		if err != nil {
			return string(out), err
		}
		out, err = exec.Command(analyze, "security", "--offline=true", "--no-pager", fmt.Sprintf("--threshold=%d", int(exposure*10)), file).CombinedOutput()
		return string(out), err
	}
	// A file that is there stands for the binary: systemd looks for it.
	text := strings.Replace(read(t, unit), "/usr/local/bin/sekisho", "/bin/true", 1)
	out, err := verify(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(out[strings.LastIndex(strings.TrimSpace(out), "\n")+1:])
	for name, spoilt := range map[string]string{
		"a word that systemd does not know": strings.Replace(text, "ProtectHome=", "ProtectHomes=", 1),
		"everything open":                   text[:strings.Index(text, "# What the process")] + "\n[Install]\nWantedBy=multi-user.target\n",
	} {
		if out, err := verify(spoilt); err == nil {
			t.Errorf("%s passed:\n%s", name, out)
		}
	}
}

// The program tells its supervisor when it is ready and when it stops, in the
// environment that the unit makes: data and key apart, the key only readable.
func TestSupervisorIsTold(t *testing.T) {
	bin := binary(t)
	dir := t.TempDir()
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close() //nolint:errcheck // nothing is kept in it
	heard := func() string {
		buffer := make([]byte, 256)
		_ = socket.SetReadDeadline(time.Now().Add(patience))
		n, err := socket.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		return string(buffer[:n])
	}
	key := filepath.Join(dir, "credentials", "unseal.key")
	if err := os.Mkdir(filepath.Dir(key), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(bin, "admin", "new-key", key).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := exec.Command(bin, "admin", "new-key", key).CombinedOutput(); err == nil {
		t.Errorf("a key was made over another: %s", out)
	}
	if err := errors.Join(os.Chmod(key, 0o400), os.Chmod(filepath.Dir(key), 0o500)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "serve")
	cmd.Env = []string{
		"SEKISHO_LISTEN=localhost:" + freePort(t), "SEKISHO_DATA=" + filepath.Join(dir, "state"), "SEKISHO_UNSEAL_FILE=" + key,
		"SEKISHO_DRAIN=1s", "NOTIFY_SOCKET=" + filepath.Join(dir, "notify"),
	}
	p := run(t, cmd, "ready http")
	if said := heard(); said != "READY=1" {
		t.Errorf("told %q", said)
	}
	over := make(chan error, 1)
	go func() { over <- p.stop(syscall.SIGTERM) }()
	if said := heard(); said != "STOPPING=1" {
		t.Errorf("told %q", said)
	}
	select {
	case err := <-over:
		t.Errorf("it was gone before its drain time: %v", err)
	default:
	}
	if err := <-over; err != nil {
		t.Errorf("stop: %v\n%s", err, p.said)
	}
}

// A server that is told to stop while it starts, at whatever moment, ends without
// a failure, and the next start finds everything in order: supervisors replace
// nodes before they have seen them ready.
func TestToldToStopWhileStarting(t *testing.T) {
	bin := binary(t)
	for name, moment := range map[string]string{ // when this appears
		"the data folder": "state", "the database": "state/house.db", "the control socket": "state/control.sock",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			key := filepath.Join(dir, "unseal.key")
			if out, err := exec.Command(bin, "admin", "new-key", key).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			serve := func() *exec.Cmd {
				cmd := exec.Command(bin, "serve")
				cmd.Env = []string{"SEKISHO_LISTEN=localhost:" + freePort(t), "SEKISHO_DATA=" + filepath.Join(dir, "state"), "SEKISHO_UNSEAL_FILE=" + key}
				return cmd
			}
			p := run(t, serve(), "")
			for limit := time.Now().Add(patience); ; time.Sleep(100 * time.Microsecond) {
				if _, err := os.Stat(filepath.Join(dir, moment)); err == nil {
					break
				}
				if time.Now().After(limit) {
					t.Fatalf("no %s:\n%s", moment, p.said)
				}
			}
			if err := p.stop(syscall.SIGTERM); err != nil {
				t.Errorf("%v\n%s", err, p.said)
			}
			if p := run(t, serve(), "ready http"); p.stop(syscall.SIGTERM) != nil {
				t.Errorf("the start after it:\n%s", p.said)
			}
		})
	}
}
