package house

import (
	"context"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/approval"
	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/console"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/hub"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/people"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/sender"
	"github.com/sekisho/sekisho/internal/signin"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/ticket"
	"github.com/sekisho/sekisho/internal/token"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
	"github.com/sekisho/sekisho/internal/words"
)

type webBanner = webui.Banner

// doorman knows who stands behind credentials: people, by session or token, and
// processes of this machine.
type doorman struct{ house *House }

// Authenticate implements web.Authenticator.
func (d doorman) Authenticate(ctx context.Context, c web.Credentials) (web.Actor, error) {
	h := d.house
	switch {
	case c.Peer.Local:
		return web.Actor{Principal: id.Local(c.Peer.UID), At: h.options.Clock.Now()}, nil
	case strings.HasPrefix(c.Bearer.Reveal(), sender.Prefix):
		return d.byServiceToken(ctx, c.Bearer)
	case !c.Bearer.Empty():
		return d.byToken(ctx, c.Bearer)
	case c.Session.Empty():
		return web.Actor{}, nil
	}
	v, err := h.signin.Authenticate(ctx, c.Session)
	if err != nil {
		return web.Actor{}, err
	}
	actor := ofPerson(v.Person)
	actor.Org, actor.Session, actor.ACR, actor.AMR, actor.At = v.Session.Org, v.Session.ID, v.Session.ACR(), v.Session.AMR(), v.Session.Strong
	actor.Reached = factor.Reached(v.Session.Proofs)
	return actor, nil
}

// byToken is who stands behind a personal token.
func (d doorman) byToken(ctx context.Context, bearer secret.Text) (web.Actor, error) {
	token, person, err := d.house.tokens.Authenticate(ctx, bearer)
	if err != nil {
		return web.Actor{}, err
	}
	actor := ofPerson(person)
	actor.Org, actor.Session, actor.Scopes, actor.Token, actor.At = token.Org, "token:"+token.ID, token.Scopes, true, token.Created
	return actor, nil
}

// byServiceToken is the program behind a service token: nobody's deputy, and
// every door but its own is closed to it.
func (d doorman) byServiceToken(ctx context.Context, bearer secret.Text) (web.Actor, error) {
	token, s, err := d.house.senders.Authenticate(ctx, bearer)
	if err != nil {
		return web.Actor{}, err
	}
	return web.Actor{Principal: s.Principal(), Name: s.Shown(), Org: s.Org, Session: "service:" + token.ID, Scopes: []string{}, Token: true, At: token.Made}, nil
}

func ofPerson(p org.Person) web.Actor {
	return web.Actor{Principal: id.OfPerson(p.ID), Name: p.DisplayName, Lang: words.Lang(p.Locale), Zone: p.TimeZone}
}

// may decides what an actor may do. Who runs the house on its own machine may
// do everything. A person may do what their roles permit: of an organization in
// the one that the route names, or else in the one they act in; of the house
// anywhere. A token may do no more than it names, in its own organization.
func (h *House) may(ctx context.Context, actor web.Actor, permission, target string) error {
	switch actor.Principal.Kind() {
	case id.KindLocal:
		return nil
	case id.KindPerson:
		return h.mayPerson(ctx, actor, permission, id.Org(target))
	}
	return fault.New(fault.Forbidden, "not-permitted", "permission", permission)
}

func (h *House) mayPerson(ctx context.Context, actor web.Actor, permission string, where id.Org) error {
	declared, known := h.register.Permission(permission)
	if where == "" || declared.House {
		where = actor.Org
	}
	grants, err := h.register.Grants(ctx, actor.Principal.Person())
	if err != nil {
		return err
	}
	limited := actor.Scopes != nil && !slices.Contains(actor.Scopes, permission)
	elsewhere := actor.Token && where != actor.Org
	switch {
	case known && !limited && !elsewhere && grants.Holds(where, permission):
		return nil
	case where != actor.Org && (elsewhere || !grants.Sees(where)):
		return fault.New(fault.NotFound, "organization-unknown")
	}
	return fault.New(fault.Forbidden, "not-permitted", "permission", permission)
}

// alive says whether the session behind an open stream still stands.
func (h *House) alive(ctx context.Context, actor web.Actor) error {
	if actor.Token { // streams are for pages, which have a session
		return fault.New(fault.Unknown, "session-over")
	}
	if who := actor.Principal.Person(); who != "" {
		h.cards.Here(ctx, who)
		return h.signin.Stands(ctx, who, actor.Session)
	}
	return nil
}

// hasPeople reports whether anybody was ever added. Once there is somebody, it
// is remembered.
func (h *House) hasPeople(ctx context.Context) (bool, error) {
	if h.peopled.Load() {
		return true, nil
	}
	there, err := h.register.Peopled(ctx)
	if there {
		h.peopled.Store(true)
	}
	return there, err
}

// entrance is the way in that a refused page offers: signing in, or, before
// there are people, where the set-up link is.
func (h *House) entrance(v *web.Visit, f *fault.Fault) templ.Component {
	if there, err := h.hasPeople(v.Context()); err == nil && !there {
		return h.console.Entrance(v)
	}
	return h.signin.Entrance(v, f)
}

// refusedFor lets the witness count an answer of signing in that was refused,
// singly for a person who exists.
func (h *House) refusedFor(ctx context.Context, who id.Person, code string) {
	target := ""
	if who != "" {
		target = string(id.OfPerson(who))
	}
	err := h.audit.Refuse(ctx, audit.Refusal{Subject: target, Code: code, Source: store.AroundOf(ctx).Source, By: id.Anonymous, Target: target})
	if err != nil && ctx.Err() == nil {
		h.options.Log.Warn("a refusal could not be counted", "code", code, "err", err)
	}
}

// refused lets the witness count who was refused.
func (h *House) refused(ctx context.Context, actor web.Actor, f *fault.Fault) {
	around := store.AroundOf(ctx)
	refusal := audit.Refusal{Code: f.Code, Source: around.Source, By: actor.Principal, Org: actor.Org}
	if actor.Known() {
		refusal.Subject = string(actor.Principal)
	}
	if err := h.audit.Refuse(ctx, refusal); err != nil && ctx.Err() == nil {
		h.options.Log.Warn("a refusal could not be counted", "code", f.Code, "err", err)
	}
}

// entry is a page that a bar offers to who may open it.
type entry struct {
	key, href  string
	group      string // key of the heading that it stands under, "" for none
	permission string // "" for everybody who is signed in
	or         string // another that opens it too, "" for none
}

// top are the entries of the top bar, consoleRail those beside the pages of
// the console (rail.go), settingsRail those beside a person's own.
func (h *House) top() []entry {
	return []entry{
		{key: "console.home", href: hub.Path},
		{key: "card.list", href: card.ListPath},
		{key: "ask.mine", href: request.Path},
		{key: "console.admin", href: console.HomePath},
	}
}

func (h *House) settingsRail() []entry {
	return []entry{
		{key: "people.settings", href: people.SettingsPath},
		{key: "settings.security", href: factor.SecurityPath},
		{key: "settings.passkeys", href: factor.PasskeysPath},
		{key: "settings.password", href: factor.PasswordPath},
		{key: "settings.totp", href: factor.TOTPPath},
		{key: "settings.recovery", href: factor.RecoveryPath},
		{key: "settings.sessions", href: signin.SessionsPath},
		{key: "ticket.integrations", href: ticket.IntegrationsPath},
		{key: "settings.tokens", href: token.Path},
		{key: "card.preference", href: card.PreferencePath},
		{key: "hub.push", href: hub.PushPath},
		{key: "delegation.list", href: approval.DelegationPath},
		{key: "hub.activity", href: hub.ActivityPath},
	}
}

// offer keeps the entries that the actor may open.
func (h *House) offer(ctx context.Context, actor web.Actor, lang words.Lang, entries []entry) []webui.Link {
	var links []webui.Link
	for _, e := range entries {
		if h.mayEnter(ctx, actor, e) {
			link := webui.Link{Text: h.book.Say(lang, e.key, nil), Href: e.href}
			if e.group != "" {
				link.Group = h.book.Say(lang, e.group, nil)
			}
			links = append(links, link)
		}
	}
	return links
}

// links are the entries of the top bar.
func (h *House) links(ctx context.Context, actor web.Actor, lang words.Lang) []webui.Link {
	if !actor.Known() {
		return nil
	}
	entries := h.top()
	if _, err := (guide{h}).First(ctx, actor); err != nil { // nothing there for them
		entries = slices.DeleteFunc(entries, func(e entry) bool { return e.href == console.HomePath })
	}
	return h.offer(ctx, actor, lang, entries)
}

// rail are the pages of the section that a path is in.
func (h *House) rail(ctx context.Context, actor web.Actor, path string, lang words.Lang) []webui.Link {
	switch {
	case strings.HasPrefix(path, "/admin"):
		return h.offer(ctx, actor, lang, h.consoleRail())
	case strings.HasPrefix(path, "/settings"):
		return h.offer(ctx, actor, lang, h.settingsRail())
	}
	return nil
}

// account is what the top bar says of a person.
func (h *House) account(ctx context.Context, actor web.Actor, lang words.Lang) *webui.Account {
	who := actor.Principal.Person()
	if who == "" {
		return nil
	}
	h.cards.Here(ctx, who)
	account := &webui.Account{Name: actor.Name, Links: h.offer(ctx, actor, lang, h.settingsRail())}
	grants, err := h.register.Grants(ctx, who)
	if err != nil {
		return account
	}
	for _, o := range slices.Concat(grants.Orgs, grants.Below()) {
		if o.ID == actor.Org {
			account.Org = o.Title
		}
	}
	return account
}
