package request

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// unshown are controls, and the marks that turn the direction of text.
var unshown = regexp.MustCompile(`[\x00-\x08\x0b-\x1f\x7f-\x9f\x{061c}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}]`)

// Warder is a Releaser that says who may open its targets to asks: whoever
// writes a policy must be able to give what it lets out (A123).
type Warder interface {
	// MayLend refuses who may not give a target; "" is every one of the kind.
	MayLend(v *store.View, by id.Principal, in id.Org, target string) error
}

func (p ApprovalPolicy) event(name string, by id.Principal) store.Event {
	return store.Event{Name: name, Org: p.Org, By: by, Target: "approval-policy:" + p.ID, Fields: map[string]string{
		"name": p.Name, "kinds": strings.Join(p.Kinds, " "), "targets": strings.Join(p.Targets, " "), "when": p.When, "stages": strconv.Itoa(len(p.Stages)),
	}}
}

// Policies returns the policies of an organization in the order in which they
// are asked.
func (h *Hall) Policies(ctx context.Context, in id.Org) (all []ApprovalPolicy, err error) {
	err = h.Store.Org(in).Read(ctx, func(v *store.View) (err error) {
		all, err = policiesIn(v)
		return err
	})
	return all, err
}

var errNoPolicy = fault.New(fault.NotFound, "policy-unknown-here")

// GetPolicy returns one policy.
func (h *Hall) GetPolicy(ctx context.Context, in id.Org, which string) (p ApprovalPolicy, err error) {
	err = h.Store.Org(in).Read(ctx, func(v *store.View) (err error) {
		p, err = policyByID(v, which)
		return err
	})
	if errors.Is(err, store.ErrNoRow) {
		err = errNoPolicy
	}
	return p, err
}

// PutPolicy makes a policy (p.Version 0) or changes one. Open asks are decided
// by the policies as they are when somebody decides.
func (h *Hall) PutPolicy(ctx context.Context, by id.Principal, p ApprovalPolicy) (ApprovalPolicy, error) {
	if p.ID == "" {
		p.ID = id.New[string](h.Clock.Now())
	}
	err := h.Store.Org(p.Org).Write(ctx, func(tx *store.Tx) store.End {
		e, err := h.SetPolicy(tx, by, &p)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(e)
	})
	if err != nil {
		return p, h.orHold(ctx, err, by, p.Org, p)
	}
	p.Version++
	return p, nil
}

// SetPolicy is PutPolicy in the caller's write, with p.ID.
func (h *Hall) SetPolicy(tx *store.Tx, by id.Principal, p *ApprovalPolicy) (store.Event, error) {
	in := tx.Org(p.Org)
	if err := h.Register.Need(&in.View, by, p.Org, Policy); err != nil {
		return store.Event{}, err
	}
	if f := p.Settle(); f != nil {
		return store.Event{}, f
	}
	if f := h.known(*p); f != nil {
		return store.Event{}, f
	}
	if p.Version != 0 {
		before, err := policyByID(&in.View, p.ID)
		if errors.Is(err, store.ErrNoRow) {
			err = errNoPolicy
		}
		if err == nil {
			err = h.mayLend(&in.View, by, before)
		}
		if err != nil {
			return store.Event{}, err
		}
	}
	if err := h.mayLend(&in.View, by, *p); err != nil {
		return store.Event{}, err
	}
	if h.keeper != nil && tx.Held(by, "approval-policy:"+p.ID) {
		return store.Event{}, store.ErrHeld
	}
	if err := Reseat(tx, p.Org, tx.Now()); err != nil { // who decides about what is open may be others now
		return store.Event{}, err
	}
	return p.event("approval-policy.written", by), putPolicy(in, *p)
}

// known refuses kinds that nobody releases.
func (h *Hall) known(p ApprovalPolicy) *fault.Fault {
	var bad fault.Checks
	for _, kind := range p.Kinds {
		if h.releasers[kind] == nil {
			bad.Add("kinds", "policy-kind-unknown", "kind", kind)
		}
	}
	for _, target := range p.Targets {
		if kind, which, ok := strings.Cut(target, ":"); !ok || which == "" || h.releasers[kind] == nil || len(p.Kinds) > 0 && !slices.Contains(p.Kinds, kind) {
			bad.Add("targets", "policy-kind-unknown", "kind", target)
		}
	}
	h.checkHeld(&bad, p)
	return bad.Fault("policy-invalid")
}

// mayLend refuses to open to asks what whoever writes the policy could not give.
func (h *Hall) mayLend(v *store.View, by id.Principal, p ApprovalPolicy) error {
	for kind, releaser := range h.releasers {
		warder, ok := releaser.(Warder)
		if !ok || len(p.Kinds) > 0 && !slices.Contains(p.Kinds, kind) {
			continue
		}
		if len(p.Targets) == 0 {
			if err := warder.MayLend(v, by, p.Org, ""); err != nil {
				return err
			}
		}
		for _, target := range p.Targets {
			if of, which, _ := strings.Cut(target, ":"); of == kind {
				if err := warder.MayLend(v, by, p.Org, which); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// MayLend refuses who could not give a target, KIND:ID, and so must not say who
// decides about it.
func (h *Hall) MayLend(v *store.View, by id.Principal, in id.Org, target string) error {
	kind, which, _ := strings.Cut(target, ":")
	if warder, ok := h.releasers[kind].(Warder); ok {
		return warder.MayLend(v, by, in, which)
	}
	return nil
}

// EndPolicy deletes a policy.
func (h *Hall) EndPolicy(ctx context.Context, by id.Principal, in id.Org, which string) error {
	err := h.Store.Org(in).Write(ctx, func(tx *store.Tx) store.End {
		e, err := h.DropPolicy(tx, by, in, which)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(e)
	})
	return h.orHold(ctx, err, by, in, EndedPolicy{Org: in, ID: which})
}

// DropPolicy is EndPolicy in the caller's write.
func (h *Hall) DropPolicy(tx *store.Tx, by id.Principal, in id.Org, which string) (store.Event, error) {
	scoped := tx.Org(in)
	if err := h.Register.Need(&scoped.View, by, in, Policy); err != nil {
		return store.Event{}, err
	}
	p, err := policyByID(&scoped.View, which)
	if errors.Is(err, store.ErrNoRow) {
		err = errNoPolicy
	}
	if err != nil {
		return store.Event{}, err
	}
	if h.keeper != nil && tx.Held(by, "approval-policy:"+p.ID) {
		return store.Event{}, store.ErrHeld
	}
	return p.event("approval-policy.deleted", by), errors.Join(dropPolicy(scoped, which), Reseat(tx, in, tx.Now()))
}
