package web

import (
	"context"

	"github.com/sekisho/sekisho/internal/words"
)

// LangOf returns the language of the reader of the request that ctx belongs to.
func LangOf(ctx context.Context) words.Lang { return recordOf(ctx).lang }
