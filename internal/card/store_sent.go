package card

import (
	"context"
	"errors"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/store"
)

// openOf reads cards of an app's message that wait for a decision. v is the
// organization's.
func openOf(v *store.View, app, message string, limit int) ([]Card, error) {
	rows, err := v.Query("SELECT "+columns+` FROM card WHERE org = $1 AND source = $2 AND ticket = $3 AND closed = 0 AND state <> 'deciding'
		ORDER BY id LIMIT $4`, app, message, limit)
	return store.Collect(rows, err, scan)
}

// cardsOf reads the cards of an app's message behind one.
func cardsOf(v *store.View, app, message string, after id.Card, limit int) ([]Card, error) {
	rows, err := v.Query("SELECT "+columns+" FROM card WHERE org = $1 AND source = $2 AND ticket = $3 AND id > $4 ORDER BY id LIMIT $5",
		app, message, string(after), limit)
	return store.Collect(rows, err, scan)
}

func countsOf(v *store.View, app, message string) (map[State]int, error) {
	counts := map[State]int{}
	rows, err := v.Query("SELECT state, COUNT(*) FROM card WHERE org = $1 AND source = $2 AND ticket = $3 GROUP BY state", app, message)
	_, err = store.Collect(rows, err, func(scan func(...any) error) (n int, err error) {
		var state State
		err = scan(&state, &n)
		counts[state] = n
		return n, err
	})
	return counts, err
}

// decidedBy finds somebody else whose decision on the same message is applied or
// on its way.
func decidedBy(v *store.View, c Card) (who id.Person, there bool, err error) {
	err = v.Row(`SELECT person FROM card WHERE org = $1 AND source = $2 AND ticket = $3 AND person <> $4 AND state IN ('deciding', 'applied')
		ORDER BY decided_at LIMIT 1`, c.Source, c.Ticket, string(c.Person)).Scan(&who)
	if errors.Is(err, store.ErrNoRow) {
		return "", false, nil
	}
	return who, err == nil, err
}

// decidingApps looks at the whole house: at decisions on their way to apps that an
// operator gave up.
func (r *Room) decidingApps(ctx context.Context) (stuck []Card, err error) {
	err = r.Store.House().Read(ctx, func(v *store.View) error {
		stuck = nil
		rows, err := v.Query("SELECT "+columns+" FROM card WHERE kind = 'app' AND state = 'deciding' AND changed <= $1 ORDER BY changed LIMIT 100",
			store.Micros(r.Clock.Now().Add(-syncEvery)))
		all, err := store.Collect(rows, err, scan)
		for _, c := range all {
			s, bad := job.Look(v, c.Org, c.Effect)
			if bad != nil && fault.Code(bad) != "job-effect-unknown" {
				return bad
			}
			if bad != nil || s.State == job.Skipped {
				stuck = append(stuck, c)
			}
		}
		return err
	})
	return stuck, err
}
