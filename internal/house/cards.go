package house

import (
	"context"
	"errors"
	"time"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/ticket"
	"github.com/sekisho/sekisho/internal/web"
)

// furnishCards makes the list of cards and registers its doors.
func (h *House) furnishCards() error {
	systems := h.options.Systems
	if systems == nil {
		systems = deskCards{h.systems}
	}
	h.cards = card.New(card.Options{
		Store: h.store, Clock: h.options.Clock, Log: h.options.Log, Register: h.register, Post: h.post, Pager: h.pager, BaseURL: h.mux.BaseURL(),
		Systems: systems, Hall: hallCards{h}, Apps: cardApps{h}, Timeout: h.options.Call, Reach: h.options.Reach, Presence: h.presence,
		Beside: func(v *web.Visit, _ string) (templ.Component, error) { return h.hub.Beside(v) },
	})
	h.ticket.Rung(func(ctx context.Context, in id.Org, system id.Connector, records []string) {
		if err := h.cards.Rung(ctx, in, system, records); err != nil {
			h.options.Log.Warn("a doorbell could not be passed on", "system", system, "err", err)
		}
	})
	h.cards.Pages(h.mux)
	h.cards.API(h.mux)
	return h.desk.Register(h.cards.Driver())
}

// Cards opens the list of cards to tests.
func (h *House) Cards() *card.Room { return h.cards }

// runCards reads questions and tells open pages, on this node.
func (h *House) runCards() {
	h.run(h.cards.Run)
	h.run(func(ctx context.Context) { h.cards.Bridge(ctx, h.mux.Hub()) })
	h.run(h.followConnections)
	h.run(h.matchPeople)
}

// Times between looks for people at systems that one connection serves for all:
// while there are more, and once all are known.
const (
	matchSoon = 30 * time.Second
	matchRest = 5 * time.Minute
)

// matchPeople keeps who people are at shared systems.
func (h *House) matchPeople(ctx context.Context) {
	watch := h.store.Watch(connector.Topic)
	defer watch.Close()
	for {
		changed, more, err := h.systems.Match(ctx)
		if changed {
			h.cards.Resync()
		}
		if err != nil && ctx.Err() == nil {
			h.options.Log.Info("people could not be looked for at a shared system", "err", err)
		}
		rest := matchRest
		if more {
			rest = matchSoon
		}
		select {
		case <-watch.C:
		case <-h.options.Clock.After(rest):
		case <-ctx.Done():
			return
		}
	}
}

// followConnections has questions read as soon as somebody connects.
func (h *House) followConnections(ctx context.Context) {
	watch := h.store.Watch(connector.Topic)
	defer watch.Close()
	for {
		select {
		case <-watch.C:
			h.cards.Resync()
		case <-ctx.Done():
			return
		}
	}
}

// panels are what rooms show on a person's first page, above all else.
func (h *House) panels() []web.Panel { return []web.Panel{h.cards.Panel, h.orders.Panel} }

// deskCards are the outside systems as cards see them: those to which people are
// connected themselves, and those that one connection serves for whom it knows.
type deskCards struct{ desk *connector.Desk }

// Ties implements card.Systems: a statement for all connections, two for the
// people known at shared ones, and one for each system.
func (d deskCards) Ties(ctx context.Context) (all []card.Tie, err error) {
	connections, err := d.desk.Everybody(ctx)
	if err != nil {
		return nil, err
	}
	known, err := d.desk.Known(ctx)
	if err != nil {
		return nil, err
	}
	systems := map[id.Connector]connector.System{}
	system := func(in id.Org, which id.Connector) (connector.System, error) {
		s, read := systems[which]
		if !read {
			if s, err = d.desk.System(ctx, in, which); err == nil {
				systems[which] = s
			}
		}
		return s, err
	}
	for _, c := range connections {
		s, err := system(c.Org, c.System)
		if err != nil {
			return nil, err
		}
		if s.Mode != connector.ModeService { // a person's own connection of before counts no more
			all = append(all, tieOf(s, c))
		}
	}
	for _, m := range known {
		s, err := system(m.Org, m.System)
		if err != nil {
			return nil, err
		}
		if s.Mode == connector.ModeService {
			all = append(all, d.sharedTie(s, m))
		}
	}
	return all, nil
}

func tieOf(s connector.System, c connector.Connection) card.Tie {
	return card.Tie{
		Org: c.Org, System: c.System, Title: s.Shown(), Person: c.Person, On: s.Enabled && c.State == connector.On,
		Native: connector.Party{NativeID: c.NativeID, Name: c.NativeName, Email: c.Email},
	}
}

// sharedTie is somebody whom the organization's own connection speaks for.
func (d deskCards) sharedTie(s connector.System, m connector.Match) card.Tie {
	t := card.Tie{
		Org: m.Org, System: m.System, Title: s.Shown(), Person: m.Person, On: s.Enabled && m.State == connector.Found, Service: true,
		Native: connector.Party{NativeID: m.NativeID, Name: m.NativeName},
	}
	if def, err := d.desk.Definition(s); err == nil {
		t.ActsAs = def.Impersonates()
	}
	return t
}

// Tie implements card.Systems.
func (d deskCards) Tie(ctx context.Context, in id.Org, system id.Connector, who id.Person) (card.Tie, error) {
	s, err := d.desk.System(ctx, in, system)
	if f := fault.As(err); f != nil && f.Kind == fault.NotFound {
		return card.Tie{}, nil
	}
	if err != nil {
		return card.Tie{}, err
	}
	if s.Mode != connector.ModeService {
		c, err := d.desk.Connection(ctx, in, system, who)
		return tieOf(s, c), err
	}
	c, err := d.desk.Connection(ctx, in, system, "")
	if err != nil {
		return card.Tie{}, err
	}
	m, err := d.desk.MatchOf(ctx, in, system, who)
	m.Org, m.System, m.Person = in, system, who
	t := d.sharedTie(s, m)
	t.On = t.On && c.State == connector.On
	return t, err
}

// Open implements card.Systems.
func (d deskCards) Open(ctx context.Context, t card.Tie) (card.Session, error) {
	s, err := d.desk.As(ctx, t.Org, t.System, t.Person)
	if err != nil {
		return nil, problemOf(err)
	}
	return deskSession{s}, nil
}

// Switch implements card.Systems.
func (deskCards) Switch(id.Connector) string { return ticket.IntegrationsPath }

// deskSession is a session of the desk.
type deskSession struct{ *connector.Session }

// Approvals implements card.Session. A system that puts no questions has none.
func (s deskSession) Approvals(ctx context.Context) ([]connector.Approval, error) {
	if !s.Can(connector.OpApprovals) {
		return nil, nil
	}
	all, err := s.Session.Approvals(ctx)
	for i := range all {
		s.bound(&all[i])
	}
	return all, problemOf(err)
}

// Approval implements card.Session.
func (s deskSession) Approval(ctx context.Context, which string) (connector.Approval, error) {
	a, err := s.Session.Approval(ctx, which)
	s.bound(&a)
	return a, problemOf(err)
}

// bound says that a question is to be decided at its system, where decisions want
// the person's own credential and this one is shared.
func (s deskSession) bound(a *connector.Approval) {
	if s.System.Mode == connector.ModeService && !s.Can(connector.OpDecide) {
		a.CanDecide = false
	}
}

// Decide implements card.Session.
func (s deskSession) Decide(ctx context.Context, v connector.Verdict) error {
	_, err := s.Session.Decide(ctx, v)
	return problemOf(err)
}

// Act implements card.Session.
func (s deskSession) Act(ctx context.Context, which, action string, input map[string]string) error {
	_, err := s.Session.Act(ctx, which, action, input)
	return problemOf(err)
}

// problemOf says a refusal of the desk's own, before anything was sent, as a
// system would; any other error stays what it is.
func problemOf(err error) error {
	var p *connector.Problem
	f := fault.As(err)
	if err == nil || f == nil || errors.As(err, &p) && (f.Kind == fault.Broken || fault.As(p) != nil) {
		return err // what the system said, or why its answer was not taken
	}
	kinds := map[fault.Kind]connector.Kind{
		fault.Unmet: connector.Unauthorized, fault.Forbidden: connector.Forbidden, fault.NotFound: connector.Unauthorized, fault.Busy: connector.Unavailable,
	}
	kind, known := kinds[f.Kind]
	if !known {
		return err
	}
	return &connector.Problem{Kind: kind, RetryAfter: f.After, Err: err}
}
