package console_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// BenchmarkPages asks for pages of the console while the log has a million
// records, of which a quarter are of the reader's organization.
func BenchmarkPages(b *testing.B) {
	housetest.Long(b)
	h := housetest.House(b)
	k := h.People(b)
	names := []string{"session.begun", "person.changed", "member.added", "refused"}
	const many, group = 1_000_000, 500
	for n := 0; n < many; n += group {
		err := h.Store().House().Write(ctx, func(*store.Tx) store.End {
			var events []store.Event
			for i := range group {
				events = append(events, store.Event{
					Name: names[(n+i)%len(names)], Org: []id.Org{k.Org, k.Momiji, "", ""}[(n/group+i)%4], By: id.OfPerson(k.Aoi),
					Target: string(id.OfPerson(k.Botan)), Fields: map[string]string{"path": "password sign-in", "code": "not-permitted"},
				})
			}
			return store.Done(events[0], events[1:]...)
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	for {
		if lag, err := h.Lag(ctx); err != nil || lag == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	who := h.As(b, newcomer(b, h, "kansa9", k.Org, org.Auditor, org.Operator), k.Org)
	for _, path := range []string{
		"/admin/audit", "/admin/audit?of=house", "/admin/audit?name=member.added", "/admin/audit?target=person:" + string(k.Botan), "/admin/audit?text=nothing-like-it",
		"/admin/dashboard?span=quarter", "/admin/dashboard?span=quarter&of=house", "/admin/state", "/admin/effects", "/admin/keys",
	} {
		b.Run(path, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, path, nil)
				r.Host = strings.TrimPrefix(h.URL(), "http://")
				for _, c := range who.Cookies() {
					r.AddCookie(c)
				}
				w := httptest.NewRecorder()
				began := time.Now()
				h.Handler().ServeHTTP(w, r)
				took = append(took, time.Since(began))
				if w.Code != http.StatusOK {
					b.Fatal(w.Code, w.Body)
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}
