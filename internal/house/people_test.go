package house_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/housetest"
)

// A person acts within their roles, in the organization of their session, until
// the session ends.
func TestAPersonActsWithinTheirRoles(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		chika, aoi := h.As(t, k.Chika, k.Org), h.As(t, k.Aoi, k.Org)
		if got := aoi.Get("/admin"); got.Status != http.StatusForbidden {
			t.Errorf("aoi reads the state: %d", got.Status)
		}
		got := chika.Get("/admin/state")
		if got.Status != http.StatusOK || !strings.Contains(got.Body, "Kaede Trading") {
			t.Errorf("chika reads the state: %d %s", got.Status, got.Body)
		}
	})
}
