package welcome

import (
	"net/http"
	"net/url"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
	"github.com/sekisho/sekisho/internal/welcome/ui"
)

var welcomeFields = []string{"link", "family_name", "given_name", "reading", "locale"}

func (r *Room) showWelcome(v *web.Visit) error {
	link := linkOf(v, nil)
	w, err := r.Invited(v.Context(), link)
	if err != nil {
		return err
	}
	return r.welcomeStep(v, link, w, nil, nil)
}

// welcomeStep says who invites into which organization, and asks for what is
// missing: names, a press of the button, or signing in first.
func (r *Room) welcomeStep(v *web.Visit, link secret.Text, w Welcome, typed url.Values, bad *fault.Fault) error {
	step := ui.LinkStep{
		Heading: v.Say("signin.welcome", "organization", w.Organization.Title), Action: WelcomePath,
		Lead:   v.Say("signin.welcome.lead", "by", w.By, "organization", w.Organization.Title),
		Hidden: []ui.Pair{{Name: "link", Value: link.Reveal()}},
		Facts: []webui.Detail{
			{Key: v.Say("signin.welcome.organization"), Value: webui.Text(w.Organization.Title)},
			{Key: v.Say("signin.welcome.by"), Value: webui.Text(w.By)},
			{Key: v.Say("signin.welcome.login"), Value: webui.Text(w.Person.Login)},
			{Key: v.Say("signin.welcome.until"), Value: webui.Time(w.Until)},
		},
	}
	actor, here := v.Actor().Principal.Person(), WelcomePath+"?link="+link.Reveal()
	again := signInPath + "?back=" + url.QueryEscape(here)
	out := func(key, back string) {
		step.Facts = append(step.Facts, webui.Detail{Key: v.Say("signin.welcome.signed-in-as"), Value: webui.Text(v.Actor().Name)})
		step.Out = &ui.SignOut{Action: signOutPath, Back: back, Text: v.Say(key, "login", w.Person.Login)}
	}
	switch {
	case w.Person.State == org.Active && actor == w.Person.ID:
		step.Button = v.Say("signin.welcome.accept-as", "name", v.Actor().Name)
		step.Hidden = append(step.Hidden, ui.Pair{Name: "as", Value: "me"})
	case w.Person.State == org.Active && actor != "":
		out("signin.welcome.out-and-in", again)
		step.Note = v.Say("signin.welcome.other-person", "login", w.Person.Login)
	case w.Person.State == org.Active:
		step.Note, step.Else, step.ElseHref = v.Say("signin.welcome.sign-in-first"), v.Say("signin.title"), again
	case actor != "":
		out("signin.welcome.out-and-accept", here)
		step.Note = v.Say("signin.welcome.sign-out-first", "login", w.Person.Login)
		if r.join != nil { // one natural person may have several addresses
			step.Button = v.Say("signin.welcome.is-me", "name", v.Actor().Name)
			step.Hidden = append(step.Hidden, ui.Pair{Name: "as", Value: "me"})
			step.Note = v.Say("signin.welcome.not-me", "login", w.Person.Login, "name", v.Actor().Name)
		}
	default:
		step.Fields = append(namesOf(v, w.Person, typed, bad), localeInput(v, typed, bad))
		step.Button, step.Note = v.Say("signin.next"), v.Say("signin.welcome.note")
		if r.join != nil {
			step.Else, step.ElseHref = v.Say("signin.welcome.have-account"), again
		}
	}
	status := http.StatusOK
	if bad != nil {
		status = bad.Status()
		step.Problem, step.Do = v.Say("problem."+bad.Code, bad.Args.Pairs()...), sayIf(v, bad, ".do")
	}
	return v.ShowStatus(status, step.Heading, ui.ShowLinkStep(step))
}

func (r *Room) postWelcome(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	link := linkOf(v, typed)
	if typed.Get("as") == "me" {
		return r.welcomeAs(v, link)
	}
	w, err := r.Invited(v.Context(), link)
	if err != nil {
		return err
	}
	if typed.Get("step") == "names" {
		return r.welcomeStep(v, link, w, typed, nil)
	}
	first, chosen := firstOf(typed)
	if chosen {
		var o Opening
		if o, err = r.Accept(v.Context(), link, personIn(typed), first, whereOf(v)); err == nil {
			return enter(v, o, "/")
		}
	} else if _, err = r.CheckWelcome(v.Context(), link, personIn(typed)); err == nil {
		return r.welcomeFactor(v, w, typed, nil)
	}
	switch bad := shown(err); {
	case bad == nil, ofLink(bad):
		return err
	case ofFactor(bad):
		return r.welcomeFactor(v, w, typed, bad)
	default:
		return r.welcomeStep(v, link, w, typed, bad)
	}
}

func (r *Room) welcomeFactor(v *web.Visit, w Welcome, typed url.Values, bad *fault.Fault) error {
	return r.factorPage(v, ui.Factor{
		Action: WelcomePath, Options: WelcomePath + "/passkey", Hidden: carried(typed, welcomeFields...), Login: w.Person.Login, Back: v.Say("signin.back"),
	}, bad)
}

// welcomeAs accepts with the account that is signed in.
func (r *Room) welcomeAs(v *web.Visit, link secret.Text) error {
	who := v.Actor().Principal.Person()
	if who == "" || v.Actor().Token {
		return fault.New(fault.Unmet, "invitation-signin-first")
	}
	in, err := r.AcceptAs(v.Context(), link, who)
	if err != nil {
		return err
	}
	o, err := r.register.Organization(v.Context(), in)
	if err != nil {
		return err
	}
	return v.Show(v.Say("signin.welcome.done"), ui.ShowTold(ui.Told{
		Heading: v.Say("signin.welcome.done"), Text: v.Say("signin.welcome.done.text", "organization", o.Title),
		Go: v.Say("signin.welcome.choose"), GoHref: organizationPath,
	}))
}

func (r *Room) welcomePasskey(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	c, err := r.BeginWelcome(v.Context(), linkOf(v, typed), personIn(typed))
	return answerCeremony(v, c, err)
}

// showVerify offers to prove an address, to who is signed in as its person.
func (r *Room) showVerify(v *web.Visit) error {
	link := linkOf(v, nil)
	who, email, err := r.Proving(v.Context(), link)
	if err != nil {
		return err
	}
	step := ui.LinkStep{Heading: v.Say("signin.verify"), Action: VerifyPath, Hidden: []ui.Pair{{Name: "link", Value: link.Reveal()}}}
	switch v.Actor().Principal.Person() {
	case who:
		step.Lead, step.Button = v.Say("signin.verify.lead", "email", email), v.Say("signin.verify.do")
	case "":
		step.Lead, step.Else = v.Say("signin.verify.sign-in-first"), v.Say("signin.title")
		step.ElseHref = signInPath + "?back=" + url.QueryEscape(VerifyPath+"?link="+link.Reveal())
	default:
		return fault.New(fault.Unmet, "verification-other-person")
	}
	return v.Show(step.Heading, ui.ShowLinkStep(step))
}

func (r *Room) postVerify(v *web.Visit) error {
	typed, err := v.Form()
	if err != nil {
		return err
	}
	who := v.Actor().Principal.Person()
	if who == "" || v.Actor().Token {
		who = id.Person("-") // nobody's
	}
	if err := r.ProveAddress(v.Context(), linkOf(v, typed), who); err != nil {
		return err
	}
	return v.Show(v.Say("signin.verify.done"), ui.ShowTold(ui.Told{
		Heading: v.Say("signin.verify.done"), Text: v.Say("signin.verify.done.text"), Go: v.Say("signin.go-on"), GoHref: "/",
	}))
}
