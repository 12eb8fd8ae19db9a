package peers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
)

// tracker is a Request Tracker that runs with a database of its own.
type tracker struct {
	t      *testing.T
	url    string
	tokens map[string]string // by person
}

const (
	rtSetup  = "/usr/sbin/rt-setup-database-5"
	rtServer = "/usr/share/request-tracker5/libexec/standalone_httpd"
)

const rtConfig = `Set($rtname, 'rt.test'); Set($Organization, 'rt.test');
Set($WebDomain, '127.0.0.1'); Set($WebPort, %[2]s); Set($WebBaseURL, 'http://127.0.0.1:%[2]s'); Set($WebPath, '');
Set($DatabaseType, 'SQLite'); Set($DatabaseName, '%[1]s/rt.db');
Set($LogToSyslog, undef); Set($LogToSTDERR, 'warning');
Set($MailCommand, 'testfile'); Set($Timezone, 'UTC'); Set($RestrictReferrer, 0);
1;
`

// startRT makes a database and serves it on loopback until the test ends.
func startRT(t *testing.T) *tracker {
	t.Helper()
	if _, err := os.Stat(rtServer); err != nil {
		housetest.Missing(t, "Request Tracker 5", "apt-get install request-tracker5 rt5-db-sqlite rt5-standalone")
	}
	dir, port := t.TempDir(), freePort(t)
	must(t, os.Mkdir(filepath.Join(dir, "conf.d"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "RT_SiteConfig.pm"), fmt.Appendf(nil, rtConfig, dir, port), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "rootpw"), []byte("root-pass1"), 0o600))
	fixture, err := filepath.Abs("testdata/rt/fixture.pl")
	must(t, err)
	env := append(os.Environ(), "RT_SITE_CONFIG="+filepath.Join(dir, "RT_SiteConfig.pm"), "RT_SITE_CONFIG_DIR="+filepath.Join(dir, "conf.d"), "RT_TEST_DIR="+dir)
	run(t, env, rtSetup, "--action", "init", "--skip-create", "--root-password-file", filepath.Join(dir, "rootpw"))
	run(t, env, rtSetup, "--action", "insert", "--skip-create", "--datafile", fixture)
	serve(t, env, rtServer, "--host", "127.0.0.1", "--port", port)
	r := &tracker{t: t, url: "http://127.0.0.1:" + port, tokens: map[string]string{}}
	text, err := os.ReadFile(filepath.Join(dir, "tokens"))
	must(t, err)
	for line := range strings.Lines(string(text)) {
		name, token, _ := strings.Cut(strings.TrimSpace(line), " ")
		r.tokens[name] = token
	}
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		answer, err := http.Get(r.url + "/REST/2.0/rt") //nolint:noctx // a peer on loopback
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusUnauthorized {
				return r
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("Request Tracker does not answer: %v", err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	must(t, err)
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	must(t, err)
	return port
}

func run(t *testing.T, env []string, name string, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Env = env
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// serve runs a program until the test ends, with all that it starts.
func serve(t *testing.T, env []string, name string, args ...string) {
	t.Helper()
	c := exec.CommandContext(context.Background(), name, args...)
	var said bytes.Buffer
	c.Env, c.Stdout, c.Stderr = env, &said, &said
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	must(t, c.Start())
	t.Cleanup(func() {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
		_ = c.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(name), said.Bytes())
		}
	})
}

// call speaks REST 2 as somebody, and gives what came back.
func (r *tracker) call(as, method, path string, body any) (int, any) {
	r.t.Helper()
	var sent io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		must(r.t, err)
		sent = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.url+"/REST/2.0"+path, sent)
	must(r.t, err)
	request.Header.Set("Authorization", "token "+r.tokens[as])
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	must(r.t, err)
	defer func() { _ = answer.Body.Close() }()
	var got any
	text, err := io.ReadAll(answer.Body)
	must(r.t, err)
	_ = json.Unmarshal(text, &got)
	return answer.StatusCode, got
}

// ticket is a ticket as its requester sees it.
func (r *tracker) ticket(id string) map[string]any {
	r.t.Helper()
	status, got := r.call("svc", http.MethodGet, "/ticket/"+id, nil)
	t, is := got.(map[string]any)
	if status != http.StatusOK || !is {
		r.t.Fatalf("ticket %s: %d %v", id, status, got)
	}
	return t
}

// made creates a ticket and returns its number.
func (r *tracker) made(as string, fields map[string]any) string {
	r.t.Helper()
	status, got := r.call(as, http.MethodPost, "/ticket", fields)
	t, _ := got.(map[string]any)
	if status != http.StatusCreated {
		r.t.Fatalf("a ticket of %s: %d %v", as, status, got)
	}
	return fmt.Sprint(t["id"])
}

// asked is a request of Aoi's with an approval that Botan owns.
func (r *tracker) asked(subject string) (request, approval string) {
	r.t.Helper()
	request = r.made("aoi", map[string]any{
		"Queue": "Access", "Subject": subject, "Requestor": "aoi@kaede.example", "Content": "please", "ContentType": "text/plain",
		"CustomFields": map[string]any{"Asset": "db01", "Window End": "2026-11-30 12:00:00"},
	})
	return request, r.approvalOf(request, subject, "botan")
}

// approvalOf asks somebody to approve a request.
func (r *tracker) approvalOf(request, subject, owner string) string {
	r.t.Helper()
	return r.made("svc", map[string]any{
		"Queue": "___Approvals", "Type": "approval", "Subject": "Approve: " + subject, "Owner": owner, "DependedOnBy": request,
		"Content": "please decide", "ContentType": "text/plain",
	})
}

// jsonText is a value as JSON, to look into.
func jsonText(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// comments are what people wrote on a ticket, the oldest first.
func (r *tracker) comments(id string) (all []string) {
	r.t.Helper()
	_, got := r.call("svc", http.MethodGet, "/ticket/"+id+"/history?fields=Type,Content&per_page=100", nil)
	page, _ := got.(map[string]any)
	items, _ := page["items"].([]any)
	for _, item := range items {
		one, _ := item.(map[string]any)
		if one["Type"] == "Comment" {
			_, full := r.call("svc", http.MethodGet, "/transaction/"+url.PathEscape(fmt.Sprint(one["id"]))+"/attachments?fields=Content", nil)
			all = append(all, fmt.Sprint(full))
		}
	}
	return all
}

// What the definition of Request Tracker builds on is what the program does.
func TestWhatRequestTrackerDoes(t *testing.T) {
	r := startRT(t)
	request, approval := r.asked("root on db01")

	status, got := r.call("aoi", http.MethodPut, "/ticket/"+approval, map[string]any{"Status": "resolved"})
	if text := fmt.Sprint(got); status != http.StatusOK || !strings.Contains(text, "Permission Denied") {
		t.Errorf("TRAP-C1 a refusal comes as 200: %d %v", status, got)
	}
	if state := r.ticket(approval)["Status"]; state != "new" && state != "open" {
		t.Errorf("the refused decision counted: %v", state)
	}
	_, got = r.call("svc", http.MethodPut, "/ticket/"+request, map[string]any{"Status": "resolved"})
	if !strings.Contains(fmt.Sprint(got), "unresolved dependencies") {
		t.Errorf("a request with an open approval was resolved: %v", got)
	}
	_, got = r.call("botan", http.MethodPut, "/ticket/"+approval, map[string]any{"Status": "resolved"})
	if state := r.ticket(approval)["Status"]; state != "resolved" {
		t.Errorf("approved: %v, %v", state, got)
	}
	if state := r.ticket(request)["Status"]; state != "open" {
		t.Errorf("the request is %v after its approval, want open", state)
	}
	if status, _ := r.call("nobody", http.MethodGet, "/ticket/"+request, nil); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d", status)
	}
}
