package review_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/paper"
	"github.com/sekisho/sekisho/internal/review"
	"github.com/sekisho/sekisho/internal/store"
)

// knock asks for a page without a network, and says how many statements it took.
func knock(h *housetest.Home, cookies []*http.Cookie, path string) (status int, statements int64) {
	counting, n := store.Counting(ctx)
	r := httptest.NewRequestWithContext(counting, http.MethodGet, path, nil)
	r.Host = strings.TrimPrefix(h.URL(), "http://")
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.Handler().ServeHTTP(w, r)
	return w.Code, n.Load()
}

// crowd adds active members of the company.
func crowd(t testing.TB, h *housetest.Home, in id.Org, many int) (all []id.Person) {
	t.Helper()
	var logins []string
	for n := range many {
		logins = append(logins, fmt.Sprintf("member-%d", n))
		all = append(all, id.New[id.Person](time.Now()))
	}
	for from := 0; from < many; from += 10 {
		write(t, h, func(tx *store.Tx) (events []store.Event, err error) {
			for n := from; n < min(from+10, many) && err == nil; n++ {
				var added, joined store.Event
				added, err = h.Register().AddPerson(tx, root, org.Person{ID: all[n], Login: logins[n], Email: logins[n] + "@kaede.example", DisplayName: logins[n], State: org.Active, Created: tx.Now()})
				if err == nil {
					joined, err = h.Register().SetMember(tx, root, org.Member{Org: in, Person: all[n]})
				}
				events = append(events, added, joined)
			}
			return events, err
		})
	}
	return all
}

func write(t testing.TB, h *housetest.Home, does func(tx *store.Tx) ([]store.Event, error)) {
	t.Helper()
	err := h.Store().House().Write(ctx, func(tx *store.Tx) store.End {
		events, err := does(tx)
		switch {
		case err != nil:
			return store.Abort(err)
		case len(events) == 0:
			return store.Quietly(store.QuietMigration)
		}
		return store.Done(events[0], events[1:]...)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The page of a round costs as many statements however much there is.
func TestThePageOfARoundCostsAFixedNumberOfStatements(t *testing.T) {
	each(t, func(r *rig) {
		chika := r.home.As(r.t, r.Chika, r.Org).Cookies()
		page := func(round review.Round) int64 {
			r.t.Helper()
			path := review.Path + "/" + round.Campaign + "/rounds/" + round.ID
			status, _ := knock(r.home, chika, path)
			again, n := knock(r.home, chika, path)
			if status != http.StatusOK || again != http.StatusOK {
				r.t.Fatal(status, again)
			}
			return n
		}
		club := r.group("club", crowd(r.t, r.home, r.Org, 60)...)
		few := page(r.run(func(c *review.Campaign) { c.Targets = []string{"group:" + string(r.legal)} }))
		many := page(r.run(func(c *review.Campaign) { c.Targets = []string{"group:" + string(club)} }))
		if many != few || many > 6 {
			r.t.Errorf("%d statements with one grant, %d with 60, want at most 6", few, many)
		}
	})
}

// lent lets so many memberships out: each of 200 people holds some groups for a
// time.
func lent(b *testing.B, h *housetest.Home, in id.Org, many int) {
	b.Helper()
	people := crowd(b, h, in, 200)
	for n := range many / len(people) {
		g, err := h.Register().PutGroup(ctx, root, org.Group{Org: in, Name: fmt.Sprintf("desk-%d", n)})
		if err != nil {
			b.Fatal(err)
		}
		var leases []string
		for range people {
			leases = append(leases, string(id.New[id.Lease](time.Now())))
		}
		write(b, h, func(tx *store.Tx) ([]store.Event, error) {
			for i, who := range people {
				_, err := tx.Exec(`INSERT INTO lease (org, id, person, kind, target, title, ask, by_, state, since, ends, timer, why, ended, ended_by, tries, trouble, retry)
					VALUES ($1, $2, $3, 'group', $4, $5, '', 'system:hall', 'out', $6, $7, '', '', 0, '', 0, '', $7)`,
					string(in), leases[i], string(who), string(g.ID), g.Title, store.Micros(tx.Now()), store.Micros(tx.Now().AddDate(0, 1, 0)))
				if err == nil {
					_, err = tx.Exec("INSERT INTO group_member (org, group_id, person, lent) VALUES ($1, $2, $3, $4)", string(in), string(g.ID), string(who), leases[i])
				}
				if err != nil {
					return nil, err
				}
			}
			return nil, nil
		})
	}
}

// beside writes next to nothing, again and again, and says how long it took each
// time until stop is called: what everybody else waits for the store.
func beside(b *testing.B, h *housetest.Home) (stop func() []time.Duration) {
	b.Helper()
	quit, all := make(chan struct{}), make(chan []time.Duration)
	go func() {
		var took []time.Duration
		for {
			select {
			case <-quit:
				all <- took
				return
			case <-time.After(2 * time.Millisecond):
			}
			began := time.Now()
			err := h.Store().House().Write(context.Background(), func(tx *store.Tx) store.End {
				if _, err := tx.Exec("UPDATE lease SET tries = tries + 1 WHERE id = $1", "none"); err != nil {
					return store.Abort(err)
				}
				return store.Quietly(store.QuietClaim)
			})
			if err != nil {
				b.Error(err)
			}
			took = append(took, time.Since(began))
		}
	}()
	return func() []time.Duration { close(quit); return <-all }
}

func slowest(took []time.Duration, of float64) float64 {
	slices.Sort(took)
	return float64(took[min(int(float64(len(took))*of), len(took)-1)].Microseconds()) / 1000
}

// BenchmarkRound begins a round over 10,000 leases, decides a hundred, and reads
// the page of the round.
func BenchmarkRound(b *testing.B) {
	const many = 10_000
	for name, url := range map[string]func(testing.TB) string{"sqlite": housetest.SQLite, "postgres": housetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			h := housetest.House(b, housetest.On(url(b)))
			k := h.People(b)
			lent(b, h, k.Org, many)
			chika := h.As(b, k.Chika, k.Org).Cookies()
			room := h.Reviews()
			b.ResetTimer()
			for n := range b.N {
				p, err := room.Campaigns.Put(ctx, root, paper.Paper[review.Campaign]{Org: k.Org, Name: fmt.Sprintf("large-%d", n), Spec: review.Campaign{
					Title: "Who holds what", Kind: "lease", Reviewers: []string{"person:" + string(k.Botan), "person:" + string(k.Chika)},
				}})
				if err != nil {
					b.Fatal(err)
				}
				stop, began := beside(b, h), time.Now()
				round, err := room.Start(ctx, root, k.Org, p.ID)
				if err != nil {
					b.Fatal(err)
				}
				for round.State != review.Open {
					time.Sleep(50 * time.Millisecond)
					if round, _, err = room.Progress(ctx, k.Org, round.ID); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(time.Since(began).Seconds(), "s-to-open")
				waited := stop()
				b.ReportMetric(slowest(waited, 0.99), "beside-p99-ms")
				b.ReportMetric(slowest(waited, 1), "beside-most-ms")
				waiting, err := room.Waiting(ctx, k.Org, k.Botan)
				if err != nil || len(waiting) < 100 {
					b.Fatal(len(waiting), err)
				}
				var took []time.Duration
				for _, i := range waiting[:100] {
					began := time.Now()
					if _, err := room.Decide(ctx, k.Botan, review.Verdict{Org: k.Org, Item: i.ID, Keep: true, Digest: i.Digest(round)}); err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(began))
				}
				b.ReportMetric(slowest(took, 0.5), "decide-p50-ms")
				b.ReportMetric(slowest(took, 0.99), "decide-p99-ms")
				took = nil
				page := review.Path + "/" + p.ID + "/rounds/" + round.ID
				_, least := knock(h, chika, page)
				for range 300 {
					began := time.Now()
					status, statements := knock(h, chika, page)
					if took = append(took, time.Since(began)); status != http.StatusOK {
						b.Fatal(status)
					}
					least = min(least, statements) // every two seconds more, for what the reader may do
				}
				b.ReportMetric(float64(least), "statements")
				b.ReportMetric(slowest(took, 0.5), "page-p50-ms")
				b.ReportMetric(slowest(took, 0.99), "page-p99-ms")
			}
		})
	}
}
