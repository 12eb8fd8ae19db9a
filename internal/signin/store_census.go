package signin

import (
	"context"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// OpenSessions returns how many sessions stand in an organization, "" for all
// of the house, as far as they were written down: who was seen in the last
// moments may stand a little longer.
func (r *Room) OpenSessions(ctx context.Context, org id.Org) (n int64, err error) {
	now := store.Micros(r.clock.Now())
	if org != "" {
		err = r.store.Org(org).Read(ctx, func(v *store.View) error {
			return v.Row("SELECT count(*) FROM session WHERE org = $1 AND ends > $2 AND seen + idle / 1000 > $2", now).Scan(&n)
		})
		return n, err
	}
	return r.openEverywhere(ctx, now)
}

// openEverywhere counts the sessions of all organizations, and nothing else of
// them.
func (r *Room) openEverywhere(ctx context.Context, now int64) (n int64, err error) {
	err = r.store.House().Read(ctx, func(v *store.View) error {
		return v.Row("SELECT count(*) FROM session WHERE ends > $1 AND seen + idle / 1000 > $1", now).Scan(&n)
	})
	return n, err
}
