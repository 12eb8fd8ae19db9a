package console

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/console/ui"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/web"
	"github.com/sekisho/sekisho/internal/words"
)

// Pages registers the pages for people.
func (r *Room) Pages(m *web.Mux) {
	public := func(method, path string) web.Route {
		return web.Route{Method: method, Path: path, Permission: web.Public}
	}
	m.Page(public(http.MethodGet, "/{$}"), r.showWelcome)
	m.Page(public(http.MethodGet, "/setup"), r.showSetup)
	m.Page(public(http.MethodPost, "/setup"), r.redeem)
	r.auditPages(m)
	r.statePages(m)
}

// showWelcome is the first page: who set the house up goes on to the console,
// everybody else signs in or, before there are people, learns where the link is.
func (r *Room) showWelcome(v *web.Visit) error {
	if v.Actor().Known() {
		return v.See(statePath)
	}
	there, err := r.people(v.Context())
	if err != nil {
		return err
	}
	if there {
		return v.See(r.signIn)
	}
	var sayings []ui.Saying
	langs := slices.Clone(words.Langs) // the reader's own first
	slices.SortStableFunc(langs, func(a, b words.Lang) int { return cmp.Compare(rank(a, v.Lang()), rank(b, v.Lang())) })
	for _, lang := range langs {
		sayings = append(sayings, ui.Saying{
			Lang: string(lang), Title: r.book.Say(lang, "console.welcome", nil), Text: r.book.Say(lang, "console.welcome.text", nil),
		})
	}
	return v.Show(v.Say("console.welcome"), ui.Welcome(sayings))
}

func rank(lang, own words.Lang) int {
	if lang == own {
		return 0
	}
	return 1
}

// Entrance says below "you are not signed in" where the set-up link is.
func (r *Room) Entrance(v *web.Visit) templ.Component {
	return ui.Entrance(v.Say("console.welcome.text"))
}

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
	return v.See(statePath)
}
