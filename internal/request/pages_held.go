package request

import (
	"github.com/sekisho/sekisho/internal/request/ui"
)

// Asks says who asks: a person, or a process of the machine, whose person nobody
// knows.
func (s Sheet) Asks(say func(key string, pairs ...any) string) string {
	c, held := s.Ask.Change()
	if !held {
		return s.Requester.Name
	}
	if s.Ask.Person == "" {
		return say("ask.by.machine", "user", string(c.By))
	}
	return s.Requester.Name + " (" + s.Requester.Login + ")"
}

// heldLines are the lines of a change for its page.
func heldLines(c Change) (all []ui.Line) {
	for _, l := range c.Lines {
		all = append(all, ui.Line{Text: l.Sign + " " + l.Text, Came: l.Sign == "+", Gone: l.Sign == "-"})
	}
	return all
}
