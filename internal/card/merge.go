package card

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/store"
)

// Read reads what a connection is asked and brings the cards up to it. It closes
// nothing that the system does not say is over.
func (r *Room) Read(ctx context.Context, t Tie, ties map[place]Tie) error {
	if !t.On {
		return nil
	}
	session, err := r.Systems.Open(ctx, t)
	if err != nil {
		return err
	}
	list, err := session.Approvals(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for who, mine := range asked(t, ties, list) {
		errs = append(errs, r.merge(ctx, session, who, mine))
	}
	return errors.Join(errs...)
}

// asked puts the questions to the people who are asked. What is put to another
// account never becomes a card, whatever a system lists (C2).
func asked(t Tie, ties map[place]Tie, list []connector.Approval) map[Tie][]connector.Approval {
	byNative, all := map[string]Tie{}, map[Tie][]connector.Approval{}
	if t.Person != "" {
		all[t] = nil
		byNative[t.Native.NativeID] = t
	} else {
		for _, other := range ties {
			if other.System == t.System && other.Person != "" && other.Native.NativeID != "" {
				byNative[other.Native.NativeID] = other
				all[other] = nil
			}
		}
	}
	seen := map[string]bool{}
	for _, a := range list {
		who, ok := byNative[a.Approver.NativeID]
		if a.Approver.NativeID == "" && t.Person != "" && !t.Service {
			who, ok = t, true
		}
		if ok && a.State == connector.Pending && a.ID != "" && len(a.ID) <= mostLine && !seen[a.ID] && len(all[who]) < listMost {
			seen[a.ID] = true
			all[who] = append(all[who], a)
		}
	}
	return all
}

// change is one card of a merge.
type change struct {
	card  Card
	event string
	tells bool
}

// merge brings one person's cards of a system up to what it asks them now.
func (r *Room) merge(ctx context.Context, s Session, t Tie, list []connector.Approval) error {
	var known map[string]Card
	closed, skipped := map[string]Card{}, map[id.Card]bool{}
	err := r.Store.Self(t.Person).Read(ctx, func(v *store.View) (err error) {
		if known, err = ofSource(v, string(t.System)); err != nil {
			return err
		}
		for _, a := range list {
			if _, open := known[a.ID]; open {
				continue
			}
			c, err := byBackend(v, string(t.System), a.ID)
			if err == nil {
				closed[a.ID] = c
			} else if !errors.Is(err, store.ErrNoRow) {
				return err
			}
		}
		return givenUp(v, known, skipped)
	})
	if err != nil {
		return err
	}
	changes := r.fresh(t, list, known, closed)
	changes = append(changes, r.missing(ctx, s, list, known)...)
	for _, c := range known {
		if skipped[c.ID] {
			c.State, c.Why = Failed, whyGivenUp
			changes = append(changes, change{c, "card.failed", false})
		}
	}
	return r.write(ctx, t.Person, changes)
}

// whyGivenUp is what a decision ends with that an operator skipped.
const whyGivenUp = "given-up"

// givenUp finds decisions that an operator skipped.
func givenUp(v *store.View, known map[string]Card, skipped map[id.Card]bool) error {
	for _, c := range known {
		if c.State != Deciding {
			continue
		}
		s, err := job.Look(v, c.Org, c.Effect)
		if err != nil && fault.Code(err) != "job-effect-unknown" {
			return err
		}
		skipped[c.ID] = err != nil || s.State == job.Skipped
	}
	return nil
}

// fresh are the questions that are new, changed, or asked again.
func (r *Room) fresh(t Tie, list []connector.Approval, known, closed map[string]Card) (all []change) {
	for _, a := range list {
		sheet := sheetOf(a)
		c, open := known[a.ID]
		before, was := closed[a.ID]
		switch {
		case open && (c.State == Deciding || c.Sheet.Digest(c.ID) == sheet.Digest(c.ID)):
			continue
		case open:
			tells := c.Sheet.material() != sheet.material()
			c.show(t, sheet, a)
			all = append(all, change{c, "card.changed", tells})
		case was && before.stillApplied(sheet, r.Clock):
			continue
		case was:
			before.State, before.Decision, before.Why, before.Said, before.Other, before.Effect, before.Acted = Open, "", "", "", "", "", nil
			same := before.Sheet.material() == sheet.material() && r.Clock.Now().Sub(before.Ended) < repeatLeast
			before.show(t, sheet, a)
			all = append(all, change{before, "card.raised", !same})
		default:
			c = Card{
				ID: id.New[id.Card](r.Clock.Now()), Org: t.Org, Person: t.Person, Kind: Outside, Source: string(t.System), Backend: a.ID, State: Open,
			}
			c.show(t, sheet, a)
			all = append(all, change{c, "card.raised", true})
		}
	}
	return all
}

// stillApplied reports whether a list only lags behind a decision that was read
// back.
func (c Card) stillApplied(sheet Sheet, now clock.Clock) bool {
	return c.State == Applied && c.Digest == sheet.Digest(c.ID) && now.Now().Sub(c.Ended) < lagMost
}

// show puts what is asked now onto the card.
func (c *Card) show(t Tie, sheet Sheet, a connector.Approval) {
	var w washer
	c.Label, c.Ticket, c.Sheet, c.Digest = w.line(t.Title), w.line(a.TicketID), sheet, sheet.Digest(c.ID)
}

// missing asks for each open question that the list did not bring: only the
// question itself says that it is over.
func (r *Room) missing(ctx context.Context, s Session, list []connector.Approval, known map[string]Card) (all []change) {
	named := map[string]bool{}
	for _, a := range list {
		named[a.ID] = true
	}
	gone := slices.SortedFunc(maps.Values(known), func(a, b Card) int { return strings.Compare(string(a.ID), string(b.ID)) })
	gone = slices.DeleteFunc(gone, func(c Card) bool { return named[c.Backend] || c.State == Deciding })
	for _, c := range gone[:min(len(gone), missingMost)] {
		now, err := s.Approval(ctx, c.Backend)
		var w washer
		switch {
		case connector.KindOf(err) == connector.NotFound:
			c.State = Withdrawn
		case err != nil || now.State == connector.Pending || now.State == connector.Unmapped:
			continue
		case now.State == connector.Cancelled || now.State == connector.Closed:
			c.State = Withdrawn
		default:
			c.State, c.Other, c.Decision = Superseded, w.line(partyName(now.DecidedBy)), string(now.State)
		}
		all = append(all, change{c, "card." + string(c.State), false})
	}
	return all
}

// write commits what a merge found, with a record each. A card that somebody
// else changed in between is left to the next poll.
func (r *Room) write(ctx context.Context, who id.Person, changes []change) error {
	if len(changes) == 0 {
		return nil
	}
	for chunk := range slices.Chunk(changes, 50) {
		err := r.Store.Self(who).Write(ctx, func(tx *store.Tx) store.End {
			var events []store.Event
			tells, loud := 0, Usual
			for _, one := range chunk {
				ok, err := put(tx, one.card)
				if err != nil {
					return store.Abort(err)
				}
				if !ok {
					continue
				}
				events = append(events, one.card.event(one.event, reader))
				if one.tells {
					tells++
					l, err := r.loudness(&tx.View, one.card)
					if err != nil {
						return store.Abort(err)
					}
					loud = max(loud, l)
				}
			}
			if tells > 0 {
				if err := r.toTell(tx, tells, loud); err != nil {
					return store.Abort(err)
				}
			}
			return ended(events, nil)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
