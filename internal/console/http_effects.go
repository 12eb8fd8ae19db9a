package console

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/web"
)

func (r *Room) effectsAPI(m *web.Mux) {
	settle := web.Route{Permission: Operate, Or: Effects}
	web.API(m, settle, op(http.MethodGet, "/effects", "effects", "list-effects", "Effects on other systems"), r.effects)
	web.API(m, settle, op(http.MethodGet, "/effects/{effect}", "effects", "get-effect", "One effect on another system"), r.oneEffect)
	web.API(m, settle, op(http.MethodPost, "/effects/{effect}/retry", "effects", "retry-effect", "Try a parked effect again"), r.retry)
	web.API(m, settle, op(http.MethodPost, "/effects/{effect}/skip", "effects", "skip-effect", "Give a parked effect up"), r.skip)
}

// EffectResource is an effect as an operator sees it.
type EffectResource struct {
	ID       string          `json:"id"`
	Org      string          `json:"org,omitempty"`
	Driver   string          `json:"driver"`
	Target   string          `json:"target" doc:"Where it is carried out"`
	Line     string          `json:"line,omitempty" doc:"What is carried out one after another"`
	State    string          `json:"state"`
	Tries    int             `json:"tries" doc:"How often it was tried"`
	Unsure   bool            `json:"unsure" doc:"It may have been done: a probe will tell"`
	Intended time.Time       `json:"intended" doc:"When it was decided"`
	Due      time.Time       `json:"due,omitzero" doc:"When it is tried next"`
	Ended    time.Time       `json:"ended,omitzero" doc:"When it was done or given up"`
	Why      string          `json:"why,omitempty" doc:"Code of what went wrong last"`
	Payload  json.RawMessage `json:"payload,omitempty" doc:"Without what looks like a secret"`
}

func effectResource(e job.Status) EffectResource {
	return EffectResource{
		ID: string(e.ID), Org: string(e.Org), Driver: e.Driver, Target: e.Target, Line: e.Line, State: string(e.State),
		Tries: e.Tries, Unsure: e.Unsure, Intended: e.IntendedAt, Due: e.Due, Ended: e.EndedAt, Why: e.Why, Payload: shown(e.Payload),
	}
}

type (
	effectsInput struct {
		State  string `query:"state" enum:"intended,inflight,done,parked,skipped"`
		Driver string `query:"driver"`
		Target string `query:"target" doc:"Where it is carried out"`
		Org    string `query:"org" doc:"Of one organization; who looks after one sees no other"`
		After  string `query:"cursor"`
		Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	}
	effectsOutput struct {
		Body struct {
			Items []EffectResource `json:"items"`
			Next  string           `json:"next,omitempty"`
		}
	}
	effectInput struct {
		Effect string `path:"effect"`
	}
	effectOutput struct{ Body EffectResource }
	skipInput    struct {
		Effect string `path:"effect"`
		Body   struct {
			Reason string `json:"reason" minLength:"1" maxLength:"500" doc:"The log keeps it"`
		}
	}
)

func (r *Room) effects(ctx context.Context, in *effectsInput) (*effectsOutput, error) {
	found, err := r.search(ctx, job.Filter{
		Org: id.Org(in.Org), State: job.State(in.State), Driver: in.Driver, Target: in.Target, After: id.Effect(in.After), Limit: in.Limit,
	})
	out := &effectsOutput{}
	out.Body.Items = []EffectResource{}
	for _, e := range found {
		out.Body.Items = append(out.Body.Items, effectResource(e))
	}
	if len(found) == in.Limit {
		out.Body.Next = string(found[len(found)-1].ID)
	}
	return out, err
}

func (r *Room) oneEffect(ctx context.Context, in *effectInput) (*effectOutput, error) {
	found, err := r.effect(ctx, id.Effect(in.Effect))
	return &effectOutput{effectResource(found)}, err
}

func (r *Room) retry(ctx context.Context, in *effectInput) (*noOutput, error) {
	return &noOutput{}, r.Retry(ctx, id.Effect(in.Effect))
}

func (r *Room) skip(ctx context.Context, in *skipInput) (*noOutput, error) {
	return &noOutput{}, r.Skip(ctx, id.Effect(in.Effect), in.Body.Reason)
}
