package connector_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/secret"
)

func builtIn(t *testing.T, name string) *connector.Definition {
	t.Helper()
	all := connector.BuiltIn()
	i := slices.IndexFunc(all, func(d *connector.Definition) bool { return d.ID == name })
	if i < 0 {
		t.Fatal("no definition " + name)
	}
	return all[i]
}

func cell(text string) map[string]string {
	return map[string]string{"value": text, "display_value": text}
}

// A full page of approvals with three items each takes three calls, and its
// expressions stay within their limits.
func TestAHundredCardsTakeThreeCalls(t *testing.T) {
	var calls atomic.Int64
	longest := atomic.Int64{}
	key := func(kind string, i int) string { return fmt.Sprintf("%s%031d", kind, i) }
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		longest.Store(max(longest.Load(), int64(len(r.URL.String()))))
		rows := []any{}
		for i := range 100 {
			switch {
			case strings.HasSuffix(r.URL.Path, "sysapproval_approver"):
				rows = append(rows, map[string]any{
					"sys_id": cell(key("a", i)), "sysapproval": cell(key("r", i)), "state": cell("requested"), "approver": cell("u5"),
					"source_table": cell("sc_request"), "due_date": cell(""), "sys_updated_on": cell("2026-01-01 10:00:00"),
				})
			case strings.HasSuffix(r.URL.Path, "sc_request"):
				rows = append(rows, map[string]any{"sys_id": cell(key("r", i)), "number": cell(fmt.Sprint("REQ", i)), "price": cell("5"), "requested_for": cell("u3")})
			default:
				for k := range 3 {
					rows = append(rows, map[string]any{"sys_id": cell(fmt.Sprint(i, k)), "request": cell(key("r", i)), "short_description": cell(fmt.Sprint("Item ", i)), "quantity": cell("1"), "price": cell("5")})
				}
			}
		}
		w.Header().Set("X-Total-Count", "100")
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"result": rows})
	}))
	t.Cleanup(s.Close)
	list, err := engine(t).Approvals(t.Context(), connector.Call{
		Definition: builtIn(t, "servicenow"), Settings: map[string]any{"base_url": s.URL}, NativeUser: "u5",
		Credential: connector.Credential{AccessToken: secret.Of("token-of-u5")},
	})
	if err != nil || len(list) != 100 || calls.Load() != 3 {
		t.Fatal(err, len(list), calls.Load())
	}
	for i, a := range list {
		if a.TicketID != fmt.Sprint("REQ", i) || len(a.Lines) != 3 || a.Lines[0] != fmt.Sprintf("Item %d - 1 @ 5", i) || a.Requester.NativeID != "u3" {
			t.Fatalf("%d: %+v", i, a)
		}
	}
	if longest.Load() > 4000 {
		t.Fatalf("an address of %d bytes", longest.Load())
	}
}
