package card_test

import (
	"context"
	"errors"
	"testing"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

const (
	ask   = id.Ask("01jd9m7r00000000000000ask1")
	chika = id.Person("01jd9m7r0000000000000ch1ka")
)

// hall keeps one ask, and settles its cards when it is decided.
type hall struct {
	rig    *rig
	digest string
	asker  id.Person
	votes  []id.Person
	need   int
}

func (h *hall) Show(context.Context, id.Org, id.Ask, id.Person, words.Lang) (card.Shown, error) {
	return card.Shown{Sheet: card.Sheet{Title: "Group admins", Decidable: true}, Digest: h.digest}, nil
}

func (h *hall) Decide(_ context.Context, in id.Org, which id.Ask, by card.Decider, d card.Verdict) error {
	if d.Action != "" { // asks have none; questions of reviews have
		return fault.New(fault.Invalid, "card-action-unknown")
	}
	if d.Digest != h.digest {
		return fault.New(fault.Conflict, "ask-changed")
	}
	if by.Person == h.asker {
		return fault.New(fault.Forbidden, "decides-about-themselves")
	}
	return h.rig.store.Org(in).Write(ctx, func(tx *store.Tx) store.End {
		votes := append(h.votes, by.Person)
		events := []store.Event{{Name: "test.voted", Org: in, By: id.OfPerson(by.Person)}}
		if len(votes) >= h.need {
			more, err := h.rig.room.Settle(tx, card.Settlement{Org: in, Ask: which, Outcome: card.Superseded, Other: by.Name})
			if err != nil {
				return store.Abort(err)
			}
			events = append(events, more...)
		}
		h.votes = votes
		return store.Done(events[0], events[1:]...)
	})
}

func (r *rig) raise(q card.Question) {
	r.t.Helper()
	err := r.store.Org(q.Org).Write(ctx, func(tx *store.Tx) store.End {
		events, err := r.room.Raise(tx, q)
		if err != nil {
			return store.Abort(err)
		}
		if len(events) == 0 {
			return store.Abort(errNothing)
		}
		return store.Done(events[0], events[1:]...)
	})
	if err != nil && !errors.Is(err, errNothing) {
		r.t.Fatal(err)
	}
}

var errNothing = errors.New("nothing happened")

func eachHall(t *testing.T, need int, f func(r *rig, h *hall)) {
	t.Helper()
	each(t, func(r *rig) {
		h := &hall{rig: r, digest: "d1", asker: aoi, need: need}
		r.room.Hall = h
		r.raise(card.Question{Ask: ask, Org: kaede, To: []id.Person{botan, chika}, Digest: "d1", Title: "Group admins", Requester: "Aoi"})
		f(r, h)
	})
}

func TestAnOwnAskIsDecidedOnTheCard(t *testing.T) {
	eachHall(t, 1, func(r *rig, h *hall) {
		mine := r.cards(botan)[string(ask)]
		if mine.Kind != card.OwnAsk || mine.Sheet.Title != "Group admins" || !id.Valid(string(mine.ID)) {
			t.Fatalf("Botan's card: %+v", mine)
		}
		if _, err := r.press(mine, func(v *card.Verdict) { v.Digest = "d0" }); fault.Code(err) != "ask-changed" {
			t.Errorf("R5 another digest: %v", err)
		}
		if _, err := r.press(mine, func(v *card.Verdict) { v.Action = "x" }); fault.Code(err) != "card-action-unknown" {
			t.Errorf("an action: %v", err)
		}
		if c, err := r.press(mine); err != nil || c.State != card.Applied || c.Decision != string(connector.Approve) {
			t.Fatalf("%s %v", c.State, err)
		}
		other := r.cards(chika)[string(ask)]
		if other.State != card.Superseded || other.Other != "Botan Sato" {
			t.Errorf("Chika's card is %s by %q", other.State, other.Other)
		}
		late := present
		late.Person = chika
		if _, err := r.room.Decide(ctx, late, card.Verdict{Card: other.ID, Yes: true, Digest: "d1"}); fault.Code(err) != "card-settled" {
			t.Errorf("A110 a second decider: %v", err)
		}
		if _, err := r.press(r.cards(botan)[string(ask)]); err != nil || len(h.votes) != 1 {
			t.Errorf("A110 pressed again: %v, %d votes", err, len(h.votes))
		}
	})
}

func TestAQuestionThatChanges(t *testing.T) {
	eachHall(t, 2, func(r *rig, h *hall) {
		if _, err := r.press(r.cards(botan)[string(ask)]); err != nil {
			t.Fatal(err)
		}
		q := card.Question{Ask: ask, Org: kaede, To: []id.Person{botan, chika}, Digest: "d1", Title: "Group admins", Requester: "Aoi", Reminder: true}
		r.raise(q)
		if c := r.cards(botan)[string(ask)]; c.State != card.Applied {
			t.Errorf("a reminder asks again who has answered: %s", c.State)
		}
		before := r.events("card.raised")
		h.digest, q.Digest, q.Revision, q.Reminder, q.To = "d2", "d2", 1, false, []id.Person{botan}
		r.raise(q)
		if c := r.cards(botan)[string(ask)]; c.State != card.Open || c.Digest != "d2" || c.Decision != "" {
			t.Errorf("R5 what was approved before stands after a change: %+v", c.State)
		}
		if c := r.cards(chika)[string(ask)]; c.State != card.Withdrawn {
			t.Errorf("who may not decide any more still has it: %s", c.State)
		}
		if n := r.events("card.raised") - before; n != 1 {
			t.Errorf("%d records of one new question", n)
		}
	})
}

func TestAnAskOfAnotherOrganizationIsNotTouched(t *testing.T) {
	eachHall(t, 1, func(r *rig, _ *hall) {
		err := r.store.Org(momiji).Write(ctx, func(tx *store.Tx) store.End {
			events, err := r.room.Settle(tx, card.Settlement{Org: momiji, Ask: ask, Outcome: card.Withdrawn})
			if err != nil || len(events) > 0 {
				t.Errorf("TRAP-H26 R4 settled %d cards of another organization, %v", len(events), err)
			}
			return store.Abort(errNothing)
		})
		if !errors.Is(err, errNothing) {
			t.Fatal(err)
		}
		if c := r.cards(botan)[string(ask)]; c.State != card.Open {
			t.Errorf("TRAP-H26 the card is %s", c.State)
		}
	})
}
