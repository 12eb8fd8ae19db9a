package house_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
)

// profile is what the API tells of a person or a member.
type profile struct {
	Person, Login, State, Manager, Email string
	Roles                                []string
	Version                              int64
}

func profileOf(t *testing.T, v *housetest.Visitor, path string) (p profile) {
	t.Helper()
	got := v.Get(path)
	if err := json.Unmarshal([]byte(got.Body), &p); err != nil || got.Status != http.StatusOK {
		t.Fatalf("%s: %d %s", path, got.Status, got.Body)
	}
	return p
}

// Whom somebody reports to is read upwards through the API to the top, and the
// groups that they are in from either end; of all this another organization
// sees nothing.
func TestRelationsAreRead(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		inner, err := h.Register().PutGroup(ctx, id.Local(0), org.Group{Org: k.Org, Name: "tokyo", Members: []id.Person{k.Aoi}})
		if err != nil {
			t.Fatal(err)
		}
		outer, err := h.Register().PutGroup(ctx, id.Local(0), org.Group{Org: k.Org, Name: "sales", Groups: []id.Group{inner.ID}})
		if err != nil {
			t.Fatal(err)
		}
		in := "/api/v1/organizations/" + string(k.Org)
		chika, ume := h.As(t, k.Chika, k.Org), h.As(t, k.Ume, k.Momiji)
		t.Run("CAP-D4 managers to the top", func(t *testing.T) {
			var line []string
			for at := string(k.Aoi); at != ""; {
				p := profileOf(t, chika, in+"/members/"+at)
				line, at = append(line, p.Login), p.Manager
			}
			if !slices.Equal(line, []string{"aoi", "botan", "chika"}) {
				t.Errorf("%q", line)
			}
		})
		t.Run("CAP-D4 members of a group through others", func(t *testing.T) {
			var list struct{ Items []profile }
			got := chika.Get(in + "/groups/" + string(outer.ID) + "/members")
			if err := json.Unmarshal([]byte(got.Body), &list); err != nil || len(list.Items) != 1 || list.Items[0].Login != "aoi" {
				t.Errorf("%d %s", got.Status, got.Body)
			}
		})
		t.Run("CAP-D4 nobody of elsewhere", func(t *testing.T) {
			for _, path := range []string{"/members/" + string(k.Aoi), "/groups/" + string(outer.ID) + "/members"} {
				if got := ume.Get(in + path); got.Status != http.StatusNotFound {
					t.Errorf("%s: %d %s", path, got.Status, got.Body)
				}
			}
		})
	})
}

// What of a profile changes is by who changes it: their own names and settings
// people change themselves; who they are and what they may is for who
// administers people, and neither a manager nor a token goes beyond what they
// hold.
func TestWhoChangesWhatOfAProfile(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		person, member := "/api/v1/people/"+string(k.Aoi), "/api/v1/organizations/"+string(k.Org)+"/members/"+string(k.Aoi)
		aoi, botan, chika := h.As(t, k.Aoi, k.Org), h.As(t, k.Botan, k.Org), h.As(t, k.Chika, k.Org)
		change := func(v *housetest.Visitor, path string, version int64, field string, value any, header http.Header) int {
			body := map[string]any{field: value, "version": version}
			if header == nil {
				return v.Call(http.MethodPatch, path, body).Status
			}
			text, _ := json.Marshal(body)
			header = header.Clone()
			header.Set("Content-Type", "application/json")
			return v.Send(http.MethodPatch, path, string(text), header).Status
		}
		read := bearer(t, h, k.Chika, k.Org, org.PeopleRead)
		before, seat := profileOf(t, chika, person), profileOf(t, chika, member)
		for field, value := range map[string]any{"login": "akari", "email": "akari@kaede.example", "state": "active", "roles": []string{"administrator"}, "manager": string(k.Chika)} {
			t.Run("CAP-D5 not one's own: "+field, func(t *testing.T) {
				if got := change(aoi, "/api/v1/me", before.Version, field, value, nil); got != http.StatusBadRequest {
					t.Errorf("of oneself: %d", got)
				}
				for name, one := range map[string]struct {
					by     *housetest.Visitor
					header http.Header
				}{"oneself by the other door": {aoi, nil}, "their manager": {botan, nil}, "a token that reads": {h.Nobody(t), read}} {
					path, version := person, before.Version
					if field == "roles" || field == "manager" || field == "state" {
						path, version = member, seat.Version
					}
					if got := change(one.by, path, version, field, value, one.header); got != http.StatusForbidden {
						t.Errorf("%s: %d", name, got)
					}
				}
			})
		}
		if now, sits := profileOf(t, chika, person), profileOf(t, chika, member); now.Version != before.Version || sits.Version != seat.Version {
			t.Fatalf("something changed: %+v, %+v", now, sits)
		}
		for _, field := range []string{"display_name", "family_name", "given_name", "reading"} {
			t.Run("CAP-D5 one's own: "+field, func(t *testing.T) {
				if got := change(aoi, "/api/v1/me", profileOf(t, aoi, "/api/v1/me").Version, field, "あおい", nil); got != http.StatusOK {
					t.Errorf("%d", got)
				}
				if got := change(botan, person, profileOf(t, chika, person).Version, field, "ぼたん", nil); got != http.StatusForbidden {
					t.Errorf("by their manager: %d", got)
				}
			})
		}
		t.Run("CAP-D5 who administers people", func(t *testing.T) {
			if got := change(chika, person, profileOf(t, chika, person).Version, "login", "akari", nil); got != http.StatusOK {
				t.Errorf("login: %d", got)
			}
			if got := change(chika, member, seat.Version, "manager", string(k.Chika), nil); got != http.StatusOK {
				t.Errorf("manager: %d", got)
			}
		})
	})
}
