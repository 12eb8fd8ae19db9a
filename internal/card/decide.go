package card

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/presence"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// Decider is who decides, and how surely it is them.
type Decider struct {
	Person  id.Person
	Name    string // as they are shown
	ACR     string
	AMR     []string
	Proof   presence.Proof
	Session string
}

// Verdict is what somebody pressed.
type Verdict struct {
	Card   id.Card
	Yes    bool              // approve, or reject
	Action string            // one of the card's actions instead
	Inputs map[string]string // of the action
	Digest string            // of what was shown
	Reason string
}

// decision is the verdict as a card keeps it.
func (d Verdict) decision() string {
	switch {
	case d.Action != "":
		return actionMark + d.Action
	case d.Yes:
		return string(connector.Approve)
	}
	return string(connector.Reject)
}

const actionMark = "action:"

// ReasonMost is how long a reason may be, in characters.
const ReasonMost = 1000

// Decide takes a person's decision on one of their cards. What the source owns
// is on its way when Decide returns, and applied once it was read back. The same
// decision again is what was recorded (A110). It refuses with
//
//	card-unknown               no card of this person
//	card-settled               decided otherwise before, or not asked any more
//	card-changed               it is not what was shown
//	card-not-decidable         the source does not let this person decide
//	card-own-request           nobody decides their own request (A109)
//	card-not-yours             the question is put to another account
//	card-needs-connection      the person is not connected to the system
//	card-reason-required       the source wants a reason
//	card-action-unknown, card-action-done, card-input-invalid
//	step-up-required           a policy asks for a stronger or newer proof
//	person-must-be-present     the same of a program
func (r *Room) Decide(ctx context.Context, by Decider, d Verdict) (Card, error) {
	c, err := r.Get(ctx, by.Person, d.Card)
	if err != nil {
		return c, err
	}
	if settled, err := c.recorded(d); settled {
		return c, err
	}
	switch c.Kind {
	case OwnAsk:
		return r.decideAsk(ctx, by, c, d)
	case App:
		return r.decideApp(ctx, by, c, d)
	}
	return r.decideOutside(ctx, by, c, d)
}

// recorded answers a decision on a card that has one, or is not asked any more.
func (c Card) recorded(d Verdict) (bool, error) {
	switch {
	case c.State == Open || c.State == Failed:
		return false, nil
	case (c.State == Deciding || c.State == Applied) && c.Decision == d.decision():
		return true, nil
	}
	return true, c.settled()
}

// settled is the refusal of a decision that comes too late.
func (c Card) settled() *fault.Fault {
	return fault.New(fault.Conflict, "card-settled", "state", string(c.State), "other", c.Other)
}

// payload is what a decision's effect carries.
type payload struct {
	Card     id.Card           `json:"card"`
	Person   id.Person         `json:"person"`
	System   id.Connector      `json:"system"`
	Backend  string            `json:"backend"`
	Decision string            `json:"decision"`
	Inputs   map[string]string `json:"inputs,omitempty"`
	Comment  string            `json:"comment,omitempty"`
	Digest   string            `json:"digest"`
	Native   string            `json:"native"`        // the person's account that it was decided for
	For      string            `json:"for,omitempty"` // the account in whose place it was decided
}

func (r *Room) decideOutside(ctx context.Context, by Decider, c Card, d Verdict) (Card, error) {
	tie, err := r.tieOf(ctx, c)
	if err != nil {
		return c, err
	}
	self, err := r.mailOf(ctx, by.Person)
	if err != nil {
		return c, err
	}
	deputy, err := r.refuseDeputy(ctx, c)
	if err != nil {
		return c, err
	}
	effect := id.New[id.Effect](r.Clock.Now())
	err = r.Store.Self(by.Person).Write(ctx, func(tx *store.Tx) store.End {
		if c, err = cardOf(&tx.View, d.Card); err != nil {
			return store.Abort(err)
		}
		if settled, err := c.recorded(d); settled {
			return store.Abort(orRecorded(err))
		}
		if f := cmp.Or(c.refuse(tie, self, d), deputy); f != nil {
			return refused(c, by, d, f)
		}
		if f, err := r.sure(&tx.View, c, by, tx.Now()); err != nil || f != nil {
			return unsure(c, by, d, f, err)
		}
		return r.commit(tx, &c, tie, by, d, effect)
	})
	if errors.Is(err, errRecorded) {
		err = nil
	}
	return c, err
}

// errRecorded leaves a write in which another press of the same was first.
var errRecorded = errors.New("card: recorded already")

func orRecorded(err error) error {
	if err == nil {
		return errRecorded
	}
	return err
}

// refused records who was refused for what they are; what is only wrong in the
// input is not worth a record.
func refused(c Card, by Decider, d Verdict, f *fault.Fault) store.End {
	if f.Kind != fault.Forbidden {
		return store.Abort(f)
	}
	c.Decision = d.decision()
	return store.Refused(f, c.event("card.refused", id.OfPerson(by.Person), "code", f.Code))
}

// unsure records who has not proven enough.
func unsure(c Card, by Decider, d Verdict, f *fault.Fault, err error) store.End {
	if f == nil {
		return store.Abort(err)
	}
	c.Decision = d.decision()
	return store.Refused(f, c.event("card.refused", id.OfPerson(by.Person), "code", f.Code, "acr", by.ACR))
}

// tieOf is how the person of a card is connected to its system.
func (r *Room) tieOf(ctx context.Context, c Card) (Tie, error) {
	if r.Systems == nil {
		return Tie{}, nil
	}
	return r.Systems.Tie(ctx, c.Org, id.Connector(c.Source), c.Person)
}

// mailOf is a person's own address; two people of an outside system may be one.
func (r *Room) mailOf(ctx context.Context, who id.Person) (string, error) {
	if r.Register == nil {
		return "", nil
	}
	p, err := r.Register.Person(ctx, who)
	return p.Email, err
}

// refuse says why a decision does not count, before anything is written.
func (c Card) refuse(t Tie, mail string, d Verdict) *fault.Fault {
	switch {
	case subtle.ConstantTimeCompare([]byte(d.Digest), []byte(c.Digest)) != 1:
		return fault.New(fault.Conflict, "card-changed")
	case !t.On:
		return fault.New(fault.Unmet, "card-needs-connection", "system", c.Label)
	case c.Sheet.ownRequest(t.Native, mail):
		return fault.New(fault.Forbidden, "card-own-request")
	case c.Behalf == "" && c.Sheet.Approver.NativeID != "" && c.Sheet.Approver.NativeID != t.Native.NativeID, t.Service && c.Sheet.Approver.NativeID == "":
		return fault.New(fault.Forbidden, "card-not-yours")
	case !c.Sheet.Decidable, t.Service && c.Sheet.nobodyAsks():
		return fault.New(fault.Unmet, "card-not-decidable", "system", c.Label)
	case d.Action != "":
		return c.refuseAction(d)
	case len(c.Sheet.Actions) > 0:
		return fault.New(fault.Invalid, "card-action-unknown")
	}
	return c.Sheet.refuseReason(d)
}

// ownRequest reports whether the requester is the one who would decide: by
// account, or by either of their addresses.
func (s Sheet) ownRequest(self connector.Party, mail string) bool {
	if s.Requester.NativeID != "" && s.Requester.NativeID == self.NativeID {
		return true
	}
	theirs := foldMail(s.Requester.Email)
	return theirs != "" && (theirs == foldMail(self.Email) || theirs == foldMail(mail))
}

// nobodyAsks reports whether the source does not say who asks. Of a system that
// does not look at who decides nobody could then be kept from their own request.
func (s Sheet) nobodyAsks() bool {
	return s.Requester.NativeID == "" && s.Requester.Email == ""
}

func foldMail(text string) string { return words.Fold(strings.TrimSpace(text)) }

func (s Sheet) refuseReason(d Verdict) *fault.Fault {
	switch {
	case utf8.RuneCountInString(d.Reason) > ReasonMost:
		return fieldFault("reason", "field-too-long", "limit", ReasonMost)
	case words.Unshown(strings.ReplaceAll(d.Reason, "\r\n", "\n")): // it is shown here and there (A128)
		return fieldFault("reason", "text-has-controls")
	case strings.TrimSpace(d.Reason) == "" && (s.Comment == connector.Always || s.Comment == connector.OnReject && !d.Yes):
		return fieldFault("reason", "card-reason-required")
	}
	return nil
}

func fieldFault(path, code string, pairs ...any) *fault.Fault {
	var bad fault.Checks
	bad.Add(path, code, pairs...)
	return bad.Fault("card-input-invalid")
}

// refuseAction says why an action cannot be done.
func (c Card) refuseAction(d Verdict) *fault.Fault {
	a, ok := c.Sheet.action(d.Action)
	switch {
	case !ok || a.Kind != connector.Direct && a.Kind != connector.Ask:
		return fault.New(fault.Invalid, "card-action-unknown")
	case c.spent(a):
		return fault.New(fault.Conflict, "card-action-done")
	}
	var bad fault.Checks
	for _, in := range a.Inputs {
		in.Check(&bad, "input."+in.ID, d.Inputs[in.ID])
	}
	for name := range d.Inputs {
		if !slices.ContainsFunc(a.Inputs, func(in connector.Input) bool { return in.ID == name }) {
			bad.Add("input."+name, "field-unknown")
		}
	}
	return bad.Fault("card-input-invalid")
}

// spent reports whether an action was done, or another of its set.
func (c Card) spent(a connector.Action) bool {
	for _, done := range c.Acted {
		if done == a.ID && !a.Repeats {
			return true
		}
		if other, ok := c.Sheet.action(done); ok && done != a.ID && a.Set != "" && other.Set == a.Set {
			return true
		}
	}
	return false
}

// commit writes the decision, its record and its effect.
func (r *Room) commit(tx *store.Tx, c *Card, t Tie, by Decider, d Verdict, effect id.Effect) store.End {
	c.State, c.Decision, c.DecidedAt, c.ACR, c.AMR, c.Reason = Deciding, d.decision(), tx.Now(), by.ACR, by.AMR, strings.TrimSpace(d.Reason)
	c.Effect, c.Why, c.Said, c.Other = effect, "", "", ""
	if ok, err := put(tx, *c); err != nil || !ok {
		return store.Abort(orChanged(err))
	}
	c.Version++
	body, err := json.Marshal(payload{
		Card: c.ID, Person: c.Person, System: t.System, Backend: c.Backend, Decision: c.Decision, Inputs: d.Inputs,
		Comment: comment(t, by, c.Reason, d, effect), Digest: c.Digest, Native: t.Native.NativeID,
		For: c.insteadOf(),
	})
	if err != nil {
		return store.Abort(err)
	}
	err = job.Intend(tx, job.Effect{
		ID: effect, Org: c.Org, Driver: driverName, Target: c.Source, Line: line(*c), By: id.OfPerson(by.Person), Payload: body,
	})
	if err != nil {
		return store.Abort(err)
	}
	return store.Done(c.event("card.decided", id.OfPerson(by.Person),
		"digest", c.Digest, "acr", by.ACR, "amr", strings.Join(by.AMR, " "), "reason", c.Reason, "effect", string(effect)))
}

// insteadOf is the account in whose place a stand-in decides.
func (c Card) insteadOf() string {
	if c.Behalf == "" {
		return ""
	}
	return c.Sheet.Approver.NativeID
}

func orChanged(err error) error {
	if err == nil {
		return fault.New(fault.Conflict, "card-changed")
	}
	return err
}

// line keeps the decisions on one ticket in their order.
func line(c Card) string {
	if c.Ticket != "" {
		return cut(c.Ticket, 200)
	}
	return cut(c.Backend, 200)
}

func cut(text string, most int) string {
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "")
	}
	return text
}

// comment is what the system is told besides the decision. In service mode the
// account is the system's own, so the comment says who decided and under which
// name our log has it; it is a record for readers there, in English like every
// technical comment. What the person wrote stands behind marks of a quotation:
// no line of it reads like one of ours (A120).
func comment(t Tie, by Decider, reason string, d Verdict, effect id.Effect) string {
	if !t.Service || t.ActsAs || d.Action != "" {
		return reason
	}
	verb := "Rejected"
	if d.Yes {
		verb = "Approved"
	}
	said := verb + " by " + by.Name + " via Sekisho (decision " + string(effect) + ")"
	if reason != "" {
		said += "\n" + connector.Quoted(reason)
	}
	return said
}
