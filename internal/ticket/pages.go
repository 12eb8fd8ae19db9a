package ticket

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/ticket/ui"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// SystemsPath is where an organization keeps its outside systems.
const SystemsPath = "/admin/systems"

func (r *Room) pages(m *web.Mux) {
	read := func(method, path string) web.Route {
		return web.Route{Method: method, Path: path, Permission: connector.Read}
	}
	write := func(method, path string) web.Route {
		return web.Route{Method: method, Path: path, Permission: connector.Write}
	}
	fresh := func(path string) web.Route {
		return web.Route{Method: http.MethodPost, Path: path, Permission: connector.Write, Fresh: web.Recent}
	}
	m.Page(read(http.MethodGet, SystemsPath), r.showSystems)
	m.Page(write(http.MethodGet, SystemsPath+"/new"), r.showNew)
	m.Page(fresh(SystemsPath+"/new"), r.saveNew)
	m.Page(write(http.MethodGet, SystemsPath+"/upload"), r.showUpload)
	m.Page(write(http.MethodPost, SystemsPath+"/upload"), r.takeUpload)
	m.Page(read(http.MethodGet, SystemsPath+"/{system}"), r.showSystem)
	m.Page(read(http.MethodGet, SystemsPath+"/{system}/text"), r.showText)
	m.Page(write(http.MethodGet, SystemsPath+"/{system}/edit"), r.showEdit)
	m.Page(fresh(SystemsPath+"/{system}/edit"), r.saveEdit)
	m.Page(write(http.MethodGet, SystemsPath+"/{system}/definition"), r.showDefinition)
	m.Page(write(http.MethodPost, SystemsPath+"/{system}/definition"), r.takeDefinition)
	m.Page(fresh(SystemsPath+"/{system}/definition/save"), r.saveDefinition)
	m.Page(write(http.MethodGet, SystemsPath+"/{system}/test"), r.showProbe)
	m.Page(write(http.MethodPost, SystemsPath+"/{system}/test"), r.runProbe)
	m.Page(fresh(SystemsPath+"/{system}/authorize"), r.serve)
	m.Page(fresh(SystemsPath+"/{system}/switch"), r.turn)
	m.Page(write(http.MethodPost, SystemsPath+"/{system}/disconnect"), r.disconnect)
	m.Page(write(http.MethodGet, SystemsPath+"/{system}/remove"), r.askRemove)
	m.Page(fresh(SystemsPath+"/{system}/remove"), r.remove)
}

func pathOf(which id.Connector, below ...string) string {
	return strings.Join(append([]string{SystemsPath, url.PathEscape(string(which))}, below...), "/")
}

// chosen sends who acts in no organization to where one is chosen.
func chosen(v *web.Visit) (id.Org, bool) { return v.Actor().Org, v.Actor().Org != "" }

const choosePath = "/organization"

// done is the sentence for what was just done.
func done(v *web.Visit, keys ...string) string {
	for _, key := range keys {
		if v.Query("done") == key {
			return v.Say("ticket.done." + key)
		}
	}
	return ""
}

// said is a text of a definition in the reader's language.
func said(v *web.Visit, texts map[string]string) string {
	if text := texts[string(v.Lang())]; text != "" {
		return text
	}
	return texts["en"]
}

func (r *Room) showSystems(v *web.Visit) error {
	org, ok := chosen(v)
	if !ok {
		return v.See(choosePath)
	}
	v.Follow(connector.Topic)
	all, err := r.desk.Systems(v.Context(), org)
	if err != nil {
		return err
	}
	counts, err := r.desk.Counts(v.Context(), org)
	if err != nil {
		return err
	}
	page := ui.Gallery{
		Saved: done(v, "removed"),
		Columns: []string{
			v.Say("ticket.name"), v.Say("ticket.definition"), v.Say("ticket.mode"), v.Say("ticket.connected"), v.Say("ticket.state"),
		},
	}
	for _, s := range all {
		kind, state := r.stateOf(v, s, counts[s.ID])
		page.Rows = append(page.Rows, webui.Row{Href: pathOf(s.ID), Cells: []templ.Component{
			webui.Text(s.Shown()), webui.Text(r.definitionTitle(v, s)), webui.Text(v.Say("ticket.mode." + s.Mode)),
			webui.Text(fmt.Sprint(counts[s.ID].On)), webui.Badge(kind, state),
		}})
	}
	if v.May(connector.Write, "") == nil {
		page.Upload, page.Offers = SystemsPath+"/upload", offers(v)
	}
	return v.Show(v.Say("ticket.systems"), ui.ShowGallery(page))
}

func offers(v *web.Visit) (all []ui.Offer) {
	for _, def := range connector.BuiltIn() {
		title := said(v, def.Title)
		all = append(all, ui.Offer{
			Title: title, Text: abilities(v, def), Add: v.Say("ticket.add"), Label: v.Say("ticket.add.of", "name", title),
			Href: SystemsPath + "/new?" + url.Values{"definition": {def.ID}}.Encode(),
		})
	}
	return all
}

// abilities says in words what a definition can do.
func abilities(v *web.Visit, def *connector.Definition) string {
	var all []string
	for _, one := range []struct{ op, key string }{
		{connector.OpApprovals, "approvals"}, {connector.OpTicket, "tickets"}, {connector.OpComment, "comments"}, {connector.OpCatalog, "catalog"},
	} {
		if def.Can(one.op, connector.ModeUser) || def.Can(one.op, connector.ModeService) {
			all = append(all, v.Say("ticket.offer."+one.key))
		}
	}
	return strings.Join(all, v.Say("ticket.offer.and"))
}

func paragraphs(text string) (all []string) {
	for part := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}

// definitionTitle is what the definition calls the system; its id if it cannot
// be read by this binary.
func (r *Room) definitionTitle(v *web.Visit, s connector.System) string {
	def, err := r.desk.Definition(s)
	if err != nil {
		return s.Definition
	}
	return said(v, def.Title)
}

// stateOf says in a word how a system stands.
func (r *Room) stateOf(v *web.Visit, s connector.System, t connector.Tally) (kind, text string) {
	switch {
	case !s.Enabled:
		return "bad", v.Say("ticket.state.off")
	case s.Mode == connector.ModeService && t.Reconnect > 0:
		return "bad", v.Say("ticket.state.reconnect")
	case s.Mode == connector.ModeService && t.On == 0:
		return "wait", v.Say("ticket.state.unauthorized")
	}
	return "good", v.Say("ticket.state.on")
}

// theSystem is the one of the path, in the organization that the reader acts in.
func (r *Room) theSystem(v *web.Visit) (connector.System, error) {
	org, ok := chosen(v)
	if !ok {
		return connector.System{}, fault.New(fault.NotFound, "connector-unknown")
	}
	return r.desk.System(v.Context(), org, id.Connector(v.Path("system")))
}

func (r *Room) turn(v *web.Visit) error {
	s, err := r.theSystem(v)
	if err != nil {
		return err
	}
	s.Enabled = !s.Enabled
	if _, err := r.desk.Put(v.Context(), v.Actor().Principal, connector.Wanted{System: s}); err != nil {
		return err
	}
	return v.See(pathOf(s.ID) + "?done=" + map[bool]string{true: "enabled", false: "disabled"}[s.Enabled])
}

func (r *Room) askRemove(v *web.Visit) error {
	s, err := r.theSystem(v)
	if err != nil {
		return err
	}
	ending, err := v.Ending("connector:" + string(s.ID))
	if err != nil {
		return err
	}
	return v.Show(v.Say("ticket.remove"), ui.Write(ui.Form{
		Heading: v.Say("ticket.remove.ask", "name", s.Shown()), Lead: v.Say("ticket.remove.lead"), Action: pathOf(s.ID, "remove"), Back: pathOf(s.ID),
		Submit: v.Say("ticket.remove"), Kind: webui.Danger, Ending: ending,
	}))
}

func (r *Room) remove(v *web.Visit) error {
	s, err := r.theSystem(v)
	if err != nil {
		return err
	}
	if err := r.desk.Drop(v.Context(), v.Actor().Principal, s.Org, s.ID); err != nil {
		return err
	}
	return v.See(SystemsPath + "?done=removed")
}
