package servicenow_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/fake/servicenow"
)

const callback = "http://localhost:8080/connect/x/callback"

// token posts to the token endpoint.
func (d *desk) token(client servicenow.Client, pairs ...string) answer {
	d.t.Helper()
	form := url.Values{"client_id": {client.ID}, "client_secret": {client.Secret.Reveal()}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	r, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.url+"/oauth_token.do", strings.NewReader(form.Encode()))
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return d.send(r)
}

// bearer calls with a token and returns the status.
func (d *desk) bearer(token string) int {
	d.t.Helper()
	r := httptest.NewRequestWithContext(d.t.Context(), http.MethodGet, d.url+"/api/now/table/sys_user?sysparm_limit=1", nil)
	r.RequestURI = ""
	r.Header.Set("Authorization", "Bearer "+token)
	return d.send(r).status
}

func TestTokensAreRefused(t *testing.T) {
	d := open(t)
	other := d.AddClient("Other", callback)
	code := func() string { return d.Code("botan", d.client.ID, callback, "") }
	used := code()
	d.token(d.client, "grant_type", "authorization_code", "code", used, "redirect_uri", callback)
	late := code()
	d.clock.Advance(time.Minute)
	for _, one := range []struct {
		name   string
		client servicenow.Client
		pairs  []string
	}{
		{"an unknown client", servicenow.Client{ID: "0123"}, []string{"grant_type", "authorization_code", "code", code(), "redirect_uri", callback}},
		{"a wrong secret", servicenow.Client{ID: d.client.ID}, []string{"grant_type", "authorization_code", "code", code(), "redirect_uri", callback}},
		{"a code of another client", other, []string{"grant_type", "authorization_code", "code", code(), "redirect_uri", callback}},
		{"another address", d.client, []string{"grant_type", "authorization_code", "code", code(), "redirect_uri", callback + "/"}},
		{"a code that was used", d.client, []string{"grant_type", "authorization_code", "code", used, "redirect_uri", callback}},
		{"a code a minute old", d.client, []string{"grant_type", "authorization_code", "code", late, "redirect_uri", callback}},
		{"a wrong verifier", d.client, []string{"grant_type", "authorization_code", "code", d.Code("botan", d.client.ID, callback, "abc"), "redirect_uri", callback, "code_verifier", "x"}},
		{"no refresh token", d.client, []string{"grant_type", "refresh_token", "refresh_token", ""}},
		{"client credentials without the property", d.client, []string{"grant_type", "client_credentials"}},
		{"an unknown grant", d.client, []string{"grant_type", "password"}},
	} {
		t.Run(one.name, func(t *testing.T) {
			if a := d.token(one.client, one.pairs...); a.status != 401 || at(a.body, "error_description") != "access_denied" {
				t.Errorf("%d %s", a.status, a.text)
			}
		})
	}
}

func TestTokensStayTheSame(t *testing.T) {
	d := open(t)
	a := d.token(d.client, "grant_type", "authorization_code", "code", d.Code("botan", d.client.ID, callback, ""), "redirect_uri", callback)
	access, refresh := at(a.body, "access_token"), at(a.body, "refresh_token")
	if a.body["expires_in"] != 1800.0 || at(a.body, "scope") != "useraccount" || at(a.body, "token_type") != "Bearer" || refresh == "" {
		t.Fatal(a.text)
	}
	again := func() (string, string) {
		a := d.token(d.client, "grant_type", "refresh_token", "refresh_token", refresh)
		return at(a.body, "access_token"), at(a.body, "refresh_token")
	}
	d.clock.Advance(29 * time.Minute)
	if same, kept := again(); same != access || kept != refresh {
		t.Error("C4 another token came while one is valid")
	}
	d.clock.Advance(29 * time.Minute)
	if status := d.bearer(access); status != 200 {
		t.Errorf("C4 its expiry did not move: %d", status)
	}
	d.clock.Advance(time.Minute)
	if status := d.bearer(access); status != 401 {
		t.Errorf("valid for ever: %d", status)
	}
	fresh, kept := again()
	if fresh == access || kept != refresh || d.bearer(fresh) != 200 {
		t.Error("no new access token, or the refresh token rotated")
	}
	t.Run("a new one each time", func(t *testing.T) {
		d.turn("fresh-token")
		if other, kept := again(); other == fresh || kept != refresh {
			t.Error("the same token again")
		}
		d.turn("fresh-token=false")
	})
	t.Run("short-lived", func(t *testing.T) {
		d.turn("access-lifespan=5s")
		short, _ := again()
		d.clock.Advance(5 * time.Second)
		if status := d.bearer(short); status != 401 {
			t.Errorf("%d", status)
		}
		d.turn("access-lifespan=0s")
	})
	t.Run("an administrator ends the access token", func(t *testing.T) {
		fresh, _ := again()
		d.Expire("botan")
		if status := d.bearer(fresh); status != 401 {
			t.Errorf("%d", status)
		}
		if next, _ := again(); d.bearer(next) != 200 {
			t.Error("the refresh token died too")
		}
	})
	t.Run("an administrator ends all", func(t *testing.T) {
		fresh, _ := again()
		d.Revoke("botan")
		if next, _ := again(); next != "" || d.bearer(fresh) != 401 {
			t.Error("revoked, and alive")
		}
	})
	t.Run("the client ends them", func(t *testing.T) {
		access, refresh := d.Grant("aoi", d.client.ID)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.url+"/oauth_revoke.do", strings.NewReader(url.Values{"token": {refresh.Reveal()}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if a := d.send(r); a.status != 200 || d.bearer(access.Reveal()) != 401 {
			t.Errorf("%d", a.status)
		}
	})
	t.Run("100 days", func(t *testing.T) {
		_, refresh := d.Grant("fumi", d.client.ID)
		d.clock.Advance(100 * 24 * time.Hour)
		if a := d.token(d.client, "grant_type", "refresh_token", "refresh_token", refresh.Reveal()); a.status != 401 {
			t.Errorf("%d", a.status)
		}
	})
}

func TestOtherWaysIn(t *testing.T) {
	d := open(t)
	t.Run("by name and password", func(t *testing.T) {
		for password, want := range map[string]int{d.Password("aoi").Reveal(): 200, "": 401, "x": 401} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url+"/api/now/table/incident", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.SetBasicAuth("aoi", password)
			if a := d.send(r); a.status != want {
				t.Errorf("%d, want %d", a.status, want)
			}
		}
	})
	t.Run("by the client's own credentials", func(t *testing.T) {
		d.turn("client-credentials")
		if a := d.token(d.client, "grant_type", "client_credentials"); a.status != 401 {
			t.Errorf("without an application user: %d", a.status)
		}
		client := d.client
		client.User = "daichi"
		d.PutClient(client)
		a := d.token(client, "grant_type", "client_credentials")
		if _, given := a.body["refresh_token"]; given || d.bearer(at(a.body, "access_token")) != 200 {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
	t.Run("a person who left", func(t *testing.T) {
		access, _ := d.Grant("lena", d.client.ID)
		if err := d.Change("sys_user", d.SysID("lena"), servicenow.Row{"active": "false"}); err != nil {
			t.Fatal(err)
		}
		if status := d.bearer(access.Reveal()); status != 401 {
			t.Errorf("%d", status)
		}
	})
}
