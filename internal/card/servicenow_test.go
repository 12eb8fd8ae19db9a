package card_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
)

// instance is a simulated ServiceNow with which a house's Botan has consented to
// be connected.
func instance(t *testing.T, url string) (*housetest.Home, housetest.Kaede, *servicenow.System) {
	t.Helper()
	system, err := servicenow.New(servicenow.Options{})
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(system)
	t.Cleanup(func() { site.Close(); system.Close() })
	h := housetest.House(t, housetest.On(url), func(o *housetest.Options) { o.Config.Egress.Allow = append(o.Config.Egress.Allow, "127.0.0.0/8") })
	k := h.People(t)
	connected(t, h, k, system, site.URL)
	return h, k, system
}

func connected(t *testing.T, h *housetest.Home, k housetest.Kaede, system *servicenow.System, base string) {
	t.Helper()
	const client, word = "sekisho", "a word between the two"
	made := h.As(t, k.Chika, k.Org).Call(http.MethodPost, "/api/v1/organizations/"+string(k.Org)+"/systems", map[string]any{
		"definition": "servicenow", "name": "servicenow", "title": "ServiceNow", "settings": map[string]any{"base_url": base}, "mode": "user",
		"scheme": "oauth2_code", "client_id": client, "set_secrets": map[string]string{"client_secret": word}, "enabled": true, "networks": []string{"127.0.0.0/8"},
	})
	var s struct {
		ID          string
		CallbackURL string `json:"callback_url"`
	}
	if err := json.Unmarshal([]byte(made.Body), &s); err != nil || s.ID == "" {
		t.Fatalf("add the system: %d %s", made.Status, made.Body)
	}
	system.PutClient(servicenow.Client{ID: client, Secret: secret.Of(word), Name: "Sekisho", Redirects: []string{s.CallbackURL}})
	botan := h.As(t, k.Botan, k.Org)
	begun := botan.Get("/connect/" + s.ID + "/start")
	at, err := url.Parse(begun.Header.Get("Location"))
	if err != nil || begun.Status != http.StatusSeeOther {
		t.Fatalf("start: %d %s", begun.Status, begun.Body)
	}
	back := url.Values{"state": {at.Query().Get("state")}, "code": {system.Code("botan", client, s.CallbackURL, at.Query().Get("code_challenge"))}}
	if got := botan.Get("/connect/" + s.ID + "/callback?" + back.Encode()); got.Status >= 400 {
		t.Fatalf("come back: %d %s", got.Status, got.Body)
	}
}

// TestS0 is the story of the first source: Aoi orders in ServiceNow, Botan gets a
// card and approves, and ServiceNow shows the approval by Botan's own name.
func TestS0(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		h, k, system := instance(t, url)
		request, err := system.Order("aoi", orderable(t), 1)
		if err != nil {
			t.Fatal(err)
		}
		botan := h.As(t, k.Botan, k.Org)
		c := waitCard(t, h, k)
		page := botan.Get(card.PathOf(c.ID))
		if !strings.Contains(page.Body, request.Number) || !strings.Contains(page.Body, `value="approve"`) {
			t.Errorf("S0-A5 the card of %s says\n%s", request.Number, page.Body)
		}
		began := time.Now()
		if got := botan.Post(card.PathOf(c.ID), form("approve", c.Digest)); got.Status != http.StatusSeeOther {
			t.Fatalf("approve: %d\n%s", got.Status, got.Body)
		}
		for range 1500 {
			if c, err = h.Cards().Get(ctx, k.Botan, c.ID); err != nil {
				t.Fatal(err)
			}
			if c.State != card.Deciding {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		if c.State != card.Applied {
			t.Fatalf("the card is %s, %s %s", c.State, c.Why, c.Said)
		}
		t.Logf("decided, written and read back in %v", time.Since(began))
		now, err := system.Request(request.Number)
		if err != nil || now.Approval != "approved" || now.Approvals[0].State != "approved" || now.Approvals[0].Approver != "botan" {
			t.Errorf("S0-A6 ServiceNow shows %+v, %v", now, err)
		}
	})
}

// TestS0Refused is its dark twin: a field that an access rule drops, with success
// as the answer.
func TestS0Refused(t *testing.T) {
	h, k, system := instance(t, housetest.SQLite(t))
	request, err := system.Order("aoi", orderable(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	c := waitCard(t, h, k)
	system.Set(func(s *servicenow.Switches) { s.ACLDrop = true })
	h.As(t, k.Botan, k.Org).Post(card.PathOf(c.ID), form("approve", c.Digest))
	for range 2000 {
		if c, err = h.Cards().Get(ctx, k.Botan, c.ID); err != nil {
			t.Fatal(err)
		}
		if c.State == card.Failed {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if now, _ := system.Request(request.Number); c.State != card.Failed || c.Why != string(connector.NotApplied) || now.Approval == "approved" {
		t.Errorf("TRAP-C1 TRAP-H9 the card is %s (%s), the request %s", c.State, c.Why, now.Approval)
	}
}

func form(decision, digest string) url.Values {
	return url.Values{"decision": {decision}, "digest": {digest}}
}

// orderable is the name of something in the catalog.
func orderable(t *testing.T) string {
	t.Helper()
	items, err := servicenow.Catalog()
	if err != nil {
		t.Fatal(err)
	}
	return items[0].Name
}

func waitCard(t *testing.T, h *housetest.Home, k housetest.Kaede) card.Card {
	t.Helper()
	for range 400 {
		h.Cards().Resync()
		page, _, err := h.Cards().List(ctx, k.Botan, false, "", 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) > 0 {
			return page[0]
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatal("no card came")
	return card.Card{}
}

// TestOptInCountsOnAllDevices: whoever switches a system on in one browser has
// its cards in every other, decides them there, and leaves it in a third; then
// the cards are gone everywhere, and nobody else ever had them (S0-A3, K3).
func TestOptInCountsOnAllDevices(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		h, k, system := instance(t, url) // switched on in a browser that is not seen again
		for range 2 {
			if _, err := system.Order("aoi", orderable(t), 1); err != nil {
				t.Fatal(err)
			}
		}
		phone, tablet, aoi := h.As(t, k.Botan, k.Org), h.As(t, k.Botan, k.Org), h.As(t, k.Aoi, k.Org)
		open := func(v *housetest.Visitor) (ids []string) {
			t.Helper()
			var list struct{ Items []struct{ ID string } }
			if got := v.Get("/api/v1/cards"); json.Unmarshal([]byte(got.Body), &list) != nil {
				t.Fatalf("cards: %d %s", got.Status, got.Body)
			}
			for _, one := range list.Items {
				ids = append(ids, one.ID)
			}
			return ids
		}
		until := func(v *housetest.Visitor, want int) []string {
			t.Helper()
			for range 800 {
				if ids := open(v); len(ids) == want {
					return ids
				}
				h.Cards().Resync()
				time.Sleep(20 * time.Millisecond)
			}
			t.Fatalf("K3 %d cards, want %d", len(open(v)), want)
			return nil
		}
		cards := until(phone, 2)
		if len(open(tablet)) != 2 || len(open(aoi)) != 0 {
			t.Errorf("K3 %d cards on another device, %d of somebody else", len(open(tablet)), len(open(aoi)))
		}
		first, err := h.Cards().Get(ctx, k.Botan, id.Card(cards[0]))
		if err != nil {
			t.Fatal(err)
		}
		if got := tablet.Post(card.PathOf(first.ID), form("approve", first.Digest)); got.Status != http.StatusSeeOther {
			t.Fatalf("K3 decide on another device: %d", got.Status)
		}
		until(phone, 1)
		page := tablet.Get("/settings/integrations")
		_, action, found := strings.Cut(page.Body, `action="/settings/integrations/`)
		action, _, _ = strings.Cut(action, `"`)
		if !found {
			t.Fatalf("no switch\n%s", page.Body)
		}
		if got := tablet.Post("/settings/integrations/"+action, nil); got.Status != http.StatusSeeOther {
			t.Fatalf("K3 switch off: %d %s", got.Status, got.Body)
		}
		until(phone, 0)
		gone, err := h.Cards().Get(ctx, k.Botan, id.Card(cards[1]))
		if err != nil || gone.State != card.Withdrawn || gone.Why != "disconnected" {
			t.Errorf("K3 the card is %s (%s), %v", gone.State, gone.Why, err)
		}
		if got := phone.Post(card.PathOf(gone.ID), form("approve", gone.Digest)); got.Status != http.StatusConflict {
			t.Errorf("K3 a card of a system that was left is decided: %d", got.Status)
		}
	})
}
