// Package ui is the pages of outside systems and of the connections to them.
package ui

import (
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

// Offer is a definition that a system can be made of.
type Offer struct{ Title, Text, Add, Href, Label string }

// Gallery is the systems of an organization, and what there is to add.
type Gallery struct {
	Saved   string
	Rows    []web.Row
	Columns []string
	Offers  []Offer // none for who may not add
	Upload  string  // "" for who may not
}

// Choose is what decides which questions a form asks; a form of its own above
// it.
type Choose struct {
	Action, Submit string
	Hidden         []Pair
	Fields         []web.Input
}

// Group is a part of a form with a heading.
type Group struct {
	Title, Lead string
	Fields      []web.Input
	Picks       []web.Pick
	Folded      bool // behind its heading: rarely needed
}

// Form is a page on which a system is written.
type Form struct {
	Heading, Lead string
	Action, Back  string
	Submit, Kind  string
	Problem, Do   string
	Notes         []string
	Facts         []web.Detail
	FactsTitle    string
	Docs          []string // what to do at the other side, a paragraph each
	Choose        *Choose
	Groups        []Group
	Hidden        []Pair
	File          string // label of a file to choose, "" for none
	Changes       []Line // of a document
	Examples      []Example
	Ending        templ.Component // what depends on what is deleted
}

func (f Form) asked() (all []web.Input) {
	for _, group := range f.Groups {
		all = append(all, group.Fields...)
		for _, pick := range group.Picks {
			all = append(all, pick.Input())
		}
	}
	return all
}

func (f Form) encoding() string {
	if f.File != "" {
		return "multipart/form-data"
	}
	return "application/x-www-form-urlencoded"
}

func (g Group) open() bool {
	if !g.Folded {
		return true
	}
	for _, field := range g.Fields {
		if field.Error != "" || field.Value != "" {
			return true
		}
	}
	return false
}

// Line is a line of a document that came or went.
type Line struct {
	Text string
	Gone bool
}

// Example is one of the tests that a definition brings along.
type Example struct{ Name, Fault string }

// Section is a part of a page about a thing.
type Section struct {
	ID, Title, Text string
	Paragraphs      []string
	Facts           []web.Detail
	Body            templ.Component // below the facts; may be nil
	Actions         []templ.Component
}

// Thing is the page of one system.
type Thing struct {
	Title, Lead    string
	Kind, State    string // its badge
	Actions        []templ.Component
	Saved, Trouble string
	Sections       []Section
	DangerText     string
	Danger         []templ.Component
}

// Probe is the test screen.
type Probe struct {
	Heading, Lead  string
	Action, Back   string
	Ticket         web.Input
	Asked          bool // there is a result
	Problem, Do    string
	Fine           string
	Clock, ClockDo string // that the clocks differ, and what to do; "" if they do not
	Facts          []web.Detail
	Raw            string
	Trace          []Call
}

// Call is one request of a trace.
type Call struct{ Step, Method, URL, Status, Took, Sent, Got string }

// Integration is a system that a person can connect.
type Integration struct {
	Title, Org  string
	Kind, State string // its badge
	Text        string // as whom, until when
	On          bool
	Switch      Go     // a link that turns it on, if On is false
	Off         string // where it is turned off
	SwitchLabel string
}

// Integrations is the page of a person's connections.
type Integrations struct {
	Saved, Trouble string
	List           []Integration
}

// Done is the page that somebody comes back to from the other side.
type Done struct {
	Heading, Text, Close string
	Back                 Go
}
