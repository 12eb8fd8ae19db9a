package presence

import (
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/store"
)

// policySpec is a policy as a manifest says it; systems by name.
type policySpec struct {
	AppliesTo struct {
		Kinds   []string `yaml:"kinds,omitempty"`
		Systems []string `yaml:"systems,omitempty"`
		When    string   `yaml:"when,omitempty"`
	} `yaml:"applies_to,omitempty"`
	Require string        `yaml:"require,omitempty"`
	Within  time.Duration `yaml:"within,omitempty"`
	Urgent  bool          `yaml:"urgent,omitempty"`
}

// Kind is the manifest kind CardPolicy.
func (k *Desk) Kind() manifest.Kind {
	return manifest.Define(manifest.Definition[policySpec]{
		Name: "CardPolicy", Thing: "card-policy", InOrg: true, After: []string{"Connector"},
		Check: checkPolicy, References: policyReferences, Load: loadPolicies, Apply: k.applyPolicy,
	})
}

func (s policySpec) policy(name string) Policy {
	return Policy{Name: name, Spec: Spec{
		Kinds: slices.Clone(s.AppliesTo.Kinds), When: s.AppliesTo.When, Level: s.Require, Within: s.Within, Urgent: s.Urgent,
	}}
}

func checkPolicy(name string, s *policySpec) error {
	p := s.policy(name)
	if f := p.Settle(); f != nil {
		paths := map[string]string{"when": "applies_to.when", "kinds": "applies_to.kinds", "level": "require"}
		for i := range f.Fields {
			if path := paths[f.Fields[i].Path]; path != "" {
				f.Fields[i].Path = path
			}
		}
		return f
	}
	s.AppliesTo.Kinds = p.Kinds
	slices.Sort(s.AppliesTo.Systems)
	s.AppliesTo.Systems = slices.Compact(s.AppliesTo.Systems)
	return nil
}

func policyReferences(s *policySpec) (all []manifest.Reference) {
	for _, system := range s.AppliesTo.Systems {
		all = append(all, manifest.Reference{Kind: "Connector", Name: system, Path: "applies_to.systems"})
	}
	return all
}

func loadPolicies(v *store.View, in id.Org) ([]manifest.Object[policySpec], error) {
	all, err := PoliciesIn(v, in)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	systems, err := connector.Loaded(v.Org(in))
	if err != nil {
		return nil, err
	}
	names := map[id.Connector]string{}
	for _, s := range systems {
		names[s.ID] = s.Name
	}
	var objects []manifest.Object[policySpec]
	for _, p := range all {
		s := policySpec{Require: p.Level, Within: p.Within, Urgent: p.Urgent}
		s.AppliesTo.Kinds, s.AppliesTo.When = p.Kinds, p.When
		for _, which := range p.Systems {
			if name := names[which]; name != "" {
				s.AppliesTo.Systems = append(s.AppliesTo.Systems, name)
			}
		}
		slices.Sort(s.AppliesTo.Systems)
		objects = append(objects, manifest.Object[policySpec]{ID: p.ID, Name: p.Name, Version: p.Version, Spec: s})
	}
	return objects, nil
}

func (k *Desk) applyPolicy(tx *store.Tx, c manifest.Change[policySpec]) (store.Event, error) {
	if c.Action == manifest.Delete {
		return k.DropIn(tx, c.By, c.Org, c.ID)
	}
	p := c.After.policy(c.Name)
	p.Org, p.ID, p.Version = c.Org, c.ID, c.Version
	for _, name := range c.After.AppliesTo.Systems {
		p.Systems = append(p.Systems, id.Connector(c.Find("Connector", name)))
	}
	return k.Set(tx, c.By, &p)
}
