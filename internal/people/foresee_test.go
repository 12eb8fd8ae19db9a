package people_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
)

// What has consequences is shown before it is saved, by the same rules, and
// what is saved is what was shown.
func TestCheckedBeforeSaved(t *testing.T) {
	each(t, func(t *testing.T, c company) {
		r, by := c.home.Register(), id.Local(0)
		role, err := r.PutRole(ctx, by, org.Role{Org: c.Org, Name: "desk", Title: "Desk", Permissions: []string{org.PeopleRead}})
		if err != nil {
			t.Fatal(err)
		}
		member := func() org.Member {
			m, err := r.Member(ctx, c.Org, c.Aoi)
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		at := "/admin/people/" + string(c.Aoi) + "/roles"
		typed := func() url.Values {
			return url.Values{"version": {version.FindStringSubmatch(c.chika.Get(at).Body)[1]}, "roles": {"user", string(role.ID)}, "manager": {"botan"}}
		}
		t.Run("nothing is saved before it was seen", func(t *testing.T) {
			got := c.chika.Post(at, typed())
			if text := html.UnescapeString(got.Body); got.Status != http.StatusOK || !strings.Contains(text, "高橋 葵 may: ") || !strings.Contains(text, `value="botan"`) {
				t.Errorf("%d %s", got.Status, text)
			}
			if m := member(); len(m.Roles) != 1 {
				t.Errorf("saved: %v", m.Roles)
			}
		})
		t.Run("a digest that was made up saves nothing", func(t *testing.T) {
			form := typed()
			form.Set("seen", strings.Repeat("0", 64))
			if got := c.chika.Post(at, form); got.Status != http.StatusOK || len(member().Roles) != 1 {
				t.Errorf("%d %v", got.Status, member().Roles)
			}
		})
		t.Run("what was seen for other roles saves nothing", func(t *testing.T) {
			form := typed()
			form.Set("seen", seen.FindStringSubmatch(c.chika.Post(at, form).Body)[1])
			form["roles"] = []string{"user", "administrator"}
			if got := c.chika.Post(at, form); got.Status != http.StatusOK || len(member().Roles) != 1 {
				t.Errorf("%d %v", got.Status, member().Roles)
			}
		})
		t.Run("a change in between shows what it does now", func(t *testing.T) {
			form := typed()
			form.Set("seen", seen.FindStringSubmatch(c.chika.Post(at, form).Body)[1])
			role.Permissions = []string{org.PeopleRead, org.GroupWrite}
			if role, err = r.PutRole(ctx, by, role); err != nil {
				t.Fatal(err)
			}
			got := c.chika.Post(at, form)
			if got.Status != http.StatusOK || !strings.Contains(got.Body, "changed since you looked") || len(member().Roles) != 1 {
				t.Errorf("%d %v", got.Status, member().Roles)
			}
		})
		t.Run("what was seen is saved", func(t *testing.T) {
			if got := save(c.chika, at, typed()); got.Status != http.StatusSeeOther || len(member().Roles) != 2 {
				t.Errorf("%d %v", got.Status, member().Roles)
			}
		})
		t.Run("without consequences there is no second look", func(t *testing.T) {
			form := typed()
			form.Set("manager", "chika")
			if got := c.chika.Post(at, form); got.Status != http.StatusSeeOther {
				t.Errorf("%d", got.Status)
			}
		})
		t.Run("a refusal comes at the first step", func(t *testing.T) {
			own := "/admin/people/" + string(c.Chika) + "/roles"
			form := url.Values{"version": {version.FindStringSubmatch(c.chika.Get(own).Body)[1]}, "roles": {"user"}}
			if got := c.chika.Post(own, form); got.Status < 400 || seen.MatchString(got.Body) {
				t.Errorf("the last administrator: %d", got.Status)
			}
		})
		t.Run("a role says for how many", func(t *testing.T) {
			edit := "/admin/roles/" + string(role.ID) + "/edit"
			form := url.Values{"version": {version.FindStringSubmatch(c.chika.Get(edit).Body)[1]}, "name": {"desk"}, "title": {"Desk"}, "permissions": {org.PeopleRead}}
			got := c.chika.Post(edit, form)
			if text := html.UnescapeString(got.Body); got.Status != http.StatusOK || !strings.Contains(text, "People with this role: 1. They may no longer") {
				t.Errorf("%d %s", got.Status, text)
			}
		})
		t.Run("the API rehearses too", func(t *testing.T) {
			path := "/api/v1/organizations/" + string(c.Org) + "/groups"
			header := http.Header{"Origin": {c.home.URL()}, "Content-Type": {"application/json"}, "Dry-Run": {"true"}}
			if got := c.chika.Send(http.MethodPost, path, `{"name":"dry"}`, header); got.Status != http.StatusNoContent || got.Body != "" {
				t.Errorf("%d %s", got.Status, got.Body)
			}
			if got := c.chika.Send(http.MethodPost, path, `{"name":"NOT A NAME"}`, header); got.Status != http.StatusBadRequest {
				t.Errorf("%d %s", got.Status, got.Body)
			}
			if all, err := r.Groups(ctx, c.Org); err != nil || len(all) != 0 {
				t.Errorf("%v %v", all, err)
			}
		})
		t.Run("the API says what it foresees", func(t *testing.T) {
			dry := func(path, body string) (int, []string) {
				header := http.Header{"Origin": {c.home.URL()}, "Content-Type": {"application/json"}, "Dry-Run": {"true"}}
				got := c.chika.Send(http.MethodPatch, "/api/v1/organizations/"+string(c.Org)+path, body, header)
				var said struct{ Foreseen []string }
				if err := json.Unmarshal([]byte(got.Body), &said); err != nil || said.Foreseen == nil {
					t.Errorf("%s: %d %s", path, got.Status, got.Body)
				}
				return got.Status, said.Foreseen
			}
			status, lines := dry("/roles/"+string(role.ID), fmt.Sprintf(`{"permissions":[],"version":%d}`, role.Version))
			if status != http.StatusOK || len(lines) != 1 || !strings.Contains(lines[0], "People with this role: 1. They may no longer") {
				t.Errorf("%d %q", status, lines)
			}
			m := member()
			if status, lines = dry("/members/"+string(c.Aoi), fmt.Sprintf(`{"state":"disabled","version":%d}`, m.Version)); status != http.StatusOK || len(lines) != 1 {
				t.Errorf("%d %q", status, lines)
			}
			if status, lines = dry("/members/"+string(c.Aoi), fmt.Sprintf(`{"manager":"","version":%d}`, m.Version)); status != http.StatusOK || len(lines) != 0 {
				t.Errorf("%d %q", status, lines)
			}
			if member().State != org.Active {
				t.Error("a dry run was kept")
			}
		})
	})
}

// Who comes into a group comes into those around it, and under what is asked
// for there at sign-in.
func TestMembersAreCheckedBeforeSaved(t *testing.T) {
	each(t, func(t *testing.T, c company) {
		r, by := c.home.Register(), id.Local(0)
		inner, err := r.PutGroup(ctx, by, org.Group{Org: c.Org, Name: "inner", Title: "Inner"})
		if err != nil {
			t.Fatal(err)
		}
		add, take := "/admin/groups/"+string(inner.ID)+"/add", "/admin/groups/"+string(inner.ID)+"/take"
		in := func() int {
			g, err := r.Group(ctx, c.Org, inner.ID)
			if err != nil {
				t.Fatal(err)
			}
			return len(g.Members)
		}
		typed := func() url.Values { return url.Values{"login": {"aoi"}} }
		t.Run("somebody who is nobody here", func(t *testing.T) {
			got := c.chika.Post(add, url.Values{"login": {"nobody-at-all"}})
			if got.Status != http.StatusBadRequest || !strings.Contains(got.Body, "nobody-at-all") || in() != 0 {
				t.Errorf("%d %s", got.Status, got.Body)
			}
		})
		t.Run("a group that nothing follows from", func(t *testing.T) {
			if got := c.chika.Post(add, typed()); got.Status != http.StatusSeeOther || in() != 1 {
				t.Fatalf("%d %s", got.Status, got.Body)
			}
			if got := c.chika.Post(take, typed()); got.Status != http.StatusSeeOther || in() != 0 {
				t.Fatalf("%d %s", got.Status, got.Body)
			}
		})
		outer, err := r.PutGroup(ctx, by, org.Group{Org: c.Org, Name: "outer", Title: "Outer ring", Groups: []id.Group{inner.ID}})
		if err != nil {
			t.Fatal(err)
		}
		made := c.chika.Call(http.MethodPost, "/api/v1/organizations/"+string(c.Org)+"/sign-in-policies", map[string]any{
			"name": "strict", "require": []string{"totp"}, "groups": []string{string(outer.ID)},
		})
		if made.Status != http.StatusCreated {
			t.Fatalf("%d %s", made.Status, made.Body)
		}
		says := func(path string, wants ...string) {
			t.Helper()
			got := c.chika.Post(path, typed())
			text := html.UnescapeString(got.Body)
			for _, want := range wants {
				if got.Status != http.StatusOK || !strings.Contains(text, want) {
					t.Errorf("%d without %q: %s", got.Status, want, text)
				}
			}
		}
		t.Run("coming in", func(t *testing.T) {
			says(add, "People who come in through groups: 1", "Outer ring", "One-time code: people who must set it up before they can act here again: 1 (高橋 葵)")
			if in() != 0 {
				t.Fatal("saved before it was seen")
			}
			if got := save(c.chika, add, typed()); got.Status != http.StatusSeeOther || in() != 1 {
				t.Errorf("%d %d", got.Status, in())
			}
		})
		t.Run("going out", func(t *testing.T) {
			says(take, "People who go out: 1", "One-time code: people who will not be asked for it any more: 1 (高橋 葵)")
			if got := save(c.chika, take, typed()); got.Status != http.StatusSeeOther || in() != 0 {
				t.Errorf("%d %d", got.Status, in())
			}
		})
	})
}
