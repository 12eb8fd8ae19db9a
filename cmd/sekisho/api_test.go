package main

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/sekisho/sekisho/client"
	"github.com/sekisho/sekisho/internal/house"
)

// said runs a command line and returns what it printed and its error.
func said(t *testing.T, args ...string) (string, error) {
	t.Helper()
	root := newRoot(newTerminal())
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(args)
	err := root.ExecuteContext(context.Background())
	return out.String(), err
}

func apiCommand(t *testing.T) *cobra.Command {
	t.Helper()
	cmd, _, err := newRoot(newTerminal()).Find([]string{"api"})
	if err != nil {
		t.Fatal(err)
	}
	return cmd
}

func TestEveryOperationHasACommand(t *testing.T) {
	t.Run("CAP-M2 commands and operations are the same list", func(t *testing.T) {
		var have []string
		for _, cmd := range apiCommand(t).Commands() {
			have = append(have, cmd.Name())
		}
		slices.Sort(have)
		want := slices.Sorted(slices.Values(client.Operations))
		if diff := cmp.Diff(want, have); diff != "" || len(want) < 80 {
			t.Errorf("operations (-) and commands (+):\n%s", diff)
		}
	})
	t.Run("CAP-M2 every parameter and every member of a body has a flag", func(t *testing.T) {
		d, flags := described(), 0
		for _, o := range d.operations() {
			cmd, _, err := apiCommand(t).Find([]string{o.ID})
			if err != nil {
				t.Fatal(err)
			}
			said := map[string]bool{}
			for _, f := range d.flagsOf(o) {
				if cmd.Flags().Lookup(f.name) == nil {
					t.Errorf("%s has no --%s", o.ID, f.name)
				}
				said[f.param] = true
				if len(f.member) > 0 {
					said["body."+f.member[0]] = true
				}
				flags++
			}
			for _, p := range o.Parameters {
				if !said[p.Name] {
					t.Errorf("%s: the parameter %s has no flag", o.ID, p.Name)
				}
			}
			if body := d.takes(o); body != nil {
				for name := range maps.Keys(body.Properties) {
					if !said["body."+name] {
						t.Errorf("%s: the member %s has no flag", o.ID, name)
					}
				}
			}
		}
		t.Logf("%d flags", flags)
	})
}

func TestWrongUseIsNamed(t *testing.T) {
	for _, row := range []struct{ line, want string }{
		{"api nothing", "nothing"},
		{"api list-notices --nope", "--nope"},
		{"api add-organization", "--name, --type"},
		{"api get-member --org x", "--person"},
		{"api add-organization --name a --type other", "provider|customer"},
		{"api list-notices --limit many", "--limit"},
		{"api search-records --from yesterday", "2026-04-01T09:00:00Z"},
		{"api plan --documents {", "JSON"},
		{"api write-notice --file /nowhere.json", "/nowhere.json"},
		{"api list-notices more", "more"},
		{"people import", "arg"},
		{"people import x.csv", "--org"},
	} {
		t.Run("CAP-M2 "+row.line, func(t *testing.T) {
			out, err := said(t, strings.Fields(row.line)...)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %q; printed %q", err, row.want, out)
			}
		})
	}
}

// asked is what a server was asked.
type asked struct{ method, path, query, body, language, authorization string }

// play answers every request with the same and keeps what was asked.
func play(t *testing.T, status int, answer string) (*asked, []string) {
	t.Helper()
	got := &asked{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		*got = asked{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, body.String(), r.Header.Get("Accept-Language"), r.Header.Get("Authorization")}
		w.WriteHeader(status)
		if strings.Contains(r.URL.RawQuery, "cursor=two") {
			answer = `{"items":[{"id":"2","name":"椿","title":"line\u001b[2J"}]}`
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(s.Close)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return got, []string{"--server", s.URL, "--token", "@" + token}
}

// TestNoSecretIsTakenFromTheCommandLine shows A169: what every process of the
// machine can read is refused before anything is asked, and a file is read.
func TestNoSecretIsTakenFromTheCommandLine(t *testing.T) {
	const canary = "canary-on-the-command-line"
	got, server := play(t, http.StatusOK, "{}")
	here := server[:2]
	for _, line := range []string{
		"export --token " + canary,
		"api get-profile --token " + canary,
		"api unseal --passphrase " + canary,
		`api add-system --org o --name n --definition d --set-secrets {"client_secret":"` + canary + `"}`,
		"move --to postgres://u:" + canary + "@h/d",
		"move --to postgres://u@h/d?password=" + canary,
		"bench store --database postgres://u:" + canary + "@h/d",
		"bench store --database postgres://u@h/d?password=" + canary,
	} {
		t.Run("A169 "+strings.ReplaceAll(line, canary, "…"), func(t *testing.T) {
			args := strings.Fields(line)
			if strings.HasPrefix(line, "export") || strings.HasPrefix(line, "api") {
				args = append(args, here...)
			}
			out, err := said(t, args...)
			var wrong usage
			if !errors.As(err, &wrong) || strings.Contains(out+err.Error(), canary) {
				t.Errorf("%v; printed %q", err, out)
			}
		})
	}
	if got.method != "" {
		t.Errorf("the house was asked all the same: %+v", *got)
	}
	phrase := filepath.Join(t.TempDir(), "phrase")
	if err := os.WriteFile(phrase, []byte(canary+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := said(t, append([]string{"api", "unseal", "--passphrase", "@" + phrase}, server...)...); err != nil || !strings.Contains(got.body, canary) {
		t.Errorf("from a file: %v, asked %+v", err, *got)
	}
}

func TestFlagsBecomeRequests(t *testing.T) {
	t.Setenv("LC_ALL", "ja_JP.UTF-8")
	dir := t.TempDir()
	file := filepath.Join(dir, "body.json")
	if err := os.WriteFile(file, []byte(`{"name":"sales","title":"Sales","version":3}`), 0o600); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(dir, "title.txt")
	if err := os.WriteFile(text, []byte("営業部\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const empty = `{}`
	for _, row := range []struct {
		line string
		want asked
	}{
		{"get-member --org a/b --person ..", asked{"GET", "/api/v1/organizations/a%2Fb/members/..", "", "", "", ""}},
		{"list-members --org o --q 山 --limit 5 --state active", asked{"GET", "/api/v1/organizations/o/members", "limit=5&q=%E5%B1%B1&state=active", "", "", ""}},
		{"change-group --org o --group g --file " + file + " --title @" + text + " --members a --members b --groups=", asked{"PATCH", "/api/v1/organizations/o/groups/g", "", `{"groups":[],"members":["a","b"],"name":"sales","title":"営業部","version":3}`, "", ""}},
		{"add-member --org o --invite.login ann --invite.display_name @@ann", asked{"POST", "/api/v1/organizations/o/members", "", `{"invite":{"display_name":"@ann","login":"ann"}}`, "", ""}},
		{"revoke-own-token --token-id t", asked{"DELETE", "/api/v1/me/tokens/t", "", "", "", ""}},
		{"import-people --org o --csv x --apply", asked{"POST", "/api/v1/organizations/o/import", "", `{"apply":true,"csv":"x"}`, "", ""}},
	} {
		t.Run("CAP-M2 "+row.line, func(t *testing.T) {
			got, server := play(t, http.StatusOK, empty)
			if out, err := said(t, append(append([]string{"api"}, strings.Fields(row.line)...), server...)...); err != nil {
				t.Fatalf("%v %s", err, out)
			}
			row.want.language, row.want.authorization = "ja", "Bearer abc"
			if diff := cmp.Diff(row.want, *got, cmp.AllowUnexported(asked{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnswersArePrinted(t *testing.T) {
	const page = `{"items":[{"id":"1","name":"kaede","title":"楓商事","type":"provider","version":9007199254740993}],"next":"two"}`
	for _, row := range []struct{ name, line, want string }{
		{"a table, and that there is more", "list-organizations", "ID  NAME   TITLE   TYPE"},
		{"its lines", "list-organizations", "1   kaede  楓商事  provider"},
		{"how to go on", "list-organizations", "--cursor two"},
		{"all pages, and nothing that acts on the terminal", "list-organizations --all", "2   椿     line [2J"},
		{"whole numbers as they are", "list-organizations --output json", "9007199254740993"},
		{"one thing by its members", "get-organization --org x", "next   two"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, server := play(t, http.StatusOK, page)
			got, err := said(t, append(append([]string{"api"}, strings.Fields(row.line)...), server...)...)
			if err != nil || !strings.Contains(got, row.want) {
				t.Errorf("%v, want %q in\n%s", err, row.want, got)
			}
		})
	}
}

func TestRefusalsAreSaid(t *testing.T) {
	problem := `{"type":"x","title":"The input is not valid","status":400,"code":"input-invalid","request_id":"r","detail":"Correct them.","errors":[{"field":"name","code":"a","message":"Required"},{"field":"title","code":"b","message":"Too long"}]}`
	_, server := play(t, http.StatusBadRequest, problem)
	tm := newTerminal()
	_, err := said(t, append([]string{"api", "write-notice", "--title.en", "a", "--title.ja", "b", "--text.en", "a", "--text.ja", "b", "--from", "2026-04-01T09:00:00Z", "--until", "2026-04-02T09:00:00Z"}, server...)...)
	if got, want := house.Sentence(tm.book, tm.lang, err), "The input is not valid\nname: Required\ntitle: Too long\nCorrect them."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	_, server = play(t, http.StatusBadGateway, "<html>")
	if _, err := said(t, append([]string{"api", "list-notices"}, server...)...); err == nil || !strings.Contains(err.Error(), "502") {
		t.Error(err)
	}
}

func TestCompletionKnowsOperations(t *testing.T) {
	for line, want := range map[string]string{
		"__complete api list-m": "list-members", "__complete api list-members --st": "--state", "__complete api list-members --state ": "invited",
	} {
		args := strings.Split(line, " ")
		if got, err := said(t, args...); err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %v %s", line, err, got)
		}
	}
}
