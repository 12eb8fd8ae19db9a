package request

import (
	"context"
	"errors"
	"slices"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Keeper keeps what says who decides from being written until a second person has
// approved it (← change).
type Keeper interface {
	// Hold asks for it, and returns what whoever wanted it is answered. wanted is an
	// ApprovalPolicy, an EndedPolicy or a Delegation.
	Hold(ctx context.Context, by id.Principal, in id.Org, wanted any) error
}

// EndedPolicy is a policy that somebody wants to delete.
type EndedPolicy struct {
	Org id.Org
	ID  string
}

// Keep has policies held, and seats that somebody hands over for others. Call it
// before the house starts.
func (h *Hall) Keep(k Keeper) { h.keeper = k }

// orHold asks for what needs a second person.
func (h *Hall) orHold(ctx context.Context, err error, by id.Principal, in id.Org, wanted any) error {
	if h.keeper == nil || fault.Code(err) != store.ErrHeld.Code {
		return err
	}
	return h.keeper.Hold(ctx, by, in, wanted)
}

// PolicyIn reads a policy in the caller's view; the zero ApprovalPolicy if it is
// not there.
func PolicyIn(v *store.View, in id.Org, which string) (ApprovalPolicy, error) {
	p, err := policyByID(v.Org(in), which)
	if errors.Is(err, store.ErrNoRow) {
		return ApprovalPolicy{}, nil
	}
	return p, err
}

// DelegationIn reads a delegation in the caller's view; the zero Delegation if it
// is not there.
func DelegationIn(v *store.View, in id.Org, which string) (Delegation, error) {
	d, err := delegationByID(v.Org(in), which)
	if errors.Is(err, store.ErrNoRow) || fault.As(err) != nil {
		return Delegation{}, nil
	}
	return d, err
}

// Deciding reports whether a policy of an organization names one of some groups
// among those who decide.
func Deciding(v *store.View, in id.Org, groups []id.Group) (bool, error) {
	all, err := policiesIn(v.Org(in))
	names := func(a Approver) bool {
		kind, which := a.Split()
		return kind == "group" && slices.Contains(groups, id.Group(which))
	}
	return slices.ContainsFunc(all, func(p ApprovalPolicy) bool { return slices.ContainsFunc(p.everyApprover(), names) }), err
}

// Managed reports whether a policy of an organization names managers among those
// who decide.
func Managed(v *store.View, in id.Org) (bool, error) {
	all, err := policiesIn(v.Org(in))
	return slices.ContainsFunc(all, func(p ApprovalPolicy) bool { return slices.Contains(p.everyApprover(), Manager) }), err
}

// everyApprover lists all whom a policy names.
func (p ApprovalPolicy) everyApprover() []Approver {
	all := slices.Concat(p.Fallback, p.Escalate.To)
	for _, s := range p.Stages {
		for _, g := range s.Groups {
			all = append(all, g.Approvers...)
		}
	}
	return all
}
