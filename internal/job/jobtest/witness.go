package jobtest

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"log/slog"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// open opens the rig's database with the house's own witness, so that a run
// also shows that the log stays whole.
func open(ctx context.Context, url string, c clock.Clock, log *slog.Logger) (*store.Store, *audit.Log, error) {
	s, err := store.Open(ctx, store.Options{URL: url, Clock: c, Log: log, Schemas: schemas()})
	if err != nil {
		return nil, nil, err
	}
	return s, audit.New(audit.Options{
		Store: s, Clock: c, Log: log, Node: id.New[id.Node](c.Now()), Sealer: sealer{}, CheckpointEvery: time.Second,
	}), nil
}

// sealer keeps the signing key for the life of a run; every worker knows its
// key, which a rig may.
type sealer struct{}

func (sealer) gcm() cipher.AEAD {
	block, _ := aes.NewCipher(make([]byte, 32)) // 32 bytes are a key
	gcm, _ := cipher.NewGCMWithRandomNonce(block)
	return gcm
}

// Seal implements audit.Sealer.
func (s sealer) Seal(_ context.Context, _ audit.Place, plain []byte) ([]byte, error) {
	return s.gcm().Seal(nil, nil, plain, nil), nil
}

// Open implements audit.Sealer.
func (s sealer) Open(_ context.Context, _ audit.Place, sealed []byte) ([]byte, error) {
	return s.gcm().Open(nil, nil, sealed, nil)
}

// verified integrates what is left, counts the ends by target, and holds the
// log against what was signed. An error says what is wrong with the log.
func verified(ctx context.Context, l *audit.Log) (ends map[string]int, err error) {
	if err := l.Integrate(ctx); err != nil {
		return nil, err
	}
	if _, err := l.Checkpoint(ctx); err != nil {
		return nil, err
	}
	key, err := l.PublicKey(ctx)
	if err != nil {
		return nil, err
	}
	report, err := l.VerifyStore(ctx, audit.VerifyOptions{Key: key})
	if err == nil && (report.Covered != report.Size || len(report.Forks) > 0) {
		err = errors.New("not every record is covered by a checkpoint")
	}
	if err != nil {
		return nil, err
	}
	return endings(ctx, l)
}

func endings(ctx context.Context, l *audit.Log) (map[string]int, error) {
	ends := map[string]int{}
	query := audit.Query{House: true, Name: "effect.done", Limit: 500}
	for {
		page, err := l.Search(ctx, audit.Reader{By: id.System("rig")}, query)
		if err != nil {
			return nil, err
		}
		for _, record := range page.Records {
			ends[record.Target]++
		}
		if query.Cursor = page.Cursor; query.Cursor == "" {
			return ends, nil
		}
	}
}
