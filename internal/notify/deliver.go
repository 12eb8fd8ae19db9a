package notify

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/store"
)

const (
	driverName = "mail"
	// timeout of one attempt: RFC 5321 §4.5.3.2 gives a relay ten minutes for
	// its last answer, which nobody waits for behind a page.
	timeout = 2 * time.Minute
	// unsureMost is how many attempts may end without an answer: so many
	// copies arrive at most.
	unsureMost = 3
)

// Codes of what holds an attempt up, as the console shows them.
const (
	codeRelay   = "mail-relay-refused"
	codeLogin   = "mail-login-refused"
	codeFrom    = "mail-sender-refused"
	codeDamaged = "mail-message-damaged"
)

// rests between attempts that the relay answered with "later": greylisting
// wants some minutes, a full mailbox hours.
var rests = []time.Duration{
	time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour,
}

// Driver brings messages to the relay; house registers it when there is one.
func (p *Post) Driver() job.Driver {
	return job.Driver{
		Name: driverName, Timeout: timeout, Do: p.deliver, Then: p.conclude,
		// Receivers may drop a second copy by it, and need not: see doc.go.
		IdempotentBy: "Message-ID",
	}
}

// outcome is how an attempt ended, as the effect's result.
type outcome struct {
	State  State     `json:"state"`
	Answer Answer    `json:"answer"`
	Tries  int       `json:"tries"`
	Unsure int       `json:"unsure"`
	Next   id.Effect `json:"next,omitempty"` // of the next attempt, if deferred
	At     time.Time `json:"at,omitzero"`    // when it is made
}

func messageOf(e job.Effect) (ID, error) {
	var payload struct {
		Message ID `json:"message"`
	}
	err := json.Unmarshal(e.Payload, &payload)
	return payload.Message, err
}

// deliver is one attempt.
func (p *Post) deliver(ctx context.Context, e job.Effect) (json.RawMessage, error) {
	message, err := messageOf(e)
	if err != nil {
		return nil, &job.Refusal{Code: codeDamaged, Final: true, Err: err}
	}
	r, there, err := p.load(ctx, message, e.ID)
	if err != nil {
		return nil, &job.Away{Err: err}
	}
	if !there {
		return nil, nil // it ended meanwhile
	}
	o := outcome{State: GivenUp, Answer: r.answer, Tries: r.tries, Unsure: r.unsure, Next: r.effect}
	if p.Clock.Now().Before(r.Until) {
		if o, err = p.try(ctx, r); err != nil {
			return nil, err
		}
	}
	return json.Marshal(o)
}

// try opens the message, writes the letter and hands it over.
func (p *Post) try(ctx context.Context, r row) (outcome, error) {
	letter, err := p.open(r)
	if err != nil {
		if f := fault.As(err); f != nil && f.Kind == fault.Busy {
			return outcome{}, &job.Away{Err: err} // the keys are away
		}
		return outcome{}, &job.Refusal{Code: codeDamaged, Final: true, Err: err}
	}
	defer letter.Text.Wipe()
	defer letter.HTML.Wipe()
	answer, err := p.Sender.Send(ctx, letter)
	return p.judge(r, answer, err)
}

func (p *Post) open(r row) (Letter, error) {
	plain, err := p.Ring.Open(r.place(), r.sealed)
	if err != nil {
		return Letter{}, err
	}
	defer clear(plain)
	var c content
	if err := json.Unmarshal(plain, &c); err != nil {
		return Letter{}, errors.New("notify: a sealed message is not one") // the cause would quote it
	}
	return p.write(r, c)
}

// judge tells what ends the attempt from what holds it up: only the first is an
// outcome.
func (p *Post) judge(r row, answer Answer, err error) (outcome, error) {
	o := outcome{State: Sent, Answer: cleaned(answer), Tries: r.tries, Unsure: r.unsure, Next: r.effect}
	var refusal *Refusal
	var unsure *Unsure
	switch {
	case err == nil:
		return o, nil
	case errors.As(err, &refusal):
		o.Answer = cleaned(refusal.Answer)
		return p.refused(r, o, refusal)
	case errors.As(err, &unsure):
		o.Answer = Answer{}
		if o.Unsure++; o.Unsure >= unsureMost {
			o.State = Unknown
			return o, nil
		}
		return p.later(r, o, rests[0]), nil
	}
	if f := fault.As(err); f != nil && f.Kind != fault.Busy {
		return o, &job.Refusal{Code: f.Code, Err: err} // an operator must change something
	}
	return o, &job.Away{Err: err}
}

func (p *Post) refused(r row, o outcome, refusal *Refusal) (outcome, error) {
	trouble := map[Stage]string{Greeting: codeRelay, Login: codeLogin, From: codeFrom}[refusal.Stage]
	ours := trouble != "" // not the message's
	switch {
	case ours && refusal.Later():
		return o, &job.Away{Err: refusal}
	case ours:
		return o, &job.Refusal{Code: trouble, Err: refusal}
	case refusal.Later():
		o.Tries++
		return p.later(r, o, rests[min(o.Tries, len(rests))-1]), nil
	}
	o.State = Refused
	return o, nil
}

// later is another attempt after a rest, if there is time for it.
func (p *Post) later(r row, o outcome, rest time.Duration) outcome {
	now := p.Clock.Now()
	o.State, o.At = Deferred, now.Add(rest)
	if o.At.After(r.Until) {
		o.State, o.At = GivenUp, time.Time{}
		return o
	}
	o.Next = id.New[id.Effect](now)
	return o
}

// cleaned bounds what a stranger said.
func cleaned(a Answer) Answer {
	return Answer{Code: a.Code, Enhanced: plain(a.Enhanced, 16), Text: plain(a.Text, mostArg)}
}

// conclude writes the outcome, and the next attempt, with the effect's end.
func (p *Post) conclude(tx *store.Tx, e job.Effect, result json.RawMessage) ([]store.Event, error) {
	message, err := messageOf(e)
	if err != nil || len(result) == 0 {
		return nil, err
	}
	var o outcome
	if err := json.Unmarshal(result, &o); err != nil {
		return nil, err
	}
	r, hit, err := end(tx, message, e.ID, o)
	if err != nil || !hit {
		return nil, err
	}
	switch o.State {
	case Sent:
		return nil, nil // the effect's own record says it
	case Deferred:
		return nil, job.Intend(tx, attempt(o.Next, r, e.By, o.At))
	}
	return []store.Event{{
		Name: "mail." + string(o.State), Org: r.Org, By: id.System("notify"), Target: "mail:" + string(r.ID),
		Fields: map[string]string{
			"ref": r.Ref, "kind": r.Kind, "code": strconv.Itoa(o.Answer.Code), "enhanced": o.Answer.Enhanced, "said": o.Answer.Text,
		},
	}}, nil
}
