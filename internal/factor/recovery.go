package factor

import (
	"context"
	"strconv"

	"github.com/sekisho/sekisho/internal/factor/recovery"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// MakeRecovery makes a person's recovery codes anew and returns them, once: the
// house keeps only their digests. Those from before do not count any more.
func (r *Room) MakeRecovery(ctx context.Context, who id.Person) ([]secret.Text, error) {
	codes := recovery.New()
	digests := make([]string, len(codes))
	for i, code := range codes {
		digest, err := recovery.Digest(who, code)
		if err != nil {
			return nil, err
		}
		digests[i] = digest
	}
	by := id.OfPerson(who)
	told, err := r.Tell(ctx, who, by, "recovery-made")
	if err != nil {
		return nil, err
	}
	err = r.change(ctx, who, func(tx *store.Tx) (store.Event, error) {
		if err := putRecovery(tx, digests); err != nil {
			return store.Event{}, err
		}
		return happened("recovery.made", by, who, map[string]string{"codes": strconv.Itoa(len(digests))}), told.Queue(tx)
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}
