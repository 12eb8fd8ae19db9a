package people_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
)

type m = map[string]any

// What is refused is refused in words that help, and nothing changes.
func TestRefused(t *testing.T) {
	each(t, func(t *testing.T, c company) {
		members, aoi := "/api/v1/organizations/"+string(c.Org)+"/members", "/api/v1/people/"+string(c.Aoi)
		person := decoded[struct{ Version int64 }](t, c.chika.Call(http.MethodGet, aoi, nil), 200)
		change := func(what m) m {
			what["version"] = person.Version
			return what
		}
		for _, r := range []struct {
			name         string
			method, path string
			body         any
			want         string
		}{
			{"A043 a login in other case", http.MethodPatch, aoi, change(m{"login": "BOTAN"}), "login-taken"},
			{"A043 a login in full width", http.MethodPatch, aoi, change(m{"login": "ｂｏｔａｎ"}), "login-taken"},
			{"A128 a name that turns the direction", http.MethodPatch, aoi, change(m{"display_name": "a\u202eb"}), "person-invalid display_name=text-has-controls"},
			{"A128 a name of two alphabets", http.MethodPatch, aoi, change(m{"display_name": "аdmin"}), "person-invalid display_name=name-mixes-alphabets"},
			{"a name of 81 characters", http.MethodPatch, aoi, change(m{"family_name": strings.Repeat("長", 81), "display_name": "x"}), "person-invalid family_name=field-too-long"},
			{"A052 two @", http.MethodPatch, aoi, change(m{"email": "a@b@evil.example"}), "person-invalid email=mail-address-malformed"},
			{"all bad fields at once", http.MethodPatch, aoi, change(m{"login": "-", "locale": "fr", "time_zone": "Mars/Olympus"}), "person-invalid login=login-malformed locale=locale-unknown time_zone=time-zone-unknown"},
			{"an old version", http.MethodPatch, aoi, m{"display_name": "x", "version": 99}, "changed-meanwhile"},
			{"a field that does not exist", http.MethodPatch, aoi, change(m{"state": "active"}), "input-invalid state=field-unknown"},
			{"neither person nor invite", http.MethodPost, members, m{}, "member-invalid person=member-person-or-invite"},
			{"A054 somebody deleted", http.MethodPost, members, m{"person": id.New[id.Person](housetest.Epoch)}, "person-unknown"},
			{"the last administrator leaves", http.MethodDelete, members + "/" + string(c.Chika), nil, "last-administrator"},
			{"the last administrator is disabled", http.MethodPost, "/api/v1/people/" + string(c.Chika) + "/disable", nil, "last-administrator"},
			{"a manager of themselves", http.MethodPatch, members + "/" + string(c.Chika), m{"manager": string(c.Aoi), "version": 1}, "member-invalid manager=manager-of-themselves"},
			{"deleting without typing the login", http.MethodDelete, aoi, nil, "input-invalid login=field-required"},
			{"deleting with another login", http.MethodDelete, aoi + "?login=botan", nil, "person-invalid login=typed-name-differs"},
			{"a forged cursor", http.MethodGet, members + "?cursor=x", nil, "cursor-malformed"},
			{"a forged cursor of a group", http.MethodGet, members + "?group=x&cursor=x", nil, "cursor-malformed"},
			{"too many at once", http.MethodGet, members + "?limit=201", nil, "input-invalid limit=field-too-large"},
		} {
			if got := code(t, c.chika.Call(r.method, r.path, r.body)); got != r.want {
				t.Errorf("%s: %s, want %s", r.name, got, r.want)
			}
		}
		after := decoded[struct{ Version int64 }](t, c.chika.Call(http.MethodGet, aoi, nil), 200)
		if after != person {
			t.Error("something changed")
		}
	})
}

// Nobody learns of, or touches, what is of another organization (R4), and
// nobody gets stronger than they are (A123).
func TestR4NothingOfOthers(t *testing.T) {
	each(t, func(t *testing.T, c company) {
		kaede := "/api/v1/organizations/" + string(c.Org)
		for _, path := range []string{
			kaede, kaede + "/members", kaede + "/members/" + string(c.Aoi), kaede + "/groups", kaede + "/roles", kaede + "/roles/administrator",
			kaede + "/permissions",
		} {
			if got := code(t, c.ume.Call(http.MethodGet, path, nil)); got != "organization-unknown" {
				t.Errorf("%s: %s", path, got)
			}
		}
		for _, path := range []string{"/api/v1/people/" + string(c.Aoi), "/api/v1/people/" + string(c.Aoi) + "/deletion"} {
			if got := code(t, c.ume.Call(http.MethodGet, path, nil)); got != "person-unknown" {
				t.Errorf("%s: %s", path, got)
			}
		}
		momiji := "/api/v1/organizations/" + string(c.Momiji) + "/members"
		t.Run("A123 taking in whom one does not know", func(t *testing.T) {
			if got := code(t, c.ume.Call(http.MethodPost, momiji, m{"person": string(c.Aoi)})); got != "person-unknown" {
				t.Error(got)
			}
		})
		t.Run("A123 without the right", func(t *testing.T) {
			for _, r := range [][2]string{
				{http.MethodGet, kaede + "/members"},
				{http.MethodDelete, kaede},
				{http.MethodGet, "/api/v1/people"},
				{http.MethodGet, "/api/v1/people?ids=" + string(c.Chika)},
				{http.MethodDelete, "/api/v1/people/" + string(c.Aoi) + "?login=aoi"},
				{http.MethodPost, "/api/v1/people/" + string(c.Aoi) + "/disable"},
			} {
				if got := code(t, c.aoi.Call(r[0], r[1], nil)); got != "not-permitted" {
					t.Errorf("%s %s: %s", r[0], r[1], got)
				}
			}
		})
		t.Run("pages", func(t *testing.T) {
			for _, path := range []string{"/admin/people/" + string(c.Aoi), "/admin/people/" + string(c.Aoi) + "/delete", "/admin/organizations/" + string(c.Org)} {
				missing := strings.Replace(strings.Replace(path, string(c.Aoi), "01m00000000000000000000000", 1), string(c.Org), "01m00000000000000000000000", 1)
				a, b := c.ume.Get(path), c.ume.Get(missing)
				if a.Status != http.StatusNotFound || a.Status != b.Status {
					t.Errorf("%s: %d, missing %d", path, a.Status, b.Status)
				}
			}
		})
	})
}

// The API does what the pages do.
func TestMembersGroupsRoles(t *testing.T) {
	each(t, func(t *testing.T, c company) {
		kaede := "/api/v1/organizations/" + string(c.Org)
		type list struct {
			Items []struct{ Person, Login, Name, Title, ID string }
			Next  string
		}
		logins := func(path string) (all []string) {
			for next := "&"; next != ""; {
				got := decoded[list](t, c.chika.Call(http.MethodGet, path+next, nil), 200)
				for _, one := range got.Items {
					all = append(all, one.Login)
				}
				if next = got.Next; next != "" {
					next = "&cursor=" + url.QueryEscape(next)
				}
			}
			return all
		}
		if diff := cmp.Diff([]string{"botan", "aoi", "daichi", "chika"}, logins(kaede+"/members?limit=2")); diff != "" {
			t.Errorf("by reading: %s", diff)
		}
		role := decoded[struct{ ID string }](t, c.chika.Call(http.MethodPost, kaede+"/roles", m{"name": "desk", "permissions": []string{org.PeopleRead}, "includes": []string{"user"}}), 201)
		inner := decoded[struct{ ID string }](t, c.chika.Call(http.MethodPost, kaede+"/groups", m{"name": "sales", "title": "営業", "members": []id.Person{c.Aoi}}), 201)
		outer := decoded[struct{ ID string }](t, c.chika.Call(http.MethodPost, kaede+"/groups", m{"name": "all", "members": []id.Person{c.Botan}, "groups": []string{inner.ID}}), 201)
		if diff := cmp.Diff([]string{"aoi", "botan"}, logins(kaede+"/groups/"+outer.ID+"/members?limit=1"), cmp.Transformer("set", func(all []string) map[string]bool {
			set := map[string]bool{}
			for _, one := range all {
				set[one] = true
			}
			return set
		})); diff != "" {
			t.Errorf("closure: %s", diff)
		}
		before := decoded[struct{ Version int64 }](t, c.chika.Call(http.MethodGet, kaede+"/members/"+string(c.Aoi), nil), 200)
		decoded[m](t, c.chika.Call(http.MethodPatch, kaede+"/members/"+string(c.Aoi), m{"roles": []string{role.ID}, "version": before.Version}), 200)
		if diff := cmp.Diff([]string{"aoi"}, logins(kaede+"/members?role="+role.ID)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"aoi"}, logins(kaede+"/members?q="+url.QueryEscape("たかは")+"&state=active")); diff != "" {
			t.Error(diff)
		}
		if got := code(t, c.chika.Call(http.MethodPatch, kaede+"/groups/"+inner.ID, m{"groups": []string{outer.ID}, "version": 1})); got != "group-invalid groups=group-in-itself" {
			t.Error(got)
		}
		decoded[m](t, c.chika.Call(http.MethodDelete, kaede+"/members/"+string(c.Aoi), nil), 204)
		if got := code(t, c.chika.Call(http.MethodGet, kaede+"/members/"+string(c.Aoi), nil)); got != "person-unknown" {
			t.Error(got)
		}
	})
}

// One's own profile is one's own; the rest is not.
func TestMe(t *testing.T) {
	each(t, func(t *testing.T, c company) {
		type profile struct {
			Login        string `json:"login"`
			Display_name string //nolint:revive // as the API spells it
			Version      int64
		}
		me := decoded[profile](t, c.aoi.Call(http.MethodGet, "/api/v1/me", nil), 200)
		got := decoded[profile](t, c.aoi.Call(http.MethodPatch, "/api/v1/me", m{"display_name": "葵", "time_zone": "Asia/Tokyo", "version": me.Version}), 200)
		if me.Login != "aoi" || got.Display_name != "葵" {
			t.Errorf("%+v, then %+v", me, got)
		}
		t.Run("A051 an address of one's own cannot be set", func(t *testing.T) {
			if got := code(t, c.aoi.Call(http.MethodPatch, "/api/v1/me", m{"email": "x@evil.example", "version": 2})); got != "input-invalid email=field-unknown" {
				t.Error(got)
			}
		})
	})
}
