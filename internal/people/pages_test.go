package people_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/housetest"
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

// version is the version in a form.
var version = regexp.MustCompile(`name="version" value="(\d+)"`)

// seen is what a form sends along once it has shown what saving changes.
var seen = regexp.MustCompile(`name="seen" value="([0-9a-f]{64})"`)

// save sends a form, and again where it says first what that changes.
func save(v *housetest.Visitor, path string, typed url.Values) housetest.Answer {
	got := v.Post(path, typed)
	if found := seen.FindStringSubmatch(got.Body); got.Status == http.StatusOK && found != nil {
		typed.Set("seen", found[1])
		got = v.Post(path, typed)
	}
	return got
}

// Forms work as plain forms: what was typed comes back with every refusal, and
// what is right is done and said.
func TestForms(t *testing.T) {
	each(t, func(t *testing.T, c company) {
		at := "/admin/people/" + string(c.Aoi)
		v := func(path string) string {
			found := version.FindStringSubmatch(c.chika.Get(path).Body)
			if found == nil {
				t.Fatalf("%s has no form", path)
			}
			return found[1]
		}
		profile := url.Values{"version": {v(at + "/profile")}, "login": {"aoi"}, "email": {"aoi@kaede.example"}, "family_name": {strings.Repeat("長", 81)}, "given_name": {"葵"}}
		got := c.chika.Post(at+"/profile", profile)
		if got.Status != http.StatusBadRequest || !strings.Contains(got.Body, `value="`+profile.Get("family_name")+`"`) || !strings.Contains(got.Body, `aria-invalid="true"`) {
			t.Errorf("refused: %d %.300s", got.Status, got.Body)
		}
		profile.Set("family_name", "高橋")
		for _, f := range []struct {
			path string
			form url.Values
			want string
		}{
			{at + "/profile", profile, at + "?done=saved"},
			{at + "/roles", url.Values{"version": {v(at + "/roles")}, "roles": {"user", "auditor"}, "manager": {"chika"}}, at + "?done=saved"},
			{at + "/state", url.Values{"member": {"member-active"}, "account": {"account-disabled"}}, at + "?done=saved"},
			{"/admin/organizations/" + string(c.Org) + "/edit", url.Values{"version": {"1"}, "name": {"kaede"}, "title": {"楓商事"}}, "/admin/organizations/" + string(c.Org) + "?done=saved"},
			{"/settings/profile", url.Values{"version": {v("/settings/profile")}, "display_name": {"千佳"}, "locale": {"ja"}}, "/settings?done=saved"},
			{at + "/remove", nil, "/admin/people?done=removed"},
		} {
			if got := save(c.chika, f.path, f.form); got.Status != http.StatusSeeOther || got.Header.Get("Location") != f.want {
				t.Errorf("%s: %d %s %.300s", f.path, got.Status, got.Header.Get("Location"), got.Body)
			}
		}
		got = c.chika.Post("/admin/people/"+string(c.Botan)+"/delete", url.Values{"login": {"someone"}})
		if got.Status != http.StatusBadRequest {
			t.Errorf("deleted with another login: %d", got.Status)
		}
		if got = c.chika.Post("/admin/people/"+string(c.Botan)+"/delete", url.Values{"login": {"botan"}}); got.Status != http.StatusSeeOther {
			t.Errorf("delete: %d %.300s", got.Status, got.Body)
		}
		if got = c.chika.Get("/admin/people/" + string(c.Botan)); got.Status != http.StatusNotFound {
			t.Errorf("deleted and there: %d", got.Status)
		}
	})
}

// A list that is uploaded shows what it would do, and is done once confirmed.
func TestUpload(t *testing.T) {
	each(t, func(t *testing.T, c company) {
		send := func(fields map[string]string) housetest.Answer {
			var body bytes.Buffer
			w := multipart.NewWriter(&body)
			for name, value := range fields {
				part, err := w.CreateFormField(name)
				if err == nil {
					_, err = part.Write([]byte(value))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			return c.chika.Send(http.MethodPost, "/admin/people/invite", body.String(), http.Header{"Origin": {c.home.URL()}, "Content-Type": {w.FormDataContentType()}})
		}
		if got := send(map[string]string{"text": "login,email\nnew,a@b@c\n"}); got.Status != http.StatusOK || strings.Contains(got.Body, `name="digest"`) {
			t.Errorf("with a problem: %d %.300s", got.Status, got.Body)
		}
		list := "login,display_name\nnew,=新しい人\n"
		shown := send(map[string]string{"file": list})
		digest := regexp.MustCompile(`name="digest" value="([0-9a-f]{64})"`).FindStringSubmatch(shown.Body)
		if shown.Status != http.StatusOK || digest == nil {
			t.Fatalf("%d %.500s", shown.Status, shown.Body)
		}
		if got := send(map[string]string{"text": list, "digest": digest[1]}); got.Status != http.StatusSeeOther {
			t.Errorf("%d %.300s", got.Status, got.Body)
		}
		if got := c.chika.Get("/admin/people?q=new"); !strings.Contains(got.Body, "新しい人") {
			t.Errorf("not there: %.300s", got.Body)
		}
		if got := send(map[string]string{"text": list}); !strings.Contains(got.Body, "No changes") {
			t.Errorf("a second time: %.300s", got.Body)
		}
	})
}
