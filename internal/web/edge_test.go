package web_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
	"github.com/sekisho/sekisho/internal/words"
)

// fill puts something harmless into the wildcards of a route.
func fill(path string) string {
	return strings.NewReplacer("{$}", "", "{id}", "a", "{code}", "broken", "{hash}", "0", "{name}", "x.js").Replace(path)
}

func TestUnsafeMethodsNeedOurOrigin(t *testing.T) {
	bad := map[string][]string{
		"no header at all":   nil,
		"null":               {"Origin", "null"},
		"http of our host":   {"Origin", "http://" + host},
		"A132 sibling":       {"Origin", "https://evil." + host, "Sec-Fetch-Site", "same-site"},
		"suffix":             {"Origin", base + ".evil.example"},
		"other port":         {"Origin", base + ":8443"},
		"two of them":        {"Origin", base, "Origin", "https://evil.example"},
		"same-origin fetch":  {"Sec-Fetch-Site", "same-origin"},
		"referer is no word": {"Referer", base + "/things"},
	}
	s := newSite(t)
	tried := 0
	for _, route := range s.Routes() {
		if route.Method != http.MethodPost || route.Edge == web.EdgeProtocol {
			continue
		}
		for name, headers := range bad {
			t.Run("A131/"+route.Path+"/"+name, func(t *testing.T) {
				tried++
				got := s.ask(route.Method, fill(route.Path), "", signedIn(headers...)...)
				if got.Code != http.StatusForbidden || !strings.Contains(s.log.String(), "origin-not-ours") {
					t.Errorf("status %d, want 403", got.Code)
				}
				if allow := got.Header().Get("Access-Control-Allow-Origin"); allow != "" {
					t.Errorf("A136: allowed %q", allow)
				}
			})
		}
	}
	if tried < 20 {
		t.Fatalf("only %d cells were tried", tried)
	}
	if got := s.ask("POST", "/things", "back=/things", signedIn(form()...)...); got.Code != http.StatusSeeOther {
		t.Errorf("our own page was refused: %d", got.Code)
	}
}

func TestMalformedCredentialsAreNobody(t *testing.T) {
	s := newSite(t)
	name := s.CookieName() + "="
	for label, headers := range map[string][]string{
		"none":                {},
		"garbage":             {"Cookie", name + "\x01\x02"},
		"truncated":           {"Cookie", name + session[:10]},
		"empty":               {"Cookie", name},
		"oversized":           {"Cookie", name + strings.Repeat("A", 8000)},
		"twice":               {"Cookie", name + session + "; " + name + session},
		"in two lines":        {"Cookie", name + session, "Cookie", name + session},
		"quoted":              {"Cookie", name + `"` + session + `"`},
		"name without prefix": {"Cookie", "sekisho=" + session},
		"wrong scheme":        {"Authorization", "Basic " + bearer},
		"two tokens":          {"Authorization", "Bearer " + bearer, "Authorization", "Bearer " + bearer},
		"token with a space":  {"Authorization", "Bearer " + bearer + " x"},
		"token beats cookie":  {"Cookie", name + session, "Authorization", "Bearer wrong"},
		"token in the query":  {"X-Nothing", "1"},
	} {
		t.Run("A175/"+label, func(t *testing.T) {
			got := s.ask("GET", "/things/a?access_token="+bearer, "", headers...)
			if got.Code != http.StatusUnauthorized {
				t.Errorf("status %d, want 401", got.Code)
			}
		})
	}
	if got := s.ask("GET", "/things/a", "", signedIn()...); got.Code != http.StatusOK {
		t.Errorf("a good cookie: %d", got.Code)
	}
	if got := s.ask("GET", "/", "", "Cookie", name+"wrong"); got.Code != http.StatusOK {
		t.Errorf("a wrong cookie must not shut the way to sign in: %d", got.Code)
	}
}

func TestEveryRouteWithoutActor(t *testing.T) {
	s := newSite(t)
	for _, route := range s.Routes() {
		if route.Permission == web.Public {
			continue
		}
		got := s.ask(route.Method, fill(route.Path), "{}", "Origin", base)
		kind := got.Header().Get("Content-Type")
		if got.Code != http.StatusUnauthorized {
			t.Errorf("%s %s: %d, want 401", route.Method, route.Path, got.Code)
		}
		if want := map[web.Edge]string{web.EdgeAPI: "application/problem+json", web.EdgePage: "text/html; charset=utf-8"}[route.Edge]; kind != want {
			t.Errorf("%s %s: %q, want %q", route.Method, route.Path, kind, want)
		}
	}
}

func TestPermissionIsAskedBeforeTheHandler(t *testing.T) {
	s := newSite(t)
	for path, want := range map[string]int{"/things": 403, "/things/locked": 403, "/things/a": 200} {
		if got := s.ask("GET", path, "", signedIn()...); got.Code != want {
			t.Errorf("%s: %d, want %d", path, got.Code, want)
		}
	}
}

func TestProtocolEdgeNeverSeesTheSession(t *testing.T) {
	s := newSite(t)
	got := s.ask("POST", "/token", "", "Cookie", "a=1; __Host-sekisho="+session+"; b=2")
	if want := "anonymous a=1; b=2"; got.Body.String() != want {
		t.Errorf("handler saw %q, want %q", got.Body, want)
	}
	for _, c := range s.door.seen {
		if !c.Session.Empty() {
			t.Error("the authenticator was given the cookie")
		}
	}
	if got := s.ask("POST", "/token", "", "Authorization", "Bearer "+bearer); !strings.HasPrefix(got.Body.String(), string(chika)) {
		t.Errorf("a bearer token counts there: %q", got.Body)
	}
}

func TestHeadersOnEveryAnswer(t *testing.T) {
	s := newSite(t)
	answers := map[string]*http.Response{}
	for _, route := range s.Routes() {
		answers[route.Method+" "+route.Path] = s.ask(route.Method, fill(route.Path), "").Result()
	}
	answers["404"] = s.ask("GET", "/nothing", "").Result()
	answers["405"] = s.ask("DELETE", "/things", "").Result()
	answers["400"] = s.ask("GET", "/a%2fb", "").Result()
	answers["api 404"] = s.ask("GET", "/api/v1/nothing", "").Result()
	answers["asset"] = s.ask("GET", assetPath(t, s, "house.css"), "").Result()
	for name, answer := range answers {
		h := answer.Header
		policy := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("A013 %s: policy %q lacks %s", name, policy, want)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
			t.Errorf("A133 %s: policy %q", name, policy)
		}
		for key, want := range map[string]string{
			"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin", "Strict-Transport-Security": "max-age=31536000",
		} {
			if h.Get(key) != want {
				t.Errorf("%s: %s is %q", name, key, h.Get(key))
			}
		}
		if name != "asset" && h.Get("Cache-Control") != "no-store" {
			t.Errorf("A137 %s: Cache-Control %q", name, h.Get("Cache-Control"))
		}
		if h.Get("Permissions-Policy") == "" || len(h.Get("X-Request-Id")) != id.Len {
			t.Errorf("%s: no Permissions-Policy or request id", name)
		}
	}
	if got := answers["GET /healthz"].Header.Get("Referrer-Policy"); got != "no-referrer" {
		t.Errorf("A137: Referrer-Policy of a plain answer is %q", got)
	}
	if got := answers["GET /{$}"].Header.Get("Referrer-Policy"); got != "same-origin" {
		t.Errorf("A137: Referrer-Policy of a page that posts to us is %q", got)
	}
}

func assetPath(t *testing.T, s *site, name string) string {
	t.Helper()
	_, rest, found := strings.Cut(s.ask("GET", "/", "").Body.String(), `/assets/`)
	for found {
		var path string
		path, rest, _ = strings.Cut(rest, `"`)
		if strings.HasSuffix(path, name) {
			return "/assets/" + path
		}
		_, rest, found = strings.Cut(rest, `/assets/`)
	}
	t.Fatalf("no asset %s on the page", name)
	return ""
}

func TestReturnPathsStayHere(t *testing.T) {
	s := newSite(t)
	for _, back := range []string{
		"//evil.example", `/\evil.example`, `\\evil`, "/%09/evil.example", "/%2f/evil", "/%5cevil", "https://evil.example",
		"javascript:alert(1)", "/\t/evil", "///evil", "/a//b", "/./x", "/a/../b", "evil", "", "/\r\nSet-Cookie: a=b",
		"/a?b\\c", "/a#b", "/\u202eevil", "/%00", "/;a", strings.Repeat("/a", 9000),
	} {
		t.Run("A009", func(t *testing.T) {
			if got := web.Local(back); got != "/" {
				t.Errorf("%q leads to %q", back, got)
			}
		})
	}
	for _, back := range []string{"/", "/things?page=2&q=%E6%A5%93", "/things/01k"} {
		got := s.ask("POST", "/language", "lang=ja&back="+strings.ReplaceAll(strings.ReplaceAll(back, "%", "%25"), "&", "%26"), form()...)
		if got.Header().Get("Location") != back {
			t.Errorf("%q leads to %q", back, got.Header().Get("Location"))
		}
	}
	got := s.ask("POST", "/language", "lang=ja&back=//evil.example", form("X-Forwarded-Prefix", "/evil")...)
	if got.Code != http.StatusSeeOther || got.Header().Get("Location") != "/" {
		t.Errorf("language switch leads to %q", got.Header().Get("Location"))
	}
	if cookie := got.Header().Get("Set-Cookie"); !strings.Contains(cookie, "sekisho-lang=ja") || !strings.Contains(cookie, "HttpOnly; Secure; SameSite=Lax") {
		t.Errorf("language cookie %q", cookie)
	}
}

func TestBrokenNeverLeaves(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/panic", "/broken", "/api/v1/broken"} {
		got := s.ask("GET", path, "", "Accept-Language", "ja")
		text := got.Body.String()
		for _, secret := range []string{"secret", "disk-on-fire", "unexpected EOF", "closed pipe", "goroutine", ".go:"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows %q", path, secret)
			}
		}
		if got.Code != 500 || !strings.Contains(text, "サーバー側で問題が発生しました") || !strings.Contains(text, got.Header().Get("X-Request-Id")) {
			t.Errorf("%s: %d %s", path, got.Code, text)
		}
	}
	for _, cause := range []string{"secret cause", "unexpected EOF", "closed pipe"} {
		if !strings.Contains(s.log.String(), cause) {
			t.Errorf("the log lacks %q", cause)
		}
	}
}

func TestRequestRecord(t *testing.T) {
	s := newSite(t)
	evil := "x\r\nlevel=ERROR \x1b[31m \u202e \"},{\""
	got := s.ask("GET", "/things/"+"a", "", signedIn("User-Agent", evil, "X-Request-Id", "chosen-by-me-123")...)
	s.ask("GET", "/nothing?"+strings.Repeat("x", 20), "", "User-Agent", evil)
	lines := strings.Split(strings.TrimSpace(s.log.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("A162: %d lines for 2 requests", len(lines))
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &line); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"msg": "request", "level": "INFO", "method": "GET", "edge": "page", "route": "/things/{id}", "status": 200.0,
		"bytes": float64(got.Body.Len()), "by": string(chika), "source": "203.0.113.9", "forwarded": false,
		"request": got.Header().Get("X-Request-Id"), "took": 0.0,
	}
	delete(line, "time")
	if diff := cmp.Diff(want, line); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(s.log.String(), "chosen-by-me") {
		t.Error("a stranger chose the request id")
	}
}

func TestNotesAreEscaped(t *testing.T) {
	s := newSite(t)
	s.Page(web.Route{Method: "GET", Path: "/note", Permission: web.Public}, func(v *web.Visit) error {
		web.Note(v.Context(), "name", "a\r\nb\x1b[2J\u202e\xff"+strings.Repeat("あ", 4000))
		return v.See("/")
	})
	s.ask("GET", "/note", "")
	text := s.log.String()
	if strings.Count(text, "\n") != 1 || strings.ContainsAny(text, "\x1b\u202e\r") || len(text) > 4000 {
		t.Errorf("A162: %q", text)
	}
	if !strings.Contains(text, `a\\u{d}\\u{a}b\\u{1b}[2J\\u{202e}`) {
		t.Errorf("A162: the note is not readable: %q", text)
	}
}

func TestHosts(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.Hosts = []string{"sekisho.internal:8443"} })
	ask := func(host, path string) int {
		return s.askHost(host, path).Code
	}
	for _, bad := range []string{"evil.example", "sekisho.example.evil", "sekisho.example:8080", "", "127.0.0.1", "sekisho.example."} {
		t.Run("A177/"+bad, func(t *testing.T) {
			if got := ask(bad, "/"); got != http.StatusMisdirectedRequest {
				t.Errorf("%d, want 421", got)
			}
			if got := ask(bad, "/readyz"); got != http.StatusOK {
				t.Errorf("readyz: %d", got)
			}
		})
	}
	for _, good := range []string{"sekisho.example", "SEKISHO.example:443", "sekisho.internal:8443"} {
		if got := ask(good, "/"); got != http.StatusOK {
			t.Errorf("%s: %d", good, got)
		}
	}
}

func TestNothingIsOpenForDebugging(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/vars", "/.git/config", "/assets/", "/server-status"} {
		t.Run("A163"+path, func(t *testing.T) {
			if got := s.ask("GET", path, "", signedIn()...); got.Code != http.StatusNotFound {
				t.Errorf("%d, want 404", got.Code)
			}
		})
	}
}

func TestLanguages(t *testing.T) {
	s := newSite(t)
	for want, headers := range map[words.Lang][]string{
		"ja": {"Accept-Language", "ja-JP,en;q=0.5"}, "en": {"Accept-Language", "fr"},
	} {
		if got := s.ask("GET", "/nothing", "", headers...); got.Header().Get("Content-Language") != string(want) {
			t.Errorf("%v gives %s", headers, got.Header().Get("Content-Language"))
		}
	}
	got := s.ask("GET", "/", "", "Cookie", "sekisho-lang=ja", "Accept-Language", "en")
	if !strings.Contains(got.Body.String(), `<html lang="ja">`) {
		t.Error("the cookie does not win")
	}
	if got := s.ask("GET", "/", "", "Cookie", "sekisho-lang=../x"); got.Code != 200 || !strings.Contains(got.Body.String(), `<html lang="en">`) {
		t.Error("a strange cookie counts")
	}
}

func TestLocalPeer(t *testing.T) {
	s := newSite(t)
	r := request("POST", "/api/v1/things", `{"title":"abcd"}`, "Content-Type", "application/json")
	r.Host, r.RemoteAddr = "control", "@"
	if got := s.serve(r); got.Code != http.StatusMisdirectedRequest {
		t.Errorf("another host: %d", got.Code)
	}
	r = request("POST", "/api/v1/things", `{"title":"abcd"}`, "Content-Type", "application/json")
	r.Host, r.RemoteAddr = "control", "@"
	if got := s.serve(r.WithContext(web.WithLocalPeer(r.Context(), 0))); got.Code != http.StatusOK {
		t.Errorf("control socket: %d %s", got.Code, got.Body)
	}
	if !strings.Contains(s.log.String(), `"by":"local:0"`) {
		t.Error("the log does not say who")
	}
}
