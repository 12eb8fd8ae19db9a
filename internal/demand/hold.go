package demand

import (
	"context"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Holder keeps policies from being changed or deleted until a second person has
// approved it (← change).
type Holder interface {
	// Hold asks for it, and returns what whoever wanted it is answered. wanted is a
	// SignInPolicy or an EndedPolicy.
	Hold(ctx context.Context, by id.Principal, in id.Org, wanted any) error
}

// EndedPolicy is a policy that somebody wants to delete.
type EndedPolicy struct{ SignInPolicy }

// Hold has every policy that is changed or deleted held. Call it before the house
// starts.
func (r *Rules) Hold(h Holder) { r.holder = h }

// orHold asks for what needs a second person.
func (r *Rules) orHold(ctx context.Context, err error, by id.Principal, in id.Org, wanted any) error {
	if r.holder == nil || fault.Code(err) != store.ErrHeld.Code {
		return err
	}
	return r.holder.Hold(ctx, by, in, wanted)
}

// PolicyIn reads a policy in the caller's view; the zero SignInPolicy if it is
// not there.
func PolicyIn(v *store.View, in id.Org, which string) (SignInPolicy, error) {
	all, err := policiesOf(v.Org(in))
	for _, p := range all {
		if p.ID == which {
			return p, err
		}
	}
	return SignInPolicy{}, err
}
