package audit

import (
	"errors"

	"github.com/sekisho/sekisho/internal/store"
)

// SealedKey returns the sealed signing key and its place, for who seals it
// anew; nil if there is none yet.
func (l *Log) SealedKey(v *store.View) (Place, []byte, error) {
	var sealed []byte
	err := v.Row("SELECT sealed FROM audit_key WHERE one = 1").Scan(&sealed)
	if errors.Is(err, store.ErrNoRow) {
		return keyPlace, nil, nil
	}
	return keyPlace, sealed, err
}

// ReplaceSealedKey puts sealed in the place of old if that is still what stands
// there, and says whether it was.
func (l *Log) ReplaceSealedKey(tx *store.Tx, old, sealed []byte) (bool, error) {
	n, err := tx.Exec("UPDATE audit_key SET sealed = $1 WHERE one = 1 AND sealed = $2", sealed, old)
	return n == 1, err
}
