package hub

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/a-h/templ"
	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/hub/ui"
	"github.com/sekisho/sekisho/internal/notify"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// PushPath is where people say in which browsers they want to be told.
const PushPath = "/settings/push"

func (r *Room) pushDoors(m *web.Mux) {
	own := func(method, path string) web.Route {
		return web.Route{Method: method, Path: path, Permission: web.SignedIn}
	}
	m.Page(own(http.MethodGet, PushPath), r.showPush)
	m.Page(own(http.MethodPost, PushPath+"/test"), r.testPush)
	m.Page(own(http.MethodPost, PushPath+"/{device}/remove"), r.removePush)
}

func (r *Room) showPush(v *web.Visit) error {
	who, err := factor.Present(v.Actor())
	if err != nil {
		return err
	}
	page := ui.Push{Heading: v.Say("hub.push"), Saved: pushDone(v), Off: !r.pager.Enabled(), Test: PushPath + "/test"}
	if page.Off {
		return v.Show(page.Heading, ui.ShowPush(page))
	}
	if page.Key, err = r.pager.Key(v.Context()); err != nil {
		return err
	}
	all, err := r.pager.Devices(v.Context(), who)
	if err != nil {
		return err
	}
	for _, d := range all {
		kind, badge := "", ""
		switch {
		case d.Session == v.Actor().Session:
			page.Here, kind, badge = true, "good", v.Say("hub.push.here")
		case d.Refused != 0:
			kind, badge = "wait", v.Say("hub.push.refused", "status", strconv.Itoa(d.Refused))
		}
		page.Rows = append(page.Rows, webui.Row{Cells: []templ.Component{
			webui.Named(d.Name, kind, badge), webui.Time(d.AddedAt), webui.At(d.ToldAt, v.Say("hub.push.never")),
			ui.RemovePush(PushPath+"/"+string(d.ID)+"/remove", v.Say("hub.push.remove.label", "name", d.Name)),
		}})
	}
	return v.Show(page.Heading, ui.ShowPush(page))
}

func pushDone(v *web.Visit) string {
	switch v.Query("done") {
	case "push-on":
		return v.Say("hub.push.done.on")
	case "push-removed":
		return v.Say("hub.push.done.removed")
	case "push-tested":
		return v.Say("hub.push.done.tested")
	}
	return ""
}

func (r *Room) removePush(v *web.Visit) error {
	who, err := factor.Present(v.Actor())
	if err != nil {
		return err
	}
	if err := r.pager.Drop(v.Context(), who, notify.DeviceID(v.Path("device"))); err != nil {
		return err
	}
	return v.See(PushPath + "?done=push-removed")
}

// testPush tells the person in all their browsers that being told works.
func (r *Room) testPush(v *web.Visit) error {
	who, err := factor.Present(v.Actor())
	if err != nil {
		return err
	}
	if err := r.pager.Test(v.Context(), who, PushPath); err != nil {
		return err
	}
	return v.See(PushPath + "?done=push-tested")
}

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
