package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/meter"
	"github.com/sekisho/sekisho/internal/web"
)

func from(s *site, addr, path string) *httptest.ResponseRecorder {
	r := request("GET", path, "")
	r.RemoteAddr = addr
	return s.serve(r)
}

func TestTooFast(t *testing.T) {
	s := newSite(t, func(o *web.Options) {
		o.Rates = map[string]web.Rate{"page": {PerMinute: 6, Burst: 2}, "none": {PerMinute: 6, Burst: 1}}
	})
	const here = "[2001:db8:0:1::1]:9"
	from(s, here, "/")
	from(s, "[2001:db8:0:1:ffff::2]:9", "/") // the same /64
	got := from(s, here, "/")
	if got.Code != http.StatusTooManyRequests || got.Header().Get("Retry-After") != "10" {
		t.Errorf("%d, Retry-After %q", got.Code, got.Header().Get("Retry-After"))
	}
	if got := from(s, "[2001:db8:0:2::1]:9", "/"); got.Code != http.StatusOK {
		t.Errorf("a neighbour: %d", got.Code)
	}
	if got := from(s, here, "/healthz"); got.Code != http.StatusOK {
		t.Errorf("health: %d", got.Code)
	}
	from(s, here, "/nothing")
	if got := from(s, here, "/nothing"); got.Code != http.StatusTooManyRequests {
		t.Errorf("scanning: %d", got.Code)
	}
	s.clock.Advance(10 * time.Second)
	if got := from(s, here, "/"); got.Code != http.StatusOK {
		t.Errorf("after waiting: %d", got.Code)
	}
	if got := from(s, here, "/"); got.Code != http.StatusTooManyRequests {
		t.Errorf("only one was refilled: %d", got.Code)
	}
}

func TestFakesEvictNoRealCounter(t *testing.T) {
	numbers := meter.New()
	s := newSite(t, func(o *web.Options) {
		o.Rates, o.Meter = map[string]web.Rate{"house": {PerMinute: 1, Burst: 3}}, numbers
	})
	const guesser, quiet = "203.0.113.9:1", "203.0.113.10:1"
	for range 3 {
		from(s, guesser, "/healthz")
	}
	from(s, quiet, "/healthz")
	for i := range 80_000 {
		from(s, fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255), "/healthz")
	}
	if got := from(s, guesser, "/healthz"); got.Code != http.StatusTooManyRequests {
		t.Errorf("A045: the counter was forgotten: %d", got.Code)
	}
	if got := from(s, quiet, "/healthz"); got.Code != http.StatusOK {
		t.Errorf("A045: a real caller pays for the fakes: %d", got.Code)
	}
	if held := gauge(t, numbers, "sekisho_rate_buckets"); held > 70_000 {
		t.Errorf("A045: %d counters are held", held)
	}
	s.clock.Advance(time.Hour)
	for i := range 600 {
		from(s, fmt.Sprintf("172.16.%d.%d:1", i>>8, i&255), "/healthz")
	}
	if held := gauge(t, numbers, "sekisho_rate_buckets"); held > 5_000 {
		t.Errorf("full counters are kept: %d", held)
	}
}

func gauge(t *testing.T, numbers *meter.Set, name string) int {
	t.Helper()
	w := httptest.NewRecorder()
	numbers.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	found := regexp.MustCompile(`(?m)^` + name + ` ([0-9.e+]+)$`).FindStringSubmatch(w.Body.String())
	if found == nil {
		t.Fatalf("no %s", name)
	}
	value, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return int(value)
}
