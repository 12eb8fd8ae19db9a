package review

import (
	"context"
	_ "embed" // the examples
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/paper"
	"github.com/sekisho/sekisho/internal/presence"
	"github.com/sekisho/sekisho/internal/web"
)

//go:embed examples.json
var examples []byte

// RoundBody is a round as the API returns it.
type RoundBody struct {
	ID      string     `json:"id"`
	Review  string     `json:"review" doc:"Id of the campaign"`
	Number  int        `json:"number" doc:"From 1"`
	State   string     `json:"state" enum:"filling,open,escalated,closing,closed"`
	Started time.Time  `json:"started" doc:"When it began"`
	Due     time.Time  `json:"due" doc:"When what nobody answered is ended, or goes further"`
	Closed  *time.Time `json:"closed,omitempty" doc:"When it was over"`
}

// ItemBody is an item as the API returns it.
type ItemBody struct {
	ID        string     `json:"id"`
	Round     string     `json:"round" doc:"Id of the round"`
	Person    string     `json:"person" doc:"Id of who holds it"`
	Holder    string     `json:"holder" doc:"As they were called then"`
	Kind      string     `json:"kind" doc:"group, role, …"`
	Target    string     `json:"target" doc:"Id of what is held"`
	Title     string     `json:"title"`
	Lease     string     `json:"lease,omitempty" doc:"Under which it is out"`
	State     string     `json:"state" enum:"open,kept,ended,gone,stuck"`
	Silent    bool       `json:"silent,omitempty" doc:"Nobody answered"`
	Decided   *time.Time `json:"decided,omitempty" doc:"When it was decided"`
	DecidedBy string     `json:"decided_by,omitempty" doc:"Principal who decided"`
	InPlaceOf string     `json:"in_place_of,omitempty" doc:"Id of the person whose place a delegate sat in"`
	Reason    string     `json:"reason,omitempty" doc:"Plain text"`
	Trouble   string     `json:"trouble,omitempty" doc:"Code of why it could not be ended"`
	Digest    string     `json:"digest,omitempty" doc:"Of what is shown: a decision names it"`
}

func never(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

func roundBody(r Round) RoundBody {
	return RoundBody{r.ID, r.Campaign, r.Number, string(r.State), r.Started, r.Due, never(r.Closed)}
}

func itemBody(i Item) ItemBody {
	return ItemBody{
		ID: i.ID, Round: i.Round, Person: string(i.Person), Holder: i.Holder, Kind: i.Kind, Target: i.Target, Title: i.Title, Lease: string(i.Lease), State: string(i.State),
		Silent: i.Silent, Decided: never(i.Decided), DecidedBy: string(i.DecidedBy), InPlaceOf: string(i.Seat), Reason: i.Reason, Trouble: i.Trouble,
	}
}

type (
	items[T any] struct {
		Body struct {
			Items []T    `json:"items"`
			Next  string `json:"next,omitempty" doc:"Cursor of the next page"`
		}
	}
	one[T any] struct{ Body T }
	reviewIn   struct {
		Org    string `path:"org"`
		Review string `path:"review"`
	}
	changeInput struct {
		Org    string `path:"org"`
		Review string `path:"review"`
		Body   paper.Content[Campaign]
	}
	itemsInput struct {
		Org    string `path:"org"`
		Round  string `path:"round"`
		State  string `query:"state" enum:"open,kept,ended,gone,stuck" doc:"Only these"`
		Cursor string `query:"cursor" doc:"From the page before"`
		Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	}
	mineInput struct {
		Org string `query:"org" required:"true" doc:"Id of an organization that you belong to"`
	}
	itemIn struct {
		Item string `path:"review_item"`
		Org  string `query:"org" required:"true" doc:"Id of an organization that you belong to"`
	}
	decideInput struct {
		Item string `path:"review_item"`
		Body struct {
			Org    string `json:"org" doc:"Id of an organization that you belong to"`
			Keep   bool   `json:"keep" doc:"false ends it"`
			Digest string `json:"digest" doc:"Of what was shown"`
			Reason string `json:"reason,omitempty" doc:"Compulsory for an end"`
		}
	}
)

func listed[T, B any](all []T, next string, body func(T) B) *items[B] {
	out := &items[B]{}
	out.Body.Items, out.Body.Next = []B{}, next
	for _, one := range all {
		out.Body.Items = append(out.Body.Items, body(one))
	}
	return out
}

// API registers the operations for programs.
func (r *Room) API(m *web.Mux) {
	m.Examples(examples)
	c := r.Campaigns
	c.API(m)
	reads, writes := c.Routes()
	web.API(m, reads, c.Operation(http.MethodGet, "/{review}", "get-review", "One campaign"), func(ctx context.Context, in *reviewIn) (*paper.One[Campaign], error) {
		return c.GetOne(ctx, in.Org, in.Review)
	})
	web.API(m, writes, c.Operation(http.MethodPut, "/{review}", "change-review", "Change a campaign; a round that runs goes on as it began"), func(ctx context.Context, in *changeInput) (*paper.One[Campaign], error) {
		return c.PutOne(ctx, in.Org, in.Review, in.Body)
	})
	web.API(m, writes, c.Operation(http.MethodDelete, "/{review}", "delete-review", "Delete a campaign; a round that runs goes on"), func(ctx context.Context, in *reviewIn) (*paper.Nothing, error) {
		return c.DropOne(ctx, in.Org, in.Review)
	})
	start := c.Operation(http.MethodPost, "/{review}/start", "start-review", "Begin a round now")
	start.DefaultStatus = http.StatusCreated
	web.API(m, writes, start, r.apiStart)
	web.API(m, reads, c.Operation(http.MethodGet, "/{review}/rounds", "list-review-rounds", "The times that it ran, the newest first"), r.apiRounds)
	web.API(m, reads, r.operation(http.MethodGet, "/organizations/{org}/review-rounds/{round}/items", "list-review-items", "What was looked at, and what became of it"), r.apiItems)
	signed := web.Route{Permission: web.SignedIn}
	web.API(m, signed, r.present(http.MethodGet, "/me/review-items", "list-own-review-items", "What waits for my review"), r.apiMine)
	web.API(m, signed, r.present(http.MethodGet, "/me/review-items/{review_item}", "get-own-review-item", "One question, with what a decision about it names"), r.apiItem)
	web.API(m, signed, r.present(http.MethodPost, "/me/review-items/{review_item}/decision", "decide-review-item", "Keep or end what was shown"), r.apiDecide)
}

func (r *Room) operation(method, path, name, summary string) huma.Operation {
	return huma.Operation{Method: method, Path: path, OperationID: name, Summary: summary, Tags: []string{"reviews"}}
}

// present is an operation for people in person: no token decides.
func (r *Room) present(method, path, name, summary string) huma.Operation {
	op := r.operation(method, path, name, summary)
	op.Security, op.Tags = web.SessionOnly, []string{"reviews"}
	return op
}

func me(ctx context.Context) (id.Person, error) {
	actor := web.ActorOf(ctx)
	switch who := actor.Principal.Person(); {
	case who == "":
		return "", fault.New(fault.Forbidden, "settings-need-person")
	case actor.Token:
		return "", fault.New(fault.Forbidden, "person-must-be-present")
	default:
		return who, nil
	}
}

func (r *Room) apiStart(ctx context.Context, in *reviewIn) (*one[RoundBody], error) {
	round, err := r.Start(ctx, web.ActorOf(ctx).Principal, id.Org(in.Org), in.Review)
	return &one[RoundBody]{roundBody(round)}, err
}

func (r *Room) apiRounds(ctx context.Context, in *reviewIn) (*items[RoundBody], error) {
	all, err := r.Rounds(ctx, id.Org(in.Org), in.Review)
	return listed(all, "", roundBody), err
}

func (r *Room) apiItems(ctx context.Context, in *itemsInput) (*items[ItemBody], error) {
	if _, _, err := r.Progress(ctx, id.Org(in.Org), in.Round); err != nil {
		return nil, err
	}
	limit := max(in.Limit, 1)
	all, err := r.Items(ctx, id.Org(in.Org), in.Round, Query{State: State(in.State), Cursor: in.Cursor, Limit: limit + 1})
	next := ""
	if len(all) > limit {
		all = all[:limit]
		next = all[limit-1].ID
	}
	return listed(all, next, itemBody), err
}

func (r *Room) apiMine(ctx context.Context, in *mineInput) (*items[ItemBody], error) {
	who, err := me(ctx)
	if err != nil {
		return nil, err
	}
	g, err := r.Register.Grants(ctx, who)
	if err == nil && !g.Sees(id.Org(in.Org)) {
		err = fault.New(fault.NotFound, "organization-unknown")
	}
	if err != nil {
		return nil, err
	}
	all, err := r.Waiting(ctx, id.Org(in.Org), who)
	return listed(all, "", itemBody), err
}

func (r *Room) apiItem(ctx context.Context, in *itemIn) (*one[ItemBody], error) {
	who, err := me(ctx)
	if err != nil {
		return nil, err
	}
	s, err := r.Show(ctx, id.Org(in.Org), in.Item, who)
	b := itemBody(s.Item)
	b.Digest = s.Digest
	return &one[ItemBody]{b}, err
}

func (r *Room) apiDecide(ctx context.Context, in *decideInput) (*one[ItemBody], error) {
	who, err := me(ctx)
	if err != nil {
		return nil, err
	}
	i, err := r.Decide(ctx, who, Verdict{Org: id.Org(in.Body.Org), Item: in.Item, Keep: in.Body.Keep, Digest: in.Body.Digest, Reason: in.Body.Reason, Proof: presence.Of(web.ActorOf(ctx))})
	return &one[ItemBody]{itemBody(i)}, err
}
