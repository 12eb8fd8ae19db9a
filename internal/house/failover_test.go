package house_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
)

// A house whose database server dies goes on by itself on the standby that is
// promoted: who was signed in still is, writes are taken, and the log is whole.
func TestAHouseOutlivesItsDatabaseServer(t *testing.T) {
	housetest.Long(t)
	first, _ := housetest.OwnPostgres(t)
	second := first.Standby(t)
	h := housetest.House(t, housetest.On(first.Either(second)))
	k := h.People(t)
	chika := h.As(t, k.Chika, k.Org)
	group := func(name string) int {
		return chika.Call(http.MethodPost, "/api/v1/organizations/"+string(k.Org)+"/groups", map[string]any{"name": name, "title": name}).Status
	}
	if got := group("before"); got != http.StatusCreated {
		t.Fatalf("before: %d", got)
	}
	first.Stop()
	if got := group("meanwhile"); got != http.StatusServiceUnavailable {
		t.Errorf("F2 a write without a database: %d", got)
	}
	if got := h.Nobody(t).Get("/healthz"); got.Status != http.StatusOK {
		t.Errorf("F2 the process holds itself for dead: %d", got.Status)
	}
	if err := second.Promote(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	again := func(what string, ok func() bool) {
		t.Helper()
		for range 600 {
			if ok() {
				t.Logf("%s %d ms after the promotion", what, time.Since(begun).Milliseconds())
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Errorf("F2 %s: not again", what)
	}
	again("signed in", func() bool { return chika.Get("/admin/people").Status == http.StatusOK })
	again("written", func() bool { got := group("after"); return got == http.StatusCreated || got == http.StatusConflict })
	again("ready", func() bool { return h.Nobody(t).Get("/readyz").Status == http.StatusOK })
	again("in the log", func() bool {
		got := chika.Get("/api/v1/audit/records?name=group.")
		return got.Status == http.StatusOK && strings.Contains(got.Body, `"before"`) && strings.Contains(got.Body, `"after"`)
	})
}
