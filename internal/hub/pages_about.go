package hub

import (
	"net/http"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/hub/ui"
	"github.com/sekisho/sekisho/internal/web"
)

// ActivityPath is the page of what the log knows of the reader.
const ActivityPath = "/settings/activity"

func (r *Room) aboutDoors(m *web.Mux) {
	m.Page(web.Route{Method: http.MethodGet, Path: ActivityPath, Permission: web.SignedIn}, r.showActivity)
	m.Page(web.Route{Method: http.MethodGet, Path: ActivityPath + "/lately", Permission: web.SignedIn}, r.showLately)
}

// About is what stands below a page about a thing; the page has seen to it that
// the reader may see the thing.
func (r *Room) About(v *web.Visit, target string) (templ.Component, error) {
	below := ui.Below{}
	depends, err := r.gatherOn(v.Context(), v.Actor(), target)
	if err != nil {
		return nil, err
	}
	below.Depends = dependences(v, depends)
	deeds, more, err := r.witness.About(v.Context(), v.Actor(), target, stripMost)
	if err != nil {
		return nil, err
	}
	below.Log, below.Deeds = more, lines(v, deeds)
	return ui.ShowBelow(below), nil
}

// Ending is what depends on a thing, before it is deleted.
func (r *Room) Ending(v *web.Visit, target string) (templ.Component, error) {
	depends, err := r.gatherOn(v.Context(), v.Actor(), target)
	if err != nil || len(depends) == 0 {
		return nil, err
	}
	return ui.ShowEnding(dependences(v, depends)), nil
}

func dependences(v *web.Visit, all []web.Dependence) (list []ui.Dependence) {
	for _, one := range all {
		d := ui.Dependence{Text: v.Say(one.Key), Then: v.Say(one.Key + ".then"), Count: one.Count, More: one.More}
		for _, some := range one.Some {
			d.Some = append(d.Some, ui.Finding{Title: some.Title, Href: some.Href})
		}
		list = append(list, d)
	}
	return list
}

func lines(v *web.Visit, deeds []web.Deed) (list []ui.Deed) {
	for _, d := range deeds {
		who := d.Who
		if d.Mine {
			who = v.Say("hub.activity.you")
		}
		list = append(list, ui.Deed{Event: d.Name, By: string(d.By), Who: who, Href: d.Href, At: d.At})
	}
	return list
}

func (r *Room) showActivity(v *web.Visit) error {
	deeds, err := r.witness.Own(v.Context(), v.Actor(), ownMost)
	if err != nil {
		return err
	}
	return v.Show(v.Say("hub.activity"), ui.ShowActivity(ownLines(v, deeds)))
}

// showLately is the part of the first page that is fetched once the page stands.
func (r *Room) showLately(v *web.Visit) error {
	deeds, err := r.witness.Own(v.Context(), v.Actor(), latelyOwn)
	if err != nil {
		return err
	}
	return v.Fragment(http.StatusOK, ui.ShowLately(ownLines(v, deeds)))
}

// ownLines say of somebody else no more than that.
func ownLines(v *web.Visit, deeds []web.Deed) []ui.Deed {
	list := lines(v, deeds)
	for i := range list {
		if !deeds[i].Mine {
			list[i].Who = v.Say("hub.activity.other")
		}
	}
	return list
}
