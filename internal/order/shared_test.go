package order_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/order"
	"github.com/sekisho/sekisho/internal/secret"
)

// share adds the same ServiceNow once more, with one connection for all.
func (r *rig) share(name string, allowed bool) id.Connector {
	r.t.Helper()
	r.sn.Set(func(s *servicenow.Switches) { s.ClientCredentials = true })
	system := r.add(map[string]any{
		"definition": "servicenow", "name": name, "title": "Shared desk", "mode": "service", "scheme": "client_credentials", "client_id": name,
		"settings": map[string]any{"base_url": r.base, "order_for_people": allowed},
	})
	r.sn.PutClient(servicenow.Client{ID: name, Secret: secret.Of(r.secret), Name: "Sekisho", User: "chika"})
	got := r.h.As(r.t, r.k.Chika, r.k.Org).Call(http.MethodPost, "/api/v1/organizations/"+string(r.k.Org)+"/systems/"+string(system)+"/authorize", nil)
	if got.Status >= 300 {
		r.t.Fatalf("authorize: %d %s", got.Status, got.Body)
	}
	return system
}

// whom are the people that the requests of ServiceNow are for.
func (r *rig) whom() (all []string) {
	for _, q := range r.sn.Requests() {
		all = append(all, q.RequestedFor)
	}
	slices.Sort(all)
	return all
}

// TestNobodyIsNamedWhoIsNotThem: through a connection that serves all nobody
// orders whom the system does not know, or knows twice, nobody of another
// organization, and nobody at all where it is not switched on.
func TestNobodyIsNamedWhoIsNotThem(t *testing.T) {
	each(t, func(r *rig) {
		t, room := r.t, r.h.Orders()
		defer r.going()()
		closed := r.share("closed", false)
		if _, _, err := room.Offers(ctx, r.k.Daichi, closed, "", ""); code(err) != "order-system-unknown" {
			t.Errorf("not switched on: %v", err)
		}
		r.system = r.share("desk", true)
		if _, _, err := room.Offers(ctx, r.k.Ume, r.system, "", ""); code(err) != "order-system-unknown" {
			t.Errorf("TRAP-H26 another organization: %v", err)
		}
		offer, err := room.Offer(ctx, r.k.Daichi, r.system, r.sn.SysID("iPhone"))
		if err != nil {
			t.Fatal(err)
		}
		w := order.Wish{System: r.system, Item: offer.Item.ID, Quantity: 1, Key: room.NewKey(), Digest: offer.Digest, Values: map[string]string{}}
		r.sn.Set(func(s *servicenow.Switches) { s.DuplicateMail = true })
		r.leap(25 * time.Hour) // what was remembered does not count any more
		if _, err := room.Order(ctx, r.k.Daichi, w); code(err) != "connector-ambiguous-user" {
			t.Errorf("C5 two accounts: %v", err)
		}
		r.sn.Set(func(s *servicenow.Switches) { s.DuplicateMail = false })
		if n := len(r.sn.Requests()); n != 0 || r.recorded("order.ordered") != 0 {
			t.Errorf("%d requests, %d records of what was refused", n, r.recorded("order.ordered"))
		}
		t.Run("C14 who becomes two on the way is not ordered for", func(t *testing.T) {
			apart := room.Apart("order.test")
			w.Key = room.NewKey()
			q, err := apart.Order(ctx, r.k.Daichi, w)
			if err != nil {
				t.Fatal(err)
			}
			r.sn.Set(func(s *servicenow.Switches) { s.DuplicateMail = true })
			defer r.sn.Set(func(s *servicenow.Switches) { s.DuplicateMail = false })
			desk := r.start(apart.Driver())
			defer r.stop(desk)
			r.until("refused", func() bool {
				now, err := room.Get(ctx, r.k.Daichi, q.ID)
				return err == nil && now.Way == order.Refused && now.Why == string(connector.AmbiguousUser)
			})
			if n := len(r.sn.Requests()); n != 0 {
				t.Errorf("%d requests for one of two", n)
			}
		})
		t.Run("C7 with two-step checkout nobody else can be named", func(t *testing.T) {
			r.sn.Set(func(s *servicenow.Switches) { s.TwoStep = true })
			defer r.sn.Set(func(s *servicenow.Switches) { s.TwoStep = false })
			for range 2 { // the cart of the shared account is left empty
				w.Key = room.NewKey()
				q, err := room.Order(ctx, r.k.Daichi, w)
				if err != nil {
					t.Fatal(err)
				}
				r.until("refused", func() bool {
					now, err := room.Get(ctx, r.k.Daichi, q.ID)
					return err == nil && now.Way == order.Refused && strings.Contains(now.Said, "two-step checkout")
				})
			}
			if n := len(r.sn.Requests()); n != 0 {
				t.Errorf("%d requests", n)
			}
		})
	})
}

// TestOrderingForOneself: through a connection that serves all a person orders in
// their own name, sees it among their requests, and hears that it was approved;
// nobody else sees it.
func TestOrderingForOneself(t *testing.T) {
	each(t, func(r *rig) {
		t, room := r.t, r.h.Orders()
		r.system = r.share("desk", true)
		daichi := r.h.As(t, r.k.Daichi, r.k.Org)
		page := daichi.Get("/orders/new/" + string(r.system) + "/" + r.sn.SysID("iPhone"))
		if page.Status != http.StatusOK || !strings.Contains(page.Body, "in your own name") {
			t.Fatalf("the form: %d\n%s", page.Status, page.Body)
		}
		offer, err := room.Offer(ctx, r.k.Daichi, r.system, r.sn.SysID("iPhone"))
		if err != nil {
			t.Fatal(err)
		}
		q, err := room.Order(ctx, r.k.Daichi, order.Wish{System: r.system, Item: offer.Item.ID, Quantity: 1, Key: room.NewKey(), Digest: offer.Digest})
		if err != nil {
			t.Fatal(err)
		}
		get := func() order.Request {
			now, err := room.Get(ctx, r.k.Daichi, q.ID)
			if err != nil {
				t.Fatal(err)
			}
			return now
		}
		r.until("it is there", func() bool { return get().Way == order.There })
		if got := r.whom(); len(got) != 1 || got[0] != "daichi" {
			t.Fatalf("ServiceNow has requests for %v", got)
		}
		if _, err := room.Get(ctx, r.k.Aoi, q.ID); code(err) != "order-unknown" {
			t.Errorf("somebody else's: %v", err)
		}
		all := r.sn.Requests()[0]
		if err := r.sn.Decide(all.Approvals[0].ID, all.Approvals[0].Approver, "approved", ""); err != nil {
			t.Fatal(err)
		}
		r.clock.Advance(2e9)
		if err := room.ReadShared(ctx, order.Tie{Org: r.k.Org, System: r.system, Title: "Shared desk"}); err != nil {
			t.Fatal(err)
		}
		if now := get(); now.State != connector.Approved {
			t.Errorf("approved reads %+v", now)
		}
		r.until("mail", func() bool { return len(r.mailed("daichi@kaede.example", q.Title)) == 1 })
	}, housetest.WithMail())
}
