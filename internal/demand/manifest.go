package demand

import (
	"slices"
	"time"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// policySpec is a policy as a manifest says it; roles and groups by name.
type policySpec struct {
	Require []factor.Method `yaml:"require,omitempty"`
	Session struct {
		Idle     time.Duration `yaml:"idle,omitempty"`
		Absolute time.Duration `yaml:"absolute,omitempty"`
	} `yaml:"session,omitempty"`
	AppliesTo struct {
		Roles  []string `yaml:"roles,omitempty"`
		Groups []string `yaml:"groups,omitempty"`
	} `yaml:"applies_to,omitempty"`
	Passkeys struct {
		Attestation bool     `yaml:"attestation,omitempty"`
		Allow       []string `yaml:"allow,omitempty"`
		Deny        []string `yaml:"deny,omitempty"`
	} `yaml:"passkeys,omitempty"`
}

// Kind is the manifest kind SignInPolicy.
func (r *Rules) Kind() manifest.Kind {
	return manifest.Define(manifest.Definition[policySpec]{
		Name: "SignInPolicy", Thing: "sign-in-policy", InOrg: true, After: []string{"Role", "Group"},
		Check: checkPolicy, References: policyReferences, Load: loadPolicies, Apply: r.applyPolicy,
	})
}

func (s policySpec) policy(name string) SignInPolicy {
	return SignInPolicy{
		Name: name, Require: s.Require, Idle: s.Session.Idle, Absolute: s.Session.Absolute,
		Wish: factor.PasskeyWish{Attestation: s.Passkeys.Attestation, Allow: s.Passkeys.Allow, Deny: s.Passkeys.Deny},
	}
}

func checkPolicy(name string, s *policySpec) error {
	p := s.policy(name)
	if f := p.settle(); f != nil {
		return f
	}
	s.Passkeys.Allow, s.Passkeys.Deny = p.Wish.Allow, p.Wish.Deny
	s.AppliesTo.Roles, s.AppliesTo.Groups = sortedNames(s.AppliesTo.Roles), sortedNames(s.AppliesTo.Groups)
	return nil
}

func sortedNames(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

func policyReferences(s *policySpec) (all []manifest.Reference) {
	for _, role := range s.AppliesTo.Roles {
		if !org.IsBuiltIn(role) {
			all = append(all, manifest.Reference{Kind: "Role", Name: role, Path: "applies_to.roles"})
		}
	}
	for _, group := range s.AppliesTo.Groups {
		all = append(all, manifest.Reference{Kind: "Group", Name: group, Path: "applies_to.groups"})
	}
	return all
}

func loadPolicies(v *store.View, which id.Org) ([]manifest.Object[policySpec], error) {
	all, err := policiesOf(v.Org(which))
	if err != nil || len(all) == 0 {
		return nil, err
	}
	roles, groups, err := namesIn(v, which)
	var objects []manifest.Object[policySpec]
	for _, p := range all {
		s := policySpec{Require: p.Require}
		s.Session.Idle, s.Session.Absolute = p.Idle, p.Absolute
		s.Passkeys.Attestation, s.Passkeys.Allow, s.Passkeys.Deny = p.Wish.Attestation, p.Wish.Allow, p.Wish.Deny
		for _, role := range p.Roles {
			s.AppliesTo.Roles = append(s.AppliesTo.Roles, roles[role])
		}
		for _, g := range p.Groups {
			s.AppliesTo.Groups = append(s.AppliesTo.Groups, groups[g])
		}
		slices.Sort(s.AppliesTo.Roles)
		slices.Sort(s.AppliesTo.Groups)
		objects = append(objects, manifest.Object[policySpec]{ID: p.ID, Name: p.Name, Version: p.Version, Spec: s})
	}
	return objects, err
}

// namesIn are the names of an organization's roles and groups.
func namesIn(v *store.View, which id.Org) (map[id.Role]string, map[id.Group]string, error) {
	roles, groups := map[id.Role]string{}, map[id.Group]string{}
	all, err := org.AllRoles(v, which)
	if err != nil {
		return nil, nil, err
	}
	for _, role := range all {
		roles[role.ID] = role.Name
	}
	for _, name := range org.BuiltInRoles() {
		roles[name] = string(name)
	}
	in, err := org.AllGroups(v, which)
	for _, g := range in {
		groups[g.ID] = g.Name
	}
	return roles, groups, err
}

func (r *Rules) applyPolicy(tx *store.Tx, c manifest.Change[policySpec]) (store.Event, error) {
	in := tx.Org(c.Org)
	if c.Action == manifest.Delete {
		p := c.Before.policy(c.Name)
		p.Org, p.ID = c.Org, c.ID
		return r.EndPolicy(in, c.By, p)
	}
	p := c.After.policy(c.Name)
	p.Org, p.ID = c.Org, c.ID
	p.Version = c.Version
	for _, name := range c.After.AppliesTo.Roles {
		if role := id.Role(name); org.IsBuiltIn(name) {
			p.Roles = append(p.Roles, role)
		} else {
			p.Roles = append(p.Roles, id.Role(c.Find("Role", name)))
		}
	}
	for _, name := range c.After.AppliesTo.Groups {
		p.Groups = append(p.Groups, id.Group(c.Find("Group", name)))
	}
	slices.Sort(p.Roles)
	slices.Sort(p.Groups)
	return r.SetPolicy(in, c.By, p)
}
