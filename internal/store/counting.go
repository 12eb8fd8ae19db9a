package store

import (
	"context"
	"sync/atomic"
)

type countingKey struct{}

// Counting returns a context under which the statements that read are counted,
// for tests that hold a page to a number of them.
func Counting(ctx context.Context) (context.Context, *atomic.Int64) {
	n := &atomic.Int64{}
	return context.WithValue(ctx, countingKey{}, n), n
}

func counted(ctx context.Context) {
	if n, _ := ctx.Value(countingKey{}).(*atomic.Int64); n != nil {
		n.Add(1)
	}
}
