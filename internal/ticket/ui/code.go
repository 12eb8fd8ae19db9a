package ui

import (
	"context"
	"io"
	"strings"

	"github.com/a-h/templ"
)

// inText escapes what means something between tags. Quotes do only in
// attributes, and a definition is full of them: written as references they are
// a tenth of its page.
var inText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// wording is a text between tags, as it stands.
func wording(text string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := inText.WriteString(w, text)
		return err
	})
}
