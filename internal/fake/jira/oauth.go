package jira

import (
	"encoding/json"
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
	app, login, redirect string
	scopes               []string
	until                time.Time
}

// grant is what somebody consented to. Its refresh token rotates.
type grant struct {
	app, login string
	scopes     []string
	refresh    string // the one that lives; "" without offline_access
	dead       []string
	begun      time.Time
	used       time.Time
}

type access struct {
	grant *grant
	until time.Time
}

const (
	accessLifespan  = time.Hour
	refreshIdle     = 90 * 24 * time.Hour
	refreshLifespan = 365 * 24 * time.Hour
	codeLifespan    = time.Minute
	offline         = "offline_access"
	audience        = "api.atlassian.com"
	invalidGrant    = "invalid_grant"
	unknownRefresh  = "Unknown or invalid refresh token."
	scopeMismatch   = "Unauthorized; scope does not match"
	readRequest     = "read:servicedesk-request"
	writeRequest    = "write:servicedesk-request"
	readWork        = "read:jira-work"
	writeWork       = "write:jira-work"
	readUser        = "read:jira-user"
	manageHooks     = "manage:jira-webhook"
)

func oauthError(status int, code, description string) fake.Answer {
	return fake.Answer{Status: status, Body: map[string]any{"error": code, "error_description": description}}
}

// consent is what the page of consent shows and sends back.
type consent struct {
	App                 string // its name
	ID, Redirect, State string
	Scope               string
	Scopes              []string
}

// asked checks an authorization request; the address is trusted behind it.
func (s *System) asked(v url.Values) (c consent, good bool) {
	s.stage.Do(func() {
		app := s.apps[v.Get("client_id")]
		if app == nil || !app.sendsTo(v.Get("redirect_uri")) {
			return
		}
		c = consent{App: app.Name, ID: app.ID, Redirect: v.Get("redirect_uri"), State: v.Get("state"), Scope: v.Get("scope"), Scopes: strings.Fields(v.Get("scope"))}
		good = true
	})
	return c, good
}

// sendsTo compares an address with the one callback of the app, to the letter.
func (a *App) sendsTo(redirect string) bool {
	if a.Callback != "" {
		return redirect == a.Callback
	}
	at, err := url.Parse(redirect)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" {
		return false
	}
	ip := net.ParseIP(at.Hostname())
	return at.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

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
	v := r.URL.Query()
	c, good := s.asked(v)
	switch {
	case !good || v.Get("audience") != audience:
		s.site.Trouble(w, r, http.StatusBadRequest, "fake.consent.client")
	case v.Get("response_type") != "code":
		back(w, r, c, "error", "unsupported_response_type")
	default:
		var names []string
		s.stage.Do(func() {
			for _, one := range slices.Backward(s.sitesOf(login)) {
				names = append(names, one.Name)
			}
		})
		s.site.Show(w, r, http.StatusOK, "consent", "jira.consent", map[string]any{"Consent": c, "Who": s.called(login), "Sites": names})
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
	case r.PostForm.Get("answer") != "accept":
		back(w, r, c, "error", "access_denied")
	default:
		back(w, r, c, "code", s.Code(login, c.ID, c.Redirect, c.Scope))
	}
}

// Code is an authorization code, as if somebody had consented to the scopes,
// which have blanks between.
func (s *System) Code(login, app, redirect, scope string) string {
	fresh := fake.Token(24)
	s.stage.Do(func() {
		s.codes[fresh] = code{app, login, redirect, s.granted(strings.Fields(scope)), s.stage.Clock.Now().Add(codeLifespan)}
	})
	return fresh
}

// granted are the scopes of those asked for that the switches leave.
func (s *System) granted(asked []string) []string {
	return slices.DeleteFunc(slices.Clone(asked), func(scope string) bool {
		return scope == offline && s.switches.NoOffline || scope != offline && s.switches.Scopes != "" && !slices.Contains(strings.Fields(s.switches.Scopes), scope)
	})
}

// tokenAsk is the JSON body of a token request.
type tokenAsk struct {
	GrantType string `json:"grant_type"`
	ID        string `json:"client_id"`
	Key       string `json:"client_secret"`
	Code      string `json:"code"`
	Redirect  string `json:"redirect_uri"`
	Refresh   string `json:"refresh_token"`
}

func (s *System) tokenEndpoint(w http.ResponseWriter, r *http.Request) {
	var ask tokenAsk
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil || strings.TrimSpace(kind) != "application/json" {
		oauthError(http.StatusBadRequest, "invalid_request", "The body must be JSON.").Write(w)
		return
	}
	var a fake.Answer
	s.stage.Do(func() {
		app := s.apps[ask.ID]
		switch {
		case app == nil || !app.Secret.Equal(secret.Of(ask.Key)):
			a = oauthError(http.StatusUnauthorized, "access_denied", "Unauthorized")
		case ask.GrantType == "authorization_code":
			a = s.redeem(r, app, ask)
		case ask.GrantType == "refresh_token":
			a = s.refresh(r, app, ask.Refresh)
		default:
			a = oauthError(http.StatusForbidden, "unauthorized_client", "Grant type '"+ask.GrantType+"' not allowed for the client.")
		}
	})
	a.Write(w)
}

func (s *System) redeem(r *http.Request, app *App, ask tokenAsk) fake.Answer {
	c, there := s.codes[ask.Code]
	delete(s.codes, ask.Code)
	if !there || c.app != app.ID || c.redirect != ask.Redirect || !s.stage.Clock.Now().Before(c.until) {
		return oauthError(http.StatusForbidden, invalidGrant, "Invalid authorization code")
	}
	fake.Known(r, c.login)
	return s.hand(s.begin(app.ID, c.login, c.scopes))
}

func (s *System) begin(app, login string, scopes []string) *grant {
	now := s.stage.Clock.Now()
	g := &grant{app: app, login: login, scopes: scopes, begun: now, used: now}
	s.grants = append(s.grants, g)
	return g
}

// hand gives an access token, and rotates the refresh token: the one of before
// is dead from here on, whether or not the answer arrives.
func (s *System) hand(g *grant) fake.Answer {
	now, lifespan := s.stage.Clock.Now(), accessLifespan
	if s.switches.AccessLifespan > 0 {
		lifespan = s.switches.AccessLifespan
	}
	token := fake.Token(64)
	s.access[token] = access{g, now.Add(lifespan)}
	out := map[string]any{"access_token": token, "expires_in": int(lifespan.Seconds()), "token_type": "Bearer", "scope": strings.Join(g.scopes, " ")}
	if slices.Contains(g.scopes, offline) {
		if g.refresh != "" {
			g.dead = append(g.dead, g.refresh)
		}
		g.refresh, g.used = fake.Token(64), now
		out["refresh_token"] = g.refresh
	}
	return fake.Answer{Body: out}
}

func (s *System) refresh(r *http.Request, app *App, text string) fake.Answer {
	now := s.stage.Clock.Now()
	for i, g := range s.grants {
		if g.app != app.ID || text == "" {
			continue
		}
		if slices.Contains(g.dead, text) && s.switches.ReuseKills {
			s.end(i)
			break
		}
		if g.refresh == text && now.Before(g.used.Add(refreshIdle)) && now.Before(g.begun.Add(refreshLifespan)) {
			fake.Known(r, g.login)
			a := s.hand(g)
			a.Cut = fake.Struck(&s.switches.CutRefresh)
			return a
		}
	}
	return oauthError(http.StatusForbidden, invalidGrant, unknownRefresh)
}

// end kills a grant with all its tokens.
func (s *System) end(i int) {
	for token, a := range s.access {
		if a.grant == s.grants[i] {
			delete(s.access, token)
		}
	}
	s.grants = slices.Delete(s.grants, i, i+1)
}

// bearer is the grant of an access token that is valid, or nil.
func (s *System) bearer(r *http.Request) *grant {
	text, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	a, there := s.access[strings.TrimSpace(text)]
	if !there || !s.stage.Clock.Now().Before(a.until) || s.people[a.grant.login] == nil || s.people[a.grant.login].Inactive {
		return nil
	}
	return a.grant
}

// accessibleResources are the sites of who calls.
func (s *System) accessibleResources(w http.ResponseWriter, r *http.Request) {
	a := gateway(http.StatusUnauthorized, "Unauthorized")
	s.stage.Do(func() {
		g := s.bearer(r)
		if g == nil {
			return
		}
		fake.Known(r, g.login)
		scopes := slices.DeleteFunc(slices.Clone(g.scopes), func(scope string) bool { return scope == offline })
		out := []map[string]any{}
		for _, one := range s.sitesOf(g.login) {
			url := fake.URLOf(r) + "/" + one.Key
			out = append(out, map[string]any{"id": one.Cloud, "url": url, "name": one.Name, "scopes": scopes, "avatarUrl": url + "/avatar.png"})
		}
		a = fake.Answer{Body: out}
	})
	a.Write(w)
}

// Grant is a pair of tokens for somebody, as if they had consented to the
// scopes, which have blanks between.
func (s *System) Grant(login, app, scope string) (access, refresh secret.Text) {
	s.stage.Do(func() {
		body, _ := s.hand(s.begin(app, login, s.granted(strings.Fields(scope)))).Body.(map[string]any)
		token, _ := body["access_token"].(string)
		kept, _ := body["refresh_token"].(string)
		access, refresh = secret.Of(token), secret.Of(kept)
	})
	return access, refresh
}

// Revoke ends all grants of somebody, as they do in their settings.
func (s *System) Revoke(login string) {
	s.stage.Do(func() {
		for i := len(s.grants) - 1; i >= 0; i-- {
			if s.grants[i].login == login {
				s.end(i)
			}
		}
	})
}

// Expire ends the access tokens of somebody before their time; the refresh
// tokens live on.
func (s *System) Expire(login string) {
	s.stage.Do(func() {
		for token, a := range s.access {
			if a.grant.login == login {
				delete(s.access, token)
			}
		}
	})
}
