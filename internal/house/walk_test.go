package house_test

import (
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/web"
	"github.com/sekisho/sekisho/internal/words"
)

// public lists every route that answers somebody without a session. What is not
// here answers 401; a route that ought to be here is added in the commit that
// brings it, and looked at by whoever reads that commit.
var public = []string{
	"GET /{$}", "GET /setup", "POST /setup", "POST /setup/passkey", "POST /language",
	"GET /signin", "POST /signin", "POST /signin/password", "POST /signin/passkey", "POST /signin/passkey/options",
	"POST /signin/code", "POST /signin/code/check", "GET /signin/second", "POST /signin/second", "POST /signin/second/options",
	"GET /signin/new-password", "POST /signin/new-password",
	"GET /welcome", "POST /welcome", "POST /welcome/passkey", "GET /verify", "POST /verify",
	"GET /reset", "POST /reset", "GET /reset/new", "POST /reset/new", "GET /recover", "POST /recover", "POST /recover/passkey", "POST /hooks/{connector}", "GET /keys/jwks.json", "GET /keys/pem/{alg}",
	"GET /problems/{code}", "GET /assets/{hash}/{name}", "GET /app.webmanifest", "GET /worker.js", "GET /offline", "GET /events", "GET /healthz", "GET /readyz",
	"GET /api/v1/openapi.json", "GET /api/docs", "GET /api/docs/{tag}", "GET /help", "GET /help/{page}",
}

func name(r web.Route) string { return r.Method + " " + r.Path }

var wildcard = regexp.MustCompile(`\{[^}]*\}`)

// address is a path that the route matches.
func address(r web.Route) string {
	return wildcard.ReplaceAllString(strings.ReplaceAll(r.Path, "{$}", ""), "x")
}

func safe(r web.Route) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
}

func TestWithoutASessionThereIsNothing(t *testing.T) {
	h := housetest.House(t)
	nobody, cells := h.Nobody(t), 0
	for _, route := range h.Routes() {
		for _, credentials := range []http.Header{
			nil,
			{"Cookie": {"sekisho=" + strings.Repeat("A", 43)}},
			{"Cookie": {"sekisho=a; sekisho=b"}},
			{"Authorization": {"Bearer " + strings.Repeat("A", 43)}},
			{"Authorization": {"Basic YTpi"}},
			{"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-User": {"root"}, "X-Remote-User": {"root"}},
		} {
			header := http.Header{"Origin": {h.URL()}, "Content-Type": {"application/json"}}
			for key, values := range credentials {
				header[key] = values
			}
			cells++
			got := nobody.Send(route.Method, address(route), "{}", header)
			if anybody := slices.Contains(public, name(route)); anybody == (got.Status == http.StatusUnauthorized) {
				t.Errorf("%s with %v: %d", name(route), credentials, got.Status)
			}
		}
	}
	t.Logf("%d routes, %d cells", len(h.Routes()), cells)
}

func TestThePublicListIsTrue(t *testing.T) {
	h := housetest.House(t)
	var all []string
	for _, route := range h.Routes() {
		all = append(all, name(route))
		if (route.Permission == web.Public) != slices.Contains(public, name(route)) {
			t.Errorf("%s: permission %s", name(route), route.Permission)
		}
	}
	for _, listed := range public {
		if !slices.Contains(all, listed) {
			t.Errorf("%s is listed and does not exist", listed)
		}
	}
}

// origins are the header sets that no page of ours sends (A131, A132).
func origins(base string) map[string]http.Header {
	host := strings.TrimPrefix(base, "http://")
	return map[string]http.Header{
		"nothing":                {},
		"null":                   {"Origin": {"null"}},
		"empty":                  {"Origin": {""}},
		"foreign":                {"Origin": {"https://evil.example"}},
		"same host, https":       {"Origin": {"https://" + host}},
		"same host, no port":     {"Origin": {"http://localhost"}},
		"same host, other port":  {"Origin": {"http://localhost:1"}},
		"A132 sibling":           {"Origin": {"http://other.localhost"}, "Sec-Fetch-Site": {"same-site"}},
		"ours as a prefix":       {"Origin": {base + ".evil.example"}},
		"ours as user":           {"Origin": {base + "@evil.example"}},
		"trailing slash":         {"Origin": {base + "/"}},
		"upper case":             {"Origin": {strings.ToUpper(base)}},
		"two, ours first":        {"Origin": {base, "https://evil.example"}},
		"two, ours last":         {"Origin": {"https://evil.example", base}},
		"referer alone":          {"Referer": {base + "/admin"}},
		"Sec-Fetch-Site alone":   {"Sec-Fetch-Site": {"same-origin"}},
		"foreign, says the same": {"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"same-origin"}},
		"address of loopback":    {"Origin": {strings.Replace(base, "localhost", "127.0.0.1", 1)}},
	}
}

func TestUnsafeMethodsNeedOurOrigin(t *testing.T) {
	h := housetest.House(t)
	k := h.People(t)
	known, cells := h.As(t, k.Chika, k.Org), 0
	book, err := words.Load(house.Sentences()...)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(a housetest.Answer) bool {
		page := html.UnescapeString(a.Body)
		return strings.Contains(page, book.Say(words.English, "problem.origin-not-ours", nil)) || strings.Contains(page, `"origin-not-ours"`)
	}
	bodies := map[string]string{"application/x-www-form-urlencoded": "a=b", "application/json": "{}", "text/plain": "{}"}
	for _, route := range h.Routes() {
		if safe(route) || route.Edge == web.EdgeProtocol || route.Edge == web.EdgeHouse {
			continue
		}
		for set, header := range origins(h.URL()) {
			for kind, body := range bodies {
				cells++
				header := header.Clone()
				header.Set("Content-Type", kind)
				if got := known.Send(route.Method, address(route), body, header); got.Status != http.StatusForbidden || !refused(got) {
					t.Errorf("A131 %s, %s as %s: %d %.80s", name(route), set, kind, got.Status, got.Body)
				}
			}
		}
		own := h.As(t, k.Chika, k.Org) // the answer may end the session
		if got := own.Call(route.Method, address(route), map[string]string{}); refused(got) || got.Status == http.StatusUnauthorized {
			t.Errorf("%s from our own page: %d %.80s", name(route), got.Status, got.Body)
		}
	}
	if cells < 300 {
		t.Errorf("only %d cells were walked", cells)
	}
	t.Logf("%d cells", cells)
}

// TestOtherHostsAreNotServed holds the rule against DNS rebinding (A131).
func TestOtherHostsAreNotServed(t *testing.T) {
	h := housetest.House(t)
	known, cells := h.AsSetup(t), 0
	for _, route := range h.Routes() {
		for _, host := range []string{"evil.example", "localhost.evil.example", "localhost:1", "[::ffff:127.0.0.1]"} {
			cells++
			got := known.Send(route.Method, address(route), "", http.Header{"Host": {host}, "Origin": {h.URL()}})
			health := strings.HasSuffix(route.Path, "z") && route.Edge == web.EdgeHouse
			if want := http.StatusMisdirectedRequest; (got.Status == want) == health && got.Status != http.StatusSeeOther {
				t.Errorf("A131 %s at %s: %d", name(route), host, got.Status)
			}
			if got.Status == http.StatusSeeOther && !strings.HasPrefix(got.Header.Get("Location"), h.URL()+"/") {
				t.Errorf("A131 %s at %s leads to %s", name(route), host, got.Header.Get("Location"))
			}
		}
	}
	t.Logf("%d cells", cells)
}
