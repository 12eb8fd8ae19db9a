package ui

import (
	"time"

	"github.com/a-h/templ"
)

// SettingForm is a form of one question.
type SettingForm struct {
	Heading, Lead, Action, Back string
	Submit, Kind                string // of its button
	Problem, Do                 string
	Notes                       []string // before the fields
	Login                       string   // for password managers; "" is left out
	Fields                      []Input
}

// Things is a list of what a person has.
type Things struct {
	Heading, Lead, Saved string
	New, NewText         string // "" for no way to add
	NewBlocked           string // why there is none
	None, NoneDo         string
	Columns              []string
	Rows                 []Row
	After                templ.Component
}

// Codes are recovery codes or a token, shown once.
type Codes struct {
	Heading, Lead, Back string
	Codes               []string
	All                 string // for the clipboard
	Notes               []string
}

// Cells for the tables of things.

// Named is a name that people gave, with a badge.
func Named(name, kind, badge string) templ.Component {
	if badge == "" {
		return Text(name)
	}
	return withBadge(name, kind, badge)
}

// At is a moment, or never.
func At(at time.Time, never string) templ.Component {
	if at.IsZero() {
		return quiet(never)
	}
	return Ago(at)
}

// End is a button that ends one thing.
func End(action, text, label string) templ.Component { return endButton(action, text, label) }
