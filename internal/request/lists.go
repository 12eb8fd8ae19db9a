package request

import (
	"context"
	"errors"
	"slices"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// page cuts what a statement found to a page.
func page(found []Ask, q Query) ([]Ask, id.Ask) {
	if len(found) <= q.Limit {
		return found, ""
	}
	return found[:q.Limit], found[q.Limit-1].ID
}

func (q *Query) settle() error {
	if q.Cursor != "" && !id.Valid(string(q.Cursor)) {
		return fault.New(fault.Invalid, "cursor-malformed")
	}
	if q.Limit <= 0 {
		q.Limit = 50
	}
	q.Limit = min(q.Limit, 200)
	return nil
}

// Asks pages through the asks of an organization, the newest first; next is ""
// after the last.
func (h *Hall) Asks(ctx context.Context, in id.Org, q Query) (found []Ask, next id.Ask, err error) {
	if err := q.settle(); err != nil {
		return nil, "", err
	}
	err = h.Store.Org(in).Read(ctx, func(v *store.View) (err error) {
		found, err = asksIn(v, q)
		return err
	})
	found, next = page(found, q)
	return found, next, err
}

// Mine pages through what a person asked for, in all their organizations.
func (h *Hall) Mine(ctx context.Context, who id.Person, q Query) (found []Ask, next id.Ask, err error) {
	if err := q.settle(); err != nil {
		return nil, "", err
	}
	err = h.Store.Self(who).Read(ctx, func(v *store.View) (err error) {
		found, err = asksOf(v, q)
		return err
	})
	found, next = page(found, q)
	return found, next, err
}

// Waiting returns the open asks of an organization that somebody may decide
// now, the oldest first: at most 200 asks are looked at.
func (h *Hall) Waiting(ctx context.Context, in id.Org, who id.Person) (found []Ask, err error) {
	on, err := h.onCall(ctx, in)
	if err != nil {
		return nil, err
	}
	err = h.Store.Org(in).Read(ctx, func(v *store.View) error {
		all, err := asksIn(v, Query{State: Open, Limit: 200})
		if err != nil {
			return err
		}
		due, err := glassDue(v)
		found = nil
		for _, a := range slices.Concat(due, all) {
			if err != nil {
				return err
			}
			var l look
			if l, err = h.see(v, in, a.ID); err != nil || l.ask.Stage >= l.stages() {
				continue
			}
			var b bench
			if b, err = h.sit(v, l.policy, l.ask, l.target, on, l.ask.Stage); err != nil {
				return err
			}
			if _, not := mayVote(l, b, who); not == nil {
				found = append(found, l.ask)
			}
		}
		return err
	})
	slices.Reverse(found)
	return found, err
}

// Find returns what can be asked for in an organization: what there is, and a
// policy offers.
func (h *Hall) Find(ctx context.Context, s Sought) (found []Target, err error) {
	if s.Limit <= 0 {
		s.Limit = 50
	}
	for _, kind := range h.kinds {
		some, err := h.releasers[kind].Targets(ctx, s)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	err = h.Store.Org(s.Org).Read(ctx, func(v *store.View) error {
		var err error
		found = slices.DeleteFunc(found, func(t Target) bool {
			if err != nil {
				return true
			}
			_, no := h.pick(v, Ask{Org: s.Org, Person: s.Asker, For: s.Asker, Kind: t.Kind, Target: t.ID}, t)
			if fault.As(no) == nil {
				err = errors.Join(err, no)
			}
			return no != nil
		})
		return err
	})
	return found, err
}

// OrgOf returns in which of somebody's organizations an ask is.
func (h *Hall) OrgOf(ctx context.Context, who id.Person, which id.Ask) (id.Org, error) {
	g, err := h.Register.Grants(ctx, who)
	if err != nil {
		return "", err
	}
	for _, o := range append(g.Orgs, g.Below()...) {
		err := h.Store.Org(o.ID).Read(ctx, func(v *store.View) error {
			_, err := askByID(v, which)
			return err
		})
		if fault.Code(err) != errNoAsk.Code {
			return o.ID, err
		}
	}
	return "", errNoAsk
}
