// Package ui holds the page of one paper.
package ui

import (
	"github.com/a-h/templ"

	web "github.com/sekisho/sekisho/internal/web/ui"
)

// Paper is the page of one paper.
type Paper struct {
	Form   web.SettingForm
	Saved  string
	Reads  bool   // the reader cannot change it
	Delete string // where it is deleted; "" of a new one
	Below  templ.Component
}
