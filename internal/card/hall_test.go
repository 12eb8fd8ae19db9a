package card_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
)

// TestAnAskOfTheHallIsACard asks for a group in a whole house: both approvers get
// a card, one of them decides on its page, and the other's is settled.
func TestAnAskOfTheHallIsACard(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		g, err := h.Register().PutGroup(ctx, id.Local(0), org.Group{Org: k.Org, Name: "sales"})
		if err != nil {
			t.Fatal(err)
		}
		approvers := []request.Approver{request.Approver("person:" + string(k.Botan)), request.Approver("person:" + string(k.Chika))}
		_, err = h.Hall().PutPolicy(ctx, id.Local(0), request.ApprovalPolicy{Org: k.Org, Name: "groups", Spec: request.Spec{
			Kinds: []string{"group"}, Stages: []request.Stage{{Groups: []request.Panel{{Need: 1, Approvers: approvers}}}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		a, err := h.Hall().Raise(ctx, k.Aoi, request.Wanted{Org: k.Org, Kind: "group", Target: string(g.ID), Reason: "A customer waits <b>today</b>", Length: 2 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		botan, c := h.As(t, k.Botan, k.Org), waitCard(t, h, k)
		page := botan.Get(card.PathOf(c.ID)).Body
		for _, want := range []string{"A customer waits &lt;b&gt;today&lt;/b&gt;", "2 hours", `value="approve"`, "/asks/" + string(a.ID)} {
			if !strings.Contains(page, want) {
				t.Errorf("the card lacks %q", want)
			}
		}
		if got := h.As(t, k.Aoi, k.Org).Get(card.PathOf(c.ID)); got.Status != http.StatusNotFound {
			t.Errorf("A109 the card in the requester's hands: %d", got.Status)
		}
		_, digest, _ := strings.Cut(page, `name="digest" value="`)
		digest, _, _ = strings.Cut(digest, `"`)
		if got := botan.Post(card.PathOf(c.ID), form("approve", strings.Repeat("0", 64))); got.Status != http.StatusConflict {
			t.Errorf("R5 another digest: %d", got.Status)
		}
		if got := botan.Post(card.PathOf(c.ID), form("approve", digest)); got.Status != http.StatusSeeOther {
			t.Fatalf("approve: %d %s", got.Status, got.Body)
		}
		if c, err = h.Cards().Get(ctx, k.Botan, c.ID); err != nil || c.State != card.Applied {
			t.Errorf("Botan's card is %s, %v", c.State, err)
		}
		others, _, err := h.Cards().List(ctx, k.Chika, true, "", 10)
		if err != nil || len(others) != 1 || others[0].State != card.Superseded || others[0].Other == "" {
			t.Errorf("Chika's card: %+v %v", others, err)
		}
		shown, err := h.Hall().Show(ctx, k.Org, a.ID, k.Aoi)
		if err != nil || shown.Ask.State != request.Released {
			t.Errorf("the ask is %s, %v", shown.Ask.State, err)
		}
	})
}
