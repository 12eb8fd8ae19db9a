package welcome

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
	"github.com/sekisho/sekisho/internal/welcome/ui"
)

// peoplePath is where administrators keep people (room people).
const peoplePath = "/admin/people/"

func memberPath(who id.Person) string { return peoplePath + url.PathEscape(string(who)) + "/signin" }

// memberPages registers the page of another person's sign-in, in the
// organization that an administrator acts in, and the reset. Unlocking and
// ending sessions, which the page offers, are those of room signin.
func (r *Room) memberPages(m *web.Mux) {
	m.Page(web.Route{Method: http.MethodGet, Path: peoplePath + "{person}/signin", Permission: factor.Reset}, r.showMember)
	m.Page(web.Route{Method: http.MethodPost, Path: peoplePath + "{person}/signin/reset", Permission: factor.Reset, Fresh: web.Recent}, r.postMemberReset)
}

// PersonPanel is what the room knows of "person:ID", for who may change it: it
// counts, and shows no secret.
func (r *Room) PersonPanel(v *web.Visit, target string) (templ.Component, error) {
	who, person := strings.CutPrefix(target, "person:")
	if !person || v.May(factor.Reset, "") != nil {
		return nil, nil
	}
	if v.Actor().Principal == id.OfPerson(id.Person(who)) {
		return nil, nil // their own ways in are under their settings
	}
	h, err := r.glance(v.Context(), v.Actor().Principal, v.Actor().Org, id.Person(who))
	if fault.As(err) != nil {
		return nil, nil // nothing that they may change
	}
	if err != nil {
		return nil, err
	}
	return ui.ShowSummary(ui.Summary{Facts: holdingFacts(v, h), Href: memberPath(id.Person(who))}), nil
}

// holdingFacts says what somebody signs in with.
func holdingFacts(v *web.Visit, h Holding) []webui.Detail {
	number := func(n int64) templ.Component { return webui.Text(strconv.FormatInt(n, 10)) }
	there := func(n int64) templ.Component {
		if n > 0 {
			return webui.Badge("good", v.Say("signin.member.there"))
		}
		return webui.Badge("", v.Say("signin.member.not-there"))
	}
	state := webui.Badge("good", v.Say("signin.member.open"))
	if h.Locked {
		state = webui.Badge("bad", v.Say("signin.member.is-locked"))
	}
	return []webui.Detail{
		{Key: v.Say("signin.member.password"), Value: there(h.Passwords)},
		{Key: v.Say("signin.member.passkeys"), Value: number(h.Passkeys)},
		{Key: v.Say("signin.member.totp"), Value: there(h.TOTP)},
		{Key: v.Say("signin.member.recovery"), Value: number(h.RecoveryLeft)},
		{Key: v.Say("signin.member.sessions"), Value: number(h.Sessions)},
		{Key: v.Say("signin.member.tokens"), Value: number(h.Tokens)},
		{Key: v.Say("signin.member.state"), Value: state},
	}
}

func (r *Room) showMember(v *web.Visit) error { return r.memberPage(v, nil) }

func (r *Room) memberPage(v *web.Visit, bad *fault.Fault) error {
	who := id.Person(v.Path("person"))
	p, h, err := r.Holds(v.Context(), v.Actor().Principal, v.Actor().Org, who)
	if err != nil {
		return err
	}
	here := memberPath(who)
	page := ui.Member{
		Heading: v.Say("signin.member.title"), Lead: p.DisplayName + " (" + p.Login + ")", Facts: holdingFacts(v, h),
		Locked: h.Locked, Sessions: h.Sessions > 0, Back: peoplePath + url.PathEscape(string(who)),
		Reset: here + "/reset", Unlock: here + "/unlock", EndSessions: here + "/end-sessions",
		Taking: webui.Pick{Name: "take", Legend: v.Say("signin.member.take")},
	}
	for _, name := range h.Offered() {
		page.Taking.Choices = append(page.Taking.Choices, webui.Choice{Value: name, Text: v.Say("signin.member.take." + name)})
	}
	if done := v.Query("done"); done == "unlocked" || done == "ended" {
		page.Saved = v.Say("signin.member.saved." + done)
	}
	status := http.StatusOK
	if bad != nil {
		status = bad.Status()
		page.Taking.Error = v.Say("problem."+bad.Code, bad.Args.Pairs()...)
	}
	return v.ShowStatus(status, page.Heading, ui.ShowMember(page))
}

func (r *Room) postMemberReset(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	taking, err := factor.TakingOf(typed["take"])
	if err != nil {
		return r.memberPage(v, fault.As(err))
	}
	who := id.Person(v.Path("person"))
	renewal, err := r.ResetFactors(v.Context(), v.Actor().Principal, v.Actor().Org, who, taking)
	if err != nil {
		return err
	}
	page := ui.Link{Heading: v.Say("signin.member.taken"), Go: v.Say("signin.member.back"), GoHref: peoplePath + url.PathEscape(string(who))}
	switch {
	case renewal.Mailed != "":
		page.Text = v.Say("signin.member.taken.mailed", "email", renewal.Mailed)
	case !renewal.Link.Empty():
		page.Text, page.Link = v.Say("signin.member.taken.link"), renewal.Link.Reveal()
		page.Until = v.Say("signin.member.taken.until", "hours", count(int64(RenewalLife.Hours())))
	default:
		page.Text = v.Say("signin.member.taken.stays")
	}
	return v.Show(page.Heading, ui.ShowLink(page))
}
