package signin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/demand"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/signin"
	"github.com/sekisho/sekisho/internal/store"
)

// openOf are the names of who is signed in, as the API says it, and the ids.
func openOf(t testing.TB, v *housetest.Visitor, in id.Org, query string) (names string, ids map[string]string, next string) {
	t.Helper()
	got := v.Call(http.MethodGet, "/api/v1/organizations/"+string(in)+"/sessions?"+query, nil)
	var list struct {
		Items []struct{ ID, Login string }
		Next  string
	}
	if err := json.Unmarshal([]byte(got.Body), &list); err != nil || got.Status != http.StatusOK {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	ids = map[string]string{}
	var all []string
	for _, s := range list.Items {
		all, ids[s.Login] = append(all, s.Login), s.ID
	}
	return strings.Join(all, " "), ids, list.Next
}

func TestSessionsOfAnOrganization(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		aoi, botan := h.As(t, k.Aoi, k.Org), h.As(t, k.Botan, k.Org)
		ume, lost := h.As(t, k.Ume, k.Momiji), h.As(t, k.Aoi, "")
		chika := h.As(t, k.Chika, k.Org)
		path := "/api/v1/organizations/" + string(k.Org) + "/sessions"
		_, ids, _ := openOf(t, chika, k.Org, "")

		t.Run("A123 who may not look or end", func(t *testing.T) {
			for name, got := range map[string]housetest.Answer{
				"page":     aoi.Get("/admin/sessions"),
				"list":     aoi.Call(http.MethodGet, path, nil),
				"end":      aoi.Call(http.MethodDelete, path+"/"+ids["botan"], nil),
				"stronger": aoi.Post("/admin/sessions/"+ids["chika"]+"/end", nil),
			} {
				if got.Status != http.StatusForbidden {
					t.Errorf("%s: %d %s", name, got.Status, got.Body)
				}
			}
			if got := chika.Call(http.MethodDelete, path+"/"+ids["chika"], nil); got.Status != http.StatusUnprocessableEntity {
				t.Errorf("one's own: %d %s", got.Status, got.Body)
			}
		})
		t.Run("R4 search by identifier finds one's own organization's only", func(t *testing.T) {
			_, theirs, _ := openOf(t, ume, k.Momiji, "")
			found := "/admin/sessions?person=" + string(k.Botan)
			if page := chika.Get("/search?q=" + ids["botan"]).Body; !strings.Contains(page, found) {
				t.Errorf("not found: %.3000s", page)
			}
			for name, page := range map[string]string{
				"who may not look": aoi.Get("/search?q=" + ids["botan"]).Body, "another's": chika.Get("/search?q=" + theirs["ume"]).Body,
			} {
				if strings.Contains(page, "/admin/sessions?person=") {
					t.Errorf("%s: %.3000s", name, page)
				}
			}
		})
		t.Run("R4 another organization's session is not there", func(t *testing.T) {
			names, _, _ := openOf(t, chika, k.Org, "")
			if strings.Contains(names, "ume") || strings.Count(names, "aoi") != 1 {
				t.Errorf("seen: %s", names)
			}
			_, theirs, _ := openOf(t, ume, k.Momiji, "")
			if got := chika.Call(http.MethodDelete, path+"/"+theirs["ume"], nil); got.Status != http.StatusNotFound {
				t.Errorf("ended: %d %s", got.Status, got.Body)
			}
			if got := ume.Call(http.MethodGet, path, nil); got.Status != http.StatusNotFound {
				t.Errorf("the list of another: %d %s", got.Status, got.Body)
			}
			if page := chika.Get("/admin/sessions").Body; strings.Contains(page, "小林 梅") || !strings.Contains(page, "佐藤 牡丹") {
				t.Errorf("the page: %.3000s", page)
			}
		})
		t.Run("cursor", func(t *testing.T) {
			if got := chika.Call(http.MethodGet, path+"?cursor=x", nil); got.Status != http.StatusBadRequest {
				t.Errorf("%d %s", got.Status, got.Body)
			}
			names, next := "", ""
			for range 9 {
				one, _, after := openOf(t, chika, k.Org, "limit=1&cursor="+next)
				names += one + " "
				if next = after; next == "" {
					break
				}
			}
			each := strings.Fields(names) // sessions of one millisecond stand in any order
			slices.Sort(each)
			if !slices.Equal(each, []string{"aoi", "botan", "chika"}) {
				t.Errorf("pages: %q", names)
			}
		})
		t.Run("searched", func(t *testing.T) {
			for query, want := range map[string]string{"q=botan": "botan", "person=" + string(k.Aoi): "aoi", "q=nobody": "", "person=" + string(k.Ume): ""} {
				if names, _, _ := openOf(t, chika, k.Org, query); names != want {
					t.Errorf("%s: %q", query, names)
				}
			}
		})
		t.Run("ended", func(t *testing.T) {
			if got := chika.Post("/admin/sessions/"+ids["botan"]+"/end", nil); got.Status != http.StatusSeeOther {
				t.Fatalf("%d %s", got.Status, got.Body)
			}
			if got := botan.Get("/settings/sessions"); got.Status != http.StatusUnauthorized {
				t.Errorf("it goes on: %d", got.Status)
			}
			if got := lost.Get("/settings/sessions"); got.Status != http.StatusOK {
				t.Errorf("another ended too: %d", got.Status)
			}
		})
	})
}

// The level that statements compute is the one that sessions have.
func TestSessionsByLevel(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		methods := []factor.Method{factor.ByPasskey, factor.ByPassword, factor.ByTOTP, factor.ByRecovery, factor.ByMail}
		want := map[string]int{}
		for bits := range 1 << len(methods) {
			var used []factor.Method
			var proofs []factor.Proof
			for i, m := range methods {
				if bits&(1<<i) != 0 {
					used, proofs = append(used, m), append(proofs, factor.Proof{Method: m})
				}
			}
			if len(used) == 0 {
				continue
			}
			h.AsBy(t, k.Aoi, k.Org, used...)
			want[factor.Level(proofs)]++
		}
		for level, n := range want {
			all, _, err := h.SignIn().OpenIn(t.Context(), signin.WantedSessions{Sought: org.Sought{Org: k.Org, Person: k.Aoi, Limit: 200}, Level: level})
			if err != nil || len(all) != n {
				t.Errorf("%s: %d, want %d (%v)", level, len(all), n, err)
			}
			for _, one := range all {
				if one.ACR() != level {
					t.Errorf("%v is %s, not %s", one.Proofs, one.ACR(), level)
				}
			}
		}
		_, _, err := h.SignIn().OpenIn(t.Context(), signin.WantedSessions{Sought: org.Sought{Org: k.Org}, Level: "aal9"})
		if fault.Code(err) != "level-unknown" {
			t.Errorf("%v", err)
		}
	})
}

// All that fit are ended after their number was said, and nobody else's.
func TestEndAllThatFit(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		chika, aoi, ume := h.As(t, k.Chika, k.Org), h.As(t, k.Aoi, k.Org), h.As(t, k.Ume, k.Momiji)
		weak, botan := h.AsBy(t, k.Aoi, k.Org, factor.ByPassword), h.AsBy(t, k.Botan, k.Org, factor.ByPassword)
		stands := func(v *housetest.Visitor) bool { return v.Get("/settings/sessions").Status == http.StatusOK }
		path := "/api/v1/organizations/" + string(k.Org) + "/sessions/end"
		t.Run("A123 who may not", func(t *testing.T) {
			for name, got := range map[string]housetest.Answer{
				"page": aoi.Get("/admin/sessions/end"), "form": aoi.Post("/admin/sessions/end", nil), "API": aoi.Call(http.MethodPost, path, map[string]any{}),
			} {
				if got.Status != http.StatusForbidden {
					t.Errorf("%s: %d", name, got.Status)
				}
			}
			if got := ume.Call(http.MethodPost, path, map[string]any{}); got.Status != http.StatusNotFound {
				t.Errorf("R4 somebody from elsewhere: %d %s", got.Status, got.Body)
			}
		})
		t.Run("nothing ends before it was said", func(t *testing.T) {
			page := chika.Get("/admin/sessions/end?acr=aal1").Body
			if !strings.Contains(page, "Sessions that end: 2, of 2 people") {
				t.Errorf("%.3000s", page)
			}
			for _, seen := range []string{"", strings.Repeat("0", 64)} {
				if got := chika.Post("/admin/sessions/end", url.Values{"acr": {"aal1"}, "seen": {seen}}); got.Status != http.StatusOK || !stands(weak) {
					t.Errorf("%q: %d", seen, got.Status)
				}
			}
		})
		t.Run("said by the API", func(t *testing.T) {
			header := http.Header{"Origin": {h.URL()}, "Content-Type": {"application/json"}, "Dry-Run": {"true"}}
			got := chika.Send(http.MethodPost, path, `{"acr":"aal1"}`, header)
			if got.Status != http.StatusOK || !strings.Contains(got.Body, "Sessions that end: 2, of 2 people") || !stands(weak) {
				t.Errorf("%d %s", got.Status, got.Body)
			}
		})
		t.Run("what fits ends", func(t *testing.T) {
			form := url.Values{"acr": {"aal1"}, "q": {"aoi"}}
			form.Set("seen", seenField.FindStringSubmatch(chika.Get("/admin/sessions/end?" + form.Encode()).Body)[1])
			if got := chika.Post("/admin/sessions/end", form); got.Status != http.StatusSeeOther {
				t.Fatalf("%d %s", got.Status, got.Body)
			}
			if stands(weak) || !stands(aoi) || !stands(botan) || !stands(chika) || !stands(ume) {
				t.Errorf("weak %v, strong %v, botan %v, chika %v, ume %v", stands(weak), stands(aoi), stands(botan), stands(chika), stands(ume))
			}
		})
		t.Run("everything but one's own", func(t *testing.T) {
			got := chika.Call(http.MethodPost, path, map[string]any{})
			if got.Status != http.StatusOK || !strings.Contains(got.Body, `"ended":2`) || stands(aoi) || stands(botan) || !stands(chika) || !stands(ume) {
				t.Errorf("%d %s", got.Status, got.Body)
			}
			if got := chika.Call(http.MethodPost, path, map[string]any{}); got.Status != http.StatusConflict {
				t.Errorf("again: %d %s", got.Status, got.Body)
			}
		})
	})
}

// crowd fills an organization: people members, the first of them signed in.
func crowd(t testing.TB, h *housetest.Home, in id.Org, people, sessions int) {
	t.Helper()
	now := store.Micros(h.SignIn().NewOpening("x", nil, "", "").Session.Begun)
	for from := 0; from < people; from += 500 {
		err := h.Store().House().Write(ctx, func(tx *store.Tx) store.End {
			for i := from; i < min(from+500, people); i++ {
				who := fmt.Sprintf("01zz%022d", i)
				if _, err := tx.Exec("INSERT INTO person (id, login, login_fold, email, email_fold, verified, display_name, family_name, given_name, reading, locale, time_zone, state, sort, created, version) VALUES ($1, $1, $1, '', '', 0, $1, '', '', '', '', '', 'active', $1, $2, 1)", who, now); err != nil {
					return store.Abort(err)
				}
				if i < sessions {
					if _, err := tx.Exec("INSERT INTO session (person, id, hash, org, methods, begun, strong, seen, idle, ends, browser, source, device) VALUES ($1, $1, $1, $2, '[]', $3, $3, $3, $4, $5, 'Firefox, Linux', '192.0.2.1', '')",
						who, string(in), now, int64(demand.DefaultIdle), now+demand.DefaultAbsolute.Microseconds()); err != nil {
						return store.Abort(err)
					}
				}
			}
			return store.Done(store.Event{Name: "test", By: id.Local(0)})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// look asks for a page without a network and returns how many statements it
// took.
func look(t testing.TB, h *housetest.Home, v *housetest.Visitor, path string) int {
	t.Helper()
	counting, n := store.Counting(ctx)
	r := httptest.NewRequestWithContext(counting, http.MethodGet, path, nil)
	r.Host = strings.TrimPrefix(h.URL(), "http://")
	for _, c := range v.Cookies() {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d", path, w.Code)
	}
	return int(n.Load())
}

func TestTheListOfSessionsCostsAFixedNumberOfStatements(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		chika := h.As(t, k.Chika, k.Org)
		cost := func(path string) int {
			least := 1 << 20 // the session is read again now and then
			for range 4 {
				least = min(least, look(t, h, chika, path))
			}
			return least
		}
		alone := cost("/admin/sessions")
		crowd(t, h, k.Org, 300, 120)
		for _, path := range []string{"/admin/sessions", "/admin/sessions?person=" + string(k.Chika), "/admin/sessions?q=chika"} {
			if n := cost(path); n > 6 || path == "/admin/sessions" && n != alone {
				t.Errorf("%s: %d statements, %d with one session", path, n, alone)
			}
		}
	})
}

// The page of sessions in an organization of 100,000 people and 10,000 sessions.
func BenchmarkSessionsPage(b *testing.B) {
	h := housetest.House(b, housetest.On(housetest.SQLite(b)))
	k := h.People(b)
	chika := h.As(b, k.Chika, k.Org)
	crowd(b, h, k.Org, 100_000, 10_000)
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		look(b, h, chika, "/admin/sessions")
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
}
