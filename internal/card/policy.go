package card

import (
	"context"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/presence"
	"github.com/sekisho/sekisho/internal/store"
)

// Question is the card as policies see it.
func (c Card) question() presence.Question {
	s := c.Sheet
	q := presence.Question{
		Org: c.Org, Kind: string(c.Kind), Source: c.Label, Title: s.Title, Number: s.Number, Requester: s.Requester.Name, Mail: s.Requester.Email,
		Amount: s.Amount.Value, Currency: s.Amount.Currency, Stage: s.Stage, Due: s.Due, Lines: s.Lines, Priority: s.Priority, Fields: map[string]string{},
	}
	if c.Kind == Outside {
		q.System = id.Connector(c.Source)
	}
	for _, f := range s.Fields {
		q.Fields[f.Label] = f.Value
	}
	return q
}

// needs is what whoever decides the card has to have proven. The hall says it
// of its own asks.
func (r *Room) needs(v *store.View, c Card) (presence.Demand, error) {
	return r.Presence.For(v, c.question())
}

// demand is needs for who looks at the card.
func (r *Room) demand(ctx context.Context, c Card, shown Shown) (d presence.Demand, err error) {
	if c.Kind == OwnAsk || r.Presence == nil {
		return shown.Demand, nil
	}
	err = r.Store.Self(c.Person).Read(ctx, func(v *store.View) error {
		d, err = r.needs(v, c)
		return err
	})
	return d, err
}

// sure refuses who has not proven enough, in the write that decides.
func (r *Room) sure(v *store.View, c Card, by Decider, now time.Time) (*fault.Fault, error) {
	d, err := r.needs(v, c)
	if err != nil {
		return nil, err
	}
	return d.Refuse(by.Proof, now), nil
}

// place is where what was typed on a card is kept.
func (c Card) place() string { return "card:" + string(c.ID) }
