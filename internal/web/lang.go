package web

import (
	"context"
	"time"

	"github.com/sekisho/sekisho/internal/words"
)

// LangOf returns the language of the reader of the request that ctx belongs to.
func LangOf(ctx context.Context) words.Lang { return recordOf(ctx).lang }

// Fresh is what Route.Fresh asks, for a handler that needs it for some inputs
// only: nil if the actor proved who they are within that time.
func (a Actor) Fresh(within time.Duration, now time.Time) error { return a.stepUp(within, now) }
