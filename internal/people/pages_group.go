package people

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/people/ui"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

func (r *Room) groupPages(m *web.Mux) {
	groupShow, groupSave := checks(r.groupForm, r.takeGroup, r.foreseeGroup)
	groupShow, groupSave = inOrg(groupShow), inOrg(groupSave)
	const path = groupsPath + "/{group}"
	m.Page(route(http.MethodGet, groupsPath, org.PeopleRead), inOrg(r.showGroups))
	asks(m, route("", groupsPath+"/new", org.GroupWrite), groupShow, groupSave)
	m.Page(route(http.MethodGet, path, org.PeopleRead), inOrg(r.showGroup))
	asks(m, route("", path+"/edit", org.GroupWrite), groupShow, groupSave)
	for what, change := range map[string]func(*org.Group, id.Person){"add": comeIn, "take": goOut} {
		_, save := checks(r.memberForm(what), r.takeMember(change), r.foreseeMember(change))
		m.Page(route(http.MethodPost, path+"/"+what, org.GroupWrite), inOrg(save))
	}
	asks(m, route("", path+"/delete", org.GroupWrite), inOrg(shows(ends("group", "group", r.groupEnd))), inOrg(takes(ends("group", "group", r.groupEnd), r.takeGroupEnd)))
}

func (r *Room) showGroups(v *web.Visit) error {
	all, err := r.org.Groups(v.Context(), here(v))
	if err != nil {
		return err
	}
	page := ui.Items{
		Title: v.Say("people.groups"), Lead: v.Say("people.groups.lead"), Saved: saved(v), NoneTitle: v.Say("people.groups.none"), NoneText: v.Say("people.groups.none.do"),
		Columns: []string{v.Say("people.field.title"), v.Say("people.field.name"), v.Say("people.groups.inside"), v.Say("people.groups.members")},
	}
	if v.May(org.GroupWrite, "") == nil {
		page.Actions = []ui.Go{{Text: v.Say("people.group.new"), Href: groupsPath + "/new", Kind: webui.Main}}
	}
	for _, g := range all {
		page.List = append(page.List, ui.Item{
			Title: g.Title, Name: g.Name, Href: under(groupsPath, string(g.ID)), Text: strconv.Itoa(len(g.Groups)), Number: strconv.Itoa(len(g.Members)),
		})
	}
	return v.Show(page.Title, ui.Index(page))
}

func (r *Room) group(v *web.Visit) (org.Group, error) {
	return r.org.Group(v.Context(), here(v), id.Group(v.Path("group")))
}

func (r *Room) showGroup(v *web.Visit) error {
	g, err := r.group(v)
	if err != nil {
		return err
	}
	all, err := r.org.Groups(v.Context(), here(v))
	if err != nil {
		return err
	}
	var inside []ui.Go
	for _, one := range all {
		if slices.Contains(g.Groups, one.ID) {
			inside = append(inside, ui.Go{Text: one.Title, Href: under(groupsPath, string(one.ID))})
		}
	}
	at := under(groupsPath, string(g.ID))
	page := ui.Thing{Title: g.Title, Lead: v.Say("people.group"), Saved: saved(v), Sections: []ui.Section{
		{Title: v.Say("people.group.nesting"), Facts: []webui.Detail{
			{Key: v.Say("people.field.name"), Value: webui.Copy(g.Name)},
			{Key: v.Say("people.group.inside"), Value: ui.Names(inside)},
		}},
	}}
	take := ""
	if v.May(org.GroupWrite, "") == nil {
		take = at + "/take"
		page.Actions = []ui.Go{{Text: v.Say("people.group.edit"), Href: at + "/edit"}, {Text: v.Say("people.group.delete"), Href: at + "/delete", Kind: webui.Danger}}
		page.Sections = append(page.Sections, ui.Section{Title: v.Say("people.group.add"), Body: ui.Add(at+"/add", PeoplePath+"/suggest", v.Say("people.group.who"), v.Say("people.group.add"))})
	}
	members, err := r.groupMembers(v, g, take)
	if err != nil {
		return err
	}
	page.Sections = append(page.Sections, members)
	return showAbout(v, "group:"+string(g.ID), page)
}

// groupMembers lists who is directly in a group, and leads to who is through
// others.
func (r *Room) groupMembers(v *web.Visit, g org.Group, take string) (ui.Section, error) {
	s := ui.Section{Title: v.Say("people.groups.members"), Actions: []ui.Go{{Text: v.Say("people.group.all"), Href: PeoplePath + "?group=" + string(g.ID)}}}
	people, err := r.org.People(v.Context(), g.Members[:min(len(g.Members), 200)])
	var list []ui.Someone
	for _, who := range g.Members {
		if p, ok := people[who]; ok {
			list = append(list, someone(p))
		}
	}
	slices.SortFunc(list, func(a, b ui.Someone) int { return strings.Compare(a.Reading+a.Name, b.Reading+b.Name) })
	if more := len(g.Members) - len(list); more > 0 {
		s.Text = v.Say("people.and-more", "count", more)
	}
	s.Body = ui.Members(list, take, v.Say("people.group.take"))
	return s, err
}

func (r *Room) groupForm(v *web.Visit) (g org.Group, page ui.Form, err error) {
	page = ui.Form{Heading: v.Say("people.group.new"), Action: groupsPath + "/new", Back: groupsPath, Submit: v.Say("people.save")}
	if v.Path("group") != "" {
		if g, err = r.group(v); err != nil {
			return g, page, err
		}
		at := under(groupsPath, string(g.ID))
		page.Heading, page.Action, page.Back = v.Say("people.group.edit"), at+"/edit", at
	}
	page.Hidden = []ui.Pair{versionOf(g.Version)}
	page.Fields = []webui.Input{
		{Name: "title", Label: v.Say("people.field.title"), Value: g.Title, Max: org.NameMost, Half: true},
		{Name: "name", Label: v.Say("people.field.name"), Hint: v.Say("people.field.name.hint"), Value: g.Name, Required: true, Max: 64, Half: true},
	}
	all, err := r.org.Groups(v.Context(), here(v))
	pick := webui.Pick{Name: "groups", Legend: v.Say("people.group.inside"), Hint: v.Say("people.group.inside.hint")}
	for _, one := range all {
		if one.ID != g.ID {
			pick.Choices = append(pick.Choices, webui.Choice{Value: string(one.ID), Text: one.Title, On: slices.Contains(g.Groups, one.ID)})
		}
	}
	if len(pick.Choices) > 0 {
		page.Picks = []webui.Pick{pick}
	}
	return g, page, err
}

func (r *Room) takeGroup(v *web.Visit, g org.Group, _ *ui.Form, typed form) (string, error) {
	g.Org, g.Name, g.Title, g.Version = here(v), typed.Get("name"), typed.Get("title"), typed.version
	g.Groups = idsIn[id.Group](typed.Values["groups"])
	saved, err := r.org.PutGroup(v.Context(), acting(v), g)
	return under(groupsPath, string(saved.ID)) + "?done=saved", err
}

func comeIn(g *org.Group, who id.Person) { g.Members = append(slices.Clone(g.Members), who) }

func goOut(g *org.Group, who id.Person) {
	g.Members = slices.DeleteFunc(slices.Clone(g.Members), func(one id.Person) bool { return one == who })
}

// memberForm asks for the login of who comes into a group or goes out.
func (r *Room) memberForm(what string) func(*web.Visit) (org.Group, ui.Form, error) {
	return func(v *web.Visit) (org.Group, ui.Form, error) {
		g, err := r.group(v)
		at := under(groupsPath, string(g.ID))
		return g, ui.Form{
			Heading: v.Say("people.group." + what), Lead: g.Title, Action: at + "/" + what, Back: at,
			Fields:  []webui.Input{{Name: "login", Label: v.Say("people.group.who"), Required: true}},
			Suggest: map[string]string{"login": PeoplePath + "/suggest"},
		}, err
	}
}

func (r *Room) takeMember(change func(*org.Group, id.Person)) func(*web.Visit, org.Group, *ui.Form, form) (string, error) {
	return func(v *web.Visit, g org.Group, page *ui.Form, typed form) (string, error) {
		who, err := r.personOf(v, here(v), "login", typed.Get("login"))
		if err == nil && who != "" {
			change(&g, who)
			_, err = r.org.PutGroup(v.Context(), acting(v), g)
		}
		return page.Back + "?done=saved", err
	}
}

func (r *Room) foreseeMember(change func(*org.Group, id.Person)) func(*web.Visit, org.Group, *ui.Form, form) ([]string, error) {
	return func(v *web.Visit, g org.Group, _ *ui.Form, typed form) ([]string, error) {
		who, err := r.personOf(v, here(v), "login", typed.Get("login"))
		if err != nil || who == "" {
			return nil, err
		}
		change(&g, who)
		return r.eye(v, here(v)).Group(g)
	}
}

func (r *Room) groupEnd(v *web.Visit) (org.Group, ui.Form, error) {
	g, err := r.group(v)
	at := under(groupsPath, string(g.ID))
	return g, ui.Form{
		Heading: v.Say("people.group.delete.ask", "title", g.Title), Lead: v.Say("people.group.delete.lead"), Action: at + "/delete", Back: at,
		Submit: v.Say("people.group.delete"), Danger: true,
	}, err
}

func (r *Room) takeGroupEnd(v *web.Visit, g org.Group, _ *ui.Form, _ form) (string, error) {
	return groupsPath + "?done=deleted", r.org.DropGroup(v.Context(), acting(v), here(v), g.ID)
}
