package order_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/order"
)

// TestWhatIsNotOrdered: each refusal says what to do, and nothing reaches the
// system.
func TestWhatIsNotOrdered(t *testing.T) {
	each(t, func(r *rig) {
		room := r.h.Orders()
		good := r.wish("VPN Access", func(w *order.Wish) { w.Values["reason"] = "home" })
		for _, one := range []struct {
			name   string
			who    id.Person
			change func(*order.Wish)
			code   string
		}{
			{"a form that is none of ours", r.k.Aoi, func(w *order.Wish) { w.Key = "x" }, "order-key-malformed"},
			{"an item that is not what was shown", r.k.Aoi, func(w *order.Wish) { w.Digest = strings.Repeat("0", 64) }, "order-changed"},
			{"an item that somebody else was shown", r.k.Daichi, func(*order.Wish) {}, "order-needs-connection"},
			{"TRAP-H26 a system of another organization", r.k.Ume, func(*order.Wish) {}, "order-system-unknown"},
			{"no such system", r.k.Aoi, func(w *order.Wish) { w.System = "01jd9m7r00000000000000n0ne" }, "order-system-unknown"},
			{"no such item", r.k.Aoi, func(w *order.Wish) { w.Item = strings.Repeat("0", 32) }, "connector-not-found"},
			{"a path for an item", r.k.Aoi, func(w *order.Wish) { w.Item = "../cart" }, "connector-answer-invalid"},
			{"none", r.k.Aoi, func(w *order.Wish) { w.Quantity = 0 }, "order-invalid"},
			{"too many", r.k.Aoi, func(w *order.Wish) { w.Quantity = 100 }, "order-invalid"},
			{"a field that is wanted", r.k.Aoi, func(w *order.Wish) { w.Values = nil }, "order-invalid"},
			{"a field that it has not", r.k.Aoi, func(w *order.Wish) { w.Values = map[string]string{"reason": "x", "price": "0"} }, "order-invalid"},
			{"a text without end", r.k.Aoi, func(w *order.Wish) { w.Values = map[string]string{"reason": strings.Repeat("x", 4001)} }, "order-invalid"},
		} {
			w := good
			w.Key = room.NewKey()
			one.change(&w)
			if _, err := room.Order(ctx, one.who, w); code(err) != one.code {
				t := r.t
				t.Errorf("%s: %v, want %s", one.name, err, one.code)
			}
		}
		if n := len(r.sn.Requests()); n != 0 || r.recorded("order.ordered") != 0 {
			r.t.Errorf("%d requests, %d records of what was refused", n, r.recorded("order.ordered"))
		}
	})
}

// TestAnOrder: what Aoi orders in the Hub is hers in ServiceNow, once, and she
// sees who has to approve it and that it was approved.
func TestAnOrder(t *testing.T) {
	each(t, func(r *rig) {
		t := r.t
		w := r.wish("Macbook Pro", func(w *order.Wish) { w.Quantity = 2 })
		var wg sync.WaitGroup
		ids := make([]id.Order, 8)
		for i := range ids {
			wg.Go(func() {
				q, err := r.h.Orders().Order(ctx, r.k.Aoi, w)
				if err != nil {
					t.Error(err)
				}
				ids[i] = q.ID
			})
		}
		ended := make(chan struct{})
		go func() { wg.Wait(); close(ended) }()
		r.until("all are answered", func() bool { // each reads the item, in the connection's turn
			select {
			case <-ended:
				return true
			default:
				return false
			}
		})
		for _, one := range ids {
			if one != ids[0] {
				t.Fatalf("one form made %v", ids)
			}
		}
		q := r.there(ids[0])
		all := r.sn.Requests()
		if len(all) != 1 || all[0].RequestedFor != "aoi" || all[0].Items[0].Quantity != "2" || q.Number != all[0].Number {
			t.Fatalf("ServiceNow has %+v, the order is %s", all, q.Number)
		}
		if q.State != connector.Waiting || len(q.Asked) != 1 || q.Asked[0].State != connector.Pending || !strings.Contains(q.URL, all[0].ID) {
			t.Errorf("S0-A6 the order reads %+v", q)
		}
		if _, err := r.h.Orders().Get(ctx, r.k.Botan, q.ID); code(err) != "order-unknown" {
			t.Errorf("somebody else's order: %v", err)
		}
		r.read()
		if n := r.counted(r.read); n != 1 {
			t.Errorf("a reading without news took %d calls", n)
		}
		if err := r.sn.Decide(all[0].Approvals[0].ID, "botan", "approved", ""); err != nil {
			t.Fatal(err)
		}
		r.clock.Advance(2e9)
		if n := r.counted(r.read); n > 3 {
			t.Errorf("a reading with one change took %d calls", n)
		}
		if q = r.get(q.ID); q.State != connector.Approved || q.Asked[0].State != connector.Approved || q.Steps[len(q.Steps)-1].Name != "state.approved" {
			t.Errorf("S0-A6 approved reads %+v", q)
		}
		r.read()
		r.until("mail", func() bool { return len(r.told(q.Number)) > 0 })
		if got := r.told(q.Number); len(got) != 1 {
			t.Errorf("she was told %d times: %q", len(got), got)
		}
		if a, b, c := r.recorded("order.ordered"), r.recorded("order.placed"), r.recorded("order.changed"); a != 1 || b != 1 || c != 1 {
			t.Errorf("recorded %d ordered, %d placed, %d changed", a, b, c)
		}
	}, housetest.WithMail())
}

// TestRequestsOfTheirOwn: what somebody ordered in ServiceNow itself is there too,
// and what vanishes there is said to have, once it was asked for.
func TestRequestsOfTheirOwn(t *testing.T) {
	each(t, func(r *rig) {
		t := r.t
		theirs, err := r.sn.Order("botan", "iPhone", 1)
		if err != nil {
			t.Fatal(err)
		}
		mine, err := r.sn.Order("aoi", "iPhone", 1)
		if err != nil {
			t.Fatal(err)
		}
		r.read()
		list, _, err := r.h.Orders().List(ctx, r.k.Aoi, false, "", 10)
		if err != nil || len(list) != 1 || list[0].Number != mine.Number || list[0].Number == theirs.Number {
			t.Fatalf("TRAP-C2 Aoi's requests are %+v, %v", list, err)
		}
		r.sn.Set(func(s *servicenow.Switches) { s.Outage = true })
		if err := r.h.Orders().Read(ctx, order.Tie{Org: r.k.Org, System: r.system, Person: r.k.Aoi}); err == nil {
			t.Error("a reading of a system that is away ended well")
		}
		r.sn.Set(func(s *servicenow.Switches) { s.Outage = false })
		if got := r.get(list[0].ID); got.State != connector.Waiting {
			t.Errorf("TRAP-C11 an outage made it %s", got.State)
		}
		if err := r.sn.Decide(mine.Approvals[0].ID, "botan", "rejected", "no budget"); err != nil {
			t.Fatal(err)
		}
		r.clock.Advance(2e9)
		r.read()
		done, _, err := r.h.Orders().List(ctx, r.k.Aoi, true, "", 10)
		if err != nil || len(done) != 1 || done[0].State != connector.Rejected {
			t.Errorf("rejected reads %+v, %v", done, err)
		}
	})
}

// TestTwoStepCheckout: an order is one only with a number, and what else lies in
// the cart is not ordered along.
func TestTwoStepCheckout(t *testing.T) {
	r := newRig(t, housetest.SQLite(t))
	r.sn.Set(func(s *servicenow.Switches) { s.TwoStep = true })
	if q := r.there(r.order(r.wish("iPhone")).ID); q.Number == "" || len(r.sn.Requests()) != 1 {
		t.Errorf("TRAP-C7 %+v, %d requests", q, len(r.sn.Requests()))
	}
	// Something is put aside at ServiceNow itself.
	access, _ := r.sn.Grant("aoi", "sekisho")
	put, err := http.NewRequestWithContext(ctx, http.MethodPost, r.base+"/api/sn_sc/servicecatalog/items/"+r.sn.SysID("Macbook Pro")+"/add_to_cart", strings.NewReader(`{"sysparm_quantity":"1"}`))
	if err != nil {
		t.Fatal(err)
	}
	put.Header.Set("Authorization", "Bearer "+access.Reveal())
	put.Header.Set("Content-Type", "application/json")
	got, err := http.DefaultClient.Do(put)
	if err != nil || got.StatusCode >= 300 {
		t.Fatalf("put aside: %v %v", got, err)
	}
	_ = got.Body.Close()
	q := r.order(r.wish("iPhone"))
	r.until("refused", func() bool { return r.get(q.ID).Way == order.Refused })
	if q = r.get(q.ID); q.Why != string(connector.Conflict) || !strings.Contains(q.Said, "cart") || len(r.sn.Requests()) != 1 {
		t.Errorf("TRAP-C7 %+v, %d requests", q, len(r.sn.Requests()))
	}
}

// TestTheSystemSaysNo: a definite no is on the order in words.
func TestTheSystemSaysNo(t *testing.T) {
	r := newRig(t, housetest.SQLite(t))
	room := r.h.Orders().Apart("order.test")
	q, err := room.Order(ctx, r.k.Aoi, r.wish("iPhone"))
	if err != nil {
		t.Fatal(err)
	}
	r.sn.Revoke("aoi")
	desk := r.start(room.Driver())
	defer r.stop(desk)
	r.until("refused", func() bool { return r.get(q.ID).Way == order.Refused })
	if q = r.get(q.ID); q.Why != string(connector.Unauthorized) || r.recorded("order.refused") != 1 {
		t.Errorf("%+v", q)
	}
}

// TestThePages: list, catalog, form and request, with what is wrong beside its
// field, in both languages.
func TestThePages(t *testing.T) {
	r := newRig(t, housetest.SQLite(t))
	aoi, daichi := r.h.As(t, r.k.Aoi, r.k.Org), r.h.As(t, r.k.Daichi, r.k.Org)
	if got := daichi.Get("/orders/new"); !strings.Contains(got.Body, "/settings/integrations") || !strings.Contains(got.Body, "ServiceNow") {
		t.Errorf("who is not connected is not led to the switch:\n%s", got.Body)
	}
	if got := aoi.Get("/orders/new?q=VPN"); strings.Contains(got.Body, "Macbook") || !strings.Contains(got.Body, "VPN Access") {
		t.Errorf("the catalog says\n%s", got.Body)
	}
	path := "/orders/new/" + string(r.system) + "/" + r.sn.SysID("VPN Access")
	page := aoi.Get(path)
	hidden := func(body, name string) string {
		at := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(body)
		if at == nil {
			t.Fatalf("no %s in\n%s", name, body)
		}
		return at[1]
	}
	form := url.Values{"key": {hidden(page.Body, "key")}, "digest": {hidden(page.Body, "digest")}, "quantity": {"three"}}
	bad := aoi.Post(path, form)
	if bad.Status != http.StatusBadRequest || !strings.Contains(bad.Body, `value="three"`) || hidden(bad.Body, "key") != form.Get("key") {
		t.Errorf("a bad form: %d\n%s", bad.Status, bad.Body)
	}
	form.Set("quantity", "1")
	form.Set("value.reason", "<b>home</b>")
	sent := aoi.Post(path, form)
	if sent.Status != http.StatusSeeOther {
		t.Fatalf("order: %d\n%s", sent.Status, sent.Body)
	}
	if again := aoi.Post(path, form); again.Header.Get("Location") != sent.Header.Get("Location") {
		t.Errorf("pressed twice: %s and %s", sent.Header.Get("Location"), again.Header.Get("Location"))
	}
	at := sent.Header.Get("Location")
	q := r.there(id.Order(at[strings.LastIndex(at, "/")+1:]))
	for _, lang := range []string{"en", "ja"} {
		got := aoi.Get(at + "?lang=" + lang)
		if !strings.Contains(got.Body, q.Number) || !strings.Contains(got.Body, "&lt;b&gt;home") || strings.Contains(got.Body, "order.") {
			t.Errorf("A129 %s: the request says\n%s", lang, got.Body)
		}
	}
	if got := daichi.Get(at); got.Status != http.StatusNotFound {
		t.Errorf("somebody else's request: %d", got.Status)
	}
	if got := aoi.Get("/orders"); !strings.Contains(got.Body, q.Number) {
		t.Errorf("the list says\n%s", got.Body)
	}
	if got := aoi.Get("/"); !strings.Contains(got.Body, q.Number) {
		t.Error("the first page does not show what she waits for")
	}
	form.Set("quantity", "3")
	other := aoi.Post(path, form)
	if other.Status != http.StatusConflict || hidden(other.Body, "key") == form.Get("key") || !strings.Contains(other.Body, "was sent already") {
		t.Errorf("another quantity in a form that was sent: %d\n%s", other.Status, other.Body)
	}
	if n := len(r.sn.Requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}
