// Package ui is the pages of people, groups, roles and organizations.
package ui

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	web "github.com/sekisho/sekisho/internal/web/ui"
)

// Pair is a hidden value of a form.
type Pair struct{ Name, Value string }

// Go is where else a page leads.
type Go struct {
	Text, Href string
	Kind       string // of button; web.Plain if empty
}

func (g Go) kind() string {
	if g.Kind == "" {
		return web.Plain
	}
	return g.Kind
}

// Part is a short list with a title: what a deletion erases, what it keeps.
type Part struct {
	Title string
	Items []string
}

// Form is any page on which something is written or confirmed.
type Form struct {
	Heading, Lead string
	Action, Back  string
	Submit        string
	Danger        bool
	Problem, Do   string   // what is wrong as a whole, "" for nothing
	Notes         []string // what is wrong with no field of the form
	Facts         []web.Detail
	Parts         []Part
	Fields        []web.Input
	Suggest       map[string]string // by field: where logins are suggested
	Picks         []web.Pick
	Hidden        []Pair
	File          string // label of a file to choose, "" for none
	More          []Go
	Above         templ.Component // before the fields; may be nil
	Foreseen      web.Foreseen    // what saving changes, where it was looked at
}

// asked are all questions of the form, as Mistakes lists them.
func (f Form) asked() []web.Input {
	all := slices.Clone(f.Fields)
	for _, pick := range f.Picks {
		all = append(all, pick.Input())
	}
	return all
}

func (f Form) button() string {
	if f.Danger {
		return web.Danger
	}
	return web.Main
}

func (f Form) encoding() string {
	if f.File != "" {
		return "multipart/form-data"
	}
	return "application/x-www-form-urlencoded"
}

// Someone is a person in a list.
type Someone struct {
	Name, Reading, Login, Href string
	Roles                      []string
	State, StateText           string
	Invitation, InvitationText string // "" for none
}

// kinds gives states and steps of an invitation their badge.
var kinds = map[string]string{
	"active": "good", "invited": "wait", "disabled": "bad",
	"made": "wait", "sent": "wait", "refused": "bad", "over": "bad", "accepted": "good",
	"create": "good", "update": "wait", "problem": "bad",
}

// People is the list of an organization.
type People struct {
	Text, Role, State, Group string
	Roles, States, Groups    []web.Option
	List                     []Someone
	Action, After            string
	Filtered                 bool
	Actions                  []Go
	First                    []Go // what to do where there is nobody
	Saved                    string
}

// Section is a part of a page about a thing.
type Section struct {
	Title, Text string
	Facts       []web.Detail
	Body        templ.Component // below the facts; may be nil
	Actions     []Go
}

// Thing is the page of one person, group, role or organization.
type Thing struct {
	Title, Lead string
	Badges      []web.Detail // Key is the kind of badge, Value its text
	Actions     []Go
	Saved       string
	Sections    []Section
	Danger      []Go
	DangerTitle string
	DangerText  string
}

// Item is a line of a short list of things.
type Item struct {
	Title, Name, Href, Text string
	Badge, BadgeText        string
	Number                  string
}

// Items is a page that lists groups, roles or organizations.
type Items struct {
	Title, Lead         string
	Actions             []Go
	Columns             []string
	List                []Item
	NoneTitle, NoneText string
	After               string
	Saved               string
	Search              bool
	Text, Action        string
}

// Row is a line of a list that is being read.
type Row struct {
	Line, Login, Name  string
	Action, ActionText string
	Changes            string
	Troubles           []string
}

// Plan is what a list would do.
type Plan struct {
	Heading, Lead string
	Counts        []web.Detail
	Rows          []Row
	More          string // how many lines are not shown, "" for all are
	Problem, Do   string
	Action, Back  string
	Hidden        []Pair // none: it cannot be applied
	Submit        string
}

// Link is one that somebody hands on.
type Link struct{ Name, Login, Link string }

// Links is shown once after inviting in a house without mail.
type Links struct {
	Heading, Lead string
	List          []Link
	Back          string
	BackText      string
}

func someRows(ctx context.Context, list []Someone) []web.Row {
	var rows []web.Row
	for _, one := range list {
		state := web.Badge(kinds[one.State], one.StateText)
		if one.Invitation != "" {
			state = both(state, web.Badge(kinds[one.Invitation], one.InvitationText))
		}
		rows = append(rows, web.Row{Href: one.Href, Cells: []templ.Component{
			name(one.Name, one.Reading), login(one.Login), textOr(joined(ctx, one.Roles)), state,
		}})
	}
	return rows
}

func joined(ctx context.Context, names []string) string {
	return strings.Join(names, web.Say(ctx, "people.comma"))
}

func itemRows(items Items) []web.Row {
	var rows []web.Row
	for _, item := range items.List {
		last := web.Text(item.Number)
		if item.BadgeText != "" {
			last = web.Badge(kinds[item.Badge], item.BadgeText)
		}
		rows = append(rows, web.Row{Href: item.Href, Cells: []templ.Component{web.Text(item.Title), login(item.Name), web.Text(item.Text), last}})
	}
	return rows
}

func planRows(rows []Row) []web.Row {
	var all []web.Row
	for _, row := range rows {
		all = append(all, web.Row{Cells: []templ.Component{
			web.Text(row.Line), name(row.Login, row.Name), web.Badge(kinds[row.Action], row.ActionText), troubles(row.Changes, row.Troubles),
		}})
	}
	return all
}

// At is a moment as a value of a list of facts.
func At(t time.Time) templ.Component { return web.Time(t) }

// Names is a list of links as a value of a list of facts.
func Names(list []Go) templ.Component { return links(list) }
