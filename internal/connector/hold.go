package connector

import (
	"context"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// Holder keeps systems from being written until a second person has approved it
// (← change).
type Holder interface {
	// HoldSystem asks for it, and returns what whoever wanted it is answered.
	// next is the system as it would be, now as it is, the zero System if it is
	// not there.
	HoldSystem(ctx context.Context, by id.Principal, w Wanted, next, now System) error
}

// Hold has every system that is added held, and every change of one but of what
// people call it, and that it is switched off. Call it before the house starts.
func (d *Desk) Hold(h Holder) { d.holder = h }

// holds reports whether a system, as it would be, takes tokens or texts somewhere
// else than the one that is there: another definition, another address or client,
// another way to prove who the house is, other networks. Switching it off is for
// anybody at once, switching it on is not.
func (d *Desk) holds(next, now System) bool {
	if d.holder == nil {
		return false
	}
	if now.ID == "" || next.Document != now.Document || next.Definition != now.Definition {
		return true
	}
	changed := Differences(now, next)
	delete(changed, "title")
	if !next.Enabled {
		delete(changed, "enabled")
	}
	return len(changed) > 0
}

// SystemIn returns a system in the caller's view; the zero System if it is not
// there.
func SystemIn(v *store.View, org id.Org, which id.Connector) (System, error) {
	s, err := systemOf(v.Org(org), which)
	if fault.Code(err) == unknownSystem().Code {
		return System{}, nil
	}
	return s, err
}

// Text is the text of the definition that a system has, built-in ones too.
func (s System) Text() string {
	if s.Document != "" {
		return s.Document
	}
	for _, d := range BuiltIn() {
		if d.ID == s.Definition {
			return string(d.Source)
		}
	}
	return ""
}
