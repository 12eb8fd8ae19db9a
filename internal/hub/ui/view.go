// Package ui is the page of the hub.
package ui

import (
	"time"

	"github.com/a-h/templ"

	web "github.com/sekisho/sekisho/internal/web/ui"
)

// Saying is one sentence in one language, for the page that greets in all.
type Saying struct {
	Lang, Title, Text string
}

// Door is the page for who is not signed in.
type Door struct {
	SignIn string // where the way in is, "" for nowhere
}

// Hub is a person's first page.
type Hub struct {
	Name         string
	Ways         []templ.Component // what one may want to begin
	Panels       []templ.Component // of other rooms, above all else
	Needs        []Need
	Places       []Place
	More         int    // organizations that are not listed
	Below        int    // organizations below, in which the person may act
	Choose       string // where the organization is chosen
	Sessions     int
	SessionsHref string // "" where no page lists them
	Activity     string // where the reader's own is
}

// Search is the page of what was found everywhere.
type Search struct {
	Text, Action string
	Shelves      []Shelf
	Failed       bool // something could not be asked
}

// Shelf is what was found of one kind; Key is of its word.
type Shelf struct {
	Key      string
	Findings []Finding
}

// Below is what stands below a page about a thing.
type Below struct {
	Depends []Dependence
	Log     string // where all of its records are, "" for who may not read them
	Deeds   []Deed
}

// Dependence is one sort of thing that refers to another.
type Dependence struct {
	Text, Then string
	Count      int64
	Some       []Finding
	More       string
}

// Deed is a line of the log. Who is "" for who is no person with a name.
type Deed struct {
	Event, By, Who, Href string
	At                   time.Time
}

// Finding is one thing that was found.
type Finding struct{ Title, Detail, Href string }

// Need is one thing to look after.
type Need struct {
	Text, Do, Href string
	Press, Button  string // settles it at once
	Grave          bool
}

// Place is an organization in which the person is a member.
type Place struct {
	ID, Title, Roles string
	Manager          string // "" for none
	Here             bool   // they act in it
}

// Push is the page of the browsers that a person is told in.
type Push struct {
	Heading, Saved string
	Off            bool   // the house pushes nothing
	Key            string // to subscribe with
	Here           bool   // this browser is one of them
	Rows           []web.Row
	Test           string
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
