package ui

import (
	"time"

	"github.com/a-h/templ"

	web "github.com/sekisho/sekisho/internal/web/ui"
)

// Security is what a person signs in with.
type Security struct {
	Items  []SecurityItem
	Org    string // where they act; "" for nowhere
	Asked  string // what it asks for
	Lacks  string // what of that the person does not have; "" for nothing
	Advice []string
}

// SecurityItem is one kind of factor.
type SecurityItem struct {
	Name, Href, State string
	At                time.Time // of the state; zero: none
	Kind, Badge       string    // "" for no badge
}

// SettingForm is a form of one question.
type SettingForm struct {
	Heading, Lead, Action, Back string
	Submit, Kind                string // of its button
	Problem, Do                 string
	Notes                       []string // before the fields
	Login                       string   // for password managers; "" is left out
	Fields                      []web.Input
}

// Things is a list of what a person has.
type Things struct {
	Heading, Lead, Saved string
	New, NewText         string // "" for no way to add
	NewBlocked           string // why there is none
	None, NoneDo         string
	Columns              []string
	Rows                 []web.Row
	After                templ.Component
}

// NewPasskey is the form that adds a passkey.
type NewPasskey struct {
	Action, Options, Back string
	Problem, Do           string
	Name                  web.Input
}

// OnePasskey is a passkey with the form that renames it.
type OnePasskey struct {
	Form    SettingForm
	Details []web.Detail
	Remove  string
}

// TOTP is whether one-time codes are set up.
type TOTP struct {
	On          bool
	Saved       string
	Since, Used time.Time
	New, Remove string
}

// NewTOTP shows a secret and asks for its first code.
type NewTOTP struct {
	Form            SettingForm
	Picture         string // SVG of our own making
	Secret, Account string
	Ticket          string
}

// Codes are recovery codes or a token, shown once.
type Codes struct {
	Heading, Lead, Back string
	Codes               []string
	All                 string // for the clipboard
	Notes               []string
}

// Recovery is how many codes are left.
type Recovery struct {
	Left, All int
	New       string
}

// NewToken is the form that makes a token.
type NewToken struct {
	Form       SettingForm
	Orgs       web.Input // to choose where; no options: there is only one
	OrgsAction string
	Org        string
	Scopes     web.Pick
}

// Cells for the tables of things.

// Named is a name that people gave, with a badge.
func Named(name, kind, badge string) templ.Component {
	if badge == "" {
		return web.Text(name)
	}
	return withBadge(name, kind, badge)
}

// At is a moment, or never.
func At(at time.Time, never string) templ.Component {
	if at.IsZero() {
		return quiet(never)
	}
	return web.Ago(at)
}

// End is a button that ends one thing.
func End(action, text, label string) templ.Component { return endButton(action, text, label) }

func securityRows(items []SecurityItem) []web.Row {
	var rows []web.Row
	for _, one := range items {
		rows = append(rows, web.Row{Href: one.Href, Cells: []templ.Component{web.Text(one.Name), securityState(one)}})
	}
	return rows
}
