package hub

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/web"
)

// pushAPI registers the operations on one's own browsers.
func (r *Room) pushAPI(m *web.Mux) {
	op := func(method, path, name, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: name, Summary: summary, Tags: []string{"me"}}
	}
	const path = "/me/push-devices"
	own := web.Route{Permission: web.SignedIn}
	web.API(m, own, op(http.MethodGet, path, "list-own-push-devices", "The browsers that I am told in, and the key to subscribe with"), r.apiPushDevices)
	web.API(m, own, op(http.MethodPost, path, "add-own-push-device", "Have me told in this browser (the answer of PushManager.subscribe)"), r.apiAddPushDevice)
	web.API(m, own, op(http.MethodDelete, path+"/{browser}", "remove-own-push-device", "No longer have me told in a browser"), r.apiRemovePushDevice)
}

type (
	pushDeviceBody struct {
		ID      string     `json:"id" doc:"Identifier of the subscription"`
		Name    string     `json:"name" doc:"The browser, as it calls itself"`
		Service string     `json:"service" doc:"Host of its push service"`
		AddedAt time.Time  `json:"addedAt" doc:"When it was switched on"`
		ToldAt  *time.Time `json:"toldAt,omitempty" doc:"When the push service took a message last"`
		Refused int        `json:"refused,omitempty" doc:"HTTP status, if the last message was refused"`
	}
	// PushDevices are a person's browsers.
	PushDevices struct {
		Key     string           `json:"key" doc:"The applicationServerKey to subscribe with, base64url"`
		Devices []pushDeviceBody `json:"devices" doc:"The newest first"`
	}
	pushDevicesOutput  struct{ Body PushDevices }
	addPushDeviceInput struct {
		UserAgent string `header:"User-Agent" hidden:"true"`
		Body      struct {
			notify.Subscription
			Expires *float64 `json:"expirationTime,omitempty" nullable:"true" doc:"As the browser gives it; the push service says when it is over"`
		}
	}
	addPushDeviceOutput   struct{ Body pushDeviceBody }
	removePushDeviceInput struct {
		Browser string `path:"browser" doc:"Identifier of the subscription"`
	}
)

func pushDevice(d notify.Device) pushDeviceBody {
	b := pushDeviceBody{ID: string(d.ID), Name: d.Name, Service: d.Service, AddedAt: d.AddedAt, Refused: d.Refused}
	if !d.ToldAt.IsZero() {
		b.ToldAt = &d.ToldAt
	}
	return b
}

func (r *Room) apiPushDevices(ctx context.Context, _ *struct{}) (*pushDevicesOutput, error) {
	who, err := factor.Present(web.ActorOf(ctx))
	if err != nil {
		return nil, err
	}
	if !r.pager.Enabled() {
		return nil, fault.New(fault.Unmet, "push-off")
	}
	out := &pushDevicesOutput{}
	if out.Body.Key, err = r.pager.Key(ctx); err != nil {
		return nil, err
	}
	all, err := r.pager.Devices(ctx, who)
	out.Body.Devices = []pushDeviceBody{}
	for _, d := range all {
		out.Body.Devices = append(out.Body.Devices, pushDevice(d))
	}
	return out, err
}

func (r *Room) apiAddPushDevice(ctx context.Context, in *addPushDeviceInput) (*addPushDeviceOutput, error) {
	actor := web.ActorOf(ctx)
	who, err := factor.Present(actor)
	if err != nil {
		return nil, err
	}
	d, err := r.pager.Add(ctx, who, actor.Session, web.BrowserName(in.UserAgent), in.Body.Subscription)
	return &addPushDeviceOutput{pushDevice(d)}, err
}

func (r *Room) apiRemovePushDevice(ctx context.Context, in *removePushDeviceInput) (*struct{}, error) {
	who, err := factor.Present(web.ActorOf(ctx))
	if err != nil {
		return nil, err
	}
	return nil, r.pager.Drop(ctx, who, notify.DeviceID(in.Browser))
}
