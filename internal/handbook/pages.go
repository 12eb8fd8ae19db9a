package handbook

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"strings"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// Path is where the handbook is.
const Path = "/help"

// Pages registers the pages: they say nothing of this house, and whoever cannot
// get in needs them most.
func (r *Room) Pages(m *web.Mux) {
	m.Page(web.Route{Method: http.MethodGet, Path: Path, Permission: web.Public}, r.list)
	m.Page(web.Route{Method: http.MethodGet, Path: Path + "/{page}", Permission: web.Public}, r.show)
}

func (r *Room) list(v *web.Visit) error {
	var b strings.Builder
	for _, name := range names {
		page := r.pages[name][v.Lang()]
		fmt.Fprintf(&b, "<section><h2><a href=\"%s/%s\">%s</a></h2>", Path, name, html.EscapeString(page.Title))
		b.WriteString(contents(Path+"/"+name, page.Sections) + "</section>")
	}
	return v.Show(v.Say("handbook"), written(webui.Heading(v.Say("handbook"), v.Say("handbook.lead")), b.String()))
}

// contents lists the sections of a page.
func contents(at string, all []Section) string {
	var b strings.Builder
	for _, s := range all {
		if s.Level == 2 {
			fmt.Fprintf(&b, "<li><a href=\"%s#%s\">%s</a></li>", at, html.EscapeString(s.Anchor), html.EscapeString(s.Title))
		}
	}
	return "<ul>" + b.String() + "</ul>"
}

func (r *Room) show(v *web.Visit) error {
	page, ok := r.pages[v.Path("page")][v.Lang()]
	if !ok {
		return fault.New(fault.NotFound, "help-unknown")
	}
	v.Crumb(v.Say("handbook"), Path)
	return v.Show(page.Title, written(webui.Heading(page.Title, ""), contents("", page.Sections)+page.HTML))
}

// written is a heading and what stands below it, which was escaped as it was
// made.
func written(head templ.Component, below string) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, out io.Writer) error {
		if err := head.Render(ctx, out); err != nil {
			return err
		}
		return templ.Raw("<article class=\"handbook\">"+below+"</article>").Render(ctx, out)
	})
}
