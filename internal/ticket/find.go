package ticket

import (
	"context"
	"strings"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
)

// Find implements web.Finder: the outside systems of the organization.
func (r *Room) Find(ctx context.Context, actor web.Actor, s web.Sought) (found []web.Finding, err error) {
	if actor.Org == "" || !s.May(connector.Read) {
		return nil, nil
	}
	all, err := r.desk.Systems(ctx, actor.Org)
	for _, one := range all {
		if len(found) < s.Limit && s.In(one.Shown(), one.Name, one.Definition, string(one.ID)) {
			found = append(found, web.Finding{
				Kind: "connector", Title: one.Shown(), Detail: one.Definition, Also: []string{one.Name, string(one.ID)}, Href: pathOf(one.ID),
			})
		}
	}
	return found, err
}

// Dependents implements web.Dependents: who is connected to a system.
func (r *Room) Dependents(ctx context.Context, actor web.Actor, target string, may func(string) bool) ([]web.Dependence, error) {
	kind, which, _ := strings.Cut(target, ":")
	if kind != "connector" || actor.Org == "" || !may(connector.Read) {
		return nil, nil
	}
	all, err := r.desk.Connected(ctx, actor.Org, id.Connector(which))
	d := web.Dependence{Key: "depends.connector.connections", Count: int64(len(all))}
	if err != nil || len(all) == 0 {
		return nil, err
	}
	for _, c := range all[:min(len(all), fewNamed)] {
		if text := c.Called(); text != "" {
			d.Some = append(d.Some, web.Named{Title: text})
		}
	}
	return []web.Dependence{d}, nil
}

// fewNamed is how many connections are named where they are counted.
const fewNamed = 5
