package house

import (
	"context"
	"errors"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/offer"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/paper"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/rota"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/ticket"
	"github.com/sekisho/sekisho/internal/words"
)

// layOut opens what the hall goes by besides policies: who is on call, and what
// is said of the things that can be asked for.
func (h *House) layOut() {
	o := paper.Options{Store: h.store, Clock: h.options.Clock, Register: h.register}
	h.rota = rota.New(o)
	h.offers = offer.New(o, func() *request.Hall { return h.hall })
}

// furnishPapers registers their doors and timers.
func (h *House) furnishPapers() error {
	h.rota.API(h.mux)
	h.rota.Pages(h.mux)
	h.offers.API(h.mux)
	h.offers.Pages(h.mux)
	return h.rota.Handle(h.desk)
}

// papers are the kinds of manifests of what administrators write.
func (h *House) papers() []manifest.Kind {
	return []manifest.Kind{h.rota.Manifest(), h.offers.Things.Manifest(), h.offers.Templates.Manifest()}
}

// waitingTopics change with what waits for somebody: their cards do.
func waitingTopics(who id.Person) []string { return []string{card.TopicOf(who)} }

// runHall tells open pages of what happens to asks.
func (h *House) runHall() {
	h.run(func(ctx context.Context) { h.hall.Bridge(ctx, h.mux.Hub()) })
}

// hallTickets are the outside systems as the hall sees them.
type hallTickets struct{ house *House }

// Systems implements request.TicketDesk.
func (t hallTickets) Systems(ctx context.Context, in id.Org) (all []request.TicketSystem, err error) {
	systems, err := t.house.systems.Systems(ctx, in)
	for _, s := range systems {
		d, broken := t.house.systems.Definition(s)
		if s.Enabled && broken == nil && d.Can(connector.OpComment, s.Mode) {
			all = append(all, request.TicketSystem{ID: s.ID, Name: s.Shown()})
		}
	}
	return all, err
}

// Look implements request.TicketDesk: by the asker's own connection where there
// is one, else by the organization's, which can say whether there is such a
// ticket and not whose it is to read.
func (t hallTickets) Look(ctx context.Context, in id.Org, who id.Person, wanted request.Ticket) (request.Ticket, error) {
	s, err := t.house.systems.System(ctx, in, wanted.System)
	if err != nil {
		return wanted, err
	}
	wanted.Label = s.Shown()
	x, err := t.house.systems.As(ctx, in, wanted.System, who)
	if wanted.Person = who; s.Mode == connector.ModeService {
		wanted.Person, wanted.Unread = "", true
	} else if f := fault.As(err); f != nil && f.Kind == fault.Unmet {
		wanted.Person, wanted.Unread = "", true
		x, err = t.house.systems.As(ctx, in, wanted.System, "")
	}
	if f := fault.As(err); f != nil && f.Kind == fault.Unmet || err == nil && !x.Can(connector.OpComment) {
		return wanted, fault.New(fault.Unmet, "ticket-not-told", "system", wanted.Label)
	}
	if err != nil || !x.Can(connector.OpTicket) {
		wanted.Unread = true
		return wanted, err
	}
	found, err := x.Ticket(ctx, wanted.Number)
	var p *connector.Problem
	switch {
	case errors.As(err, &p) && (p.Kind == connector.NotFound || p.Kind == connector.Forbidden || p.Kind == connector.Invalid):
		return wanted, fault.New(fault.NotFound, "ticket-unknown")
	case p != nil:
		return wanted, connector.FaultOf(p)
	case err != nil:
		return wanted, err
	}
	if found.ID != "" {
		wanted.Number = found.ID
	}
	wanted.Title, wanted.URL = found.Title, found.URL
	return wanted, nil
}

// hallTeller tells the ticket that an ask names of its steps.
type hallTeller struct{ house *House }

// Tell implements request.Teller. The effect is the step's own, so that a write
// that runs again tells nothing twice.
func (t hallTeller) Tell(tx *store.Tx, a request.Ask, s request.Step) ([]store.Event, error) {
	effect := a.TellAs(s)
	if effect == "" {
		return nil, nil
	}
	by := s.By.Person()
	people, err := org.PeopleByID(&tx.View, []id.Person{by, a.Person})
	if err != nil {
		return nil, err
	}
	said := "Sekisho: " + a.Title + ": " + t.house.book.Say(words.English, "ask.step."+s.Name, nil)
	if name := people[by].DisplayName; name != "" {
		said += " (" + name + ")"
	}
	if s.Text != "" {
		said += "\n" + s.Text
	}
	return nil, ticket.Comment(tx, ticket.Remark{
		ID: effect, Org: a.Org, System: a.Ticket.System, Person: a.Ticket.Person, Ticket: a.Ticket.Number, By: s.By,
		Text: said + "\n" + t.house.mux.BaseURL() + request.Path + "/" + string(a.ID),
	})
}
