package jira_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fake/jira"
)

const (
	callback = "http://localhost:8080/connect/x/callback"
	scopes   = "read:servicedesk-request write:servicedesk-request read:jira-user read:jira-work write:jira-work manage:jira-webhook offline_access"
	service  = "/rest/servicedeskapi/"
	platform = "/rest/api/3/"
)

// cloud is a System with a clock that stands, and who speaks to it over HTTP.
type cloud struct {
	*jira.System
	t      *testing.T
	clock  *clock.Moved
	url    string
	app    jira.App
	tokens map[string]string
	sites  map[string]string // cloudid by key
}

func open(t *testing.T, settings ...string) *cloud {
	t.Helper()
	moved := clock.NewMoved(time.Date(2026, 4, 1, 0, 30, 0, 0, time.UTC))
	system, err := jira.New(jira.Options{Clock: moved})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(system)
	t.Cleanup(func() {
		system.Close()
		server.CloseClientConnections()
		server.Close()
	})
	c := &cloud{System: system, t: t, clock: moved, url: server.URL, tokens: map[string]string{}, sites: map[string]string{}}
	c.app = c.AddApp("Sekisho", callback)
	for _, one := range c.Sites() {
		c.sites[one.Key] = one.CloudID
	}
	for _, one := range settings {
		c.turn(one)
	}
	return c
}

func (c *cloud) turn(setting string) {
	c.t.Helper()
	if err := c.Turn(setting); err != nil {
		c.t.Fatal(err)
	}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
	body   any
	err    error
}

// at is what stands at the end of a path of keys and indexes.
func at(v any, keys ...any) any {
	for _, key := range keys {
		switch key := key.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[key]
		case int:
			list, _ := v.([]any)
			if key >= len(list) {
				return nil
			}
			v = list[key]
		}
	}
	return v
}

func text(v any, keys ...any) string {
	out, _ := at(v, keys...).(string)
	return out
}

func (a answer) values() []any {
	list, _ := at(a.body, "values").([]any)
	return list
}

func (c *cloud) send(r *http.Request) answer {
	c.t.Helper()
	// With connections of before, net/http asks once more when one was reset.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	back, err := client.Do(r)
	if err != nil {
		return answer{err: err}
	}
	return read(back)
}

func read(back *http.Response) answer {
	defer back.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(back.Body)
	a := answer{status: back.StatusCode, header: back.Header, text: string(text), err: err}
	_ = json.Unmarshal(text, &a.body) // not every answer is JSON
	return a
}

func (c *cloud) request(method, path, body string) *http.Request {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	return r
}

// bearer calls with a token.
func (c *cloud) bearer(token, method, path, body string) answer {
	c.t.Helper()
	r := c.request(method, path, body)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return c.send(r)
}

// call calls the API of kaede as somebody.
func (c *cloud) call(who, method, path, body string) answer {
	c.t.Helper()
	return c.callSite("kaede", who, method, path, body)
}

func (c *cloud) callSite(site, who, method, path, body string) answer {
	c.t.Helper()
	if who != "" && c.tokens[who] == "" {
		access, _ := c.Grant(who, c.app.ID, scopes)
		c.tokens[who] = access.Reveal()
	}
	return c.bearer(c.tokens[who], method, "/ex/jira/"+c.sites[site]+path, body)
}

// token posts JSON to the token endpoint.
func (c *cloud) token(app jira.App, pairs ...string) answer {
	c.t.Helper()
	ask := map[string]string{"client_id": app.ID, "client_secret": app.Secret.Reveal()}
	for i := 0; i+1 < len(pairs); i += 2 {
		ask[pairs[i]] = pairs[i+1]
	}
	body, err := json.Marshal(ask)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.send(c.request(http.MethodPost, "/oauth/token", string(body)))
}

func (c *cloud) refresh(token string) answer {
	c.t.Helper()
	return c.token(c.app, "grant_type", "refresh_token", "refresh_token", token)
}

// raise lets aoi ask for access to a server.
func (c *cloud) raise() jira.Request {
	c.t.Helper()
	q, err := c.Raise("kaede", "Access to a server", "aoi", map[string]any{"summary": "Root on db01", "customfield_10050": "db01"})
	if err != nil {
		c.t.Fatal(err)
	}
	return q
}

// change lets aoi ask for a change with two stages.
func (c *cloud) change() jira.Request {
	c.t.Helper()
	q, err := c.Raise("kaede", "Emergency change", "aoi", map[string]any{"summary": "Replace a disk"})
	if err != nil {
		c.t.Fatal(err)
	}
	return q
}

func (c *cloud) now(key string) jira.Request {
	c.t.Helper()
	q, err := c.Request(key)
	if err != nil {
		c.t.Fatal(err)
	}
	return q
}

// decide is the call of a connector.
func (c *cloud) decide(who, key, id, decision string) answer {
	c.t.Helper()
	return c.call(who, http.MethodPost, service+"request/"+key+"/approval/"+id, `{"decision":"`+decision+`"}`)
}

// browser is somebody at the pages, who follows where they lead within the
// cloud.
type browser struct {
	c    *cloud
	http *http.Client
	lang string
	last *url.URL
}

func (c *cloud) browse(login, lang string) *browser {
	c.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	b := &browser{c: c, lang: lang}
	b.http = &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		b.last = r.URL
		if !strings.HasPrefix(r.URL.String(), c.url) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	if login != "" {
		if status, page := b.post("/login", "login", login, "password", c.Password(login).Reveal()); status != 200 {
			c.t.Fatalf("%s cannot sign in: %d %s", login, status, page)
		}
	}
	return b
}

func (b *browser) get(path string) (int, string) { return b.visit(http.MethodGet, path, "") }

func (b *browser) post(path string, pairs ...string) (int, string) {
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return b.visit(http.MethodPost, path, form.Encode())
}

func (b *browser) visit(method, path, body string) (int, string) {
	b.c.t.Helper()
	r := b.c.request(method, path, body)
	r.Header.Set("Accept-Language", b.lang)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	back, err := b.http.Do(r)
	if err != nil {
		b.c.t.Fatal(err)
	}
	a := read(back)
	return a.status, a.text
}

func (c *cloud) has(page string, texts ...string) {
	c.t.Helper()
	for _, one := range texts {
		if !strings.Contains(page, one) {
			c.t.Errorf("the page lacks %q: %s", one, page)
		}
	}
}
