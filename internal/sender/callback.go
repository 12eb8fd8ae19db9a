package sender

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

const (
	driverName = "sender.callback"
	callMost   = 20 * time.Second
	// TokenLife is how long a signed decision counts.
	TokenLife = 5 * time.Minute
	// TokenType is the typ of a decision's token: it passes for nothing else that we
	// sign.
	TokenType = "sekisho-decision+jwt"
	// Tag is what the HTTP message signature of a decision is tagged with, for the
	// same reason.
	Tag = "sekisho-decision"
)

// Decision is what somebody decided on a card, to be told to its sender.
type Decision struct {
	Effect   id.Effect
	Org      id.Org
	Sender   id.Sender
	Message  string
	Card     id.Card
	Person   id.Person
	Decision string // approved, rejected, or the action's identifier
	Inputs   map[string]string
	Reason   string
	Digest   string // of what the person was shown
	ACR      string
	AMR      []string
	At       time.Time
}

// payload is a decision as its effect carries it.
type payload struct {
	Sender   id.Sender         `json:"sender"`
	Message  string            `json:"message"`
	Card     id.Card           `json:"card"`
	Person   id.Person         `json:"person"`
	Decision string            `json:"decision"`
	Inputs   map[string]string `json:"inputs,omitempty"`
	Reason   string            `json:"reason,omitempty"`
	Digest   string            `json:"digest"`
	ACR      string            `json:"acr,omitempty"`
	AMR      []string          `json:"amr,omitempty"`
	At       time.Time         `json:"at"`
}

// Decided queues the telling of a decision, in the write that decides. Decisions
// on one card are told in their order. Unmet sender-off if the sender does not
// hear any more.
func (r *Room) Decided(tx *store.Tx, d Decision) error {
	in := tx.Org(d.Org)
	s, err := senderOf(&in.View, d.Sender)
	if fault.Code(err) == "sender-unknown" || err == nil && (!s.Enabled || s.Callback == "") {
		return fault.New(fault.Unmet, "sender-off", "name", s.Shown())
	}
	if err != nil {
		return err
	}
	body, err := json.Marshal(payload{d.Sender, d.Message, d.Card, d.Person, d.Decision, d.Inputs, d.Reason, d.Digest, d.ACR, d.AMR, d.At})
	if err != nil {
		return err
	}
	return job.Intend(in, job.Effect{
		ID: d.Effect, Org: d.Org, Driver: driverName, Target: string(d.Sender), Line: string(d.Card), By: id.OfPerson(d.Person), Payload: body,
	})
}

// Driver tells decisions to programs. A program does a decision once by its
// identifier, which is the same at every try, so a repetition after a crash
// changes nothing. A definite no is an end: the card says it.
func (r *Room) Driver() job.Driver {
	return job.Driver{
		Name: driverName, Timeout: r.Timeout, Fence: r.Timeout + r.Reach, Do: r.do, IdempotentBy: "jti, or Idempotency-Key", Then: r.then,
	}
}

// outcome is how a telling ended, as the effect keeps it.
type outcome struct {
	Applied bool   `json:"applied"`
	Why     string `json:"why,omitempty"`
	Said    string `json:"said,omitempty"`
}

func (o outcome) json() (json.RawMessage, error) { return json.Marshal(o) }

// do is one try.
func (r *Room) do(ctx context.Context, e job.Effect) (json.RawMessage, error) {
	var p payload
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		return nil, err
	}
	s, l, err := r.both(ctx, e.Org, p)
	if f := fault.As(err); f != nil && f.Kind == fault.NotFound || err == nil && (s.Callback == "" || !s.Enabled) {
		return outcome{Why: "gone"}.json()
	}
	if err != nil {
		return nil, &job.Away{Err: err} // our own trouble
	}
	request, err := r.request(ctx, e, s, l, p)
	if err != nil {
		return nil, &job.Away{Err: err}
	}
	client, err := r.outs.client(r.Egress, s)
	if err != nil {
		return nil, &job.Away{Err: err}
	}
	answer, err := client.Do(ctx, request)
	if err != nil {
		return unanswered(err)
	}
	return judge(answer)
}

// both reads the sender and the message as they are now.
func (r *Room) both(ctx context.Context, in id.Org, p payload) (s Sender, l Letter, err error) {
	err = r.Store.Org(in).Read(ctx, func(v *store.View) error {
		if s, err = senderOf(v, p.Sender); err != nil {
			return err
		}
		l, err = letterOf(v, p.Message)
		return err
	})
	return s, l, err
}

// unanswered is the end of a try without an answer: what our own rules refuse is
// refused at every try, everything else may pass.
func unanswered(err error) (json.RawMessage, error) {
	if f := fault.As(err); f != nil && (f.Kind == fault.Forbidden || f.Kind == fault.Invalid || f.Code == "egress-too-many-redirects") {
		return outcome{Why: "blocked"}.json()
	}
	return nil, &job.Away{Err: err}
}

// judge reads an answer: success, a definite no, or not now.
func judge(a *egress.Answer) (json.RawMessage, error) {
	said := saidIn(a)
	switch {
	case a.Status >= 200 && a.Status < 300:
		return outcome{Applied: true, Said: said}.json()
	case a.Status == 408, a.Status == 425, a.Status == 429, a.Status >= 500:
		return nil, &job.Away{After: retryAfter(a), Err: fmt.Errorf("HTTP %d", a.Status)}
	}
	return outcome{Why: "refused", Said: said}.json()
}

// saidIn is what a program says about its answer, for who decided.
func saidIn(a *egress.Answer) string {
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
		return ""
	}
	var said struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(a.Body, &said) != nil {
		return ""
	}
	if runes := []rune(said.Message); len(runes) > valueMost {
		return string(runes[:valueMost])
	}
	return said.Message
}

// retryAfter is what an answer asks to wait, in seconds (RFC 9110 section 10.2.3);
// a date is left to our own rests.
func retryAfter(a *egress.Answer) time.Duration {
	n, err := strconv.Atoi(a.Header.Get("Retry-After"))
	if err != nil || n < 0 || n > 24*3600 {
		return 0
	}
	return time.Duration(n) * time.Second
}

// then says on the card how it ended.
func (r *Room) then(tx *store.Tx, e job.Effect, result json.RawMessage) ([]store.Event, error) {
	var p payload
	o := outcome{Applied: true}
	err := json.Unmarshal(e.Payload, &p)
	if err == nil && len(result) > 0 {
		err = json.Unmarshal(result, &o)
	}
	if err != nil {
		return nil, err
	}
	in := tx.Org(e.Org)
	l, err := letterOf(&in.View, p.Message)
	if err != nil && fault.As(err) == nil {
		return nil, err
	}
	return r.Cards.Settle(tx, Outcome{
		Org: e.Org, Sender: p.Sender, Message: p.Message, Card: p.Card, Person: p.Person, Effect: e.ID, Applied: o.Applied, Why: o.Why, Said: o.Said,
		Single: l.Content.Single,
	})
}

// told is a decision as a program reads it: the claims of a token, or the body
// beside a signature. All of it is signed.
type told struct {
	Issuer        string            `json:"iss"`
	Audience      string            `json:"aud"`
	Issued        int64             `json:"iat"`
	Until         int64             `json:"exp"`
	ID            string            `json:"jti"`
	Subject       string            `json:"sub"`
	Org           string            `json:"org"`
	Message       string            `json:"sent_card"`
	Key           string            `json:"key"`
	Card          string            `json:"card"`
	CardDigest    string            `json:"card_digest"`
	ContentDigest string            `json:"content_digest"`
	Person        person            `json:"person"`
	Decision      string            `json:"decision"`
	Inputs        map[string]string `json:"inputs,omitempty"`
	Reason        string            `json:"reason,omitempty"`
	DecidedAt     string            `json:"decided_at"`
	ACR           string            `json:"acr,omitempty"`
	AMR           []string          `json:"amr,omitempty"`
}

type person struct {
	ID    string `json:"id"`
	Login string `json:"login,omitempty"`
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"` // that the person proved to have
}

func (r *Room) told(ctx context.Context, e job.Effect, s Sender, l Letter, p payload) (told, error) {
	who, err := r.Register.Person(ctx, p.Person)
	if f := fault.As(err); err != nil && (f == nil || f.Kind != fault.NotFound) {
		return told{}, err
	}
	shown := person{ID: string(p.Person)}
	if who.State == org.Active {
		shown.Login, shown.Name = who.Login, who.DisplayName
		if who.Verified {
			shown.Email = who.Email
		}
	}
	now := r.Clock.Now()
	return told{
		Issuer: r.BaseURL, Audience: s.Callback, Issued: now.Unix(), Until: now.Add(TokenLife).Unix(), ID: e.Marker(), Subject: string(p.Person), Org: string(e.Org),
		Message: l.ID, Key: l.Key, Card: string(p.Card), CardDigest: p.Digest, ContentDigest: l.Digest, Person: shown, Decision: p.Decision, Inputs: p.Inputs,
		Reason: p.Reason, DecidedAt: p.At.UTC().Format(time.RFC3339), ACR: p.ACR, AMR: p.AMR,
	}, nil
}

// outs are the ways to programs, kept so that connections are used again.
type outs struct {
	mu      sync.Mutex
	clients map[id.Sender]out
}

type out struct {
	networks []string
	name     string
	client   *egress.Client
}

const mostOuts = 256

func (o *outs) client(base *egress.Client, s Sender) (*egress.Client, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	kept, there := o.clients[s.ID]
	if there && kept.name == s.Name && slices.Equal(kept.networks, s.Networks) {
		return kept.client, nil
	}
	client, err := base.For(s.Use())
	if err != nil {
		return nil, err
	}
	if there {
		kept.client.Close()
	}
	if len(o.clients) >= mostOuts {
		for which, old := range o.clients {
			old.client.Close()
			delete(o.clients, which)
		}
	}
	o.clients[s.ID] = out{s.Networks, s.Name, client}
	return client, nil
}
