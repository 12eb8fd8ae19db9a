package browser_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
)

type object = map[string]any

// tour holds the laws of every page for pages with something in them, which break
// otherwise than empty ones, or takes their pictures where these are wanted.
func (b *tab) tour(pages ...place) {
	b.t.Helper()
	for _, p := range pages {
		if *pictures != "" {
			b.album(p.name, func() { b.visit(p.path) })
		} else {
			b.law(p)
		}
	}
}

// called does something by the API as somebody, and reads the answer into out.
func called(t *testing.T, who *housetest.Visitor, method, path string, body, out any) {
	t.Helper()
	got := who.Call(method, "/api/v1"+path, body)
	if got.Status >= 300 {
		t.Fatalf("%s %s: %d %s", method, path, got.Status, got.Body)
	}
	if out != nil {
		if err := json.Unmarshal([]byte(got.Body), out); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEveryPageOfSenders: a sender with tokens and more than a page of cards,
// another with a long name that is off, keys that sign, and the cards themselves.
func TestEveryPageOfSenders(t *testing.T) {
	home, k, page, approval, actions := desk(t)
	who, in := home.As(t, k.Chika, k.Org), "/organizations/"+string(k.Org)+"/card-senders"
	var other, made struct{ ID, Value string }
	called(t, who, http.MethodPost, in, object{"name": "long", "title": longName, "role": "auditor", "audience": object{"everybody": true}, "disabled": true}, &other)
	called(t, who, http.MethodPost, in+"/"+strings.TrimPrefix(page, "/admin/senders/")+"/tokens", object{"days": 7}, &made)
	nobody := home.Nobody(t)
	for i := range 22 {
		text, _ := json.Marshal(object{"key": "many-" + strconv.Itoa(i), "to": object{"people": []string{"botan"}}, "title": longName + strconv.Itoa(i)})
		if got := nobody.Send(http.MethodPost, "/api/v1/sent-cards", string(text), http.Header{"Authorization": {"Bearer " + made.Value}, "Content-Type": {"application/json"}}); got.Status != http.StatusCreated {
			t.Fatalf("card %d: %d %s", i, got.Status, got.Body)
		}
	}
	if got := home.Nobody(t).Get("/keys/jwks.json"); got.Status != http.StatusOK {
		t.Fatalf("%d", got.Status)
	}
	open(t, home).as(who).tour(
		place{"senders-many", "/admin/senders", true, 200},
		place{"sender", page, true, 200},
		place{"sender-off", "/admin/senders/" + other.ID, true, 200},
		place{"sender-edit", page + "/edit", true, 200},
		place{"sender-token-new", page + "/tokens/new", true, 200},
		place{"sender-token-revoke", page + "/tokens/" + made.ID + "/revoke", true, 200},
		place{"sender-remove", page + "/remove", true, 200},
		place{"signing-keys-made", "/admin/signing-keys", true, 200},
	)
	open(t, home).as(home.As(t, k.Botan, k.Org)).tour(
		place{"app-cards", "/cards", true, 200},
		place{"app-card", "/cards/" + approval, true, 200},
		place{"app-card-actions", "/cards/" + actions, true, 200},
	)
}

// hostileName turns the reading around and hides a part; what is shown of it must
// not turn the page.
const hostileName = "Invoice \u202efdp.exe\u2066 for\u200b you"

// TestEveryPageOfCards: thirty cards with long and turned texts, one that asks for
// a passkey, one that is on its way and one that was read back, the rules, and
// what the house does outside meanwhile.
func TestEveryPageOfCards(t *testing.T) {
	home, s, k := counter(t)
	for i := range 30 {
		s.asked[strconv.Itoa(i)] = question(strconv.Itoa(i), "ノートパソコンの購入 "+strconv.Itoa(i))
	}
	late, act, long := s.asked["2"], s.asked["3"], s.asked["4"]
	late.Title, late.DueAt, late.Amount = hostileName, time.Now().Add(-2*time.Hour), connector.Amount{}
	act.Actions = []connector.Action{
		{ID: "a", Label: "Approve with days", Kind: connector.Ask, Primary: true, Inputs: []connector.Input{{ID: "days", Label: "Days", Format: "number", Min: 1}, {ID: "why", Label: "Class", Options: []connector.Option{{Value: "e", Label: "Economy"}}}}},
		{ID: "b", Label: longName, Kind: connector.Direct},
	}
	long.Title, long.Requester.Name, long.Fields = longName, longName, []connector.Field{{Label: longName, Value: strings.Repeat("とても長い値", 40)}}
	one, turned, acts, wide := cardAbout(t, home, k.Botan, "1"), cardAbout(t, home, k.Botan, "2"), cardAbout(t, home, k.Botan, "3"), cardAbout(t, home, k.Botan, "4")
	cardAbout(t, home, k.Botan, "29")

	who := home.As(t, k.Chika, k.Org)
	var rule struct{ ID string }
	in := "/organizations/" + string(k.Org) + "/card-policies"
	called(t, who, http.MethodPost, in, object{"name": "large-sums", "kinds": []string{"outside"}, "when": "card.amount >= 100000.0", "level": "passkey", "within": 600}, &rule)
	called(t, who, http.MethodPost, in, object{"name": strings.Repeat("a-long-name-", 3) + "x", "when": "card.title.contains('" + strings.Repeat("very-long-", 12) + "')", "urgent": true}, nil)
	open(t, home).as(who).tour(
		place{"card-policies-some", "/admin/card-policies", true, 200},
		place{"card-policy", "/admin/card-policies/" + rule.ID, true, 200},
	)
	b := open(t, home).as(home.As(t, k.Botan, k.Org))
	b.tour(
		place{"hub-cards", "/", true, 200},
		place{"cards-thirty", "/cards", true, 200},
		place{"card-turned", card.PathOf(turned.ID), true, 200},
		place{"card-long", card.PathOf(wide.ID), true, 200},
		place{"card-actions", card.PathOf(acts.ID), true, 200},
	)
	weak := open(t, home).as(home.AsBy(t, k.Botan, k.Org, factor.ByPassword))
	weak.tour(place{"card-proof", card.PathOf(one.ID), true, 200})
	weak.visit(card.PathOf(one.ID))
	weak.do(typed("reason", "急ぎません"))
	weak.press("button.approve")
	weak.tour(place{"card-proof-again", "/signin/again?need=passkey&back=/cards", true, 200}, place{"card-proof-weak", card.PathOf(one.ID), true, 200})
	called(t, who, http.MethodDelete, in+"/"+rule.ID, nil, nil)

	tie := func(change func(*card.Tie)) {
		s.mu.Lock()
		defer s.mu.Unlock()
		change(&s.tie)
	}
	tie(func(tie *card.Tie) { tie.On = false })
	b.tour(place{"card-connect", card.PathOf(one.ID), true, 200})
	tie(func(tie *card.Tie) { tie.On, s.away = true, true })
	home.Cards().Resync()
	b.visit(card.PathOf(one.ID))
	b.press("button.approve")
	b.tour(place{"card-deciding", card.PathOf(one.ID), true, 200})
	operator := open(t, home).as(who)
	operator.visit("/admin/effects")
	effect := evaluate[string](operator, `document.querySelector("main .list a[href^='/admin/effects/']")?.getAttribute("href") ?? ""`)
	if effect == "" {
		t.Fatalf("no effect waits: %s", operator.where())
	}
	operator.tour(place{"effects-waiting", "/admin/effects", true, 200}, place{"effect", effect, true, 200}, place{"dashboard-waiting", "/admin/dashboard?span=month", true, 200})
	tie(func(*card.Tie) { s.away = false })
	b.speak("en")
	b.visit(card.PathOf(one.ID))
	if applied := "Written to ServiceNow and read back"; !b.sees(applied, 45*time.Second) {
		t.Errorf("it was never read back: %s", b.where())
	}
	b.tour(place{"card-applied", card.PathOf(one.ID), true, 200}, place{"cards-done-some", "/cards?done=1", true, 200})
	open(t, home).as(who).tour(place{"dashboard-some", "/admin/dashboard", true, 200})
}

// ordered orders an item of the catalog whose name begins so, with the first of
// all options, and returns the page of the order.
func ordered(t *testing.T, who *housetest.Visitor, system, name string) (form, page string) {
	t.Helper()
	var items struct {
		Items []struct{ ID, Title string }
	}
	called(t, who, http.MethodGet, "/catalogs/"+system+"/items", nil, &items)
	at := slices.IndexFunc(items.Items, func(i struct{ ID, Title string }) bool { return strings.HasPrefix(i.Title, name) })
	if at < 0 {
		t.Fatalf("no %s among %v", name, items)
	}
	which := items.Items[at].ID
	var item struct {
		Digest string
		Fields []struct {
			ID, Format string
			Min        int
			Options    []struct{ Value string }
		}
	}
	called(t, who, http.MethodGet, "/catalogs/"+system+"/items/"+url.PathEscape(which), nil, &item)
	values := map[string]string{}
	for _, f := range item.Fields {
		switch {
		case len(f.Options) > 0:
			values[f.ID] = f.Options[0].Value
		case f.Format == "boolean":
			values[f.ID] = "true"
		case f.Format == "":
			values[f.ID] = longName
		}
	}
	var made struct{ ID string }
	called(t, who, http.MethodPost, "/catalogs/"+system+"/items/"+url.PathEscape(which)+"/order", object{"key": id.New[string](time.Now()), "digest": item.Digest, "quantity": 2, "values": values}, &made)
	return "/orders/new/" + system + "/" + which, "/orders/" + made.ID
}

var orderNumber = regexp.MustCompile(`REQ\d{7}`)

// TestEveryPageOfOrders: a catalog, an item, an order that was taken, one whose
// system does not answer, and the list of them.
func TestEveryPageOfOrders(t *testing.T) {
	home, sn, pages := shed(t)
	system := ""
	for _, p := range pages {
		if p.name == "system" {
			system = strings.TrimPrefix(p.path, "/admin/systems/")
		}
	}
	k := home.People(t)
	chika := home.As(t, k.Chika, k.Org)
	form, taken := ordered(t, chika, system, "Macbook")
	for range 600 {
		if orderNumber.MatchString(chika.Get(taken).Body) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if page := chika.Get(taken).Body; !orderNumber.MatchString(page) {
		t.Fatalf("it has no number: %s", page)
	}
	b := open(t, home).as(chika)
	b.tour(
		place{"order-catalog", "/orders/new?system=" + system, true, 200},
		place{"order-catalog-nothing", "/orders/new?system=" + system + "&q=nothing-like-this", true, 200},
		place{"order-item", form, true, 200},
		place{"order-taken", taken, true, 200},
	)
	sn.Set(func(s *servicenow.Switches) { s.Outage, s.Only = true, "/api/sn_sc/servicecatalog/cart" })
	_, waits := ordered(t, chika, system, "Macbook")
	b.tour(
		place{"order-waiting", waits, true, 200},
		place{"orders-some", "/orders", true, 200},
		place{"hub-orders", "/", true, 200},
	)
}
