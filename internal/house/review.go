package house

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/offer"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/paper"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/review"
	"github.com/sekisho/sekisho/internal/rota"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/ticket"
	"github.com/sekisho/sekisho/internal/words"
)

// layOut opens what the hall goes by besides policies: who is on call, and what
// is said of the things that can be asked for.
func (h *House) layOut() {
	o := h.papersOn()
	h.rota = rota.New(o)
	h.offers = offer.New(o, func() *request.Hall { return h.hall })
}

func (h *House) papersOn() paper.Options {
	return paper.Options{Store: h.store, Clock: h.options.Clock, Register: h.register}
}

// furnishPapers registers their doors and timers.
func (h *House) furnishPapers() error {
	h.rota.API(h.mux)
	h.rota.Pages(h.mux)
	h.offers.API(h.mux)
	h.offers.Pages(h.mux)
	h.reviews = review.New(review.Options{
		Options: h.papersOn(), Log: h.options.Log, Hall: h.hall, Ledger: h.ledger, Post: h.post, Asker: cardReviews{h},
		Presence: h.presence,
	})
	h.reviews.API(h.mux)
	h.reviews.Pages(h.mux)
	return errors.Join(h.rota.Handle(h.desk), h.reviews.Handle(h.desk))
}

// papers are the kinds of manifests of what administrators write.
func (h *House) papers() []manifest.Kind {
	return []manifest.Kind{h.rota.Manifest(), h.offers.Things.Manifest(), h.offers.Templates.Manifest(), h.reviews.Campaigns.Manifest()}
}

// waitingTopics change with what waits for somebody: their cards do.
func waitingTopics(who id.Person) []string { return []string{card.TopicOf(who)} }

// runHall tells open pages of what happens to asks.
func (h *House) runHall() {
	h.run(func(ctx context.Context) { h.hall.Bridge(ctx, h.mux.Hub()) })
}

// cardReviews brings the questions of reviews to people as cards.
type cardReviews struct{ house *House }

// RaiseReview implements review.Asker.
func (c cardReviews) RaiseReview(tx *store.Tx, q review.Question) ([]store.Event, error) {
	n := 1
	if q.Escalated {
		n = 2
	}
	return c.house.cards.Raise(tx, card.Question{
		Ask: id.Ask(q.Item), Org: q.Org, Revision: n, To: q.To, Digest: q.Digest, Due: q.Due, Title: q.Title, Requester: q.Campaign,
	})
}

// SettleReview implements review.Asker.
func (c cardReviews) SettleReview(tx *store.Tx, i review.Item, by id.Person) ([]store.Event, error) {
	s := card.Settlement{Org: i.Org, Ask: id.Ask(i.ID), Outcome: card.Expired}
	if by != "" {
		people, err := org.PeopleByID(&tx.View, []id.Person{by})
		if err != nil {
			return nil, err
		}
		s.Outcome, s.Other = card.Superseded, people[by].DisplayName
	}
	return c.house.cards.Settle(tx, s)
}

// The actions of a review's card.
const reviewKeep, reviewEnd = "keep", "end"

// review decides a question of a review from its card.
func (h hallCards) review(ctx context.Context, in id.Org, item id.Ask, by card.Decider, d card.Verdict) error {
	if d.Action != reviewKeep && d.Action != reviewEnd {
		return fault.New(fault.Invalid, "card-action-unknown")
	}
	_, err := h.house.reviews.Decide(ctx, by.Person, review.Verdict{
		Org: in, Item: string(item), Keep: d.Action == reviewKeep, Digest: d.Digest, Reason: cmp.Or(d.Inputs["reason"], d.Reason), Proof: by.Proof,
	})
	return err
}

// showReview is a question of a review as its card shows it.
func (h hallCards) showReview(ctx context.Context, in id.Org, item id.Ask, viewer id.Person, lang words.Lang) (card.Shown, error) {
	s, err := h.house.reviews.Show(ctx, in, string(item), viewer)
	if err != nil {
		return card.Shown{}, err
	}
	say := func(key string) string { return h.house.book.Say(lang, key, nil) }
	i, spec := s.Item, s.Round.Spec
	sheet := card.Sheet{
		Title: i.Holder + " — " + i.Title, Requester: connector.Party{Name: spec.Title}, Due: s.Round.Due, Decidable: s.CanDecide,
		Text: say("review.card.silence." + cmp.Or(spec.Silence, review.SilenceEnds)),
		Fields: []connector.Field{
			{Label: say("review.card.holder"), Value: i.Holder}, {Label: say("review.card.what"), Value: i.Title + " (" + say("ask.kind."+i.Kind) + ")"},
		},
		Actions: []connector.Action{
			{ID: reviewKeep, Label: say("review.card.keep"), Kind: connector.Direct, Primary: true},
			{ID: reviewEnd, Label: say("review.card.end"), Kind: connector.Ask, Inputs: []connector.Input{{ID: "reason", Label: say("review.card.reason"), Min: 1, Max: request.ReasonMost}}},
		},
	}
	if i.Escalated {
		sheet.Lines = append(sheet.Lines, say("review.card.escalated"))
	}
	for key, at := range map[string]time.Time{"review.card.since": i.Since, "review.card.until": i.Until} {
		if !at.IsZero() {
			sheet.Fields = append(sheet.Fields, connector.Field{Label: say(key), Value: at.UTC().Format("2006-01-02 15:04 UTC")})
		}
	}
	return card.Shown{Sheet: sheet, Digest: s.Digest, Demand: s.Demand}, nil
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
	if wanted.Unread && !t.names(ctx, s, who, found) {
		return wanted, nil // what it says is for who may read it there
	}
	wanted.Title, wanted.URL, wanted.Unread = found.Title, found.URL, false
	return wanted, nil
}

// names reports whether a ticket that the organization's own connection read is
// somebody's: the system knows them for sure, and as who wants it or works on it.
func (t hallTickets) names(ctx context.Context, s connector.System, who id.Person, found connector.Ticket) bool {
	m, err := t.house.systems.MatchOf(ctx, s.Org, s.ID, who)
	return err == nil && m.State == connector.Found && m.NativeID != "" && (m.NativeID == found.Requester.NativeID || m.NativeID == found.Assignee.NativeID)
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
		said += "\n" + connector.Quoted(s.Text) // people's own words read like none of ours
	}
	return nil, ticket.Comment(tx, ticket.Remark{
		ID: effect, Org: a.Org, System: a.Ticket.System, Person: a.Ticket.Person, Ticket: a.Ticket.Number, By: s.By,
		Text: said + "\n" + t.house.mux.BaseURL() + request.Path + "/" + string(a.ID),
	})
}

// Reviews opens access reviews to tests.
func (h *House) Reviews() *review.Room { return h.reviews }
