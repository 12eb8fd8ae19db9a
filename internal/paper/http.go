package paper

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
)

// Body is a paper as programs see it.
type Body[S any] struct {
	ID      string `json:"id"`
	Name    string `json:"name" doc:"Unique among those of its kind in the organization: lower-case letters, digits, hyphens"`
	Version int64  `json:"version" doc:"Send it back with a change"`
	Spec    S      `json:"spec" doc:"What it says"`
}

// Content is a paper as programs write it.
type Content[S any] struct {
	Name    string `json:"name" doc:"Unique among those of its kind in the organization: lower-case letters, digits, hyphens"`
	Version int64  `json:"version,omitempty" doc:"As read, for a change; a change in between is a conflict"`
	Spec    S      `json:"spec" doc:"What it says"`
}

// One is the answer with one paper, Nothing the one without any.
type (
	One[S any] struct{ Body Body[S] }
	Nothing    struct{}
)

type (
	inOrg struct {
		Org string `path:"org"`
	}
	list[S any] struct {
		Body struct {
			Items []Body[S] `json:"items"`
			Next  string    `json:"next,omitempty" doc:"Cursor of the next page"`
		}
	}
	fresh[S any] struct {
		Org  string `path:"org"`
		Body Content[S]
	}
)

func answer[S any](p Paper[S], err error) (*One[S], error) {
	return &One[S]{Body[S]{p.ID, p.Name, p.Version, p.Spec}}, err
}

// API registers listing and adding. The room registers what is about one, for
// it names the path's parameter: with Operation, GetOne, PutOne and DropOne.
func (d *Drawer[S]) API(m *web.Mux) {
	k := d.Kind
	reads, writes := d.Routes()
	add := d.Operation(http.MethodPost, "", "add-"+k.Drawn.Operation, "Add one")
	add.DefaultStatus = http.StatusCreated
	web.API(m, reads, d.Operation(http.MethodGet, "", "list-"+k.Drawn.Plural, "All of an organization, by name"), func(ctx context.Context, in *inOrg) (*list[S], error) {
		all, err := d.List(ctx, id.Org(in.Org))
		out := &list[S]{}
		out.Body.Items = []Body[S]{}
		for _, p := range all {
			out.Body.Items = append(out.Body.Items, Body[S]{p.ID, p.Name, p.Version, p.Spec})
		}
		return out, err
	})
	if k.Decides {
		add = web.MayWait(add)
	}
	web.API(m, writes, add, func(ctx context.Context, in *fresh[S]) (*One[S], error) {
		return answer(d.Put(ctx, web.ActorOf(ctx).Principal, Paper[S]{Org: id.Org(in.Org), Name: in.Body.Name, Spec: in.Body.Spec}))
	})
}

// Routes are who reads and who writes.
func (d *Drawer[S]) Routes() (reads, writes web.Route) {
	return web.Route{Permission: d.Kind.Reads, Target: "org"}, web.Route{Permission: d.Kind.Permission, Target: "org"}
}

// Operation describes an operation below the path of all.
func (d *Drawer[S]) Operation(method, path, name, summary string) huma.Operation {
	return huma.Operation{
		Method: method, Path: "/organizations/{org}/" + d.Kind.Drawn.Plural + path, OperationID: name, Summary: summary, Tags: []string{d.Kind.Drawn.Plural},
	}
}

// GetOne answers with one.
func (d *Drawer[S]) GetOne(ctx context.Context, in, which string) (*One[S], error) {
	return answer(d.Get(ctx, id.Org(in), which))
}

// PutOne changes one.
func (d *Drawer[S]) PutOne(ctx context.Context, in, which string, c Content[S]) (*One[S], error) {
	return answer(d.Put(ctx, web.ActorOf(ctx).Principal, Paper[S]{Org: id.Org(in), ID: which, Name: c.Name, Version: max(c.Version, 1), Spec: c.Spec}))
}

// DropOne deletes one.
func (d *Drawer[S]) DropOne(ctx context.Context, in, which string) (*Nothing, error) {
	return &Nothing{}, d.Drop(ctx, web.ActorOf(ctx).Principal, id.Org(in), which)
}
