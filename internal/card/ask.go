package card

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/presence"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// hallSource is the source of cards about our own asks.
const hallSource = "hall"

// Shown is an ask as an approver sees it now.
type Shown struct {
	Sheet  Sheet
	Digest string // the hall's own: it binds the decision
	Page   string // where the whole ask is
	Whole  bool   // a card cannot show all of it: it is decided on Page
	Demand presence.Demand
}

// Hall is where our own asks are kept and decided.
type Hall interface {
	Show(ctx context.Context, org id.Org, ask id.Ask, viewer id.Person, lang words.Lang) (Shown, error)
	// Decide takes the approver's answer, and settles the cards of all in its own
	// write if that ends the question.
	Decide(ctx context.Context, org id.Org, ask id.Ask, by Decider, d Verdict) error
}

// Question is an ask of our own that waits for one of some people.
type Question struct {
	Ask             id.Ask
	Org             id.Org
	Revision, Stage int
	To              []id.Person // who may decide now
	Digest          string
	Due             time.Time
	Reminder        bool
	First           bool // nobody was asked before
	Loud            Loud
	Title           string
	Requester       string // as lists show them
}

// Raise puts a question before everybody who may decide it, in the hall's write.
// A later one of the same ask replaces it; the same one again reminds who has
// not answered.
func (r *Room) Raise(tx *store.Tx, q Question) ([]store.Event, error) {
	events, err := r.recall(tx, q)
	if err != nil {
		return nil, err
	}
	for _, who := range q.To {
		self := tx.Self(who)
		c, there, err := r.asked(self, q)
		if err != nil {
			return nil, err
		}
		same, back := there && c.Digest == q.Digest, c.State == Withdrawn // it was taken from them, and comes back
		if same && !back && (c.State.closed() || !q.Reminder) {
			continue // answered, or told already
		}
		if !there {
			c = Card{ID: derived(tx.Now(), q, who), Org: q.Org, Person: who, Kind: OwnAsk, Source: hallSource, Label: "Sekisho", Backend: string(q.Ask)}
		}
		c.ask(q)
		if _, err := put(self, c); err != nil {
			return nil, err
		}
		if err := r.tellAsk(self, c, q); err != nil {
			return nil, err
		}
		if !same || back {
			events = append(events, c.event("card.raised", reader))
		}
	}
	return events, nil
}

// asked is the card of the handle's person about an ask, if there is one.
func (r *Room) asked(self *store.Tx, q Question) (c Card, there bool, err error) {
	if q.First {
		return c, false, nil
	}
	c, err = byBackend(&self.View, hallSource, string(q.Ask))
	if errors.Is(err, store.ErrNoRow) {
		return Card{}, false, nil
	}
	return c, err == nil, err
}

// tellAsk has a person told of a question of the hall. The hall itself writes the
// mails, but for who wants one a day.
func (r *Room) tellAsk(self *store.Tx, c Card, q Question) error {
	pref, err := preferenceOf(&self.View)
	if err != nil {
		return err
	}
	loud, err := r.loudness(&self.View, c)
	if err != nil {
		return err
	}
	n := 0
	if pref.Mail == MailDigest && q.Loud < Alarm {
		n = 1
	}
	return r.toTell(self, n, max(loud, q.Loud))
}

// ask puts the question onto the card.
func (c *Card) ask(q Question) {
	var w washer
	c.Ticket, c.State, c.Digest, c.Ended = string(q.Ask), Open, q.Digest, time.Time{}
	c.Decision, c.DecidedAt, c.Reason, c.Why, c.Said, c.Other = "", time.Time{}, "", "", "", ""
	c.Sheet = Sheet{Title: w.line(q.Title), Requester: connector.Party{Name: w.line(q.Requester)}, Due: q.Due, Decidable: true}
}

// recall withdraws a question from who may not decide it any more.
func (r *Room) recall(tx *store.Tx, q Question) (events []store.Event, err error) {
	if q.First {
		return nil, nil
	}
	asked, err := askedAbout(tx.Org(q.Org), q.Ask)
	if err != nil {
		return nil, err
	}
	for _, who := range asked {
		if slices.Contains(q.To, who) {
			continue
		}
		event, err := r.close(tx, who, q.Ask, func(c *Card) {
			if c.State = Withdrawn; c.Decision != "" {
				c.State = Applied
			}
		})
		if err != nil {
			return nil, err
		}
		events = append(events, event...)
	}
	return events, nil
}

// close ends one person's card about an ask.
func (r *Room) close(tx *store.Tx, who id.Person, ask id.Ask, end func(*Card)) ([]store.Event, error) {
	self := tx.Self(who)
	c, err := byBackend(&self.View, hallSource, string(ask))
	if errors.Is(err, store.ErrNoRow) || err == nil && c.State.closed() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	end(&c)
	if _, err := put(self, c); err != nil {
		return nil, err
	}
	return []store.Event{c.event("card."+string(c.State), reader)}, nil
}

// Settlement is how all questions of an ask ended: Superseded by a decision,
// Withdrawn or Expired.
type Settlement struct {
	Org     id.Org
	Ask     id.Ask
	Outcome State
	Other   string // who decided it in the end, as they are shown
}

// Settle closes the cards of an ask for all, in the hall's write.
func (r *Room) Settle(tx *store.Tx, s Settlement) (events []store.Event, err error) {
	asked, err := askedAbout(tx.Org(s.Org), s.Ask)
	if err != nil {
		return nil, err
	}
	for _, who := range asked {
		event, err := r.close(tx, who, s.Ask, func(c *Card) { c.State, c.Other = s.Outcome, s.Other })
		if err != nil {
			return nil, err
		}
		events = append(events, event...)
	}
	return events, nil
}

// derived is the identifier of a card that a write makes: the same each time the
// write is run again.
func derived(at time.Time, q Question, who id.Person) id.Card {
	const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	const head = 10 // characters of an identifier that are its time
	sum := sha256.Sum256([]byte(strings.Join([]string{"card", string(q.Org), string(q.Ask), string(who), strconv.Itoa(q.Revision)}, "\x00")))
	tail := make([]byte, id.Len-head)
	for i := range tail {
		tail[i] = alphabet[sum[i]&31]
	}
	return id.Card(string(id.New[id.Card](at))[:head] + string(tail))
}

// decideAsk hands the answer to the hall, which checks all there is to check, and
// keeps on the card how the person answered.
func (r *Room) decideAsk(ctx context.Context, by Decider, c Card, d Verdict) (Card, error) {
	if r.Hall == nil {
		return c, fault.New(fault.Invalid, "card-action-unknown")
	}
	if err := r.Hall.Decide(ctx, c.Org, id.Ask(c.Backend), by, d); err != nil {
		return c, err
	}
	err := r.Store.Self(by.Person).Write(ctx, func(tx *store.Tx) store.End {
		var err error
		if c, err = cardOf(&tx.View, c.ID); err != nil {
			return store.Abort(err)
		}
		c.State, c.Decision, c.DecidedAt, c.ACR, c.AMR, c.Reason, c.Other = Applied, d.decision(), tx.Now(), by.ACR, by.AMR, strings.TrimSpace(d.Reason), ""
		if ok, err := put(tx, c); err != nil || !ok {
			return store.Abort(orChanged(err))
		}
		c.Version++
		return store.Done(c.event("card.decided", id.OfPerson(by.Person), "digest", d.Digest, "acr", by.ACR, "amr", strings.Join(by.AMR, " ")))
	})
	return c, err
}

// current is the card with what its source says now, where that is ours.
func (r *Room) current(ctx context.Context, c Card, lang words.Lang) (Card, Shown, error) {
	if c.Kind != OwnAsk || r.Hall == nil {
		return c, Shown{}, nil
	}
	s, err := r.Hall.Show(ctx, c.Org, id.Ask(c.Backend), c.Person, lang)
	if fault.As(err) != nil && c.State.closed() {
		return c, Shown{}, nil // it is over and not theirs to see any more
	}
	if err != nil {
		return c, Shown{}, err
	}
	c.Sheet, c.Digest = s.Sheet.washed(), s.Digest
	return c, s, nil
}
