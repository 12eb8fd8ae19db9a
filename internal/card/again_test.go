package card_test

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/connector"
)

// A110: what a mail led to, what a page kept and what a program noted count once,
// for the one card, and as long as it is open.
func TestADecisionUsedAgain(t *testing.T) {
	eachHome(t, func(t *testing.T, h *home) {
		h.ask("1")
		h.ask("2", func(a *connector.Approval) { a.TicketID = "REQ001" }) // they look the same
		h.ask("3")
		one, two, three := h.card(t, "1"), h.card(t, "2"), h.card(t, "3")
		api := func(c card.Card, digest string) int {
			return h.botan.Call(http.MethodPost, "/api/v1/cards/"+string(c.ID)+"/decide", map[string]any{"digest": digest, "decision": "approve"}).Status
		}
		yes := func(digest string) url.Values { return url.Values{"decision": {"approve"}, "digest": {digest}} }
		if one.Digest == two.Digest {
			t.Fatal("A110 two cards have one digest")
		}
		t.Run("A110 for another request", func(t *testing.T) {
			if got := h.botan.Post(card.PathOf(two.ID), yes(one.Digest)); got.Status != http.StatusConflict {
				t.Errorf("the page: %d", got.Status)
			}
			if got := api(two, one.Digest); got != http.StatusConflict {
				t.Errorf("the API: %d", got)
			}
			if now := h.card(t, "2"); now.State != card.Open || len(h.writes()) != 0 {
				t.Errorf("it is %s, %v", now.State, h.writes())
			}
		})
		t.Run("A110 once more", func(t *testing.T) {
			if got := h.botan.Post(card.PathOf(one.ID), yes(one.Digest)); got.Status != http.StatusSeeOther {
				t.Fatalf("%d %s", got.Status, got.Body)
			}
			h.becomes(t, "1", card.Applied)
			link := h.botan.Get(card.PathOf(one.ID)) // the link of the mail, opened again
			if link.Status != http.StatusOK || strings.Contains(link.Body, `name="decision"`) || !strings.Contains(link.Body, "read back") {
				t.Errorf("the link shows no end: %d", link.Status)
			}
			if got := h.botan.Post(card.PathOf(one.ID), yes(one.Digest)); got.Status != http.StatusSeeOther {
				t.Errorf("the same page again: %d", got.Status)
			}
			if got := api(one, one.Digest); got != http.StatusOK {
				t.Errorf("the same by a program: %d", got)
			}
			no := url.Values{"decision": {"refuse"}, "digest": {one.Digest}, "reason": {"After all"}}
			if got := h.botan.Post(card.PathOf(one.ID), no); got.Status != http.StatusConflict || !strings.Contains(got.Body, "read back") {
				t.Errorf("the other way round: %d", got.Status)
			}
			if all := h.writes(); len(all) != 1 || h.state("1") != connector.Approved {
				t.Errorf("written: %v, and it is %s", all, h.state("1"))
			}
		})
		t.Run("A110 after it is over", func(t *testing.T) {
			h.change("3", func(a *connector.Approval) { a.State = connector.Cancelled })
			for range 1500 {
				if h.card(t, "3").State != card.Open {
					break
				}
				_ = h.Cards().Rung(ctx, h.k.Org, snow, nil)
				time.Sleep(20 * time.Millisecond)
			}
			if got := h.botan.Post(card.PathOf(three.ID), yes(three.Digest)); got.Status != http.StatusConflict || !strings.Contains(got.Body, "withdrawn") {
				t.Errorf("the page: %d", got.Status)
			}
			if got := api(three, three.Digest); got != http.StatusConflict {
				t.Errorf("the API: %d", got)
			}
			if now := h.card(t, "3"); now.State != card.Withdrawn || now.Decision != "" || len(h.writes()) != 1 {
				t.Errorf("it is %s as %q, %v", now.State, now.Decision, h.writes())
			}
		})
	})
}

// A129 in the sinks outside of our pages: one mail about a card, and the table of
// the log.
func TestForeignTextInMailsAndTables(t *testing.T) {
	eachHome(t, func(t *testing.T, h *home) {
		const bad = `=cmd|'/C calc'!A0 <script>alert(1)</script> "><img src=x onerror=alert(1)> [x](javascript:alert(1)) <a href="javascript:alert(1)">x</a>` +
			"\r\nBcc: x@evil.example\r\n\r\n\u202Etxt.exe \u200b\x1b[31m"
		h.ask("1", func(a *connector.Approval) {
			a.Title, a.TicketID, a.Requester = bad, bad, connector.Party{NativeID: "n-aoi", Name: bad, Email: bad}
		})
		c := h.card(t, "1")
		h.mailTo(t, "botan@kaede.example")
		all := h.Mail.Messages()
		if len(all) != 1 {
			t.Fatalf("%d mails", len(all))
		}
		m := all[0]
		if !slices.Equal(m.To, []string{"botan@kaede.example"}) || m.Header.Get("Bcc") != "" || strings.Contains(m.Subject, "\n") {
			t.Errorf("A129 the mail is for %v, %v", m.To, m.Header)
		}
		if !strings.Contains(m.Text, "=cmd|") {
			t.Errorf("the mail does not say what is asked:\n%s", m.Text)
		}
		for name, text := range map[string]string{"subject": m.Subject, "text": m.Text, "HTML": m.HTML} {
			if strings.ContainsAny(text, "\u202e\u200b\x1b") {
				t.Errorf("A128 the %s has marks that turn or hide text", name)
			}
		}
		if found := unsafeHTML.FindString(m.HTML); found != "" {
			t.Errorf("A129 the HTML of the mail has %s", found)
		}
		for _, link := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(m.HTML, -1) {
			if !strings.HasPrefix(link[1], h.URL()+"/") {
				t.Errorf("A129 the mail leads to %s", link[1])
			}
		}
		chika := h.As(t, h.k.Chika, h.k.Org)
		got := chika.Get("/admin/audit/export?" + url.Values{"format": {"csv"}, "target": {"card:" + string(c.ID)}}.Encode())
		for range 600 { // records come into the log within a second
			if strings.Contains(got.Body, "card.raised") {
				break
			}
			time.Sleep(50 * time.Millisecond)
			got = chika.Get("/admin/audit/export?" + url.Values{"format": {"csv"}, "target": {"card:" + string(c.ID)}}.Encode())
		}
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(got.Body, "\ufeff"))).ReadAll()
		if err != nil || len(rows) < 2 || !strings.Contains(got.Body, "=cmd|") {
			t.Fatalf("the table: %d %v\n%s", got.Status, err, got.Body)
		}
		for _, cell := range slices.Concat(rows...) {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) || strings.ContainsAny(cell, "\u202e\u200b\x1b") {
				t.Errorf("A129 a cell of the table acts: %q", cell)
			}
		}
	})
}
