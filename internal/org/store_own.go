package org

import (
	"context"
	"database/sql"
	"slices"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// ownSeats reads a person with every membership and who manages them there, in
// one statement; without a membership there is one row with nothing beside the
// person.
func ownSeats(v *store.View, who id.Person) (own Own, err error) {
	rows, err := v.Query(`SELECT p.email, p.verified, m.org, m.state, m.since, m.manager, b.display_name, b.state FROM person p
		LEFT JOIN member m ON m.person = p.id LEFT JOIN person b ON b.id = m.manager
		WHERE p.id = $1 AND p.state <> 'deleted' ORDER BY m.org`, string(who))
	seats, err := store.Collect(rows, err, func(scan func(...any) error) (s Seat, err error) {
		var verified int64
		var in, state, manager, name, managerState sql.NullString
		var since sql.NullInt64
		err = scan(&own.Email, &verified, &in, &state, &since, &manager, &name, &managerState)
		own.Verified = verified != 0
		s = Seat{Org: id.Org(in.String), State: State(state.String), Since: store.FromMicros(since.Int64)}
		if managerState.Valid && State(managerState.String) != Deleted {
			s.Manager, s.ManagerName = id.Person(manager.String), name.String
		}
		return s, err
	})
	if len(seats) > 0 && seats[0].Org != "" {
		own.Seats = seats
	}
	return own, err
}

// Own returns what a person sees of themselves, in one statement; nothing of
// who is not there.
func (r *Register) Own(ctx context.Context, who id.Person) (own Own, err error) {
	err = r.store.House().Read(ctx, func(v *store.View) (err error) {
		own, err = ownSeats(v, who)
		return err
	})
	return own, err
}

// GroupIDsOf returns the groups that a person is in, directly or through
// others, in one statement.
func (r *Register) GroupIDsOf(ctx context.Context, org id.Org, who id.Person) (in []id.Group, err error) {
	err = r.store.Org(org).Read(ctx, func(v *store.View) error {
		rows, err := v.Query(`SELECT group_id, '' FROM group_member WHERE org = $1 AND person = $2
			UNION ALL SELECT group_id, inner_id FROM group_group WHERE org = $1 ORDER BY 1, 2`, string(who))
		all, err := store.Collect(rows, err, scanPair)
		in = nil
		var nesting []pair
		for _, one := range all {
			if one.b == "" {
				in = append(in, id.Group(one.a))
			} else {
				nesting = append(nesting, one)
			}
		}
		for i := 0; i < len(in); i++ { // it grows on the way
			for _, n := range nesting {
				if outer := id.Group(n.a); n.b == string(in[i]) && !slices.Contains(in, outer) {
					in = append(in, outer)
				}
			}
		}
		return err
	})
	return in, err
}
