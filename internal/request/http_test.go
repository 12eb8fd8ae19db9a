package request_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/housetest"
)

var hidden = regexp.MustCompile(`name="digest" value="([0-9a-f]{64})"`)

// CAP-H2: by the browser: search, form with who decides, send, look, decide, give
// back; and what a stranger or an old page gets.
func TestPagesOfTheHall(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		r := &rig{Kaede: h.People(t), t: t, home: h, hall: h.Hall()}
		r.sales = r.group("sales")
		r.policy(nil)
		aoi, botan, ume := h.As(t, r.Aoi, r.Org), h.As(t, r.Botan, r.Org), h.As(t, r.Ume, r.Momiji)
		form := "/ask/group/" + string(r.sales) + "?org=" + string(r.Org)
		has := func(a housetest.Answer, status int, texts ...string) {
			t.Helper()
			if a.Status != status {
				t.Errorf("%d, want %d\n%.400s", a.Status, status, a.Body)
			}
			for _, text := range texts {
				if !strings.Contains(a.Body, text) {
					t.Errorf("nothing of %q", text)
				}
			}
		}
		has(aoi.Get("/ask"), 200, "sales")
		has(ume.Get("/ask?org="+string(r.Org)), 404)
		has(ume.Get(form), 404)
		has(aoi.Get(form), 200, "牡丹", "1 of")
		has(aoi.Post(form, url.Values{"hours": {"2"}}), 400, "field-reason-error")
		has(aoi.Post(form, url.Values{"hours": {"999"}, "reason": {"Report"}}), 400, "field-hours-error")
		has(aoi.Post(form, url.Values{"hours": {"2"}, "reason": {"Report"}, "for": {"ume"}}), 400, "field-for-error")
		sent := aoi.Post(form, url.Values{"hours": {"2"}, "reason": {"<b>Report</b>"}})
		has(sent, http.StatusSeeOther)
		page, _, _ := strings.Cut(sent.Header.Get("Location"), "?")
		has(aoi.Get(page), 200, "&lt;b&gt;Report", "Waits for a decision")
		has(ume.Get(page), 404)
		looked := botan.Get(page)
		has(looked, 200, "Your decision")
		digest := hidden.FindStringSubmatch(looked.Body)
		if digest == nil {
			t.Fatal("no digest on the page")
		}
		has(aoi.Post(page+"/decide", url.Values{"decision": {"approve"}, "digest": digest[1:]}), 403, "Nobody decides about what they asked for")
		has(botan.Post(page+"/decide", url.Values{"decision": {"refuse"}, "digest": digest[1:]}), 400, "field-reason-error")
		has(aoi.Post(page+"/say", url.Values{"text": {"For the third quarter"}}), http.StatusSeeOther)
		has(botan.Post(page+"/decide", url.Values{"decision": {"approve"}, "digest": digest[1:]}), 409, "no longer what you were shown")
		digest = hidden.FindStringSubmatch(botan.Get(page).Body)
		has(botan.Post(page+"/decide", url.Values{"decision": {"approve"}, "digest": digest[1:], "shorter": {"1"}}), http.StatusSeeOther)
		has(aoi.Get(page), 200, "1 hours (asked for: 2 hours)", "Approved")
		r.want("in", r.in(r.Aoi, r.sales), true)
		held, err := h.Ledger().Of(ctx, r.Aoi)
		if err != nil || len(held) != 1 {
			t.Fatal(held, err)
		}
		back := "/leases/" + string(held[0].ID) + "/give-back?org=" + string(r.Org)
		has(botan.Post(back, nil), 404)
		has(aoi.Get("/asks"), 200, "sales")
		has(aoi.Post(back, nil), http.StatusSeeOther)
		r.want("in", r.in(r.Aoi, r.sales), false)
	})
}
