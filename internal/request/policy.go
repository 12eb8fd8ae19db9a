package request

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/rule"
	"github.com/sekisho/sekisho/internal/store"
)

// ApprovalPolicy says who decides about what is asked for in an organization,
// and within which bounds. The first one, by place and name, that applies to an
// ask decides about it; what none applies to cannot be asked for.
type ApprovalPolicy struct {
	Org     id.Org
	ID      string
	Name    string
	Place   int // lower ones are asked first
	Version int64
	Spec
}

// Spec is what a policy says. Things and people are identifiers here; manifests
// and pages call them by name.
type Spec struct {
	Kinds   []string `json:"kinds,omitempty"`   // none: every kind
	Targets []string `json:"targets,omitempty"` // KIND:ID; none: all of the kinds
	When    string   `json:"when,omitempty"`    // CEL; "" is always
	Stages  []Stage  `json:"stages,omitempty"`
	// Fallback decides where nobody of a group can.
	Fallback []Approver `json:"fallback,omitempty"`
	// Rules decide in place of people, the first that holds; refusing ones go
	// before approving ones.
	Rules []Rule `json:"rules,omitempty"`
	// Expires is how long the question waits for its last decision.
	Expires time.Duration `json:"expires"`
	// Most and Usual bound and propose how long it is out; Endless lets it be
	// out until it is given back.
	Most    time.Duration `json:"most"`
	Usual   time.Duration `json:"usual"`
	Endless bool          `json:"endless,omitempty"`
	// Ahead is how far in the future the start may lie, whatever the length.
	Ahead time.Duration `json:"ahead"`
	// NoReason lets people ask without a reason.
	NoReason  bool            `json:"no_reason,omitempty"`
	Reminders []time.Duration `json:"reminders,omitempty"` // after a stage opened
	Escalate  Escalation      `json:"escalate"`
	// Glass is for how long the glass may be broken; 0: it may not.
	Glass time.Duration `json:"glass,omitempty"`
}

// Stage is decided before the next one opens.
type Stage struct {
	Title  string  `json:"title,omitempty"`
	Groups []Panel `json:"groups"`
	// Any: one group is enough; otherwise each decides, by people of its own.
	Any bool `json:"any,omitempty"`
	// Refuse is how many refusals end it; 0 is 1.
	Refuse int `json:"refuse,omitempty"`
}

// Panel is a group of a stage: Need of its approvers approve; 0 is 1.
type Panel struct {
	Approvers []Approver `json:"approvers"`
	Need      int        `json:"need,omitempty"`
}

// Escalation asks further people when a stage waited for so long.
type Escalation struct {
	After time.Duration `json:"after,omitempty"`
	To    []Approver    `json:"to,omitempty"`
}

// Rule decides in place of people.
type Rule struct {
	Name   string `json:"name"`
	When   string `json:"when"`
	Refuse bool   `json:"refuse,omitempty"`
}

// Approver is who decides: person:ID, group:ID, role:ID, on-call:NAME, or
// manager (of who would get it) and owner (of the target).
type Approver string

// The approvers that are found out from the ask.
const (
	Manager Approver = "manager"
	Owner   Approver = "owner"
)

// Split returns the kind of approver and whom it names.
func (a Approver) Split() (kind, which string) {
	kind, which, _ = strings.Cut(string(a), ":")
	return kind, which
}

// LengthMost is how long anything may be let out, or be waited for.
const LengthMost = 366 * 24 * time.Hour

// Bounds of what a policy says.
const (
	stagesMost, panelsMost, approversMost, needMost = 8, 8, 20, 20
	rulesMost, remindersMost                        = 20, 5
	usualExpires, usualMost, usualAhead             = 72 * time.Hour, 8 * time.Hour, 30 * 24 * time.Hour
)

// Settle fills in what was not said and returns all that is wrong
// (policy-invalid), nil for nothing.
func (p *ApprovalPolicy) Settle() *fault.Fault {
	var bad fault.Checks
	if !org.NameForm.MatchString(p.Name) {
		bad.Add("name", "name-malformed", "limit", 64)
	}
	p.usual()
	p.checkTimes(&bad)
	if p.When != "" {
		compiles(&bad, "when", p.When)
	}
	if len(p.Stages) == 0 && !slices.ContainsFunc(p.Rules, func(r Rule) bool { return !r.Refuse }) {
		bad.Add("stages", "field-required")
	}
	if len(p.Stages) > stagesMost {
		bad.Add("stages", "list-too-long", "limit", stagesMost)
	}
	for i := range p.Stages {
		p.Stages[i].check(&bad)
	}
	checkApprovers(&bad, "fallback", p.Fallback)
	checkApprovers(&bad, "escalate", p.Escalate.To)
	if (p.Escalate.After > 0) != (len(p.Escalate.To) > 0) {
		bad.Add("escalate", "policy-escalation-half")
	}
	if len(p.Rules) > rulesMost {
		bad.Add("rules", "list-too-long", "limit", rulesMost)
	}
	seen := map[string]bool{}
	for _, r := range p.Rules {
		if !org.NameForm.MatchString(r.Name) || seen[r.Name] {
			bad.Add("rules", "name-malformed", "limit", 64)
		}
		seen[r.Name] = true
		compiles(&bad, "rules", r.When)
	}
	return bad.Fault("policy-invalid")
}

func (p *ApprovalPolicy) usual() {
	if p.Expires == 0 {
		p.Expires = usualExpires
	}
	if p.Most == 0 {
		p.Most = usualMost
	}
	if p.Usual == 0 {
		p.Usual = min(p.Most, usualMost)
	}
	if p.Ahead == 0 {
		p.Ahead = usualAhead
	}
	slices.Sort(p.Reminders)
	p.Reminders = slices.Compact(p.Reminders)
}

func (p *ApprovalPolicy) checkTimes(bad *fault.Checks) {
	for path, d := range map[string]time.Duration{"expires": p.Expires, "max_duration": p.Most, "usual_duration": p.Usual, "ahead": p.Ahead} {
		if d < time.Minute || d > LengthMost {
			bad.Add(path, "policy-time-out-of-range")
		}
	}
	if p.Usual > p.Most {
		bad.Add("usual_duration", "policy-usual-over-most")
	}
	if p.Glass < 0 || p.Glass > p.Most {
		bad.Add("break_glass", "policy-usual-over-most")
	}
	if p.Escalate.After < 0 || p.Escalate.After >= p.Expires {
		bad.Add("escalate", "policy-after-expiry")
	}
	if len(p.Reminders) > remindersMost {
		bad.Add("reminders", "list-too-long", "limit", remindersMost)
	}
	for _, d := range p.Reminders {
		if d < time.Minute || d >= p.Expires {
			bad.Add("reminders", "policy-after-expiry")
		}
	}
}

func (s *Stage) check(bad *fault.Checks) {
	if len(s.Groups) == 0 || len(s.Groups) > panelsMost {
		bad.Add("stages", "policy-stage-empty")
	}
	checkText(bad, "stages", s.Title, false)
	if s.Refuse < 0 || s.Refuse > needMost {
		bad.Add("stages", "policy-need-out-of-range")
	}
	if s.Refuse == 0 {
		s.Refuse = 1
	}
	for i := range s.Groups {
		g := &s.Groups[i]
		if g.Need == 0 {
			g.Need = 1
		}
		if g.Need < 1 || g.Need > needMost {
			bad.Add("stages", "policy-need-out-of-range")
		}
		if len(g.Approvers) == 0 {
			bad.Add("stages", "policy-stage-empty")
		}
		checkApprovers(bad, "stages", g.Approvers)
	}
}

func checkApprovers(bad *fault.Checks, path string, all []Approver) {
	if len(all) > approversMost {
		bad.Add(path, "list-too-long", "limit", approversMost)
	}
	for _, a := range all {
		switch kind, which := a.Split(); {
		case a == Manager || a == Owner || a == Able:
		case (kind == "person" || kind == "group" || kind == "role" || kind == "on-call") && which != "":
		default:
			bad.Add(path, "policy-approver-unknown", "approver", string(a))
		}
	}
}

func compiles(bad *fault.Checks, path, when string) {
	_, err := compiled(when)
	if f := fault.As(err); f != nil {
		for _, field := range f.Fields {
			bad.Add(path, field.Code, field.Args.Pairs()...)
		}
	}
}

// covers reports whether kind and target are of those that a policy names.
func (p *ApprovalPolicy) covers(kind, target string) bool {
	return (len(p.Kinds) == 0 || slices.Contains(p.Kinds, kind)) &&
		(len(p.Targets) == 0 || slices.Contains(p.Targets, kind+":"+target))
}

// pick returns the policy that decides who decides about an ask. A condition
// that fails stops here: a laxer policy below it must not apply by that.
func (h *Hall) pick(v *store.View, a Ask, t Target, on rotas) (ApprovalPolicy, error) {
	all, err := policiesIn(v.Org(a.Org))
	if err != nil {
		return ApprovalPolicy{}, err
	}
	return h.pickOf(all, a, t, func() (map[string]any, error) { return h.facts(v, a, t, on) })
}

// pickOf is pick among policies that were read already.
func (h *Hall) pickOf(all []ApprovalPolicy, a Ask, t Target, known func() (map[string]any, error)) (_ ApprovalPolicy, err error) {
	var facts map[string]any
	held := h.holder(a.Kind) != nil
	for _, p := range all {
		if !p.covers(a.Kind, t.ID) || held && len(p.Kinds) == 0 {
			continue
		}
		if p.When == "" {
			return p, nil
		}
		if facts == nil {
			if facts, err = known(); err != nil {
				return ApprovalPolicy{}, err
			}
		}
		holds, err := judge(p.When, facts)
		if err != nil {
			return p, fault.New(fault.Unmet, "policy-fails", "policy", p.Name).Because(err)
		}
		if holds {
			return p, nil
		}
	}
	if held {
		return standing(a.Org, a.Kind), nil
	}
	return ApprovalPolicy{}, fault.New(fault.Forbidden, "ask-not-offered", "title", t.Title)
}

// decideByRule returns the rule that decides an ask in place of people.
func (h *Hall) decideByRule(v *store.View, p ApprovalPolicy, a Ask, t Target, on rotas) (by Rule, decides bool, err error) {
	if len(p.Rules) == 0 || a.Break {
		return by, false, nil
	}
	facts, err := h.facts(v, a, t, on)
	if err != nil {
		return by, false, err
	}
	for _, refusing := range []bool{true, false} {
		for _, r := range p.Rules {
			if r.Refuse != refusing || !refusing && h.holder(a.Kind) != nil {
				continue
			}
			holds, err := judge(r.When, facts)
			if err != nil && refusing { // what should have refused must not let through
				return r, false, fault.New(fault.Unmet, "policy-fails", "policy", p.Name+"/"+r.Name).Because(err)
			}
			if holds {
				return r, true, nil
			}
		}
	}
	return by, false, nil
}

// judge evaluates one condition; a failure is an error.
func judge(when string, facts map[string]any) (bool, error) {
	set, err := compiled(when)
	if err != nil {
		return false, err
	}
	v := set.Eval(context.Background(), facts)
	if len(v.Results) != 1 {
		return false, fault.New(fault.Unmet, "rule-invalid")
	}
	if r := v.Results[0]; r.Outcome == rule.Failed {
		return false, r.Fault
	}
	return v.Holds(), nil
}
