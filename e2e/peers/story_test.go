package peers_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/order"
)

// cardAbout waits until a poll has brought somebody a card about an approval.
func (h *tracked) cardAbout(t *testing.T, who id.Person, approval string) card.Card {
	t.Helper()
	for range 800 {
		h.Cards().Here(t.Context(), who)
		must(t, h.Cards().Rung(t.Context(), h.k.Org, h.system.ID, nil))
		page, _, err := h.Cards().List(t.Context(), who, false, "", 50)
		must(t, err)
		if at := slices.IndexFunc(page, func(c card.Card) bool { return c.Backend == approval }); at >= 0 {
			return page[at]
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("no card about %s came", approval)
	return card.Card{}
}

// press decides on the card's page, and waits for the end.
func (h *tracked) press(t *testing.T, who id.Person, c card.Card, decision, reason string) card.Card {
	t.Helper()
	got := h.As(t, who, h.k.Org).Post(card.PathOf(c.ID), url.Values{"decision": {decision}, "digest": {c.Digest}, "reason": {reason}})
	if got.Status != http.StatusSeeOther {
		t.Fatalf("%s: %d\n%s", decision, got.Status, got.Body)
	}
	for range 2000 {
		now, err := h.Cards().Get(t.Context(), who, c.ID)
		must(t, err)
		if now.State != card.Deciding {
			return now
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the decision has no end")
	return c
}

// wrote are the comments on a ticket that have the text.
func (r *tracker) wrote(id, text string) (n int) {
	for _, one := range r.comments(id) {
		if strings.Contains(one, text) {
			n++
		}
	}
	return n
}

// TestTheStoryOfRequestTracker: Aoi orders in the Hub what is a queue of Request
// Tracker, Botan's approval comes as a card and is pressed there, Request Tracker
// has resolved it with his reason, once, and Aoi sees it. Its twins are refused.
func TestTheStoryOfRequestTracker(t *testing.T) {
	rt := startRT(t)
	h := withTracker(t, rt)
	must(t, h.connect(t, h.k.Botan, rt.tokens["botan"]))
	must(t, h.connect(t, h.k.Aoi, rt.tokens["aoi"]))
	orders := h.Orders()

	place, offers, err := orders.Offers(t.Context(), h.k.Aoi, h.system.ID, "access", "")
	must(t, err)
	if len(offers) != 1 || offers[0].Title != "Access" || !place.On {
		t.Fatalf("the catalog reads %+v", offers)
	}
	offer, err := orders.Offer(t.Context(), h.k.Aoi, h.system.ID, offers[0].ID)
	must(t, err)
	wish := order.Wish{
		System: h.system.ID, Item: offer.Item.ID, Quantity: 1, Key: orders.NewKey(), Digest: offer.Digest,
		Values: map[string]string{"subject": "root on db07", "content": "It's for the quarterly report.", "Asset": "db07"},
	}
	made, err := orders.Order(t.Context(), h.k.Aoi, wish)
	must(t, err)
	again, err := orders.Order(t.Context(), h.k.Aoi, wish)
	must(t, err)
	if again.ID != made.ID {
		t.Error("one form made two orders")
	}
	for range 1000 {
		if made, err = orders.Get(t.Context(), h.k.Aoi, made.ID); err != nil || made.Way != order.Sending {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if made.Way != order.There || made.Number == "" {
		t.Fatalf("the order reads %+v, %v", made, err)
	}
	request := rt.ticket(made.Number)
	if request["Subject"] != "root on db07" || !strings.Contains(jsonText(request["CustomFields"]), "db07") || !strings.Contains(jsonText(request["Requestor"]), "aoi") {
		t.Errorf("Request Tracker has %v", request)
	}
	t.Run("R8 an order is found again by its mark", func(t *testing.T) {
		all, err := h.as(t, h.k.Aoi).Placed(t.Context(), connector.Wish{Item: wish.Item, Marker: h.URL() + order.PathOf(made.ID)}, time.Now())
		must(t, err)
		if len(all) != 1 || all[0].Number != made.Number {
			t.Errorf("found %+v", all)
		}
		none, err := h.as(t, h.k.Aoi).Placed(t.Context(), connector.Wish{Item: wish.Item, Marker: h.URL() + order.PathOf("01jd9m7r00000000000000n0ne")}, time.Now())
		must(t, err)
		if len(none) != 0 {
			t.Errorf("found what was never ordered: %+v", none)
		}
	})

	approval := rt.approvalOf(made.Number, "root on db07", "botan")
	t.Run("S0-A5 approved on the card", func(t *testing.T) {
		c := h.cardAbout(t, h.k.Botan, approval)
		if c.Sheet.Requester.NativeID != "aoi" || c.Sheet.Number != made.Number {
			t.Errorf("TRAP-C13 the card reads %+v", c.Sheet)
		}
		if !c.Sheet.Due.IsZero() {
			t.Errorf("TRAP-C9 the card is due in %v, by which Request Tracker means never", c.Sheet.Due)
		}
		c = h.press(t, h.k.Botan, c, "approve", "fits the plan")
		if c.State != card.Applied || rt.ticket(approval)["Status"] != "resolved" || rt.ticket(made.Number)["Status"] != "open" {
			t.Errorf("the card is %s (%s %s), the approval %v, the request %v", c.State, c.Why, c.Said, rt.ticket(approval)["Status"], rt.ticket(made.Number)["Status"])
		}
		if by := jsonText(rt.ticket(approval)["LastUpdatedBy"]); !strings.Contains(by, `"botan"`) {
			t.Errorf("S0-A4 S0-A7 approved by %s", by)
		}
		if n := rt.wrote(approval, "fits the plan"); n != 1 {
			t.Errorf("R8 the reason stands there %d times", n)
		}
	})
	t.Run("S0-A6 the requester sees it", func(t *testing.T) {
		tie := order.Tie{Org: h.k.Org, System: h.system.ID, Title: "rt", Person: h.k.Aoi}
		must(t, orders.Read(t.Context(), tie))
		q, err := orders.Get(t.Context(), h.k.Aoi, made.ID)
		must(t, err)
		if q.Native != "open" || len(q.Asked) != 1 || q.Asked[0].Name != "Botan Approver" || q.Asked[0].State != connector.Approved {
			t.Errorf("her request reads %+v", q)
		}
	})
	t.Run("rejected on the card", func(t *testing.T) {
		request, approval := rt.asked("root on db08")
		c := h.press(t, h.k.Botan, h.cardAbout(t, h.k.Botan, approval), "refuse", "not before spring")
		if c.State != card.Applied || rt.ticket(request)["Status"] != "rejected" || rt.wrote(approval, "not before spring") != 1 {
			t.Errorf("the card is %s, the request %v, the reason %d times", c.State, rt.ticket(request)["Status"], rt.wrote(approval, "not before spring"))
		}
	})
	t.Run("TRAP-C1 refused by Request Tracker with 200", func(t *testing.T) {
		// Aoi may see approvals and not decide them, even when one is hers.
		request := rt.made("botan", map[string]any{"Queue": "Access", "Subject": "root on db09", "Requestor": "botan", "Content": "please", "ContentType": "text/plain"})
		approval := rt.approvalOf(request, "root on db09", "aoi")
		before := rt.ticket(approval)["Status"]
		c := h.press(t, h.k.Aoi, h.cardAbout(t, h.k.Aoi, approval), "approve", "")
		if c.State != card.Failed || c.Why != string(connector.NotApplied) && c.Why != string(connector.Forbidden) {
			t.Errorf("the card is %s (%s)", c.State, c.Why)
		}
		if now := rt.ticket(approval)["Status"]; now != before {
			t.Errorf("the approval went from %v to %v", before, now)
		}
		page := h.As(t, h.k.Aoi, h.k.Org).Get(card.PathOf(c.ID))
		if !strings.Contains(page.Body, "standing") || strings.Contains(page.Body, "class=\"seal\"") {
			t.Errorf("the card says\n%s", page.Body)
		}
	})
	t.Run("TRAP-C13 one's own request, brought by a service account", func(t *testing.T) {
		for subject, who := range map[string]any{"root on db10": "botan", "root on db11": []string{"aoi", "botan"}} {
			request := rt.made("svc", map[string]any{"Queue": "Access", "Subject": subject, "Requestor": who, "Content": "please", "ContentType": "text/plain"})
			approval := rt.approvalOf(request, subject, "botan")
			before := rt.ticket(approval)["Status"]
			c := h.cardAbout(t, h.k.Botan, approval)
			got := h.As(t, h.k.Botan, h.k.Org).Post(card.PathOf(c.ID), url.Values{"decision": {"approve"}, "digest": {c.Digest}})
			if now := rt.ticket(approval)["Status"]; got.Status != http.StatusForbidden || now != before {
				t.Errorf("Botan decides %s, which is his own: %d, the approval went from %v to %v", subject, got.Status, before, now)
			}
			if page := h.As(t, h.k.Botan, h.k.Org).Get(card.PathOf(c.ID)); strings.Contains(page.Body, `name="decision"`) {
				t.Errorf("%s: buttons on one's own request", subject)
			}
		}
	})
}
