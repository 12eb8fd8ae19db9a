package operate_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"go/version"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/house"
)

const dockerfile = "deploy/Dockerfile"

// instruction is one line of a Dockerfile, continued lines joined.
type instruction struct{ verb, rest string }

// image is the last stage, and what the stages before it say.
type image struct{ before, last []instruction }

func parseImage(text string) image {
	var all []instruction
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\\\n", " "), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		verb, rest, _ := strings.Cut(line, " ")
		all = append(all, instruction{verb, strings.TrimSpace(rest)})
	}
	at := 0
	for i, one := range all {
		if one.verb == "FROM" {
			at = i
		}
	}
	return image{all[:at], all[at:]}
}

func those(list []instruction, verb string) []string {
	var out []string
	for _, one := range list {
		if one.verb == verb {
			out = append(out, one.rest)
		}
	}
	return out
}

// environ is what the last stage sets.
func (i image) environ() []string {
	var out []string
	for _, line := range those(i.last, "ENV") {
		out = append(out, strings.Fields(line)...)
	}
	return out
}

// words reads the JSON form of a command: the other one needs a shell.
func words(text string) ([]string, error) {
	var out []string
	return out, json.Unmarshal([]byte(text), &out)
}

// buildCommand is the line of the image that builds the binary.
func buildCommand() (string, error) {
	text, err := os.ReadFile(filepath.Join(root, dockerfile))
	if err != nil {
		return "", err
	}
	for _, line := range those(parseImage(string(text)).before, "RUN") {
		if strings.Contains(line, "go build") {
			return line, nil
		}
	}
	return "", errors.New("the Dockerfile builds nothing")
}

var numeric = regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`)

// judgeImage says what is wrong with a Dockerfile; floor is the oldest Go that
// may build.
func judgeImage(text, floor string) []string {
	var found []string
	bad := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	i := parseImage(text)
	if from := those(i.last, "FROM"); !slices.Equal(from, []string{"scratch"}) {
		bad("the last stage is FROM %v, want scratch", from)
	}
	for _, from := range those(i.before, "FROM") {
		tag, _, _ := strings.Cut(strings.TrimPrefix(from, "golang:"), "-")
		if !strings.HasPrefix(from, "golang:") || version.Compare("go"+tag, "go"+floor) < 0 || strings.Count(tag, ".") != 2 {
			bad("%s is no Go of a fixed version from %s on", from, floor)
		}
	}
	builds := strings.Join(those(i.before, "RUN"), "\n")
	for _, want := range []string{"CGO_ENABLED=0", "-trimpath", "./cmd/sekisho"} {
		if !strings.Contains(builds, want) {
			bad("the build lacks %s", want)
		}
	}
	if user := those(i.last, "USER"); len(user) != 1 || !numeric.MatchString(user[0]) {
		bad("USER %v is no number that is not root", user)
	}
	for _, verb := range []string{"RUN", "ADD", "SHELL"} {
		if len(those(i.last, verb)) > 0 {
			bad("%s has no place in an empty image", verb)
		}
	}
	for _, verb := range []string{"ENTRYPOINT", "CMD"} {
		for _, line := range append(those(i.last, verb), "[]")[:1] {
			if list, err := words(line); err != nil || len(list) == 0 {
				bad("%s %s needs a shell", verb, line)
			}
		}
	}
	for _, line := range those(i.last, "HEALTHCHECK") {
		_, command, _ := strings.Cut(line, "CMD ")
		if list, err := words(command); err != nil || len(list) == 0 || list[0] != "/sekisho" {
			bad("HEALTHCHECK %s is not asked by the binary itself", command)
		}
	}
	config, err := house.LoadConfig("", i.environ())
	if err != nil {
		bad("ENV: %v", err)
	}
	if _, port, _ := net.SplitHostPort(config.Listen); !slices.Equal(those(i.last, "EXPOSE"), []string{port}) {
		bad("EXPOSE %v, but it listens on %s", those(i.last, "EXPOSE"), port)
	}
	if !slices.Equal(those(i.last, "VOLUME"), []string{config.Data}) {
		bad("VOLUME %v, but the data are in %s", those(i.last, "VOLUME"), config.Data)
	}
	return found
}

func goFloor(t *testing.T) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(read(t, "go.mod"))
	if found == nil {
		t.Fatal("go.mod has no version")
	}
	return found[1]
}

func TestImageIsAsItShouldBe(t *testing.T) {
	text, floor := read(t, dockerfile), goFloor(t)
	if found := judgeImage(text, floor); len(found) > 0 {
		t.Errorf("%s:\n%s", dockerfile, strings.Join(found, "\n"))
	}
	for want, spoil := range map[string][2]string{
		"want scratch":              {"FROM scratch", "FROM alpine"},
		"no Go of a fixed version":  {"golang:1.26.8-bookworm", "golang:latest"},
		"from " + floor + " on":     {"golang:1.26.8-bookworm", "golang:1.25.0-bookworm"},
		"lacks CGO_ENABLED=0":       {"CGO_ENABLED=0 ", ""},
		"lacks -trimpath":           {"-trimpath ", ""},
		"USER [root]":               {"USER 65532:65532", "USER root"},
		"USER [0:0]":                {"USER 65532:65532", "USER 0:0"},
		"USER []":                   {"USER 65532:65532\n", ""},
		"RUN has no place":          {"USER 65532", "RUN id\nUSER 65532"},
		"CMD serve needs a shell":   {`CMD ["serve"]`, "CMD serve"},
		"not asked by the binary":   {`CMD ["/sekisho", "doctor", "ready"]`, "CMD curl localhost"},
		"SEKISHO_LISTN":             {"SEKISHO_LISTEN", "SEKISHO_LISTN"},
		"EXPOSE [80], but":          {"EXPOSE 8080", "EXPOSE 80"},
		"VOLUME [/data], but":       {"VOLUME /var/lib/sekisho", "VOLUME /data"},
		"ENTRYPOINT [] needs a":     {`ENTRYPOINT ["/sekisho"]`, ""},
		"the build lacks ./cmd/sek": {"./cmd/sekisho\n", "./cmd\n"},
	} {
		spoilt := strings.Replace(text, spoil[0], spoil[1], 1)
		if got := strings.Join(judgeImage(spoilt, floor), "\n"); spoilt == text || !strings.Contains(got, want) {
			t.Errorf("with %q: %q does not say %q", spoil[1], got, want)
		}
	}
}

// emptyRoot is a folder that holds what the last stage copies, as it says.
func emptyRoot(t *testing.T, roots []byte) (dir string, as *syscall.Credential) {
	t.Helper()
	i := parseImage(read(t, dockerfile))
	out := filepath.Dir(binary(t))
	dir, err := os.MkdirTemp(scratch, "image-")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range those(i.last, "COPY") {
		if err := copyIn(dir, out, line, roots); err != nil {
			t.Fatalf("COPY %s: %v", line, err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var uid, gid uint32
	if _, err := fmt.Sscanf(those(i.last, "USER")[0], "%d:%d", &uid, &gid); err != nil {
		t.Fatal(err)
	}
	return dir, &syscall.Credential{Uid: uid, Gid: gid}
}

// copyIn does one COPY. From the first stage come the binary, an empty folder,
// and the roots of TLS that its Debian holds, for which the test gives its own.
func copyIn(dir, out, line string, roots []byte) error {
	owner, mode := -1, os.FileMode(0)
	var names []string
	for _, word := range strings.Fields(line) {
		if value, is := strings.CutPrefix(word, "--chown="); is {
			if _, err := fmt.Sscanf(value, "%d:", &owner); err != nil {
				return err
			}
		} else if value, is := strings.CutPrefix(word, "--chmod="); is {
			if _, err := fmt.Sscanf(value, "%o", &mode); err != nil {
				return err
			}
		} else if !strings.HasPrefix(word, "--") {
			names = append(names, word)
		}
	}
	to := filepath.Join(dir, names[1])
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	var err error
	switch path.Base(names[0]) {
	case "sekisho":
		var text []byte
		if text, err = os.ReadFile(filepath.Join(out, "sekisho")); err == nil {
			err = os.WriteFile(to, text, 0o755)
		}
	case "empty":
		err = os.Mkdir(to, 0o755)
	case "ca-certificates.crt":
		err = os.WriteFile(to, roots, 0o644)
	default:
		err = errors.New("the test does not know it")
	}
	if err == nil && mode != 0 {
		err = os.Chmod(to, mode)
	}
	if err == nil && owner >= 0 {
		err = os.Chown(to, owner, owner)
	}
	return err
}

// within is a command that sees nothing but the image.
func within(dir string, as *syscall.Credential, environ []string, args ...string) *exec.Cmd {
	i := image{}
	if text, err := os.ReadFile(filepath.Join(root, dockerfile)); err == nil {
		i = parseImage(string(text))
	}
	entry, _ := words(those(i.last, "ENTRYPOINT")[0])
	cmd := exec.Command(entry[0], append(slices.Clone(entry[1:]), args...)...)
	cmd.Dir, cmd.Env = "/", append(i.environ(), environ...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir, Credential: as}
	return cmd
}

func statusOf(t *testing.T, url string) (int, string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // read whole
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// The binary as the image builds it runs in an empty root as nobody in
// particular: it answers, checks its own health, keeps its state, and refuses
// what it should.
func TestImageRuns(t *testing.T) {
	asRoot(t)
	dir, as := emptyRoot(t, nil)
	port := freePort(t)
	at := "http://localhost:" + port
	here := []string{"SEKISHO_LISTEN=127.0.0.1:" + port, "SEKISHO_BASE_URL=" + at}
	t.Run("refused without tls or a proxy", func(t *testing.T) {
		out, err := within(dir, as, []string{"SEKISHO_BASE_URL=https://sekisho.example.com"}, "serve").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "tls") {
			t.Errorf("%v: %s", err, out)
		}
	})
	health, _ := words(strings.SplitN(those(parseImage(read(t, dockerfile)).last, "HEALTHCHECK")[0], "CMD ", 2)[1])
	check := func() (string, error) {
		out, err := within(dir, as, here, health[1:]...).CombinedOutput()
		return string(out), err
	}
	if out, err := check(); err == nil {
		t.Errorf("healthy before the start: %s", out)
	}
	first := run(t, within(dir, as, here, "serve"), "ready "+at)
	if status, body := statusOf(t, "http://127.0.0.1:"+port+"/readyz"); status != http.StatusOK {
		t.Errorf("readyz: %d %s", status, body)
	}
	if out, err := check(); err != nil {
		t.Errorf("the health check: %v: %s", err, out)
	}
	if status, body := statusOf(t, at+"/"); status != http.StatusOK || !strings.Contains(body, "<html") {
		t.Errorf("the first page: %d %.200s", status, body)
	}
	if info, err := os.Stat(filepath.Join(dir, "var/lib/sekisho/house.db")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the database: %v, %v", info, err)
	}
	kit, err := within(dir, as, here, "admin", "kit", "--remove").Output()
	if err != nil || !strings.Contains(string(kit), "AGE-SECRET-KEY-") {
		t.Errorf("the kit: %v", err)
	}
	if out, err := within(dir, as, here, "admin", "kit").CombinedOutput(); err == nil {
		t.Errorf("the kit is still there: %d bytes", len(out))
	}
	if err := first.stop(syscall.SIGTERM); err != nil {
		t.Errorf("stop: %v\n%s", err, first.said)
	}
	run(t, within(dir, as, here, "serve"), "ready "+at)
}

func TestImageShowsTheDemo(t *testing.T) {
	asRoot(t)
	dir, as := emptyRoot(t, nil)
	at := "http://localhost:" + freePort(t)
	run(t, within(dir, as, nil, "demo", "--listen", strings.TrimPrefix(at, "http://")), "ready "+at)
	if status, body := statusOf(t, at+"/"); status != http.StatusOK || !strings.Contains(body, "<html") {
		t.Errorf("%d %.200s", status, body)
	}
}

// authority is a TLS server whose certificate stands in roots; asked receives
// when somebody who trusts it has asked.
func authority(t *testing.T) (url string, roots []byte, asked chan string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	asked = make(chan string, 16)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case asked <- r.URL.Path:
		default:
		}
		http.Error(w, "no", http.StatusNotFound)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), asked
}

// What the house calls is judged by the roots that the image holds, and by no
// others: an authority for certificates is asked when it is in the file, and
// not when it isn't.
func TestImageReadsItsRoots(t *testing.T) {
	asRoot(t)
	shake := func(t *testing.T, known bool) (asked bool) {
		url, roots, came := authority(t)
		if !known {
			_, roots, _ = authority(t)
		}
		dir, as := emptyRoot(t, roots)
		port := freePort(t)
		p := run(t, within(dir, as, []string{
			"SEKISHO_LISTEN=127.0.0.1:" + port, "SEKISHO_BASE_URL=https://sekisho.test", "SEKISHO_TLS_ACME_DIRECTORY=" + url + "/directory",
			"SEKISHO_EGRESS_ALLOW=127.0.0.0/8", "SEKISHO_LOG_LEVEL=debug",
		}, "serve"), "ready https://sekisho.test")
		conn, err := tls.Dial("tcp", "127.0.0.1:"+port, &tls.Config{ServerName: "sekisho.test"})
		if err == nil {
			_ = conn.Close()
			t.Fatal("a certificate came from nowhere")
		}
		select {
		case <-came:
			return true
		default:
			t.Logf("%s", p.said)
			return false
		}
	}
	if !shake(t, true) {
		t.Error("an authority in the image's roots is not asked")
	}
	if shake(t, false) {
		t.Error("an authority outside of the image's roots is asked")
	}
}
