package e2e_test

import (
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
