package demand

import (
	"context"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
)

// Find implements web.Finder: the sign-in policies of the organization.
func (r *Rules) Find(ctx context.Context, actor web.Actor, s web.Sought) (found []web.Finding, err error) {
	if actor.Org == "" || !s.May(Manage) {
		return nil, nil
	}
	all, err := r.Policies(ctx, actor.Org)
	for _, p := range all {
		if len(found) < s.Limit && s.In(p.Name, p.ID) {
			found = append(found, web.Finding{Kind: "sign-in-policy", Title: p.Name, Also: []string{p.ID}, Href: Path + "/" + p.ID})
		}
	}
	return found, err
}

// Dependents implements web.Dependents: the sign-in policies that name a role or
// a group.
func (r *Rules) Dependents(ctx context.Context, actor web.Actor, target string, may func(string) bool) ([]web.Dependence, error) {
	kind, which, _ := strings.Cut(target, ":")
	if kind != "role" && kind != "group" || actor.Org == "" || !may(Manage) {
		return nil, nil
	}
	all, err := r.Policies(ctx, actor.Org)
	d := web.Dependence{Key: "depends." + kind + ".policies", More: Path}
	for _, p := range all {
		if kind == "role" && !slices.Contains(p.Roles, id.Role(which)) || kind == "group" && !slices.Contains(p.Groups, id.Group(which)) {
			continue
		}
		if d.Count++; len(d.Some) < fewNamed {
			d.Some = append(d.Some, web.Named{Title: p.Name, Href: Path + "/" + p.ID})
		}
	}
	if d.Count == int64(len(d.Some)) {
		d.More = ""
	}
	return []web.Dependence{d}, err
}

// fewNamed is how many policies are named where they are counted.
const fewNamed = 5
