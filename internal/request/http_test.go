package request_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/request"
)

var hidden = regexp.MustCompile(`name="digest" value="([0-9a-f]{64})"`)

// CAP-H2: by the browser: search, form with who decides, send, look, decide, give
// back; and what a stranger or an old page gets.
func TestPagesOfTheHall(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		t.Run("CAP-H2 search, ask, decide, give back", func(t *testing.T) { byTheBrowser(t, h) })
	})
}

func byTheBrowser(t *testing.T, h *housetest.Home) {
	t.Helper()
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
}

// CAP-H3: whoever looks at the page of an open ask may decide while they are on
// call, and nobody has to touch it for that.
func TestTheHandoverOnPages(t *testing.T) {
	each(t, func(r *rig) {
		t := r.t
		eri, fumi := r.person("eri"), r.person("fumi")
		r.clock.Advance(3 * time.Hour) // noon
		p := &player{rig: r, people: map[string]id.Person{"eri": eri, "fumi": fumi}}
		p.api(http.MethodPost, "/organizations/"+string(r.Org)+"/rotas", map[string]any{"name": "nights", "spec": map[string]any{
			"time_zone": "UTC", "handover": "00:00", "turn": 1, "starts": r.clock.Now().Format(time.DateOnly), "people": []id.Person{eri, fumi},
		}}, nil)
		r.policy(func(p *request.ApprovalPolicy) { p.Stages = stage(1, "on-call:nights") })
		sent := r.home.As(t, r.Aoi, r.Org).Post("/ask/group/"+string(r.sales)+"?org="+string(r.Org), url.Values{"hours": {"2"}, "reason": {"Report"}})
		page, _, _ := strings.Cut(sent.Header.Get("Location"), "?")
		may := func(who id.Person, page string) bool {
			got := r.home.As(t, who, r.Org).Get(page)
			return got.Status == http.StatusOK && strings.Contains(got.Body, "Your decision")
		}
		listed := func(who id.Person) bool {
			visitor := r.home.As(t, who, r.Org)
			return strings.Contains(visitor.Get("/asks").Body, page) && strings.Contains(visitor.Get("/cards").Body, "sales")
		}
		r.want("who is on call", []any{may(eri, page), listed(eri), may(fumi, page), listed(fumi)}, []any{true, true, false, false})
		r.clock.Advance(12*time.Hour + time.Minute)
		r.until("handed over", func() bool { return listed(fumi) && !listed(eri) })
		r.want("by now", []any{may(eri, page), may(fumi, page)}, []any{false, true})
		digest := hidden.FindStringSubmatch(r.home.As(t, fumi, r.Org).Get(page).Body)
		if digest == nil {
			t.Fatal("no digest on the page")
		}
		form := url.Values{"decision": {"approve"}, "digest": digest[1:]}
		r.want("whose turn is over", r.home.As(t, eri, r.Org).Post(page+"/decide", form).Status, http.StatusNotFound)
		r.want("whose turn it is", r.home.As(t, fumi, r.Org).Post(page+"/decide", form).Status, http.StatusSeeOther)
		r.want("in", r.in(r.Aoi, r.sales), true)
	})
}
