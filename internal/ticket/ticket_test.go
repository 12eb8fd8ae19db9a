package ticket_test

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/housetest"
)

func TestSystemsAreForAdministrators(t *testing.T) {
	each(t, func(r *rig) {
		system := r.add()
		botan, ume := r.h.As(t, r.k.Botan, r.k.Org), r.h.As(t, r.k.Ume, r.k.Momiji)
		for _, path := range []string{"/admin/systems", "/admin/systems/new?definition=servicenow", "/admin/systems/" + system, "/admin/systems/" + system + "/test"} {
			if got := botan.Get(path); got.Status != http.StatusForbidden {
				t.Errorf("botan gets %s: %d", path, got.Status)
			}
		}
		for _, path := range []string{"/admin/systems/" + system, "/admin/systems/" + system + "/edit", "/admin/systems/" + system + "/remove"} {
			if got := ume.Get(path); got.Status != http.StatusNotFound {
				t.Errorf("TRAP-C25: an administrator of another organization gets %s: %d", path, got.Status)
			}
		}
		if got := ume.Get("/connect/" + system + "/start"); got.Status != http.StatusNotFound {
			t.Errorf("TRAP-C25: somebody of another organization starts: %d", got.Status)
		}
		if got := ume.Post("/settings/integrations/"+system+"/off", nil); got.Status != http.StatusNotFound {
			t.Errorf("TRAP-C25: somebody of another organization turns it off: %d", got.Status)
		}
	})
}

// S0 A1-A4: an administrator adds ServiceNow by its form, a person switches it on
// once, and is known there by their own name.
func TestOptIn(t *testing.T) {
	each(t, func(r *rig) {
		page := r.chika.Get("/admin/systems/new?definition=servicenow")
		callback := copied.FindStringSubmatch(page.Body)
		if page.Status != http.StatusOK || callback == nil {
			t.Fatalf("S0-A1: the form shows no callback to copy: %d", page.Status)
		}
		for _, want := range []string{`name="base_url"`, `name="auth.client_id"`, `name="auth.client_secret"`, `name="auth.authorization_endpoint"`, `name="auth.token_endpoint"`, `name="auth.scope"`, "Authorization Code", "8640000", "1800"} {
			if !strings.Contains(strings.ReplaceAll(page.Body, ",", ""), want) {
				t.Errorf("S0-A2: the form has no %s", want)
			}
		}
		system := strings.Split(callback[1], "/")[4]
		form := url.Values{
			"definition": {"servicenow"}, "id": {system}, "mode": {"user"}, "scheme": {"oauth2_code"}, "revision": {"0"}, "name": {"servicenow"}, "title": {""},
			"base_url": {r.at}, "auth.client_id": {r.client.ID}, "auth.client_secret": {r.client.Secret.Reveal()},
			"auth.authorization_endpoint": {r.at + "/oauth_auth.do"}, "auth.token_endpoint": {r.at + "/oauth_token.do"}, "auth.scope": {""},
		}
		if got := r.chika.Post("/admin/systems/new", form); got.Status != http.StatusSeeOther || got.Header.Get("Location") != "/admin/systems/"+system+"?done=added" {
			t.Fatalf("S0-A2: add: %d %s %s", got.Status, got.Header.Get("Location"), got.Body)
		}
		if got := r.chika.Get("/admin/systems/" + system); got.Status != http.StatusOK || !strings.Contains(got.Body, callback[1]) || strings.Contains(got.Body, r.client.Secret.Reveal()) {
			t.Errorf("S0-A1, TRAP-C24: the system's page: %d", got.Status)
		}
		botan := r.h.As(t, r.k.Botan, r.k.Org)
		if got := botan.Get("/settings/integrations"); !strings.Contains(got.Body, `href="/connect/`+system+`/start"`) {
			t.Errorf("S0-A3: no switch: %d", got.Status)
		}
		back := r.consent(botan, system, "botan")
		got := botan.Get(back)
		if got.Status != http.StatusSeeOther || got.Header.Get("Location") != "/settings/integrations/"+system+"/connected" {
			t.Fatalf("S0-A3: back: %d %s %s", got.Status, got.Header.Get("Location"), got.Body)
		}
		if got := botan.Get(got.Header.Get("Location")); !strings.Contains(got.Body, "You may close this tab") {
			t.Errorf("S0-A3: the page does not say that the tab may be closed: %d", got.Status)
		}
		other := r.h.As(t, r.k.Botan, r.k.Org) // another device
		if state, account := r.connected(other); state != "on" || account == "" {
			t.Errorf("S0-A3: on another device it is %s as %q", state, account)
		}
		if got := r.chika.Get("/admin/systems/" + system); !strings.Contains(got.Body, "/admin/people/"+string(r.k.Botan)) {
			t.Error("the administrator does not see who is connected")
		}
		if got := botan.Post("/settings/integrations/"+system+"/off", nil); got.Status != http.StatusSeeOther {
			t.Errorf("off: %d %s", got.Status, got.Body)
		}
		if state, _ := r.connected(botan); state != "off" {
			t.Errorf("switched off it is %s", state)
		}
		for _, name := range []string{"connector.added", "connection.begun", "connection.made", "connection.ended"} {
			if r.recorded(name) == 0 {
				t.Errorf("the witness was not told of %s", name)
			}
		}
	})
}

func TestABadWayBackChangesNothing(t *testing.T) {
	each(t, func(r *rig) {
		system := r.add()
		botan, aoi := r.h.As(t, r.k.Botan, r.k.Org), r.h.As(t, r.k.Aoi, r.k.Org)
		refused := func(name string, status int, want, path string, who *housetest.Visitor) {
			t.Run(name, func(t *testing.T) {
				before := r.recorded("connection.refused")
				got := who.Get(path)
				if got.Status != status || !strings.Contains(got.Body, want) {
					t.Errorf("%d, want %d with %q: %.300s", got.Status, status, want, got.Body)
				}
				if state, _ := r.connected(botan); state == "on" {
					t.Error("botan is connected")
				}
				if r.recorded("connection.refused") != before+1 {
					t.Error("it is not in the log")
				}
			})
		}
		back := r.consent(botan, system, "botan")
		refused("TRAP-H3 another session", http.StatusForbidden, "does not count", back, aoi)
		refused("TRAP-H3 foreign state", http.StatusForbidden, "does not count", "/connect/"+system+"/callback?code=x&state=made-up", botan)
		refused("TRAP-H3 whoami of another person", http.StatusConflict, "belongs to somebody else", r.consent(botan, system, "aoi"), botan)
		refusal := "/connect/" + system + "/callback?" + url.Values{"error": {"access_denied"}, "state": {stateOf(t, r.consent(botan, system, "botan"))}}.Encode()
		refused("consent refused", http.StatusUnprocessableEntity, "access_denied", refusal, botan)
		refused("a code that is none", http.StatusUnprocessableEntity, "did not give tokens", "/connect/"+system+"/callback?"+url.Values{"code": {"made-up"}, "state": {stateOf(t, r.consent(botan, system, "botan"))}}.Encode(), botan)
	})
}

func stateOf(t *testing.T, back string) string {
	t.Helper()
	u, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("state")
}

func TestWrongSettingsAreSaid(t *testing.T) {
	each(t, func(r *rig) {
		botan := r.h.As(t, r.k.Botan, r.k.Org)
		secret := r.add(func(b map[string]any) { b["set_secrets"] = map[string]any{"client_secret": "wrong"} })
		if got := botan.Get(r.consent(botan, secret, "botan")); got.Status != http.StatusUnprocessableEntity || !strings.Contains(got.Body, "compares client ID, client secret") {
			t.Errorf("wrong secret: %d %.300s", got.Status, got.Body)
		}
		if got := r.chika.Call(http.MethodPost, r.systems(), r.body(func(b map[string]any) {
			b["name"], b["settings"] = "plain", map[string]any{"base_url": "http://tickets.example"}
		})); got.Status != http.StatusBadRequest || !strings.Contains(got.Body, "connector-not-https") {
			t.Errorf("plain HTTP: %d %s", got.Status, got.Body)
		}
		inside := r.add(func(b map[string]any) {
			b["name"], b["settings"] = "inside", map[string]any{"base_url": "https://10.9.8.7"}
		})
		got := botan.Get("/connect/" + inside + "/start")
		at, _ := url.Parse(got.Header.Get("Location"))
		if got := botan.Get("/connect/" + inside + "/callback?" + url.Values{"code": {"x"}, "state": {at.Query().Get("state")}}.Encode()); got.Status != http.StatusForbidden {
			t.Errorf("A139 private address: %d %.300s", got.Status, got.Body)
		}
	})
}

// TestASecretStaysWithItsHost: who may write where a system is, but not read its
// secret, cannot have it sent elsewhere; the form says why, in both languages.
func TestASecretStaysWithItsHost(t *testing.T) {
	each(t, func(r *rig) {
		system := r.add()
		path := "/admin/systems/" + system + "/edit"
		form := url.Values{
			"definition": {"servicenow"}, "mode": {"user"}, "scheme": {"oauth2_code"}, "revision": {"1"}, "name": {"servicenow"}, "title": {""},
			"base_url": {"https://elsewhere.example"}, "auth.client_id": {r.client.ID}, "auth.client_secret": {""},
			"auth.authorization_endpoint": {""}, "auth.token_endpoint": {""}, "auth.scope": {""},
		}
		for lang, want := range map[string]string{"en": "called at another host", "ja": "接続先のホストが変わります"} {
			header := http.Header{"Accept-Language": {lang}, "Origin": {r.chika.Base()}, "Content-Type": {"application/x-www-form-urlencoded"}}
			if got := r.chika.Send(http.MethodPost, path, form.Encode(), header); got.Status != http.StatusBadRequest || !strings.Contains(got.Body, want) {
				t.Errorf("%s: %d, no %q", lang, got.Status, want)
			}
		}
		if page := r.chika.Get(path); strings.Contains(page.Body, "elsewhere.example") || !strings.Contains(page.Body, r.at) {
			t.Error("something was saved")
		}
		form.Set("auth.client_secret", "given again")
		if got := r.chika.Post(path, form); got.Status != http.StatusSeeOther {
			t.Errorf("with the secret: %d", got.Status)
		}
	})
}

// TestTheTextOfADefinitionIsText: what somebody wrote into a definition is shown
// as it stands, and is no part of the page (A129).
func TestTheTextOfADefinitionIsText(t *testing.T) {
	each(t, func(r *rig) {
		text, err := os.ReadFile("../connector/definition/definitions/servicenow.yaml")
		if err != nil {
			t.Fatal(err)
		}
		own := strings.Replace(string(text), "\nid: servicenow", "\nid: mine", 1) + "# </code></pre><script>alert('1')</script> &lt; \"said\"\n"
		system := r.add(func(b map[string]any) {
			delete(b, "definition")
			b["name"], b["document"] = "mine", own
		})
		got := r.chika.Get("/admin/systems/" + system + "/text")
		if got.Status != http.StatusOK || !strings.Contains(got.Body, `# &lt;/code&gt;&lt;/pre&gt;&lt;script&gt;alert('1')&lt;/script&gt; &amp;lt; "said"`) {
			t.Errorf("%d: it does not stand there as it was written", got.Status)
		}
		if strings.Contains(got.Body, "<script>alert") {
			t.Error("it is a part of the page")
		}
	})
}

// B4: the test screen, with and without a ticket.
func TestTheTestScreen(t *testing.T) {
	each(t, func(r *rig) {
		system := r.add()
		path := "/admin/systems/" + system + "/test"
		if got := r.chika.Post(path, url.Values{"ticket": {""}}); got.Status != http.StatusOK || !strings.Contains(got.Body, "There is no connection to ServiceNow") {
			t.Errorf("not connected: %d %.300s", got.Status, got.Body)
		}
		if got := r.chika.Get(r.consent(r.chika, system, "chika")); got.Status != http.StatusSeeOther {
			t.Fatalf("connect: %d %s", got.Status, got.Body)
		}
		got := r.chika.Post(path, url.Values{"ticket": {"INC9999999"}})
		if got.Status != http.StatusOK || !strings.Contains(got.Body, "knows no such record") || !strings.Contains(got.Body, "/api/now/table/incident") {
			t.Errorf("no such ticket: %d %.600s", got.Status, got.Body)
		}
		if strings.Contains(got.Body, "Bearer ") {
			t.Error("TRAP-C24: a token stands on the test screen")
		}
	})
}

func TestDoorbells(t *testing.T) {
	each(t, func(r *rig) {
		system := r.add()
		nobody := r.h.Nobody(t)
		for name, which := range map[string]string{"no bell or not proven": system, "TRAP-C25 no such system": "01m0r8s3v6x9z2b5d7fgjkm0nq"} {
			got := nobody.Send(http.MethodPost, "/hooks/"+which, `{"id":"x"}`, http.Header{"Content-Type": {"application/json"}})
			if got.Status != http.StatusForbidden || problem(t, got) != "connector-ring-unproved" {
				t.Errorf("A118 %s: %d %s", name, got.Status, got.Body)
			}
		}
	})
}

// C24: neither the client's secret nor a token stands in the database in clear.
func TestNothingSealedIsInClear(t *testing.T) {
	each(t, func(r *rig) {
		system := r.add()
		botan := r.h.As(t, r.k.Botan, r.k.Org)
		if got := botan.Get(r.consent(botan, system, "botan")); got.Status != http.StatusSeeOther {
			t.Fatalf("connect: %d %s", got.Status, got.Body)
		}
		if found := holds(t, r.h, r.client.Secret.Reveal()); found != nil {
			t.Errorf("TRAP-C24: %v", found)
		}
	})
}
