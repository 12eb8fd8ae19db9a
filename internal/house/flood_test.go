package house_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/store"
)

// bounded are the tables in which nobody's requests may leave rows, and what
// bounds these: TestCap of once, TestFakeNamesEvictNoCounter of signin.
var bounded = []string{"once_value", "attempt"}

var createdTable = regexp.MustCompile(`(?m)^CREATE TABLE (\w+)`)

// rowsOf counts the rows of every table that nothing bounds; a record counts
// once, whether it waits for its place in the log or has it.
func rowsOf(t *testing.T, s *store.Store) map[string]int64 {
	t.Helper()
	schema, err := os.ReadFile(filepath.Join(root, "schema.sql"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]int64{"records": counted(t, s, "audit_pending") + counted(t, s, "audit_record")}
	for _, m := range createdTable.FindAllStringSubmatch(string(schema), -1) {
		if name := m[1]; !strings.HasPrefix(name, "audit_") && !slices.Contains(bounded, name) {
			all[name] = counted(t, s, name)
		}
	}
	if len(all) < 40 {
		t.Fatalf("only %d tables", len(all))
	}
	return all
}

// Whoever is nobody leaves nothing that grows: every public door is asked again
// and again, each time by another browser and for somebody else, and what the
// house keeps of it does not follow their number.
func TestA151NobodyLeavesWhatGrows(t *testing.T) {
	housetest.Long(t)
	const times, most = 80, 45 // refusals of one kind are told one by one up to twenty a minute
	housetest.EachURL(t, func(t *testing.T, database string) {
		h := housetest.House(t, housetest.On(database), housetest.WithMail())
		h.People(t)
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		ask := func(method, path string, i int) int {
			login := []string{fmt.Sprintf("stranger%d", i), "aoi"}[i%2]
			typed := url.Values{
				"login": {login}, "password": {fmt.Sprintf("guess %d of a stranger", i)}, "email": {login + "@kaede.example"}, "link": {fmt.Sprintf("%043d", i)},
				"ticket": {fmt.Sprintf("%043d", i)}, "answer": {"{}"}, "answer-text": {"000000"}, "method": {"totp"}, "lang": {"ja"}, "back": {"/"},
			}
			body := io.Reader(nil)
			if method == http.MethodGet {
				path += "?" + typed.Encode()
			} else {
				body = strings.NewReader(typed.Encode())
			}
			r, err := http.NewRequestWithContext(t.Context(), method, h.URL()+path, body)
			if err != nil {
				t.Fatal(err)
			}
			r.Header = http.Header{"Origin": {h.URL()}, "Content-Type": {"application/x-www-form-urlencoded"}, "User-Agent": {fmt.Sprintf("browser %d", i)}}
			got, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, got.Body)
			_ = got.Body.Close()
			return got.StatusCode
		}
		for _, route := range h.Routes() {
			if !slices.Contains(public, name(route)) || route.Path == "/events" { // streams: web.TestStreamsAreBounded
				continue
			}
			before := rowsOf(t, h.Store())
			for i := range times {
				if status := ask(route.Method, address(route), i); status >= 500 {
					t.Fatalf("%s answers %d", name(route), status)
				}
			}
			for table, after := range rowsOf(t, h.Store()) {
				if grown := after - before[table]; grown > most {
					t.Errorf("%s asked %d times by nobody: %s grew by %d", name(route), times, table, grown)
				}
			}
		}
	})
}
