package notice

import (
	"context"

	"github.com/sekisho/sekisho/internal/web"
)

// Find implements web.Finder: what the latest notices say, in either language.
func (r *Room) Find(ctx context.Context, _ web.Actor, s web.Sought) (found []web.Finding, err error) {
	if !s.May(Write) {
		return nil, nil
	}
	all, _, err := r.List(ctx, "", mostFound)
	for _, n := range all {
		if len(found) < s.Limit && s.In(n.Title.En, n.Title.Ja, n.Text.En, n.Text.Ja, n.Name, string(n.ID)) {
			found = append(found, web.Finding{
				Kind: "notice", Title: n.Title.In(s.Lang), Detail: n.Name, Also: []string{n.Title.En, n.Title.Ja, n.Name, string(n.ID)}, Href: pathOf(n.ID),
			})
		}
	}
	return found, err
}

// mostFound is how many notices, the latest first, search everywhere looks at.
const mostFound = 200
