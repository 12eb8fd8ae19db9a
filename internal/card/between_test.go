package card_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
)

// ends waits until a card of Botan has what is wanted, however slow the machine.
func ends(t *testing.T, h *housetest.Home, k housetest.Kaede, which id.Card, there func(card.Card) bool) (c card.Card) {
	t.Helper()
	var err error
	for range 6000 {
		if c, err = h.Cards().Get(ctx, k.Botan, which); err != nil {
			t.Fatal(err)
		}
		if there(c) {
			return c
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("the card is %s (%s %s)", c.State, c.Why, c.Said)
	return c
}

// TestBetweenShowingAndPressing: what is changed at ServiceNow after the card was
// shown is not approved by who saw it before. The card is shown again with what
// is there now, and nothing was written there.
func TestBetweenShowingAndPressing(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, database string) {
		h, k, sn := instance(t, database)
		botan := h.As(t, k.Botan, k.Org)
		change := func(table, which string, fields servicenow.Row) {
			t.Helper()
			if err := sn.Change(table, which, fields); err != nil {
				t.Fatal(err)
			}
		}
		for name, row := range map[string]struct {
			change func(q servicenow.Request)
			shows  string
		}{
			"TRAP-H4 the amount": {func(q servicenow.Request) { change("sc_request", q.ID, servicenow.Row{"price": "98765.00"}) }, "98765.00"},
			"TRAP-H4 who wants it": {func(q servicenow.Request) {
				change("sc_request", q.ID, servicenow.Row{"requested_for": sn.SysID("haruka")})
			}, "Haruka Hara"},
			"TRAP-H4 how many": {func(q servicenow.Request) {
				change("sc_req_item", sn.SysID(q.Items[0].Number), servicenow.Row{"quantity": "41"})
			}, " - 41 @"},
		} {
			t.Run(name, func(t *testing.T) {
				q, err := sn.Order("aoi", orderable(t), 1)
				if err != nil {
					t.Fatal(err)
				}
				shown := cardOf(t, h, k, q.Number)
				wrote := len(sn.Stage().Writes())
				row.change(q)
				got := botan.Post(card.PathOf(shown.ID), form("approve", shown.Digest))
				if got.Status != http.StatusSeeOther && got.Status != http.StatusConflict { // a poll may have seen it first
					t.Fatalf("press: %d\n%s", got.Status, got.Body)
				}
				now := ends(t, h, k, shown.ID, func(c card.Card) bool { return c.State == card.Open && c.Digest != shown.Digest })
				if page := botan.Get(card.PathOf(now.ID)); !strings.Contains(page.Body, row.shows) || !strings.Contains(page.Body, now.Digest) {
					t.Errorf("what is there now is not on the card:\n%s", page.Body)
				}
				if got := botan.Post(card.PathOf(shown.ID), form("approve", shown.Digest)); got.Status != http.StatusConflict {
					t.Errorf("the old digest again: %d", got.Status)
				}
				if after, _ := sn.Request(q.Number); after.Approval != "requested" || len(sn.Stage().Writes()) != wrote {
					t.Errorf("ServiceNow says %s after %d writes", after.Approval, len(sn.Stage().Writes())-wrote)
				}
				botan.Post(card.PathOf(now.ID), form("approve", now.Digest))
				ends(t, h, k, now.ID, func(c card.Card) bool { return c.State == card.Applied })
			})
		}
		t.Run("TRAP-C12 TRAP-H6 decided there meanwhile", func(t *testing.T) {
			q, err := sn.Order("aoi", orderable(t), 1)
			if err != nil {
				t.Fatal(err)
			}
			shown := cardOf(t, h, k, q.Number)
			wrote := len(sn.Stage().Writes())
			if err := sn.Decide(q.Approvals[0].ID, "botan", "rejected", "no budget"); err != nil {
				t.Fatal(err)
			}
			if got := botan.Post(card.PathOf(shown.ID), form("approve", shown.Digest)); got.Status != http.StatusSeeOther && got.Status != http.StatusConflict {
				t.Fatalf("press: %d\n%s", got.Status, got.Body)
			}
			c := ends(t, h, k, shown.ID, func(c card.Card) bool { return c.State == card.Superseded })
			if after, _ := sn.Request(q.Number); after.Approval != "rejected" || !strings.Contains(c.Other, "Botan") || len(sn.Stage().Writes()) != wrote {
				t.Errorf("superseded by %q, ServiceNow says %s after %d writes", c.Other, after.Approval, len(sn.Stage().Writes())-wrote)
			}
		})
	})
}

// cardOf waits for Botan's card about a request.
func cardOf(t *testing.T, h *housetest.Home, k housetest.Kaede, number string) card.Card {
	t.Helper()
	all, err := h.Systems().Systems(ctx, k.Org)
	if err != nil || len(all) != 1 {
		t.Fatal(err)
	}
	for i := range 2000 {
		if i%20 == 0 {
			if err := h.Cards().Rung(ctx, k.Org, all[0].ID, nil); err != nil {
				t.Fatal(err)
			}
		}
		page, _, err := h.Cards().List(ctx, k.Botan, false, "", 50)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page {
			if c.Ticket == number {
				return c
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("no card about %s", number)
	return card.Card{}
}

// TestASystemThatIgnoresTheQuery: ServiceNow answers a query that it does not
// understand with everything. What is somebody else's, or decided, becomes no
// card, and a card shows its own request.
func TestASystemThatIgnoresTheQuery(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, database string) {
		sn, err := servicenow.New(servicenow.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		most := map[string]int{} // rows that an answer had, by table
		site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			table, list := strings.CutPrefix(r.URL.Path, "/api/now/table/")
			if !list || r.Method != http.MethodGet || table != "sysapproval_approver" && table != "sc_request" && table != "sc_req_item" {
				sn.ServeHTTP(w, r)
				return
			}
			q := r.URL.Query()
			q.Del("sysparm_query")
			r.URL.RawQuery = q.Encode()
			said := httptest.NewRecorder()
			sn.ServeHTTP(said, r)
			var body struct{ Result []any }
			_ = json.Unmarshal(said.Body.Bytes(), &body)
			mu.Lock()
			most[table] = max(most[table], len(body.Result))
			mu.Unlock()
			for name, values := range said.Header() {
				w.Header()[name] = values
			}
			w.WriteHeader(said.Code)
			_, _ = w.Write(said.Body.Bytes())
		}))
		t.Cleanup(func() { site.Close(); sn.Close() })
		h := housetest.House(t, housetest.On(database), func(o *housetest.Options) { o.Config.Egress.Allow = append(o.Config.Egress.Allow, "127.0.0.0/8") })
		k := h.People(t)
		var number string
		for _, login := range []string{"daichi", "haruka", "aoi", "aoi"} { // daichi's and haruka's are Chika's to decide
			q, err := sn.Order(login, orderable(t), 1)
			if err != nil {
				t.Fatal(err)
			}
			if login == "aoi" && number == "" {
				number = q.Number
			} else if login == "aoi" {
				if err := sn.Decide(q.Approvals[0].ID, "botan", "approved", ""); err != nil {
					t.Fatal(err)
				}
			}
		}
		connected(t, h, k, sn, site.URL)
		c := cardOf(t, h, k, number)
		all, _, err := h.Cards().List(ctx, k.Botan, false, "", 50)
		if err != nil || len(all) != 1 || c.Sheet.Number != number || len(c.Sheet.Lines) != 1 || !strings.Contains(c.Sheet.Requester.Name, "Aoi") {
			t.Errorf("TRAP-C2 %d cards, and this one says %+v, %v", len(all), c.Sheet, err)
		}
		if got := h.As(t, k.Botan, k.Org).Post(card.PathOf(c.ID), url.Values{"decision": {"approve"}, "digest": {c.Digest}}); got.Status != http.StatusSeeOther {
			t.Fatalf("press: %d\n%s", got.Status, got.Body)
		}
		ends(t, h, k, c.ID, func(c card.Card) bool { return c.State == card.Applied })
		for _, q := range sn.Requests() {
			if other := q.RequestedFor != "aoi"; other && q.Approval != "requested" || !other && q.Approval != "approved" {
				t.Errorf("TRAP-C2 %s of %s is %s", q.Number, q.RequestedFor, q.Approval)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		if most["sysapproval_approver"] < 4 || most["sc_request"] < 2 {
			t.Errorf("the answers had at most %v rows: nothing was ignored", most)
		}
	})
}
