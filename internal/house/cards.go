package house

import (
	"context"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/web"
)

// furnishCards makes the list of cards and registers its doors.
func (h *House) furnishCards() error {
	h.cards = card.New(card.Options{
		Store: h.store, Clock: h.options.Clock, Log: h.options.Log, Register: h.register, Post: h.post, Pager: h.pager, BaseURL: h.mux.BaseURL(),
		Systems: h.options.Systems,
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
}

// panels are what rooms show on a person's first page, above all else.
func (h *House) panels() []web.Panel { return []web.Panel{h.cards.Panel} }
