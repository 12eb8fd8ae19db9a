package once

import "github.com/sekisho/sekisho/internal/store"

// EndAll makes every unused value invalid, whoever's it is: after a restore a
// value that was used since the backup would count again (A160). Used ones stay
// known as used. It returns how many there were.
func EndAll(tx *store.Tx) (int64, error) {
	now := store.Micros(tx.Now())
	return tx.House().Exec("UPDATE once_value SET until = $1, forget_at = $1 WHERE used_at = 0 AND until > $1", now)
}
