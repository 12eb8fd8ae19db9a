package card_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
)

// office of stand-ins: Botan is away, and others are to decide for him.
type away struct {
	t  *testing.T
	h  *housetest.Home
	k  housetest.Kaede
	sn *servicenow.System
	at id.Connector
}

func (a *away) connect(who id.Person, login string) {
	a.t.Helper()
	v := a.h.As(a.t, who, a.k.Org)
	at, err := url.Parse(v.Get("/connect/" + string(a.at) + "/start").Header.Get("Location"))
	if err != nil {
		a.t.Fatal(err)
	}
	q := at.Query()
	back := url.Values{"state": {q.Get("state")}, "code": {a.sn.Code(login, "sekisho", q.Get("redirect_uri"), q.Get("code_challenge"))}}
	if got := v.Get("/connect/" + string(a.at) + "/callback?" + back.Encode()); got.Status >= 400 {
		a.t.Fatalf("connect %s: %d %s", login, got.Status, got.Body)
	}
}

// handOver has somebody stand in for Botan, and returns the end of that.
func (a *away) handOver(to id.Person) (end func()) {
	a.t.Helper()
	v := a.h.As(a.t, a.k.Botan, a.k.Org)
	now := time.Now().UTC()
	got := v.Call(http.MethodPost, "/api/v1/me/delegations", map[string]any{
		"org": string(a.k.Org), "to": string(to), "starts": now.Add(-time.Hour), "ends": now.Add(time.Hour),
	})
	if got.Status >= 300 {
		a.t.Fatalf("hand over: %d %s", got.Status, got.Body)
	}
	all, err := a.h.Hall().DelegationsOf(ctx, a.k.Botan)
	if err != nil || len(all) == 0 {
		a.t.Fatal(err)
	}
	last := all[len(all)-1]
	for _, d := range all {
		if d.To == to {
			last = d
		}
	}
	return func() {
		if err := a.h.Hall().EndDelegation(ctx, id.OfPerson(a.k.Botan), a.k.Org, last.ID); err != nil {
			a.t.Fatal(err)
		}
	}
}

// open is the card of somebody about a request, as soon as it is there or gone.
func (a *away) open(who id.Person, number string, there bool) card.Card {
	a.t.Helper()
	for range 400 {
		if err := a.h.Cards().Rung(ctx, a.k.Org, a.at, nil); err != nil {
			a.t.Fatal(err)
		}
		page, _, err := a.h.Cards().List(ctx, who, false, "", 20)
		if err != nil {
			a.t.Fatal(err)
		}
		found := card.Card{}
		for _, c := range page {
			if c.Ticket == number {
				found = c
			}
		}
		if (found.ID != "") == there {
			return found
		}
		time.Sleep(25 * time.Millisecond)
	}
	a.t.Fatalf("the card of %s about %s: want it there %t", who, number, there)
	return card.Card{}
}

func (a *away) press(who id.Person, c card.Card) (card.Card, housetest.Answer) {
	a.t.Helper()
	got := a.h.As(a.t, who, a.k.Org).Post(card.PathOf(c.ID), form("approve", c.Digest))
	for range 2000 {
		now, err := a.h.Cards().Get(ctx, who, c.ID)
		if err != nil {
			a.t.Fatal(err)
		}
		if now.State != card.Deciding {
			return now, got
		}
		time.Sleep(5 * time.Millisecond)
	}
	a.t.Fatal("the decision has no end")
	return c, got
}

// TestStandIns: who stands in gets the questions too, and decides with their own
// account. What the system refuses them stands on the card, changes nothing, and
// is on record; nobody decides their own request for another.
func TestStandIns(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		h, k, sn := instance(t, url)
		a := &away{t, h, k, sn, ""}
		all, err := h.Systems().Systems(ctx, k.Org)
		if err != nil || len(all) != 1 {
			t.Fatal(err)
		}
		a.at = all[0].ID
		a.connect(k.Daichi, "daichi")
		a.connect(k.Chika, "chika")
		a.connect(k.Aoi, "aoi")
		endAoi, endDaichi := a.handOver(k.Aoi), a.handOver(k.Daichi)
		a.handOver(k.Chika)
		request, err := sn.Order("aoi", orderable(t), 1)
		if err != nil {
			t.Fatal(err)
		}
		own := a.open(k.Botan, request.Number, true)

		t.Run("TRAP-H8 her own request", func(t *testing.T) {
			c := a.open(k.Aoi, request.Number, true)
			if now, got := a.press(k.Aoi, c); got.Status != http.StatusForbidden || now.State != card.Open {
				t.Errorf("Aoi decides for Botan: %d, %s", got.Status, now.State)
			}
		})
		t.Run("refused by the system", func(t *testing.T) {
			c := a.open(k.Daichi, request.Number, true)
			if c.Behalf != k.Botan {
				t.Errorf("the card is for %q", c.Behalf)
			}
			c, _ = a.press(k.Daichi, c)
			now, _ := sn.Request(request.Number)
			if c.State != card.Failed || now.Approvals[0].State != "requested" || now.Approval != "requested" {
				t.Errorf("the card is %s (%s); ServiceNow has %+v", c.State, c.Why, now)
			}
			page := h.As(t, k.Daichi, k.Org).Get(card.PathOf(c.ID))
			if !strings.Contains(page.Body, "does not let your account decide in the place of") {
				t.Errorf("the card says\n%s", page.Body)
			}
			if own, err = h.Cards().Get(ctx, k.Botan, own.ID); err != nil || own.State != card.Open {
				t.Errorf("Botan's own card is %s, %v", own.State, err)
			}
			seen := false
			for range 200 { // a record waits up to a second for its place in the log
				records, err := h.Records(ctx, time.Now().Add(-time.Hour))
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range records {
					seen = seen || r.Name == "card.failed" && r.Fields["behalf"] == string(k.Botan) && r.Fields["person"] == string(k.Daichi) && r.Fields["why"] == c.Why
				}
				if seen {
					break
				}
				time.Sleep(25 * time.Millisecond)
			}
			if !seen {
				t.Error("no record of it")
			}
		})
		t.Run("over", func(t *testing.T) {
			before, err := h.Cards().Get(ctx, k.Aoi, a.open(k.Aoi, request.Number, true).ID)
			if err != nil {
				t.Fatal(err)
			}
			endAoi()
			if _, got := a.press(k.Aoi, before); got.Status != http.StatusForbidden {
				t.Errorf("pressed after the end: %d", got.Status)
			}
			endDaichi()
			a.open(k.Daichi, request.Number, false)
		})
		t.Run("permitted by the system", func(t *testing.T) {
			c, _ := a.press(k.Chika, a.open(k.Chika, request.Number, true))
			if now, _ := sn.Request(request.Number); c.State != card.Applied || now.Approval != "approved" {
				t.Errorf("the card is %s (%s %s), the request %s", c.State, c.Why, c.Said, now.Approval)
			}
			a.open(k.Botan, request.Number, false)
			if own, err = h.Cards().Get(ctx, k.Botan, own.ID); err != nil || own.State != card.Superseded {
				t.Errorf("Botan's own card is %s, %v", own.State, err)
			}
		})
	})
}
