package request

import (
	"context"
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// Delegation lets somebody decide in another's place for a time. Whose place it
// is stays visible in every decision.
type Delegation struct {
	Org     id.Org
	ID      string
	Name    string // unique in the organization, for manifests; made from the id if empty
	From    id.Person
	To      id.Person
	Starts  time.Time
	Ends    time.Time
	Kinds   []string // none: everything that can be asked for
	Reason  string
	Version int64
}

func (d Delegation) covers(kind string) bool {
	return len(d.Kinds) == 0 || slices.Contains(d.Kinds, kind)
}

func (d Delegation) event(name string, by id.Principal) store.Event {
	return store.Event{Name: name, Org: d.Org, By: by, Target: "delegation:" + d.ID, Fields: map[string]string{
		"name": d.Name, "from": string(d.From), "to": string(d.To), "reason": d.Reason,
		"starts": d.Starts.UTC().Format(time.RFC3339), "ends": d.Ends.UTC().Format(time.RFC3339),
	}}
}

// ReasonMost is how long what somebody writes to an ask may be, in characters.
const ReasonMost = 1000

// Settle brings a delegation into the form in which it is kept, and returns all
// that is wrong with it (delegation-invalid), nil for nothing.
func (d *Delegation) Settle() *fault.Fault {
	var bad fault.Checks
	if d.Name == "" {
		d.Name = "delegation-" + d.ID
	}
	if !org.NameForm.MatchString(d.Name) {
		bad.Add("name", "name-malformed", "limit", 64)
	}
	if d.To == "" {
		bad.Add("to", "field-required")
	}
	if d.To == d.From {
		bad.Add("to", "delegation-to-oneself")
	}
	if d.Starts.IsZero() {
		bad.Add("starts", "field-required")
	}
	switch {
	case d.Ends.IsZero():
		bad.Add("ends", "field-required")
	case !d.Ends.After(d.Starts):
		bad.Add("ends", "ask-ends-before-it-begins")
	case d.Ends.Sub(d.Starts) > LengthMost:
		bad.Add("ends", "policy-time-out-of-range")
	}
	checkText(&bad, "reason", d.Reason, false)
	d.Starts, d.Ends = d.Starts.UTC().Truncate(time.Microsecond), d.Ends.UTC().Truncate(time.Microsecond)
	slices.Sort(d.Kinds)
	d.Kinds = slices.Compact(d.Kinds)
	return bad.Fault("delegation-invalid")
}

// checkText refuses what cannot be shown as it is: controls, and the marks that
// turn the direction of what follows (A128).
func checkText(bad *fault.Checks, path, text string, required bool) {
	switch {
	case text == "" && required:
		bad.Add(path, "field-required")
	case !utf8.ValidString(text):
		bad.Add(path, "text-not-utf8")
	case utf8.RuneCountInString(text) > ReasonMost:
		bad.Add(path, "field-too-long", "limit", ReasonMost)
	case unshown.MatchString(text):
		bad.Add(path, "text-has-controls")
	}
}

// Delegate makes a delegation (d.Version 0) or changes one. Everybody hands
// over what is theirs; whoever says who decides (Policy) may do it for others.
func (h *Hall) Delegate(ctx context.Context, by id.Principal, d Delegation) (Delegation, error) {
	if d.ID == "" {
		d.ID = string(id.New[id.Ask](h.Clock.Now()))
	}
	err := h.Store.Org(d.Org).Write(ctx, func(tx *store.Tx) store.End {
		e, err := h.SetDelegation(tx, by, &d)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(e)
	})
	if err != nil {
		return d, h.orHold(ctx, err, by, d.Org, d)
	}
	d.Version++
	return d, nil
}

// SetDelegation is Delegate in the caller's write, with d.ID.
func (h *Hall) SetDelegation(tx *store.Tx, by id.Principal, d *Delegation) (store.Event, error) {
	in := tx.Org(d.Org)
	if f := d.Settle(); f != nil {
		return store.Event{}, f
	}
	if d.Version != 0 {
		before, err := delegationByID(&in.View, d.ID)
		if err != nil {
			return store.Event{}, err
		}
		if err := h.mayDelegate(&in.View, by, before.Org, before.From); err != nil {
			return store.Event{}, err
		}
	}
	if err := h.mayDelegate(&in.View, by, d.Org, d.From); err != nil {
		return store.Event{}, err
	}
	active, err := org.ActiveIn(&in.View, d.Org, []id.Person{d.To})
	if err != nil {
		return store.Event{}, err
	}
	if len(active) == 0 {
		var bad fault.Checks
		bad.Add("to", "member-unknown", "person", string(d.To))
		return store.Event{}, bad.Fault("delegation-invalid")
	}
	if h.keeper != nil && by.Person() != d.From && tx.Held(by, "delegation:"+d.ID) {
		return store.Event{}, store.ErrHeld
	}
	return d.event("delegation.written", by), errors.Join(putDelegation(in, *d), d.reseat(in))
}

// reseat has open questions follow a delegation: now, and when it begins and
// ends.
func (d Delegation) reseat(tx *store.Tx) error {
	now := tx.Now()
	err := Reseat(tx, d.Org, now)
	for _, at := range []time.Time{d.Starts, d.Ends} {
		if at.After(now) {
			err = errors.Join(err, Reseat(tx, d.Org, at))
		}
	}
	return err
}

func (h *Hall) mayDelegate(v *store.View, by id.Principal, in id.Org, from id.Person) error {
	if by.Person() != "" && by.Person() == from {
		_, err := org.MemberIn(v, in, from)
		return err
	}
	return h.Register.Need(v, by, in, Policy)
}

// EndDelegation takes a delegation back.
func (h *Hall) EndDelegation(ctx context.Context, by id.Principal, in id.Org, which string) error {
	return h.Store.Org(in).Write(ctx, func(tx *store.Tx) store.End {
		e, err := h.DropDelegation(tx, by, in, which)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(e)
	})
}

// DropDelegation is EndDelegation in the caller's write.
func (h *Hall) DropDelegation(tx *store.Tx, by id.Principal, in id.Org, which string) (store.Event, error) {
	scoped := tx.Org(in)
	d, err := delegationByID(&scoped.View, which)
	if err == nil {
		if err = h.mayDelegate(&scoped.View, by, in, d.From); fault.Code(err) == "not-permitted" {
			err = errNoDelegation
		}
	}
	if err != nil {
		return store.Event{}, err
	}
	return d.event("delegation.dropped", by), errors.Join(dropDelegation(scoped, which), Reseat(tx, in, tx.Now()))
}

var errNoDelegation = fault.New(fault.NotFound, "delegation-unknown")

// DelegationsOf returns what a person handed over and what was handed to them,
// in all organizations, without what is over.
func (h *Hall) DelegationsOf(ctx context.Context, who id.Person) (all []Delegation, err error) {
	err = h.Store.Self(who).Read(ctx, func(v *store.View) (err error) {
		all, err = delegationsFrom(v)
		return err
	})
	return all, err
}

// Delegations returns those of an organization that are not over, by name.
func (h *Hall) Delegations(ctx context.Context, in id.Org) (all []Delegation, err error) {
	err = h.Store.Org(in).Read(ctx, func(v *store.View) (err error) {
		all, err = delegationsIn(v, v.Now())
		return err
	})
	return all, err
}

// Forget ends what a person handed over and what was handed to them, in the
// write that deletes them. Their asks stay, without a name.
func (h *Hall) Forget(tx *store.Tx, who id.Person) error {
	return errors.Join(forgetDelegations(tx.Self(who)), dropStir(tx.Self(who)))
}
