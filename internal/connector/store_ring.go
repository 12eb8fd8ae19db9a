package connector

import (
	"errors"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// rungOnce remembers the token of a ring until it is over, and reports whether it
// was not there yet. Those that are over are forgotten on the way.
func rungOnce(tx *store.Tx, system id.Connector, token string, until time.Time) (bool, error) {
	_, err1 := tx.Exec("DELETE FROM connector_ring WHERE org = $1 AND system = $2 AND ends < $3", string(system), store.Micros(tx.Now()))
	n, err2 := tx.Exec("INSERT INTO connector_ring (org, system, token, ends) VALUES ($1, $2, $3, $4) ON CONFLICT (system, token) DO NOTHING",
		string(system), token, store.Micros(until))
	return n == 1, errors.Join(err1, err2)
}
