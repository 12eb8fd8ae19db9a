package house_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/words"
)

// quiet is an empty house that nobody serves, as a command opens it.
type quiet struct {
	t      testing.TB
	client *http.Client
}

func emptyHouse(t testing.TB, url string) *quiet {
	t.Helper()
	data := filepath.Join(t.TempDir(), "house")
	config, err := house.LoadConfig("", nil)
	if err != nil {
		t.Fatal(err)
	}
	config.Listen, config.Data, config.Database = "localhost:0", data, secret.Of(url)
	config.Unseal.File = filepath.Join(data, "unseal.key")
	h, err := house.New(context.Background(), house.Options{
		Config: config, Clock: clock.System(), Log: housetest.Log(t), Version: "test", Lang: words.English, Say: &bytes.Buffer{}, Demo: true, Alone: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	dial, err := h.Work(context.Background(), true)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	t.Cleanup(transport.CloseIdleConnections)
	return &quiet{t, &http.Client{Transport: transport}}
}

// call returns the status, and the answer in out.
func (q *quiet) call(method, path string, in, out any) int {
	q.t.Helper()
	text, err := json.Marshal(in)
	if err != nil {
		q.t.Fatal(err)
	}
	request, err := http.NewRequest(method, "http://localhost/api/v1"+path, bytes.NewReader(text))
	if err != nil {
		q.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := q.client.Do(request)
	if err != nil {
		q.t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	if err := json.NewDecoder(answer.Body).Decode(out); err != nil {
		q.t.Fatal(err)
	}
	return answer.StatusCode
}

// send plans or applies documents; what is refused fails the test.
func (q *quiet) send(act, text string, prune bool) manifest.Plan {
	q.t.Helper()
	docs, err := manifest.Parse("house.yaml", []byte(text))
	if err != nil {
		q.t.Fatal(err)
	}
	var out struct {
		manifest.Plan
		Title  string
		Detail string
		Errors []struct{ Place, Field, Message string }
	}
	status := q.call(http.MethodPost, "/manifests/"+act, map[string]any{"documents": docs, "prune": prune}, &out)
	if status != http.StatusOK {
		q.t.Fatalf("%s: %d %s %s %v\n%s", act, status, out.Title, out.Detail, out.Errors, text[:min(len(text), 4000)])
	}
	return out.Plan
}

func (q *quiet) export() string {
	q.t.Helper()
	var out struct{ YAML string }
	if status := q.call(http.MethodGet, "/manifests/export", nil, &out); status != http.StatusOK {
		q.t.Fatalf("export: %d", status)
	}
	return out.YAML
}

// company is a company of about n objects: half people, and for each a
// membership; some of them in groups, with roles.
func company(n int) string {
	var b strings.Builder
	b.WriteString("kind: Organization\nname: kaede\nspec: {type: provider, title: Kaede Trading}\n")
	people := n * 47 / 100
	for i := range people {
		fmt.Fprintf(&b, "---\nkind: Person\nname: p%05d\nspec: {email: p%05d@kaede.example, family_name: 高橋, given_name: 葵, reading: たかはし あおい}\n", i, i)
		fmt.Fprintf(&b, "---\nkind: Member\norg: kaede\nname: p%05d\nspec: {roles: [r%d, user]", i, i%(n/50))
		if i > 10 {
			fmt.Fprintf(&b, ", manager: p%05d", i/10)
		}
		b.WriteString("}\n")
	}
	for i := range n / 50 {
		fmt.Fprintf(&b, "---\nkind: Role\norg: kaede\nname: r%d\nspec: {permissions: [people.read]}\n", i)
		fmt.Fprintf(&b, "---\nkind: Group\norg: kaede\nname: g%d\nspec:\n  members: [", i)
		for j := i * 20; j < (i+1)*20 && j < people; j++ {
			fmt.Fprintf(&b, "p%05d, ", j)
		}
		b.WriteString("]\n")
		if i > 0 {
			fmt.Fprintf(&b, "  groups: [g%d]\n", i/2)
		}
	}
	return strings.ReplaceAll(b.String(), ", ]", "]")
}

// The largest applies that are allowed. Figures: docs/figures.md.
func BenchmarkApply(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		for _, n := range []int{1_000, 5_000, 20_000} {
			b.Run(fmt.Sprint(engine, "/", n), func(b *testing.B) {
				text := company(n)
				for b.Loop() {
					b.StopTimer()
					url := housetest.SQLite(b)
					if engine == "postgres" {
						url = housetest.Postgres(b)
					}
					h := emptyHouse(b, url)
					b.StartTimer()
					h.send("apply", text, false)
				}
				b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/apply")
			})
		}
	}
}
