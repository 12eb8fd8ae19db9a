package card

import (
	"context"

	"github.com/sekisho/sekisho/internal/store"
)

func (r *Room) toTell(*store.Tx, int) error      { return nil }
func (rs *rounds) tellDue(context.Context) error { return nil }
func (rs *rounds) expire(context.Context) error  { return nil }
