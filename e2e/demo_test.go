package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
)

// trial is sekisho demo as a process, with what it said.
type trial struct {
	place
	t         *testing.T
	house     string // as the ready line says
	guide     string
	passwords map[string]string
}

var (
	readyURL   = regexp.MustCompile(`(?m)^ready (http://localhost:\d+)$`)
	trialPlace = regexp.MustCompile(`http://localhost:\d+/\S*`)
	trialLogin = regexp.MustCompile(`(?m)^  (\w+) +([a-z2-7]{4}(?:-[a-z2-7]{4}){3})  `)
)

// strangers is the environment of somebody who has set nothing of Sekisho.
func strangers() []string {
	return slices.DeleteFunc(os.Environ(), func(pair string) bool { return strings.HasPrefix(pair, "SEKISHO_") })
}

// tryDemo starts a demo and waits until it says that it is ready.
func tryDemo(t *testing.T, temp string, args ...string) *trial {
	t.Helper()
	d := &trial{t: t, passwords: map[string]string{}}
	cmd := exec.Command(filepath.Join(bin, "sekisho"), append([]string{"demo"}, args...)...)
	cmd.Env = append(strangers(), "LANG=C", "LC_ALL=", "LC_MESSAGES=", "TMPDIR="+temp)
	if err := d.serve(cmd); err != nil {
		t.Fatalf("%v\n%s", err, d.said)
	}
	t.Cleanup(func() { _ = d.stop(syscall.SIGKILL) })
	said := d.said.String()
	ready := readyURL.FindStringSubmatch(said)
	if ready == nil || !strings.HasSuffix(said, ready[0]+"\n") {
		t.Fatalf("the last line is not the ready line:\n%s", said)
	}
	d.house, d.guide = ready[1], strings.TrimSuffix(trialPlace.FindString(said), "/")
	for _, m := range trialLogin.FindAllStringSubmatch(said, -1) {
		d.passwords[m[1]] = m[2]
	}
	return d
}

// ask sends a request with the cookies of a jar, and follows nothing.
func (d *trial) ask(jar http.CookieJar, method, address string, form url.Values, header ...string) (*http.Response, string) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		d.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", r.URL.Scheme+"://"+r.URL.Host)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if r.Header.Set(header[i], header[i+1]); header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	client := http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	got, err := client.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return got, string(text)
}

// as signs somebody in as the page of the house does, or says how it refused.
func (d *trial) as(login, password string) (http.CookieJar, int) {
	d.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		d.t.Fatal(err)
	}
	got, _ := d.ask(jar, http.MethodPost, d.house+"/signin/password", url.Values{"login": {login}, "password": {password}})
	return jar, got.StatusCode
}

// mailTo waits for the newest mail to an address and returns its page.
func (d *trial) mailTo(address string) string {
	d.t.Helper()
	row := regexp.MustCompile(`href="(/mail/\d+)">(?:[^\n]*)` + regexp.QuoteMeta(address))
	for range 200 {
		_, list := d.ask(nil, http.MethodGet, d.guide+"/mail/", nil)
		if m := row.FindStringSubmatch(list); m != nil {
			_, page := d.ask(nil, http.MethodGet, d.guide+m[1], nil)
			return page
		}
		time.Sleep(50 * time.Millisecond)
	}
	d.t.Fatalf("no mail to %s", address)
	return ""
}

// beside runs the program beside the demo.
func beside(t *testing.T, data string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "sekisho"), args...)
	cmd.Env = append(strangers(), "LANG=C", "LC_ALL=", "LC_MESSAGES=", "SEKISHO_DATA="+data)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestDemo(t *testing.T) {
	housetest.Long(t)
	temp := t.TempDir()
	d := tryDemo(t, temp, "--listen", "localhost:0")
	t.Run("CAP-M7 four people sign in", func(t *testing.T) {
		for _, login := range []string{"aoi", "botan", "chika", "daichi"} {
			jar, status := d.as(login, d.passwords[login])
			_, home := d.ask(jar, http.MethodGet, d.house+"/", nil)
			if status != http.StatusSeeOther || !strings.Contains(home, "Kaede Trading") {
				t.Errorf("%s: %d\n%s", login, status, home)
			}
		}
		if _, status := d.as("chika", "chika"); status == http.StatusSeeOther {
			t.Error("A168 a default password counts")
		}
	})
	t.Run("an address leads to the name", func(t *testing.T) {
		addresses := []string{"127.0.0.1"}
		if six, err := net.Listen("tcp6", "[::1]:0"); err == nil { // the machine has it
			_ = six.Close()
			addresses = append(addresses, "[::1]")
		}
		for _, site := range []string{d.house, d.guide} {
			for _, address := range addresses {
				got, _ := d.ask(nil, http.MethodGet, strings.Replace(site, "localhost", address, 1)+"/", nil)
				if got.StatusCode != http.StatusSeeOther || strings.TrimSuffix(got.Header.Get("Location"), "/") != site {
					t.Errorf("%s by %s: %d to %s", site, address, got.StatusCode, got.Header.Get("Location"))
				}
			}
		}
	})
	t.Run("A131 another name is not answered", func(t *testing.T) {
		_, port, _ := net.SplitHostPort(strings.TrimPrefix(d.guide, "http://"))
		for _, path := range []string{"/", "/mail/", "/steps"} {
			if got, page := d.ask(nil, http.MethodGet, d.guide+path, nil, "Host", "rebound.example:"+port); got.StatusCode != http.StatusMisdirectedRequest || strings.Contains(page, d.passwords["chika"]) {
				t.Errorf("%s: %d", path, got.StatusCode)
			}
		}
		if got, _ := d.ask(nil, http.MethodPost, d.guide+"/again", url.Values{"story": {"invite"}}, "Origin", "http://elsewhere.example"); got.StatusCode != http.StatusForbidden {
			t.Errorf("a page elsewhere starts the story again: %d", got.StatusCode)
		}
	})
	t.Run("guide in both languages", func(t *testing.T) {
		for lang, want := range map[string]string{"en": "Chika signs in", "ja": "千佳がサインインする"} {
			if got, page := d.ask(nil, http.MethodGet, d.guide+"/", nil, "Accept-Language", lang); got.StatusCode != 200 || !strings.Contains(page, want) || !strings.Contains(page, d.passwords["chika"]) || strings.Contains(page, "[story.") || strings.Contains(page, "[demo.") {
				t.Errorf("%s: %d\n%s", lang, got.StatusCode, page)
			}
		}
	})
	t.Run("mail arrives", func(t *testing.T) {
		jar, _ := d.as("chika", d.passwords["chika"])
		if got, page := d.ask(jar, http.MethodPost, d.house+"/admin/people/new", url.Values{"login": {"eiji"}, "email": {"eiji@kaede.example"}, "role": {"user"}}); got.StatusCode != http.StatusSeeOther {
			t.Fatalf("invite: %d\n%s", got.StatusCode, page)
		}
		if page := d.mailTo("eiji@kaede.example"); !strings.Contains(page, d.house+"/welcome?link=") {
			t.Errorf("no link in\n%s", page)
		}
		if got, _ := d.ask(nil, http.MethodPost, d.house+"/reset", url.Values{"login": {"aoi"}}); got.StatusCode >= 400 {
			t.Fatalf("ask for a reset: %d", got.StatusCode)
		}
		if page := d.mailTo("aoi@kaede.example"); !strings.Contains(page, d.house+"/reset") {
			t.Errorf("no link in\n%s", page)
		}
	})
	t.Run("ticks come from the log", func(t *testing.T) { d.ticks(t) })
	t.Run("the log and the company are whole", func(t *testing.T) {
		folders, _ := filepath.Glob(filepath.Join(temp, "sekisho-demo-*"))
		if len(folders) != 1 {
			t.Fatalf("folders: %q", folders)
		}
		if said := beside(t, folders[0], "audit", "verify"); !strings.HasPrefix(said, "yes: the log is whole") {
			t.Error(said)
		}
		if said := beside(t, folders[0], "plan", "-f", "../internal/demo/company"); said != "no changes\n" {
			t.Errorf("A reader of the files sees another company: %s", said)
		}
		kit, _ := filepath.Glob(filepath.Join(folders[0], "recovery-kit*"))
		if len(kit) != 0 {
			t.Error("a demo made a recovery kit")
		}
	})
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		t.Run("removed after "+signal.String(), func(t *testing.T) {
			if signal != syscall.SIGTERM {
				d = tryDemo(t, temp, "--listen", "localhost:0")
			}
			if err := d.stop(signal); err != nil {
				t.Errorf("%v\n%s", err, d.said)
			}
			if left, _ := os.ReadDir(temp); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// ticks holds what ticks a step, and what does not: the right thing done by
// somebody else, too early, or to another record.
func (d *trial) ticks(t *testing.T) {
	done := func(want int, what string) {
		t.Helper()
		_, page := d.ask(nil, http.MethodGet, d.guide+"/", nil)
		if got := strings.Count(page, `class="step done"`); got != want {
			t.Errorf("%s: %d ticks, want %d", what, got, want)
		}
	}
	done(3, "the mail page showed the mail")
	again := func() { d.ask(nil, http.MethodPost, d.guide+"/again", url.Values{"story": {"invite"}}) }
	again()
	done(0, "begun again")
	d.as("botan", d.passwords["botan"])
	done(0, "somebody else signed in")
	jar, _ := d.as("chika", d.passwords["chika"])
	done(1, "chika signed in")
	d.ask(jar, http.MethodGet, d.house+"/admin/audit", nil)
	d.ask(nil, http.MethodGet, d.guide+"/", nil)
	done(1, "she looks before there is anything to see")
	again()
	again()
	d.ask(jar, http.MethodGet, d.house+"/admin/people", nil)
	done(0, "pages that leave no record")
}

var (
	shownLine   = regexp.MustCompile(`<dd class="line">.*?data-copy="([^"]*)"`)
	welcomeLink = regexp.MustCompile(`/welcome\?link=([A-Za-z0-9_-]+)`)
	recordPage  = regexp.MustCompile(`href="(/admin/audit/[0-9a-z]{26})`)
)

// TestDemoStory goes through the whole story as the pages' forms do, with a
// password in place of a passkey, and runs what the guide shows in a shell.
func TestDemoStory(t *testing.T) {
	housetest.Long(t)
	d := tryDemo(t, t.TempDir(), "--listen", "localhost:0", "--data", filepath.Join(t.TempDir(), "it's a $HOME of its own"))
	jar, _ := d.as("chika", d.passwords["chika"])
	d.ask(jar, http.MethodPost, d.house+"/admin/people/new", url.Values{"login": {"fuyu"}, "email": {"fuyu@kaede.example"}, "role": {"user"}})
	link := welcomeLink.FindStringSubmatch(d.mailTo("fuyu@kaede.example"))
	if link == nil {
		t.Fatal("no link in the mail")
	}
	got, page := d.ask(nil, http.MethodPost, d.house+"/welcome", url.Values{"link": {link[1]}, "given_name": {"Fuyu"}, "locale": {""}, "password": {"nine herons on a frozen lake"}})
	if got.StatusCode != http.StatusSeeOther {
		t.Fatalf("accept: %d\n%s", got.StatusCode, page)
	}
	_, list := d.ask(jar, http.MethodGet, d.house+"/admin/audit?of=organization&name=invitation.accepted", nil)
	record := recordPage.FindStringSubmatch(list)
	if record == nil {
		t.Fatalf("no record in\n%s", list)
	}
	d.ask(jar, http.MethodGet, d.house+record[1], nil)
	if got, _ := d.ask(jar, http.MethodGet, d.house+record[1]+"/proof.json", nil); got.StatusCode != http.StatusOK {
		t.Fatalf("proof: %d", got.StatusCode)
	}
	_, page = d.ask(nil, http.MethodGet, d.guide+"/", nil)
	lines := shownLine.FindAllStringSubmatch(page, -1)
	if strings.Count(page, `class="step done"`) != 7 || len(lines) != 3 {
		t.Fatalf("%d lines to copy in\n%s", len(lines), page)
	}
	for i, want := range []string{"yes: the log is whole", "", "The proof holds: invitation.accepted"} {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", html.UnescapeString(lines[i][1]))
		cmd.Env = append(strangers(), "LANG=C", "LC_ALL=", "LC_MESSAGES=")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), want) {
			t.Errorf("%s: %v\n%s", lines[i][1], err, out)
		}
	}
	if _, page = d.ask(nil, http.MethodGet, d.guide+"/", nil); strings.Count(page, `class="step done"`) != 8 || !strings.Contains(page, "The whole story happened") {
		t.Errorf("the end is not told:\n%s", page)
	}
}

func TestDemoRefused(t *testing.T) {
	housetest.Long(t)
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	foreign, temp := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "house.db"), []byte("somebody's"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, lang string
		args, want []string
	}{
		{"taken port", "C", []string{"--listen", "localhost:" + port}, []string{"Port " + port + " is taken", "--listen"}},
		{"taken port in Japanese", "ja_JP.UTF-8", []string{"--listen", "localhost:" + port}, []string{"ポート" + port, "--listen"}},
		{"reachable from outside", "C", []string{"--listen", "0.0.0.0:0"}, []string{"this machine only", "--listen localhost:8080"}},
		{"no port", "C", []string{"--listen", "localhost"}, []string{"this machine only"}},
		{"a house that is no demo", "C", []string{"--listen", "localhost:0", "--data", foreign}, []string{foreign, "Nothing was changed"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, filepath.Join(bin, "sekisho"), append([]string{"demo"}, row.args...)...)
			cmd.Env = append(strangers(), "LC_ALL="+row.lang, "TMPDIR="+temp)
			var out, said bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &said
			_ = cmd.Run()
			if code := cmd.ProcessState.ExitCode(); code != 1 || out.Len() > 0 {
				t.Errorf("exit %d, said %q", code, out.String())
			}
			for _, want := range row.want {
				if !strings.Contains(said.String(), want) {
					t.Errorf("%q lacks %q", said.String(), want)
				}
			}
		})
	}
	if left, _ := os.ReadDir(temp); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestDemoKept holds that --data keeps everything, and seeds nothing twice.
func TestDemoKept(t *testing.T) {
	housetest.Long(t)
	data := filepath.Join(t.TempDir(), "kept")
	if err := os.Mkdir(data, 0o755); err != nil { //nolint:gosec // as mkdir makes one
		t.Fatal(err)
	}
	first := tryDemo(t, t.TempDir(), "--listen", "localhost:0", "--data", data)
	jar, _ := first.as("chika", first.passwords["chika"])
	if got, page := first.ask(jar, http.MethodPost, first.house+"/admin/groups/new", url.Values{"name": {"visitors"}, "title": {"Visitors"}}); got.StatusCode != http.StatusSeeOther {
		t.Fatalf("make a group: %d\n%s", got.StatusCode, page)
	}
	before := company(beside(t, data, "export"))
	if err := first.stop(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	again := tryDemo(t, t.TempDir(), "--listen", "localhost:0", "--data", data)
	if fmt.Sprint(again.passwords) != fmt.Sprint(first.passwords) {
		t.Error("other passwords")
	}
	if _, status := again.as("daichi", first.passwords["daichi"]); status != http.StatusSeeOther {
		t.Errorf("the password does not count any more: %d", status)
	}
	if after := company(beside(t, data, "export")); after != before || !strings.Contains(after, "visitors") {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	if info, err := os.Stat(filepath.Join(data, "demo.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the passwords: %v %v", info, err)
	}
	if err := again.stop(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// company leaves out the announcement, which names the port of the guide.
func company(export string) string {
	var docs []string
	for doc := range strings.SplitSeq(export, "---\n") {
		if !strings.Contains(doc, "name: demo\n") {
			docs = append(docs, doc)
		}
	}
	return strings.Join(docs, "---\n")
}
