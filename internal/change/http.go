package change

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/web"
)

// API registers what programs ask about four eyes.
func (r *Room) API(m *web.Mux) {
	op := func(method, path, name, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: "/four-eyes" + path, OperationID: name, Summary: summary, Tags: []string{"manifests"}}
	}
	look, act := web.Route{Permission: r.Manifest}, web.Route{Permission: r.Manifest, Fresh: web.Recent}
	web.API(m, look, op(http.MethodGet, "", "get-four-eyes", "Whether changes of who may do what wait for a second person"), r.apiEyes)
	web.API(m, act, web.MayWait(op(http.MethodPost, "/off", "turn-four-eyes-off", "Let one alone do again what four_eyes holds; this waits for a second person itself")), r.apiTurnOff)
}

type (
	nothing    struct{}
	eyesOutput struct {
		Body struct {
			On    bool       `json:"on" doc:"Changes wait for a second person"`
			Since *time.Time `json:"since,omitempty" doc:"When the house first started with four_eyes, or last turned it on again"`
		}
	}
)

func (r *Room) apiEyes(ctx context.Context, _ *nothing) (*eyesOutput, error) {
	out := &eyesOutput{}
	since, on, err := r.On(ctx)
	if out.Body.On = on; on {
		out.Body.Since = &since
	}
	return out, err
}

func (r *Room) apiTurnOff(ctx context.Context, _ *nothing) (*nothing, error) {
	return &nothing{}, r.TurnOff(ctx, web.ActorOf(ctx).Principal)
}
