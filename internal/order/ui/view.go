// Package ui holds the pages of catalogs and of a person's own requests.
package ui

import (
	"time"

	web "github.com/sekisho/sekisho/internal/web/ui"
)

// List is a page of requests.
type List struct {
	Heading, Lead, Here, Topic string
	Done                       bool
	Open, Closed, New          string
	None, NoneDo               string
	Items                      []Item
	After                      string
}

// Item is one request in a list.
type Item struct {
	Href, Title, Number, Source string
	State, Kind                 string
	Opened                      time.Time
	Waits                       string // who is asked to approve it
}

// Recent are the requests of which something is expected, on the first page.
type Recent struct {
	Here, Topic, All, New string
	Items                 []Item
}

// Catalog is what can be ordered at one system.
type Catalog struct {
	Action, Text, System string
	Systems              []web.Option
	Offers               []Offer
	Problem, Do          string // it cannot be read
	Connect              []Connect
	Switch               string
	None, NoneDo         string
}

// Connect is a system that is to be switched on first.
type Connect struct{ Title, Organization string }

// Offer is one item of a catalog.
type Offer struct{ Href, Title, Text, Category, Price string }

// Form is an item with the fields of its order.
type Form struct {
	web.SettingForm
	Source, Price, Category string
	Shared                  string // through whose connection it goes
	Key, Digest             string
}

// One is the page of a request.
type One struct {
	Here, Topic   string
	Title, Source string
	State, Kind   string
	Sentence, Way string
	Said          string
	Facts         []web.Detail
	Filled        []web.Detail
	Asked         []Asked
	Steps         []web.Step
	URL           string
	Again         string // where the same is ordered once more
}

// Asked is somebody who is asked to approve.
type Asked struct{ Name, State, Kind string }
