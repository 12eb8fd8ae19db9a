package card

import (
	"context"
	_ "embed" // the examples
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/presence"
	"github.com/sekisho/sekisho/internal/web"
)

type (
	partyBody struct {
		NativeID string `json:"native_id,omitempty" doc:"The source's own identifier of the person"`
		Name     string `json:"name,omitempty" doc:"As the source writes it"`
		Email    string `json:"email,omitempty" doc:"As the source knows it"`
	}
	pairBody struct {
		Label string `json:"label" doc:"What it is"`
		Value string `json:"value" doc:"Plain text"`
	}
	actBody struct {
		ID    string `json:"id" doc:"Send it as action of a decision"`
		Label string `json:"label" doc:"As the source calls it"`
		Kind  string `json:"kind" doc:"direct, input, open or dismiss"`
		Done  bool   `json:"done" doc:"It was done, or one that excludes it"`
	}
	cardBody struct {
		ID        string     `json:"id" doc:"Identifier of the card"`
		Org       string     `json:"org" doc:"Organization that it belongs to"`
		State     string     `json:"state" doc:"open, deciding, applied, failed, superseded, withdrawn or expired"`
		Source    string     `json:"source" doc:"How people call who asks"`
		Title     string     `json:"title" doc:"What is asked; plain text"`
		Requester partyBody  `json:"requester" doc:"Who wants it"`
		Amount    string     `json:"amount,omitempty" doc:"Price, in decimal digits"`
		Currency  string     `json:"currency,omitempty" doc:"Of the price"`
		Due       *time.Time `json:"due,omitempty" doc:"By when it is to be decided"`
		Raised    time.Time  `json:"raised" doc:"When it was first asked"`
		Version   int64      `json:"version" doc:"Raised by each change"`
		Number    string     `json:"number,omitempty" doc:"Of the request, as its source writes it"`
		Text      string     `json:"text,omitempty" doc:"Plain text"`
		Lines     []string   `json:"lines" doc:"What is asked for, a line each"`
		Fields    []pairBody `json:"fields" doc:"What else the source says"`
		Stage     string     `json:"stage,omitempty" doc:"Step of the source's own process"`
		URL       string     `json:"url,omitempty" doc:"The question at its source"`
		Comment   string     `json:"comment,omitempty" doc:"When a reason is compulsory: never, onReject, always"`
		Actions   []actBody  `json:"actions" doc:"None: approve and reject"`
		Digest    string     `json:"digest" doc:"Of everything shown; a decision sends it back"`
		Decision  string     `json:"decision,omitempty" doc:"What was decided"`
		DecidedAt *time.Time `json:"decided_at,omitempty" doc:"When"`
		Why       string     `json:"why,omitempty" doc:"Kind of problem, of a card that failed or changed"`
		Other     string     `json:"other,omitempty" doc:"Who decided elsewhere"`
		Proof     *proofBody `json:"proof,omitempty" doc:"What a policy asks of whoever decides it; of one card that waits"`
	}
	cardsInput struct {
		Done   bool   `query:"done" doc:"Those that are closed instead of those that wait"`
		Cursor string `query:"cursor" doc:"From the page before"`
		Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Cards on a page"`
	}
	// CardList is a page of cards.
	CardList struct {
		Items []cardBody `json:"items" doc:"What is due first stands first; of closed ones the latest"`
		Open  int        `json:"open" doc:"How many wait in all"`
		Next  string     `json:"next,omitempty" doc:"Cursor of the next page"`
	}
	cardsOutput struct{ Body CardList }
	cardInput   struct {
		Card string `path:"card" doc:"Identifier of the card"`
	}
	cardOutput  struct{ Body cardBody }
	decideInput struct {
		Card string `path:"card" doc:"Identifier of the card"`
		Body struct {
			Decision string            `json:"decision,omitempty" enum:"approve,reject" doc:"Left out with an action"`
			Action   string            `json:"action,omitempty" doc:"One of the card's own actions"`
			Inputs   map[string]string `json:"inputs,omitempty" doc:"What the action asks for"`
			Digest   string            `json:"digest" doc:"As the card was read"`
			Reason   string            `json:"reason,omitempty" maxLength:"1000" doc:"For who reads it at the source"`
		}
	}
)

//go:embed examples.json
var examples []byte

// API registers the operations for programs.
func (r *Room) API(m *web.Mux) {
	m.Examples(examples)
	op := func(method, path, name, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: name, Summary: summary, Tags: []string{"cards"}}
	}
	route := web.Route{Permission: web.SignedIn}
	web.API(m, route, op(http.MethodGet, "/cards", "list-cards", "The caller's own cards, from all sources and organizations"), r.apiList)
	web.API(m, route, op(http.MethodGet, "/cards/{card}", "get-card", "One card, with the digest that a decision needs"), r.apiOne)
	decide := op(http.MethodPost, "/cards/{card}/decide", "decide-card", "Decide a card; it is applied once its source was read back")
	decide.Security = web.SessionOnly
	web.API(m, route, decide, r.apiDecide)
}

// caller is the person whose cards are asked for.
func caller(ctx context.Context) (id.Person, error) {
	if who := web.ActorOf(ctx).Principal.Person(); who != "" {
		return who, nil
	}
	return "", fault.New(fault.Forbidden, "cards-are-peoples")
}

func (r *Room) apiList(ctx context.Context, in *cardsInput) (*cardsOutput, error) {
	who, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	cards, next, err := r.List(ctx, who, in.Done, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &cardsOutput{Body: CardList{Items: []cardBody{}, Next: next}}
	if out.Body.Open, err = r.Count(ctx, who); err != nil {
		return nil, err
	}
	for _, c := range cards {
		out.Body.Items = append(out.Body.Items, bodyOf(c))
	}
	return out, nil
}

func (r *Room) apiOne(ctx context.Context, in *cardInput) (*cardOutput, error) {
	who, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	c, err := r.Get(ctx, who, id.Card(in.Card))
	if err != nil {
		return nil, err
	}
	c, shown, err := r.current(ctx, c, web.LangOf(ctx))
	if err != nil {
		return nil, err
	}
	out := &cardOutput{bodyOf(c)}
	if !c.State.closed() {
		d, err := r.demand(ctx, c, shown)
		if err != nil {
			return nil, err
		}
		out.Body.Proof = proofOf(d, presence.Of(web.ActorOf(ctx)), r.Clock.Now())
	}
	return out, nil
}

func (r *Room) apiDecide(ctx context.Context, in *decideInput) (*cardOutput, error) {
	actor := web.ActorOf(ctx)
	who, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if actor.Token { // a decision needs a person who is present
		return nil, fault.New(fault.Forbidden, "person-must-be-present")
	}
	c, err := r.Get(ctx, who, id.Card(in.Card))
	if err != nil {
		return nil, err
	}
	if (in.Body.Decision == "") == (in.Body.Action == "") {
		return nil, fieldFault("decision", "field-required")
	}
	c, err = r.Decide(ctx, deciderOf(actor), Verdict{
		Card: c.ID, Yes: in.Body.Decision == "approve", Action: in.Body.Action, Inputs: in.Body.Inputs, Digest: in.Body.Digest, Reason: in.Body.Reason,
	})
	if err != nil {
		return nil, err
	}
	return &cardOutput{bodyOf(c)}, nil
}

func someTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func bodyOf(c Card) cardBody {
	s := c.Sheet
	b := cardBody{
		ID: string(c.ID), Org: string(c.Org), State: string(c.State), Source: c.Label, Title: s.Title, Requester: partyBody(s.Requester),
		Amount: s.Amount.Value, Currency: s.Amount.Currency, Due: someTime(s.Due), Raised: c.Raised, Version: c.Version, Number: s.Number, Text: s.Text,
		Lines: append([]string{}, s.Lines...), Fields: []pairBody{}, Stage: s.Stage, URL: s.URL, Comment: string(s.Comment), Actions: []actBody{},
		Digest: c.Digest, Decision: c.Decision, DecidedAt: someTime(c.DecidedAt), Why: c.Why, Other: c.Other,
	}
	for _, f := range s.Fields {
		b.Fields = append(b.Fields, pairBody(connector.Field{Label: f.Label, Value: f.Value}))
	}
	for _, a := range s.Actions {
		b.Actions = append(b.Actions, actBody{ID: a.ID, Label: a.Label, Kind: string(a.Kind), Done: c.spent(a)})
	}
	return b
}
