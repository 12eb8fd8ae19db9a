package approval

import (
	"github.com/sekisho/sekisho/internal/approval/ui"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/web"
)

// heldLines are the lines of a change for its page.
func heldLines(c request.Change) (all []ui.Line) {
	for _, l := range c.Lines {
		all = append(all, ui.Line{Text: l.Sign + " " + l.Text, Came: l.Sign == "+", Gone: l.Sign == "-"})
	}
	return all
}

// stateOf says where an ask stands; a change is not out, it is made.
func stateOf(v *web.Visit, a request.Ask) string {
	if len(a.Held) > 0 && a.State == request.Released {
		return v.Say("ask.state.made")
	}
	return v.Say("ask.state." + string(a.State))
}

// askerOf is who asked, for a list.
func askerOf(v *web.Visit, a request.Ask, names map[id.Person]string) string {
	if c, held := a.Change(); held && a.Person == "" {
		return v.Say("ask.by.machine", "user", string(c.By))
	}
	return names[a.Person]
}
