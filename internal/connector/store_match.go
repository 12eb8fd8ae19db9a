package connector

import (
	"context"
	"errors"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

const matchColumns = "org, system, person, state, email, native_id, native_name, at, due"

func scanMatch(scan func(...any) error) (m Match, err error) {
	var at, due int64
	err = scan(&m.Org, &m.System, &m.Person, &m.State, &m.email, &m.NativeID, &m.NativeName, &at, &due)
	m.At, m.due = moment(at), moment(due)
	return m, err
}

func matchesAt(v *store.View, system id.Connector) ([]Match, error) {
	rows, err := v.Query("SELECT "+matchColumns+" FROM connector_match WHERE org = $1 AND system = $2 ORDER BY state, person", string(system))
	return store.Collect(rows, err, scanMatch)
}

func matchOf(v *store.View, system id.Connector, who id.Person) (Match, error) {
	m, err := scanMatch(v.Row("SELECT "+matchColumns+" FROM connector_match WHERE org = $1 AND system = $2 AND person = $3", string(system), string(who)).Scan)
	if errors.Is(err, store.ErrNoRow) {
		return Match{}, nil
	}
	return m, err
}

// matchedTo are the others who would be the same account.
func matchedTo(v *store.View, m Match) ([]Match, error) {
	rows, err := v.Query("SELECT "+matchColumns+" FROM connector_match WHERE org = $1 AND system = $2 AND native_id = $3 AND person <> $4",
		string(m.System), m.NativeID, string(m.Person))
	return store.Collect(rows, err, scanMatch)
}

func putMatch(tx *store.Tx, m Match) error {
	_, err := tx.Exec(`INSERT INTO connector_match (org, system, person, state, email, native_id, native_name, at, due)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (org, system, person) DO UPDATE SET state = excluded.state, email = excluded.email,
		native_id = excluded.native_id, native_name = excluded.native_name, at = excluded.at, due = excluded.due`,
		string(m.System), string(m.Person), m.State, m.email, m.NativeID, m.NativeName, micros(m.At), micros(m.due))
	return err
}

func dropMatches(tx *store.Tx, system id.Connector) error {
	_, err := tx.Exec("DELETE FROM connector_match WHERE org = $1 AND system = $2", string(system))
	return err
}

func dropMatch(tx *store.Tx, system id.Connector, who id.Person) error {
	_, err := tx.Exec("DELETE FROM connector_match WHERE org = $1 AND system = $2 AND person = $3", string(system), string(who))
	return err
}

// found lists who is known at any system that one connection serves for all.
func (d *Desk) found(ctx context.Context) (all []Match, err error) {
	err = d.store.House().Read(ctx, func(v *store.View) error {
		rows, err := v.Query("SELECT " + matchColumns + " FROM connector_match WHERE state = 'found'")
		all, err = store.Collect(rows, err, scanMatch)
		return err
	})
	return all, err
}

// shared lists the connections that serve whole organizations, without their
// tokens.
func (d *Desk) shared(ctx context.Context) (all []Connection, err error) {
	err = d.store.House().Read(ctx, func(v *store.View) error {
		rows, err := v.Query("SELECT " + connectionColumns + " FROM connector_connection WHERE person = '' AND state = 'on'")
		all, err = store.Collect(rows, err, scanConnection)
		return err
	})
	for i := range all {
		all[i].sealed = nil
	}
	return all, err
}

// Unmatched counts who is not known at the systems of an organization that one
// connection serves for all.
func (d *Desk) Unmatched(ctx context.Context, in id.Org) (map[id.Connector]int, error) {
	all := map[id.Connector]int{}
	err := d.store.Org(in).Read(ctx, func(v *store.View) error {
		rows, err := v.Query("SELECT system, COUNT(*) FROM connector_match WHERE org = $1 AND state <> 'found' GROUP BY system")
		_, err = store.Collect(rows, err, func(scan func(...any) error) (which id.Connector, err error) {
			var n int
			err = scan(&which, &n)
			all[which] = n
			return which, err
		})
		return err
	})
	return all, err
}
