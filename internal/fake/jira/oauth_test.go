package jira_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/fake/jira"
)

func TestTokensAreRefused(t *testing.T) {
	c := open(t)
	other := c.AddApp("Other", callback)
	code := func() string { return c.Code("botan", c.app.ID, callback, scopes) }
	used := code()
	c.token(c.app, "grant_type", "authorization_code", "code", used, "redirect_uri", callback)
	late := code()
	c.clock.Advance(time.Minute)
	for _, one := range []struct {
		name   string
		app    jira.App
		status int
		code   string
		pairs  []string
	}{
		{"an unknown app", jira.App{ID: "x"}, 401, "access_denied", []string{"grant_type", "authorization_code", "code", code(), "redirect_uri", callback}},
		{"a wrong secret", jira.App{ID: c.app.ID}, 401, "access_denied", []string{"grant_type", "authorization_code", "code", code(), "redirect_uri", callback}},
		{"a code of another app", other, 403, "invalid_grant", []string{"grant_type", "authorization_code", "code", code(), "redirect_uri", callback}},
		{"another callback", c.app, 403, "invalid_grant", []string{"grant_type", "authorization_code", "code", code(), "redirect_uri", callback + "/"}},
		{"a code that was used", c.app, 403, "invalid_grant", []string{"grant_type", "authorization_code", "code", used, "redirect_uri", callback}},
		{"a code a minute old", c.app, 403, "invalid_grant", []string{"grant_type", "authorization_code", "code", late, "redirect_uri", callback}},
		{"no refresh token", c.app, 403, "invalid_grant", []string{"grant_type", "refresh_token", "refresh_token", ""}},
		{"an unknown grant", c.app, 403, "unauthorized_client", []string{"grant_type", "password"}},
	} {
		t.Run(one.name, func(t *testing.T) {
			if a := c.token(one.app, one.pairs...); a.status != one.status || text(a.body, "error") != one.code {
				t.Errorf("%d %s", a.status, a.text)
			}
		})
	}
	t.Run("a form", func(t *testing.T) {
		r := c.request(http.MethodPost, "/oauth/token", "grant_type=refresh_token")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if a := c.send(r); a.status != 400 {
			t.Errorf("%d", a.status)
		}
	})
}

func TestRefreshTokensRotate(t *testing.T) {
	c := open(t)
	a := c.token(c.app, "grant_type", "authorization_code", "code", c.Code("botan", c.app.ID, callback, scopes), "redirect_uri", callback)
	first := text(a.body, "refresh_token")
	if at(a.body, "expires_in") != 3600.0 || text(a.body, "scope") != scopes || first == "" {
		t.Fatal(a.text)
	}
	a = c.refresh(first)
	second := text(a.body, "refresh_token")
	if second == "" || second == first {
		t.Fatal(a.text)
	}
	if a := c.refresh(first); a.status != 403 || text(a.body, "error") != "invalid_grant" {
		t.Errorf("C3 the old one lives: %d %s", a.status, a.text)
	}
	if a = c.refresh(second); a.status != 200 {
		t.Fatalf("C3 the new one died with the old: %s", a.text)
	}
	t.Run("C3 many at once", func(t *testing.T) {
		token := text(a.body, "refresh_token")
		var mu sync.Mutex
		var next []string
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				if a := c.refresh(token); a.status == 200 {
					mu.Lock()
					defer mu.Unlock()
					next = append(next, text(a.body, "refresh_token"))
				}
			})
		}
		all.Wait()
		if len(next) != 1 {
			t.Fatalf("%d refreshes of one token", len(next))
		}
		a = c.refresh(next[0])
	})
	t.Run("C3 the answer is lost", func(t *testing.T) {
		token := text(a.body, "refresh_token")
		c.turn("cut-refresh")
		if a := c.refresh(token); a.err == nil {
			t.Errorf("answered %d", a.status)
		}
		if a := c.refresh(token); a.status != 403 {
			t.Errorf("it did not rotate: %d", a.status)
		}
	})
	t.Run("a dead one ends all", func(t *testing.T) {
		c.turn("reuse-kills")
		_, refresh := c.Grant("aoi", c.app.ID, scopes)
		next := c.refresh(refresh.Reveal())
		c.refresh(refresh.Reveal())
		if a := c.refresh(text(next.body, "refresh_token")); a.status != 403 {
			t.Errorf("%d", a.status)
		}
		if a := c.bearer(text(next.body, "access_token"), "GET", "/oauth/token/accessible-resources", ""); a.status != 401 {
			t.Errorf("%d", a.status)
		}
		c.turn("reuse-kills=false")
	})
	t.Run("90 idle days, a year at most", func(t *testing.T) {
		_, idle := c.Grant("aoi", c.app.ID, scopes)
		_, kept := c.Grant("fumi", c.app.ID, scopes)
		token := kept.Reveal()
		for day := 89; day < 365; day += 89 {
			c.clock.Advance(89 * 24 * time.Hour)
			a := c.refresh(token)
			if token = text(a.body, "refresh_token"); token == "" {
				t.Fatalf("day %d: %s", day, a.text)
			}
		}
		if a := c.refresh(idle.Reveal()); a.status != 403 {
			t.Errorf("idle for a year: %d", a.status)
		}
		c.clock.Advance(9 * 24 * time.Hour)
		if a := c.refresh(token); a.status != 403 {
			t.Errorf("older than a year: %d", a.status)
		}
	})
}

func TestAccess(t *testing.T) {
	c := open(t)
	resources := func(token string) answer { return c.bearer(token, "GET", "/oauth/token/accessible-resources", "") }
	t.Run("C6 two sites, the other one first", func(t *testing.T) {
		access, _ := c.Grant("botan", c.app.ID, "read:servicedesk-request offline_access")
		a := resources(access.Reveal())
		want := []any{}
		for _, one := range c.Sites() {
			address := c.url + one.Path
			want = append(want, map[string]any{"id": one.CloudID, "url": address, "name": one.Name, "scopes": []any{"read:servicedesk-request"}, "avatarUrl": address + "/avatar.png"})
		}
		if diff := cmp.Diff(want, a.body); diff != "" || len(want) != 2 || text(a.body, 1, "name") != "Kaede Trading" {
			t.Error(diff)
		}
		c.turn("one-site")
		if a := resources(access.Reveal()); text(a.body, 0, "name") != "Kaede Trading" || at(a.body, 1) != nil {
			t.Error(a.text)
		}
		c.turn("one-site=false")
	})
	t.Run("C25 somebody of one site only", func(t *testing.T) {
		if a := c.callSite("momiji", "aoi", "GET", service+"servicedesk", ""); a.status != 404 {
			t.Errorf("%d %s", a.status, a.text)
		}
		if a := c.callSite("momiji", "botan", "GET", service+"servicedesk", ""); a.status != 200 {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	t.Run("scopes are missing", func(t *testing.T) {
		c.turn("scopes=read:servicedesk-request")
		access, refresh := c.Grant("botan", c.app.ID, scopes)
		path := "/ex/jira/" + c.sites["kaede"]
		if a := c.bearer(access.Reveal(), "GET", path+service+"request", ""); a.status != 200 || refresh.Empty() {
			t.Errorf("%d %s", a.status, a.text)
		}
		if a := c.bearer(access.Reveal(), "GET", path+platform+"myself", ""); a.status != 401 || text(a.body, "message") != "Unauthorized; scope does not match" {
			t.Errorf("%d %s", a.status, a.text)
		}
		c.turn("scopes=")
	})
	t.Run("no offline_access", func(t *testing.T) {
		if _, refresh := c.Grant("botan", c.app.ID, "read:servicedesk-request"); !refresh.Empty() {
			t.Error("not asked for, and given")
		}
		c.turn("no-offline")
		if _, refresh := c.Grant("botan", c.app.ID, scopes); !refresh.Empty() {
			t.Error("given")
		}
		c.turn("no-offline=false")
	})
	t.Run("short-lived", func(t *testing.T) {
		c.turn("access-lifespan=10s")
		access, _ := c.Grant("botan", c.app.ID, scopes)
		if a := resources(access.Reveal()); a.status != 200 {
			t.Errorf("%d", a.status)
		}
		c.clock.Advance(10 * time.Second)
		if a := resources(access.Reveal()); a.status != 401 || at(a.body, "code") != 401.0 {
			t.Errorf("%d %s", a.status, a.text)
		}
		c.turn("access-lifespan=0s")
	})
	t.Run("ended by others", func(t *testing.T) {
		access, refresh := c.Grant("fumi", c.app.ID, scopes)
		c.Expire("fumi")
		if a := resources(access.Reveal()); a.status != 401 {
			t.Errorf("%d", a.status)
		}
		c.Revoke("fumi")
		if a := c.refresh(refresh.Reveal()); a.status != 403 {
			t.Errorf("%d", a.status)
		}
	})
	t.Run("an API token at the site", func(t *testing.T) {
		for _, one := range []struct {
			site, mail, token string
			want              int
		}{
			{"kaede", "aoi@kaede.example", c.APIToken("aoi").Reveal(), 200},
			{"kaede", "AOI@kaede.example", c.APIToken("aoi").Reveal(), 200},
			{"kaede", "aoi@kaede.example", c.Password("aoi").Reveal(), 401},
			{"momiji", "aoi@kaede.example", c.APIToken("aoi").Reveal(), 401},
			{"kaede", "", "", 401},
		} {
			r := c.request("GET", "/"+one.site+platform+"myself", "")
			r.SetBasicAuth(one.mail, one.token)
			if a := c.send(r); a.status != one.want {
				t.Errorf("%s %s: %d", one.site, one.mail, a.status)
			}
		}
	})
	t.Run("nobody", func(t *testing.T) {
		if a := c.call("", "GET", platform+"myself", ""); a.status != 401 {
			t.Errorf("%d", a.status)
		}
	})
}

func TestConsent(t *testing.T) {
	c := open(t)
	asks := func(pairs ...string) string {
		v := url.Values{"audience": {"api.atlassian.com"}, "response_type": {"code"}, "client_id": {c.app.ID}, "redirect_uri": {callback}, "scope": {scopes}, "state": {"s1"}, "prompt": {"consent"}}
		for i := 0; i+1 < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return "/authorize?" + v.Encode()
	}
	botan := c.browse("botan", "en")
	for _, path := range []string{asks("client_id", "x"), asks("redirect_uri", callback+"/other"), asks("audience", "")} {
		if status, _ := botan.get(path); status != 400 || !strings.HasPrefix(botan.last.String(), c.url) {
			t.Errorf("an app has one callback: %s: %d", path, status)
		}
	}
	_, page := botan.get(asks())
	c.has(page, `<span class="endpoint">Sekisho</span>`, "Kaede Trading", "Momiji Design", "View Jira Service Management request data")
	form := []string{"client_id", c.app.ID, "redirect_uri", callback, "state", "s1", "scope", scopes}
	botan.post("/authorize", append(form, "answer", "cancel")...)
	if botan.last.Query().Get("error") != "access_denied" {
		t.Errorf("%s", botan.last)
	}
	botan.post("/authorize", append(form, "answer", "accept")...)
	if botan.last.Query().Get("state") != "s1" {
		t.Errorf("%s", botan.last)
	}
	a := c.token(c.app, "grant_type", "authorization_code", "code", botan.last.Query().Get("code"), "redirect_uri", callback)
	me := c.bearer(text(a.body, "access_token"), "GET", "/ex/jira/"+c.sites["kaede"]+platform+"myself", "")
	if text(me.body, "accountId") != c.Account("botan") {
		t.Errorf("%s", me.text)
	}
	if status, _ := c.browse("", "en").post("/authorize", append(form, "answer", "accept")...); status != 400 {
		t.Errorf("nobody consents: %d", status)
	}
	_, page = c.browse("", "ja").get(asks())
	c.has(page, `name="password"`, "サインイン")
}
