package house

import (
	"context"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// cardAsker brings the hall's questions to people as cards. The hall is made
// before the cards.
type cardAsker struct{ house *House }

// Raise implements request.Asker.
func (c cardAsker) Raise(tx *store.Tx, q request.Question) ([]store.Event, error) {
	people, err := org.PeopleByID(&tx.View, []id.Person{q.Asked.Person})
	if err != nil {
		return nil, err
	}
	loud := card.Usual
	if q.Asked.Break {
		loud = card.Alarm
	}
	return c.house.cards.Raise(tx, card.Question{
		Loud: loud,
		Ask:  q.Ask, Org: q.Org, Revision: q.Revision, Stage: q.Stage, To: q.To, Digest: q.Digest, Due: q.Due, Reminder: q.Reminder,
		First: q.First,
		Title: q.Asked.Title, Requester: asks(people, q.Asked),
	})
}

// asks is how a card calls who asks: a process of the machine is no person.
func asks(people map[id.Person]org.Person, a request.Ask) string {
	if c, held := a.Change(); held && a.Person == "" {
		return string(c.By)
	}
	return people[a.Person].DisplayName
}

// Settle implements request.Asker.
func (c cardAsker) Settle(tx *store.Tx, a request.Ask) ([]store.Event, error) {
	s := card.Settlement{Org: a.Org, Ask: a.ID, Outcome: card.Withdrawn}
	switch a.State {
	case request.Expired:
		s.Outcome = card.Expired
	case request.Approved, request.Released, request.Refused, request.Over:
		s.Outcome = card.Superseded
		people, err := org.PeopleByID(&tx.View, []id.Person{a.DecidedBy.Person()})
		if err != nil {
			return nil, err
		}
		s.Other = people[a.DecidedBy.Person()].DisplayName
	}
	return c.house.cards.Settle(tx, s)
}

// hallCards is the hall as cards see it.
type hallCards struct{ house *House }

// Decide implements card.Hall.
func (h hallCards) Decide(ctx context.Context, in id.Org, ask id.Ask, by card.Decider, d card.Verdict) error {
	if d.Action != "" {
		return h.review(ctx, in, ask, by, d)
	}
	_, err := h.house.hall.Decide(ctx, request.Decider{Person: by.Person, Proof: by.Proof}, request.Verdict{Org: in, Ask: ask, Approve: d.Yes, Digest: d.Digest, Reason: d.Reason})
	return err
}

// Show implements card.Hall: everything that the digest binds, or the page on
// which it stands.
func (h hallCards) Show(ctx context.Context, in id.Org, ask id.Ask, viewer id.Person, lang words.Lang) (card.Shown, error) {
	s, err := h.house.hall.Show(ctx, in, ask, viewer)
	if fault.Code(err) == "ask-unknown" {
		return h.showReview(ctx, in, ask, viewer, lang)
	}
	if err != nil {
		return card.Shown{}, err
	}
	say := func(key string, pairs ...any) string { return h.house.book.Say(lang, key, fault.Pairs(pairs...)) }
	sheet := card.Sheet{
		Title: s.Target.Title, Text: s.Ask.Reason, Requester: connector.Party{NativeID: s.Requester.Login, Name: s.Asks(say)}, Due: s.Ask.Due,
		Comment: connector.OnReject, Decidable: s.CanDecide,
	}
	add := func(key, value string) {
		if value != "" {
			sheet.Fields = append(sheet.Fields, connector.Field{Label: say(key), Value: value})
		}
	}
	// First what a decision is about besides its title: cards show that above the
	// reason, however long somebody makes it (A128).
	if s.Beneficiary.ID != s.Requester.ID {
		add("ask.for-whom", s.Beneficiary.Name+" ("+s.Beneficiary.Login+")")
	}
	if c, held := s.Ask.Change(); held {
		add("ask.held.sort", say("change.sort."+c.Sort))
	} else {
		add("ask.length", lasts(say, s.Ask.Length))
	}
	if !s.Ask.From.IsZero() {
		add("ask.from", s.Ask.From.UTC().Format("2006-01-02 15:04 UTC"))
	}
	sheet.Leading = len(sheet.Fields)
	add("ask.kind", say("ask.kind."+s.Ask.Kind))
	add("ask.org", s.Org.Title)
	if s.Ask.Ticket.Number != "" {
		add("ask.ticket", s.Ask.Ticket.Label+" "+s.Ask.Ticket.Number)
	}
	for _, f := range s.Target.Facts {
		add(f.Key, f.Value)
	}
	add("ask.about", s.Target.About)
	for _, owner := range s.Target.Owners {
		add("ask.owners", s.People[owner].Name)
	}
	for _, step := range s.Thread {
		if step.Name == request.StepQuestion || step.Name == request.StepAnswer {
			sheet.Lines = append(sheet.Lines, s.People[step.By.Person()].Name+": "+step.Text)
		}
	}
	a := s.Ask
	return card.Shown{
		Sheet: sheet, Digest: s.Digest, Demand: s.Demand, Page: request.Path + "/" + string(ask),
		Whole: len(a.Held) > 0 || a.Break || a.Extends != "",
	}, nil
}

// lasts says how long something is let out for.
func lasts(say func(string, ...any) string, d time.Duration) string {
	n := func(unit time.Duration) string { return strconv.FormatInt(int64(d/unit), 10) }
	switch {
	case d == 0:
		return say("ask.length.endless")
	case d%(24*time.Hour) == 0:
		return say("ask.length.days", "n", n(24*time.Hour))
	case d%time.Hour == 0:
		return say("ask.length.hours", "n", n(time.Hour))
	}
	return say("ask.length.minutes", "n", n(time.Minute))
}
