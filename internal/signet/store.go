package signet

import (
	"time"

	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/wire/jws"
)

// keysIn reads all keys in the order in which they sign.
func keysIn(v *store.View) ([]Key, error) {
	rows, err := v.Query("SELECT id, alg, sealed, public, made, signs, ends FROM signet_key ORDER BY signs, id")
	return store.Collect(rows, err, func(scan func(...any) error) (k Key, err error) {
		var made, signs, ends int64
		err = scan(&k.ID, &k.Alg, &k.sealed, &k.PEM, &made, &signs, &ends)
		k.Made, k.Signs, k.Ends = store.FromMicros(made), store.FromMicros(signs), store.FromMicros(ends)
		return k, err
	})
}

func insert(tx *store.Tx, k Key) error {
	_, err := tx.Exec("INSERT INTO signet_key (id, alg, sealed, public, made, signs, ends) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		k.ID, string(k.Alg), k.sealed, k.PEM, store.Micros(k.Made), store.Micros(k.Signs), store.Micros(k.Ends))
	tx.Wake(Topic)
	return err
}

// end says until when the keys of an algorithm that nobody followed yet, or that
// would stay longer, are published.
func end(tx *store.Tx, alg jws.Alg, at time.Time) error {
	_, err := tx.Exec("UPDATE signet_key SET ends = $2 WHERE alg = $1 AND (ends = 0 OR ends > $2)", string(alg), store.Micros(at))
	return err
}

func wipe(tx *store.Tx, which string) error {
	_, err := tx.Exec("UPDATE signet_key SET sealed = $2 WHERE id = $1", which, []byte{})
	return err
}

// Sealed are the keys among the values that move to a new data key.
type Sealed struct{}

// Name implements seal.Sealed.
func (Sealed) Name() string { return "signet.key" }

// Next implements seal.Sealed.
func (Sealed) Next(v *store.View, after string, limit int) ([]seal.Cell, error) {
	rows, err := v.Query("SELECT id, sealed FROM signet_key WHERE id > $1 AND length(sealed) > 0 ORDER BY id LIMIT $2", after, limit)
	return store.Collect(rows, err, func(scan func(...any) error) (seal.Cell, error) {
		var k Key
		err := scan(&k.ID, &k.sealed)
		return seal.Cell{Place: k.place(), After: k.ID, Sealed: k.sealed}, err
	})
}

// Replace implements seal.Sealed.
func (Sealed) Replace(tx *store.Tx, cell seal.Cell, sealed []byte) (bool, error) {
	n, err := tx.Exec("UPDATE signet_key SET sealed = $1 WHERE id = $2 AND sealed = $3", sealed, cell.After, cell.Sealed)
	return n == 1, err
}
