package web

import (
	"context"
	"time"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/id"
)

// Dependence is one sort of thing that refers to another.
type Dependence struct {
	// Key says what refers ("depends.role.holders"); Key+".then" says what
	// becomes of it when the other is deleted, for those that say so.
	Key   string
	Count int64
	Some  []Named // the first few, with their pages
	More  string  // the page that lists all, "" for none
}

// Named is a thing with its page, "" for none.
type Named struct{ Title, Href string }

// Dependents is a room's part in "what depends on this". It returns what of its
// own refers to target ("role:ID") as far as the actor may know of it: a count,
// too, tells of what is counted (R4). may says what the actor holds where they
// act. A target of a kind that nothing of the room refers to costs nothing.
type Dependents interface {
	Dependents(ctx context.Context, actor Actor, target string, may func(permission string) bool) ([]Dependence, error)
}

// About puts what the house knows of a thing ("role:ID") below the page: what
// depends on it, and what happened to it last. Call it on the page about the
// thing, once the reader may see it.
func (v *Visit) About(target string) error {
	if v.mux.options.About == nil {
		return nil
	}
	part, err := v.mux.options.About(v, target)
	v.below = part
	return err
}

// Ending is what depends on a thing, for the page that asks whether it shall be
// deleted; nil where nothing is known.
func (v *Visit) Ending(target string) (templ.Component, error) {
	if v.mux.options.Ending == nil {
		return nil, nil
	}
	return v.mux.options.Ending(v, target)
}

// Deed is what somebody did, as the log names it, without what the record says.
type Deed struct {
	Name string       // of the event
	By   id.Principal // who did it
	Who  string       // how a person is called; "" for who is deleted or no person
	Mine bool         // the reader did it
	Href string       // of the record, "" for who may not open it
	At   time.Time
}
