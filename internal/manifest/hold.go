package manifest

import (
	"context"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Holder keeps applies from being made until a second person has approved it
// (← change).
type Holder interface {
	// HoldApply asks for it, and returns what whoever wanted it is answered. plan
	// was tried as who applies.
	HoldApply(ctx context.Context, docs []Document, o Options, plan *Plan) error
}

// Hold has every apply that would change something held. Call it before the
// house starts.
func (s *Set) Hold(h Holder) { s.holder = h }

// hold asks for an apply; false: it changes nothing, and needs nobody.
func (s *Set) hold(ctx context.Context, st *store.Store, docs []Document, o Options) (held bool, err error) {
	plan, err := s.Plan(ctx, st, docs, o)
	switch {
	case err != nil:
		return false, err
	case o.Digest != "" && o.Digest != plan.Digest:
		return false, errPlanChanged
	case plan.Empty():
		return false, nil
	}
	return true, s.holder.HoldApply(ctx, docs, o, plan)
}

// Ready is an apply that is made in the write of whoever holds it: all that is
// slow is done.
type Ready struct {
	attempt *attempt
	made    map[string]any
}

// Prepare does what is slow of an apply; the options have the digest of the plan
// that was shown.
func (s *Set) Prepare(ctx context.Context, st *store.Store, docs []Document, o Options) (*Ready, error) {
	a := s.attempt(docs, o)
	made, err := a.prepare(ctx, st)
	return &Ready{a, made}, err
}

// Apply makes the apply as by, in the caller's write. It may be called again
// after what it wrote was taken back.
func (r *Ready) Apply(tx *store.Tx, by id.Principal) ([]store.Event, error) {
	r.attempt.options.By = by
	return r.attempt.apply(tx.House(), r.made)
}

// Applied tells the kinds after the commit.
func (r *Ready) Applied() {
	if r.attempt.plan != nil {
		r.attempt.set.applied(r.attempt.plan)
	}
}
