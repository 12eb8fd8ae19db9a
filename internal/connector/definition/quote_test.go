package definition_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector/definition"
)

// TestALiteralOfJQLHoldsItsValue: whatever the value, Jira's query language sees
// one literal that says just that, or nothing is sent (C10).
func TestALiteralOfJQLHoldsItsValue(t *testing.T) {
	d := parse(t, `  ticket.search:
    steps:
      - {id: l, request: {method: GET, path: "'/l'", query: {jql: "'summary ~ ' + jqlq(arg.text) + ' AND project = OPS'"}}}
    each: steps.l.body.items
    map: {id: string(int(it)), title: "''", state: "'open'"}
limits: {rps: 100, burst: 1000}
`)
	e := runner(t, clock.System(), "127.0.0.0/8")
	var seen []string
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.URL.Query().Get("jql"))
		say(w, `{"items":[]}`)
	})
	search := func(text string) error {
		seen = nil
		_, err := e.Run(t.Context(), call(d, s.URL, "ticket.search", map[string]any{"text": text}))
		return err
	}
	for _, text := range []string{
		`x`, `"`, `""`, `\`, `\\`, `\"`, `x" OR key = 1 OR summary ~ "`, `x\" OR project = "X`, `\\" OR 1 = 1 --`, `'`, `x' OR '1`, `)`, `) OR (project = X`, `*`, `~`, `{}`, `a AND b`, `%22`, `\u0022`, `"\`, `あ"い`,
	} {
		if err := search(text); err != nil || len(seen) != 1 {
			t.Errorf("TRAP-C10 %q: %v, %d requests", text, err, len(seen))
			continue
		}
		literal, found := strings.CutPrefix(seen[0], "summary ~ ")
		literal, whole := strings.CutSuffix(literal, " AND project = OPS")
		var read string // its two escapes are those of JSON, too
		if err := json.Unmarshal([]byte(literal), &read); err != nil || !found || !whole || read != text {
			t.Errorf("TRAP-C10 %q arrived as %q: %v", text, seen[0], err)
		}
	}
	for _, text := range []string{"x\n", "x\r", "x\x00", "x\u2028", "x\u202e", "\x1b", "", strings.Repeat("x", 5000)} {
		if err := search(text); len(seen) != 0 || problem(t, err).Kind != definition.Invalid && problem(t, err).Kind != definition.Failed {
			t.Errorf("TRAP-C10 %.20q: %v, %d requests", text, err, len(seen))
		}
	}
}
