package house

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/sekisho/sekisho/internal/approval"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/console"
	"github.com/sekisho/sekisho/internal/demand"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/hub"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/notice"
	"github.com/sekisho/sekisho/internal/order"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/sender"
	"github.com/sekisho/sekisho/internal/signin"
	"github.com/sekisho/sekisho/internal/ticket"
	"github.com/sekisho/sekisho/internal/token"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
)

// furnishHub makes the first page of what the other rooms know.
func (h *House) furnishHub() {
	h.hub = hub.New(hub.Options{
		Book: h.book, People: h.register, Peopled: h.hasPeople, Rooms: []hub.Attention{ofSignIn{h}, ofConsole{h}, ofSystems{h}, ofHeld{h}, ofEffects{h}}, Open: h.opens, May: h.may,
		Finders: []web.Finder{
			h.folk.Finder(),
			h.signin,
			h.notice,
			h.console,
			h.ticket,
			h.senders,
			h.tokens,
		},
		Signposts: h.signposts,
		Dependents: []web.Dependents{
			h.folk.Dependents(),
			h.signin,
			h.ticket,
			h.senders,
		},
		Places: guide{h}.Pages, Witness: h.console, Follow: []string{notice.Topic}, Pager: h.pager, Panels: h.panels(),
		Ways: []hub.Signpost{{Key: "ask.find", Href: approval.NewPath}, {Key: "order.new", Href: order.NewPath}},
	})
	h.hub.Pages(h.mux)
	h.hub.API(h.mux)
}

// fewCodes is how many recovery codes are few.
const fewCodes = 3

// ofSignIn tells the hub how a person can sign in.
type ofSignIn struct{ house *House }

// Attention implements hub.Attention.
func (o ofSignIn) Attention(ctx context.Context, actor web.Actor) (hub.Glance, error) {
	who := actor.Principal.Person()
	g, err := o.house.signin.Glance(ctx, who)
	if err != nil {
		return hub.Glance{}, err
	}
	invitations, err := o.house.welcome.Open(ctx, who)
	if err != nil {
		return hub.Glance{}, err
	}
	demand, err := o.house.signin.DemandOn(ctx, actor.Org, who)
	return hub.Glance{Sessions: g.Sessions, Items: append(factorItems(g, demand), invited(invitations)...)}, err
}

// factorItems says what a person lacks to sign in safely and for long.
func factorItems(g signin.Glance, demand demand.Demand) (items []hub.Item) {
	add := func(yes, grave bool, key, href string, args ...any) {
		if yes {
			items = append(items, hub.Item{Key: "hub.need." + key, Args: args, Href: href, Grave: grave})
		}
	}
	var held []factor.Proof
	for _, m := range append(g.Holds(), factor.ByMail) { // a code by mail is the sign-in's to offer
		held = append(held, factor.Proof{Method: m})
	}
	missing := demand.Missing(held)
	add(len(missing) > 0, true, "policy", factor.SecurityPath)
	for _, m := range missing {
		items[0].Names = append(items[0].Names, "signin.method."+string(m))
	}
	add(g.MustChange, true, "password", factor.PasswordPath)
	add(len(g.Holds()) == 0, true, "nothing", factor.PasskeysPath)
	add(len(missing) == 0 && g.Password && g.Passkeys == 0 && !g.TOTP, false, "factor", factor.PasskeysPath)
	add(g.TOTP && g.CodesOfThem == 0, false, "no-codes", factor.RecoveryPath)
	add(g.CodesOfThem > 0 && g.Codes <= fewCodes, false, "codes", factor.RecoveryPath, "left", g.Codes, "all", g.CodesOfThem)
	return items
}

// invited says that invitations wait for an answer.
func invited(n int64) []hub.Item {
	switch n {
	case 0:
		return nil
	case 1:
		return []hub.Item{{Key: "hub.need.invitation"}}
	}
	return []hub.Item{{Key: "hub.need.invitations", Args: []any{"count", n}}}
}

// ofConsole tells operators what the state of the house needs.
type ofConsole struct{ house *House }

// Attention implements hub.Attention.
func (o ofConsole) Attention(ctx context.Context, actor web.Actor) (g hub.Glance, err error) {
	if o.house.may(ctx, actor, console.Operate, "") != nil {
		return g, nil
	}
	for _, key := range o.house.console.Alarms() {
		g.Items = append(g.Items, hub.Item{Key: key, Href: console.Settled(key), Grave: true})
	}
	return g, nil
}

// ofSystems tells administrators whom a shared system does not know.
type ofSystems struct{ house *House }

// Attention implements hub.Attention.
func (o ofSystems) Attention(ctx context.Context, actor web.Actor) (g hub.Glance, err error) {
	if o.house.may(ctx, actor, connector.Write, "") != nil {
		return g, nil
	}
	all, err := o.house.ticket.Unknowns(ctx, actor.Org)
	for _, u := range all {
		g.Items = append(g.Items, hub.Item{Key: "ticket.need.unmatched", Args: []any{"count", u.Count, "system", u.Title}, Href: u.Href})
	}
	return g, err
}

// ofHeld tells people what ends soon of what they hold, and which of their
// accounts elsewhere have to be connected again.
type ofHeld struct{ house *House }

// Of what ends soon, so many are named.
const (
	endsSoon  = 24 * time.Hour
	endsNamed = 5
)

// Attention implements hub.Attention.
func (o ofHeld) Attention(ctx context.Context, actor web.Actor) (g hub.Glance, err error) {
	who := actor.Principal.Person()
	connections, err := o.house.systems.Of(ctx, who)
	if err != nil {
		return g, err
	}
	if slices.ContainsFunc(connections, func(c connector.Connection) bool { return c.State == connector.Reconnect }) {
		g.Items = append(g.Items, hub.Item{Key: "hub.need.reconnect", Href: ticket.IntegrationsPath})
	}
	held, err := o.house.ledger.Of(ctx, who)
	now := o.house.options.Clock.Now()
	for _, l := range held {
		if !l.Until.IsZero() && l.Until.Sub(now) < endsSoon && l.Ask != "" && len(g.Items) < endsNamed {
			g.Items = append(g.Items, hub.Item{Key: "hub.need.ends", Args: []any{"title", l.Title}, Href: request.Path + "/" + string(l.Ask)})
		}
	}
	return g, err
}

// guide tells the console what it must know of the rest of the house.
type guide struct{ house *House }

// May implements console.Guide.
func (g guide) May(ctx context.Context, actor web.Actor, permission string) error {
	return g.house.may(ctx, actor, permission, "")
}

// Names implements console.Guide.
func (g guide) Names(ctx context.Context, which []id.Person) (map[id.Person]string, error) {
	return g.house.register.Names(ctx, which)
}

// First implements console.Guide.
func (g guide) First(ctx context.Context, actor web.Actor) (string, error) {
	for _, e := range g.house.consoleRail() {
		if g.house.mayEnter(ctx, actor, e) {
			return e.href, nil
		}
	}
	return "", fault.New(fault.Forbidden, "not-permitted", "permission", org.PeopleRead)
}

// signInRefusals are the codes with which a sign-in is refused: dashboards tell
// them from other refusals.
var signInRefusals = []string{
	"signin-refused", "passkey-refused", "signin-code-wrong", "signin-mail-code-refused", "too-many-attempts", "too-many-codes",
	"person-locked", "person-disabled",
}

// targets are the names of the outside systems among the targets of effects.
func (h *House) targets(ctx context.Context, all []string) (map[string]string, error) {
	var which []id.Connector
	for _, one := range all {
		if id.Valid(one) {
			which = append(which, id.Connector(one))
		}
	}
	titles, err := h.systems.Titles(ctx, which)
	names := map[string]string{}
	for one, title := range titles {
		names[string(one)] = title
	}
	return names, err
}

// drawings are what dashboards show of asks, cards and leases, by their events.
var drawings = []console.Drawing{
	{Name: "asks", Lines: []console.Curve{
		{Key: "asked", Events: []string{"request.asked"}},
		{Key: "released", Events: []string{"request.released"}},
		{Key: "ask-refused", Events: []string{"request.refused"}},
		{Key: "ask-expired", Events: []string{"request.expired", "request.void"}},
	}},
	{Name: "cards", Lines: []console.Curve{
		{Key: "card-raised", Events: []string{"card.raised"}},
		{Key: "card-decided", Events: []string{"card.decided"}},
		{Key: "card-applied", Events: []string{"card.applied"}},
		{Key: "card-failed", Events: []string{"card.failed"}},
	}},
	{Name: "leases", Lines: []console.Curve{
		{Key: "lease-begun", Events: []string{"lease.begun"}},
		{Key: "lease-ended", Events: []string{"lease.ended"}},
		{Key: "lease-stuck", Events: []string{"lease.stuck"}},
	}},
}

// census counts who and what there is for the console.
type census struct{ house *House }

// Members implements console.Register.
func (c census) Members(ctx context.Context, of id.Org) (active, invited int64, err error) {
	all, err := c.house.register.Census(ctx, of)
	return all[org.Active], all[org.Invited], err
}

// Sessions implements console.Register.
func (c census) Sessions(ctx context.Context, of id.Org) (int64, error) {
	return c.house.signin.OpenSessions(ctx, of)
}

// pagesOf is where things of a kind have their page, before their identifier.
var pagesOf = map[string]string{
	"person": "/admin/people/", "group": "/admin/groups/", "role": "/admin/roles/", "organization": "/admin/organizations/",
	"sign-in-policy":  demand.Path + "/",
	"notice":          notice.ListPath + "/",
	"record":          console.LogPath + "/",
	"connector":       ticket.SystemsPath + "/",
	"ask":             request.Path + "/",
	"order":           order.ListPath + "/",
	"card-sender":     sender.Path + "/",
	"approval-policy": approval.PoliciesPath + "/",
}

// Pages implements console.Guide: a person has a page for who they are a member
// of the same organization with.
func (g guide) Pages(ctx context.Context, actor web.Actor, things []string) (map[string]string, error) {
	pages := map[string]string{}
	var people []id.Person
	for _, thing := range things {
		kind, rest, _ := strings.Cut(thing, ":")
		path := pagesOf[kind] + url.PathEscape(rest)
		switch {
		case !id.Valid(rest) && kind != "role", pagesOf[kind] == "", !g.house.opens(ctx, actor, path):
			continue
		case kind == "person":
			people = append(people, id.Person(rest))
		}
		pages[thing] = path
	}
	if len(people) == 0 {
		return pages, nil
	}
	members, err := g.house.register.Memberships(ctx, actor.Org, people)
	for _, who := range people {
		if _, ok := members[who]; !ok {
			delete(pages, string(id.OfPerson(who)))
		}
	}
	return pages, err
}

// mayEnter reports whether the actor may open the page of an entry.
func (h *House) mayEnter(ctx context.Context, actor web.Actor, e entry) bool {
	return e.permission == "" || h.may(ctx, actor, e.permission, "") == nil || e.or != "" && h.may(ctx, actor, e.or, "") == nil
}

// atlas finds the page behind a path.
type atlas struct {
	mux   *http.ServeMux
	pages map[string]web.Route // by pattern
}

func newAtlas(routes []web.Route) *atlas {
	a := &atlas{http.NewServeMux(), map[string]web.Route{}}
	for _, route := range routes {
		if route.Method == http.MethodGet && route.Edge == web.EdgePage {
			pattern := route.Method + " " + route.Path
			a.mux.Handle(pattern, http.NotFoundHandler())
			a.pages[pattern] = route
		}
	}
	return a
}

// opens reports whether a path is a page of the house that the actor may open.
func (h *House) opens(ctx context.Context, actor web.Actor, path string) bool {
	h.mapped.Do(func() { h.atlas = newAtlas(h.mux.Routes()) })
	at, err := url.ParseRequestURI(path)
	if path == "" || err != nil {
		return false
	}
	_, pattern := h.atlas.mux.Handler(&http.Request{Method: http.MethodGet, URL: at, Host: ""})
	route, ok := h.atlas.pages[pattern]
	switch {
	case !ok:
		return false
	case route.Permission == web.Public:
		return true
	case route.Permission == web.SignedIn:
		return actor.Known()
	}
	return actor.Known() && h.mayEnter(ctx, actor, entry{permission: route.Permission, or: route.Or})
}

// about and ending are what the hub shows of a thing on the pages of other rooms;
// the hub is made after the edges.
func (h *House) about(v *web.Visit, target string) (templ.Component, error) {
	return h.hub.About(v, target)
}

func (h *House) ending(v *web.Visit, target string) (templ.Component, error) {
	return h.hub.Ending(v, target)
}

// heldPanel leads from a person's page to what they hold in the organization, for
// who may see it.
func (h *House) heldPanel(v *web.Visit, target string) (templ.Component, error) {
	who, person := strings.CutPrefix(target, "person:")
	if !person {
		return nil, nil
	}
	var links []templ.Component
	for _, to := range []struct{ permission, key, path string }{
		{signin.ReadSessions, "signin.open", signin.OpenPath}, {token.ReadTokens, "settings.tokens", token.IssuedPath},
	} {
		if v.May(to.permission, "") == nil {
			links = append(links, webui.Go(webui.Plain, v.Say(to.key), to.path+"?"+url.Values{"person": {who}}.Encode()))
		}
	}
	if len(links) == 0 {
		return nil, nil
	}
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		return webui.Buttons().Render(templ.WithChildren(ctx, templ.Join(links...)), w)
	}), nil
}

// held counts what ends with an account.
func (h *House) held(ctx context.Context, by id.Principal, in id.Org, who id.Person) (sessions, tokens int64, err error) {
	_, held, err := h.welcome.Holds(ctx, by, in, who)
	return held.Sessions, held.Tokens, err
}
