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
	Level        string
	Levels       []web.Option
	EndAll       string // ends all that fit; "" for who may not
	Filtered     bool
	Rows         []web.Row
	After        string // next page; "" for none
}

// OpenDoings are what can be done about a session; "" leaves one out.
func OpenDoings(end, endLabel, log, logLabel string) templ.Component {
	return openDoings(end, endLabel, log, logLabel)
}

// EndAll asks whether all sessions that fit shall end.
type EndAll struct {
	Action, Back string
	Hidden       [][2]string
	Foreseen     web.Foreseen
	Any          bool
}
