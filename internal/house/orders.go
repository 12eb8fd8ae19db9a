package house

import (
	"context"
	"slices"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/order"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/ticket"
)

// furnishOrders makes the room of catalogs and own requests. They are read with
// the questions of the same connection, so the cards stand already.
func (h *House) furnishOrders() error {
	h.orders = order.New(order.Options{
		Store: h.store, Clock: h.options.Clock, Log: h.options.Log, Register: h.register, Book: h.book, Desk: deskOrders{h.systems, h.ticket, h.register}, Post: h.post,
		Pager: h.pager, BaseURL: h.mux.BaseURL(), Switch: ticket.IntegrationsPath, Here: h.cards.Here, Stir: card.Stir, Topic: card.TopicOf, Pace: h.cards.Hours,
	})
	h.cards.Also = func(ctx context.Context, t card.Tie) error {
		tie := order.Tie{Org: t.Org, System: t.System, Title: t.Title, Person: t.Person}
		if t.Person == "" || t.Service {
			return h.readShared(ctx, tie)
		}
		return h.orders.Read(ctx, tie)
	}
	h.cards.Deputies = h.deputies
	h.orders.Pages(h.mux)
	h.orders.API(h.mux)
	return h.orders.Handle(h.desk)
}

// readShared reads the requests of those who order through a connection that
// serves all, where they can.
func (h *House) readShared(ctx context.Context, t order.Tie) error {
	s, err := h.systems.System(ctx, t.Org, t.System)
	if err != nil {
		return err
	}
	def, err := h.systems.Definition(s)
	if err != nil || !def.OrdersFor(s.Settings) {
		return err
	}
	if t.Person != "" {
		return h.orders.Read(ctx, t)
	}
	return h.orders.ReadShared(ctx, t)
}

// Orders opens the room of orders to tests.
func (h *House) Orders() *order.Room { return h.orders }

// outsideKind is what a delegation says that covers what outside systems ask, and
// nothing else; one that says nothing covers everything.
const outsideKind = "outside"

// deputies are who stands in for somebody now with what outside systems ask.
func (h *House) deputies(ctx context.Context, in id.Org, from id.Person) (all []id.Person, err error) {
	list, err := h.hall.Delegations(ctx, in)
	now := h.options.Clock.Now()
	for _, d := range list {
		covers := len(d.Kinds) == 0 || slices.Contains(d.Kinds, outsideKind)
		if d.From == from && covers && !d.Starts.After(now) && d.Ends.After(now) && !slices.Contains(all, d.To) {
			all = append(all, d.To)
		}
	}
	return all, err
}

// deskOrders are the outside systems as orders see them.
type deskOrders struct {
	desk     *connector.Desk
	ticket   *ticket.Room
	register *org.Register
}

// Places implements order.Desk.
func (d deskOrders) Places(ctx context.Context, who id.Person) (all []order.Place, err error) {
	list, err := d.ticket.Integrations(ctx, who)
	for _, i := range list {
		def, err := d.desk.Definition(i.System)
		if err != nil {
			return nil, err
		}
		p := placeOf(i.System, def, i.Organization)
		p.On = i.System.Enabled && i.Connection.State == connector.On
		all = append(all, p)
	}
	if err != nil {
		return nil, err
	}
	shared, err := d.shared(ctx, who)
	return append(all, shared...), err
}

func placeOf(s connector.System, def *connector.Definition, organization string) order.Place {
	return order.Place{
		Org: s.Org, Organization: organization, System: s.ID, Title: s.Shown(), Alone: def.OrdersAlone(),
		Catalog: def.Can(connector.OpCatalog, s.Mode) && def.Can(connector.OpItem, s.Mode) && def.Can(connector.OpOrder, s.Mode),
	}
}

// shared are the systems of a person's organizations at which they order through
// the organization's own connection, as long as it works.
func (d deskOrders) shared(ctx context.Context, who id.Person) (all []order.Place, err error) {
	grants, err := d.register.Grants(ctx, who)
	if err != nil {
		return nil, err
	}
	for _, o := range grants.Orgs {
		systems, err := d.desk.Systems(ctx, o.ID)
		if err != nil {
			return nil, err
		}
		for _, s := range systems {
			if !s.Enabled || s.Mode != connector.ModeService {
				continue
			}
			def, err := d.desk.Definition(s)
			if err != nil {
				return nil, err
			}
			p := placeOf(s, def, o.Title)
			if !p.Catalog || !def.OrdersFor(s.Settings) {
				continue
			}
			c, err := d.desk.Connection(ctx, o.ID, s.ID, "")
			if err != nil {
				return nil, err
			}
			if p.On, p.Shared = c.State == connector.On, true; p.On {
				all = append(all, p)
			}
		}
	}
	return all, nil
}

// As implements order.Desk.
func (d deskOrders) As(ctx context.Context, org id.Org, system id.Connector, who id.Person) (*connector.Session, error) {
	return d.desk.As(ctx, org, system, who)
}
