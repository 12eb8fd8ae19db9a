package demand

import (
	"context"
	"slices"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
)

// ForeseePolicy says what putting a policy in place of the one of its
// identifier, or with gone its deletion, changes.
func (r *Rules) ForeseePolicy(ctx context.Context, p SignInPolicy, gone bool) (factor.Outlook, error) {
	before, err := r.Policies(ctx, p.Org)
	if err != nil {
		return factor.Outlook{}, err
	}
	after := slices.DeleteFunc(slices.Clone(before), func(one SignInPolicy) bool { return p.ID != "" && one.ID == p.ID })
	if !gone {
		after = append(after, p)
	}
	return r.outlook(ctx, p.Org, before, after, nil)
}

// ForeseeGroups says what it changes that other people are in groups: those who
// will be in each one that changes, directly or through others.
func (r *Rules) ForeseeGroups(ctx context.Context, in id.Org, later map[id.Group][]id.Person) (factor.Outlook, error) {
	all, err := r.Policies(ctx, in)
	if err != nil || !slices.ContainsFunc(all, func(p SignInPolicy) bool {
		return slices.ContainsFunc(p.Groups, func(g id.Group) bool { _, ok := later[g]; return ok })
	}) {
		return factor.Outlook{}, err
	}
	return r.outlook(ctx, in, all, all, later)
}

func (r *Rules) outlook(ctx context.Context, in id.Org, before, after []SignInPolicy, later map[id.Group][]id.Person) (factor.Outlook, error) {
	return r.factors.Compare(ctx, in, askings(before), askings(after), later)
}

func askings(all []SignInPolicy) (asked []factor.Asking) {
	for _, p := range all {
		asked = append(asked, factor.Asking{Require: p.Require, Roles: p.Roles, Groups: p.Groups})
	}
	return asked
}

// foreseePolicy is ForeseePolicy in sentences.
func (r *Rules) foreseePolicy(v *web.Visit, p SignInPolicy, gone bool) ([]string, error) {
	o, err := r.ForeseePolicy(v.Context(), p, gone)
	if err != nil {
		return nil, err
	}
	return r.factors.Say(v, p.Org, o, true)
}

// SayGroups is ForeseeGroups in sentences, for the room of groups.
func (r *Rules) SayGroups(v *web.Visit, in id.Org, later map[id.Group][]id.Person) ([]string, error) {
	o, err := r.ForeseeGroups(v.Context(), in, later)
	if err != nil {
		return nil, err
	}
	return r.factors.Say(v, in, o, v.May(Manage, string(in)) == nil)
}
