package ticket_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/request"
)

// CAP-K1: the list of cards has what is asked and what else needs its reader: a
// connection to renew and what is taken back soon, each with the way to it, and
// each for its reader alone.
func TestTheListHasWhatElseNeedsItsReader(t *testing.T) {
	each(t, func(r *rig) {
		system := r.add()
		botan, aoi := r.h.As(t, r.k.Botan, r.k.Org), r.h.As(t, r.k.Aoi, r.k.Org)
		if got := botan.Get(r.consent(botan, system, "botan")); got.Status != http.StatusSeeOther {
			t.Fatalf("connect: %d %s", got.Status, got.Body)
		}
		const renew, ends = "has to be connected again", "sales is taken back within a day"
		list := func(before string) {
			t.Helper()
			if got := botan.Get("/cards"); got.Status != http.StatusOK || strings.Contains(got.Body, renew) || strings.Contains(got.Body, ends) {
				t.Errorf("CAP-K1 %s: %d", before, got.Status)
			}
		}
		list("nothing needs him yet")
		wanted := r.sales("", "")
		wanted.Ticket = request.Ticket{}
		hers, err := r.h.Hall().Raise(t.Context(), r.k.Aoi, wanted)
		if err != nil {
			t.Fatal(err)
		}
		asked := r.cardOf(r.k.Botan, func(c question) bool { return c.Kind == "ask" && c.State == "open" })
		list("a question is no need")
		r.sn.Revoke("botan")
		x, err := r.h.Systems().As(t.Context(), r.k.Org, id.Connector(system), r.k.Botan)
		if err == nil {
			_, err = x.Whoami(t.Context())
		}
		if c, _ := r.h.Systems().Connection(t.Context(), r.k.Org, id.Connector(system), r.k.Botan); err == nil || c.State != connector.Reconnect {
			t.Fatalf("the connection is %s, %v", c.State, err)
		}
		got := botan.Get("/cards")
		if !strings.Contains(got.Body, renew) || !strings.Contains(got.Body, `href="/settings/integrations`) || !strings.Contains(got.Body, "/cards/"+string(asked.ID)) {
			t.Errorf("CAP-K1 a connection to renew, and a question: %d", got.Status)
		}
		hers = r.decided(hers, true)
		if hers.State != request.Released {
			t.Fatalf("the ask is %s", hers.State)
		}
		if got := aoi.Get("/cards"); !strings.Contains(got.Body, ends) || !strings.Contains(got.Body, `href="/asks`) || strings.Contains(got.Body, renew) {
			t.Errorf("CAP-K1 what she gives back soon: %d %s", got.Status, got.Body)
		}
		if got := botan.Get("/cards"); strings.Contains(got.Body, ends) || strings.Contains(got.Body, "/cards/"+string(asked.ID)+`"`) {
			t.Error("CAP-K1 he sees what she holds, or what he has decided")
		}
	})
}
