package servicenow

import (
	"crypto/sha256"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/secret"
)

// code is an authorization code that nobody has used yet.
type code struct {
	client, login, redirect, challenge string
	until                              time.Time
}

// token is what a client holds for somebody. There is one for each: asking
// again gives the same.
type token struct {
	client, login   string
	access, refresh string
	accessUntil     time.Time
	refreshUntil    time.Time
}

const (
	accessLifespan  = 1800 * time.Second
	refreshLifespan = 8640000 * time.Second
	codeLifespan    = time.Minute
)

// denied is what the token endpoint says to everything that it refuses.
func denied() fake.Answer {
	return fake.Answer{Status: http.StatusUnauthorized, Body: map[string]any{"error_description": "access_denied", "error": "server_error"}}
}

// consent is what the page of consent shows and sends back.
type consent struct {
	Client                                string // name of the OAuth endpoint
	ID, Redirect, State, Scope, Challenge string
}

// asked checks an authorization request; the address is trusted behind it.
func (s *System) asked(values url.Values) (c consent, good bool) {
	s.stage.Do(func() {
		client := s.clients[values.Get("client_id")]
		if client == nil {
			return
		}
		c = consent{
			Client: client.Name, ID: client.ID, Redirect: values.Get("redirect_uri"), State: values.Get("state"), Scope: values.Get("scope"),
			Challenge: values.Get("code_challenge"),
		}
		if c.Redirect == "" && len(client.Redirects) > 0 {
			c.Redirect = client.Redirects[0]
		}
		good = client.sendsTo(c.Redirect)
	})
	return c, good
}

// sendsTo compares an address with those that are registered, to the letter. A
// client that registered none is one of this machine.
func (c *Client) sendsTo(redirect string) bool {
	if len(c.Redirects) > 0 {
		return slices.Contains(c.Redirects, redirect)
	}
	at, err := url.Parse(redirect)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" {
		return false
	}
	ip := net.ParseIP(at.Hostname())
	return at.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// back sends a browser to the client with an answer.
func back(w http.ResponseWriter, r *http.Request, c consent, name, value string) {
	to, err := url.Parse(c.Redirect)
	if err != nil {
		http.Error(w, http.StatusText(http.StatusBadRequest), http.StatusBadRequest)
		return
	}
	query := to.Query()
	query.Set(name, value)
	if c.State != "" {
		query.Set("state", c.State)
	}
	to.RawQuery = query.Encode()
	http.Redirect(w, r, to.String(), http.StatusFound)
}

func (s *System) showConsent(w http.ResponseWriter, r *http.Request, login string) {
	c, good := s.asked(r.URL.Query())
	switch {
	case !good:
		s.site.Trouble(w, r, http.StatusBadRequest, "fake.consent.client")
	case r.URL.Query().Get("response_type") != "code":
		back(w, r, c, "error", "unsupported_response_type")
	default:
		s.site.Show(w, r, http.StatusOK, "consent", "servicenow.consent", map[string]any{"Consent": c, "Who": s.called(login)})
	}
}

func (s *System) answerConsent(w http.ResponseWriter, r *http.Request) {
	login := s.site.Who(r)
	if err := r.ParseForm(); err != nil || login == "" {
		s.site.Trouble(w, r, http.StatusBadRequest, "fake.consent.client")
		return
	}
	c, good := s.asked(r.PostForm)
	switch {
	case !good:
		s.site.Trouble(w, r, http.StatusBadRequest, "fake.consent.client")
	case r.PostForm.Get("answer") != "allow":
		back(w, r, c, "error", "access_denied")
	default:
		back(w, r, c, "code", s.Code(login, c.ID, c.Redirect, c.Challenge))
	}
}

// Code is an authorization code, as if somebody had consented. The challenge is
// that of PKCE with S256, or "".
func (s *System) Code(login, client, redirect, challenge string) string {
	fresh := fake.Token(24)
	s.stage.Do(func() {
		s.codes[fresh] = code{client, login, redirect, challenge, s.stage.Clock.Now().Add(codeLifespan)}
	})
	return fresh
}

func (s *System) tokenEndpoint(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || len(r.URL.RawQuery) > 0 {
		denied().Write(w)
		return
	}
	a := denied()
	s.stage.Do(func() {
		client := s.authenticated(r)
		if client == nil {
			return
		}
		var t *token
		switch r.PostForm.Get("grant_type") {
		case "authorization_code":
			t = s.redeem(client, r.PostForm)
		case "refresh_token":
			t = s.refresh(client, r.PostForm.Get("refresh_token"))
		case "client_credentials":
			if s.switches.ClientCredentials && client.User != "" {
				t = s.issue(client.ID, client.User)
			}
		}
		if t != nil {
			fake.Known(r, t.login)
			a = s.granted(t, r.PostForm.Get("grant_type"))
		}
	})
	a.Write(w)
}

// authenticated is the client of a token request: its secret stands in the body
// or in Authorization: Basic.
func (s *System) authenticated(r *http.Request) *Client {
	name, password, basic := r.BasicAuth()
	if !basic {
		name, password = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	client := s.clients[name]
	if client == nil || !client.Secret.Equal(secret.Of(password)) {
		return nil
	}
	return client
}

func (s *System) redeem(client *Client, form url.Values) *token {
	c, there := s.codes[form.Get("code")]
	delete(s.codes, form.Get("code"))
	if !there || c.client != client.ID || c.redirect != form.Get("redirect_uri") || !s.stage.Clock.Now().Before(c.until) {
		return nil
	}
	if c.challenge != "" {
		sum := sha256.Sum256([]byte(form.Get("code_verifier")))
		if base64.RawURLEncoding.EncodeToString(sum[:]) != c.challenge {
			return nil
		}
	}
	return s.issue(client.ID, c.login)
}

func (s *System) refresh(client *Client, text string) *token {
	for _, t := range s.tokens {
		if t.client == client.ID && t.refresh == text && text != "" && s.stage.Clock.Now().Before(t.refreshUntil) {
			return s.issue(client.ID, t.login)
		}
	}
	return nil
}

// issue gives the token of a client for somebody. While the access token is
// valid it stays the same and lives longer; the refresh token always stays.
func (s *System) issue(client, login string) *token {
	now := s.stage.Clock.Now()
	at := slices.IndexFunc(s.tokens, func(t *token) bool { return t.client == client && t.login == login })
	if at < 0 || !now.Before(s.tokens[at].refreshUntil) {
		if at >= 0 {
			s.tokens = slices.Delete(s.tokens, at, at+1)
		}
		s.tokens = append(s.tokens, &token{client: client, login: login, refresh: fake.Token(48), refreshUntil: now.Add(refreshLifespan)})
		at = len(s.tokens) - 1
	}
	t := s.tokens[at]
	if s.switches.FreshToken || t.access == "" || !now.Before(t.accessUntil) {
		t.access = fake.Token(48)
	}
	t.accessUntil = now.Add(s.lifespan())
	return t
}

func (s *System) lifespan() time.Duration {
	if s.switches.AccessLifespan > 0 {
		return s.switches.AccessLifespan
	}
	return accessLifespan
}

func (s *System) granted(t *token, grant string) fake.Answer {
	out := map[string]any{"access_token": t.access, "scope": "useraccount", "token_type": "Bearer", "expires_in": int(s.lifespan().Seconds())}
	if grant != "client_credentials" {
		out["refresh_token"] = t.refresh
	}
	return fake.Answer{Body: out}
}

func (s *System) revokeEndpoint(w http.ResponseWriter, r *http.Request) {
	text := r.PostFormValue("token")
	s.stage.Do(func() {
		s.tokens = slices.DeleteFunc(s.tokens, func(t *token) bool { return text != "" && (t.access == text || t.refresh == text) })
	})
	fake.Answer{Body: map[string]any{}}.Write(w)
}

// bearer is the login of an access token that is valid, or "".
func (s *System) bearer(text string) (login string) {
	text = strings.TrimSpace(text)
	s.stage.Do(func() {
		for _, t := range s.tokens {
			if text != "" && t.access == text && s.stage.Clock.Now().Before(t.accessUntil) && s.user(t.login)["active"] == "true" {
				login = t.login
			}
		}
	})
	return login
}

// Grant is a pair of tokens for somebody, as if they had consented.
func (s *System) Grant(login, client string) (access, refresh secret.Text) {
	s.stage.Do(func() {
		t := s.issue(client, login)
		access, refresh = secret.Of(t.access), secret.Of(t.refresh)
	})
	return access, refresh
}

// Revoke ends all tokens of somebody, as an administrator does.
func (s *System) Revoke(login string) {
	s.stage.Do(func() {
		s.tokens = slices.DeleteFunc(s.tokens, func(t *token) bool { return t.login == login })
	})
}

// Expire ends the access tokens of somebody before their time; the refresh
// tokens live on.
func (s *System) Expire(login string) {
	s.stage.Do(func() {
		for _, t := range s.tokens {
			if t.login == login {
				t.accessUntil = time.Time{}
			}
		}
	})
}
