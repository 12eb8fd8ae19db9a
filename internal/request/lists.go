package request

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
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

// Waiting returns the asks of an organization that somebody may decide now, the
// oldest first, at most 200: by whom the questions are put to, so that it costs
// the same however many there are.
func (h *Hall) Waiting(ctx context.Context, in id.Org, who id.Person) (found []Ask, err error) {
	on, err := h.onCall(ctx, in)
	if err != nil {
		return nil, err
	}
	err = h.Store.Org(in).Read(ctx, func(v *store.View) error {
		given, err := delegationsAt(v, v.Now())
		if err != nil {
			return err
		}
		given = slices.DeleteFunc(given, func(d Delegation) bool { return d.To != who })
		own, err := h.approversOf(v, in, who, on)
		if err != nil {
			return err
		}
		found, err = putTo(v, own)
		for _, d := range given {
			var more []Ask
			if err == nil {
				if own, err = h.approversOf(v, in, d.From, on); err == nil {
					more, err = putTo(v, own)
				}
			}
			for _, a := range more {
				if d.covers(a.Kind) && a.Person != d.From && a.For != d.From && !slices.ContainsFunc(found, func(b Ask) bool { return a.ID == b.ID }) {
					found = append(found, a)
				}
			}
		}
		if err != nil {
			return err
		}
		decided, err := voted(v, who, found)
		found = slices.DeleteFunc(found, func(a Ask) bool { return decided[a.ID] || a.Person == who || a.For == who })
		slices.SortFunc(found, func(a, b Ask) int { return strings.Compare(string(a.ID), string(b.ID)) })
		return err
	})
	return found, err
}

// approversOf are all ways in which questions are put to somebody.
func (h *Hall) approversOf(v *store.View, in id.Org, who id.Person, on rotas) ([]string, error) {
	all := []string{"person:" + string(who)}
	groups, err := org.GroupsWith(v, in, who)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		all = append(all, "group:"+string(g.ID))
	}
	grants, err := h.Register.GrantsIn(v, who)
	for _, r := range grants.Roles(in) {
		all = append(all, "role:"+string(r))
	}
	for _, name := range on.of(who) {
		all = append(all, "on-call:"+name)
	}
	return all, err
}

// Find returns what can be asked for in an organization: what there is, and a
// policy offers.
func (h *Hall) Find(ctx context.Context, s Sought) (found []Target, err error) {
	if s.Limit <= 0 {
		s.Limit = 50
	}
	on, err := h.onCall(ctx, s.Org)
	if err != nil {
		return nil, err
	}
	for _, kind := range h.kinds {
		some, err := h.releasers[kind].Targets(ctx, s)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	err = h.Store.Org(s.Org).Read(ctx, func(v *store.View) error {
		if h.About != nil {
			if err := h.About.Describe(v, s.Org, found); err != nil {
				return err
			}
		}
		policies, err := policiesIn(v)
		if err != nil {
			return err
		}
		known := sync.OnceValues(func() (map[string]any, error) { return h.person(v, s.Org, s.Asker, on) })
		found = slices.DeleteFunc(found, func(t Target) bool {
			a := Ask{Org: s.Org, Person: s.Asker, For: s.Asker, Kind: t.Kind, Target: t.ID}
			_, no := h.pickOf(policies, a, t, func() (map[string]any, error) {
				who, err := known()
				return map[string]any{"ask": askFacts(a, t, v.Now()), "requester": who, "beneficiary": who, "now": v.Now()}, err
			})
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
