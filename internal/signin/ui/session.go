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

func securityRows(items []SecurityItem) []web.Row {
	var rows []web.Row
	for _, one := range items {
		rows = append(rows, web.Row{Href: one.Href, Cells: []templ.Component{web.Text(one.Name), securityState(one)}})
	}
	return rows
}
