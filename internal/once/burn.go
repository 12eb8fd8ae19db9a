package once

import (
	"fmt"

	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// Burn marks a value of the kind as used that was never minted: what carries
// its own proof of being ours and still young (a keyed hash with a time) needs
// no row until it is used, so that strangers who only ask for one write nothing.
// The second burning, at once or later, is ErrInvalid. Whatever the value proves
// must be judged before, and be older than the kind's life nowhere.
func Burn(tx *store.Tx, k Kind, value secret.Text) error {
	if k.Bound || k.Most != 0 {
		return fmt.Errorf("once: kind %s is minted, not burned", k.Name)
	}
	if size := len(value.RevealBytes()); size < leastSize || size > mostValue {
		return ErrInvalid
	}
	now := tx.Now()
	until := store.Micros(now.Add(k.Life))
	n, err := tx.House().Exec(`INSERT INTO once_value
		(hash, kind, org, subject, bound, payload, outcome, tries, used_at, until, forget_at, slot)
		VALUES ($1, $2, '', '', '', $3, $3, 0, $4, $5, $5, NULL) ON CONFLICT DO NOTHING`,
		k.key(value), k.Name, []byte{}, store.Micros(now), until)
	if err == nil && n == 0 {
		err = ErrInvalid
	}
	return err
}
