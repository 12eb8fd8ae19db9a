package card

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Who hands over their questions for a time has them put before their stand-in
// as well. The stand-in decides with their own account; whether that counts is
// the system's to say, and what it refuses stands on the card in words. Whose
// question it is stays on card, record and decision.

// deputize brings the cards of a person's stand-ins up to the person's own open
// questions of one system.
func (r *Room) deputize(ctx context.Context, t Tie) error {
	if r.Deputies == nil || t.Person == "" {
		return nil
	}
	deputies, err := r.Deputies(ctx, t.Org, t.Person)
	if err != nil {
		return err
	}
	own := map[string]Card{}
	var before []id.Person
	err = r.Store.Self(t.Person).Read(ctx, func(v *store.View) error {
		all, err := ofSource(v, string(t.System))
		for backend, c := range all {
			if c.Behalf == "" && (c.State == Open || c.State == Failed) {
				own[backend] = c
			}
		}
		return err
	})
	if err == nil {
		before, err = r.standIns(ctx, t)
	}
	if err != nil {
		return err
	}
	everybody := slices.Concat(deputies, before)
	slices.Sort(everybody)
	var errs []error
	for _, who := range slices.Compact(everybody) {
		errs = append(errs, r.mirror(ctx, t, who, slices.Contains(deputies, who), own))
	}
	return errors.Join(errs...)
}

// mirror brings one stand-in's cards up to the questions of whom they stand for;
// those of one who stands in no more are withdrawn.
func (r *Room) mirror(ctx context.Context, t Tie, who id.Person, stands bool, own map[string]Card) error {
	var known map[string]Card
	theirs := map[string]bool{} // what they are asked themselves, closed or not
	err := r.Store.Self(who).Read(ctx, func(v *store.View) (err error) {
		if known, err = ofSource(v, string(t.System)); err != nil {
			return err
		}
		for backend := range own {
			c, err := byBackend(v, string(t.System), backend)
			if err == nil && (c.Behalf == "" || c.State.closed() && c.Digest == own[backend].Sheet.Digest(c.ID)) {
				theirs[backend] = true
			} else if err != nil && !errors.Is(err, store.ErrNoRow) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var changes []change
	for _, backend := range slices.Sorted(maps.Keys(known)) {
		c := known[backend]
		q, asked := own[backend]
		switch {
		case c.Behalf != t.Person || c.State == Deciding:
			continue
		case !stands || !asked:
			c.State, c.Why = Withdrawn, ""
			changes = append(changes, change{c, "card.withdrawn", false})
		case c.Sheet.Digest(c.ID) != q.Sheet.Digest(c.ID):
			c.Sheet, c.Digest, c.Label, c.Ticket = q.Sheet, q.Sheet.Digest(c.ID), q.Label, q.Ticket
			changes = append(changes, change{c, "card.changed", false})
		}
	}
	for _, backend := range slices.Sorted(maps.Keys(own)) {
		_, open := known[backend]
		if !stands || open || theirs[backend] {
			continue
		}
		q := own[backend]
		c := Card{ID: id.New[id.Card](r.Clock.Now()), Org: q.Org, Person: who, Behalf: t.Person, Kind: Outside, Source: q.Source, Backend: backend, State: Open, Label: q.Label, Ticket: q.Ticket, Sheet: q.Sheet}
		c.Digest = c.Sheet.Digest(c.ID)
		changes = append(changes, change{c, "card.raised", true})
	}
	return r.write(ctx, who, changes)
}

// refuseDeputy says why somebody may not decide in another's place: they do not
// stand in any more, or it would be the other's own request (A109).
func (r *Room) refuseDeputy(ctx context.Context, c Card) (*fault.Fault, error) {
	if c.Behalf == "" {
		return nil, nil
	}
	var deputies []id.Person
	var err error
	if r.Deputies != nil {
		deputies, err = r.Deputies(ctx, c.Org, c.Behalf)
	}
	if err != nil {
		return nil, err
	}
	mail, err := r.mailOf(ctx, c.Behalf)
	switch {
	case err != nil:
		return nil, err
	case !slices.Contains(deputies, c.Person):
		return fault.New(fault.Forbidden, "card-not-standing-in"), nil
	case c.Sheet.ownRequest(c.Sheet.Approver, mail):
		return fault.New(fault.Forbidden, "card-own-request"), nil
	}
	return nil, nil
}

// others are the accounts that count as whom a decision was made by: the
// person's own, and of a stand-in the one in whose place they decide.
func (p payload) others() []string {
	if p.For == "" {
		return []string{p.Native}
	}
	return []string{p.Native, p.For}
}

// standInRefused turns what a system does not show or permit a stand-in into a
// refusal: that it is not there for them says nothing about the question.
func (p payload) standInRefused(o outcome) outcome {
	if p.For != "" && o.State == Withdrawn && o.Why == connector.NotFound {
		o.State, o.Why = Failed, connector.Forbidden
	}
	return o
}
