package signin

import (
	"context"

	"github.com/sekisho/sekisho/internal/web"
)

// Find implements web.Finder: the sign-in policies of the organization.
func (r *Room) Find(ctx context.Context, actor web.Actor, s web.Sought) (found []web.Finding, err error) {
	if actor.Org == "" || !s.May(Policy) {
		return nil, nil
	}
	all, err := r.Policies(ctx, actor.Org)
	for _, p := range all {
		if len(found) < s.Limit && s.In(p.Name, p.ID) {
			found = append(found, web.Finding{Kind: "sign-in-policy", Title: p.Name, Also: []string{p.ID}, Href: PolicyPath + "/" + p.ID})
		}
	}
	return found, err
}
