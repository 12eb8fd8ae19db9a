package org

import (
	"context"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Census is how many members are in a state.
type Census map[State]int64

// Census counts the members of an organization, or with "" the people of the
// house, in one statement.
func (r *Register) Census(ctx context.Context, org id.Org) (Census, error) {
	all := Census{}
	count := func(rows *store.Rows, err error) error {
		_, err = store.Collect(rows, err, func(scan func(...any) error) (n int64, err error) {
			var state State
			if err = scan(&state, &n); state != Deleted {
				all[state] = n
			}
			return n, err
		})
		return err
	}
	if org == "" {
		return all, r.store.House().Read(ctx, func(v *store.View) error {
			return count(v.Query("SELECT state, count(*) FROM person GROUP BY state"))
		})
	}
	return all, r.store.Org(org).Read(ctx, func(v *store.View) error {
		return count(v.Query("SELECT state, count(*) FROM member WHERE org = $1 GROUP BY state"))
	})
}
