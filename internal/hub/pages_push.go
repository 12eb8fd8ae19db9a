package hub

import (
	"net/http"
	"strconv"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/factor"
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
