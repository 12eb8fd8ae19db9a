package house_test

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/sekisho/sekisho/internal/housetest"
)

// mostWeight is what a page may weigh with all that it loads, unpacked.
const mostWeight = 150_000

var loaded = regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`)

// TestPagesAreLight sums the bytes of a page and of everything it loads.
func TestPagesAreLight(t *testing.T) {
	h := housetest.House(t)
	k := h.People(t)
	v, heaviest := h.As(t, k.Chika, k.Org), 0
	pages := append(writing(t, h), "/", "/search?q=a", "/admin/people", "/admin/groups", "/admin/roles", "/admin/organizations", "/admin/audit", "/admin/state",
		"/admin/sign-in", "/admin/notices", "/settings", "/settings/activity", "/settings/sessions", "/admin/people/"+string(k.Aoi), "/signin")
	for _, path := range pages {
		plain := http.Header{"Accept-Encoding": {"identity"}}
		page := v.Send(http.MethodGet, path, "", plain)
		if page.Status != http.StatusOK && page.Status != http.StatusSeeOther {
			t.Errorf("%s: %d", path, page.Status)
		}
		sum, seen := len(page.Body), map[string]bool{}
		for _, found := range loaded.FindAllStringSubmatch(page.Body, -1) {
			if asset := found[1]; !seen[asset] {
				seen[asset] = true
				sum += len(v.Send(http.MethodGet, asset, "", plain).Body)
			}
		}
		if sum > mostWeight {
			t.Errorf("%s weighs %d bytes with its %d files, want at most %d", path, sum, len(seen), mostWeight)
		}
		heaviest = max(heaviest, sum)
	}
	t.Logf("%d pages, the heaviest %d bytes", len(pages), heaviest)
}
