package presence

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
	// Policy or an Ended.
	Hold(ctx context.Context, by id.Principal, in id.Org, wanted any) error
}

// Ended is a policy that somebody wants to delete.
type Ended struct {
	Org id.Org
	ID  string
}

// Hold has every policy that is changed or deleted held. Call it before the house
// starts.
func (k *Desk) Hold(h Holder) { k.holder = h }

// orHold asks for what needs a second person.
func (k *Desk) orHold(ctx context.Context, err error, by id.Principal, in id.Org, wanted any) error {
	if k.holder == nil || fault.Code(err) != store.ErrHeld.Code {
		return err
	}
	return k.holder.Hold(ctx, by, in, wanted)
}

// PolicyIn reads a policy in the caller's view; the zero Policy if it is not there.
func PolicyIn(v *store.View, in id.Org, which string) (Policy, error) {
	p, err := policyByID(v.Org(in), which)
	if fault.As(err) != nil {
		return Policy{}, nil
	}
	return p, err
}
