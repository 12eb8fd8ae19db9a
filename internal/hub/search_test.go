package hub_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
)

// finding is one answer of search everywhere.
type finding struct{ Kind, Title, Detail, Href string }

// search asks as a program would.
func search(t *testing.T, v *housetest.Visitor, text string) []finding {
	t.Helper()
	got := v.Call(http.MethodGet, "/api/v1/search?most=50&q="+url.QueryEscape(text), nil)
	var body struct {
		Findings []finding
		Complete bool
	}
	if err := json.Unmarshal([]byte(got.Body), &body); err != nil || got.Status != http.StatusOK || !body.Complete {
		t.Fatalf("search for %q: %d %s", text, got.Status, got.Body)
	}
	return body.Findings
}

func kinds(found []finding) (all []string) {
	for _, f := range found {
		all = append(all, f.Kind)
	}
	return slices.Compact(all)
}

func has(found []finding, kind, href string) bool {
	return slices.ContainsFunc(found, func(f finding) bool { return f.Kind == kind && strings.HasPrefix(f.Href, href) })
}

// give makes a member hold roles.
func give(t *testing.T, h *housetest.Home, in id.Org, who id.Person, roles ...id.Role) {
	t.Helper()
	m, err := h.Register().Member(ctx, in, who)
	if err == nil {
		m.Roles = roles
		err = h.Register().PutMember(ctx, id.Local(0), m)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestSearchEverywhereRefuses(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		group, err := h.Register().PutGroup(ctx, id.Local(0), org.Group{Org: k.Org, Name: "kanri", Title: "管理部", Members: []id.Person{k.Aoi}})
		if err != nil {
			t.Fatal(err)
		}
		t.Run("R4 nobody finds what they may not open", func(t *testing.T) {
			walkers := map[string]*housetest.Visitor{
				"a user": h.As(t, k.Aoi, k.Org), "administrator of a customer": h.As(t, k.Ume, k.Momiji), "administrator": h.As(t, k.Chika, k.Org),
				"who acts nowhere": h.As(t, k.Daichi, ""),
			}
			give(t, h, k.Org, k.Daichi, org.Auditor)
			walkers["auditor"] = h.As(t, k.Daichi, k.Org)
			looked := 0
			for who, v := range walkers {
				for _, text := range []string{"a", "aoi", "葵", "たかはし", "kanri", "管理", "chika@kaede.example", "kaede", "momiji", string(k.Aoi), string(group.ID), "鍵", "people", "admin", "監査", "strict"} {
					for _, f := range search(t, v, text) {
						looked++
						if got := v.Get(f.Href); got.Status != http.StatusOK && got.Status != http.StatusSeeOther {
							t.Errorf("%s finds %v by %q and cannot open it: %d", who, f, text, got.Status)
						}
					}
				}
			}
			if looked < 50 {
				t.Errorf("only %d findings were looked at", looked)
			}
			for _, text := range []string{"葵", "aoi", string(k.Aoi), "管理部", string(k.Org)} {
				for _, f := range search(t, walkers["administrator of a customer"], text) {
					if f.Kind != "page" {
						t.Errorf("R4 a customer's administrator finds %v of the provider by %q", f, text)
					}
				}
			}
			if found := search(t, walkers["a user"], "葵"); len(found) != 0 {
				t.Errorf("who may read nobody finds %v", found)
			}
		})
		t.Run("A128 anything can be typed", func(t *testing.T) {
			v := h.As(t, k.Chika, k.Org)
			for _, text := range []string{"", " ", "<script>alert(1)</script>", "\u202e", "%", "_", "'", strings.Repeat("あ", 5000), "\x00", "🦊", "a\nb"} {
				got := v.Get("/search?q=" + url.QueryEscape(text))
				if got.Status >= 500 || strings.Contains(got.Body, "<script>alert") {
					t.Errorf("%.20q: %d", text, got.Status)
				}
			}
			if got := v.Call(http.MethodGet, "/api/v1/search?q=", nil); got.Status != http.StatusUnprocessableEntity && got.Status != http.StatusBadRequest {
				t.Errorf("an empty search answers a program with %d", got.Status)
			}
		})
		t.Run("nobody searches without a session", func(t *testing.T) {
			if got := h.Nobody(t).Get("/search?q=aoi"); got.Status != http.StatusUnauthorized {
				t.Errorf("%d", got.Status)
			}
		})
	})
}

func TestSearchEverywhere(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		v := h.As(t, k.Chika, k.Org)
		group, err := h.Register().PutGroup(ctx, id.Local(0), org.Group{Org: k.Org, Name: "kanri", Title: "管理部", Members: []id.Person{k.Aoi}})
		if err != nil {
			t.Fatal(err)
		}
		if made := v.Call(http.MethodPost, "/api/v1/organizations/"+string(k.Org)+"/sign-in-policies", map[string]any{"name": "strict", "require": []string{"passkey"}}); made.Status >= 300 {
			t.Fatalf("add a policy: %d %s", made.Status, made.Body)
		}
		now := time.Now().UTC().Truncate(time.Minute)
		both := func(en, ja string) map[string]string { return map[string]string{"en": en, "ja": ja} }
		if made := v.Call(http.MethodPost, "/api/v1/notices", map[string]any{
			"title": both("Maintenance", "定期メンテナンス"), "text": both("Soon", "まもなく"), "from": now, "until": now.Add(time.Hour),
		}); made.Status >= 300 {
			t.Fatalf("write a notice: %d %s", made.Status, made.Body)
		}
		for _, one := range []struct{ text, kind, href string }{
			{"葵", "person", "/admin/people/" + string(k.Aoi)},
			{"タカハシ", "person", "/admin/people/" + string(k.Aoi)},
			{"ＡＯＩ", "person", "/admin/people/" + string(k.Aoi)},
			{"aoi@kaede.example", "person", "/admin/people/" + string(k.Aoi)},
			{string(k.Aoi), "person", "/admin/people/" + string(k.Aoi)},
			{"管理", "group", "/admin/groups/" + string(group.ID)},
			{"auditor", "role", "/admin/roles/auditor"},
			{"監査", "role", "/admin/roles/auditor"},
			{"momiji", "organization", "/admin/organizations/" + string(k.Momiji)},
			{"strict", "sign-in-policy", "/admin/sign-in/"},
			{"メンテ", "notice", "/admin/notices/"},
			{"鍵", "page", "/admin/"},
			{"audit", "page", "/admin/audit"},
			{"監査ログ", "page", "/admin/audit"},
			{"passkey", "page", "/settings/passkeys"},
		} {
			if found := search(t, v, one.text); !has(found, one.kind, one.href) {
				t.Errorf("%q does not find the %s at %s: %v", one.text, one.kind, one.href, found)
			}
		}
		t.Run("a record by its identifier", func(t *testing.T) {
			var log struct{ Records []struct{ ID string } }
			got := v.Call(http.MethodGet, "/api/v1/audit/records?limit=1", nil)
			if err := json.Unmarshal([]byte(got.Body), &log); err != nil || len(log.Records) == 0 {
				t.Skipf("no record to look for: %d %.200s", got.Status, got.Body)
			}
			if found := search(t, v, log.Records[0].ID); !has(found, "record", "/admin/audit/"+log.Records[0].ID) {
				t.Errorf("%v", found)
			}
		})
		t.Run("what fits best comes first, and kinds stay together", func(t *testing.T) {
			if _, err := h.Register().PutGroup(ctx, id.Local(0), org.Group{Org: k.Org, Name: "not-botan", Title: "Not Botan"}); err != nil {
				t.Fatal(err)
			}
			found := search(t, v, "botan")
			if len(found) < 2 || found[0].Kind != "person" {
				t.Errorf("%v", found)
			}
			if found = search(t, v, "kanri"); len(found) == 0 || found[0].Kind != "group" {
				t.Errorf("%v", found)
			}
			all := kinds(search(t, v, "a"))
			if slices.Sort(all); len(slices.Compact(slices.Clone(all))) != len(all) {
				t.Errorf("a kind stands in two places: %v", all)
			}
			for range 5 {
				if again := search(t, v, "kanri"); fmt.Sprint(again) != fmt.Sprint(found) {
					t.Errorf("the order changes: %v, %v", found, again)
				}
			}
		})
		t.Run("without scripts it is a page, and while one types a part of one", func(t *testing.T) {
			page := v.Get("/search?q=" + url.QueryEscape("葵"))
			if page.Status != http.StatusOK || !strings.Contains(page.Body, `href="/admin/people/`+string(k.Aoi)+`"`) || !strings.Contains(page.Body, `value="葵"`) {
				t.Errorf("%d %.300s", page.Status, page.Body)
			}
			part := v.Get("/search/hints?q=" + url.QueryEscape("葵"))
			if part.Status != http.StatusOK || strings.Contains(part.Body, "<html") || !strings.Contains(part.Body, `href="/admin/people/`+string(k.Aoi)+`"`) {
				t.Errorf("%d %.300s", part.Status, part.Body)
			}
			if !strings.Contains(v.Get("/").Body, `action="/search"`) {
				t.Error("the bar does not lead to the search")
			}
		})
	})
}

// mostSearched is what search everywhere costs beside the session, whatever is
// found.
const mostSearched = 13

func TestSearchCostsAFixedNumberOfStatements(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		v := h.As(t, k.Chika, k.Org)
		cost := func() int {
			least := 1 << 20
			for range 4 {
				status, n := knock(t, h, v.Cookies(), "/search?q=sales")
				if status != http.StatusOK {
					t.Fatal(status)
				}
				least = min(least, n)
			}
			return least
		}
		alone := cost()
		for i := range 40 {
			name := fmt.Sprintf("sales-%02d", i)
			if _, err := h.Register().PutGroup(ctx, id.Local(0), org.Group{Org: k.Org, Name: name, Title: name, Members: []id.Person{k.Aoi}}); err != nil {
				t.Fatal(err)
			}
			if _, err := h.Register().PutOrganization(ctx, id.Local(0), org.Organization{Name: name, Type: org.Customer, Parent: k.Org}); err != nil {
				t.Fatal(err)
			}
		}
		if many := cost(); many > alone || many > mostSearched {
			t.Errorf("%d statements with nothing found, %d with eighty things, want no more and at most %d", alone, many, mostSearched)
		}
		t.Logf("%d statements", alone)
	})
}
