package connector_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/secret"
)

func parseFile(t *testing.T, file string) *connector.Definition {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d, err := connector.Parse(file, text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func engine(t *testing.T) *connector.Engine {
	t.Helper()
	way, err := egress.New(egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	e := connector.NewEngine(connector.EngineOptions{Egress: way, Clock: clock.System()})
	t.Cleanup(e.Close)
	return e
}

type loan struct {
	No       string `json:"no"`
	Tool     string `json:"tool"`
	State    string `json:"state"`
	Borrower string `json:"borrower"`
	Foreman  string `json:"foreman"`
	Why      string `json:"why"`
	Version  int    `json:"version"`
}

// shed is the made-up system: pages of two, whatever is asked.
type shed struct {
	mu    sync.Mutex
	loans []*loan
	calls int
}

func (s *shed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	no := strings.TrimPrefix(r.URL.Path, "/loans/")
	i := slices.IndexFunc(s.loans, func(l *loan) bool { return l.No == no })
	switch {
	case r.Header.Get("X-Shed-Key") != "key-of-foreman":
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/me":
		_ = json.NewEncoder(w).Encode(map[string]string{"login": "tetsuo", "mail": "tetsuo@shed.example", "name": "Tetsuo"})
	case r.URL.Path == "/loans":
		skip, _ := strconv.Atoi(r.URL.Query().Get("skip"))
		page := s.loans[min(skip, len(s.loans)):min(skip+2, len(s.loans))]
		_ = json.NewEncoder(w).Encode(map[string]any{"loans": page, "total": len(s.loans)})
	case i < 0:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodPut && r.Header.Get("If-Match") != strconv.Itoa(s.loans[i].Version):
		w.WriteHeader(http.StatusPreconditionFailed)
	case r.Method == http.MethodPut:
		if err := json.NewDecoder(r.Body).Decode(s.loans[i]); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		s.loans[i].Version++
		w.WriteHeader(http.StatusNoContent)
	default:
		_ = json.NewEncoder(w).Encode(s.loans[i])
	}
}

func TestASystemThatNobodyHasSeenNeedsNoCode(t *testing.T) {
	t.Run("CAP-I5 a file of fewer than sixty lines", testShed)
}

func testShed(t *testing.T) {
	d := parseFile(t, "testdata/tool-shed.yaml")
	if lines := strings.Count(string(d.Source), "\n"); lines >= 60 {
		t.Fatalf("%d lines", lines)
	}
	s := &shed{}
	for i := range 5 {
		s.loans = append(s.loans, &loan{No: "L-" + strconv.Itoa(i), Tool: "saw " + strconv.Itoa(i), State: "asked", Borrower: "mei", Foreman: "tetsuo", Version: 1})
	}
	s.loans[3].Foreman = "somebody-else"
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	e, ctx := engine(t), t.Context()
	c := connector.Call{Definition: d, Settings: map[string]any{"base_url": server.URL}, Credential: connector.Credential{Token: secret.Of("key-of-foreman")}, NativeUser: "tetsuo"}

	who, err := e.Whoami(ctx, c)
	if err != nil || who.NativeID != "tetsuo" {
		t.Fatal(who, err)
	}
	list, err := e.Approvals(ctx, c)
	if err != nil || len(list) != 4 || list[3].ID != "L-4" || list[0].Title != "Lend saw 0" {
		t.Fatal(list, err)
	}
	if _, err := e.Decide(ctx, c, connector.Verdict{ID: "L-0", Decision: connector.Reject}); connector.KindOf(err) != connector.Invalid {
		t.Fatal(err)
	}
	done, err := e.Decide(ctx, c, connector.Verdict{ID: "L-0", Decision: connector.Approve, ETag: "1"})
	if err != nil || done.State != connector.Approved {
		t.Fatal(done, err)
	}
	if _, err := e.Decide(ctx, c, connector.Verdict{ID: "L-0", Decision: connector.Reject, Comment: "no"}); connector.KindOf(err) != connector.Conflict {
		t.Fatal(err)
	}
	c.Mode, c.NativeUser = connector.ModeService, "mallory"
	before := s.calls
	if _, err := e.Decide(ctx, c, connector.Verdict{ID: "L-1", Decision: connector.Approve}); connector.KindOf(err) != connector.Forbidden || s.calls != before+1 {
		t.Fatal(err, s.calls-before)
	}
}

// The worked example of the documentation is the one that runs above.
func TestTheDocumentedExampleIsTheOneThatRuns(t *testing.T) {
	page, err := os.ReadFile("../../docs/connectors.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("testdata/tool-shed.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```yaml\n"+string(example)+"```\n") {
		t.Fatal("docs/connectors.md shows another definition than testdata/tool-shed.yaml")
	}
}
