package ui

import web "github.com/sekisho/sekisho/internal/web/ui"

// LinkStep is a page of a link with a form: what it is about, fields, one button.
type LinkStep struct {
	Heading, Lead string
	Facts         []web.Detail
	Problem, Do   string
	Action        string
	Hidden        []Pair
	Fields        []web.Input
	Button        string
	Danger        bool
	Note          string
	Out           *SignOut // what to do first, as somebody else; nil: nothing
	// Else leads elsewhere; "" for nowhere.
	Else, ElseHref string
}

// SignOut is a button that ends the session and goes on.
type SignOut struct{ Action, Back, Text string }

// Pair is a value that a form sends along.
type Pair struct{ Name, Value string }

// Factor is the page on which a first factor is chosen.
type Factor struct {
	Heading, Lead string
	Problem, Do   string
	Action        string // of both forms
	Options       string // where the ceremony of a passkey begins; "" for none
	Off           string // why there are no passkeys, "" if there are
	Hidden        []Pair
	Login         string
	Password      web.Input
	Back          string // text of the button that leads to the step before; "" for none
}

// Told is a page that says something and leads on.
type Told struct {
	Heading, Text string
	Go, GoHref    string
}

// Member is what an administrator sees of how somebody signs in.
type Member struct {
	Heading, Lead string
	Saved         string
	Problem, Do   string
	Facts         []web.Detail
	Locked        bool
	Reset         string // where the forms post to
	Unlock        string
	EndSessions   string
	Taking        web.Pick
	Sessions      bool // there are some to end
	Back          string
}

// Link is a link to be handed on, shown once.
type Link struct {
	Heading, Text, Link, Until string
	Go, GoHref                 string
}

// Summary is what the person's page of another room shows.
type Summary struct {
	Facts []web.Detail
	Href  string
}

// kind keeps to one main button a page: signing out, where that comes first.
func (s LinkStep) kind() string {
	if s.Out != nil {
		return web.Plain
	}
	return dangerOf(s.Danger)
}

func dangerOf(danger bool) string {
	if danger {
		return web.Danger
	}
	return web.Main
}

// buttonOf keeps to one main button a page: the passkey's, where there is one.
func buttonOf(page Factor) string {
	if page.Options != "" {
		return web.Plain
	}
	return web.Main
}
