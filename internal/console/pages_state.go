package console

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/console/ui"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// StatePath is the page of how the house stands.
const StatePath = "/admin/state"

func (r *Room) statePages(m *web.Mux) {
	m.Page(web.Route{Method: http.MethodGet, Path: HomePath, Permission: web.SignedIn}, r.showFirst)
	m.Page(web.Route{Method: http.MethodGet, Path: StatePath, Permission: Operate}, r.showState)
}

// showFirst leads to the console as far as the reader may see it.
func (r *Room) showFirst(v *web.Visit) error {
	first, err := r.guide.First(v.Context(), v.Actor())
	if err != nil {
		return err
	}
	return v.See(first)
}

func (r *Room) showState(v *web.Visit) error {
	v.Follow(Topic)
	s, err := r.Look(v.Context())
	if err != nil {
		return err
	}
	page := ui.State{Here: StatePath, Topic: Topic}
	for _, line := range s.Lines(v.Now()) {
		page.Lines = append(page.Lines, r.line(v, line))
	}
	for _, alarm := range s.alarms(v.Now()) {
		page.Troubles = append(page.Troubles, v.Say(alarm))
	}
	for _, o := range s.Outside {
		page.Outside = append(page.Outside, ui.Outside{Name: o.Name, At: o.PushedAt, Behind: o.Behind, Error: o.Error})
	}
	for _, n := range s.Nodes {
		page.Nodes = append(page.Nodes, r.nodeRow(v, n))
	}
	return v.Show(v.Say("console.state"), ui.ShowState(page))
}

// key is the sentence of how a part stands.
func (l Line) key() string { return "console.health." + l.Name + "." + l.Case }

func (r *Room) line(v *web.Visit, l Line) ui.Line {
	line := ui.Line{Name: v.Say("console.health." + l.Name), Level: string(l.Level), Text: v.Say(l.key(), l.Args...), Href: l.Href}
	if r.book.Has(l.key() + ".do") {
		line.Do = v.Say(l.key()+".do", l.Args...)
	}
	if section := sections[l.Name]; l.Level != Good && section != "" {
		line.Help = handbookPath + "#" + section
	}
	return line
}

// handbookPath is the page of the handbook about running the house (← handbook),
// and sections are those that help with a part.
const handbookPath = "/help/operate"

var sections = map[string]string{
	"store": "monitoring", "disk": "monitoring", "conns": "monitoring", "effects": "monitoring", "clock": "monitoring",
	"log": "the-log-and-who-keeps-it-outside", "signed": "the-log-and-who-keeps-it-outside", "outside": "the-log-and-who-keeps-it-outside",
	"keys": "keys", "mail": "mail", "nodes": "a-second-node", "backup": "backup-and-the-monthly-drill", "certificate": "tls",
}

func (r *Room) nodeRow(v *web.Visit, n Node) webui.Row {
	state := webui.Badge("good", v.Say("console.node.there"))
	switch {
	case n.Gone:
		state = webui.Badge("bad", v.Say("console.node.gone"))
	case n.Schema != r.store.Newest():
		state = webui.Badge("wait", v.Say("console.node.other"))
	}
	name := n.Host
	if n.ID == r.node {
		name = v.Say("console.node.this", "host", n.Host)
	}
	return webui.Row{Cells: []templ.Component{
		ui.Two(name, string(n.ID)), state, ui.Two(n.Version, v.Say("console.node.schema", "n", n.Schema)), webui.Ago(n.Started), webui.Ago(n.Seen),
		webui.Text(v.Say("console.state.lag.ms", "ms", n.Lag.Milliseconds())),
		webui.Text(v.Say("console.node.clock", "apart", n.Ahead.Round(time.Millisecond).String(), "n", n.Steps)),
	}}
}

// engines are the databases by the names that people know.
var engines = map[string]string{"sqlite": "SQLite", "postgres": "PostgreSQL"}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
