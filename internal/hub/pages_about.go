package hub

import (
	"context"
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
	web.API(m, web.Route{Permission: web.SignedIn}, get("/dependents", "list-dependents", "What refers to a thing, as far as the caller may know of it"), r.apiDependents)
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

type (
	dependentsInput struct {
		Target string `query:"target" required:"true" minLength:"3" maxLength:"128" doc:"Kind and identifier of a thing, such as role:auditor"`
	}
	namedBody struct {
		Title string `json:"title"`
		Href  string `json:"href,omitempty" doc:"Path of its page"`
	}
	dependenceBody struct {
		Kind  string      `json:"kind" doc:"What refers, such as depends.role.holders"`
		Text  string      `json:"text" doc:"The same for people, in the language of the request"`
		Then  string      `json:"then" doc:"What becomes of it when the thing is deleted"`
		Count int64       `json:"count"`
		Some  []namedBody `json:"some" doc:"The first few"`
	}
	// Dependents is what refers to a thing.
	Dependents struct {
		Target     string           `json:"target"`
		Dependents []dependenceBody `json:"dependents"`
	}
	dependentsOutput struct{ Body Dependents }
)

func (r *Room) apiDependents(ctx context.Context, in *dependentsInput) (*dependentsOutput, error) {
	all, err := r.Depends(ctx, web.ActorOf(ctx), in.Target)
	if err != nil {
		return nil, err
	}
	lang, out := web.LangOf(ctx), &dependentsOutput{Body: Dependents{Target: in.Target, Dependents: []dependenceBody{}}}
	for _, one := range all {
		d := dependenceBody{Kind: one.Key, Text: r.book.Say(lang, one.Key, nil), Then: r.book.Say(lang, one.Key+".then", nil), Count: one.Count, Some: []namedBody{}}
		for _, some := range one.Some {
			d.Some = append(d.Some, namedBody{some.Title, some.Href})
		}
		out.Body.Dependents = append(out.Body.Dependents, d)
	}
	return out, nil
}
