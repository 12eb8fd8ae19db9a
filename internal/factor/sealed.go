package factor

import (
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/store"
)

// Factors are the sealed values of the room, which move to a new data key.
type Factors struct{}

// Name implements seal.Sealed.
func (Factors) Name() string { return "signin.factor" }

// Next implements seal.Sealed.
func (Factors) Next(v *store.View, after string, limit int) ([]seal.Cell, error) {
	factors, err := factorsAfter(v, after, limit)
	var cells []seal.Cell
	for _, f := range factors {
		cells = append(cells, seal.Cell{Place: f.place(), After: f.id, Sealed: f.sealed})
	}
	return cells, err
}

// Replace implements seal.Sealed.
func (Factors) Replace(tx *store.Tx, cell seal.Cell, sealed []byte) (bool, error) {
	return moveFactor(tx, cell.Place.Row, cell.Sealed, sealed)
}
