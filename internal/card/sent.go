package card

import (
	"context"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// SeenAction puts a card aside that asks for nothing; nobody is told of it.
const SeenAction = "seen"

// AppDecision is what somebody decided on a card that an app sent.
type AppDecision struct {
	Card   Card // Decision, DecidedAt, ACR, AMR and Reason are set; Source is the app, Ticket the message
	Inputs map[string]string
	Effect id.Effect // that is to tell it
}

// Apps are the programs that send cards (← sender).
type Apps interface {
	// Decided queues the telling of a decision, in the write that decides. A fault
	// refuses the decision.
	Decided(tx *store.Tx, d AppDecision) error
}

// Sent is a card of an app for some people.
type Sent struct {
	Org     id.Org
	App     string // the source of the cards
	Label   string
	Message string // of the app; a person has one card of it
	To      []id.Person
	Sheet   Sheet
	Expires time.Time
	Pass    bool // it may be told in quiet hours
}

// RaiseSent puts a card before each of the people who has none of the message
// yet, in the app's write.
func (r *Room) RaiseSent(tx *store.Tx, s Sent) (events []store.Event, err error) {
	sheet := s.Sheet.washed()
	for _, who := range s.To {
		self := tx.Self(who)
		switch _, err := byBackend(&self.View, s.App, s.Message); {
		case err == nil:
			continue
		case !errors.Is(err, store.ErrNoRow):
			return nil, err
		}
		c := Card{
			ID: derived(tx.Now(), Question{Org: s.Org, Ask: id.Ask(s.Message)}, who), Org: s.Org, Person: who, Kind: App, Source: s.App, Label: s.Label,
			Backend: s.Message, Ticket: s.Message, State: Open, Sheet: sheet, Expires: s.Expires,
		}
		c.Digest = c.Sheet.Digest(c.ID)
		if _, err := put(self, c); err != nil {
			return nil, err
		}
		if err := r.tellSent(self, c, s.Pass); err != nil {
			return nil, err
		}
		events = append(events, c.event("card.raised", reader))
	}
	return events, nil
}

// tellSent notes that the handle's person has a card of an app, as loud as the
// policies of the organization and the app say.
func (r *Room) tellSent(self *store.Tx, c Card, pass bool) error {
	loud, err := r.loudness(&self.View, c)
	if err != nil {
		return err
	}
	if pass {
		loud = max(loud, Urgent)
	}
	return r.toTell(self, 1, loud)
}

// WithdrawSent takes at most some of the open cards of a message back, in the
// app's write; left says that there are more.
func (r *Room) WithdrawSent(tx *store.Tx, in id.Org, app, message string, most int) (events []store.Event, left bool, err error) {
	all, err := openOf(&tx.Org(in).View, app, message, most+1)
	if left = len(all) > most; left {
		all = all[:most]
	}
	for _, c := range all {
		if c.State = Withdrawn; err == nil {
			_, err = put(tx.Self(c.Person), c)
		}
		events = append(events, c.event("card.withdrawn", reader))
	}
	return events, left, err
}

// SentEnd is how the telling of a decision ended.
type SentEnd struct {
	Org     id.Org
	App     string
	Message string
	Card    id.Card
	Person  id.Person
	Effect  id.Effect
	Applied bool
	Why     string // kind of problem, of one that was not applied
	Said    string // the app's own words
	Single  bool   // applied, it ends the question for all others
}

// SettleSent says on a card how the telling of its decision ended, in the write
// of the effect.
func (r *Room) SettleSent(tx *store.Tx, e SentEnd) ([]store.Event, error) {
	self := tx.Self(e.Person)
	c, err := cardOf(&self.View, e.Card)
	if errors.Is(err, errUnknown) { // the person was erased
		return nil, nil
	}
	if err != nil || c.State != Deciding || c.Effect != e.Effect {
		return nil, err
	}
	var w washer
	by := reader
	c.State, c.Why, c.Said = Failed, e.Why, w.line(e.Said)
	if e.Applied {
		c.State, c.Why, by = Applied, "", id.OfPerson(e.Person)
		if action, ok := strings.CutPrefix(c.Decision, actionMark); ok {
			c.Acted = append(c.Acted, action)
		}
	}
	if _, err := put(self, c); err != nil {
		return nil, err
	}
	events := []store.Event{c.event("card."+string(c.State), by, "said", c.Said)}
	if !e.Applied || !e.Single {
		return events, nil
	}
	others, err := openOf(&tx.Org(e.Org).View, e.App, e.Message, singleMost)
	for _, one := range others {
		if one.State, one.Other = Superseded, r.nameIn(&self.View, e.Person); err == nil {
			_, err = put(tx.Self(one.Person), one)
		}
		events = append(events, one.event("card.superseded", reader))
	}
	return events, err
}

// singleMost is how many cards one decision ends at once; whoever presses later
// is told that it was decided.
const singleMost = 200

// nameIn is how a person is shown, for others of their organization.
func (r *Room) nameIn(v *store.View, who id.Person) string {
	if r.Register == nil {
		return ""
	}
	p, err := r.Register.PersonIn(v, who)
	if err != nil {
		return ""
	}
	return p.DisplayName
}

// LookSent counts the cards of a message by state, and returns some of them behind
// after.
func (r *Room) LookSent(v *store.View, in id.Org, app, message string, after id.Card, limit int) (map[State]int, []Card, error) {
	counts, err := countsOf(v.Org(in), app, message)
	if err != nil || limit == 0 {
		return counts, nil, err
	}
	some, err := cardsOf(v.Org(in), app, message, after, limit)
	return counts, some, err
}

// decideApp takes a decision on a card of an app: who, when, how surely and what
// was shown is committed with what tells the app. A card that asks for nothing is
// put aside at once.
func (r *Room) decideApp(ctx context.Context, by Decider, c Card, d Verdict) (Card, error) {
	effect := id.New[id.Effect](r.Clock.Now())
	err := r.Store.Self(by.Person).Write(ctx, func(tx *store.Tx) store.End {
		var err error
		if c, err = cardOf(&tx.View, d.Card); err != nil {
			return store.Abort(err)
		}
		if settled, err := c.recorded(d); settled {
			return store.Abort(orRecorded(err))
		}
		if f := c.refuseApp(d, r.Clock.Now()); f != nil {
			return refused(c, by, d, f)
		}
		if f, err := r.sure(&tx.View, c, by, tx.Now()); err != nil || f != nil {
			return unsure(c, by, d, f, err)
		}
		if err := r.commitApp(tx, &c, by, d, effect); err != nil {
			return store.Abort(err)
		}
		return store.Done(c.event("card.decided", id.OfPerson(by.Person),
			"digest", c.Digest, "acr", by.ACR, "amr", strings.Join(by.AMR, " "), "reason", c.Reason, "effect", string(c.Effect)))
	})
	if errors.Is(err, errRecorded) {
		err = nil
	}
	return c, err
}

func (r *Room) commitApp(tx *store.Tx, c *Card, by Decider, d Verdict, effect id.Effect) error {
	c.State, c.Decision, c.DecidedAt, c.ACR, c.AMR, c.Reason = Deciding, d.decision(), tx.Now(), by.ACR, by.AMR, strings.TrimSpace(d.Reason)
	c.Effect, c.Why, c.Said, c.Other = effect, "", "", ""
	if d.Action == SeenAction {
		c.State, c.Effect, c.Acted = Applied, "", []string{SeenAction}
	}
	if ok, err := put(tx, *c); err != nil || !ok {
		return orChanged(err)
	}
	c.Version++
	switch {
	case d.Action == SeenAction:
		return nil
	case r.Apps == nil:
		return fault.New(fault.Unmet, "card-not-decidable", "system", c.Label)
	}
	if other, err := r.underOther(tx, *c); err != nil || other != nil {
		return errors.Join(err, orNone(other))
	}
	return r.Apps.Decided(tx, AppDecision{Card: *c, Inputs: d.Inputs, Effect: effect})
}

func orNone(f *fault.Fault) error {
	if f == nil {
		return nil
	}
	return f
}

// underOther refuses a decision where one is enough and somebody else's is
// applied or on its way.
func (r *Room) underOther(tx *store.Tx, c Card) (*fault.Fault, error) {
	if !c.Sheet.Single {
		return nil, nil
	}
	who, there, err := decidedBy(&tx.Org(c.Org).View, c)
	if err != nil || !there {
		return nil, err
	}
	c.State, c.Other = Superseded, r.nameIn(&tx.View, who)
	return c.settled(), nil
}

// refuseApp says why a decision on a card of an app does not count, before
// anything is written.
func (c Card) refuseApp(d Verdict, now time.Time) *fault.Fault {
	switch {
	case subtle.ConstantTimeCompare([]byte(d.Digest), []byte(c.Digest)) != 1:
		return fault.New(fault.Conflict, "card-changed")
	case !c.Expires.IsZero() && !now.Before(c.Expires):
		c.State = Expired
		return c.settled()
	case d.Action != "":
		return c.refuseAction(d)
	case len(c.Sheet.Actions) > 0:
		return fault.New(fault.Invalid, "card-action-unknown")
	}
	return c.Sheet.refuseReason(d)
}

// giveUpApps says on the card that an operator gave the telling of a decision up:
// it can be decided again.
func (rs *rounds) giveUpApps(ctx context.Context) error {
	if rs.Apps == nil || rs.Clock.Mono()-rs.looked < syncEvery {
		return nil
	}
	rs.looked = rs.Clock.Mono()
	stuck, err := rs.decidingApps(ctx)
	for _, c := range stuck {
		c.State, c.Why = Failed, whyGivenUp
		err = errors.Join(err, rs.write(ctx, c.Person, []change{{c, "card.failed", false}}))
	}
	return err
}

// Told is the decision on a card as its app is told it: approved, rejected, or the
// action's own identifier; "" for none.
func (c Card) Told() string {
	action, ok := strings.CutPrefix(c.Decision, actionMark)
	switch {
	case c.Kind != App || action == SeenAction:
		return ""
	case ok:
		return action
	}
	return c.Decision
}

// SentActions are the actions of a card that asks for nothing.
func SentActions() []connector.Action {
	return []connector.Action{{ID: SeenAction, Kind: connector.Direct, Removes: true}}
}
