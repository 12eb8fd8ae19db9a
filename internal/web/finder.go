package web

import (
	"context"
	"strings"

	"github.com/sekisho/sekisho/internal/words"
)

// Sought is what search everywhere looks for.
type Sought struct {
	Text  string // as it was typed, without space around it
	Fold  string // words.Fold of it
	Lang  words.Lang
	Limit int                          // findings of one kind, at most
	May   func(permission string) bool // whether the actor holds it where they act
}

// In reports whether what was typed stands in one of the texts.
func (s Sought) In(texts ...string) bool {
	for _, text := range texts {
		if strings.Contains(words.Fold(text), s.Fold) {
			return true
		}
	}
	return false
}

// Finding is one thing that search everywhere found.
type Finding struct {
	Kind   string   // "person"; "find.person" is its word
	Title  string   // as lists call the thing
	Detail string   // what tells it from another of the same title
	Also   []string // further names of it, for what fits best: login, identifier
	Href   string   // its page
}

// Finder is a room's part in search everywhere. Find returns at most s.Limit
// things of each kind, and only such as the actor may open (R4), at a fixed
// number of statements however many there are. Where the actor may open none of
// a kind it is not looked for.
type Finder interface {
	Find(ctx context.Context, actor Actor, s Sought) ([]Finding, error)
}
