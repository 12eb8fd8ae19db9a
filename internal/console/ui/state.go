package ui

import web "github.com/sekisho/sekisho/internal/web/ui"

// State is how the house stands.
type State struct {
	Here, Topic string
	Troubles    []string // none: all is well
	Lines       []Line
	Outside     []Outside
	Nodes       []web.Row
}

// Line is how one part stands: what it is, how it is, and what to do. Level is
// "good", "wait" or "bad".
type Line struct{ Name, Level, Text, Do, Href, Help string }

// icons stand beside the word of a level.
var icons = map[string]string{"good": "done", "wait": "alert", "bad": "alert"}
