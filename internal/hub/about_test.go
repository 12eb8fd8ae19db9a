package hub_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

type dependence struct {
	Kind  string
	Count int64
	Some  []struct{ Title, Href string }
}

// depends asks as a program would; status is 0 where it was answered.
func depends(t *testing.T, v *housetest.Visitor, target string) (all map[string]dependence, status int) {
	t.Helper()
	got := v.Call(http.MethodGet, "/api/v1/dependents?target="+url.QueryEscape(target), nil)
	if got.Status != http.StatusOK {
		return nil, got.Status
	}
	var body struct{ Dependents []dependence }
	if err := json.Unmarshal([]byte(got.Body), &body); err != nil {
		t.Fatal(err)
	}
	all = map[string]dependence{}
	for _, d := range body.Dependents {
		all[d.Kind] = d
	}
	return all, 0
}

func TestWhatDependsOnThisBetraysNothing(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		by := id.Local(0)
		group, err := h.Register().PutGroup(ctx, by, org.Group{Org: k.Org, Name: "sales", Title: "Sales", Members: []id.Person{k.Aoi, k.Botan}})
		if err != nil {
			t.Fatal(err)
		}
		role, err := h.Register().PutRole(ctx, by, org.Role{Org: k.Org, Name: "desk", Title: "Desk", Permissions: []string{org.PeopleRead}})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Register().PutMember(ctx, by, org.Member{Org: k.Momiji, Person: k.Aoi, Roles: []id.Role{org.User}}); err != nil {
			t.Fatal(err)
		}
		ume, user := h.As(t, k.Ume, k.Momiji), h.As(t, k.Daichi, k.Org)
		for _, target := range []string{"group:" + string(group.ID), "role:" + string(role.ID), "organization:" + string(k.Org), "person:" + string(k.Botan)} {
			t.Run("R4 from another organization "+strings.Split(target, ":")[0], func(t *testing.T) {
				kind, _, _ := strings.Cut(target, ":")
				missing, missed := depends(t, ume, kind+":"+id.New[string](time.Now()))
				got, status := depends(t, ume, target)
				if status != missed || len(got) != len(missing) || len(got) != 0 {
					t.Errorf("%v (%d), of what is not there %v (%d)", got, status, missing, missed)
				}
			})
		}
		t.Run("R4 who may not read people is told nothing", func(t *testing.T) {
			for _, target := range []string{"group:" + string(group.ID), "role:" + string(role.ID), "person:" + string(k.Botan), "role:administrator"} {
				if got, status := depends(t, user, target); status != http.StatusNotFound {
					t.Errorf("%s: %v (%d)", target, got, status)
				}
			}
			if got, _ := depends(t, user, "organization:"+string(k.Org)); len(got) != 0 {
				t.Errorf("%v", got)
			}
		})
		t.Run("R4 another organization of a person is not told", func(t *testing.T) {
			if got, _ := depends(t, ume, "person:"+string(k.Aoi)); got["depends.person.elsewhere"].Count != 0 || got["depends.person.groups"].Count != 0 {
				t.Errorf("%v", got)
			}
		})
		for _, target := range []string{"", "x", "role", "role:", "person:x", "nothing:" + string(k.Aoi), "person:" + strings.Repeat("a", 500), "\u202e:x"} {
			if got, status := depends(t, h.As(t, k.Chika, k.Org), target); status == 0 || status >= 500 {
				t.Errorf("%q: %v (%d)", target, got, status)
			}
		}
	})
}

func TestWhatDependsOnThis(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		by, chika := id.Local(0), h.As(t, k.Chika, k.Org)
		group, err := h.Register().PutGroup(ctx, by, org.Group{Org: k.Org, Name: "sales", Title: "Sales", Members: []id.Person{k.Aoi, k.Botan}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Register().PutGroup(ctx, by, org.Group{Org: k.Org, Name: "all", Title: "All", Groups: []id.Group{group.ID}}); err != nil {
			t.Fatal(err)
		}
		role, err := h.Register().PutRole(ctx, by, org.Role{Org: k.Org, Name: "desk", Title: "Desk", Permissions: []string{org.PeopleRead}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Register().PutRole(ctx, by, org.Role{Org: k.Org, Name: "desks", Title: "Desks", Includes: []id.Role{role.ID}}); err != nil {
			t.Fatal(err)
		}
		give(t, h, k.Org, k.Aoi, role.ID)
		if made := chika.Call(http.MethodPost, "/api/v1/organizations/"+string(k.Org)+"/sign-in-policies", map[string]any{
			"name": "strict", "require": []string{"passkey"}, "groups": []string{string(group.ID)}, "roles": []string{string(role.ID)},
		}); made.Status >= 300 {
			t.Fatalf("add a policy: %d %s", made.Status, made.Body)
		}
		for _, one := range []struct {
			target, kind, first string
			count               int64
		}{
			{"person:" + string(k.Botan), "depends.person.reports", "高橋 葵", 1},
			{"person:" + string(k.Botan), "depends.person.groups", "Sales", 1},
			{"group:" + string(group.ID), "depends.group.members", "佐藤 牡丹", 2},
			{"group:" + string(group.ID), "depends.group.outer", "All", 1},
			{"group:" + string(group.ID), "depends.group.policies", "strict", 1},
			{"role:" + string(role.ID), "depends.role.holders", "高橋 葵", 1},
			{"role:" + string(role.ID), "depends.role.including", "Desks", 1},
			{"role:" + string(role.ID), "depends.role.policies", "strict", 1},
			{"organization:" + string(k.Org), "depends.organization.below", "Momiji Design", 1},
			{"organization:" + string(k.Org), "depends.organization.members", "佐藤 牡丹", 4},
			{"organization:" + string(k.Org), "depends.organization.groups", "All", 2},
		} {
			all, status := depends(t, chika, one.target)
			got := all[one.kind]
			if status != 0 || got.Count != one.count || len(got.Some) == 0 || got.Some[0].Title != one.first {
				t.Errorf("%s of %s: %v (%d)", one.kind, one.target, got, status)
			}
			for _, some := range got.Some {
				if page := chika.Get(some.Href); page.Status != http.StatusOK {
					t.Errorf("%s leads to %s: %d", one.kind, some.Href, page.Status)
				}
			}
		}
		var policies struct{ Items []struct{ ID string } }
		said := chika.Call(http.MethodGet, "/api/v1/organizations/"+string(k.Org)+"/sign-in-policies", nil)
		if err := json.Unmarshal([]byte(said.Body), &policies); err != nil || len(policies.Items) != 1 {
			t.Fatalf("%v %s", err, said.Body)
		}
		var note struct{ ID string }
		said = chika.Call(http.MethodPost, "/api/v1/notices", map[string]any{
			"title": map[string]string{"en": "Rest", "ja": "休み"}, "text": map[string]string{"en": "Rest", "ja": "休み"},
			"from": time.Now(), "until": time.Now().Add(time.Hour),
		})
		if err := json.Unmarshal([]byte(said.Body), &note); err != nil || note.ID == "" {
			t.Fatalf("%v %s", err, said.Body)
		}
		b := book(t)
		for path, want := range map[string][]string{
			"/admin/sign-in/" + policies.Items[0].ID:            {"hub.lately"},
			"/admin/notices/" + note.ID:                         {"hub.lately"},
			"/admin/people/" + string(k.Botan):                  {"hub.depends", "hub.lately", "signin.open"},
			"/admin/groups/" + string(group.ID):                 {"hub.depends", "hub.lately"},
			"/admin/roles/" + string(role.ID):                   {"hub.depends", "hub.lately"},
			"/admin/organizations/" + string(k.Momiji):          {"hub.depends"},
			"/admin/groups/" + string(group.ID) + "/delete":     {"hub.ending"},
			"/admin/roles/" + string(role.ID) + "/delete":       {"hub.ending"},
			"/admin/people/" + string(k.Botan) + "/delete":      {"hub.ending"},
			"/admin/people/" + string(k.Botan) + "/remove":      {"hub.ending"},
			"/admin/organizations/" + string(k.Org) + "/delete": {"hub.ending"},
		} {
			page := html.UnescapeString(chika.Get(path).Body)
			for _, key := range want {
				if !strings.Contains(page, b.Raw("en", key)) {
					t.Errorf("%s does not say %s", path, key)
				}
			}
		}
	})
}

func TestActivity(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		chika, aoi, botan := h.As(t, k.Chika, k.Org), h.As(t, k.Aoi, k.Org), h.As(t, k.Botan, k.Org)
		rows(t, h, factor(k.Aoi, "password", 0))
		page := html.UnescapeString(aoi.Get("/settings/activity").Body)
		if !strings.Contains(page, "You") || strings.Contains(page, "山本") {
			t.Errorf("R4 own activity names others or nobody: %.2000s", page)
		}
		if other := html.UnescapeString(botan.Get("/settings/activity/lately").Body); strings.Contains(other, "高橋") || strings.Contains(other, "<html") {
			t.Errorf("%s", other)
		}
		if got := h.Nobody(t).Get("/settings/activity"); got.Status != http.StatusUnauthorized {
			t.Errorf("a stranger reads activity: %d", got.Status)
		}
		t.Run("R4 the strip is for who may read the log", func(t *testing.T) {
			desk, err := h.Register().PutRole(ctx, id.Local(0), org.Role{Org: k.Org, Name: "desk", Title: "Desk", Permissions: []string{org.PeopleRead}})
			if err != nil {
				t.Fatal(err)
			}
			give(t, h, k.Org, k.Botan, desk.ID)
			b := book(t)
			path := "/admin/roles/" + string(desk.ID)
			if page := html.UnescapeString(h.As(t, k.Botan, k.Org).Get(path).Body); !strings.Contains(page, b.Raw("en", "hub.depends")) || strings.Contains(page, b.Raw("en", "hub.lately")) {
				t.Error("who may read people but not the log is shown the strip")
			}
			page := html.UnescapeString(chika.Get(path).Body)
			if !strings.Contains(page, `href="/admin/audit?target=role%3A`+string(desk.ID)+`"`) || !strings.Contains(page, `class="deeds"`) {
				t.Errorf("an administrator is not shown the strip: %s", page)
			}
		})
		t.Run("N6 a strip leaves no record", func(t *testing.T) {
			count := func() (n int64) {
				err := h.Store().House().Read(ctx, func(v *store.View) error { return v.Row("SELECT COUNT(*) FROM audit_record").Scan(&n) })
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
			before := count()
			chika.Get("/admin/people/" + string(k.Aoi))
			chika.Get("/settings/activity")
			if after := count(); after != before {
				t.Errorf("%d records more", after-before)
			}
		})
	})
}

// mostAbout is what a page about a thing costs with all that is below it: at
// most fourteen statements are the hub's, the others those of the page.
var mostAbout = map[string]int{"people": 16, "groups": 14, "roles": 11, "organization": 14}

func TestWhatIsBelowCostsAFixedNumberOfStatements(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		v := h.As(t, k.Chika, k.Org)
		g, err := h.Register().PutGroup(ctx, id.Local(0), org.Group{Org: k.Org, Name: "sales", Title: "Sales", Members: []id.Person{k.Aoi}})
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/admin/people/" + string(k.Aoi), "/admin/groups/" + string(g.ID), "/admin/roles/auditor", "/admin/organization"} {
			least := 1 << 20
			for range 4 {
				status, n := knock(t, h, v.Cookies(), path)
				if status != http.StatusOK {
					t.Fatalf("%s: %d", path, status)
				}
				least = min(least, n)
			}
			if most := mostAbout[strings.Split(path, "/")[2]]; least > most {
				t.Errorf("%s costs %d statements, want at most %d", path, least, most)
			}
			t.Logf("%s: %d statements", path, least)
		}
	})
}
