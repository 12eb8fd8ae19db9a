package connector_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// provider is a small authorization server with an API behind it.
type provider struct {
	*httptest.Server
	mu        sync.Mutex
	codes     map[string]url.Values // what they were given for
	access    map[string]string     // account by token
	refresh   map[string]string
	accounts  map[string][2]string // login to native id and address
	life      int
	rotates   bool
	sameAgain bool
	down      bool
	hold      chan struct{} // closed: refreshes are answered
	refreshed int
	revoked   []string
	asked     int

	said      string             // expires_in as it is written; "": life
	shape     func(n int) string // of access tokens; nil: canaries
	clock     func() time.Time   // of the Date header; nil: the machine's
	refuses   bool               // tokens that are valid, as to a part whose clock is wrong
	throttles bool
	page      bool // the token endpoint answers 403 with a page
}

const (
	clientID     = "kaede-client"
	clientSecret = "canary-client-secret"
)

func newProvider(t testing.TB) *provider {
	t.Helper()
	p := &provider{
		codes: map[string]url.Values{}, access: map[string]string{}, refresh: map[string]string{}, life: 1800,
		accounts: map[string][2]string{"botan": {"n-botan", "botan@kaede.example"}, "aoi": {"n-aoi", "AOI@kaede.example"}},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("POST /revoke", p.revoke)
	mux.HandleFunc("GET /me", p.me)
	mux.HandleFunc("GET /ticket/{id}", p.ticket)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.clock != nil {
			w.Header().Set("Date", p.clock().UTC().Format(http.TimeFormat))
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

// consent is what a browser does there: it returns the code.
func (p *provider) consent(t testing.TB, at, login string) (state, code string) {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	code = fmt.Sprintf("canary-code-%d", len(p.codes))
	given := u.Query()
	given.Set("login", login)
	p.codes[code] = given
	return given.Get("state"), code
}

func (p *provider) issue(w http.ResponseWriter, login string) {
	n := len(p.access)
	access, refresh := fmt.Sprintf("canary-access-%d", n), fmt.Sprintf("canary-refresh-%d", n)
	if p.shape != nil {
		access = p.shape(n)
	}
	if p.sameAgain {
		for token, who := range p.access {
			if who == login {
				access = token
			}
		}
	}
	p.access[access], p.refresh[refresh] = login, login
	life := any(p.life)
	if p.said != "" {
		life = json.RawMessage(p.said)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in": life})
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	hold := p.hold
	if hold != nil && r.Form.Get("grant_type") == "refresh_token" {
		<-hold
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	refuse := func(status int, code string) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": "refused <b>here</b>"})
	}
	given, pass := r.Form.Get("client_id"), r.Form.Get("client_secret")
	if user, word, ok := r.BasicAuth(); ok {
		given, pass = user, word
	}
	switch {
	case p.page:
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("<html>Blocked</html>"))
		return
	case p.down:
		refuse(http.StatusServiceUnavailable, "temporarily_unavailable")
		return
	case given != clientID || pass != clientSecret:
		refuse(http.StatusUnauthorized, "invalid_client")
		return
	}
	switch r.Form.Get("grant_type") {
	case "authorization_code":
		asked, ok := p.codes[r.Form.Get("code")]
		delete(p.codes, r.Form.Get("code"))
		if !ok || asked.Get("redirect_uri") != r.Form.Get("redirect_uri") || !proves(asked.Get("code_challenge"), r.Form.Get("code_verifier")) {
			refuse(http.StatusBadRequest, "invalid_grant")
			return
		}
		p.issue(w, asked.Get("login"))
	case "refresh_token":
		p.refreshed++
		login, ok := p.refresh[r.Form.Get("refresh_token")]
		if !ok {
			refuse(http.StatusBadRequest, "invalid_grant")
			return
		}
		if p.rotates {
			delete(p.refresh, r.Form.Get("refresh_token"))
		}
		p.issue(w, login)
	case "client_credentials":
		p.issue(w, "botan")
	default:
		refuse(http.StatusBadRequest, "unsupported_grant_type")
	}
}

func proves(challenge, verifier string) bool {
	if challenge == "" {
		return verifier == ""
	}
	return challenge == base64.RawURLEncoding.EncodeToString(sum256(verifier))
}

func (p *provider) revoke(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.revoked = append(p.revoked, r.Form.Get("token"))
	delete(p.refresh, r.Form.Get("token"))
	w.WriteHeader(http.StatusOK)
}

func (p *provider) who(r *http.Request) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if p.refuses {
		return ""
	}
	return p.access[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
}

func (p *provider) me(w http.ResponseWriter, r *http.Request) {
	login := p.who(r)
	if p.throttles {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	if login == "" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if status := map[string]int{"ghost": http.StatusNotFound, "twin": http.StatusMultipleChoices}[login]; status != 0 {
		w.WriteHeader(status)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"id": p.accounts[login][0], "mail": p.accounts[login][1], "name": login})
}

func (p *provider) ticket(w http.ResponseWriter, r *http.Request) {
	if p.who(r) == "" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"number": r.PathValue("id"), "subject": "a laptop"})
}

// kill makes every access token dead, as if the other side had forgotten them.
func (p *provider) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.access)
}

func (p *provider) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refreshed
}

// document is a definition for the provider.
const document = `apiVersion: sekisho/connector/v1
id: stub
title: {en: Stub, ja: スタブ}
settings:
  base_url: {type: url, required: true}
  webhook_secret: {type: secret}
hosts: ["{base_url}"]
auth:
  modes: [user, service]
  schemes:
    oauth2_code: {authorizationEndpoint: "{base_url}/authorize", tokenEndpoint: "{base_url}/token", revocationEndpoint: "{base_url}/revoke", scope: "", refresh: {rotates: true, absoluteLifetime: 365d}}
    client_credentials: {tokenEndpoint: "{base_url}/token", tokenAuth: basic}
    header_token: {}
  headers: {Authorization: "'Bearer ' + (cred.access_token != '' ? cred.access_token : cred.token)"}
operations:
  whoami:
    steps:
      - id: m
        request: {method: GET, path: "'/me'"}
        errors: [{when: "status == 404", as: noSuchUser}, {when: "status == 300", as: ambiguousUser}]
    map: {nativeUser: "steps.m.body.id", email: "steps.m.body.mail", displayName: "steps.m.body.name"}
  ticket.get:
    steps:
      - {id: t, request: {method: GET, path: "'/ticket/' + urlpath(arg.id)"}}
    map: {id: "steps.t.body.number", title: "steps.t.body.subject", state: "'open'"}
webhook: {verify: {type: hmac-sha256, header: X-Hub-Signature, prefix: "sha256=", secretRef: webhook_secret}, affected: "[body.issue.key]"}
limits: {rps: 100, burst: 200, concurrency: 32}
`

// rig is a desk with everything below it, for real.
type rig struct {
	t        *testing.T
	url, key string
	clock    clock.Clock
	store    *store.Store
	ring     *seal.Ring
	register *org.Register
	desk     *connector.Desk
	told     *crier
	p        *provider
	kaede    id.Org
	momiji   id.Org
	people   map[string]id.Person
}

const by = id.Principal("local:0")

func each(t *testing.T, f func(r *rig)) {
	t.Helper()
	housetest.EachURL(t, func(t *testing.T, url string) { f(newRig(t, url, clock.System())) })
}

func newRig(t *testing.T, url string, c clock.Clock) *rig {
	t.Helper()
	r := &rig{t: t, url: url, key: filepath.Join(t.TempDir(), "unseal.key"), clock: c, p: newProvider(t), people: map[string]id.Person{}}
	r.open()
	r.peopled()
	return r
}

// open makes a process of the house on the rig's database.
func (r *rig) open() {
	r.t.Helper()
	r.store = housetest.Open(r.t, r.url, r.clock, seal.Schema, once.Schema, org.Schema, connector.Schema)
	r.ring = seal.New(seal.Options{Store: r.store, Clock: r.clock, Log: housetest.Log(r.t)}, connector.Secrets{}, connector.Tokens{})
	founded, err := r.ring.Founded(r.t.Context())
	if err == nil && founded {
		err = r.ring.Unseal(r.t.Context(), by, seal.KeyFile(r.key))
	} else if err == nil {
		var kit *seal.Kit
		if kit, err = r.ring.Found(r.t.Context(), by, seal.KeyFile(r.key)); err == nil {
			kit.Wipe()
		}
	}
	r.must(err)
	r.t.Cleanup(r.ring.Close)
	out, err := egress.New(egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	r.must(err)
	r.register = org.New(org.Options{Store: r.store, Clock: r.clock})
	r.desk = connector.New(connector.Options{
		Store: r.store, Clock: r.clock, Log: housetest.Log(r.t), Ring: r.ring, Egress: out, Register: r.register, BaseURL: "https://sekisho.example",
		Engine: connector.NewEngine(connector.EngineOptions{Egress: out, Clock: r.clock}),
	})
	r.told = &crier{}
	r.desk.Meet(r.told)
	r.t.Cleanup(r.desk.Close)
}

// beside is a second process on the same database.
func (r *rig) beside() *rig {
	two := *r
	two.open()
	return &two
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// peopled makes two organizations with aoi and botan in the first.
func (r *rig) peopled() {
	ctx := r.t.Context()
	for name, into := range map[string]*id.Org{"kaede": &r.kaede, "momiji": &r.momiji} {
		o, err := r.register.PutOrganization(ctx, by, org.Organization{Name: name, Title: name, Type: org.Provider})
		r.must(err)
		*into = o.ID
	}
	for _, login := range []string{"aoi", "botan"} {
		p := org.Person{ID: id.New[id.Person](r.clock.Now()), Login: login, Email: login + "@kaede.example", DisplayName: login, State: org.Active}
		r.must(r.store.House().Write(ctx, func(tx *store.Tx) store.End {
			event, err := r.register.AddPerson(tx, by, p)
			if err != nil {
				return store.Abort(err)
			}
			return store.Done(event)
		}))
		r.people[login] = p.ID
		r.must(r.register.PutMember(ctx, by, org.Member{Org: r.kaede, Person: p.ID, State: org.Active}))
	}
}

// crier counts what people were told.
type crier struct {
	mu   sync.Mutex
	told []connector.Notice
}

func (c *crier) Prepare(_ context.Context, n connector.Notice) (func(*store.Tx) error, error) {
	return func(*store.Tx) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.told = append(c.told, n)
		return nil
	}, nil
}

func (c *crier) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.told)
}

func (r *rig) wanted(change ...func(*connector.Wanted)) connector.Wanted {
	w := connector.Wanted{
		System: connector.System{
			Org: r.kaede, Name: "stub", Document: document, Settings: map[string]any{"base_url": r.p.URL}, Mode: connector.ModeUser,
			Scheme: connector.SchemeCode, ClientID: clientID, Enabled: true,
		},
		Secrets: map[string]secret.Text{connector.ClientSecret: secret.Of(clientSecret)},
	}
	for _, f := range change {
		f(&w)
	}
	return w
}

func (r *rig) add(change ...func(*connector.Wanted)) connector.System {
	r.t.Helper()
	s, err := r.desk.Put(r.t.Context(), by, r.wanted(change...))
	r.must(err)
	return s
}

func (r *rig) wish(s connector.System, login string) connector.Intent {
	return connector.Intent{Org: s.Org, System: s.ID, Person: r.people[login], By: id.OfPerson(r.people[login]), Session: "session-" + login}
}

// back is what the browser brings back.
func back(w connector.Intent, state, code string) connector.Back {
	return connector.Back{System: w.System, State: secret.Of(state), Code: secret.Of(code), By: w.By, Session: w.Session}
}

// connect goes the whole way as somebody, who consents there as account.
func (r *rig) connect(s connector.System, login, account string) (connector.Connection, error) {
	r.t.Helper()
	w := r.wish(s, login)
	at, err := r.desk.Start(r.t.Context(), w)
	r.must(err)
	state, code := r.p.consent(r.t, at, account)
	c, _, err := r.desk.Finish(r.t.Context(), back(w, state, code))
	return c, err
}

func (r *rig) state(s connector.System, login string) string {
	r.t.Helper()
	c, err := r.desk.Connection(r.t.Context(), s.Org, s.ID, r.people[login])
	r.must(err)
	return c.State
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if fault.Code(err) != code {
		t.Errorf("got %v, want the fault %s", err, code)
	}
}

func wantKind(t *testing.T, err error, kind connector.Kind) {
	t.Helper()
	if connector.KindOf(err) != kind {
		t.Errorf("got %v, want a problem %s", err, kind)
	}
}

func sum256(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}
