package org

import (
	"context"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
)

// Sought is what somebody looks for among the things that people hold in an
// organization, such as sessions and tokens: listed by their identifiers, the
// newest first.
type Sought struct {
	Org    id.Org
	Person id.Person // "" for everybody
	Text   string    // words of whose it is, see Query: the ten who fit best
	Cursor string    // "" for the first page
	Limit  int       // 1 to 200; 50 if it is 0
}

// fitting bounds how many people a text may mean.
const fitting = 10

// newest is behind every identifier.
var newest = strings.Repeat("z", id.Len)

// Stretch is one page of what is sought, as a statement asks for it.
type Stretch struct {
	Nobody bool // the text means nobody: there is nothing to ask
	below  string
	of     []id.Person
	limit  int
}

// Stretch finds out whom a search means. Invalid cursor-malformed. It costs a
// search for people with Text, and nothing without.
func (r *Register) Stretch(ctx context.Context, s Sought) (Stretch, error) {
	p := Stretch{below: newest, limit: s.Limit}
	if p.limit <= 0 || p.limit > 200 {
		p.limit = 50
	}
	if s.Cursor != "" {
		if p.below = s.Cursor; !id.Valid(p.below) {
			return p, fault.New(fault.Invalid, "cursor-malformed")
		}
	}
	switch {
	case s.Person != "":
		p.of = []id.Person{s.Person}
	case s.Text != "":
		found, err := r.Search(ctx, Query{Org: s.Org, Text: s.Text, Limit: fitting})
		for _, one := range found.People {
			p.of = append(p.of, one.ID)
		}
		p.Nobody = len(p.of) == 0
		return p, err
	}
	return p, nil
}

// Args are the arguments of a statement: the identifier that rows are below, how
// many people are meant (0 is everybody), how many rows are wanted (one more than
// a page has), and ten places for the people.
func (p Stretch) Args() []any {
	args := []any{p.below, int64(len(p.of)), int64(p.limit + 1)}
	for i := range fitting {
		who := ""
		if i < len(p.of) {
			who = string(p.of[i])
		}
		args = append(args, who)
	}
	return args
}

// Cut takes from what a statement found the row too many, and returns where the
// next page begins, "" after the last. name is the identifier of a row.
func Cut[T any](p Stretch, found []T, name func(T) string) (page []T, next string) {
	if len(found) <= p.limit {
		return found, ""
	}
	return found[:p.limit], name(found[p.limit-1])
}
