package card_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// BenchmarkList reads the Hub's list of one person among 10,000 with 100,000 open
// cards, and says the slowest of a hundred.
func BenchmarkList(b *testing.B) {
	const people, each = 10_000, 10
	for name, url := range map[string]func(testing.TB) string{"sqlite": housetest.SQLite, "postgres": housetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			s := housetest.Open(b, url(b), clock.System(), card.Schema, job.Schema, org.Schema)
			room := card.New(card.Options{Store: s, Clock: clock.System()})
			who := fill(b, s, people, each)
			var took []time.Duration
			b.ResetTimer()
			for i := range b.N {
				began := time.Now()
				page, _, err := room.List(ctx, who[i*7919%len(who)], false, "", 30)
				if err != nil || len(page) != each {
					b.Fatal(len(page), err)
				}
				took = append(took, time.Since(began))
			}
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}

func fill(b *testing.B, s *store.Store, people, each int) (all []id.Person) {
	b.Helper()
	sheet, _ := json.Marshal(card.Sheet{Title: "Laptop for Aoi", Requester: connector.Party{Name: "Aoi Takahashi"}, Lines: []string{"1 × Laptop"}, Decidable: true})
	for range people {
		all = append(all, id.New[id.Person](time.Now()))
	}
	for chunk := range slices.Chunk(all, 200) {
		err := s.House().Write(ctx, func(tx *store.Tx) store.End {
			for _, who := range chunk {
				for n := range each {
					_, err := tx.Exec(`INSERT INTO card (id, org, person, kind, source, label, backend, ticket, state, closed, title, requester, due, expires,
						digest, sheet, acted, decision, decided_at, acr, amr, reason, effect, why, said, other, raised, changed, ended, version)
						VALUES ($1, $2, $3, 'outside', $4, 'ServiceNow', $5, $5, 'open', 0, 'Laptop', 'Aoi', $6, 0, 'd', $7, '[]', '', 0, '', '', '', '', '', '', '',
						1, 1, 0, 1)`, string(id.New[id.Card](tx.Now())), string(kaede), string(who), string(snow), fmt.Sprint(n), int64(1)<<62-int64(n), string(sheet))
					if err != nil {
						return store.Abort(err)
					}
				}
			}
			return store.Quietly(store.QuietMigration)
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return all
}
