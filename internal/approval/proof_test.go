package approval_test

import (
	"context"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
)

var digestField = regexp.MustCompile(`name="digest" value="([0-9a-f]+)"`)

// TestStepUpAtAsks: what a card policy asks for holds on the page of an ask, on
// its card and by program, and each has its twin that shows it (K7).
func TestStepUpAtAsks(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		sales, err := h.Register().PutGroup(context.Background(), id.Local(0), org.Group{Org: k.Org, Name: "sales"})
		if err != nil {
			t.Fatal(err)
		}
		chika := h.As(t, k.Chika, k.Org)
		made := func(path string, body map[string]any) {
			t.Helper()
			if got := chika.Call(http.MethodPost, "/api/v1/organizations/"+string(k.Org)+path, body); got.Status != http.StatusCreated {
				t.Fatalf("%s: %d %s", path, got.Status, got.Body)
			}
		}
		made("/approval-policies", map[string]any{"name": "groups", "kinds": []string{"group"}, "stages": []any{map[string]any{"groups": []any{map[string]any{"approvers": []string{"manager"}}}}}})
		made("/card-policies", map[string]any{"name": "sales", "kinds": []string{"ask"}, "when": "card.thing == 'group:sales'", "level": "passkey", "within": 600})
		ask := func() string {
			t.Helper()
			got := h.As(t, k.Aoi, k.Org).Post("/ask/group/"+string(sales.ID)+"?org="+string(k.Org), url.Values{"hours": {"1"}, "reason": {"Report"}})
			page, _, _ := strings.Cut(got.Header.Get("Location"), "?")
			if page == "" {
				t.Fatalf("ask: %d %s", got.Status, got.Body)
			}
			return page
		}
		page := ask()
		weak, sure := h.AsBy(t, k.Botan, k.Org, factor.ByPassword, factor.ByTOTP), h.As(t, k.Botan, k.Org)
		shown := weak.Get(page)
		has(t, shown, http.StatusOK, "you are asked for your passkey")
		digest := digestField.FindStringSubmatch(shown.Body)
		if digest == nil {
			digest = digestField.FindStringSubmatch(sure.Get(page).Body)
		}
		form := url.Values{"digest": {digest[1]}, "decision": {"approve"}, "reason": {"Go ahead, until June"}, "shorter": {"0.5"}}
		led := weak.Post(page+"/decide", form)
		want := "/signin/again?" + url.Values{"back": {page}, "need": {"passkey"}}.Encode()
		if led.Status != http.StatusSeeOther || led.Header.Get("Location") != want {
			t.Fatalf("K7 the page led to %d %s", led.Status, led.Header.Get("Location"))
		}
		has(t, weak.Get(page), http.StatusOK, "Go ahead, until June", `name="kept"`, "That was not enough")
		if told := html.UnescapeString(sure.Get(page).Body); strings.Contains(told, "Go ahead, until June") || !strings.Contains(told, "one press decides") {
			t.Error("K7 another session shows what was typed, or does not say that it is enough")
		}
		which := strings.TrimPrefix(page, "/asks/")
		decide := func(v *housetest.Visitor) housetest.Answer {
			return v.Call(http.MethodPost, "/api/v1/asks/"+which+"/decision", map[string]any{"approve": true, "digest": digest[1]})
		}
		has(t, decide(weak), http.StatusUnauthorized, "step-up-required")
		card := onlyCard(t, weak)
		has(t, weak.Call(http.MethodPost, "/api/v1/cards/"+card+"/decide", map[string]any{"decision": "approve", "digest": digest[1]}), http.StatusUnauthorized, "step-up-required")
		if got := weak.Post("/cards/"+card, form); got.Status != http.StatusSeeOther || !strings.HasPrefix(got.Header.Get("Location"), "/signin/again?") {
			t.Errorf("K7 the card led to %d %s", got.Status, got.Header.Get("Location"))
		}
		has(t, weak.Get(page), http.StatusOK, "Waits") // after all that nothing was decided
		has(t, decide(sure), http.StatusOK, `"state":"released"`)
	})
}

// onlyCard is the identifier of the one card that waits for somebody.
func onlyCard(t *testing.T, v *housetest.Visitor) string {
	t.Helper()
	var list struct{ Items []struct{ ID string } }
	if got := v.Get("/api/v1/cards"); json.Unmarshal([]byte(got.Body), &list) != nil || len(list.Items) != 1 {
		t.Fatalf("cards: %d %s", got.Status, got.Body)
	}
	return list.Items[0].ID
}
