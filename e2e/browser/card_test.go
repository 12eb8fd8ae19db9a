package browser_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
)

// shop is an outside system with one approver.
type shop struct {
	mu    sync.Mutex
	tie   card.Tie
	asked map[string]*connector.Approval
	away  bool
}

const shopSystem = id.Connector("01m0r8s3v6x9z2b5d7fgjksh0p")

func (s *shop) Ties(context.Context) ([]card.Tie, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return []card.Tie{s.tie}, nil
}

func (s *shop) Tie(_ context.Context, in id.Org, _ id.Connector, who id.Person) (card.Tie, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tie.Org != in || s.tie.Person != who {
		return card.Tie{}, nil
	}
	return s.tie, nil
}

func (s *shop) Open(context.Context, card.Tie) (card.Session, error) { return s, nil }
func (s *shop) Switch(id.Connector) string                           { return "/settings" }

func (s *shop) Approvals(context.Context) (all []connector.Approval, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.asked {
		if a.State == connector.Pending {
			all = append(all, *a)
		}
	}
	return all, nil
}

func (s *shop) Approval(_ context.Context, which string) (connector.Approval, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return connector.Approval{}, &connector.Problem{Kind: connector.Unavailable}
	}
	return *s.asked[which], nil
}

func (s *shop) Decide(_ context.Context, v connector.Verdict) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[v.ID].State = connector.State(v.Decision)
	return nil
}

func (s *shop) Act(context.Context, string, string, map[string]string) error { return nil }

// question is what Botan is asked.
func question(row, title string) *connector.Approval {
	return &connector.Approval{
		ID: row, TicketID: "REQ0010" + row, Title: title, State: connector.Pending, CanDecide: true, CommentRequired: connector.OnReject,
		Approver:  connector.Party{NativeID: "n-botan"},
		Requester: connector.Party{NativeID: "n-aoi", Name: "高橋 葵", Email: "aoi@kaede.example"},
		Amount:    connector.Amount{Value: "198,000", Currency: "JPY"}, DueAt: time.Now().Add(50 * time.Hour),
		Lines: []string{"1 × ノートパソコン 14型（メモリ32GB）", "1 × USB-C ドック"}, URL: "https://kaede.example.com/req/" + row,
		Fields: []connector.Field{{Label: "設置場所", Value: "東京本社 8F"}, {Label: "Cost centre", Value: "4711"}},
	}
}

// counter is a house in which Botan is connected to a shop.
func counter(t *testing.T) (*housetest.Home, *shop, housetest.Kaede) {
	t.Helper()
	s := &shop{asked: map[string]*connector.Approval{}}
	home := housetest.House(t, func(o *housetest.Options) { o.Systems = s })
	k := home.People(t)
	s.tie = card.Tie{Org: k.Org, System: shopSystem, Title: "ServiceNow", Person: k.Botan, On: true, Native: connector.Party{NativeID: "n-botan"}}
	return home, s, k
}

// cardAbout waits for a card.
func cardAbout(t *testing.T, home *housetest.Home, who id.Person, row string) card.Card {
	t.Helper()
	for range 500 {
		home.Cards().Resync()
		_ = home.Cards().Rung(context.Background(), home.People(t).Org, shopSystem, nil)
		for _, done := range []bool{false, true} {
			page, _, err := home.Cards().List(context.Background(), who, done, "", 100)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range page {
				if c.Backend == row {
					return c
				}
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("no card about %s", row)
	return card.Card{}
}

// TestACardIsDecidedOnAPhone decides at 320 × 640 and looks at another screen
// meanwhile (S0, K5): what is asked and the buttons stand above the fold, and
// both screens say that it was read back.
func TestACardIsDecidedOnAPhone(t *testing.T) {
	home, s, k := counter(t)
	s.asked["1"] = question("1", "ノートパソコンの購入")
	s.asked["2"] = question("2", longName+" "+strings.Repeat("長い件名", 50))
	c, long := cardAbout(t, home, k.Botan, "1"), cardAbout(t, home, k.Botan, "2")
	botan := home.As(t, k.Botan, k.Org)
	phone, desk := open(t, home).as(botan), open(t, home).as(botan)
	phone.size(320, 640)
	for _, one := range []card.Card{c, long} {
		phone.visit(card.PathOf(one.ID))
		if low := evaluate[float64](phone, `document.querySelector("button.approve").getBoundingClientRect().bottom`); low > 640 {
			t.Errorf("A128 Approve ends at %v of 640", low)
		}
		if wide := evaluate[float64](phone, `document.documentElement.scrollWidth`); wide > 320 {
			t.Errorf("the page is %v wide at 320", wide)
		}
	}
	phone.visit(card.PathOf(c.ID))
	if low := evaluate[float64](phone, `document.querySelector(".facts").getBoundingClientRect().bottom`); low > 560 {
		t.Errorf("who asks, what and until when end at %v, below the fold", low)
	}
	phone.do(typed("reason", "急ぎません"))
	if err := home.Cards().Prefer(context.Background(), k.Botan, card.Preference{Mail: card.MailOff, QuietFrom: card.NoMinute, QuietUntil: card.NoMinute}); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.asked["3"] = question("3", "A third question")
	s.mu.Unlock()
	desk.visit("/")
	cardAbout(t, home, k.Botan, "3")
	if !desk.sees("A third question", 2*time.Second) {
		t.Error("K5 the first page does not show a new card within 2 s")
	}
	if got := evaluate[string](phone, `document.querySelector("#field-reason").value`); got != "急ぎません" {
		t.Errorf("what was typed is gone when another card comes: %q", got)
	}
	desk.visit(card.PathOf(c.ID))
	phone.press("button.approve")
	const applied = "Written to ServiceNow and read back"
	if !phone.sees(applied, 40*time.Second) || !desk.sees(applied, 40*time.Second) {
		t.Errorf("K5 not on every screen: %q", desk.text("main"))
	}
	desk.visit(card.ListPath)
	if strings.Contains(desk.text("main"), "ノートパソコンの購入") {
		t.Error("what is decided still waits")
	}
	phone.quiet("deciding on a phone")
}

// TestALongReasonHidesNothing: however much somebody writes, what is asked for, by
// and for whom, and for how long stand above it and above the buttons on the
// smallest phone (A128).
func TestALongReasonHidesNothing(t *testing.T) {
	home := housetest.House(t)
	k, root := home.People(t), id.Local(0)
	g, err := home.Register().PutGroup(context.Background(), root, org.Group{Org: k.Org, Name: "sales", Title: "営業部の共有フォルダー"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = home.Hall().PutPolicy(context.Background(), root, request.ApprovalPolicy{Org: k.Org, Name: "groups", Spec: request.Spec{
		Kinds: []string{"group"}, Stages: []request.Stage{{Groups: []request.Panel{{Approvers: []request.Approver{request.Approver("person:" + string(k.Botan))}}}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := home.Hall().Raise(context.Background(), k.Daichi, request.Wanted{
		Org: k.Org, Kind: "group", Target: string(g.ID), For: k.Aoi, Reason: strings.Repeat("As agreed, nothing else. ", 40), Length: 3 * time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	var c card.Card
	for range 1500 {
		page, _, err := home.Cards().List(context.Background(), k.Botan, false, "", 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) > 0 {
			c = page[0]
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	phone := open(t, home).as(home.As(t, k.Botan, k.Org))
	phone.size(320, 640)
	phone.visit(card.PathOf(c.ID))
	fold := evaluate[float64](phone, `document.querySelector("button.approve").getBoundingClientRect().top`)
	for name, text := range map[string]string{"what": "営業部の共有フォルダー", "who asks": "中村 大地", "for whom": "高橋 葵", "for how long": "3 hours"} {
		low := evaluate[float64](phone, `Math.min(9999, ...[...document.querySelectorAll("main h1, main dd")].filter(e => e.textContent.includes("`+text+`")).map(e => e.getBoundingClientRect().bottom))`)
		if low > fold {
			t.Errorf("A128 %s of ask %s ends at %v, and what is seen at %v", name, a.ID, low, fold)
		}
	}
	if *pictures != "" {
		shoot(phone, "card-long-reason")
	}
}
