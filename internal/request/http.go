package request

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

// AskBody is an ask as the API returns it.
type AskBody struct {
	ID        string     `json:"id"`
	Org       string     `json:"org"`
	Requester string     `json:"requester" doc:"Id of the person who asked"`
	For       string     `json:"for" doc:"Id of the person who would get it"`
	Kind      string     `json:"kind" doc:"Of what is asked for"`
	Target    string     `json:"target" doc:"Id of what is asked for"`
	Title     string     `json:"title" doc:"Of what is asked for, as it was called then"`
	Reason    string     `json:"reason"`
	From      *time.Time `json:"from,omitempty" doc:"Not before; missing: as soon as it is decided"`
	Length    int64      `json:"length" doc:"Seconds that it is out; 0: until it is given back"`
	Extends   string     `json:"extends,omitempty" doc:"Id of the lease that is to last longer"`
	Broken    bool       `json:"broken,omitempty" doc:"The glass was broken: it was out before anybody decided"`
	Review    string     `json:"review,omitempty" enum:"due,fine,wrong" doc:"Of a broken glass"`
	State     string     `json:"state" enum:"open,approved,released,refused,withdrawn,expired,void,over"`
	Revision  int        `json:"revision" doc:"Raised whenever what is asked changes; earlier decisions count no more"`
	Stage     int        `json:"stage" doc:"Which is decided now, from 0"`
	Created   time.Time  `json:"created"`
	Due       time.Time  `json:"due" doc:"When the question expires"`
	Decided   *time.Time `json:"decided,omitempty"`
	Rule      string     `json:"rule,omitempty" doc:"That decided in place of people"`
	Lease     string     `json:"lease,omitempty" doc:"Under which it is out"`
	Until     *time.Time `json:"until,omitempty" doc:"When it is taken back"`
}

func orNever(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

func askBody(a Ask) AskBody {
	return AskBody{
		ID: string(a.ID), Org: string(a.Org), Requester: string(a.Person), For: string(a.For), Kind: a.Kind, Target: a.Target, Title: a.Title, Reason: a.Reason,
		From: orNever(a.From), Length: int64(a.Length / time.Second), Extends: string(a.Extends), Broken: a.Break, Review: string(a.Review), State: string(a.State),
		Revision: a.Revision, Stage: a.Stage, Created: a.Created, Due: a.Due, Decided: orNever(a.Decided), Rule: a.Rule, Lease: string(a.Lease), Until: orNever(a.Until),
	}
}

type whoBody struct {
	ID    string `json:"id"`
	Login string `json:"login"`
	Name  string `json:"name"`
}

type factBody struct {
	Key   string `json:"key" doc:"What it is about"`
	Value string `json:"value" doc:"Plain text"`
}

type targetBody struct {
	Kind  string     `json:"kind"`
	ID    string     `json:"id"`
	Name  string     `json:"name"`
	Title string     `json:"title"`
	About string     `json:"about,omitempty"`
	Facts []factBody `json:"facts,omitempty"`
}

type seatsBody struct {
	Need int       `json:"need" doc:"How many of them approve"`
	Who  []whoBody `json:"who" doc:"Who may decide"`
}

type stageBody struct {
	Title    string      `json:"title,omitempty"`
	Any      bool        `json:"any,omitempty" doc:"One group is enough"`
	Approved bool        `json:"approved"`
	Groups   []seatsBody `json:"groups"`
}

type stepBody struct {
	Seq   int       `json:"seq"`
	At    time.Time `json:"at"`
	By    string    `json:"by" doc:"Principal who did it"`
	Name  string    `json:"name" doc:"What happened"`
	As    string    `json:"as,omitempty" doc:"Id of the person in whose place a delegate decided"`
	Stage int       `json:"stage"`
	Text  string    `json:"text,omitempty"`
}

// SheetBody is everything that is shown of an ask.
type SheetBody struct {
	Ask       AskBody     `json:"ask"`
	Target    targetBody  `json:"target"`
	Stages    []stageBody `json:"stages" doc:"Who decides, in this order"`
	Steps     []stepBody  `json:"steps" doc:"What happened so far"`
	Digest    string      `json:"digest" doc:"Of all this: a decision names it, and counts for nothing else"`
	CanDecide bool        `json:"can_decide" doc:"You may decide about it now"`
	Why       string      `json:"why,omitempty" doc:"Code of why not, or of why it could not be released now"`
}

func targetOf(t Target) targetBody {
	b := targetBody{Kind: t.Kind, ID: t.ID, Name: t.Name, Title: t.Title, About: t.About}
	for _, f := range t.Facts {
		b.Facts = append(b.Facts, factBody(f))
	}
	return b
}

func sheetBody(s Sheet) SheetBody {
	b := SheetBody{
		Ask: askBody(s.Ask), Target: targetOf(s.Target), Stages: []stageBody{}, Steps: []stepBody{}, Digest: s.Digest, CanDecide: s.CanDecide,
	}
	for _, f := range []*fault.Fault{s.Trouble, s.Not} {
		if f != nil {
			b.Why = f.Code
		}
	}
	for _, stage := range s.Stages {
		one := stageBody{Title: stage.Title, Any: stage.Any, Approved: stage.Approved, Groups: []seatsBody{}}
		for _, g := range stage.Groups {
			seats := seatsBody{Need: g.Need, Who: []whoBody{}}
			for _, w := range g.Who {
				seats.Who = append(seats.Who, whoBody{string(w.ID), w.Login, w.Name})
			}
			one.Groups = append(one.Groups, seats)
		}
		b.Stages = append(b.Stages, one)
	}
	for _, step := range s.Thread {
		b.Steps = append(b.Steps, stepBody{step.Seq, step.At, string(step.By), step.Name, string(step.As), step.Stage, step.Text})
	}
	return b
}

// wantedBody is what somebody asks for.
type wantedBody struct {
	For     string     `json:"for,omitempty" doc:"Id of the person who would get it; you if empty"`
	Kind    string     `json:"kind" doc:"group, role, …"`
	Target  string     `json:"target" doc:"Id of what is asked for"`
	Reason  string     `json:"reason,omitempty" doc:"Plain text, at most 1000 characters"`
	From    *time.Time `json:"from,omitempty" doc:"Not before; missing: as soon as it is decided"`
	Length  int64      `json:"length,omitempty" minimum:"0" doc:"Seconds; 0: as the policy proposes"`
	Endless bool       `json:"endless,omitempty" doc:"Until it is given back, where the policy lets it"`
	Extends string     `json:"extends,omitempty" doc:"Id of the lease that is to last longer"`
	Break   bool       `json:"break,omitempty" doc:"Break the glass: it is out at once, and reviewed afterwards"`
}

func (b wantedBody) wanted(in string) Wanted {
	w := Wanted{
		Org: id.Org(in), For: id.Person(b.For), Kind: b.Kind, Target: b.Target, Reason: b.Reason, Length: time.Duration(b.Length) * time.Second,
		Endless: b.Endless, Extends: id.Lease(b.Extends), Break: b.Break,
	}
	if b.From != nil {
		w.From = *b.From
	}
	return w
}

type (
	paged struct {
		Cursor string `query:"cursor" doc:"From the page before"`
		Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	}
	listOf[T any] struct {
		Body struct {
			Items []T    `json:"items"`
			Next  string `json:"next,omitempty" doc:"Cursor of the next page"`
		}
	}
	oneOf[T any] struct{ Body T }
	nothing      struct{}
	inOrg        struct {
		Org string `path:"org"`
	}
	askIn struct {
		Org string `path:"org"`
		Ask string `path:"ask"`
	}
	mineInput struct {
		State string `query:"state" enum:"open,approved,released,refused,withdrawn,expired,void,over" doc:"Only these"`
		paged
	}
	asksInput struct {
		Org   string `path:"org"`
		State string `query:"state" enum:"open,approved,released,refused,withdrawn,expired,void,over" doc:"Only these"`
		paged
	}
	targetsInput struct {
		Org   string `path:"org"`
		Query string `query:"q" maxLength:"80" doc:"Words in name or title"`
	}
	raiseInput struct {
		Org  string `path:"org"`
		Body wantedBody
	}
	decideInput struct {
		Org  string `path:"org"`
		Ask  string `path:"ask"`
		Body struct {
			Approve bool       `json:"approve" doc:"false refuses"`
			Digest  string     `json:"digest" doc:"Of the sheet that was shown"`
			Reason  string     `json:"reason,omitempty" doc:"Compulsory for a refusal"`
			Shorter int64      `json:"shorter,omitempty" minimum:"0" doc:"Seconds, less than was asked for"`
			Later   *time.Time `json:"later,omitempty" doc:"A later start than was asked for"`
		}
	}
	sayInput struct {
		Org  string `path:"org"`
		Ask  string `path:"ask"`
		Body struct {
			Text string `json:"text" doc:"A question of who decides, or an answer of who asked; plain text"`
		}
	}
	amendInput struct {
		Org  string `path:"org"`
		Ask  string `path:"ask"`
		Body struct {
			Reason *string    `json:"reason,omitempty"`
			Length *int64     `json:"length,omitempty" minimum:"0" doc:"Seconds; 0: until it is given back"`
			From   *time.Time `json:"from,omitempty" doc:"Not before"`
		}
	}
)

func operation(method, path, name, summary, tag string) huma.Operation {
	return huma.Operation{Method: method, Path: path, OperationID: name, Summary: summary, Tags: []string{tag}}
}

// presentOp is an operation for people in person: no token asks or decides.
func presentOp(method, path, name, summary, tag string) huma.Operation {
	op := operation(method, path, name, summary, tag)
	op.Security = web.SessionOnly
	return op
}

// API registers the operations for programs.
func (h *Hall) API(m *web.Mux) {
	m.Examples(examples)
	const path, tag = "/organizations/{org}/asks", "asks"
	signed, reads := web.Route{Permission: web.SignedIn}, web.Route{Permission: Read, Target: "org"}
	raise := presentOp(http.MethodPost, path, "ask", "Ask for something", tag)
	raise.DefaultStatus = http.StatusCreated
	web.API(m, signed, presentOp(http.MethodGet, "/me/asks", "list-own-asks", "What I asked for, the newest first", "me"), h.apiMine)
	web.API(m, reads, operation(http.MethodGet, path, "list-asks", "Every ask of an organization, the newest first", tag), h.apiAsks)
	web.API(m, signed, presentOp(http.MethodGet, "/organizations/{org}/targets", "list-targets", "What I can ask for", tag), h.apiTargets)
	web.API(m, signed, presentOp(http.MethodGet, "/organizations/{org}/questions", "list-questions", "Asks that I may decide now", tag), h.apiWaiting)
	web.API(m, signed, raise, h.apiRaise)
	web.API(m, signed, presentOp(http.MethodPost, path+"/preview", "preview-ask", "Who would decide about what I want", tag), h.apiPreview)
	web.API(m, signed, presentOp(http.MethodGet, path+"/{ask}", "get-ask", "Everything that is shown of an ask", tag), h.apiAsk)
	web.API(m, signed, presentOp(http.MethodPost, path+"/{ask}/decision", "decide-ask", "Approve or refuse what was shown", tag), h.apiDecide)
	web.API(m, signed, presentOp(http.MethodPost, path+"/{ask}/messages", "say-to-ask", "Ask back, or answer", tag), h.apiSay)
	web.API(m, signed, presentOp(http.MethodPatch, path+"/{ask}", "amend-ask", "Change what I ask for; the question begins anew", tag), h.apiAmend)
	web.API(m, signed, presentOp(http.MethodPost, path+"/{ask}/withdraw", "withdraw-ask", "Take back what I asked for", tag), h.apiWithdraw)
	h.leaseAPI(m)
	h.policyAPI(m)
}

// me is the person who asks, in person.
func me(ctx context.Context) (id.Person, error) { return present(web.ActorOf(ctx)) }

// present refuses programs and processes where a natural person has to act.
func present(actor web.Actor) (id.Person, error) {
	who := actor.Principal.Person()
	switch {
	case who == "":
		return "", fault.New(fault.Forbidden, "settings-need-person")
	case actor.Token:
		return "", fault.New(fault.Forbidden, "person-must-be-present")
	}
	return who, nil
}

func listed[T, B any](all []T, next string, body func(T) B) *listOf[B] {
	out := &listOf[B]{}
	out.Body.Items, out.Body.Next = []B{}, next
	for _, one := range all {
		out.Body.Items = append(out.Body.Items, body(one))
	}
	return out
}

func (h *Hall) apiMine(ctx context.Context, in *mineInput) (*listOf[AskBody], error) {
	who, err := me(ctx)
	if err != nil {
		return nil, err
	}
	all, next, err := h.Mine(ctx, who, Query{State: State(in.State), Cursor: id.Ask(in.Cursor), Limit: in.Limit})
	return listed(all, string(next), askBody), err
}

func (h *Hall) apiAsks(ctx context.Context, in *asksInput) (*listOf[AskBody], error) {
	all, next, err := h.Asks(ctx, id.Org(in.Org), Query{State: State(in.State), Cursor: id.Ask(in.Cursor), Limit: in.Limit})
	return listed(all, string(next), askBody), err
}

func (h *Hall) apiTargets(ctx context.Context, in *targetsInput) (*listOf[targetBody], error) {
	who, err := me(ctx)
	if err == nil {
		err = h.belongs(ctx, id.Org(in.Org), who)
	}
	if err != nil {
		return nil, err
	}
	all, err := h.Find(ctx, Sought{Org: id.Org(in.Org), Asker: who, Text: in.Query, Lang: web.LangOf(ctx)})
	return listed(all, "", targetOf), err
}

func (h *Hall) apiWaiting(ctx context.Context, in *inOrg) (*listOf[AskBody], error) {
	who, err := me(ctx)
	if err == nil {
		err = h.belongs(ctx, id.Org(in.Org), who)
	}
	if err != nil {
		return nil, err
	}
	all, err := h.Waiting(ctx, id.Org(in.Org), who)
	return listed(all, "", askBody), err
}

func (h *Hall) apiRaise(ctx context.Context, in *raiseInput) (*oneOf[AskBody], error) {
	who, err := me(ctx)
	if err != nil {
		return nil, err
	}
	a, err := h.Raise(ctx, who, in.Body.wanted(in.Org))
	return &oneOf[AskBody]{askBody(a)}, err
}

func (h *Hall) apiPreview(ctx context.Context, in *raiseInput) (*oneOf[SheetBody], error) {
	who, err := me(ctx)
	if err != nil {
		return nil, err
	}
	p, err := h.Preview(ctx, who, in.Body.wanted(in.Org))
	b := sheetBody(p.Sheet)
	if p.Nobody {
		b.Why = errImpossible.Code
	}
	if p.Trouble != nil {
		b.Why = p.Trouble.Code
	}
	return &oneOf[SheetBody]{b}, err
}

func (h *Hall) apiAsk(ctx context.Context, in *askIn) (*oneOf[SheetBody], error) {
	who, err := me(ctx)
	if err != nil {
		return nil, err
	}
	s, err := h.Show(ctx, id.Org(in.Org), id.Ask(in.Ask), who)
	return &oneOf[SheetBody]{sheetBody(s)}, err
}

func (h *Hall) apiDecide(ctx context.Context, in *decideInput) (*oneOf[AskBody], error) {
	who, err := me(ctx)
	if err != nil {
		return nil, err
	}
	v := Verdict{
		Org: id.Org(in.Org), Ask: id.Ask(in.Ask), Approve: in.Body.Approve, Digest: in.Body.Digest, Reason: in.Body.Reason,
		Shorter: time.Duration(in.Body.Shorter) * time.Second,
	}
	if in.Body.Later != nil {
		v.Later = *in.Body.Later
	}
	a, err := h.Decide(ctx, Decider{who}, v)
	return &oneOf[AskBody]{askBody(a)}, err
}

func (h *Hall) apiSay(ctx context.Context, in *sayInput) (*oneOf[AskBody], error) {
	who, err := me(ctx)
	if err != nil {
		return nil, err
	}
	a, err := h.Say(ctx, who, id.Org(in.Org), id.Ask(in.Ask), in.Body.Text)
	return &oneOf[AskBody]{askBody(a)}, err
}

func (h *Hall) apiAmend(ctx context.Context, in *amendInput) (*oneOf[AskBody], error) {
	who, err := me(ctx)
	if err != nil {
		return nil, err
	}
	m := Amended{Reason: in.Body.Reason, From: in.Body.From}
	if in.Body.Length != nil {
		length := time.Duration(*in.Body.Length) * time.Second
		m.Length = &length
	}
	a, err := h.Amend(ctx, who, id.Org(in.Org), id.Ask(in.Ask), m)
	return &oneOf[AskBody]{askBody(a)}, err
}

func (h *Hall) apiWithdraw(ctx context.Context, in *askIn) (*oneOf[AskBody], error) {
	who, err := me(ctx)
	if err != nil {
		return nil, err
	}
	a, err := h.Withdraw(ctx, who, id.Org(in.Org), id.Ask(in.Ask))
	return &oneOf[AskBody]{askBody(a)}, err
}

// belongs refuses an organization that somebody does not know of (R4).
func (h *Hall) belongs(ctx context.Context, in id.Org, who id.Person) error {
	g, err := h.Register.Grants(ctx, who)
	if err == nil && !g.Sees(in) {
		err = fault.New(fault.NotFound, "organization-unknown")
	}
	return err
}
