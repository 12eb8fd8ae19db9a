package console

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/web"
)

func (r *Room) dashboardAPI(m *web.Mux) {
	web.API(m, web.Route{Permission: AuditRead, Or: AuditHouse}, huma.Operation{
		Method: http.MethodGet, Path: "/dashboard", OperationID: "get-dashboard", Summary: "What happened over time, counted from the audit log", Tags: []string{"audit"},
	}, r.dashboard)
}

type (
	dashboardInput struct {
		Of   string `query:"of" enum:"organization,house" doc:"The organization (what is meant without it, where permitted), or the house with all organizations"`
		Span string `query:"span" enum:"day,month,quarter" default:"day" doc:"24 hours, 30 days or 12 weeks, of which the last is not over"`
		Zone string `query:"zone" default:"UTC" doc:"Time zone whose days and weeks are meant"`
	}
	stretchBody struct {
		From     time.Time `json:"from" doc:"Its beginning; it ends where the next begins"`
		Done     int64     `json:"signed_in" doc:"Sessions that began"`
		Refused  int64     `json:"signin_refused" doc:"Sign-ins that were refused"`
		StepUps  int64     `json:"stepped_up" doc:"People who confirmed who they are again"`
		Invited  int64     `json:"invited" doc:"Invitations made"`
		Accepted int64     `json:"accepted" doc:"Invitations accepted"`
		Joined   int64     `json:"joined" doc:"Members added"`
		Left     int64     `json:"left" doc:"Members removed"`
		// Further is what other rooms write into the log.
		Further map[string]int64 `json:"further,omitempty" doc:"Asks, cards and leases by what became of them: asked, released, ask-refused, ask-expired, card-raised, card-decided, card-applied, card-failed, lease-begun, lease-ended, lease-stuck"`
	}
	shareBody struct {
		Name string `json:"name" doc:"Code of the refusal, or way of the sign-in"`
		N    int64  `json:"n" doc:"How often"`
	}
	dashboardOutput struct {
		Body struct {
			Stretches []stretchBody `json:"stretches" doc:"Hours, days or weeks, the oldest first"`
			Until     time.Time     `json:"until" doc:"End of the last stretch"`
			Reasons   []shareBody   `json:"refusals" doc:"Refused requests by the code of the refusal, the most first"`
			Ways      []shareBody   `json:"ways" doc:"Sign-ins by way, the most first"`
			Active    int64         `json:"active" doc:"Active members now; of the house: people"`
			Pending   int64         `json:"pending" doc:"Invited now"`
			Sessions  int64         `json:"sessions" doc:"Sessions that stand now"`
		}
	}
)

func (r *Room) dashboard(ctx context.Context, in *dashboardInput) (*dashboardOutput, error) {
	reader, err := r.reader(ctx, in.Of)
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(in.Zone)
	if err != nil {
		return nil, fault.New(fault.Invalid, "dashboard-zone-unknown", "zone", in.Zone)
	}
	d, err := r.Dashboard(ctx, reader, Span(in.Span), zone)
	if err != nil {
		return nil, err
	}
	out := &dashboardOutput{}
	b := &out.Body
	for i, from := range d.Moments[:len(d.Moments)-1] {
		b.Stretches = append(b.Stretches, stretchBody{
			From: from, Done: d.Done[i], Refused: d.Refused[i], StepUps: d.StepUps[i],
			Invited: d.Invited[i], Accepted: d.Accepted[i], Joined: d.Joined[i], Left: d.Left[i], Further: d.further(i),
		})
	}
	b.Until, b.Reasons, b.Ways = d.Moments[len(d.Moments)-1], shareBodies(d.Reasons), shareBodies(d.Ways)
	b.Active, b.Pending, b.Sessions = d.Active, d.Pending, d.Sessions
	return out, nil
}

func shareBodies(shares []Share) []shareBody {
	all := []shareBody{}
	for _, s := range shares {
		all = append(all, shareBody{s.Name, s.N})
	}
	return all
}

// further are the lines of further pictures in a stretch, those that are not 0.
func (d Dashboard) further(stretch int) map[string]int64 {
	all := map[string]int64{}
	for key, c := range d.Drawn {
		if c[stretch] > 0 {
			all[key] = c[stretch]
		}
	}
	return all
}
