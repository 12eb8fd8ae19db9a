package lease

import (
	"context"
	"errors"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

const leaseColumns = `SELECT org, id, person, kind, target, title, ask, by_, state, since, ends, timer, why, ended, ended_by, tries, trouble FROM lease `

func scanLease(scan func(...any) error) (l Lease, err error) {
	var since, ends, ended int64
	err = scan(&l.Org, &l.ID, &l.Person, &l.Kind, &l.Target, &l.Title, &l.Ask, &l.By, &l.State, &since, &ends, &l.timer, &l.Why, &ended, &l.EndedBy, &l.Tries, &l.Trouble)
	l.Since, l.Until, l.Ended = store.FromMicros(since), store.FromMicros(ends), store.FromMicros(ended)
	return l, err
}

func leaseByID(v *store.View, which id.Lease) (Lease, error) {
	l, err := scanLease(v.Row(leaseColumns+"WHERE org = $1 AND id = $2", string(which)).Scan)
	if errors.Is(err, store.ErrNoRow) {
		return l, fault.New(fault.NotFound, "lease-unknown")
	}
	return l, err
}

func openLease(v *store.View, kind, target string, who id.Person) (Lease, error) {
	return scanLease(v.Row(leaseColumns+"WHERE org = $1 AND kind = $2 AND target = $3 AND person = $4 AND state <> 'back'", kind, target, string(who)).Scan)
}

// insertLease writes a new lease; false: the person has the thing by another.
func insertLease(tx *store.Tx, l Lease) (bool, error) {
	n, err := tx.Exec(`INSERT INTO lease (org, id, person, kind, target, title, ask, by_, state, since, ends, timer, why, ended, ended_by, tries, trouble, retry)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '', 0, '', 0, '', $11)
		ON CONFLICT (org, kind, target, person) WHERE state <> 'back' DO NOTHING`,
		string(l.ID), string(l.Person), l.Kind, l.Target, l.Title, string(l.Ask), string(l.By), string(l.State), store.Micros(l.Since), store.Micros(l.Until), l.timer)
	return n == 1, err
}

// moveLease sets another end to one that is out.
func moveLease(tx *store.Tx, l Lease) error {
	n, err := tx.Exec("UPDATE lease SET ends = $3, retry = $3, timer = $4 WHERE org = $1 AND id = $2 AND state = 'out'",
		string(l.ID), store.Micros(l.Until), l.timer)
	return one(n, err)
}

// endLease writes how far the end of a lease is; retry is when to try again.
func endLease(tx *store.Tx, l Lease, retry time.Time) error {
	n, err := tx.Exec(`UPDATE lease SET state = $3, why = $4, ended = $5, ended_by = $6, tries = $7, trouble = $8, retry = $9
		WHERE org = $1 AND id = $2 AND state <> 'back'`,
		string(l.ID), string(l.State), string(l.Why), store.Micros(l.Ended), string(l.EndedBy), int64(l.Tries), l.Trouble, store.Micros(retry))
	return one(n, err)
}

func one(n int64, err error) error {
	if err == nil && n == 0 {
		return errOver
	}
	return err
}

func leasesOf(v *store.View) ([]Lease, error) {
	rows, err := v.Query(leaseColumns + "WHERE person = $1 AND state <> 'back' ORDER BY CASE WHEN ends = 0 THEN 1 ELSE 0 END, ends, id LIMIT 500")
	return store.Collect(rows, err, scanLease)
}

func leasesIn(v *store.View, q Query) ([]Lease, error) {
	rows, err := v.Query(leaseColumns+`WHERE org = $1 AND (CAST($2 AS TEXT) = '' OR person = $2) AND (CAST($3 AS TEXT) = '' OR id < $3)
		AND (state <> 'back' OR CAST($4 AS BIGINT) = 1) ORDER BY id DESC LIMIT $5`,
		string(q.Person), string(q.Cursor), flag(q.Over), int64(q.Limit+1))
	return store.Collect(rows, err, scanLease)
}

// Open reads what is out in an organization behind a lease, by identifier, in the
// caller's transaction.
func Open(v *store.View, of id.Org, after id.Lease, limit int) ([]Lease, error) {
	rows, err := v.Org(of).Query(leaseColumns+"WHERE org = $1 AND state = 'out' AND id > $2 ORDER BY id LIMIT $3", string(after), int64(limit))
	return store.Collect(rows, err, scanLease)
}

func flag(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// overdue reads, of the whole house, what should be back.
func (g *Ledger) overdue(ctx context.Context, before time.Time) (due []Lease, err error) {
	err = g.Store.House().Read(ctx, func(v *store.View) error {
		rows, err := v.Query(leaseColumns+"WHERE state <> 'back' AND retry > 0 AND retry <= $1 ORDER BY retry LIMIT 200", store.Micros(before))
		due, err = store.Collect(rows, err, scanLease)
		return err
	})
	return due, err
}

// hurryLeases makes everything that a person holds overdue.
func hurryLeases(tx *store.Tx, now time.Time) error {
	_, err := tx.Exec("UPDATE lease SET ends = $2, retry = $2 WHERE person = $1 AND state = 'out'", store.Micros(now.Add(-late)))
	return err
}

// leaveLeases decides the end of everything that a person holds in an
// organization, and makes it overdue.
func leaveLeases(tx *store.Tx, who id.Person, by id.Principal, now time.Time) error {
	_, err := tx.Exec("UPDATE lease SET state = 'taking', why = 'revoked', ended = $3, ended_by = $4, retry = $5 WHERE org = $1 AND person = $2 AND state = 'out'",
		string(who), store.Micros(now), string(by), store.Micros(now.Add(-late)))
	return err
}
