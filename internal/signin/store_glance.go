package signin

import (
	"context"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Glance is what a person holds to sign in with and where they are signed in,
// counted.
type Glance struct {
	factor.Glance
	Sessions int
}

// Glance counts it, in two statements.
func (r *Room) Glance(ctx context.Context, who id.Person) (g Glance, err error) {
	now := store.Micros(r.clock.Now())
	err = r.store.Self(who).Read(ctx, func(v *store.View) (err error) {
		if g.Glance, err = factor.GlanceOf(v); err != nil {
			return err
		}
		return v.Row("SELECT COUNT(*) FROM session WHERE person = $1 AND ends > $2 AND seen + idle / 1000 >= $2", now).Scan(&g.Sessions)
	})
	return g, err
}

// Standing counts a person's sessions and their wrong answers in a row.
func (r *Room) Standing(v *store.View, who id.Person) (sessions, wrong int64, err error) {
	err = v.Self(who).Row(`SELECT COUNT(*), (SELECT COALESCE(SUM(fails), 0) FROM attempt WHERE person = $1 AND source = '')
		FROM session WHERE person = $1 AND ends > $2 AND seen + idle / 1000 >= $2`, store.Micros(v.Now())).Scan(&sessions, &wrong)
	return sessions, wrong, err
}
