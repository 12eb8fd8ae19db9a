package console

import (
	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/console/ui"
	"github.com/sekisho/sekisho/internal/web"
)

// Pages registers the pages for people.
func (r *Room) Pages(m *web.Mux) {
	r.dashboardPages(m)
	r.auditPages(m)
	r.statePages(m)
	r.keyPages(m)
	r.effectPages(m)
}

// Entrance says below "you are not signed in" where the set-up link is.
func (r *Room) Entrance(v *web.Visit) templ.Component {
	return ui.Entrance(v.Say("console.welcome.text"))
}
