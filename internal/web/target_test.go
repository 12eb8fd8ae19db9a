package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/internal/web"
)

// hostilePaths is what a rule and a handler could read differently.
var hostilePaths = []string{
	"//", "//things", "/things//a", "/./things", "/../things", "/things/..", "/things/.", "/things/../things/a",
	"/things%2fa", "/things%2Fa", "/things%5ca", "/things%5Ca", "/%2e%2e/things", "/%2E/things", "/things/%2e%2e%2fa",
	"/things;a", "/things;jsessionid=1", "/things/a;b=c", "/things%3ba", "/things%3Ba", "/things%00", "/things/a%00.html",
	"/things%23a", "/things%3fa", "/things%253fa", "/things%252fa", "/%25%32%66", "/things\\a", "/things/..;/a", "/;/things",
	"/things%0d%0aX: y", "/things%0a", "/things%09", "/things%7f", "/things%c2%85", "/things%e2%80%ae", "/things%ff", "/things%c0%af",
	"/things%e2%80%8b", "/things#frag", "/things?a=b#c", "/things?a;b", "/things?a\\b", "/things%2", "/things%zz", "/things%",
	"*", "things", "http://sekisho.example/things", "http://evil.example/things", "", "?a", "/things/a/%2e", "/things/%2E%2E", "/.%2e/things",
	"/%c0%ae%c0%ae/things", "/things%ef%bb%bf", "/things?%ff=\xff",
}

func TestAmbiguousTargetsAreRefused(t *testing.T) {
	s := newSite(t)
	for _, target := range hostilePaths {
		t.Run("A174/"+target, func(t *testing.T) {
			parsed, err := url.ParseRequestURI(target)
			if err != nil {
				return // net/http answers 400 by itself, see TestMalformedRequests
			}
			r := request("GET", "/things", "", signedIn()...)
			r.RequestURI, r.URL = target, parsed
			got := s.serve(r)
			if got.Code != http.StatusBadRequest {
				t.Errorf("status %d, want 400", got.Code)
			}
		})
	}
	for target, want := range map[string]int{
		"/things": 403, "/things/a": 200, "/things/%E6%A5%93": 200, "/things/a?q=%2f%2e": 200, "/things/a%20b": 200, "/things/a.b": 200,
		"/things/": 404, "/THINGS": 404, "/things/a/": 404, "/?" + strings.Repeat("a", 9000): 414,
	} {
		if got := s.ask("GET", target, "", signedIn()...); got.Code != want {
			t.Errorf("%.40s: %d, want %d", target, got.Code, want)
		}
	}
}

// TestLocalNeverLeavesTheSite reads every result as a browser does.
func TestLocalNeverLeavesTheSite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		path := rapid.StringOf(rapid.SampledFrom([]rune(`/\.;:@?#%250fFcCeE aehtps&=`+"\t\r\n\u202e"))).Draw(t, "path")
		got := web.Local(path)
		stripped := strings.NewReplacer("\t", "", "\r", "", "\n", "", `\`, "/").Replace(got)
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(stripped, "//") || stripped != got {
			t.Fatalf("A009: %q gives %q", path, got)
		}
	})
}
