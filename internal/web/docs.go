package web

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/web/ui"
)

// DocsPath is where people read the description of the API.
const DocsPath = "/api/docs"

// registerDocs shows the description as pages: what the API is says nothing
// about this house that its source does not say.
func (m *Mux) registerDocs() {
	m.Page(Route{Method: http.MethodGet, Path: DocsPath, Permission: Public}, showDocs)
	m.Page(Route{Method: http.MethodGet, Path: DocsPath + "/{tag}", Permission: Public}, showDocsTag)
}

func showDocs(v *Visit) error {
	d, err := v.mux.described()
	if err != nil {
		return err
	}
	query := strings.TrimSpace(v.Query("q"))
	view := d.docs(query)
	return v.showDocs(v.Say("web.docs.title"), d, ui.Docs(view))
}

func showDocsTag(v *Visit) error {
	d, err := v.mux.described()
	if err != nil {
		return err
	}
	group := ui.DocsGroup{Name: v.Path("tag")}
	for _, o := range d.ops {
		if slices.Contains(o.Tags, group.Name) {
			group.Ops = append(group.Ops, v.docsOperation(d, o))
		}
	}
	if len(group.Ops) == 0 {
		return fault.New(fault.NotFound, "page-not-found")
	}
	return v.showDocs(group.Name, d, ui.DocsTag(ui.DocsView{Home: DocsPath}, group))
}

// showDocs puts the tags where sections have their rail.
func (v *Visit) showDocs(title string, d *description, body templ.Component) error {
	frame := v.frame(title)
	frame.Rail = []ui.Link{{Text: v.Say("web.docs.title"), Href: DocsPath, Current: v.r.URL.Path == DocsPath}}
	for _, tag := range d.doc.Tags {
		href := docsHref(tag.Name)
		frame.Rail = append(frame.Rail, ui.Link{Text: tag.Name, Href: href, Current: v.r.URL.Path == href})
	}
	return v.render(http.StatusOK, frame, ui.Layout(frame, body))
}

func docsHref(tag string) string { return DocsPath + "/" + url.PathEscape(tag) }

// docs are the operations in which every word of a query stands somewhere.
func (d *description) docs(query string) ui.DocsView {
	view := ui.DocsView{Home: DocsPath, JSON: APIPrefix + "/openapi.json", Query: query}
	for _, tag := range d.doc.Tags {
		group := ui.DocsGroup{Name: tag.Name, Href: docsHref(tag.Name)}
		for _, o := range d.ops {
			if slices.Contains(o.Tags, tag.Name) && o.says(strings.Fields(strings.ToLower(query))) {
				group.Ops = append(group.Ops, ui.DocsOperation{
					Name: o.OperationID, Method: o.Method, Path: o.Path, Summary: o.Summary, Href: group.Href + "#" + o.OperationID,
				})
			}
		}
		if len(group.Ops) > 0 {
			view.Groups = append(view.Groups, group)
		}
	}
	return view
}

func (o *operation) says(words []string) bool {
	text := strings.ToLower(strings.Join([]string{o.OperationID, o.Method, o.Path, o.Summary, o.route.Permission, strings.Join(o.Tags, " ")}, " "))
	return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) })
}

func (v *Visit) docsOperation(d *description, o *operation) ui.DocsOperation {
	out := ui.DocsOperation{Name: o.OperationID, Method: o.Method, Path: o.Path, Summary: o.Summary}
	out.Permission, out.Code = v.docsPermission(o)
	if o.route.Fresh > 0 {
		out.Fresh = v.Say("web.docs.fresh", "minutes", int(o.route.Fresh.Minutes()))
	} else if o.Extensions["x-token"] == false {
		out.Fresh = v.Say("web.docs.present")
	}
	var params []ui.DocsField
	for _, p := range o.Parameters {
		params = append(params, ui.DocsField{Name: p.Name, Type: d.typeOf(p.Schema) + " · " + p.In, Required: p.Required, About: p.Description})
	}
	add := func(key string, fields []ui.DocsField) {
		if len(fields) > 0 {
			out.Tables = append(out.Tables, ui.DocsTable{Title: v.Say(key), Fields: fields})
		}
	}
	add("web.docs.parameters", params)
	add("web.docs.body", d.fields(d.schema(o.takes()), "", true))
	answer := ui.DocsTable{Title: v.Say("web.docs.answer", "status", o.status), Fields: d.fields(d.schema(o.gives()), "", false)}
	if len(answer.Fields) == 0 {
		answer.About = v.Say("web.docs.nothing")
		if o.status != http.StatusNoContent {
			answer.About = v.Say("web.docs.stream")
		}
	}
	out.Tables = append(out.Tables, answer)
	refusals := o.refuses()
	if o.Extensions["x-waits"] == true {
		refusals = slices.Insert(refusals, 0, http.StatusAccepted)
	}
	for _, status := range refusals {
		out.Refusals = append(out.Refusals, ui.DocsRefusal{Status: strconv.Itoa(status), About: v.Say("web.docs.refused." + strconv.Itoa(status))})
	}
	for _, e := range o.examples {
		out.Examples = append(out.Examples, v.docsExample(o, e))
	}
	return out
}

func (v *Visit) docsPermission(o *operation) (text, code string) {
	switch {
	case o.Extensions["x-socket"] == true:
		return v.Say("web.docs.socket"), ""
	case o.route.Permission == Public:
		return v.Say("web.docs.public"), ""
	case o.route.Permission == SignedIn:
		return v.Say("web.docs.signed-in"), ""
	}
	title := func(permission string) string {
		if key := "permission." + permission; v.mux.options.Book.Has(key) {
			return v.Say(key)
		}
		return permission
	}
	if o.route.Or != "" {
		return v.Say("web.docs.permission.or", "title", title(o.route.Permission), "other", title(o.route.Or)), o.route.Permission + " · " + o.route.Or
	}
	return v.Say("web.docs.permission", "title", title(o.route.Permission)), o.route.Permission
}

func (v *Visit) docsExample(o *operation, e Example) ui.DocsExample {
	status := e.Status
	if status == 0 {
		status = o.status
	}
	answer := v.Say("web.docs.answers", "status", status)
	if e.Code != "" {
		answer = v.Say("web.docs.answers.refused", "status", status, "code", e.Code)
	}
	return ui.DocsExample{Title: o.titleOf(e), Command: v.mux.curl(o, e), Answer: answer}
}

// curl is an example as a command line.
func (m *Mux) curl(o *operation, e Example) string {
	path := o.Path
	for name, value := range e.Path {
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
	}
	query := url.Values{}
	for name, value := range e.Query {
		query.Set(name, value)
	}
	target := m.origin + APIPrefix + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	lines := []string{"curl -X " + o.Method + " '" + target + "'"}
	bearer := slices.ContainsFunc(o.Security, func(s map[string][]string) bool { _, ok := s["bearer"]; return ok })
	switch {
	case o.Extensions["x-socket"] == true:
		lines[0] += ` --unix-socket "$SOCKET"`
	case bearer:
		lines = append(lines, `-H "Authorization: Bearer $TOKEN"`)
	case o.Security != nil:
		lines = append(lines, `-H "Cookie: `+m.CookieName()+`=$SESSION" -H 'Origin: `+m.origin+`'`)
	}
	if e.Body != nil {
		lines = append(lines, `-H 'Content-Type: application/json'`, "-d '"+strings.ReplaceAll(plainJSON(e.Body), "'", `'\''`)+"'")
	}
	return strings.Join(lines, " \\\n  ")
}

func plainJSON(text []byte) string {
	var out bytes.Buffer
	if err := json.Compact(&out, text); err != nil {
		return string(text)
	}
	return out.String()
}

func (d *description) schema(key string) *huma.Schema { return d.doc.Components.Schemas.Map()[key] }

// real follows a reference.
func (d *description) real(s *huma.Schema) *huma.Schema {
	if key := keyOf(s); key != "" {
		return d.schema(key)
	}
	return s
}

// deepest is how many levels of a schema the page shows.
const deepest = 4

// fields are the members of a schema and of what stands in it, by dotted path.
func (d *description) fields(s *huma.Schema, before string, required bool) (all []ui.DocsField) {
	if s == nil || strings.Count(before, ".") >= deepest {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		member := s.Properties[name]
		inner, path := d.real(member), before+name
		must := required && slices.Contains(s.Required, name)
		all = append(all, ui.DocsField{Name: path, Type: d.typeOf(member), Required: must, About: docOf(member, inner)})
		if inner.Type == huma.TypeArray {
			inner, path = d.real(inner.Items), path+"[]"
		}
		all = append(all, d.fields(inner, path+".", must)...)
	}
	return all
}

func docOf(member, inner *huma.Schema) string {
	if member.Description != "" {
		return member.Description
	}
	return inner.Description
}

// typeOf names the type of a member as readers of JSON know it.
func (d *description) typeOf(s *huma.Schema) string {
	s = d.real(s)
	switch {
	case s == nil:
		return ""
	case s.Type == huma.TypeArray:
		return d.typeOf(s.Items) + "[]"
	case len(s.Enum) > 0:
		var offered []string
		for _, one := range s.Enum {
			if text, ok := one.(string); ok {
				offered = append(offered, text)
			}
		}
		return strings.Join(offered, " | ")
	case s.Format == "date-time":
		return "time"
	case s.Type == "":
		return "JSON"
	}
	return s.Type
}
