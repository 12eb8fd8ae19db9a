package token_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// issued are the logins whose tokens a list shows, their ids, and the next page.
func issued(t *testing.T, v *housetest.Visitor, path, query string) (logins string, ids map[string]string, next string) {
	t.Helper()
	got := v.Call(http.MethodGet, path+"?"+query, nil)
	var list struct {
		Items []struct{ ID, Login string }
		Next  string
	}
	if err := json.Unmarshal([]byte(got.Body), &list); err != nil || got.Status != http.StatusOK {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	ids = map[string]string{}
	var all []string
	for _, one := range list.Items {
		all, ids[one.Login] = append(all, one.Login), one.ID
	}
	return strings.Join(all, " "), ids, list.Next
}

func TestTokensOfAnOrganization(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		err := h.Register().PutMember(context.Background(), id.Local(0), org.Member{Org: k.Org, Person: k.Botan, Roles: []id.Role{org.Auditor}, Version: 1})
		if err != nil {
			t.Fatal(err)
		}
		botan, chika, ume, aoi := h.As(t, k.Botan, k.Org), h.As(t, k.Chika, k.Org), h.As(t, k.Ume, k.Momiji), h.As(t, k.Aoi, k.Org)
		_, value := makeToken(t, botan, k.Org, "audit.read")
		makeToken(t, chika, k.Org, org.PeopleRead)
		makeToken(t, ume, k.Momiji, org.PeopleRead)
		path, theirs := "/api/v1/organizations/"+string(k.Org)+"/tokens", "/api/v1/organizations/"+string(k.Momiji)+"/tokens"
		logins, ids, _ := issued(t, chika, path, "")
		_, foreign, _ := issued(t, ume, theirs, "")

		t.Run("R4 search by identifier finds one's own organization's only", func(t *testing.T) {
			found := "/admin/tokens?person="
			if page := chika.Get("/search?q=" + ids["botan"]).Body; !strings.Contains(page, found+string(k.Botan)) {
				t.Errorf("not found: %.3000s", page)
			}
			for name, page := range map[string]string{
				"who may not look": aoi.Get("/search?q=" + ids["botan"]).Body, "another's": chika.Get("/search?q=" + foreign["ume"]).Body,
			} {
				if strings.Contains(page, found) {
					t.Errorf("%s: %.3000s", name, page)
				}
			}
		})
		t.Run("A123 who may not look or revoke", func(t *testing.T) {
			for name, c := range map[string]struct {
				got  housetest.Answer
				want int
			}{
				"a user's list":                {aoi.Call(http.MethodGet, path, nil), http.StatusForbidden},
				"a user's page":                {aoi.Get("/admin/tokens"), http.StatusForbidden},
				"an auditor revokes":           {botan.Call(http.MethodDelete, path+"/"+ids["chika"], nil), http.StatusForbidden},
				"an auditor revokes by page":   {botan.Post("/admin/tokens/"+ids["chika"]+"/revoke", nil), http.StatusForbidden},
				"one's own":                    {chika.Call(http.MethodDelete, path+"/"+ids["chika"], nil), http.StatusUnprocessableEntity},
				"R4 the list of another":       {ume.Call(http.MethodGet, path, nil), http.StatusNotFound},
				"R4 a token of another":        {chika.Call(http.MethodDelete, path+"/"+foreign["ume"], nil), http.StatusNotFound},
				"a token that nobody has":      {chika.Call(http.MethodDelete, path+"/"+strings.Repeat("0", id.Len), nil), http.StatusNotFound},
				"a cursor that nobody gave":    {chika.Call(http.MethodGet, path+"?cursor=x", nil), http.StatusBadRequest},
				"sees it, holds nothing there": {chika.Call(http.MethodGet, theirs, nil), http.StatusForbidden},
			} {
				if c.got.Status != c.want {
					t.Errorf("%s: %d, want %d: %s", name, c.got.Status, c.want, c.got.Body)
				}
			}
		})
		t.Run("listed", func(t *testing.T) {
			if logins != "chika botan" && logins != "botan chika" { // tokens of one millisecond stand in any order
				t.Errorf("R4 %q", logins)
			}
			first, _, next := issued(t, chika, path, "limit=1")
			if second, _, end := issued(t, chika, path, "limit=1&cursor="+next); next == "" || first+" "+second != logins || end != "" {
				t.Errorf("%q %q %q %q", first, next, second, end)
			}
			for query, want := range map[string]string{"q=botan": "botan", "q=nobody": "", "person=" + string(k.Chika): "chika", "person=" + string(k.Ume): ""} {
				if got, _, _ := issued(t, chika, path, query); got != want {
					t.Errorf("%s: %q", query, got)
				}
			}
			page := botan.Get("/admin/tokens")
			if !strings.Contains(page.Body, "佐藤 牡丹") || strings.Contains(page.Body, "小林 梅") || strings.Contains(page.Body, "/revoke") {
				t.Errorf("an auditor's page: %d %.2000s", page.Status, page.Body)
			}
		})
		t.Run("at most six statements", func(t *testing.T) {
			counting, n := store.Counting(context.Background())
			r := httptest.NewRequestWithContext(counting, http.MethodGet, "/admin/tokens", nil)
			r.Host = strings.TrimPrefix(h.URL(), "http://")
			for _, c := range chika.Cookies() {
				r.AddCookie(c)
			}
			got := httptest.NewRecorder()
			h.Handler().ServeHTTP(got, r)
			if got.Code != http.StatusOK || n.Load() == 0 || n.Load() > 6 {
				t.Errorf("%d, %d statements", got.Code, n.Load())
			}
		})
		t.Run("revoked", func(t *testing.T) {
			if got := by(h, t, value, http.MethodGet, "/api/v1/audit/records"); got.Status != http.StatusOK {
				t.Fatalf("before: %d %s", got.Status, got.Body)
			}
			if got := chika.Post("/admin/tokens/"+ids["botan"]+"/revoke", nil); got.Status != http.StatusSeeOther {
				t.Fatalf("%d %s", got.Status, got.Body)
			}
			if got := by(h, t, value, http.MethodGet, "/api/v1/audit/records"); got.Status != http.StatusUnauthorized {
				t.Errorf("after: %d %s", got.Status, got.Body)
			}
		})
	})
}
