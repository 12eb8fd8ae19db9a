package house

import (
	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/sender"
	"github.com/sekisho/sekisho/internal/signet"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/token"
)

// openSignet opens the keys by which the house signs what it says to others.
func (h *House) openSignet() {
	h.signet = signet.New(signet.Options{Store: h.store, Clock: h.options.Clock, Log: h.options.Log, Ring: h.ring})
}

// openSender makes the door of programs that send cards.
func (h *House) openSender() {
	h.senders = sender.New(sender.Options{
		Store: h.store, Clock: h.options.Clock, Log: h.options.Log, Register: h.register, Gate: h.signin.Gate(), Egress: h.egress, Signet: h.signet,
		Cards: sentCards{h}, BaseURL: h.mux.BaseURL(), Timeout: h.options.Call, Reach: h.options.Reach,
	})
}

// furnishSender registers its doors, its effects and its timers.
func (h *House) furnishSender() error {
	h.senders.Doors(h.mux)
	return h.senders.Handle(h.desk)
}

// runSender looks after senders and signing keys, on this node.
func (h *House) runSender() {
	h.run(h.signet.Run)
	h.run(h.senders.Run)
}

// Senders opens the room of card senders to tests.
func (h *House) Senders() *sender.Room { return h.senders }

// Signet opens the signing keys to tests.
func (h *House) Signet() *signet.Case { return h.signet }

// endTokens ends what people and programs act by without a session.
func endTokens(tx *store.Tx) (int64, error) {
	people, err := token.EndAllTokens(tx)
	if err != nil {
		return people, err
	}
	programs, err := sender.EndAllTokens(tx)
	return people + programs, err
}

// sentCards are the cards as senders see them.
type sentCards struct{ house *House }

// Raise implements sender.Cards.
func (s sentCards) Raise(tx *store.Tx, one sender.Sending) ([]store.Event, error) {
	return s.house.cards.RaiseSent(tx, card.Sent{
		Org: one.Org, App: string(one.Sender), Label: one.Label, Message: one.Message, To: one.To, Sheet: sheetOf(one), Expires: one.Expires, Pass: one.Pass,
	})
}

// Withdraw implements sender.Cards.
func (s sentCards) Withdraw(tx *store.Tx, in id.Org, which id.Sender, message string, most int) ([]store.Event, bool, error) {
	return s.house.cards.WithdrawSent(tx, in, string(which), message, most)
}

// Settle implements sender.Cards.
func (s sentCards) Settle(tx *store.Tx, o sender.Outcome) ([]store.Event, error) {
	return s.house.cards.SettleSent(tx, card.SentEnd{
		Org: o.Org, App: string(o.Sender), Message: o.Message, Card: o.Card, Person: o.Person, Effect: o.Effect, Applied: o.Applied, Why: o.Why, Said: o.Said,
		Single: o.Single,
	})
}

// Look implements sender.Cards.
func (s sentCards) Look(v *store.View, in id.Org, which id.Sender, message string, after id.Card, limit int) (map[string]int, []sender.Standing, error) {
	counts, some, err := s.house.cards.LookSent(v, in, string(which), message, after, limit)
	all := map[string]int{}
	for state, n := range counts {
		all[string(state)] = n
	}
	var standings []sender.Standing
	for _, c := range some {
		standings = append(standings, sender.Standing{
			Card: c.ID, Person: c.Person, State: string(c.State), Decision: c.Told(), Digest: c.Digest, DecidedAt: c.DecidedAt,
		})
	}
	return all, standings, err
}

// sheetOf is what a card of a sender shows.
func sheetOf(s sender.Sending) card.Sheet {
	c := s.Content
	sheet := card.Sheet{
		Title: c.Title, Number: c.Number, Text: c.Text, Requester: connector.Party{Name: c.Requester}, Due: c.Due, URL: c.Link, Comment: connector.Need(c.Comment),
		Decidable: true, Single: c.Single,
	}
	if c.Requester == "" {
		sheet.Requester.Name = s.Label
	}
	if c.Priority != sender.Normal {
		sheet.Priority = c.Priority
	}
	for _, f := range c.Fields {
		sheet.Fields = append(sheet.Fields, connector.Field{Label: f.Label, Value: f.Value})
	}
	for _, a := range c.Actions {
		sheet.Actions = append(sheet.Actions, actionOf(a))
	}
	if c.Comment == "" && len(c.Actions) == 0 {
		sheet.Actions = card.SentActions()
	}
	return sheet
}

func actionOf(a sender.Action) connector.Action {
	out := connector.Action{ID: a.ID, Label: a.Label, Completed: a.Completed, Kind: connector.Direct, Primary: a.Primary, Removes: true}
	for _, in := range a.Inputs {
		out.Kind = connector.Ask
		one := connector.Input{ID: in.ID, Label: in.Label, Format: in.Format, Max: in.Most}
		if in.Required {
			one.Min = 1
		}
		for _, o := range in.Options {
			one.Options = append(one.Options, connector.Option{Value: o.Value, Label: o.Label})
		}
		out.Inputs = append(out.Inputs, one)
	}
	return out
}

// cardApps are the programs as cards see them.
type cardApps struct{ house *House }

// Decided implements card.Apps.
func (a cardApps) Decided(tx *store.Tx, d card.AppDecision) error {
	c := d.Card
	return a.house.senders.Decided(tx, sender.Decision{
		Effect: d.Effect, Org: c.Org, Sender: id.Sender(c.Source), Message: c.Ticket, Card: c.ID, Person: c.Person, Decision: c.Told(), Inputs: d.Inputs,
		Reason: c.Reason, Digest: c.Digest, ACR: c.ACR, AMR: c.AMR, At: c.DecidedAt,
	})
}
