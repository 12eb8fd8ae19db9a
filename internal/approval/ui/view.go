// Package ui holds the pages of the hall.
package ui

import web "github.com/sekisho/sekisho/internal/web/ui"

// Policy is the page of one policy: what it says, a try-out, and its end.
type Policy struct {
	Form   web.SettingForm
	Saved  string
	Try    *Try
	Delete string // where it is deleted; "" of a new one
}

// Try asks who would decide about what somebody asks for.
type Try struct {
	Action string
	Fields []web.Input
	Policy string // that would apply
	Lines  []string
	Error  string
}
