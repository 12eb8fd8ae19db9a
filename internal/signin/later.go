package signin

import (
	"context"

	"github.com/sekisho/sekisho/internal/id"
)

// mostBehind bounds what waits to be done after its answer was given.
const mostBehind = 1024

// later does something after the answer, one after the other: what happens only
// for logins that exist must not show in the time of the answer (A047). When too
// much waits, it is not done at all.
func (r *Room) later(ctx context.Context, do func(context.Context)) {
	ctx = context.WithoutCancel(ctx) // its circumstances, not its end
	select {
	case r.behind <- func() { do(ctx) }:
	default:
		r.log.WarnContext(ctx, "too much waits behind sign-ins: a code was not sent, or a refusal not recorded singly")
	}
}

// catchUp does what waits until ctx ends.
func (r *Room) catchUp(ctx context.Context) {
	for {
		select {
		case do := <-r.behind:
			do()
		case <-ctx.Done():
			return
		}
	}
}

// tellRefused lets the witness count a refused answer: of somebody who exists,
// or, with "", of whoever it was.
func (r *Room) tellRefused(ctx context.Context, who id.Person, code string) {
	if r.refused == nil {
		return
	}
	r.later(ctx, func(ctx context.Context) { r.refused(ctx, who, code) })
}
