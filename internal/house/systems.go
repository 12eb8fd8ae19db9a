package house

import (
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/ticket"
)

// openSystems opens what speaks to outside systems, and its door.
func (h *House) openSystems() error {
	h.systems = connector.New(connector.Options{
		Store: h.store, Clock: h.options.Clock, Log: h.options.Log, Ring: h.ring, Egress: h.egress, Register: h.register, Signet: h.signet, BaseURL: h.mux.BaseURL(),
		Engine: connector.NewEngine(connector.EngineOptions{Egress: h.egress, Clock: h.options.Clock, Meter: h.meter}),
	})
	h.ticket = ticket.New(ticket.Options{
		Store: h.store, Clock: h.options.Clock, Log: h.options.Log, Desk: h.systems, Register: h.register, Post: h.post, BaseURL: h.mux.BaseURL(),
		Timeout: h.options.Call, Reach: h.options.Reach,
	})
	return h.desk.Register(h.ticket.Driver())
}

// Systems opens the desk of outside systems to tests.
func (h *House) Systems() *connector.Desk { return h.systems }

// Ticket opens the room of outside systems to tests.
func (h *House) Ticket() *ticket.Room { return h.ticket }
