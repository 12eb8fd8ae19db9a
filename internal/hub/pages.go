package hub

import (
	"net/http"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/hub/ui"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
	"github.com/sekisho/sekisho/internal/words"
)

// Path is the first page.
const Path = "/"

// shown is how many organizations the page lists; all of them are where one
// chooses.
const shown = 12

// Pages registers the pages.
func (r *Room) Pages(m *web.Mux) {
	r.searchDoors(m)
	r.aboutDoors(m)
	r.pushDoors(m)
	m.Page(web.Route{Method: http.MethodGet, Path: Path + "{$}", Permission: web.Public}, r.show)
}

func (r *Room) show(v *web.Visit) error {
	switch actor := v.Actor(); {
	case actor.Principal.Person() != "":
		return r.showHub(v)
	case actor.Known(): // who sets the house up, or runs it, has the console alone
		return v.See(consolePath)
	}
	peopled, err := r.peopled(v.Context())
	if err != nil {
		return err
	}
	if !peopled {
		return r.showEmpty(v)
	}
	page := ui.Door{}
	if r.open(v.Context(), v.Actor(), signInPath) {
		page.SignIn = signInPath
	}
	return v.Show(v.Say("hub.door"), ui.ShowDoor(page))
}

// showEmpty says where the set-up link is, in every language: nobody has chosen
// one yet.
func (r *Room) showEmpty(v *web.Visit) error {
	langs := slices.Clone(words.Langs) // the reader's own first
	slices.SortStableFunc(langs, func(a, b words.Lang) int { return own(b, v.Lang()) - own(a, v.Lang()) })
	var sayings []ui.Saying
	for _, lang := range langs {
		sayings = append(sayings, ui.Saying{
			Lang: string(lang), Title: r.book.Say(lang, "hub.empty", nil), Text: r.book.Say(lang, "hub.empty.text", nil),
		})
	}
	return v.Show(v.Say("hub.empty"), ui.ShowEmpty(sayings))
}

func own(lang, reader words.Lang) int {
	if lang == reader {
		return 1
	}
	return 0
}

func (r *Room) showHub(v *web.Visit) error {
	v.Follow(r.follow...)
	actor := v.Actor()
	who := actor.Principal.Person()
	grants, err := r.people.Grants(v.Context(), who)
	if err != nil {
		return err
	}
	mine, err := r.people.Own(v.Context(), who)
	if err != nil {
		return err
	}
	glance := r.gather(v.Context(), actor, mine)
	page := ui.Hub{Name: actor.Name, Choose: choosePath, Sessions: glance.Sessions, Activity: ActivityPath}
	if r.open(v.Context(), actor, sessionsPath) {
		page.SessionsHref = sessionsPath
	}
	for _, way := range r.ways {
		if r.open(v.Context(), actor, way.Href) {
			page.Ways = append(page.Ways, webui.Go(webui.Plain, v.Say(way.Key), way.Href))
		}
	}
	for _, item := range glance.Items {
		page.Needs = append(page.Needs, need(v, item))
	}
	for _, panel := range r.panels {
		part, err := panel(v, "")
		if err != nil {
			return err
		}
		if part != nil {
			page.Panels = append(page.Panels, part)
		}
	}
	page.Places, page.More = places(v, grants, mine), max(0, len(grants.Orgs)-shown)
	page.Below = len(grants.Below())
	return v.Show(v.Say("hub.title"), ui.ShowHub(page))
}

// Beside is what needs the reader that is no question, for the list of those; nil
// for nothing.
func (r *Room) Beside(v *web.Visit) (templ.Component, error) {
	own, err := r.people.Own(v.Context(), v.Actor().Principal.Person())
	if err != nil {
		return nil, err
	}
	var list []ui.Need
	for _, item := range r.gather(v.Context(), v.Actor(), own).Items {
		list = append(list, need(v, item))
	}
	if len(list) == 0 {
		return nil, nil
	}
	return ui.ShowNeeds(list), nil
}

func need(v *web.Visit, item Item) ui.Need {
	names := make([]string, len(item.Names))
	for i, key := range item.Names {
		names[i] = v.Say(key)
	}
	args := append(slices.Clone(item.Args), "names", strings.Join(names, v.Say("hub.and")))
	n := ui.Need{Text: v.Say(item.Key, args...), Href: item.Href, Grave: item.Grave}
	if n.Href != "" {
		n.Do = v.Say(item.Key+".do", args...)
	}
	if n.Press = item.Press; n.Press != "" {
		n.Button = v.Say(item.Key+".press", args...)
	}
	return n
}

// places are the organizations in which the reader is a member, the one they
// act in first.
func places(v *web.Visit, grants org.Grants, mine org.Own) (all []ui.Place) {
	managers := map[id.Org]string{}
	for _, seat := range mine.Seats {
		managers[seat.Org] = seat.ManagerName
	}
	orgs := slices.Clone(grants.Orgs)
	slices.SortStableFunc(orgs, func(a, b org.Organization) int { return here(v, b) - here(v, a) })
	for _, o := range orgs[:min(len(orgs), shown)] {
		all = append(all, ui.Place{
			ID: string(o.ID), Title: o.Title, Roles: roles(v, grants.Roles(o.ID)), Manager: managers[o.ID], Here: o.ID == v.Actor().Org,
		})
	}
	return all
}

func here(v *web.Visit, o org.Organization) int {
	if o.ID == v.Actor().Org {
		return 1
	}
	return 0
}

// roles says the built-in ones, and that there are others: what those are
// called is in the organization's console. A role that others include is said
// only where it stands alone.
func roles(v *web.Visit, held []id.Role) string {
	var said []string
	others := false
	included := map[id.Role]bool{org.User: true}
	if slices.Contains(held, org.Administrator) {
		included[org.Accounts], included[org.Auditor] = true, true
	}
	for _, role := range held {
		switch {
		case id.Valid(string(role)):
			others = true
		case !included[role]:
			said = append(said, v.Say("role."+string(role)))
		}
	}
	if others {
		said = append(said, v.Say("hub.roles.others"))
	}
	if len(said) == 0 && slices.Contains(held, org.User) {
		said = []string{v.Say("role.user")}
	}
	return strings.Join(said, v.Say("hub.and"))
}
