package ui

import web "github.com/sekisho/sekisho/internal/web/ui"

// NewToken is the form that makes a token.
type NewToken struct {
	Form       web.SettingForm
	Orgs       web.Input // to choose where; no options: there is only one
	OrgsAction string
	Org        string
	Scopes     web.Pick
}

// Issued is the page of the tokens that act in an organization.
type Issued struct {
	Saved    string
	Action   string // of the search
	Text     string
	Filtered bool
	Rows     []web.Row
	After    string // next page; "" for none
}

// IssuedDo is what can be done with one of them; "" what cannot.
type IssuedDo struct{ Revoke, Label, Log, LogLabel string }
