package order_test

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/order"
)

// unclear reports whether an order is parked.
func (r *rig) unclear(which id.Order) bool {
	s, err := r.h.Orders().StandOf(ctx, r.get(which))
	return err == nil && s.Unclear
}

// cartless is a system like ServiceNow at which orders of one account do not
// meet in a cart.
func (r *rig) cartless() id.Connector {
	r.t.Helper()
	text, err := os.ReadFile("../connector/definition/definitions/servicenow.yaml")
	if err != nil {
		r.t.Fatal(err)
	}
	changed := strings.Replace(strings.Replace(string(text), "id: servicenow\n", "id: cartless\n", 1), "    alone: true", "    alone: false", 1)
	if !strings.Contains(changed, "alone: false") {
		r.t.Fatal("the definition does not say that orders go alone")
	}
	system := r.add(map[string]any{"definition": "cartless", "document": changed, "name": "cartless", "title": "Cartless"})
	r.connect(system, r.k.Aoi, "aoi")
	return system
}

// TestOrdersAreIndependent: an order of which nobody knows whether it arrived
// holds up no other of the same person at the same system, whether orders meet in
// a cart there or not; and what an operator retries finds its own.
func TestOrdersAreIndependent(t *testing.T) {
	for name, cart := range map[string]bool{"one after the other": true, "at once": false} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, housetest.SQLite(t))
			if !cart {
				r.system = r.cartless()
			}
			w := r.wish("Shared Mailbox")
			r.sn.Set(func(s *servicenow.Switches) { s.Cut = 1 })
			parked := r.order(w)
			r.until("sent", func() bool { return len(r.sn.Requests()) == 1 })
			if _, err := r.sn.Order("aoi", "Shared Mailbox", 1); err != nil { // which of the two is it?
				t.Fatal(err)
			}
			r.until("parked", func() bool { return r.unclear(parked.ID) })
			one, two := r.order(r.wish("iPhone")), r.order(r.wish("Macbook Pro"))
			r.there(one.ID)
			r.there(two.ID)
			page := r.h.As(t, r.k.Aoi, r.k.Org).Get(order.PathOf(parked.ID))
			if n := len(r.sn.Requests()); n != 4 || !r.unclear(parked.ID) || !strings.Contains(page.Body, "your other orders go on") {
				t.Errorf("%d requests, parked %v, the page says\n%s", n, r.unclear(parked.ID), page.Body)
			}
			chika := r.h.As(t, r.k.Chika, r.k.Org)
			press := "/admin/effects/" + string(parked.Effect) + "/retry"
			for who, v := range map[bool]*housetest.Visitor{true: chika, false: r.h.As(t, r.k.Daichi, r.k.Org)} {
				if got := v.Get("/cards"); strings.Contains(got.Body, press) != who {
					t.Errorf("CAP-K1 the list of who may settle it (%v) says\n%s", who, got.Body)
				}
			}
			if got := chika.Post(press, url.Values{}); got.Status != http.StatusSeeOther || r.recorded("effect.retried") != 1 {
				t.Errorf("CAP-K1 pressed in the list: %d %s", got.Status, got.Body)
			}
			three := r.order(r.wish("iPhone"))
			r.there(three.ID)
			r.until("parked again", func() bool { return r.unclear(parked.ID) })
			if n := len(r.sn.Requests()); n != 5 {
				t.Errorf("%d requests of 5: a retried order was sent again", n)
			}
		})
	}
}

// TestTheOtherIsNotMine: of two orders of one item at once one arrived, and of
// neither an answer came: neither takes what is there for its own, and no row is
// lost over it.
func TestTheOtherIsNotMine(t *testing.T) {
	r := newRig(t, housetest.SQLite(t))
	r.system = r.cartless()
	r.mu.Lock()
	r.lose = 1
	r.mu.Unlock()
	r.sn.Set(func(s *servicenow.Switches) { s.Cut = 1 })
	one, two := r.wish("iPhone"), r.wish("iPhone")
	a, b := r.order(one), r.order(two)
	r.until("nobody can say", func() bool { return r.unclear(a.ID) && r.unclear(b.ID) })
	if n := len(r.sn.Requests()); n != 1 {
		t.Errorf("R8 %d requests, one arrived", n)
	}
	for _, q := range []order.Request{r.get(a.ID), r.get(b.ID)} {
		if q.Way != order.Sending || q.Number != "" {
			t.Errorf("R8 an order took what may be the other: %+v", q)
		}
	}
}

// TestOneCart: orders of one account that would meet in its cart go out one after
// the other, the page of the second says so, and neither is ordered along with
// the other.
func TestOneCart(t *testing.T) {
	r := newRig(t, housetest.SQLite(t))
	r.sn.Set(func(s *servicenow.Switches) { s.TwoStep = true })
	room := r.h.Orders().Apart("order.test")
	one, err1 := room.Order(ctx, r.k.Aoi, r.wish("iPhone"))
	two, err2 := room.Order(ctx, r.k.Aoi, r.wish("Macbook Pro"))
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	aoi := r.h.As(t, r.k.Aoi, r.k.Org)
	first, second := aoi.Get(order.PathOf(one.ID)), aoi.Get(order.PathOf(two.ID))
	if strings.Contains(first.Body, "one cart there") || !strings.Contains(second.Body, "one cart there") {
		t.Errorf("the second page does not say that it waits for the first:\n%s", second.Body)
	}
	desk := r.start(room.Driver())
	defer r.stop(desk)
	r.there(one.ID)
	r.there(two.ID)
	all := r.sn.Requests()
	if len(all) != 2 || len(all[0].Items) != 1 || len(all[1].Items) != 1 || r.get(one.ID).Number == r.get(two.ID).Number {
		t.Errorf("C7 ServiceNow has %+v", all)
	}
}
