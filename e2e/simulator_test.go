package e2e_test

import (
	"html"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

var (
	readyAlone = regexp.MustCompile(`(?m)^ready (http://127\.0\.0\.1:\d+)$`)
	aloneLogin = regexp.MustCompile(`(?m)^  (\w+)  \S.*? +(\S{12})$`)
	beyondURL  = regexp.MustCompile(`(?m)^  (ServiceNow|Jira Service Management) +(http://127\.0\.0\.1:\d+)/$`)
)

// alone runs one simulator.
func alone(t *testing.T, args ...string) (*trial, string) {
	t.Helper()
	d := &trial{t: t, passwords: map[string]string{}}
	cmd := exec.Command(filepath.Join(bin, "sekisho"), append([]string{"dev"}, args...)...)
	cmd.Env = append(strangers(), "LANG=C", "LC_ALL=", "LC_MESSAGES=")
	if err := d.serve(cmd); err != nil {
		t.Fatalf("%v\n%s", err, d.said)
	}
	t.Cleanup(func() { _ = d.stop(syscall.SIGKILL) })
	said := d.said.String()
	ready := readyAlone.FindStringSubmatch(said)
	if ready == nil || !strings.HasSuffix(said, ready[0]+"\n") {
		t.Fatalf("the last line is not the ready line:\n%s", said)
	}
	for _, m := range aloneLogin.FindAllStringSubmatch(said, -1) {
		d.passwords[m[1]] = m[2]
	}
	return d, ready[1]
}

func TestASimulatorAlone(t *testing.T) {
	for _, row := range [][]string{
		{"fake-servicenow", "--switch", "nothing=1"}, {"fake-jira", "--switch", "near-limit=perhaps"}, {"fake-jira", "--listen", "0.0.0.0:0"}, {"fake-servicenow", "--listen", "9001"},
	} {
		cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "sekisho"), append([]string{"dev"}, row...)...)
		cmd.Env = append(strangers(), "LANG=C")
		if said, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 1 || strings.Contains(string(said), "[problem") || len(said) == 0 {
			t.Errorf("%q: %v\n%s", row, err, said)
		}
	}
	t.Run("ServiceNow", func(t *testing.T) {
		d, at := alone(t, "fake-servicenow", "--switch", "two-step", "--switch", "throttle=1")
		for _, want := range []int{http.StatusTooManyRequests, http.StatusOK} { // the first call is struck
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at+"/api/sn_sc/servicecatalog/items", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.SetBasicAuth("aoi", d.passwords["aoi"])
			got, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = got.Body.Close()
			if got.StatusCode != want {
				t.Errorf("%d, want %d", got.StatusCode, want)
			}
		}
		if err := d.stop(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	})
	t.Run("Jira", func(t *testing.T) {
		d, at := alone(t, "fake-jira")
		if got, _ := d.ask(nil, http.MethodPost, at+"/login", url.Values{"login": {"botan"}, "password": {d.passwords["botan"]}}); got.StatusCode != http.StatusSeeOther {
			t.Errorf("sign in: %d", got.StatusCode)
		}
		if got, page := d.ask(nil, http.MethodGet, at+"/login", nil, "Host", "rebound.example"); got.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("A131 another name is answered: %d %s", got.StatusCode, page)
		}
		if !strings.Contains(d.said.String(), at+"/kaede") {
			t.Errorf("no site in\n%s", d.said)
		}
	})
}

// TestTheDemoHasSystemsOutside signs in to them as in the house, and finds them
// where they were at the next start.
func TestTheDemoHasSystemsOutside(t *testing.T) {
	data := filepath.Join(t.TempDir(), "demo")
	var before string
	for range 2 {
		d := tryDemo(t, t.TempDir(), "--listen", "localhost:0", "--data", data)
		places := beyondURL.FindAllStringSubmatch(d.said.String(), -1)
		if len(places) != 2 {
			t.Fatalf("it said\n%s", d.said)
		}
		said := places[0][2] + " " + places[1][2]
		if before != "" && said != before {
			t.Errorf("they were at %s and are at %s", before, said)
		}
		before = said
		_, guide := d.ask(nil, http.MethodGet, d.guide+"/", nil)
		for _, place := range places {
			if !strings.Contains(guide, place[2]+"/") {
				t.Errorf("the guide does not lead to %s", place[1])
			}
			for _, login := range []string{"aoi", "botan"} {
				if got, _ := d.ask(nil, http.MethodPost, place[2]+"/login", url.Values{"login": {login}, "password": {d.passwords[login]}}); got.StatusCode != http.StatusSeeOther {
					t.Errorf("%s at %s: %d", login, place[1], got.StatusCode)
				}
			}
		}
		if err := d.stop(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTheDemoConnectsToSystemsOutside switches on what botan wants to hear of,
// consents over there, and comes back connected.
func TestTheDemoConnectsToSystemsOutside(t *testing.T) {
	d := tryDemo(t, t.TempDir(), "--listen", "localhost:0")
	jar, status := d.as("botan", d.passwords["botan"])
	if status != http.StatusSeeOther {
		t.Fatalf("sign in: %d", status)
	}
	form := regexp.MustCompile(`<input type="hidden" name="([a-z_]+)" value="([^"]*)">`)
	_, page := d.ask(jar, http.MethodGet, d.house+"/settings/integrations", nil)
	starts := regexp.MustCompile(`/connect/[^/"]+/start`).FindAllString(page, -1)
	if len(starts) != 2 {
		t.Fatalf("%q in\n%s", starts, page)
	}
	for _, place := range beyondURL.FindAllStringSubmatch(d.said.String(), -1) {
		d.ask(jar, http.MethodPost, place[2]+"/login", url.Values{"login": {"botan"}, "password": {d.passwords["botan"]}})
	}
	for _, start := range starts {
		sent, page := d.ask(jar, http.MethodGet, d.house+start, nil)
		at := sent.Header.Get("Location")
		if sent.StatusCode != http.StatusSeeOther || !strings.HasPrefix(at, "http://127.0.0.1:") {
			t.Fatalf("%s: %d to %q\n%s", start, sent.StatusCode, at, page)
		}
		_, page = d.ask(jar, http.MethodGet, at, nil)
		if !strings.Contains(page, `<span class="endpoint">Sekisho</span>`) {
			t.Fatalf("no consent page:\n%s", page)
		}
		values, answer := url.Values{}, map[bool]string{true: "allow", false: "accept"}[strings.Contains(at, "oauth_auth.do")]
		for _, m := range form.FindAllStringSubmatch(page, -1) {
			values.Set(m[1], html.UnescapeString(m[2]))
		}
		values.Set("answer", answer)
		address, _, _ := strings.Cut(at, "?")
		back, page := d.ask(jar, http.MethodPost, address, values)
		if back.StatusCode != http.StatusFound || !strings.HasPrefix(back.Header.Get("Location"), d.house+"/connect/") {
			t.Fatalf("%d to %q\n%s", back.StatusCode, back.Header.Get("Location"), page)
		}
		done, page := d.ask(jar, http.MethodGet, back.Header.Get("Location"), nil)
		if done.StatusCode != http.StatusSeeOther || !strings.HasSuffix(done.Header.Get("Location"), "/connected") {
			t.Fatalf("%d to %q\n%s", done.StatusCode, done.Header.Get("Location"), page)
		}
		to := done.Header.Get("Location")
		if strings.HasPrefix(to, "/") {
			to = d.house + to
		}
		if _, page := d.ask(jar, http.MethodGet, to, nil); !strings.Contains(page, "馬場 牡丹 (Botan Baba)") {
			t.Errorf("connected as nobody:\n%s", page)
		}
	}
}
