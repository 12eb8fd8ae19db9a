package paper

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/paper/ui"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// freshWord is the word in the path of one that is not there yet.
const freshWord = "new"

// Pages registers the pages of the console.
func (d *Drawer[S]) Pages(m *web.Mux) {
	page := func(method, path, permission string, handler web.Handler) {
		m.Page(web.Route{Method: method, Path: path, Permission: permission}, handler)
	}
	one := d.Kind.Drawn.Path + "/{" + d.Kind.Drawn.Param + "}"
	page(http.MethodGet, d.Kind.Drawn.Path, d.Kind.Reads, d.showAll)
	page(http.MethodGet, one, d.Kind.Reads, d.showOne)
	page(http.MethodPost, one, d.Kind.Permission, d.save)
	page(http.MethodPost, one+"/delete", d.Kind.Permission, d.saveGone)
}

// Here is the organization of the console.
func Here(v *web.Visit) (id.Org, error) {
	if v.Actor().Org == "" {
		return "", fault.New(fault.NotFound, "organization-unknown")
	}
	return v.Actor().Org, nil
}

// Done says what a redirect says was done.
func Done(v *web.Visit) string {
	if key := v.Query("done"); slices.Contains([]string{"saved", "deleted"}, key) {
		return v.Say("paper.done." + key)
	}
	return ""
}

// Calls reads how things are called in an organization.
func (d *Drawer[S]) Calls(ctx context.Context, in id.Org) (c Calls, err error) {
	err = d.Store.Org(in).Read(ctx, func(v *store.View) (err error) {
		c, err = callsOf(v, in)
		return err
	})
	return c, err
}

func (d *Drawer[S]) writes(v *web.Visit) bool {
	return v.May(d.Kind.Permission, string(v.Actor().Org)) == nil
}

func (d *Drawer[S]) showAll(v *web.Visit) error {
	in, err := Here(v)
	if err != nil {
		return err
	}
	all, err := d.List(v.Context(), in)
	if err != nil {
		return err
	}
	calls, err := d.Calls(v.Context(), in)
	if err != nil {
		return err
	}
	key := d.Kind.Drawn.Key
	page := webui.Things{
		Heading: v.Say(key + ".list"), Lead: v.Say(key + ".list.lead"), Saved: Done(v), None: v.Say(key + ".none"), NoneDo: v.Say(key + ".none.do"),
		Columns: append([]string{v.Say("paper.name")}, d.Kind.Drawn.Columns(v)...),
	}
	if d.writes(v) {
		page.New, page.NewText = d.Kind.Drawn.Path+"/"+freshWord, v.Say(key+".new")
	}
	for _, p := range all {
		row := webui.Row{Href: d.Kind.Drawn.Path + "/" + p.ID}
		row.Cells = append(row.Cells, webui.Text(p.Name))
		row.Cells = append(row.Cells, d.Kind.Drawn.Row(v, p, calls.Title)...)
		page.Rows = append(page.Rows, row)
	}
	return v.Show(page.Heading, webui.ShowThings(page))
}

func (d *Drawer[S]) showOne(v *web.Visit) error {
	in, err := Here(v)
	if err != nil {
		return err
	}
	which, typed := v.Path(d.Kind.Drawn.Param), url.Values{}
	if which != freshWord {
		p, err := d.Get(v.Context(), in, which)
		if err != nil {
			return err
		}
		calls, err := d.Calls(v.Context(), in)
		if err != nil {
			return err
		}
		typed = d.Kind.Drawn.Values(d.Kind.Rename(p.Spec, func(_, named string) string { return calls.Name(named) }))
		typed.Set("name", p.Name)
		typed.Set("version", strconv.FormatInt(p.Version, 10))
		if err := v.About(d.Kind.Name + ":" + p.ID); err != nil {
			return err
		}
	}
	return d.form(v, in, typed, nil, http.StatusOK)
}

// form shows a paper as it was typed.
func (d *Drawer[S]) form(v *web.Visit, in id.Org, typed url.Values, f *fault.Fault, status int) error {
	key, which := d.Kind.Drawn.Key, v.Path(d.Kind.Drawn.Param)
	page := ui.Paper{Saved: Done(v)}
	form := webui.SettingForm{
		Heading: v.Say(key + ".new"), Lead: v.Say(key + ".lead"), Back: d.Kind.Drawn.Path, Submit: v.Say("paper.save"), Kind: webui.Main,
		Action: d.Kind.Drawn.Path + "/" + url.PathEscape(which),
		Fields: append([]webui.Input{{Name: "name", Label: v.Say("paper.name"), Hint: v.Say("paper.name.hint"), Value: typed.Get("name"), Required: true, Max: 64}},
			d.Kind.Drawn.Fields(v, typed)...),
	}
	if which != freshWord {
		form.Heading, form.Action = cmp.Or(typed.Get("title"), typed.Get("name")), form.Action+"?version="+url.QueryEscape(typed.Get("version"))
		page.Delete = d.Kind.Drawn.Path + "/" + url.PathEscape(which) + "/delete"
		if d.Kind.Drawn.Below != nil {
			p, err := d.Get(v.Context(), in, which)
			if err != nil {
				return err
			}
			if page.Below, err = d.Kind.Drawn.Below(v, p); err != nil {
				return err
			}
		}
	}
	if f != nil {
		d.refuse(v, &form, f)
	}
	page.Form, page.Reads = form, !d.writes(v)
	return v.ShowStatus(status, form.Heading, ui.ShowPaper(page))
}

// refuse puts a fault into the form; what belongs to no field stands on top.
func (d *Drawer[S]) refuse(v *web.Visit, form *webui.SettingForm, f *fault.Fault) {
	form.Problem, form.Do = v.Say("problem."+f.Code, f.Args.Pairs()...), v.Say("problem."+f.Code+".do", f.Args.Pairs()...)
	for _, bad := range f.Fields {
		path, _, _ := strings.Cut(bad.Path, "[")
		if d.Kind.Drawn.Field != nil {
			path = d.Kind.Drawn.Field(path)
		}
		said := v.Say("problem."+bad.Code, bad.Args.Pairs()...)
		at := slices.IndexFunc(form.Fields, func(i webui.Input) bool { return i.Name == path })
		switch {
		case at < 0:
			form.Do += " " + path + ": " + said
		case form.Fields[at].Error == "":
			form.Fields[at].Error = said
		}
	}
}

func (d *Drawer[S]) save(v *web.Visit) error {
	in, err := Here(v)
	if err != nil {
		return err
	}
	typed, err := v.Form()
	if err != nil {
		return err
	}
	calls, err := d.Calls(v.Context(), in)
	if err != nil {
		return err
	}
	var bad fault.Checks
	p := Paper[S]{Org: in, Name: strings.TrimSpace(typed.Get("name"))}
	p.Spec = d.Kind.Rename(d.Kind.Drawn.Typed(v, typed, &bad), func(path, named string) string {
		known := calls.ID(named)
		if known == "" {
			bad.Add(path, "paper-name-unknown", "name", named)
		}
		return known
	})
	if which := v.Path(d.Kind.Drawn.Param); which != freshWord {
		version, _ := strconv.ParseInt(v.Query("version"), 10, 64) // 0 is another version than any
		p.ID, p.Version = which, max(version, 1)
		typed.Set("version", v.Query("version"))
	}
	f := bad.Fault("paper-invalid")
	if f == nil {
		p, err = d.Put(v.Context(), v.Actor().Principal, p)
		if f = fault.As(err); f != nil && (f.Kind == fault.NotFound || f.Kind == fault.Busy) || f == nil && err != nil {
			return err
		}
	}
	if f != nil {
		return d.form(v, in, typed, f, f.Status())
	}
	return v.See(d.Kind.Drawn.Path + "/" + p.ID + "?done=saved")
}

func (d *Drawer[S]) saveGone(v *web.Visit) error {
	in, err := Here(v)
	if err == nil {
		err = d.Drop(v.Context(), v.Actor().Principal, in, v.Path(d.Kind.Drawn.Param))
	}
	if err != nil {
		return err
	}
	return v.See(d.Kind.Drawn.Path + "?done=deleted")
}
