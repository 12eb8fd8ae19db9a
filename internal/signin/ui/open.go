package ui

import (
	"github.com/a-h/templ"

	web "github.com/sekisho/sekisho/internal/web/ui"
)

// Open is who is signed in in an organization.
type Open struct {
	Saved        string
	Action       string // of the search
	Text, Person string
	Filtered     bool
	Rows         []web.Row
	After        string // next page; "" for none
}

// OpenDoings are what can be done about a session; "" leaves one out.
func OpenDoings(end, endLabel, log, logLabel string) templ.Component {
	return openDoings(end, endLabel, log, logLabel)
}
