package ticket

import (
	"context"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
)

// ring takes a proven ring: which records it is about, and nothing else of it.
// One that is not proven, and a system that is switched off, has no bell or is
// not there answer alike, so that nobody finds out which identifiers there are
// (C25).
func (r *Room) ring(ctx context.Context, which id.Connector, b connector.Bell) error {
	s, records, err := r.desk.Ring(ctx, which, b)
	if f := fault.As(err); f != nil && (f.Kind == fault.NotFound || f.Kind == fault.Unknown) {
		return fault.New(fault.Forbidden, "connector-ring-unproved")
	}
	if err != nil {
		return err
	}
	if r.rung != nil && len(records) > 0 {
		r.rung(ctx, s.Org, s.ID, records)
	}
	return nil
}
