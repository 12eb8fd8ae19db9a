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

// Acting returns who can act in an organization as a member of it, by reading:
// active people whose membership is active, in one statement.
func (r *Register) Acting(ctx context.Context, org id.Org) (all []id.Person, err error) {
	err = r.store.Org(org).Read(ctx, func(v *store.View) error {
		rows, err := v.Query(`SELECT m.person FROM member m JOIN person p ON p.id = m.person
			WHERE m.org = $1 AND m.state = 'active' AND p.state = 'active' ORDER BY m.sort, m.person`)
		all, err = store.Collect(rows, err, func(scan func(...any) error) (who id.Person, err error) { return who, scan(&who) })
		return err
	})
	return all, err
}
