package store

import (
	"context"
	"errors"
)

// ErrRehearsed is what Write returns of a rehearsal that would have committed.
var ErrRehearsed = errors.New("store: rehearsed, nothing was written")

type rehearseKey struct{}

// Rehearsing makes every Write under the context a rehearsal: the rules run on
// what is there, and what they refuse is refused as it would be, but where the
// commit stands nothing is kept and ErrRehearsed comes back. A refusal that costs
// something (Refused) costs nothing. Nothing after the first write of a caller
// is reached.
func Rehearsing(ctx context.Context) context.Context {
	return context.WithValue(ctx, rehearseKey{}, true)
}

func rehearses(ctx context.Context) bool { return ctx.Value(rehearseKey{}) != nil }

// rehearsed rolls back whatever f ends in.
func rehearsed(f func(*Tx) End) func(*Tx) End {
	return func(tx *Tx) End {
		switch end := f(tx); end.kind {
		case endDone, endQuiet:
			return Abort(ErrRehearsed)
		case endRefused:
			return Abort(end.fault)
		default:
			return end
		}
	}
}
