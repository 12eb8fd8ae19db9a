package notice

import (
	"context"
	_ "embed" // the examples
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
)

// Content is what is written of a notice.
type Content struct {
	Name  string    `json:"name,omitempty" doc:"Unique in the house; made from the id if empty"`
	Title Both      `json:"title" doc:"At most 80 characters a language"`
	Text  Both      `json:"text" doc:"At most 1000 characters a language"`
	From  time.Time `json:"from" doc:"Shown from"`
	Until time.Time `json:"until" doc:"Shown until, exclusive"`
}

// Resource is a notice as the API returns it.
type Resource struct {
	ID string `json:"id"`
	Content
	State   State  `json:"state" enum:"waiting,shown,over"`
	By      string `json:"by" doc:"Principal who wrote it last"`
	Version int64  `json:"version" doc:"Send it back with a change"`
}

type (
	listInput struct {
		Cursor string `query:"cursor" doc:"From the page before"`
		Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	}
	listOutput struct {
		Body struct {
			Items []Resource `json:"items"`
			Next  string     `json:"next,omitempty" doc:"Cursor of the next page"`
		}
	}
	oneInput struct {
		Notice string `path:"notice"`
	}
	newInput struct {
		Body Content
	}
	changeInput struct {
		Notice string `path:"notice"`
		Body   struct {
			Content
			Version int64 `json:"version" doc:"As read; a change in between is a conflict"`
		}
	}
	oneOutput struct{ Body Resource }
	noOutput  struct{}
)

//go:embed examples.json
var examples []byte

// API registers the operations for programs.
func (r *Room) API(m *web.Mux) {
	m.Examples(examples)
	op := func(method, path, name, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: name, Summary: summary, Tags: []string{"notices"}}
	}
	read, write := web.Route{Permission: web.SignedIn}, web.Route{Permission: Write}
	web.API(m, read, op(http.MethodGet, "/notices", "list-notices", "Announcements, the latest written first"), r.list)
	web.API(m, read, op(http.MethodGet, "/notices/{notice}", "get-notice", "One announcement"), r.one)
	create := op(http.MethodPost, "/notices", "write-notice", "Write an announcement")
	create.DefaultStatus = http.StatusCreated
	web.API(m, write, create, r.create)
	web.API(m, write, op(http.MethodPut, "/notices/{notice}", "change-notice", "Change an announcement"), r.change)
	web.API(m, write, op(http.MethodDelete, "/notices/{notice}", "take-back-notice", "Take an announcement back"), r.drop)
}

func (r *Room) resource(n Notice) Resource {
	return Resource{
		ID: string(n.ID), State: n.At(r.clock.Now()), By: string(n.By), Version: n.Version,
		Content: Content{Name: n.Name, Title: n.Title, Text: n.Text, From: n.From, Until: n.Until},
	}
}

func (c Content) notice() Notice {
	return Notice{Name: c.Name, Title: c.Title, Text: c.Text, From: c.From.UTC(), Until: c.Until.UTC()}
}

func (r *Room) list(ctx context.Context, in *listInput) (*listOutput, error) {
	notices, next, err := r.List(ctx, in.Cursor, in.Limit)
	out := &listOutput{}
	out.Body.Items, out.Body.Next = []Resource{}, next
	for _, n := range notices {
		out.Body.Items = append(out.Body.Items, r.resource(n))
	}
	return out, err
}

func (r *Room) one(ctx context.Context, in *oneInput) (*oneOutput, error) {
	n, err := r.Get(ctx, id.Notice(in.Notice))
	return &oneOutput{r.resource(n)}, err
}

func (r *Room) create(ctx context.Context, in *newInput) (*oneOutput, error) {
	n, err := r.Put(ctx, web.ActorOf(ctx).Principal, in.Body.notice())
	return &oneOutput{r.resource(n)}, err
}

func (r *Room) change(ctx context.Context, in *changeInput) (*oneOutput, error) {
	if _, err := r.Get(ctx, id.Notice(in.Notice)); err != nil {
		return nil, err
	}
	n := in.Body.notice()
	n.ID, n.Version = id.Notice(in.Notice), in.Body.Version
	n, err := r.Put(ctx, web.ActorOf(ctx).Principal, n)
	return &oneOutput{r.resource(n)}, err
}

func (r *Room) drop(ctx context.Context, in *oneInput) (*noOutput, error) {
	return &noOutput{}, r.TakeBack(ctx, web.ActorOf(ctx).Principal, id.Notice(in.Notice))
}
