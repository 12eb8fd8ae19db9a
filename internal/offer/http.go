package offer

import (
	"context"
	_ "embed" // the examples
	"net/http"

	"github.com/sekisho/sekisho/internal/paper"
	"github.com/sekisho/sekisho/internal/web"
)

//go:embed examples.json
var examples []byte

type (
	thingIn struct {
		Org    string `path:"org"`
		Target string `path:"ask_target"`
	}
	thingChange struct {
		Org    string `path:"org"`
		Target string `path:"ask_target"`
		Body   paper.Content[Thing]
	}
	templateIn struct {
		Org      string `path:"org"`
		Template string `path:"ask_template"`
	}
	templateChange struct {
		Org      string `path:"org"`
		Template string `path:"ask_template"`
		Body     paper.Content[Template]
	}
)

// API registers the operations for programs.
func (r *Room) API(m *web.Mux) {
	m.Examples(examples)
	things, templates := r.Things, r.Templates
	things.API(m)
	templates.API(m)
	reads, writes := things.Routes()
	web.API(m, reads, things.Operation(http.MethodGet, "/{ask_target}", "get-ask-target", "What is said of one thing"), func(ctx context.Context, in *thingIn) (*paper.One[Thing], error) {
		return things.GetOne(ctx, in.Org, in.Target)
	})
	web.API(m, writes, web.MayWait(things.Operation(http.MethodPut, "/{ask_target}", "change-ask-target", "Change what is said of a thing")), func(ctx context.Context, in *thingChange) (*paper.One[Thing], error) {
		return things.PutOne(ctx, in.Org, in.Target, in.Body)
	})
	web.API(m, writes, web.MayWait(things.Operation(http.MethodDelete, "/{ask_target}", "delete-ask-target", "Say nothing of a thing any more")), func(ctx context.Context, in *thingIn) (*paper.Nothing, error) {
		return things.DropOne(ctx, in.Org, in.Target)
	})
	web.API(m, reads, templates.Operation(http.MethodGet, "/{ask_template}", "get-ask-template", "One prepared ask"), func(ctx context.Context, in *templateIn) (*paper.One[Template], error) {
		return templates.GetOne(ctx, in.Org, in.Template)
	})
	web.API(m, writes, templates.Operation(http.MethodPut, "/{ask_template}", "change-ask-template", "Change a prepared ask"), func(ctx context.Context, in *templateChange) (*paper.One[Template], error) {
		return templates.PutOne(ctx, in.Org, in.Template, in.Body)
	})
	web.API(m, writes, templates.Operation(http.MethodDelete, "/{ask_template}", "delete-ask-template", "Delete a prepared ask"), func(ctx context.Context, in *templateIn) (*paper.Nothing, error) {
		return templates.DropOne(ctx, in.Org, in.Template)
	})
}
