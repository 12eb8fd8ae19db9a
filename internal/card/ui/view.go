// Package ui holds the pages of cards.
package ui

import (
	"time"

	"github.com/a-h/templ"

	web "github.com/sekisho/sekisho/internal/web/ui"
)

// Item is one card in a list.
type Item struct {
	Href, Title, Requester, Amount, Source string
	Due                                    time.Time
	Late                                   bool
	State, Kind                            string // as a badge; "" for one that is open
}

// List is a page of cards.
type List struct {
	Heading, Lead string
	Here, Topic   string
	Done          bool
	Open, Closed  string // the two lists
	Items         []Item
	After         string
	None, NoneDo  string
	Beside        templ.Component // what needs the reader and is no card, before all that are; nil for nothing
}

// Waiting is what the first page shows.
type Waiting struct {
	Here, Topic, All string
	Count            int
	Items            []Item
}

// Fact is one line of a card.
type Fact struct {
	Key   string
	Value templ.Component
}

// Act is one of a card's own actions.
type Act struct {
	ID, Label string
	Done      bool
	Primary   bool
	Visit     string // an address instead of a call
	Inputs    []web.Input
}

// Card is one question.
type Card struct {
	Title, Source         string
	Service               bool
	State, Kind, Sentence string // badge and what it means
	Said                  string // the source's own words
	Facts                 []Fact // who asks, for what: above the fold
	Lines                 []string
	More                  []Fact
	Text, URL             string
	Page                  string // of the whole ask, for one of our own
	Cut                   bool
	Seal                  *web.Decision
	Way                   string // how far the decision is on its way

	Problem, Do string
	Action      string // where the decision is sent
	Digest      string
	Decide      bool // approve and reject are offered
	Reason      *web.Input
	Acts        []Act
	Proof       string // what is asked for before it counts
	ProofHref   string // where somebody gets what they lack
	Kept        bool   // what was typed waited while they proved who they are
	NeedText    string // why it cannot be decided here
	NeedHref    string
	NeedDo      string

	Here, Topic string
}

func kindOf(a Act) string {
	if a.Primary {
		return web.Main
	}
	return web.Plain
}

// mistaken are the fields of a card that were wrong.
func mistaken(c Card) (all []web.Input) {
	if c.Reason != nil {
		all = append(all, *c.Reason)
	}
	for _, a := range c.Acts {
		all = append(all, a.Inputs...)
	}
	return all
}
