package approval

import (
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
)

// policySpec is a policy as a manifest says it: things and people by name, as in
// group:sales and person:botan.
type policySpec struct {
	AppliesTo struct {
		Kinds   []string `yaml:"kinds,omitempty"`
		Targets []string `yaml:"targets,omitempty"`
		When    string   `yaml:"when,omitempty"`
	} `yaml:"applies_to,omitempty"`
	Place       int             `yaml:"place,omitempty"`
	Stages      []stageDoc      `yaml:"stages,omitempty"`
	Fallback    []string        `yaml:"fallback,omitempty"`
	Rules       []ruleDoc       `yaml:"rules,omitempty"`
	Expires     time.Duration   `yaml:"expires,omitempty"`
	MaxDuration time.Duration   `yaml:"max_duration,omitempty"`
	Usual       time.Duration   `yaml:"usual_duration,omitempty"`
	Endless     bool            `yaml:"endless,omitempty"`
	Ahead       time.Duration   `yaml:"ahead,omitempty"`
	NoReason    bool            `yaml:"no_reason,omitempty"`
	Reminders   []time.Duration `yaml:"reminders,omitempty"`
	Escalate    struct {
		After time.Duration `yaml:"after,omitempty"`
		To    []string      `yaml:"to,omitempty"`
	} `yaml:"escalate,omitempty"`
	BreakGlass time.Duration `yaml:"break_glass,omitempty"`
}

// stageDoc is a stage with one group said at once, or with several.
type stageDoc struct {
	Title     string     `yaml:"title,omitempty"`
	Approvers []string   `yaml:"approvers,omitempty"`
	Need      int        `yaml:"need,omitempty"`
	Groups    []panelDoc `yaml:"groups,omitempty"`
	Any       bool       `yaml:"any,omitempty"`
	Refuse    int        `yaml:"refuse,omitempty"`
}

type panelDoc struct {
	Approvers []string `yaml:"approvers,required"`
	Need      int      `yaml:"need,omitempty"`
}

type ruleDoc struct {
	Name   string `yaml:"name,required"`
	When   string `yaml:"when,required"`
	Refuse bool   `yaml:"refuse,omitempty"`
}

// manifestKinds are the kinds of manifests whose objects approvers and targets
// name, by the word before the colon.
var manifestKinds = map[string]string{"person": "Member", "group": "Group", "role": "Role"}

// Kinds are request.ApprovalPolicy and request.Delegation.
func (r *Room) Kinds() []manifest.Kind {
	return []manifest.Kind{
		manifest.Define(manifest.Definition[policySpec]{
			Name: "ApprovalPolicy", Thing: "approval-policy", InOrg: true, After: []string{"Role", "Group", "Member"},
			Check: checkPolicySpec, References: policyReferences, Load: loadPolicies, Apply: r.applyPolicy,
		}),
		manifest.Define(manifest.Definition[delegationSpec]{
			Name: "Delegation", Thing: "delegation", InOrg: true, After: []string{"Member"},
			Check: checkDelegationSpec, Load: loadDelegations, Apply: r.applyDelegation,
			References: func(s *delegationSpec) []manifest.Reference {
				return []manifest.Reference{{Kind: "Member", Name: s.From, Path: "from"}, {Kind: "Member", Name: s.To, Path: "to"}}
			},
		}),
	}
}

// policy is the policy that a document says, in which rename makes identifiers
// of names.
func (s policySpec) policy(name string, rename func(string) string) request.ApprovalPolicy {
	named := func(all []string) (some []request.Approver) {
		for _, one := range all {
			some = append(some, request.Approver(rename(one)))
		}
		return some
	}
	p := request.ApprovalPolicy{Name: name, Place: s.Place, Spec: request.Spec{
		Kinds: s.AppliesTo.Kinds, When: s.AppliesTo.When, Fallback: named(s.Fallback), Expires: s.Expires, Most: s.MaxDuration, Usual: s.Usual,
		Endless: s.Endless, Ahead: s.Ahead, NoReason: s.NoReason, Reminders: s.Reminders, Glass: s.BreakGlass,
		Escalate: request.Escalation{After: s.Escalate.After, To: named(s.Escalate.To)},
	}}
	for _, target := range s.AppliesTo.Targets {
		p.Targets = append(p.Targets, rename(target))
	}
	for _, one := range s.Stages {
		stage := request.Stage{Title: one.Title, Any: one.Any, Refuse: one.Refuse}
		if len(one.Approvers) > 0 {
			stage.Groups = append(stage.Groups, request.Panel{Approvers: named(one.Approvers), Need: one.Need})
		}
		for _, g := range one.Groups {
			stage.Groups = append(stage.Groups, request.Panel{Approvers: named(g.Approvers), Need: g.Need})
		}
		p.Stages = append(p.Stages, stage)
	}
	for _, r := range s.Rules {
		p.Rules = append(p.Rules, request.Rule(r))
	}
	return p
}

// specOf is the document of a policy, in which rename makes names of
// identifiers. A stage with one group is said at once.
func specOf(p request.ApprovalPolicy, rename func(string) string) policySpec {
	named := func(all []request.Approver) (some []string) {
		for _, one := range all {
			some = append(some, rename(string(one)))
		}
		return some
	}
	s := policySpec{
		Place: p.Place, Fallback: named(p.Fallback), Expires: p.Expires, MaxDuration: p.Most, Usual: p.Usual, Endless: p.Endless, Ahead: p.Ahead,
		NoReason: p.NoReason, Reminders: p.Reminders, BreakGlass: p.Glass,
	}
	s.AppliesTo.Kinds, s.AppliesTo.When = p.Kinds, p.When
	for _, target := range p.Targets {
		s.AppliesTo.Targets = append(s.AppliesTo.Targets, rename(target))
	}
	s.Escalate.After, s.Escalate.To = p.Escalate.After, named(p.Escalate.To)
	for _, one := range p.Stages {
		stage := stageDoc{Title: one.Title, Any: one.Any, Refuse: one.Refuse}
		for _, g := range one.Groups {
			stage.Groups = append(stage.Groups, panelDoc{named(g.Approvers), g.Need})
		}
		if len(stage.Groups) == 1 {
			stage.Approvers, stage.Need, stage.Groups = stage.Groups[0].Approvers, stage.Groups[0].Need, nil
		}
		s.Stages = append(s.Stages, stage)
	}
	for _, r := range p.Rules {
		s.Rules = append(s.Rules, ruleDoc(r))
	}
	return s
}

func same(text string) string { return text }

func checkPolicySpec(name string, s *policySpec) error {
	p := s.policy(name, same)
	if f := p.Settle(); f != nil {
		for i := range f.Fields {
			if f.Fields[i].Path == "when" {
				f.Fields[i].Path = "applies_to.when"
			}
		}
		return f
	}
	*s = specOf(p, same)
	return nil
}

// policyReferences are the objects that a policy names. Built-in roles are no
// objects.
func policyReferences(s *policySpec) (all []manifest.Reference) {
	add := func(path string, names []string) {
		for _, one := range names {
			kind, name := request.Approver(one).Split()
			if known := manifestKinds[kind]; known != "" && !(kind == "role" && org.IsBuiltIn(name)) {
				all = append(all, manifest.Reference{Kind: known, Name: name, Path: path})
			}
		}
	}
	add("applies_to.targets", s.AppliesTo.Targets)
	add("fallback", s.Fallback)
	add("escalate.to", s.Escalate.To)
	for _, stage := range s.Stages {
		add("stages", stage.Approvers)
		for _, g := range stage.Groups {
			add("stages", g.Approvers)
		}
	}
	return all
}

// calls are how policies call what they name: identifiers by name, and back.
type calls struct{ names, ids map[string]string }

func (c calls) add(kind, which, name string) {
	c.names[kind+":"+which], c.ids[kind+":"+name] = kind+":"+name, kind+":"+which
}

// name is the name of an identifier; what is gone keeps its identifier.
func (c calls) name(text string) string {
	if name := c.names[text]; name != "" {
		return name
	}
	return text
}

// callsIn reads how things are called in an organization.
func callsIn(v *store.View, in id.Org) (calls, error) {
	c := calls{map[string]string{}, map[string]string{}}
	members, err := org.AllMembers(v, in)
	if err != nil {
		return c, err
	}
	var who []id.Person
	for _, m := range members {
		who = append(who, m.Person)
	}
	people, err := org.PeopleByID(v, who)
	if err != nil {
		return c, err
	}
	for _, p := range people {
		c.add("person", string(p.ID), p.Login)
	}
	groups, err := org.AllGroups(v, in)
	if err != nil {
		return c, err
	}
	for _, g := range groups {
		c.add("group", string(g.ID), g.Name)
	}
	roles, err := org.AllRoles(v, in)
	for _, r := range roles {
		c.add("role", string(r.ID), r.Name)
	}
	return c, err
}

func loadPolicies(v *store.View, in id.Org) ([]manifest.Object[policySpec], error) {
	all, err := request.PoliciesIn(v, in)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	c, err := callsIn(v, in)
	if err != nil {
		return nil, err
	}
	var objects []manifest.Object[policySpec]
	for _, p := range all {
		objects = append(objects, manifest.Object[policySpec]{ID: p.ID, Name: p.Name, Version: p.Version, Spec: specOf(p, c.name)})
	}
	return objects, nil
}

func (r *Room) applyPolicy(tx *store.Tx, c manifest.Change[policySpec]) (store.Event, error) {
	if c.Action == manifest.Delete {
		return r.hall.DropPolicy(tx, c.By, c.Org, c.ID)
	}
	p := c.After.policy(c.Name, func(text string) string {
		kind, name := request.Approver(text).Split()
		if known := manifestKinds[kind]; known != "" && !(kind == "role" && org.IsBuiltIn(name)) {
			return kind + ":" + c.Find(known, name)
		}
		return text
	})
	p.Org, p.ID, p.Version = c.Org, c.ID, c.Version
	return r.hall.SetPolicy(tx, c.By, &p)
}

// delegationSpec is a delegation as a manifest says it; people by login.
type delegationSpec struct {
	From      string    `yaml:"from,required"`
	To        string    `yaml:"to,required"`
	Starts    time.Time `yaml:"starts,required"`
	Ends      time.Time `yaml:"ends,required"`
	AppliesTo []string  `yaml:"applies_to,omitempty"` // kinds
	Reason    string    `yaml:"reason,omitempty"`
}

func (s delegationSpec) delegation(name string) request.Delegation {
	return request.Delegation{Name: name, From: id.Person(s.From), To: id.Person(s.To), Starts: s.Starts, Ends: s.Ends, Kinds: slices.Clone(s.AppliesTo), Reason: s.Reason}
}

func checkDelegationSpec(name string, s *delegationSpec) error {
	d := s.delegation(name)
	if f := d.Settle(); f != nil {
		return f
	}
	s.Starts, s.Ends, s.AppliesTo = d.Starts, d.Ends, d.Kinds
	return nil
}

// loadDelegations leaves out whoever is no member any more.
func loadDelegations(v *store.View, in id.Org) ([]manifest.Object[delegationSpec], error) {
	all, err := request.DelegationsIn(v, in)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	c, err := callsIn(v, in)
	if err != nil {
		return nil, err
	}
	login := func(who id.Person) string {
		return strings.TrimPrefix(c.name("person:"+string(who)), "person:")
	}
	var objects []manifest.Object[delegationSpec]
	for _, d := range all {
		if login(d.From) == string(d.From) || login(d.To) == string(d.To) {
			continue
		}
		objects = append(objects, manifest.Object[delegationSpec]{ID: d.ID, Name: d.Name, Version: d.Version, Spec: delegationSpec{
			From: login(d.From), To: login(d.To), Starts: d.Starts, Ends: d.Ends, AppliesTo: d.Kinds, Reason: d.Reason,
		}})
	}
	return objects, nil
}

func (r *Room) applyDelegation(tx *store.Tx, c manifest.Change[delegationSpec]) (store.Event, error) {
	if c.Action == manifest.Delete {
		return r.hall.DropDelegation(tx, c.By, c.Org, c.ID)
	}
	d := c.After.delegation(c.Name)
	d.Org, d.ID, d.Version = c.Org, c.ID, c.Version
	d.From, d.To = id.Person(c.Find("Member", c.After.From)), id.Person(c.Find("Member", c.After.To))
	if d.From == "" || d.To == "" {
		return store.Event{}, fault.New(fault.NotFound, "person-unknown")
	}
	return r.hall.SetDelegation(tx, c.By, &d)
}
