// Package ui is the pages of the notices.
package ui

import (
	"time"

	"github.com/a-h/templ"

	web "github.com/sekisho/sekisho/internal/web/ui"
)

// Item is one notice of the list, in the reader's language.
type Item struct {
	Title, Href string
	State       string // "waiting", "shown" or "over"
	From, Until time.Time
	By          string
}

// Page is the list of notices.
type Page struct {
	Items []Item
	New   string // address of the empty form
	After string // address of the next page, "" at the end
	Saved string // what was just done, "" for nothing
	Here  string // address of this page
	Topic string // that changes with the list
}

// Form is the page on which a notice is written.
type Form struct {
	Heading string
	Action  string
	Back    string
	Remove  string // address of the page that takes it back, "" for a new one
	Version string
	Problem string // what is wrong as a whole, "" for nothing
	Do      string
	Fields  []web.Input
}

// Removal asks whether a notice is to be taken back.
type Removal struct {
	Shown        web.Banner
	Action, Back string
}

// kinds gives a state its badge.
var kinds = map[string]string{"waiting": "wait", "shown": "good", "over": ""}

func rows(items []Item, say func(key string) string) []web.Row {
	var all []web.Row
	for _, item := range items {
		all = append(all, web.Row{Href: item.Href, Cells: []templ.Component{
			web.Text(item.Title), web.Badge(kinds[item.State], say("notice.state."+item.State)),
			web.Time(item.From), web.Time(item.Until), web.Who(item.By),
		}})
	}
	return all
}
