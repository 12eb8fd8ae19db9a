package ui

import (
	"strconv"
	"strings"

	web "github.com/sekisho/sekisho/internal/web/ui"
)

// Find is the search for what can be asked for.
type Find struct {
	Action, Text string
	Org          string
	Orgs         []web.Option // to choose where; one or none: nothing to choose
	Rows         []web.Row
	Offers       []Offer
}

// Offer leads to an ask that is prepared.
type Offer struct{ Href, Title, About string }

// Prepared is the form of several things at once.
type Prepared struct {
	Form   web.SettingForm
	About  string
	Things []PreparedThing
	Error  string // of what was chosen
}

// mistakes are the fields that were not taken, for the top of the page.
func (page Prepared) mistakes(label string) []web.Input {
	if page.Error == "" {
		return page.Form.Fields
	}
	return append([]web.Input{{Name: "thing", Label: label, Error: page.Error}}, page.Form.Fields...)
}

// id is of the checkbox; the first one stands for all at the top of the page.
func (page Prepared) id(i int) string {
	if i == 0 {
		return "field-thing"
	}
	return "thing-" + strconv.Itoa(i)
}

// PreparedThing is one of them; Note says why it cannot be asked for now, or what
// became of it.
type PreparedThing struct {
	Value, Title, Note string
	On                 bool
}

// Bench is one stage with who may decide in it.
type Bench struct {
	Title  string
	State  string // "" before it is decided
	Kind   string // of its badge
	Groups []string
}

// NewAsk is the form of an ask.
type NewAsk struct {
	Form    web.SettingForm
	Facts   []web.Detail
	Benches []Bench
	Warning string // nobody could decide
	Rule    string // that would decide in place of people
	Glass   bool   // the glass may be broken
	On      bool
}

// Mine is what somebody has to do with asks.
type Mine struct {
	Saved                string
	Here                 string
	Topics               []string
	Waiting, Asked, Held []web.Row
	After                string
}

// Ask is the page of one ask.
type Ask struct {
	Title, Lead string
	Badge, Kind string
	Here, Topic string // where its parts are fetched again, and when
	Seen        string // of what the forms are about: they are not fetched while it is the same
	Facts       []web.Detail
	Benches     []Bench
	Steps       []web.Step
	Lines       []Line // of a change that waits
	Saved       string
	Problem, Do string
	Trouble     string
	Decide      *Decide
	Not         string // why the reader cannot decide, of an open ask that they see
	Say         *Say   // nil where nothing can be said
	Withdraw    string
	GiveBack    string
	Extend      string
	Repeat      string
}

// Line is a line of a change.
type Line struct {
	Text       string
	Came, Gone bool
}

// Decide is what somebody who decides is offered.
type Decide struct {
	Action, Digest string
	Reason         string // as typed
	ReasonError    string
	Hours          string       // likewise, of Shorter
	Kept           bool         // what was typed waited while they proved who they are
	Proof          string       // what is asked for before it counts
	ProofHref      string       // where somebody gets what they lack
	Shorter        []web.Option // hours; none: it cannot be shortened
	Review         bool
}

// Say is the form of a question or an answer.
type Say struct{ Action, Label, Text, Error string }

// Field is its only one.
func (s Say) Field() web.Input {
	return web.Input{Name: "text", Label: s.Label, Kind: "textarea", Value: s.Text, Error: s.Error, Required: true, Max: 1000, Rows: 3}
}

// acts is where the forms are fetched again: not what is being typed.
func (page Ask) acts() string { return page.Here + "?seen=" + page.Seen }

// again is when the list is fetched again.
func (page Mine) again() string {
	var all []string
	for _, topic := range page.Topics {
		all = append(all, "topic-"+topic+" from:body")
	}
	return strings.Join(append(all, "topic-all from:body"), ", ")
}

// refused are the fields that were not taken, for the top of the page.
func (page Ask) refused(reason string) (all []web.Input) {
	if page.Say != nil {
		all = append(all, page.Say.Field())
	}
	if page.Decide != nil {
		all = append(all, web.Input{Name: "reason", Label: reason, Error: page.Decide.ReasonError})
	}
	return all
}
