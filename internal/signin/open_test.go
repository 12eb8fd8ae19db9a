package signin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
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
						who, string(in), now, int64(signin.DefaultIdle), now+signin.DefaultAbsolute.Microseconds()); err != nil {
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
