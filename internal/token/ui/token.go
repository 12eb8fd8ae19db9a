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
