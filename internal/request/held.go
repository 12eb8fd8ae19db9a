package request

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Holder is a Releaser of changes that wait for a second person: what is asked
// is not to get something, but to do something that one alone may not. Who could
// make the change decides, never who asked; no rule and no broken glass stands
// in for them, and a policy may ask for more people, or for some of them.
type Holder interface {
	// Able are those who hold what such a change needs, sorted.
	Able(v *store.View, a Ask) ([]id.Person, error)
	// Ready does what is slow or random for a release, outside of transactions.
	Ready(ctx context.Context, a Ask) (any, error)
	// Vouch refuses who could not make the change by themselves.
	Vouch(tx *store.Tx, a Ask, who id.Person) error
	// Made is called after the commit of a release.
	Made(a Ask)
}

// Change is what is kept of a change in Ask.Held, and shown: what must not be
// shown is kept by the Holder.
type Change struct {
	Sort  string       `json:"sort"`  // "change.sort.SORT" is its sentence
	By    id.Principal `json:"by"`    // who asked; a process of the machine is no person
	Thing string       `json:"thing"` // as the witness calls what would change; of something new its kind alone
	Title string       `json:"title"`
	Base  string       `json:"base"` // digest of what it was computed against
	Facts []Fact       `json:"facts,omitempty"`
	Lines []Line       `json:"lines,omitempty"`
}

// Line is a line of a difference: Sign is + - ~ > or empty.
type Line struct {
	Sign string `json:"sign,omitempty"`
	Text string `json:"text"`
}

// Change returns what an ask holds.
func (a Ask) Change() (c Change, ok bool) {
	if len(a.Held) == 0 {
		return c, false
	}
	return c, json.Unmarshal(a.Held, &c) == nil
}

// Able approves what Holders hold: everybody who could make the change.
const Able Approver = "able"

// standing is the policy of changes where no policy names their kind.
func standing(in id.Org, kind string) ApprovalPolicy {
	p := ApprovalPolicy{Org: in, ID: "four-eyes", Name: "four-eyes", Spec: Spec{
		Kinds: []string{kind}, NoReason: true, Stages: []Stage{{Groups: []Panel{{Approvers: []Approver{Able}}}}},
	}}
	p.usual()
	for i := range p.Stages {
		p.Stages[i].check(&fault.Checks{})
	}
	return p
}

// holder is the Holder of a kind, nil for what is let out.
func (h *Hall) holder(kind string) Holder {
	holder, _ := h.releasers[kind].(Holder)
	return holder
}

// checkHeld refuses policies that would let a change through without people.
func (h *Hall) checkHeld(bad *fault.Checks, p ApprovalPolicy) {
	for _, kind := range p.Kinds {
		if h.holder(kind) == nil {
			continue
		}
		if slices.ContainsFunc(p.Rules, func(r Rule) bool { return !r.Refuse }) {
			bad.Add("rules", "policy-change-needs-people")
		}
		if p.Glass > 0 {
			bad.Add("break_glass", "policy-change-needs-people")
		}
	}
}

// impossible says that a stage could never be approved.
func (h *Hall) impossible(kind string) error {
	if h.holder(kind) != nil {
		return fault.New(fault.Unmet, "change-nobody")
	}
	return errImpossible
}

// heldMost is how long a write may take in which a change is tried or made.
const heldMost = 30 * time.Second

// within gives writes about changes the time that they need.
func (h *Hall) within(in id.Org, kind string) store.Handle {
	if h.holder(kind) == nil {
		return h.Store.Org(in)
	}
	return h.Store.Org(in).Within(heldMost)
}

// ready does what is slow for an ask that might be released now.
func (h *Hall) ready(ctx context.Context, in id.Org, which id.Ask) (kind string, ready any, err error) {
	var a Ask
	err = h.Store.Org(in).Read(ctx, func(v *store.View) (err error) {
		a, err = askByID(v, which)
		return err
	})
	holder := h.holder(a.Kind)
	if err != nil || holder == nil || a.State != Open {
		return a.Kind, nil, err
	}
	ready, err = holder.Ready(ctx, a)
	if f := fault.As(err); f != nil && f.Kind != fault.Busy && f.Kind != fault.Broken {
		return a.Kind, f, nil // said where it would be released
	}
	return a.Kind, ready, err
}

// ables leaves of some people those who could make the change themselves. Who
// asked over the control socket could be any of them: two have to approve then,
// so that one of them is somebody else.
func (h *Hall) ables(v *store.View, a Ask, b *bench) error {
	holder := h.holder(a.Kind)
	if holder == nil {
		return nil
	}
	able, err := holder.Able(v, a)
	not := func(one id.Person) bool { return !slices.Contains(able, one) }
	for i := range b.panels {
		b.panels[i].who = slices.DeleteFunc(b.panels[i].who, not)
		if a.Person == "" {
			b.panels[i].need = max(b.panels[i].need, 2)
		}
	}
	for seat, all := range b.delegates {
		b.delegates[seat] = slices.DeleteFunc(all, not)
	}
	b.approvers = nil // by name, for whoever is able is no group or role
	for _, s := range b.panels {
		for _, one := range s.who {
			b.approvers = append(b.approvers, "person:"+string(one))
		}
	}
	return err
}

// vouched holds who approves a change to what they could do themselves.
func (w *work) vouched(approve bool, who id.Person) error {
	holder := w.hall.holder(w.ask.Kind)
	if holder == nil || !approve {
		return nil
	}
	if f, bad := w.ask.Ready.(*fault.Fault); bad {
		return f
	}
	return holder.Vouch(w.tx, w.ask, who)
}

// spoil ends a change that cannot be made any more. It commits; whoever pressed
// is told why, and who asked to ask again.
func (w *work) spoil(f *fault.Fault) store.End {
	w.end(Void, hallKeeper, f.Code)
	return w.refuse(f)
}

// heldTrouble refuses what only a Holder asks for, and times for what has none.
func (h *Hall) heldTrouble(a Ask, wanted Wanted) *fault.Fault {
	switch holder := h.holder(a.Kind); {
	case holder == nil:
		return nil
	case wanted.Keep == nil || a.Break || a.Extends != "" || !a.From.IsZero():
		return fault.New(fault.NotFound, "target-unknown")
	}
	return nil
}

// Asks says who asks: a person, or a process of the machine, whose person nobody
// knows.
func (s Sheet) Asks(say func(key string, pairs ...any) string) string {
	c, held := s.Ask.Change()
	if !held {
		return s.Requester.Name
	}
	if s.Ask.Person == "" {
		return say("ask.by.machine", "user", string(c.By))
	}
	return s.Requester.Name + " (" + s.Requester.Login + ")"
}
