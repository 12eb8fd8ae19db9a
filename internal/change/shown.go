package change

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/sekisho/sekisho/internal/request"
)

// spelled writes out what a page would hide, or turn around: whoever approves
// must see all that is there (A128).
func spelled(text string) string {
	hidden := func(r rune) bool { return !unicode.IsPrint(r) && r != '\t' && r != '\u3000' }
	if !strings.ContainsFunc(text, hidden) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if hidden(r) {
			fmt.Fprintf(&b, "\\u{%x}", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// shown is a change as it is kept and shown.
func shown(c request.Change) request.Change {
	c.Title = spelled(c.Title)
	for i := range c.Facts {
		c.Facts[i].Value = spelled(c.Facts[i].Value)
	}
	for i := range c.Lines {
		c.Lines[i].Text = spelled(c.Lines[i].Text)
	}
	return c
}
