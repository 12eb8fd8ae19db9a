package factor

import (
	"strings"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// LabelMost is how long the name of a passkey or token may be, in characters.
const LabelMost = 80

// Label judges what a person calls one of their things.
func Label(bad *fault.Checks, path, text string) {
	switch {
	case text == "":
		bad.Add(path, "field-required")
	case !utf8.ValidString(text):
		bad.Add(path, "text-not-utf8")
	case utf8.RuneCountInString(text) > LabelMost:
		bad.Add(path, "field-too-long", "limit", LabelMost)
	case words.Unshown(text) || strings.ContainsAny(text, "\n\t"):
		bad.Add(path, "text-has-controls")
	}
}

// happened is an event about how a person signs in. It belongs to no
// organization: a person has one set of factors for all of them.
func happened(name string, by id.Principal, who id.Person, fields map[string]string) store.Event {
	return store.Event{Name: name, By: by, Target: "person:" + string(who), Fields: fields}
}
