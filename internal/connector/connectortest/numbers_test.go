package connectortest_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/secret"
)

// numbers are tickets as their systems write them.
var numbers = map[string]string{"servicenow": "REQ0010001", "jira-service-management-cloud": "OPS-7", "request-tracker-5": "17"}

// tricks are texts that look like the number, hold it, or are it to somebody who
// reads less strictly.
func tricks(number string) []string {
	other := func(zero rune) string {
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return zero + r - '0'
			}
			return r
		}, number)
	}
	out := []string{
		"", "xx" + number, number + "xx", number + "\n", "\n" + number, number + "\r\n", "x\n" + number, number + "\nx", number + "\x00", " " + number, number + " ", number + "\u200b", "\ufeff" + number,
		other('０'), other('٠'), other('०'), "^" + number + "$", number + "|" + number, "(" + number + ")", number + "/../" + number, number + "," + number, number + "^" + number, "'" + number + "'",
		number + strings.Repeat("0", 40), number + "%0a", number + "#1", number + "?", "-" + number, number + ".0", strings.ToLower(number) + "e1",
	}
	for _, foreign := range numbers {
		if foreign != number {
			out = append(out, foreign)
		}
	}
	return out
}

// TestNumbersThatOnlyLookRight: what only resembles a ticket's number, or is the
// number of another system, is refused before anything is asked, by whatever is
// done with a ticket (H15).
func TestNumbersThatOnlyLookRight(t *testing.T) {
	way, err := egress.New(egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	e := connector.NewEngine(connector.EngineOptions{Egress: way, Clock: clock.System()})
	t.Cleanup(e.Close)
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(server.Close)
	ran := 0
	for _, d := range connector.BuiltIn() {
		number := numbers[d.ID]
		if number == "" {
			continue
		}
		ran++
		settings := map[string]any{}
		for _, s := range d.Settings() {
			if s.Type == "url" {
				settings[s.Name] = server.URL
			}
		}
		c := connector.Call{Definition: d, Settings: settings, Credential: connector.Credential{AccessToken: secret.Of("token-of-somebody"), Token: secret.Of("1-14-token-of-somebody")}}
		for name, does := range map[string]func(id string) error{
			"read":       func(id string) error { _, err := e.Ticket(t.Context(), c, id); return err },
			"comment":    func(id string) error { return e.Comment(t.Context(), c, id, "x", "m", false) },
			"comments":   func(id string) error { _, err := e.Comments(t.Context(), c, id, "m"); return err },
			"transition": func(id string) error { _, err := e.Transition(t.Context(), c, id, "open", "", "", "m"); return err },
		} {
			t.Run("TRAP-H15 "+d.ID+" "+name, func(t *testing.T) {
				for _, id := range tricks(number) {
					if err := does(id); connector.KindOf(err) != connector.Invalid || asked.Load() != 0 {
						t.Errorf("%q: %v, asked %d times", id, err, asked.Swap(0))
					}
				}
				if err := does(number); err == nil || asked.Swap(0) == 0 {
					t.Errorf("%q was not asked for: %v", number, err)
				}
			})
		}
	}
	if ran != len(numbers) {
		t.Errorf("%d definitions, want %d", ran, len(numbers))
	}
}
