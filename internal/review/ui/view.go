// Package ui holds the pages of reviews.
package ui

import (
	"github.com/a-h/templ"

	web "github.com/sekisho/sekisho/internal/web/ui"
)

// Rounds are the times that a campaign ran.
type Rounds struct {
	Start   string // where one is begun; "" while one runs
	Columns []string
	Rows    []web.Row
}

// Round is how one time goes.
type Round struct {
	Heading, Lead string
	Badge         templ.Component
	Here, Topic   string
	Sheet         string
	Facts         []web.Detail
	Tabs          []Tab
	Columns       []string
	Rows          []web.Row
	None, NoneDo  string
	After         string
}

// Tab shows some of the items.
type Tab struct {
	Href, Text string
	Count      int
	On         bool
}
