package notice

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/notice/ui"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
	"github.com/sekisho/sekisho/internal/words"
)

// ListPath is where the notices are kept.
const ListPath = "/admin/notices"

const (
	newPath = ListPath + "/new"
	perPage = 50
)

// Pages registers the pages for people.
func (r *Room) Pages(m *web.Mux) {
	route := func(method, path string) web.Route {
		return web.Route{Method: method, Path: path, Permission: Write}
	}
	m.Page(route(http.MethodGet, ListPath), r.showList)
	m.Page(route(http.MethodGet, newPath), r.showNew)
	m.Page(route(http.MethodPost, newPath), r.save)
	m.Page(route(http.MethodGet, ListPath+"/{notice}"), r.showEdit)
	m.Page(route(http.MethodPost, ListPath+"/{notice}"), r.save)
	m.Page(route(http.MethodGet, ListPath+"/{notice}/take-back"), r.askTakeBack)
	m.Page(route(http.MethodPost, ListPath+"/{notice}/take-back"), r.takeBack)
}

// Banners returns what every page shows at its top.
func (r *Room) Banners(lang words.Lang) []webui.Banner {
	var banners []webui.Banner
	for _, n := range r.Current() {
		banner := webui.Banner{Title: n.Title.In(lang), Text: n.Text.In(lang), Until: n.Until}
		if n.Until.After(r.clock.Now().Add(endless)) {
			banner.Until = time.Time{}
		}
		banners = append(banners, banner)
	}
	return banners
}

// endless is how far away an end is when no reader plans by it.
const endless = 5 * 365 * 24 * time.Hour

func pathOf(which id.Notice) string { return ListPath + "/" + url.PathEscape(string(which)) }

func (r *Room) showList(v *web.Visit) error {
	v.Follow(Topic)
	notices, next, err := r.List(v.Context(), v.Query("cursor"), perPage)
	if err != nil {
		return err
	}
	page := ui.Page{New: newPath, Here: v.Request().URL.RequestURI(), Topic: Topic}
	if next != "" {
		page.After = ListPath + "?cursor=" + url.QueryEscape(next)
	}
	if done := v.Query("done"); done == "written" || done == "taken-back" {
		page.Saved = v.Say("notice.saved." + done)
	}
	for _, n := range notices {
		page.Items = append(page.Items, ui.Item{
			Title: n.Title.In(v.Lang()), Href: pathOf(n.ID), State: string(n.At(v.Now())),
			From: n.From, Until: n.Until, By: string(n.By),
		})
	}
	return v.Show(v.Say("notice.list"), ui.List(page))
}

func (r *Room) showNew(v *web.Visit) error {
	from := v.Now().Truncate(time.Minute)
	return v.Show(v.Say("notice.new"), ui.Edit(r.form(v, Notice{From: from, Until: from.Add(24 * time.Hour)}, nil)))
}

func (r *Room) showEdit(v *web.Visit) error {
	n, err := r.Get(v.Context(), id.Notice(v.Path("notice")))
	if err != nil {
		return err
	}
	if err := v.About("notice:" + string(n.ID)); err != nil {
		return err
	}
	return v.Show(v.Say("notice.edit"), ui.Edit(r.form(v, n, nil)))
}

// save takes both forms. What was typed comes back with every refusal.
func (r *Room) save(v *web.Visit) error {
	old := Notice{}
	if which := v.Path("notice"); which != "" {
		var err error
		if old, err = r.Get(v.Context(), id.Notice(which)); err != nil {
			return err
		}
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	n, bad := read(typed, old)
	if bad == nil {
		_, err = r.Put(v.Context(), v.Actor().Principal, n)
		bad = fault.As(err)
	}
	switch {
	case bad != nil && bad.Kind != fault.Broken && bad.Kind != fault.Busy:
		form := r.form(v, n, typed)
		refuse(v, &form, bad)
		return v.ShowStatus(bad.Status(), form.Heading, ui.Edit(form))
	case err != nil:
		return err
	}
	return v.See(ListPath + "?done=written")
}

// read makes a notice of what was typed. A time that still reads as the form
// showed it keeps the seconds that a form has no place for.
func read(typed url.Values, old Notice) (Notice, *fault.Fault) {
	n := Notice{
		ID: old.ID, Name: typed.Get("name"),
		Title: Both{En: typed.Get("title.en"), Ja: typed.Get("title.ja")},
		Text:  Both{En: typed.Get("text.en"), Ja: typed.Get("text.ja")},
	}
	var bad fault.Checks
	moment := func(path string, before time.Time) time.Time {
		value, zone := typed.Get(path), web.TypedZone(typed, path)
		if value == "" || value == webui.LocalTime(before, zone) {
			return map[bool]time.Time{false: before}[value == ""]
		}
		at, err := webui.ParseLocalTime(value, zone)
		if err != nil {
			bad.Add(path, "field-not-time")
		}
		return at
	}
	n.From, n.Until = moment("from", old.From), moment("until", old.Until)
	version, err := strconv.ParseInt(typed.Get("version"), 10, 64)
	if err != nil {
		bad.Add("version", "field-not-integer")
	}
	n.Version = version
	return n, bad.Fault("notice-invalid")
}

// form shows n, or what was typed instead.
func (r *Room) form(v *web.Visit, n Notice, typed url.Values) ui.Form {
	form := ui.Form{
		Heading: v.Say("notice.new"), Action: newPath, Back: ListPath, Version: strconv.FormatInt(n.Version, 10),
	}
	if n.ID != "" {
		form.Heading, form.Action, form.Remove = v.Say("notice.edit"), pathOf(n.ID), pathOf(n.ID)+"/take-back"
	}
	field := func(name, value, kind string, most int) {
		if typed != nil {
			value = typed.Get(name)
		}
		form.Fields = append(form.Fields, webui.Input{
			Name: name, Label: v.Say("notice." + name), Value: value, Kind: kind, Max: most, Required: name != "name", Half: name != "name",
		})
	}
	field("title.en", n.Title.En, "", TitleMost)
	field("title.ja", n.Title.Ja, "", TitleMost)
	field("text.en", n.Text.En, "textarea", TextMost)
	field("text.ja", n.Text.Ja, "textarea", TextMost)
	field("from", webui.LocalTime(n.From, v.Zone()), "datetime-local", 0)
	field("until", webui.LocalTime(n.Until, v.Zone()), "datetime-local", 0)
	field("name", n.Name, "", NameMost)
	form.Fields[len(form.Fields)-1].Hint = v.Say("notice.name.hint")
	return form
}

// refuse puts the fault's sentences where they belong.
func refuse(v *web.Visit, form *ui.Form, f *fault.Fault) {
	pairs := func(args fault.Args) []any {
		var all []any
		for name, value := range args {
			all = append(all, name, value)
		}
		return all
	}
	form.Problem = v.Say("problem."+f.Code, pairs(f.Args)...)
	form.Do = v.Say("problem."+f.Code+".do", pairs(f.Args)...)
	for _, bad := range f.Fields {
		for i := range form.Fields {
			if form.Fields[i].Name == bad.Path {
				form.Fields[i].Error = v.Say("problem."+bad.Code, pairs(bad.Args)...)
			}
		}
	}
}

func (r *Room) askTakeBack(v *web.Visit) error {
	n, err := r.Get(v.Context(), id.Notice(v.Path("notice")))
	if err != nil {
		return err
	}
	return v.Show(v.Say("notice.take-back"), ui.Remove(ui.Removal{
		Shown: webui.Banner{Title: n.Title.In(v.Lang()), Text: n.Text.In(v.Lang()), Until: n.Until}, Action: pathOf(n.ID) + "/take-back", Back: pathOf(n.ID),
	}))
}

func (r *Room) takeBack(v *web.Visit) error {
	if err := r.TakeBack(v.Context(), v.Actor().Principal, id.Notice(v.Path("notice"))); err != nil {
		return err
	}
	return v.See(ListPath + "?done=taken-back")
}
