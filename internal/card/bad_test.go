package card_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// logged waits for a record of an event about a card.
func logged(t *testing.T, h *housetest.Home, k housetest.Kaede, name string, which id.Card) {
	t.Helper()
	chief := h.As(t, k.Chika, k.Org)
	var found struct{ Items []struct{ Name string } }
	for range 200 {
		got := chief.Get("/api/v1/audit/records?" + url.Values{"name": {name}, "target": {"card:" + string(which)}}.Encode())
		if json.Unmarshal([]byte(got.Body), &found) == nil && len(found.Items) > 0 {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Errorf("the log has no %s of the card", name)
}

// TestASystemThatAnswersBadly: an answer of many megabytes, one that is no JSON
// and one that leads to a private address, just when a decision is on its way.
// The card says what became of it and what to do, the system was changed by
// nothing, the log has it, and the decision can be made (S0, A141, A142).
func TestASystemThatAnswersBadly(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter)
		says   string
		waits  bool // it is kept and sent when the system is back
	}{
		{"A142 5 MB", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"result":"` + strings.Repeat("x", 6<<20) + `"}`))
		}, "answer could not be read, so nothing was sent", false},
		{"invalid JSON", func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"result": [{"sys_id": `)) }, "answer could not be read, so nothing was sent", false},
		{"a page", func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>Please log in</html>")) }, "answer could not be read, so nothing was sent", false},
		{"A141 redirect to a private address", func(w http.ResponseWriter) {
			w.Header().Set("Location", "http://10.1.2.3/api/now/table/sysapproval_approver")
			w.WriteHeader(http.StatusFound)
		}, "the system redirects, and a connector follows nobody", false},
		{"away", func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }, "is kept; it is sent as soon as the system is back", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			housetest.EachURL(t, func(t *testing.T, database string) {
				var bad atomic.Bool
				system, err := servicenow.New(servicenow.Options{})
				if err != nil {
					t.Fatal(err)
				}
				site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if bad.Load() && strings.HasPrefix(r.URL.Path, "/api/") {
						c.answer(w)
						return
					}
					system.ServeHTTP(w, r)
				}))
				t.Cleanup(func() { site.Close(); system.Close() })
				h := housetest.House(t, housetest.On(database), func(o *housetest.Options) { o.Config.Egress.Allow = append(o.Config.Egress.Allow, "127.0.0.0/8") })
				k := h.People(t)
				connected(t, h, k, system, site.URL)
				request, err := system.Order("aoi", orderable(t), 1)
				if err != nil {
					t.Fatal(err)
				}
				botan, shown := h.As(t, k.Botan, k.Org), waitCard(t, h, k)
				bad.Store(true)
				if got := botan.Post(card.PathOf(shown.ID), form("approve", shown.Digest)); got.Status != http.StatusSeeOther {
					t.Fatalf("approve: %d", got.Status)
				}
				told := ""
				for range 1000 {
					now, err := h.Cards().Get(ctx, k.Botan, shown.ID)
					if err != nil {
						t.Fatal(err)
					}
					told = html.UnescapeString(botan.Get(card.PathOf(shown.ID)).Body)
					if now.State == card.Failed || c.waits && strings.Contains(told, "does not answer") {
						break
					}
					time.Sleep(20 * time.Millisecond)
				}
				if i := strings.Index(told, `class="standing"`); i < 0 || !strings.Contains(told[i:], c.says) {
					t.Errorf("the card does not say %q", c.says)
				}
				ja := botan.Send(http.MethodGet, card.PathOf(shown.ID), "", http.Header{"Accept-Language": {"ja"}}).Body
				if want := "判断は送信されず、システムでは何も変更されていません"; strings.Contains(c.says, "could not be read") && !strings.Contains(ja, want) {
					t.Errorf("ja: the card does not say %q", want)
				}
				if now, _ := system.Request(request.Number); now.Approval == "approved" {
					t.Error("it was approved there")
				}
				logged(t, h, k, "card.decided", shown.ID)
				bad.Store(false)
				if c.waits {
					return // TestOutageQueues goes on
				}
				logged(t, h, k, "card.failed", shown.ID)
				again := url.Values{"decision": {"approve"}, "digest": {shown.Digest}}
				for range 500 { // the line may rest for a moment
					if now, _ := system.Request(request.Number); now.Approval == "approved" {
						return
					}
					botan.Post(card.PathOf(shown.ID), again)
					time.Sleep(50 * time.Millisecond)
				}
				t.Error("it cannot be decided again")
			})
		})
	}
}

// TestWhatBecameOfAnOpenCard: what happens to a question while somebody looks at
// its card. The page says what it is, nothing is written, the log has it.
func TestWhatBecameOfAnOpenCard(t *testing.T) {
	other := connector.Party{NativeID: "n-chika", Name: "Chika Yamamoto"}
	for _, c := range []struct {
		name   string
		change func(a *connector.Approval)
		state  card.State
		says   string
		ja     string
		event  string
	}{
		{"decided elsewhere", func(a *connector.Approval) { a.State, a.DecidedBy = connector.State(connector.Rejected), other }, card.Superseded, "Chika Yamamoto decided it elsewhere", "Chika Yamamotoさんがほかの場所で判断しました", "card.superseded"},
		{"the ticket was cancelled", func(a *connector.Approval) { a.State = connector.Cancelled }, card.Withdrawn, "The question was withdrawn", "この依頼は取り下げられました", "card.withdrawn"},
		{"the ticket was closed", func(a *connector.Approval) { a.State = connector.Closed }, card.Withdrawn, "The question was withdrawn", "この依頼は取り下げられました", "card.withdrawn"},
		{"it is put to somebody else", func(a *connector.Approval) { a.Approver = other }, card.Failed, "does not let your account decide this", "このシステムで判断する権限がありません", "card.failed"},
		{"the price changed", func(a *connector.Approval) { a.Amount.Value = "298000" }, card.Open, "It changed before your decision arrived", "判断が届く前に内容が変更されたため", "card.reopened"},
		{"a state that nobody knows", func(a *connector.Approval) { a.State = connector.Unmapped }, card.Failed, "did not accept the decision as it was sent", "送信した内容をシステムが受け付けませんでした", "card.failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachHome(t, func(t *testing.T, h *home) {
				h.ask("1")
				shown := h.card(t, "1")
				h.change("1", c.change)
				if got := h.botan.Post(card.PathOf(shown.ID), url.Values{"decision": {"approve"}, "digest": {shown.Digest}}); got.Status != http.StatusSeeOther {
					t.Fatalf("approve: %d %s", got.Status, got.Body)
				}
				h.becomes(t, "1", c.state)
				if page := html.UnescapeString(h.botan.Get(card.PathOf(shown.ID)).Body); !strings.Contains(page, c.says) {
					t.Errorf("the page does not say %q", c.says)
				}
				if page := h.botan.Send(http.MethodGet, card.PathOf(shown.ID), "", http.Header{"Accept-Language": {"ja"}}); !strings.Contains(html.UnescapeString(page.Body), c.ja) {
					t.Errorf("the page does not say %q", c.ja)
				}
				if len(h.writes()) != 0 {
					t.Errorf("written: %v", h.writes())
				}
				logged(t, h.Home, h.k, "card.decided", shown.ID)
				logged(t, h.Home, h.k, c.event, shown.ID)
			})
		})
	}
	t.Run("its time ran out", func(t *testing.T) {
		eachHome(t, func(t *testing.T, h *home) {
			ask := id.Ask("01jd9m7r000000000000000ask")
			write := func(f func(tx *store.Tx) ([]store.Event, error)) {
				t.Helper()
				err := h.Store().Org(h.k.Org).Write(ctx, func(tx *store.Tx) store.End {
					events, err := f(tx)
					if err != nil {
						return store.Abort(err)
					}
					return store.Done(events[0])
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			write(func(tx *store.Tx) ([]store.Event, error) {
				return h.Cards().Raise(tx, card.Question{Ask: ask, Org: h.k.Org, To: []id.Person{h.k.Botan}, Digest: "d", Title: "Group desk"})
			})
			shown := h.card(t, string(ask))
			write(func(tx *store.Tx) ([]store.Event, error) {
				return h.Cards().Settle(tx, card.Settlement{Org: h.k.Org, Ask: ask, Outcome: card.Expired})
			})
			got := h.botan.Post(card.PathOf(shown.ID), url.Values{"decision": {"approve"}, "digest": {shown.Digest}})
			if got.Status != http.StatusConflict || !strings.Contains(html.UnescapeString(got.Body), "Its time ran out before anybody decided") {
				t.Errorf("an expired card: %d", got.Status)
			}
			if now := h.card(t, string(ask)); now.State != card.Expired || now.Decision != "" {
				t.Errorf("it is %s, decided %q", now.State, now.Decision)
			}
			logged(t, h.Home, h.k, "card.expired", shown.ID)
		})
	})
}
