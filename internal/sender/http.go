package sender

import (
	"context"
	_ "embed" // the examples
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
)

//go:embed examples.json
var examples []byte

type (
	requesterBody struct {
		Name  string `json:"name,omitempty" doc:"As people read it"`
		Login string `json:"login,omitempty" doc:"Who gets no card: nobody decides their own request"`
	}
	approvalBody struct {
		Comment string `json:"comment,omitempty" enum:"never,onReject,always" doc:"When a reason is compulsory; never if it is left out"`
	}
	// SendCardRequest is a card as a program asks for it.
	SendCardRequest struct {
		Key         string            `json:"key" doc:"The program's own of this message, at most 128 visible ASCII characters: the same one again is the same message"`
		To          To                `json:"to" doc:"Whom it is for, within the sender's audience"`
		Template    string            `json:"template,omitempty" doc:"Name of one of the sender's templates, in place of title, text, fields, approval, actions, priority and languages"`
		Arguments   map[string]string `json:"arguments,omitempty" doc:"For the template's places, each one"`
		Title       string            `json:"title,omitempty" doc:"Plain text, at most 150 characters"`
		Text        string            `json:"text,omitempty" doc:"Plain text, at most 2,000 characters"`
		Number      string            `json:"number,omitempty" doc:"Of the request, as the program writes it"`
		Requester   requesterBody     `json:"requester,omitzero" doc:"Who wants it"`
		Link        string            `json:"link,omitempty" doc:"Where the program shows it: on the host of its callback"`
		Fields      []Field           `json:"fields,omitempty" doc:"At most 20"`
		Approval    *approvalBody     `json:"approval,omitempty" doc:"People approve or refuse. Without it and without actions the card only tells"`
		Actions     []Action          `json:"actions,omitempty" doc:"At most 3 buttons, in place of approve and refuse"`
		Priority    string            `json:"priority,omitempty" enum:"normal,high,urgent" doc:"normal if it is left out"`
		Due         *time.Time        `json:"due,omitempty" doc:"By when it should be decided"`
		Expires     *time.Time        `json:"expires,omitempty" doc:"When it is not asked any more, at most 90 days ahead; 7 days if it is left out"`
		OneDecision bool              `json:"one_decision,omitempty" doc:"The first decision ends it for all"`
		Languages   map[string]Texts  `json:"languages,omitempty" doc:"The texts in other languages, by \"en\" or \"ja\": each person gets the card in the language of their profile, and what is missing in it as it stands above"`
	}
	sendInput struct {
		Body SendCardRequest
	}
	// SentCardBody is a message as the API returns it.
	SentCardBody struct {
		ID            string         `json:"id"`
		Sender        string         `json:"sender" doc:"Id of the card sender"`
		Key           string         `json:"key" doc:"The program's own"`
		Title         string         `json:"title"`
		Priority      string         `json:"priority" enum:"normal,high,urgent" doc:"How much it hurries"`
		State         string         `json:"state" enum:"sent,withdrawn,expired"`
		People        int            `json:"people" doc:"Whom it is for"`
		Reached       int            `json:"reached" doc:"Of them, who have it"`
		ContentDigest string         `json:"content_digest" doc:"SHA-256 of what was sent; callbacks carry it"`
		Made          time.Time      `json:"made" doc:"When it was sent"`
		Expires       time.Time      `json:"expires" doc:"When it is not asked any more"`
		Ended         *time.Time     `json:"ended,omitempty" doc:"When it was withdrawn"`
		Cards         map[string]int `json:"cards,omitempty" doc:"How many cards are in each state"`
	}
	standingBody struct {
		Card      string     `json:"card" doc:"Id of the card"`
		Person    string     `json:"person" doc:"Id of the person"`
		State     string     `json:"state" doc:"open, deciding, applied, failed, superseded, withdrawn or expired"`
		Decision  string     `json:"decision,omitempty" doc:"approved, rejected or the id of an action"`
		Digest    string     `json:"digest" doc:"Of what this person was shown; callbacks carry it"`
		DecidedAt *time.Time `json:"decided_at,omitempty" doc:"When this person decided"`
	}
	// StandingList is a message with some of its cards, as each stands.
	StandingList struct {
		SentCardBody
		Items []standingBody `json:"items" doc:"Cards, in the order of their ids"`
		Next  string         `json:"next,omitempty" doc:"Cursor of the next ones"`
	}
	sentOutput  struct{ Body SentCardBody }
	stateOutput struct{ Body StandingList }
	oneInput    struct {
		Sent   string `path:"sent" doc:"Id of the message"`
		Cursor string `query:"cursor" doc:"From the answer before"`
		Limit  int    `query:"limit" minimum:"0" maximum:"200" default:"50" doc:"Cards in the answer"`
	}
	withdrawInput struct {
		Sent string `path:"sent" doc:"Id of the message"`
	}
	sentListInput struct {
		Cursor string `query:"cursor" doc:"From the page before"`
		Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	}
	sentListOutput struct {
		Body struct {
			Items []SentCardBody `json:"items" doc:"The newest first"`
			Next  string         `json:"next,omitempty" doc:"Cursor of the next page"`
		}
	}
)

const sentPath = "/sent-cards"

// api registers what programs do with their service token.
func (r *Room) api(m *web.Mux) {
	m.Examples(examples)
	op := func(method, path, name, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: name, Summary: summary, Tags: []string{"sent-cards"}}
	}
	route := web.Route{Permission: web.Apps}
	send := op(http.MethodPost, sentPath, "send-card", "Put a card before people")
	send.DefaultStatus = http.StatusCreated
	web.API(m, route, send, r.apiSend)
	web.API(m, route, op(http.MethodGet, sentPath, "list-sent-cards", "What the sender has sent; an admin or auditor sees that of all senders"), r.apiSentList)
	web.API(m, route, op(http.MethodGet, sentPath+"/{sent}", "get-sent-card", "How a card stands with each person"), r.apiSent)
	web.API(m, route, op(http.MethodDelete, sentPath+"/{sent}", "withdraw-sent-card", "Take a card back from everybody who has not decided"), r.apiWithdraw)
}

// caller is the sender whose token was shown, as it is now.
func (r *Room) caller(ctx context.Context) (Sender, error) {
	actor := web.ActorOf(ctx)
	if actor.Principal.Kind() != id.KindApp {
		return Sender{}, fault.New(fault.Forbidden, "only-for-apps")
	}
	return r.Get(ctx, actor.Org, id.Sender(actor.Principal.Rest()))
}

// asked is the message of a body.
func (b SendCardRequest) asked() Asked {
	a := Asked{
		To: b.To, Template: b.Template, Arguments: b.Arguments, Login: b.Requester.Login,
		Content: Content{
			Title: b.Title, Text: b.Text, Number: b.Number, Requester: b.Requester.Name, Link: b.Link, Fields: b.Fields, Actions: b.Actions,
			Priority: b.Priority, Single: b.OneDecision, Languages: b.Languages,
		},
	}
	if b.Approval != nil {
		if a.Comment = b.Approval.Comment; a.Comment == "" {
			a.Comment = "never"
		}
	}
	if b.Due != nil {
		a.Due = b.Due.UTC()
	}
	if b.Expires != nil {
		a.Expires = b.Expires.UTC()
	}
	return a
}

func (r *Room) apiSend(ctx context.Context, in *sendInput) (*sentOutput, error) {
	s, err := r.caller(ctx)
	if err != nil {
		return nil, err
	}
	l, err := r.Send(ctx, s, in.Body.Key, in.Body.asked())
	if err != nil {
		return nil, err
	}
	return &sentOutput{r.sentBody(l, nil)}, nil
}

func (r *Room) sentBody(l Letter, counts map[string]int) SentCardBody {
	b := SentCardBody{
		ID: l.ID, Sender: string(l.Sender), Key: l.Key, Title: l.Content.Title, Priority: l.Content.Priority, State: string(l.StateAt(r.Clock.Now())),
		People: l.Reached, Reached: l.Spread, ContentDigest: l.Digest, Made: l.Made, Expires: l.Expires, Cards: counts,
	}
	if !l.Ended.IsZero() {
		b.Ended = &l.Ended
	}
	return b
}

func (r *Room) apiSentList(ctx context.Context, in *sentListInput) (*sentListOutput, error) {
	s, err := r.caller(ctx)
	if err != nil {
		return nil, err
	}
	of := s.ID
	if s.Role != Creator {
		of = ""
	}
	all, next, err := r.Letters(ctx, s.Org, of, in.Cursor, in.Limit)
	out := &sentListOutput{}
	out.Body.Items, out.Body.Next = []SentCardBody{}, next
	for _, l := range all {
		out.Body.Items = append(out.Body.Items, r.sentBody(l, nil))
	}
	return out, err
}

func (r *Room) apiSent(ctx context.Context, in *oneInput) (*stateOutput, error) {
	s, err := r.caller(ctx)
	if err != nil {
		return nil, err
	}
	if in.Cursor != "" && !id.Valid(in.Cursor) {
		return nil, fault.New(fault.Invalid, "cursor-malformed")
	}
	l, err := r.Letter(ctx, s, in.Sent)
	if err != nil {
		return nil, err
	}
	counts, some, err := r.Standings(ctx, l, id.Card(in.Cursor), in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &stateOutput{StandingList{SentCardBody: r.sentBody(l, counts), Items: []standingBody{}}}
	if len(some) > in.Limit {
		some = some[:in.Limit]
		if in.Limit > 0 {
			out.Body.Next = string(some[in.Limit-1].Card)
		}
	}
	for _, one := range some {
		b := standingBody{Card: string(one.Card), Person: string(one.Person), State: one.State, Decision: one.Decision, Digest: one.Digest}
		if !one.DecidedAt.IsZero() {
			b.DecidedAt = &one.DecidedAt
		}
		out.Body.Items = append(out.Body.Items, b)
	}
	return out, nil
}

func (r *Room) apiWithdraw(ctx context.Context, in *withdrawInput) (*sentOutput, error) {
	s, err := r.caller(ctx)
	if err != nil {
		return nil, err
	}
	l, err := r.Withdraw(ctx, s, in.Sent)
	if err != nil {
		return nil, err
	}
	return &sentOutput{r.sentBody(l, nil)}, nil
}
