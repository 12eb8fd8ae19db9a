package connector

import (
	"errors"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
)

const connectionColumns = `org, id, system, person, state, native_id, native_name, email, email_folded, sealed, refresh_at, expires_at,
	since, ends_at, warned, trouble, by_, revision, claim, claim_until, renewed_at`

func scanConnection(scan func(...any) error) (c Connection, err error) {
	var folded string
	var refresh, expires, since, ends, warned, until, renewed int64
	err = scan(&c.Org, &c.ID, &c.System, &c.Person, &c.State, &c.NativeID, &c.NativeName, &c.Email, &folded, &c.sealed, &refresh, &expires,
		&since, &ends, &warned, &c.Trouble, &c.By, &c.revision, &c.claim, &until, &renewed)
	c.refreshAt, c.Expires, c.Since, c.EndsAt = moment(refresh), moment(expires), moment(since), moment(ends)
	c.warned, c.claimUntil, c.renewed = warned == 1, moment(until), moment(renewed)
	return c, err
}

// moment is a time of the database, where 0 is none.
func moment(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return store.FromMicros(micros)
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return store.Micros(t)
}

// values are the columns behind org.
func (c Connection) values() []any {
	sealed := c.sealed
	if sealed == nil {
		sealed = []byte{}
	}
	return []any{
		c.ID, string(c.System), string(c.Person), c.State, c.NativeID, c.NativeName, c.Email, folded(c.Email), sealed, micros(c.refreshAt), micros(c.Expires),
		micros(c.Since), micros(c.EndsAt), flag(c.warned), c.Trouble, string(c.By), c.revision, c.claim, micros(c.claimUntil),
		micros(c.renewed),
	}
}

// connectionOf returns how somebody is connected; off if there is no row.
func connectionOf(v *store.View, org id.Org, system id.Connector, who id.Person) (Connection, error) {
	c, err := scanConnection(v.Row("SELECT "+connectionColumns+" FROM connector_connection WHERE org = $1 AND system = $2 AND person = $3",
		string(system), string(who)).Scan)
	if errors.Is(err, store.ErrNoRow) {
		return Connection{Org: org, System: system, Person: who, State: Off}, nil
	}
	return c, err
}

func connectionByID(v *store.View, which string) (Connection, error) {
	return scanConnection(v.Row("SELECT "+connectionColumns+" FROM connector_connection WHERE org = $1 AND id = $2", which).Scan)
}

func connectionsTo(v *store.View, system id.Connector) ([]Connection, error) {
	rows, err := v.Query("SELECT "+connectionColumns+" FROM connector_connection WHERE org = $1 AND system = $2 ORDER BY since, id", string(system))
	return store.Collect(rows, err, scanConnection)
}

func connectionsOf(v *store.View) ([]Connection, error) {
	rows, err := v.Query("SELECT " + connectionColumns + " FROM connector_connection WHERE person = $1 AND person <> '' ORDER BY since, id")
	return store.Collect(rows, err, scanConnection)
}

// countConnections says how many are on of each system of the organization.
func countConnections(v *store.View) (map[id.Connector]Tally, error) {
	rows, err := v.Query("SELECT system, state, COUNT(*) FROM connector_connection WHERE org = $1 GROUP BY system, state")
	type line struct {
		system id.Connector
		state  string
		n      int64
	}
	lines, err := store.Collect(rows, err, func(scan func(...any) error) (l line, err error) {
		err = scan(&l.system, &l.state, &l.n)
		return l, err
	})
	all := map[id.Connector]Tally{}
	for _, l := range lines {
		t := all[l.system]
		switch l.state {
		case On:
			t.On += l.n
		case Reconnect:
			t.Reconnect += l.n
		}
		all[l.system] = t
	}
	return all, err
}

// linkedTo says who else of the organization is connected by that account: by
// its native id, or by its address.
func linkedTo(v *store.View, c Connection) (other id.Person, err error) {
	err = v.Row(`SELECT person FROM connector_connection WHERE org = $1 AND system = $2 AND person <> $3 AND person <> ''
		AND state <> 'connecting' AND (native_id = $4 OR (email_folded <> '' AND email_folded = $5)) ORDER BY since, id LIMIT 1`,
		string(c.System), string(c.Person), c.NativeID, folded(c.Email)).Scan(&other)
	if errors.Is(err, store.ErrNoRow) {
		return "", nil
	}
	return other, err
}

// putConnection writes a connection as a whole, whatever was there of it.
func putConnection(tx *store.Tx, c Connection) error {
	_, err := tx.Exec("INSERT INTO connector_connection ("+connectionColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,
		$15, $16, $17, $18, $19, $20, $21) ON CONFLICT (org, system, person) DO UPDATE SET id = excluded.id, state = excluded.state,
		native_id = excluded.native_id, native_name = excluded.native_name, email = excluded.email, email_folded = excluded.email_folded,
		sealed = excluded.sealed, refresh_at = excluded.refresh_at, expires_at = excluded.expires_at, since = excluded.since,
		ends_at = excluded.ends_at, warned = excluded.warned, trouble = excluded.trouble, by_ = excluded.by_, revision = excluded.revision,
		claim = excluded.claim, claim_until = excluded.claim_until, renewed_at = excluded.renewed_at`, c.values()...)
	return err
}

// claimConnection lets one of all who would refresh do it: who still finds the
// tokens that it saw, and nobody else at it.
func claimConnection(tx *store.Tx, c Connection, claim string, until time.Time) (bool, error) {
	n, err := tx.Exec(`UPDATE connector_connection SET claim = $4, claim_until = $5 WHERE org = $1 AND id = $2 AND revision = $3
		AND state = 'on' AND (claim = '' OR claim_until <= $6)`, c.ID, c.revision, claim, micros(until), micros(tx.Now()))
	return n == 1, err
}

// renewConnection writes new tokens, if who refreshed still holds the claim.
func renewConnection(tx *store.Tx, c Connection, claim string) (bool, error) {
	n, err := tx.Exec(`UPDATE connector_connection SET sealed = $5, refresh_at = $6, expires_at = $7, ends_at = $8, warned = $9, renewed_at = $10,
		trouble = '', revision = revision + 1, claim = '', claim_until = 0
		WHERE org = $1 AND id = $2 AND revision = $3 AND claim = $4 AND state = 'on'`,
		c.ID, c.revision, claim, c.sealed, micros(c.refreshAt), micros(c.Expires), micros(c.EndsAt), flag(c.warned), micros(c.renewed))
	return n == 1, err
}

// letGo gives the claim back: nothing was refreshed.
func letGo(tx *store.Tx, c Connection, claim string) error {
	_, err := tx.Exec(`UPDATE connector_connection SET claim = '', claim_until = 0 WHERE org = $1 AND id = $2 AND claim = $3`, c.ID, claim)
	return err
}

// loseConnection makes a connection one that its person must make again, and
// forgets its tokens. It does so once for each pair of tokens.
func loseConnection(tx *store.Tx, c Connection, trouble string) (bool, error) {
	n, err := tx.Exec(`UPDATE connector_connection SET state = 'reconnect', trouble = $4, sealed = $5, refresh_at = 0, expires_at = 0, ends_at = 0,
		revision = revision + 1, claim = '', claim_until = 0 WHERE org = $1 AND id = $2 AND revision = $3 AND state = 'on'`,
		c.ID, c.revision, trouble, []byte{})
	return n == 1, err
}

// unseat forgets the tokens of every connection to a system that has moved.
func unseat(tx *store.Tx, system id.Connector) (int64, error) {
	return tx.Exec(`UPDATE connector_connection SET state = 'reconnect', trouble = 'moved', sealed = $3, refresh_at = 0, expires_at = 0, ends_at = 0,
		revision = revision + 1, claim = '', claim_until = 0 WHERE org = $1 AND system = $2 AND state = 'on'`, string(system), []byte{})
}

func removeConnection(tx *store.Tx, which string) error {
	_, err := tx.Exec("DELETE FROM connector_connection WHERE org = $1 AND id = $2", which)
	return err
}

// ending are the connections that end before a time and were not warned of it.
func ending(v *store.View, before time.Time, limit int) ([]Connection, error) {
	rows, err := v.Query("SELECT "+connectionColumns+` FROM connector_connection WHERE ends_at > 0 AND ends_at <= $1 AND warned = 0 AND state = 'on'
		ORDER BY ends_at, id LIMIT $2`, micros(before), limit)
	return store.Collect(rows, err, scanConnection)
}

// warnConnection notes the warning, once.
func warnConnection(tx *store.Tx, c Connection) (bool, error) {
	n, err := tx.Exec("UPDATE connector_connection SET warned = 1 WHERE org = $1 AND id = $2 AND revision = $3 AND warned = 0", c.ID, c.revision)
	return n == 1, err
}

// Tokens are the sealed tokens of connections among the values that move to a
// new data key.
type Tokens struct{}

// Name implements seal.Sealed.
func (Tokens) Name() string { return "connector.connection" }

// Next implements seal.Sealed.
func (Tokens) Next(v *store.View, after string, limit int) ([]seal.Cell, error) {
	rows, err := v.Query(`SELECT org, id, sealed FROM connector_connection WHERE id > $1 AND length(sealed) > 0 ORDER BY id LIMIT $2`, after, limit)
	return store.Collect(rows, err, func(scan func(...any) error) (seal.Cell, error) {
		var c Connection
		err := scan(&c.Org, &c.ID, &c.sealed)
		return seal.Cell{Place: c.place(), After: c.ID, Sealed: c.sealed}, err
	})
}

// Replace implements seal.Sealed.
func (Tokens) Replace(tx *store.Tx, cell seal.Cell, sealed []byte) (bool, error) {
	n, err := tx.Exec("UPDATE connector_connection SET sealed = $1 WHERE id = $2 AND sealed = $3", sealed, cell.After, cell.Sealed)
	return n == 1, err
}
