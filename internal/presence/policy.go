package presence

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// Policy says how surely cards of an organization are decided.
type Policy struct {
	Org     id.Org
	ID      string
	Name    string // unique in the organization
	Version int64
	Spec
}

// Spec is what a policy says.
type Spec struct {
	Kinds   []string       `json:"kinds,omitempty"`   // of Kinds; none: every kind
	Systems []id.Connector `json:"systems,omitempty"` // outside systems; none: all
	When    string         `json:"when,omitempty"`    // CEL; "" is always
	Level   string         `json:"level,omitempty"`   // of Levels
	Within  time.Duration  `json:"within,omitempty"`
	Urgent  bool           `json:"urgent,omitempty"`
}

// Kinds are who asks: an outside system, the hall, an app.
var Kinds = []string{"outside", "ask", "app"}

// Bounds of what a policy says.
const (
	withinLeast, withinMost = time.Minute, 24 * time.Hour
	systemsMost             = 100
	policiesMost            = 100
)

// Settle returns all that is wrong (card-policy-invalid), nil for nothing.
func (p *Policy) Settle() *fault.Fault {
	var bad fault.Checks
	if !org.NameForm.MatchString(p.Name) {
		bad.Add("name", "name-malformed", "limit", 64)
	}
	for _, kind := range p.Kinds {
		if !slices.Contains(Kinds, kind) {
			bad.Add("kinds", "card-policy-kind-unknown", "kind", kind, "known", strings.Join(Kinds, ", "))
		}
	}
	slices.Sort(p.Kinds)
	slices.Sort(p.Systems)
	p.Kinds, p.Systems = slices.Compact(p.Kinds), slices.Compact(p.Systems)
	if len(p.Systems) > systemsMost {
		bad.Add("systems", "list-too-long", "limit", systemsMost)
	}
	if p.Level != "" && Rank(p.Level) < 0 {
		bad.Add("level", "card-policy-level-unknown", "level", p.Level, "known", strings.Join(Levels, ", "))
	}
	if p.Within != 0 && (p.Within < withinLeast || p.Within > withinMost) {
		bad.Add("within", "duration-out-of-bounds", "least", withinLeast.String(), "most", withinMost.String())
	}
	if p.Level == "" && p.Within == 0 && !p.Urgent {
		bad.Add("level", "card-policy-says-nothing")
	}
	if p.When != "" {
		compiles(&bad, p.When)
	}
	return bad.Fault("card-policy-invalid")
}

// applies reports whether a policy is about a question. A condition that fails
// applies; failed says so.
func (p Policy) applies(q Question, facts func() map[string]any) (yes, failed bool) {
	if len(p.Kinds) > 0 && !slices.Contains(p.Kinds, q.Kind) || len(p.Systems) > 0 && !slices.Contains(p.Systems, q.System) {
		return false, false
	}
	if p.When == "" {
		return true, false
	}
	return judge(p.When, facts())
}

// For says what is asked of whoever decides a question, in the caller's view.
// A nil desk asks for nothing.
func (k *Desk) For(v *store.View, q Question) (d Demand, err error) {
	if k == nil {
		return d, nil
	}
	all, err := policiesIn(v.Org(q.Org))
	if err != nil {
		return d, err
	}
	var known map[string]any
	facts := func() map[string]any {
		if known == nil {
			known = q.facts(v.Now())
		}
		return known
	}
	for _, p := range all {
		yes, failed := p.applies(q, facts)
		if yes {
			d.add(p)
			d.Urgent = d.Urgent || p.Urgent && !failed
		}
	}
	return d, nil
}

func (p Policy) event(name string, by id.Principal) store.Event {
	return store.Event{Name: name, Org: p.Org, By: by, Target: "card-policy:" + p.ID, Fields: map[string]string{
		"name": p.Name, "kinds": strings.Join(p.Kinds, " "), "when": p.When, "level": p.Level, "within": p.Within.String(), "urgent": yesNo(p.Urgent),
	}}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// Policies lists the policies of an organization by name.
func (k *Desk) Policies(ctx context.Context, in id.Org) (all []Policy, err error) {
	err = k.Store.Org(in).Read(ctx, func(v *store.View) (err error) {
		all, err = policiesIn(v)
		return err
	})
	return all, err
}

var errNoPolicy = fault.New(fault.NotFound, "card-policy-unknown")

// Policy returns one policy.
func (k *Desk) Policy(ctx context.Context, in id.Org, which string) (p Policy, err error) {
	err = k.Store.Org(in).Read(ctx, func(v *store.View) (err error) {
		p, err = policyByID(v, which)
		return err
	})
	return p, err
}

// Put makes a policy (p.Version 0) or changes one. It counts for the next
// decision.
func (k *Desk) Put(ctx context.Context, by id.Principal, p Policy) (Policy, error) {
	if p.ID == "" {
		p.ID = id.New[string](k.Clock.Now())
	}
	err := k.Store.Org(p.Org).Write(ctx, func(tx *store.Tx) store.End {
		e, err := k.Set(tx, by, &p)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(e)
	})
	if err != nil {
		return p, k.orHold(ctx, err, by, p.Org, p)
	}
	p.Version++
	return p, nil
}

// Set is Put in the caller's write, with p.ID.
func (k *Desk) Set(tx *store.Tx, by id.Principal, p *Policy) (store.Event, error) {
	in := tx.Org(p.Org)
	if err := k.Register.Need(&in.View, by, p.Org, Permission); err != nil {
		return store.Event{}, err
	}
	if f := p.Settle(); f != nil {
		return store.Event{}, f
	}
	systems, err := connector.Loaded(&in.View)
	if err != nil {
		return store.Event{}, err
	}
	for _, which := range p.Systems {
		if !slices.ContainsFunc(systems, func(s connector.System) bool { return s.ID == which }) {
			var bad fault.Checks
			bad.Add("systems", "card-policy-system-unknown", "system", string(which))
			return store.Event{}, bad.Fault("card-policy-invalid")
		}
	}
	if p.Version > 0 && k.holder != nil && tx.Held(by, "card-policy:"+p.ID) { // a new one asks for more
		return store.Event{}, store.ErrHeld
	}
	return p.event("card-policy.written", by), putPolicy(in, *p)
}

// Drop deletes a policy.
func (k *Desk) Drop(ctx context.Context, by id.Principal, in id.Org, which string) error {
	err := k.Store.Org(in).Write(ctx, func(tx *store.Tx) store.End {
		e, err := k.DropIn(tx, by, in, which)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(e)
	})
	return k.orHold(ctx, err, by, in, Ended{Org: in, ID: which})
}

// DropIn is Drop in the caller's write.
func (k *Desk) DropIn(tx *store.Tx, by id.Principal, in id.Org, which string) (store.Event, error) {
	scoped := tx.Org(in)
	if err := k.Register.Need(&scoped.View, by, in, Permission); err != nil {
		return store.Event{}, err
	}
	p, err := policyByID(&scoped.View, which)
	if err != nil {
		return store.Event{}, err
	}
	if k.holder != nil && tx.Held(by, "card-policy:"+p.ID) {
		return store.Event{}, store.ErrHeld
	}
	return p.event("card-policy.deleted", by), dropPolicy(scoped, which)
}

// orUnknown turns a missing row into the answer for it.
func orUnknown(err error) error {
	if errors.Is(err, store.ErrNoRow) {
		return errNoPolicy
	}
	return err
}
