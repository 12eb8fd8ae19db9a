package people_test

import (
	"net/http"
	"strings"
	"testing"
)

// Every page of the room answers somebody who may see it.
func TestPagesShow(t *testing.T) {
	each(t, func(t *testing.T, c company) {
		at := "/admin/people/" + string(c.Aoi)
		for _, path := range []string{
			"/admin/people", "/admin/people?q=a", "/admin/people?role=user&state=active", "/admin/people/suggest?login=bo", "/admin/people/people.csv",
			"/admin/people/new", "/admin/people/invite", at, at + "/profile", at + "/roles", at + "/state", at + "/remove", at + "/delete",
			"/admin/groups", "/admin/groups/new", "/admin/roles", "/admin/roles/new", "/admin/roles/administrator", "/admin/organization",
			"/admin/organizations", "/admin/organizations/new", "/admin/organizations/" + string(c.Momiji), "/admin/organizations/" + string(c.Org) + "/edit",
			"/admin/organizations/" + string(c.Org) + "/delete", "/settings", "/settings/profile", "/settings/email",
		} {
			got := c.chika.Get(path)
			if got.Status != http.StatusOK {
				t.Errorf("%s: %d %.300s", path, got.Status, got.Body)
			}
			if i := strings.Index(got.Body, "[people."); i >= 0 {
				t.Errorf("%s: no words: %.60s", path, got.Body[i:])
			}
		}
	})
}
