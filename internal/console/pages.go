package console

import (
	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/console/ui"
	"github.com/sekisho/sekisho/internal/web"
)

// Pages registers the pages for people.
func (r *Room) Pages(m *web.Mux) {
	r.auditPages(m)
	r.statePages(m)
}

// Entrance says below "you are not signed in" where the set-up link is.
func (r *Room) Entrance(v *web.Visit) templ.Component {
	return ui.Entrance(v.Say("console.welcome.text"))
}
<<<<<<< HEAD
=======

func (r *Room) showSetup(v *web.Visit) error {
	link := v.Query("link")
	if err := r.SetupLinkOpen(v.Context(), secret.Of(link)); err != nil {
		return err
	}
	return v.Show(v.Say("console.setup"), ui.Setup(link))
}

func (r *Room) redeem(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	cookie, _, err := r.RedeemSetup(v.Context(), secret.Of(typed.Get("link")))
	if err != nil {
		return err
	}
	v.OpenSession(cookie, SetupLife)
	return v.See(StatePath)
}
>>>>>>> hub
