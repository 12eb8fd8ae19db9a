package ticket_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/lease"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/secret"
)

// echo puts a front before the rig's ServiceNow that repeats the credential in
// what it answers, and keeps the tokens that were given.
func (r *rig) echo() (refuses *atomic.Bool, given func() []string) {
	refuses = &atomic.Bool{}
	var mu sync.Mutex
	var all []string
	f := r.behind(r.sn)
	first := func(w http.ResponseWriter, q *http.Request) bool {
		credential := q.Header.Get("Authorization")
		if refuses.Load() && strings.HasPrefix(q.URL.Path, "/api/") {
			page(http.StatusForbidden, "application/json", fmt.Sprintf(`{"error":{"message":"not with %s"}}`, credential))(w, q)
			return true
		}
		rec := httptest.NewRecorder()
		r.sn.ServeHTTP(rec, q)
		body := rec.Body.String()
		if q.URL.Path == "/oauth_token.do" {
			var t struct {
				Access  string `json:"access_token"`
				Refresh string `json:"refresh_token"`
			}
			_ = json.Unmarshal(rec.Body.Bytes(), &t)
			mu.Lock()
			all = append(all, t.Access, t.Refresh)
			mu.Unlock()
		}
		body = strings.ReplaceAll(body, "a laptop", "a laptop, asked with "+strings.TrimPrefix(credential, "Bearer "))
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write([]byte(body))
		return true
	}
	f.first.Store(&first)
	return refuses, func() (tokens []string) {
		mu.Lock()
		defer mu.Unlock()
		for _, one := range all {
			if one != "" {
				tokens = append(tokens, one)
			}
		}
		return tokens
	}
}

// TestNobodySaysWhatAConnectionHas: neither the client's secret nor a token stands
// on a page, in an answer, an export, the log of the house, its records or its
// database, even if the system repeats the token in a ticket and in what it
// refuses. The test screen shows the ticket without it, grants nothing, is on
// record, and is for administrators.
func TestNobodySaysWhatAConnectionHas(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, database string) {
		var log housetest.Pen
		r := newRig(t, housetest.House(t, housetest.On(database), onLoopback, housetest.LogTo(&log)))
		refuses, given := r.echo()
		system := r.add()
		made, group := r.opened(id.Connector(system)), r.offered()
		if len(given()) < 2 {
			t.Fatalf("%d tokens were given", len(given()))
		}
		seen := map[string]string{}
		note := func(what string, got housetest.Answer) housetest.Answer {
			seen[what] = fmt.Sprint(got.Status, got.Header, got.Body)
			return got
		}
		screen, api := "/admin/systems/"+system+"/test", r.systems()+"/"+system+"/test"

		asked := func() int { return r.sn.Stage().Count(http.MethodGet, "/api/now/table/incident") } // by a test alone
		calls, wrote := asked(), len(r.sn.Stage().Writes())
		botan := r.h.As(t, r.k.Botan, r.k.Org)
		for what, got := range map[string]housetest.Answer{
			"screen": botan.Post(screen, url.Values{"ticket": {made.ID}}), "API": botan.Call(http.MethodPost, api, map[string]any{"ticket": made.ID}),
		} {
			if got.Status != http.StatusForbidden || asked() != calls {
				t.Errorf("TRAP-H19 %s: somebody without the permission tests: %d", what, got.Status)
			}
		}
		before := r.recorded("connector.tested")
		defer func() {
			if asked() == calls {
				t.Error("no test asked for the ticket")
			}
		}()
		tested := note("test screen", r.chika.Post(screen, url.Values{"ticket": {made.ID}}))
		if tested.Status != http.StatusOK || !strings.Contains(tested.Body, "a laptop, asked with "+secret.Redacted) {
			t.Errorf("TRAP-H19 the ticket is not shown with its secret masked: %d\n%s", tested.Status, tested.Body)
		}
		note("test API", r.chika.Call(http.MethodPost, api, map[string]any{"ticket": made.ID}))
		refuses.Store(true)
		if got := note("refused test screen", r.chika.Post(screen, url.Values{"ticket": {made.ID}})); !strings.Contains(got.Body, secret.Redacted) {
			t.Errorf("TRAP-H19 the trace of a refused test does not show where a secret was: %d\n%s", got.Status, got.Body)
		}
		note("refused test API", r.chika.Call(http.MethodPost, api, map[string]any{"ticket": made.ID}))
		refuses.Store(false)
		if n := r.recorded("connector.tested") - before; n != 4 {
			t.Errorf("TRAP-H19 %d records of four tests", n)
		}
		if n := len(r.sn.Stage().Writes()) - wrote; n != 0 {
			t.Errorf("TRAP-H19 a test wrote %d times", n)
		}
		if out, _, err := r.h.Hall().Ledger.In(t.Context(), r.k.Org, lease.Query{}); err != nil || len(out) != 0 {
			t.Errorf("TRAP-H19 a test granted %v, %v", out, err)
		}

		a, err := r.h.Hall().Raise(t.Context(), r.k.Chika, request.Wanted{
			Org: r.k.Org, Kind: "group", Target: string(group), Reason: "Report", Ticket: request.Ticket{System: id.Connector(system), Number: made.ID},
		})
		if err != nil || !strings.HasPrefix(a.Ticket.Title, "a laptop") {
			t.Fatalf("the ask's ticket is %+v, %v", a.Ticket, err)
		}
		for _, path := range []string{
			"/", "/admin/systems", "/admin/systems/" + system, "/admin/systems/" + system + "/edit", "/settings/integrations", "/admin/audit", "/admin/effects", request.Path + "/" + string(a.ID),
			r.systems(), r.systems() + "/" + system, "/api/v1/me/integrations", "/api/v1/manifests/export", "/api/v1/effects", "/api/v1/audit/records?limit=500", "/api/v1/audit/export",
		} {
			if got := note(path, r.chika.Get(path)); got.Status >= 500 {
				t.Errorf("%s: %d", path, got.Status)
			}
		}
		if !strings.Contains(seen[request.Path+"/"+string(a.ID)], "a laptop") || !strings.Contains(seen[r.systems()+"/"+system], r.client.ID) {
			t.Error("the pages say so little that nothing is shown")
		}
		seen["log"] = log.String()
		for _, canary := range append(given(), r.client.Secret.Reveal()) {
			for where, text := range seen {
				if strings.Contains(text, canary) {
					t.Errorf("TRAP-C24 it stands in %s", where)
				}
			}
			if found := holds(t, r.h, canary); found != nil {
				t.Errorf("TRAP-C24 it stands in %v", found)
			}
		}
	})
}
