package ticket

import (
	"context"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
)

// Integration is a system that a person can connect, and how they are.
type Integration struct {
	System       connector.System
	Connection   connector.Connection
	Organization string // as people call it
}

// Integrations lists what a person can connect: every enabled system of all
// their organizations to which each person connects by themselves.
func (r *Room) Integrations(ctx context.Context, who id.Person) (all []Integration, err error) {
	grants, err := r.register.Grants(ctx, who)
	if err != nil {
		return nil, err
	}
	connections, err := r.desk.Of(ctx, who)
	if err != nil {
		return nil, err
	}
	for _, o := range grants.Orgs {
		systems, err := r.desk.Systems(ctx, o.ID)
		if err != nil {
			return nil, err
		}
		for _, s := range systems {
			i := Integration{System: s, Connection: connector.Connection{State: connector.Off}, Organization: o.Title}
			at := slices.IndexFunc(connections, func(c connector.Connection) bool { return c.System == s.ID })
			if at >= 0 {
				i.Connection = connections[at]
			}
			if s.Mode == connector.ModeUser && (s.Enabled || at >= 0) {
				all = append(all, i)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Integration) int { return strings.Compare(a.System.Shown(), b.System.Shown()) })
	return all, nil
}

// Mine is a system of one of a person's organizations; another one is not there
// (C25).
func (r *Room) Mine(ctx context.Context, who id.Person, which id.Connector) (connector.System, error) {
	s, err := r.desk.Find(ctx, which)
	if err != nil {
		return s, err
	}
	grants, err := r.register.Grants(ctx, who)
	if err != nil {
		return s, err
	}
	if !grants.Member(s.Org) {
		return connector.System{}, fault.New(fault.NotFound, "connector-unknown")
	}
	return s, nil
}
