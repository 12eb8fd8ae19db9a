package browser_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/housetest"
)

// shed is a house with a ServiceNow beside it, to which Chika is connected, and
// a service that nobody has authorized.
func shed(t *testing.T) (*housetest.Home, *servicenow.System, []place) {
	t.Helper()
	home := housetest.House(t, func(o *housetest.Options) { o.Config.Egress.Allow = []string{"127.0.0.0/8"} })
	sn, err := servicenow.New(servicenow.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sn.Close)
	l, err := fake.Listen("", sn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	k, client := home.People(t), sn.AddClient("Sekisho")
	chika := home.As(t, k.Chika, k.Org)
	add := func(name, mode, definition string, settings map[string]any) string {
		got := chika.Call(http.MethodPost, "/api/v1/organizations/"+string(k.Org)+"/systems", map[string]any{
			"definition": definition, "name": name, "title": map[string]string{"user": "ServiceNow", "service": "社内チケット管理 " + longName[:40]}[mode], "mode": mode, "enabled": true,
			"settings": settings, "client_id": client.ID, "set_secrets": map[string]any{"client_secret": client.Secret.Reveal()},
		})
		var made struct{ ID string }
		if err := json.Unmarshal([]byte(got.Body), &made); err != nil || got.Status != http.StatusCreated {
			t.Fatalf("add a system: %d %s", got.Status, got.Body)
		}
		return made.ID
	}
	one := add("servicenow", "user", "servicenow", map[string]any{"base_url": l.URL})
	two := add("jira", "service", "jira-service-management-cloud", map[string]any{"site_url": "https://kaede.atlassian.example"})
	at, err := url.Parse(chika.Get("/connect/" + one + "/start").Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	q := at.Query()
	code := sn.Code("chika", client.ID, q.Get("redirect_uri"), q.Get("code_challenge"))
	if got := chika.Get("/connect/" + one + "/callback?" + url.Values{"code": {code}, "state": {q.Get("state")}}.Encode()); got.Status != http.StatusSeeOther {
		t.Fatalf("connect: %d %s", got.Status, got.Body)
	}
	return home, sn, []place{
		{"systems", "/admin/systems", true, 200},
		{"system-new", "/admin/systems/new?definition=servicenow", true, 200},
		{"system-new-jira", "/admin/systems/new?definition=jira-service-management-cloud&mode=service", true, 200},
		{"system-upload", "/admin/systems/upload", true, 200},
		{"system", "/admin/systems/" + one, true, 200},
		{"system-text", "/admin/systems/" + one + "/text", true, 200},
		{"system-service", "/admin/systems/" + two, true, 200},
		{"system-edit", "/admin/systems/" + one + "/edit", true, 200},
		{"system-test", "/admin/systems/" + one + "/test", true, 200},
		{"system-remove", "/admin/systems/" + one + "/remove", true, 200},
		{"integrations", "/settings/integrations", true, 200},
		{"integration-connected", "/settings/integrations/" + one + "/connected", true, 200},
		{"callback-refused", "/connect/" + one + "/callback?state=made-up&code=x", true, 403},
	}
}

func TestEveryPageOfSystems(t *testing.T) {
	home, _, pages := shed(t)
	for _, p := range pages {
		open(t, home).asChika().law(p)
	}
}

// Testing a system shows what it says, on a page that keeps the laws.
func TestASystemIsTested(t *testing.T) {
	home, _, pages := shed(t)
	chika := open(t, home).asChika()
	for _, p := range pages {
		if p.name == "system-test" {
			chika.visit(p.path)
		}
	}
	chika.press(submit)
	if text := chika.text("main"); !strings.Contains(text, "The system answers") || !strings.Contains(text, "/api/now/table/sys_user") {
		t.Errorf("the test shows %s", text)
	}
	chika.quiet("test of a system")
	if *pictures != "" {
		shoot(chika, "system-tested")
	}
}

// TestPicturesOfSystems puts a picture of every page into the folder -pictures.
func TestPicturesOfSystems(t *testing.T) {
	if *pictures == "" {
		t.Skip("run with -pictures FOLDER")
	}
	home, _, pages := shed(t)
	for _, p := range pages {
		chika := open(t, home).asChika()
		chika.album(p.name, func() { chika.visit(p.path) })
	}
}
