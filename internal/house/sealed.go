package house

import (
	"context"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/change"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/seal"
	"github.com/sekisho/sekisho/internal/signet"
	"github.com/sekisho/sekisho/internal/store"
)

// auditSealer lets the witness keep its key under the ring.
type auditSealer struct{ ring *seal.Ring }

// Seal implements audit.Sealer.
func (s auditSealer) Seal(_ context.Context, at audit.Place, plain []byte) ([]byte, error) {
	return s.ring.Seal(seal.Place(at), plain)
}

// Open implements audit.Sealer.
func (s auditSealer) Open(_ context.Context, at audit.Place, sealed []byte) ([]byte, error) {
	return s.ring.Open(seal.Place(at), sealed)
}

// auditKey is the witness's signing key among the values that move to a new
// data key.
type auditKey struct{}

// Name implements seal.Sealed.
func (auditKey) Name() string { return "audit.key" }

// Next implements seal.Sealed: there is one key.
func (auditKey) Next(v *store.View, after string, _ int) ([]seal.Cell, error) {
	if after != "" {
		return nil, nil
	}
	place, sealed, ok, err := audit.SealedKey(v)
	if err != nil || !ok {
		return nil, err
	}
	return []seal.Cell{{Place: seal.Place(place), After: place.Row, Sealed: sealed}}, nil
}

// Replace implements seal.Sealed.
func (auditKey) Replace(tx *store.Tx, cell seal.Cell, sealed []byte) (bool, error) {
	return audit.ReplaceSealedKey(tx, cell.Sealed, sealed)
}

// holders are all who keep sealed values: a key is gone only when none of them
// needs it.
func holders() []seal.Sealed {
	return []seal.Sealed{
		auditKey{},
		notify.Sealed{},
		notify.SealedDevices{},
		notify.SealedPusher{},
		factor.Factors{},
		connector.Secrets{},
		connector.Tokens{},
		change.Held{},
		signet.Sealed{},
	}
}
