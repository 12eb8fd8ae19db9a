package console_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

type drawn struct {
	Stretches []struct {
		Done    int64 `json:"signed_in"`
		Refused int64 `json:"signin_refused"`
		Joined  int64
	}
	Refusals []struct {
		Name string
		N    int64
	}
	Active, Sessions int64
}

func (d drawn) sum() (done, refused, joined int64) {
	for _, s := range d.Stretches {
		done, refused, joined = done+s.Done, refused+s.Refused, joined+s.Joined
	}
	return done, refused, joined
}

func draw(t *testing.T, v *housetest.Visitor, query string) (d drawn) {
	t.Helper()
	got := v.Get("/api/v1/dashboard" + query)
	if err := json.Unmarshal([]byte(got.Body), &d); err != nil || got.Status != http.StatusOK {
		t.Fatalf("%s: %d %s", query, got.Status, got.Body)
	}
	return d
}

// A dashboard counts what the log says, of those whose log the reader may read.
func TestDashboardsCountTheLog(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		auditor, theirs := h.As(t, newcomer(t, h, "kansa4", k.Org, org.Auditor), k.Org), h.As(t, k.Ume, k.Momiji)
		operator, user := h.As(t, newcomer(t, h, "unyo4", k.Org, org.Operator), k.Org), h.As(t, k.Aoi, k.Org)
		t.Run("R4 refusals", func(t *testing.T) {
			for who, paths := range map[*housetest.Visitor][]string{
				user: {"/admin/dashboard", "/api/v1/dashboard", "/admin/dashboard?of=house"}, auditor: {"/admin/dashboard?of=house", "/api/v1/dashboard?of=house"}, theirs: {"/admin/dashboard?of=house"},
			} {
				for _, path := range paths {
					if got := who.Get(path); got.Status != http.StatusForbidden {
						t.Errorf("%s: %d", path, got.Status)
					}
				}
			}
			for path, want := range map[string]int{"/admin/dashboard?span=year": 400, "/api/v1/dashboard?zone=Nowhere/At": 400} {
				if got := auditor.Get(path); got.Status != want {
					t.Errorf("%s: %d", path, got.Status)
				}
			}
		})
		for range 3 {
			user.Get("/admin/audit") // refused
		}
		wait := func(what string, holds func() bool) {
			t.Helper()
			for range 300 {
				if holds() {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			t.Errorf("never: %s", what)
		}
		for _, span := range []string{"day", "month", "quarter"} {
			q := "?span=" + span + "&zone=Asia/Tokyo"
			wait("sign-ins of "+span, func() bool {
				done, _, joined := draw(t, auditor, q).sum()
				return done == int64(len(records(t, auditor, "?limit=500&name=session.begun"))) && joined == int64(len(records(t, auditor, "?limit=500&name=member.added"))) && done >= 3
			})
		}
		var refusals int64
		for _, r := range draw(t, auditor, "").Refusals {
			if r.Name == "not-permitted" {
				refusals = r.N
			}
		}
		if want := int64(len(records(t, auditor, "?name=refused&text=not-permitted&limit=500"))); refusals != want || want < 3 {
			t.Errorf("%d refusals, the log has %d", refusals, want)
		}
		ours, _, _ := draw(t, auditor, "").sum()
		others, _, _ := draw(t, theirs, "").sum()
		if all, _, _ := draw(t, operator, "?of=house").sum(); all < ours+others || others == 0 {
			t.Errorf("the house has %d sign-ins, two of its organizations %d and %d", all, ours, others)
		}
		if d := draw(t, auditor, ""); d.Active < 5 || d.Sessions < 3 {
			t.Errorf("now: %+v", d)
		}
		for _, path := range []string{"/admin/dashboard", "/admin/dashboard?span=month", "/admin/dashboard?span=quarter"} {
			got := auditor.Get(path)
			if got.Status != http.StatusOK || strings.Count(got.Body, "<details class=\"behind\">") != 2 || !strings.Contains(got.Body, "/admin/audit?from=") {
				t.Errorf("%s: %d, no pictures with tables and links", path, got.Status)
			}
		}
	})
}

// What other rooms write into the log has pictures of its own.
func TestDashboardsDrawAsksCardsAndLeases(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		auditor := h.As(t, newcomer(t, h, "kansa6", k.Org, org.Auditor), k.Org)
		if got := auditor.Get("/admin/dashboard").Body; strings.Contains(got, `id="asks"`) || strings.Contains(got, `id="leases"`) {
			t.Error("pictures of nothing")
		}
		for _, name := range []string{"request.asked", "request.asked", "request.void", "card.applied", "lease.stuck"} {
			err := h.Store().House().Write(ctx, func(*store.Tx) store.End {
				return store.Done(store.Event{Name: name, Org: k.Org, By: id.OfPerson(k.Aoi), Target: "ask:" + string(k.Aoi)})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		want := map[string]int64{"asked": 2, "ask-expired": 1, "card-applied": 1, "lease-stuck": 1}
		var sum map[string]int64
		for range 300 {
			var d struct {
				Stretches []struct{ Further map[string]int64 }
			}
			if err := json.Unmarshal([]byte(auditor.Get("/api/v1/dashboard").Body), &d); err != nil {
				t.Fatal(err)
			}
			sum = map[string]int64{}
			for _, s := range d.Stretches {
				for key, n := range s.Further {
					sum[key] += n
				}
			}
			if maps.Equal(sum, want) {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if !maps.Equal(sum, want) {
			t.Errorf("drawn %v, want %v", sum, want)
		}
		got := auditor.Get("/admin/dashboard").Body
		for _, id := range []string{"asks", "cards", "leases"} {
			if !strings.Contains(got, `id="`+id) {
				t.Errorf("no picture of %s", id)
			}
		}
	})
}

// Pages of the console read a bounded number of statements, however long the
// log is.
func TestStatementsOfThePages(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		who := h.As(t, newcomer(t, h, "kansa5", k.Org, org.Auditor, org.Operator), k.Org)
		for i := range 200 {
			err := h.Store().House().Write(ctx, func(*store.Tx) store.End {
				return store.Done(store.Event{Name: "test.noted", Org: k.Org, By: id.OfPerson(k.Aoi), Target: string(id.OfPerson(k.Botan)), Fields: map[string]string{"n": strings.Repeat("x", i%7)}})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for path, most := range map[string]int64{
			"/admin/audit": 6, "/admin/audit?name=test.noted": 6, "/admin/audit?target=" + url.QueryEscape(string(id.OfPerson(k.Botan))): 6,
			"/admin/audit?name=test.noted,refused&text=xxx&source=1": 6, "/admin/audit?of=house": 6,
			"/admin/dashboard": 6, "/admin/dashboard?of=house": 6, "/admin/effects": 6, "/admin/keys": 8, // not a list: fixed
		} {
			who.Get(path) // what a session and its rights are is remembered for a while
			counting, n := store.Counting(t.Context())
			request := httptest.NewRequestWithContext(counting, http.MethodGet, path, nil)
			request.Host = strings.TrimPrefix(h.URL(), "http://")
			for _, c := range who.Cookies() {
				request.AddCookie(c)
			}
			answer := httptest.NewRecorder()
			h.Handler().ServeHTTP(answer, request)
			if answer.Code != http.StatusOK || n.Load() > most {
				t.Errorf("%s: %d in %d statements", path, answer.Code, n.Load())
			}
			t.Logf("%s: %d statements", path, n.Load())
		}
	})
}

// What is found is taken along without becoming a formula, page by page in both
// directions, and taking it is recorded.
func TestTheLogIsPagedAndTakenAlong(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		auditor := h.As(t, newcomer(t, h, "kansa6", k.Org, org.Auditor), k.Org)
		formula := "=cmd|' /C calc'!A0"
		for range 120 {
			err := h.Store().House().Write(ctx, func(*store.Tx) store.End {
				return store.Done(store.Event{Name: "test.paged", Org: k.Org, By: id.OfPerson(k.Aoi), Target: formula})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, path := range []string{"/admin/audit/export", "/admin/audit/export?format=xml", "/admin/audit/export?format=csv&from=yesterday"} {
			if got := auditor.Get(path); got.Status != http.StatusBadRequest {
				t.Errorf("%s: %d", path, got.Status)
			}
		}
		if got := h.As(t, k.Aoi, k.Org).Get("/admin/audit/export?format=csv"); got.Status != http.StatusForbidden {
			t.Errorf("a member takes the log along: %d", got.Status)
		}
		if got := h.As(t, k.Ume, k.Momiji).Get("/admin/audit/export?format=csv&name=test.paged"); strings.Contains(got.Body, "test.paged") {
			t.Error("R4 another organization's records are taken along")
		}
		rows, err := csv.NewReader(strings.NewReader(auditor.Get("/admin/audit/export?format=csv&name=test.paged").Body)).ReadAll()
		if err != nil || len(rows) != 121 {
			t.Fatalf("%d rows (%v)", len(rows), err)
		}
		for _, row := range rows[1:] {
			for _, cell := range row {
				if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
					t.Errorf("a formula: %q", cell)
				}
			}
		}
		lines := bytes.Split(bytes.TrimSpace([]byte(auditor.Get("/admin/audit/export?format=jsonl&name=test.paged").Body)), []byte("\n"))
		if len(lines) != 121 || string(lines[120]) != `{"end":120}` {
			t.Errorf("%d lines, the last %s", len(lines), lines[len(lines)-1])
		}
		if got := records(t, auditor, "?name=audit.searched&limit=500"); len(got) < 2 {
			t.Errorf("N6 %d readings in the log", len(got))
		}
		all := records(t, auditor, "?name=test.paged&limit=500")
		middle := all[60].ID
		newer := records(t, auditor, "?name=test.paged&limit=20&newer=true&cursor="+middle)
		older := records(t, auditor, "?name=test.paged&limit=20&cursor="+middle)
		for i := range 20 {
			if newer[i].ID != all[40+i].ID || older[i].ID != all[61+i].ID {
				t.Fatalf("pages around the middle do not join at %d", i)
			}
		}
		page := auditor.Get("/admin/audit?name=test.paged")
		next := link(t, page.Body, `rel="next" href="`)
		second := auditor.Get(next)
		back := auditor.Get(link(t, second.Body, `rel="prev" href="`))
		if first := link(t, page.Body, `href="/admin/audit/01`); first == "" || !strings.Contains(back.Body, first) || strings.Contains(second.Body, first) {
			t.Error("there and back again is not the same page")
		}
		zoned := auditor.Get("/admin/audit?name=test.paged&from=2001-01-01T00:00&from.zone=Asia/Tokyo&until=2001-01-02T00:00&until.zone=Asia/Tokyo")
		if strings.Contains(zoned.Body, "test.paged</") || zoned.Status != http.StatusOK {
			t.Errorf("records of another day: %d", zoned.Status)
		}
	})
}

func link(t *testing.T, body, before string) string {
	t.Helper()
	_, rest, found := strings.Cut(body, before)
	if !found {
		t.Fatalf("no %s", before)
	}
	to, _, _ := strings.Cut(rest, `"`)
	return strings.ReplaceAll(to, "&amp;", "&")
}
