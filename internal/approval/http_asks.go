package approval

import (
	"context"
	"net/http"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/presence"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/web"
)

// AskBody is an ask as the API returns it.
type AskBody struct {
	ID        string     `json:"id"`
	Org       string     `json:"org"`
	Requester string     `json:"requester" doc:"Id of the person who asked"`
	For       string     `json:"for" doc:"Id of the person who would get it"`
	Kind      string     `json:"kind" doc:"Of what is asked for"`
	Target    string     `json:"target" doc:"Id of what is asked for"`
	Title     string     `json:"title" doc:"Of what is asked for, as it was called then"`
	Reason    string     `json:"reason" doc:"Of who asked, plain text"`
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
	Decided   *time.Time `json:"decided,omitempty" doc:"When it was decided"`
	Rule      string     `json:"rule,omitempty" doc:"That decided in place of people"`
	Lease     string     `json:"lease,omitempty" doc:"Under which it is out"`
	Until     *time.Time `json:"until,omitempty" doc:"When it is taken back"`
	Ticket    string     `json:"ticket,omitempty" doc:"Number of the outside ticket that is told of each step"`
}

// orNever is a time that may not have come.
func orNever(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

func askBody(a request.Ask) AskBody {
	return AskBody{
		ID: string(a.ID), Org: string(a.Org), Requester: string(a.Person), For: string(a.For), Kind: a.Kind, Target: a.Target, Title: a.Title, Reason: a.Reason,
		From: orNever(a.From), Length: int64(a.Length / time.Second), Extends: string(a.Extends), Broken: a.Break, Review: string(a.Review), State: string(a.State),
		Revision: a.Revision, Stage: a.Stage, Created: a.Created, Due: a.Due, Decided: orNever(a.Decided), Rule: a.Rule, Lease: string(a.Lease), Until: orNever(a.Until), Ticket: a.Ticket.Number,
	}
}

type whoBody struct {
	ID    string `json:"id"`
	Login string `json:"login" doc:"Of the person"`
	Name  string `json:"name" doc:"As the person is shown"`
}

type factBody struct {
	Key   string `json:"key" doc:"What it is about"`
	Value string `json:"value" doc:"Plain text"`
}

type targetBody struct {
	Kind  string     `json:"kind" doc:"group, role, …"`
	ID    string     `json:"id"`
	Name  string     `json:"name" doc:"As policies call it"`
	Title string     `json:"title"`
	About string     `json:"about,omitempty" doc:"What it is, plain text"`
	Facts []factBody `json:"facts,omitempty" doc:"What is known of it"`
}

type seatsBody struct {
	Need int       `json:"need" doc:"How many of them approve"`
	Who  []whoBody `json:"who" doc:"Who may decide"`
}

type askStageBody struct {
	Title    string      `json:"title,omitempty"`
	Any      bool        `json:"any,omitempty" doc:"One group is enough"`
	Approved bool        `json:"approved" doc:"It has the approvals that it needs"`
	Groups   []seatsBody `json:"groups" doc:"Of people who decide"`
}

type askStepBody struct {
	Seq   int       `json:"seq" doc:"Its number, from 1"`
	At    time.Time `json:"at" doc:"When it happened"`
	By    string    `json:"by" doc:"Principal who did it"`
	Name  string    `json:"name" doc:"What happened"`
	As    string    `json:"as,omitempty" doc:"Id of the person in whose place a delegate decided"`
	Stage int       `json:"stage" doc:"In which it happened, from 0"`
	Text  string    `json:"text,omitempty" doc:"What somebody wrote, plain text"`
}

// SheetBody is everything that is shown of an ask.
type SheetBody struct {
	Ask       AskBody        `json:"ask"`
	Target    targetBody     `json:"target"`
	Stages    []askStageBody `json:"stages" doc:"Who decides, in this order"`
	Steps     []askStepBody  `json:"steps" doc:"What happened so far"`
	Digest    string         `json:"digest" doc:"Of all this: a decision names it, and counts for nothing else"`
	CanDecide bool           `json:"can_decide" doc:"You may decide about it now"`
	Why       string         `json:"why,omitempty" doc:"Code of why not, or of why it could not be released now"`
	Change    *changeBody    `json:"change,omitempty" doc:"Of an ask that is a change: what waits for a second person"`
}

// changeBody is a change that waits for a second person.
type changeBody struct {
	Sort  string   `json:"sort" enum:"apply,role,system,reset" doc:"What it is"`
	By    string   `json:"by" doc:"Principal who asked; a process of the machine is no person"`
	Thing string   `json:"thing" doc:"What would change, as the log calls it; of something new its kind alone"`
	Lines []string `json:"lines" doc:"What changes, each line with its sign"`
}

func changeOf(a request.Ask) *changeBody {
	c, held := a.Change()
	if !held {
		return nil
	}
	b := &changeBody{Sort: c.Sort, By: string(c.By), Thing: c.Thing, Lines: []string{}}
	for _, l := range c.Lines {
		b.Lines = append(b.Lines, l.Sign+" "+l.Text)
	}
	return b
}

func targetOf(t request.Target) targetBody {
	b := targetBody{Kind: t.Kind, ID: t.ID, Name: t.Name, Title: t.Title, About: t.About}
	for _, f := range t.Facts {
		b.Facts = append(b.Facts, factBody(f))
	}
	return b
}

func sheetBody(s request.Sheet) SheetBody {
	b := SheetBody{
		Ask: askBody(s.Ask), Target: targetOf(s.Target), Stages: []askStageBody{}, Steps: []askStepBody{}, Digest: s.Digest, CanDecide: s.CanDecide, Change: changeOf(s.Ask),
	}
	for _, f := range []*fault.Fault{s.Trouble, s.Not} {
		if f != nil {
			b.Why = f.Code
		}
	}
	for _, stage := range s.Stages {
		one := askStageBody{Title: stage.Title, Any: stage.Any, Approved: stage.Approved, Groups: []seatsBody{}}
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
		b.Steps = append(b.Steps, askStepBody{step.Seq, step.At, string(step.By), step.Name, string(step.As), step.Stage, step.Text})
	}
	return b
}

// preparedBody is an ask that is prepared.
type preparedBody struct {
	ID     string      `json:"id"`
	Title  string      `json:"title" doc:"What people call it"`
	About  string      `json:"about,omitempty" doc:"For whom it is, plain text"`
	Things []thingBody `json:"things" doc:"What to ask for, each by itself"`
	Reason string      `json:"reason,omitempty" doc:"Written beforehand"`
	Hint   string      `json:"hint,omitempty" doc:"What a reason should say"`
	Length int64       `json:"length,omitempty" doc:"Seconds; missing: as the policy proposes"`
}

type thingBody struct {
	Kind   string `json:"kind" doc:"group, role, …"`
	Target string `json:"target" doc:"Id of the thing"`
}

func preparedOf(p request.Prepared) preparedBody {
	b := preparedBody{ID: p.ID, Title: p.Title, About: p.About, Things: []thingBody{}, Reason: p.Reason, Hint: p.Hint, Length: int64(p.Hours) * 3600}
	for _, t := range p.Things {
		b.Things = append(b.Things, thingBody(t))
	}
	return b
}

// wantedBody is what somebody asks for.
type wantedBody struct {
	Org     string     `json:"org" doc:"Id of an organization that you belong to"`
	For     string     `json:"for,omitempty" doc:"Id of the person who would get it; you if empty"`
	Kind    string     `json:"kind" doc:"group, role, …"`
	Target  string     `json:"target" doc:"Id of what is asked for"`
	Reason  string     `json:"reason,omitempty" doc:"Plain text, at most 1000 characters"`
	From    *time.Time `json:"from,omitempty" doc:"Not before; missing: as soon as it is decided"`
	Length  int64      `json:"length,omitempty" minimum:"0" doc:"Seconds; 0: as the policy proposes"`
	Endless bool       `json:"endless,omitempty" doc:"Until it is given back, where the policy lets it"`
	Extends string     `json:"extends,omitempty" doc:"Id of the lease that is to last longer"`
	Break   bool       `json:"break,omitempty" doc:"Break the glass: it is out at once, and reviewed afterwards"`
	System  string     `json:"system,omitempty" doc:"Id of the outside system of the ticket"`
	Ticket  string     `json:"ticket,omitempty" doc:"Number of a ticket that is told of each step"`
}

func (b wantedBody) wanted() request.Wanted {
	w := request.Wanted{
		Org: id.Org(b.Org), For: id.Person(b.For), Kind: b.Kind, Target: b.Target, Reason: b.Reason, Length: time.Duration(b.Length) * time.Second,
		Endless: b.Endless, Extends: id.Lease(b.Extends), Break: b.Break,
		Ticket: request.Ticket{System: id.Connector(b.System), Number: b.Ticket},
	}
	if b.From != nil {
		w.From = *b.From
	}
	return w
}

type (
	inMine struct {
		Org string `query:"org" required:"true" doc:"Id of an organization that you belong to"`
	}
	askIn struct {
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
		Org   string `query:"org" required:"true" doc:"Id of an organization that you belong to"`
		Query string `query:"q" maxLength:"80" doc:"Words in name or title"`
	}
	raiseInput struct {
		Body wantedBody
	}
	decideInput struct {
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
		Ask  string `path:"ask"`
		Body struct {
			Text string `json:"text" doc:"A question of who decides, or an answer of who asked; plain text"`
		}
	}
	amendInput struct {
		Ask  string `path:"ask"`
		Body struct {
			Reason *string    `json:"reason,omitempty" doc:"Plain text, at most 1000 characters"`
			Length *int64     `json:"length,omitempty" minimum:"0" doc:"Seconds; 0: until it is given back"`
			From   *time.Time `json:"from,omitempty" doc:"Not before"`
		}
	}
)

// api registers the operations of asks.
func (h asks) api(m *web.Mux) {
	const path, tag = "/asks", "asks"
	signed, reads := web.Route{Permission: web.SignedIn}, web.Route{Permission: request.Read, Target: "org"}
	raise := presentOp(http.MethodPost, path, "ask", "Ask for something", tag)
	raise.DefaultStatus = http.StatusCreated
	web.API(m, signed, presentOp(http.MethodGet, "/me/asks", "list-own-asks", "What I asked for, the newest first", "asks"), h.apiMine)
	web.API(m, reads, operation(http.MethodGet, "/organizations/{org}/asks", "list-asks", "Every ask of an organization, the newest first", tag), h.apiAsks)
	web.API(m, signed, presentOp(http.MethodGet, "/me/targets", "list-own-targets", "What I can ask for", "asks"), h.apiTargets)
	web.API(m, signed, presentOp(http.MethodGet, "/me/prepared-asks", "list-own-prepared-asks", "Asks that are prepared for people who need the same; each thing is asked for by itself", "asks"), h.apiPrepared)
	web.API(m, signed, presentOp(http.MethodGet, "/me/questions", "list-own-questions", "Asks that I may decide now", "asks"), h.apiWaiting)
	web.API(m, signed, raise, h.apiRaise)
	web.API(m, signed, presentOp(http.MethodPost, path+"/preview", "preview-ask", "Who would decide about what I want", tag), h.apiPreview)
	web.API(m, signed, presentOp(http.MethodGet, path+"/{ask}", "get-ask", "Everything that is shown of an ask", tag), h.apiAsk)
	web.API(m, signed, presentOp(http.MethodPost, path+"/{ask}/decision", "decide-ask", "Approve or refuse what was shown", tag), h.apiDecide)
	web.API(m, signed, presentOp(http.MethodPost, path+"/{ask}/messages", "say-to-ask", "Ask back, or answer", tag), h.apiSay)
	web.API(m, signed, presentOp(http.MethodPatch, path+"/{ask}", "amend-ask", "Change what I ask for; the question begins anew", tag), h.apiAmend)
	web.API(m, signed, presentOp(http.MethodPost, path+"/{ask}/withdraw", "withdraw-ask", "Take back what I asked for", tag), h.apiWithdraw)
}

func (h asks) apiMine(ctx context.Context, in *mineInput) (*items[AskBody], error) {
	who, err := me(ctx)
	if err != nil {
		return nil, err
	}
	all, next, err := h.Mine(ctx, who, request.Query{State: request.State(in.State), Cursor: id.Ask(in.Cursor), Limit: in.Limit})
	return listed(all, string(next), askBody), err
}

func (h asks) apiAsks(ctx context.Context, in *asksInput) (*items[AskBody], error) {
	all, next, err := h.Asks(ctx, id.Org(in.Org), request.Query{State: request.State(in.State), Cursor: id.Ask(in.Cursor), Limit: in.Limit})
	return listed(all, string(next), askBody), err
}

func (h asks) apiTargets(ctx context.Context, in *targetsInput) (*items[targetBody], error) {
	who, err := me(ctx)
	if err == nil {
		err = h.belongs(ctx, id.Org(in.Org), who)
	}
	if err != nil {
		return nil, err
	}
	all, err := h.Find(ctx, request.Sought{Org: id.Org(in.Org), Asker: who, Text: in.Query, Lang: web.LangOf(ctx)})
	return listed(all, "", targetOf), err
}

func (h asks) apiWaiting(ctx context.Context, in *inMine) (*items[AskBody], error) {
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

func (h asks) apiPrepared(ctx context.Context, in *inMine) (*items[preparedBody], error) {
	who, err := me(ctx)
	if err == nil {
		err = h.belongs(ctx, id.Org(in.Org), who)
	}
	if err != nil {
		return nil, err
	}
	all, err := h.prepared(ctx, id.Org(in.Org))
	return listed(all, "", preparedOf), err
}

func (h asks) apiRaise(ctx context.Context, in *raiseInput) (*one[AskBody], error) {
	who, err := me(ctx)
	if err != nil {
		return nil, err
	}
	a, err := h.Raise(ctx, who, in.Body.wanted())
	return &one[AskBody]{askBody(a)}, err
}

func (h asks) apiPreview(ctx context.Context, in *raiseInput) (*one[SheetBody], error) {
	who, err := me(ctx)
	if err != nil {
		return nil, err
	}
	p, err := h.Preview(ctx, who, in.Body.wanted())
	b := sheetBody(p.Sheet)
	if p.Nobody {
		b.Why = request.NobodyDecides
	}
	if p.Trouble != nil {
		b.Why = p.Trouble.Code
	}
	return &one[SheetBody]{b}, err
}

func (h asks) apiAsk(ctx context.Context, in *askIn) (*one[SheetBody], error) {
	who, of, err := h.mineOf(ctx, in.Ask)
	if err != nil {
		return nil, err
	}
	s, err := h.Show(ctx, of, id.Ask(in.Ask), who)
	return &one[SheetBody]{sheetBody(s)}, err
}

func (h asks) apiDecide(ctx context.Context, in *decideInput) (*one[AskBody], error) {
	who, of, err := h.mineOf(ctx, in.Ask)
	if err != nil {
		return nil, err
	}
	v := request.Verdict{
		Org: of, Ask: id.Ask(in.Ask), Approve: in.Body.Approve, Digest: in.Body.Digest, Reason: in.Body.Reason,
		Shorter: time.Duration(in.Body.Shorter) * time.Second,
	}
	if in.Body.Later != nil {
		v.Later = *in.Body.Later
	}
	a, err := h.Decide(ctx, request.Decider{Person: who, Proof: presence.Of(web.ActorOf(ctx))}, v)
	return &one[AskBody]{askBody(a)}, err
}

func (h asks) apiSay(ctx context.Context, in *sayInput) (*one[AskBody], error) {
	who, of, err := h.mineOf(ctx, in.Ask)
	if err != nil {
		return nil, err
	}
	a, err := h.Say(ctx, who, of, id.Ask(in.Ask), in.Body.Text)
	return &one[AskBody]{askBody(a)}, err
}

func (h asks) apiAmend(ctx context.Context, in *amendInput) (*one[AskBody], error) {
	who, of, err := h.mineOf(ctx, in.Ask)
	if err != nil {
		return nil, err
	}
	m := request.Amended{Reason: in.Body.Reason, From: in.Body.From}
	if in.Body.Length != nil {
		length := time.Duration(*in.Body.Length) * time.Second
		m.Length = &length
	}
	a, err := h.Amend(ctx, who, of, id.Ask(in.Ask), m)
	return &one[AskBody]{askBody(a)}, err
}

func (h asks) apiWithdraw(ctx context.Context, in *askIn) (*one[AskBody], error) {
	who, of, err := h.mineOf(ctx, in.Ask)
	if err != nil {
		return nil, err
	}
	a, err := h.Withdraw(ctx, who, of, id.Ask(in.Ask))
	return &one[AskBody]{askBody(a)}, err
}

// mineOf is who acts, and in which of their organizations an ask is.
func (h asks) mineOf(ctx context.Context, which string) (who id.Person, of id.Org, err error) {
	if who, err = me(ctx); err != nil {
		return who, "", err
	}
	of, err = h.OrgOf(ctx, who, id.Ask(which))
	return who, of, err
}

// belongs refuses an organization that somebody does not know of (R4).
func (h asks) belongs(ctx context.Context, in id.Org, who id.Person) error {
	g, err := h.Register.Grants(ctx, who)
	if err == nil && !g.Sees(in) {
		err = fault.New(fault.NotFound, "organization-unknown")
	}
	return err
}
