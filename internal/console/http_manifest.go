package console

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/web"
)

func (r *Room) manifestAPI(m *web.Mux) {
	op := func(method, path, name, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: "/manifests" + path, OperationID: name, Summary: summary, Tags: []string{"manifests"}}
	}
	files, look := web.Route{Permission: Manifest, Large: true}, web.Route{Permission: Manifest}
	web.API(m, files, op(http.MethodPost, "/plan", "plan", "What documents would change; it is tried and taken back"), r.plan)
	web.API(m, files, web.MayWait(op(http.MethodPost, "/apply", "apply", "Make documents true, in one transaction")), r.apply)
	web.API(m, look, op(http.MethodGet, "/export", "export", "Everything that is there, as documents"), r.export)
	web.API(m, look, op(http.MethodGet, "/drift", "get-drift", "What differs from what was last applied"), r.drift)
	web.API(m, look, op(http.MethodGet, "/applies", "list-applies", "The last applies, newest first"), r.applies)
}

type (
	filesInput struct {
		Body struct {
			Documents json.RawMessage `json:"documents" doc:"Parsed documents in their wire form"`
			Prune     bool            `json:"prune,omitempty" doc:"Delete what an apply has made and the documents do not name, of the kinds and organizations that they do name"`
			Digest    string          `json:"digest,omitempty" doc:"Of the plan that was shown; another one is refused"`
		}
	}
	planOutput   struct{ Body *manifest.Plan }
	exportOutput struct {
		Body struct {
			YAML string `json:"yaml" doc:"Documents, to be applied anywhere"`
		}
	}
	driftOutput struct{ Body *manifest.Drift }
	deedsOutput struct {
		Body struct {
			Items []manifest.Deed `json:"items" doc:"At most a hundred"`
		}
	}
)

// atOnce is how many objects may change in one apply while others wait for the
// database: a matter of seconds. A house that only one command has open takes
// any number.
const atOnce = 5_000

func (r *Room) options(ctx context.Context, door string) manifest.Options {
	o := manifest.Options{By: web.ActorOf(ctx).Principal, Door: door, Clock: r.clock, Most: atOnce}
	if r.folder {
		o.Most = 0
	}
	return o
}

// door says on which way a program came.
func (r *Room) door(ctx context.Context) string {
	switch {
	case r.folder:
		return "folder"
	case web.ActorOf(ctx).Principal.Kind() == id.KindLocal:
		return "socket"
	}
	return "api"
}

func (r *Room) documents(ctx context.Context, in *filesInput) ([]manifest.Document, manifest.Options, error) {
	docs, err := manifest.FromJSON(in.Body.Documents)
	o := r.options(ctx, r.door(ctx))
	o.Prune, o.Digest = in.Body.Prune, in.Body.Digest
	return docs, o, err
}

func (r *Room) plan(ctx context.Context, in *filesInput) (*planOutput, error) {
	docs, options, err := r.documents(ctx, in)
	if err != nil {
		return nil, err
	}
	plan, err := r.kinds.Plan(ctx, r.store, docs, options)
	return &planOutput{plan}, err
}

func (r *Room) apply(ctx context.Context, in *filesInput) (*planOutput, error) {
	docs, options, err := r.documents(ctx, in)
	if err != nil {
		return nil, err
	}
	plan, err := r.kinds.Apply(ctx, r.store, docs, options)
	return &planOutput{plan}, err
}

func (r *Room) export(ctx context.Context, _ *noInput) (*exportOutput, error) {
	text, err := r.kinds.Export(ctx, r.store)
	out := &exportOutput{}
	out.Body.YAML = string(text)
	return out, err
}

func (r *Room) drift(ctx context.Context, _ *noInput) (*driftOutput, error) {
	drift, err := r.kinds.Drift(ctx, r.store)
	return &driftOutput{drift}, err
}

func (r *Room) applies(ctx context.Context, _ *noInput) (*deedsOutput, error) {
	out := &deedsOutput{}
	all, err := r.kinds.Deeds(ctx, r.store, 100)
	out.Body.Items = append([]manifest.Deed{}, all...)
	return out, err
}
