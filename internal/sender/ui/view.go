package ui

import (
	"github.com/a-h/templ"

	web "github.com/sekisho/sekisho/internal/web/ui"
)

// Sender is the page of one sender.
type Sender struct {
	Heading, Lead, Saved string
	Facts                []web.Detail
	Edit, Remove         string // "" if the reader may not
	NewToken             string
	TokenColumns         []string
	Tokens               []web.Row
	SentColumns          []string
	Sent                 []web.Row
	After                string
	Guide                string // where programs read how it is done
}

// Removal asks whether a sender shall be removed.
type Removal struct {
	Heading, Lead, Action, Back string
	Ending                      templ.Component // what depends on it; nil for nothing
}

// Keys is the page of the keys that sign.
type Keys struct {
	Heading, Lead, Saved string
	Set                  string // address of the published keys
	Columns              []string
	Rows                 []web.Row
	Follow               []Follow
}

// Follow lets a new key follow one.
type Follow struct{ Action, Alg, After, Text, Now string }
