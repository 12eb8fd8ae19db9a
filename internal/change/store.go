package change

import (
	"errors"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
)

func keep(tx *store.Tx, which id.Ask, sealed []byte) error {
	_, err := tx.Exec("INSERT INTO change_held (org, ask, sealed) VALUES ($1, $2, $3)", string(which), sealed)
	return err
}

// kept reads what is kept of a change; nil: nothing is.
func kept(v *store.View, which id.Ask) (sealed []byte, err error) {
	err = v.Row("SELECT sealed FROM change_held WHERE org = $1 AND ask = $2", string(which)).Scan(&sealed)
	if errors.Is(err, store.ErrNoRow) {
		return nil, nil
	}
	return sealed, err
}

func drop(tx *store.Tx, which id.Ask) error {
	_, err := tx.Exec("DELETE FROM change_held WHERE org = $1 AND ask = $2", string(which))
	return err
}

// eyesOn reads since when the house holds changes, and whether it does.
func eyesOn(v *store.View) (since time.Time, on bool, err error) {
	var at, off int64
	err = v.Row("SELECT on_at, off_at FROM change_eyes WHERE one = 1").Scan(&at, &off)
	if errors.Is(err, store.ErrNoRow) {
		return time.Time{}, false, nil
	}
	return store.FromMicros(at), err == nil && off == 0, err
}

func openEyes(tx *store.Tx) error {
	_, err := tx.Exec("INSERT INTO change_eyes (one, on_at, off_at) VALUES (1, $1, 0) ON CONFLICT (one) DO UPDATE SET on_at = excluded.on_at, off_at = 0", store.Micros(tx.Now()))
	return err
}

func closeEyes(tx *store.Tx) (bool, error) {
	n, err := tx.Exec("UPDATE change_eyes SET off_at = $1 WHERE one = 1 AND off_at = 0", store.Micros(tx.Now()))
	return n == 1, err
}

// Held are the changes that wait, among the values that move to a new data key.
type Held struct{}

// Name implements seal.Sealed.
func (Held) Name() string { return "change.held" }

// Next implements seal.Sealed.
func (Held) Next(v *store.View, after string, limit int) ([]seal.Cell, error) {
	rows, err := v.Query("SELECT org, ask, sealed FROM change_held WHERE ask > $1 ORDER BY ask LIMIT $2", after, limit)
	return store.Collect(rows, err, func(scan func(...any) error) (c seal.Cell, err error) {
		var in id.Org
		var which id.Ask
		err = scan(&in, &which, &c.Sealed)
		c.Place, c.After = place(in, which), string(which)
		return c, err
	})
}

// Replace implements seal.Sealed.
func (Held) Replace(tx *store.Tx, cell seal.Cell, sealed []byte) (bool, error) {
	n, err := tx.Exec("UPDATE change_held SET sealed = $1 WHERE ask = $2 AND sealed = $3", sealed, cell.After, cell.Sealed)
	return n == 1, err
}
