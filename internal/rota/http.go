package rota

import (
	"context"
	_ "embed" // the examples
	"net/http"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/paper"
	"github.com/sekisho/sekisho/internal/web"
)

//go:embed examples.json
var examples []byte

type (
	rotaIn struct {
		Org  string `path:"org"`
		Rota string `path:"rota"`
	}
	changeInput struct {
		Org  string `path:"org"`
		Rota string `path:"rota"`
		Body paper.Content[Rota]
	}
	turnBody struct {
		Person  string     `json:"person,omitempty" doc:"Id of the person who is on call; missing: nobody"`
		From    *time.Time `json:"from,omitempty" doc:"Since when"`
		Until   time.Time  `json:"until" doc:"When it is handed over"`
		Instead bool       `json:"instead,omitempty" doc:"In the place of whose turn it is"`
	}
	turnsOutput struct {
		Body struct {
			Items []turnBody `json:"items"`
		}
	}
)

// API registers the operations for programs.
func (r *Room) API(m *web.Mux) {
	m.Examples(examples)
	r.Drawer.API(m)
	reads, writes := r.Routes()
	web.API(m, reads, r.Operation(http.MethodGet, "/{rota}", "get-rota", "One rota"), func(ctx context.Context, in *rotaIn) (*paper.One[Rota], error) {
		return r.GetOne(ctx, in.Org, in.Rota)
	})
	web.API(m, reads, r.Operation(http.MethodGet, "/{rota}/turns", "list-turns", "Who is on call now, and next"), r.apiTurns)
	web.API(m, writes, web.MayWait(r.Operation(http.MethodPut, "/{rota}", "change-rota", "Change a rota")), func(ctx context.Context, in *changeInput) (*paper.One[Rota], error) {
		return r.PutOne(ctx, in.Org, in.Rota, in.Body)
	})
	web.API(m, writes, web.MayWait(r.Operation(http.MethodDelete, "/{rota}", "delete-rota", "Delete a rota; policies that name it go to their fallback")), func(ctx context.Context, in *rotaIn) (*paper.Nothing, error) {
		return r.DropOne(ctx, in.Org, in.Rota)
	})
}

func (r *Room) apiTurns(ctx context.Context, in *rotaIn) (*turnsOutput, error) {
	p, err := r.Get(ctx, id.Org(in.Org), in.Rota)
	out := &turnsOutput{}
	out.Body.Items = []turnBody{}
	if err != nil {
		return nil, err
	}
	for _, t := range p.Spec.Next(r.Clock.Now(), aheadShown) {
		b := turnBody{Person: t.Person, Until: t.Until, Instead: t.Instead}
		if !t.From.IsZero() {
			b.From = &t.From
		}
		out.Body.Items = append(out.Body.Items, b)
	}
	return out, nil
}
