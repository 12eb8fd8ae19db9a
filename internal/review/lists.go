package review

import (
	"context"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Rounds returns the times that a campaign ran, the newest first, at most 100.
func (r *Room) Rounds(ctx context.Context, in id.Org, campaign string) (all []Round, err error) {
	err = r.inOrg(ctx, in, func(v *store.View) (err error) {
		all, err = roundsOf(v, campaign)
		return err
	})
	return all, err
}

// Progress returns a round, and how many of its items stand where.
func (r *Room) Progress(ctx context.Context, in id.Org, which string) (round Round, counts map[State]int, err error) {
	err = r.inOrg(ctx, in, func(v *store.View) (err error) {
		if round, err = roundByID(v, which); err == nil {
			counts, err = tally(v, which)
		}
		return err
	})
	return round, counts, err
}

// Items pages through the items of a round.
func (r *Room) Items(ctx context.Context, in id.Org, round string, q Query) (all []Item, err error) {
	if q.Limit <= 0 {
		q.Limit = 50
	}
	err = r.inOrg(ctx, in, func(v *store.View) (err error) {
		all, err = itemsOf(v, round, q)
		return err
	})
	return all, err
}

// Waiting returns the items of an organization that wait for somebody, at most
// 200.
func (r *Room) Waiting(ctx context.Context, in id.Org, who id.Person) (all []Item, err error) {
	err = r.inOrg(ctx, in, func(v *store.View) (err error) {
		all, err = waiting(v, who)
		return err
	})
	return all, err
}
