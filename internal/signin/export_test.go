package signin

import (
	"context"
	"time"
)

// SweepAttempts does what Run does every few seconds.
func (r *Room) SweepAttempts(ctx context.Context, now time.Time) error {
	return r.seenAndOver(ctx, nil, now)
}
