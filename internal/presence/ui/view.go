// Package ui holds the page of a card policy.
package ui

import web "github.com/sekisho/sekisho/internal/web/ui"

// Policy is the form of one policy.
type Policy struct {
	Heading, Lead, Action, Back string
	Problem, Do                 string
	Version                     string // "" of a new one
	Delete                      string
	Name, When, Within          web.Input
	Kinds, Level, Urgent        web.Pick
	Systems                     *web.Pick
}

func mistaken(p Policy) []web.Input {
	all := []web.Input{p.Name, p.Kinds.Input(), p.When, p.Level.Input(), p.Within}
	if p.Systems != nil {
		all = append(all, p.Systems.Input())
	}
	return all
}
