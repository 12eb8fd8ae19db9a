package house

import (
	"context"
	"slices"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/order"
	"github.com/sekisho/sekisho/internal/ticket"
)

// furnishOrders makes the room of catalogs and own requests. They are read with
// the questions of the same connection, so the cards stand already.
func (h *House) furnishOrders() error {
	h.orders = order.New(order.Options{
		Store: h.store, Clock: h.options.Clock, Log: h.options.Log, Register: h.register, Book: h.book, Desk: deskOrders{h.systems, h.ticket}, Post: h.post,
		Pager: h.pager, BaseURL: h.mux.BaseURL(), Switch: ticket.IntegrationsPath, Here: h.cards.Here, Stir: card.Stir, Topic: card.TopicOf, Quiet: h.noCardMail,
	})
	h.cards.Also = func(ctx context.Context, t card.Tie) error {
		if t.Person == "" || t.Service {
			return nil
		}
		return h.orders.Read(ctx, order.Tie{Org: t.Org, System: t.System, Title: t.Title, Person: t.Person})
	}
	h.cards.Deputies = h.deputies
	h.orders.Pages(h.mux)
	h.orders.API(h.mux)
	return h.desk.Register(h.orders.Driver())
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

// noCardMail reports whether somebody has said that they want no mail about what
// outside systems ask and answer.
func (h *House) noCardMail(ctx context.Context, who id.Person) (bool, error) {
	p, err := h.cards.Preference(ctx, who)
	return p.Mail == card.MailOff, err
}

// deskOrders are the outside systems as orders see them.
type deskOrders struct {
	desk   *connector.Desk
	ticket *ticket.Room
}

// Places implements order.Desk.
func (d deskOrders) Places(ctx context.Context, who id.Person) (all []order.Place, err error) {
	list, err := d.ticket.Integrations(ctx, who)
	for _, i := range list {
		def, err := d.desk.Definition(i.System)
		if err != nil {
			return nil, err
		}
		all = append(all, order.Place{
			Org: i.System.Org, Organization: i.Organization, System: i.System.ID, Title: i.System.Shown(), On: i.System.Enabled && i.Connection.State == connector.On,
			Catalog: def.Can(connector.OpCatalog, i.System.Mode) && def.Can(connector.OpItem, i.System.Mode) && def.Can(connector.OpOrder, i.System.Mode),
		})
	}
	return all, err
}

// As implements order.Desk.
func (d deskOrders) As(ctx context.Context, org id.Org, system id.Connector, who id.Person) (*connector.Session, error) {
	return d.desk.As(ctx, org, system, who)
}
