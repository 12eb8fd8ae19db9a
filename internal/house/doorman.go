package house

import (
	"context"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/console"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/notice"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
	webui "github.com/sekisho/sekisho/internal/web/ui"
	"github.com/sekisho/sekisho/internal/words"
)

type webBanner = webui.Banner

// doorman knows who stands behind credentials. Before there are people that is
// who redeemed the set-up link, and processes of this machine.
type doorman struct{ house *House }

// Authenticate implements web.Authenticator.
func (d doorman) Authenticate(_ context.Context, c web.Credentials) (web.Actor, error) {
	h := d.house
	switch {
	case c.Peer.Local:
		return web.Actor{Principal: id.Local(c.Peer.UID), At: h.options.Clock.Now()}, nil
	case !c.Bearer.Empty():
		return web.Actor{}, fault.New(fault.Unknown, "token-unknown")
	case c.Session.Empty():
		return web.Actor{}, nil
	}
	session, ok := h.console.SessionOf(c.Session)
	if !ok {
		return web.Actor{}, fault.New(fault.Unknown, "session-over")
	}
	return web.Actor{Principal: session.Principal(), Session: session.ID, At: session.At}, nil
}

// may decides before there are people: who set the house up and who runs it on
// its own machine may do everything, but only the machine's own processes
// unseal.
func (h *House) may(_ context.Context, actor web.Actor, permission, _ string) error {
	switch actor.Principal.Kind() {
	case id.KindLocal:
		return nil
	case id.KindSetup:
		if permission != console.Unseal {
			return nil
		}
	}
	return fault.New(fault.Forbidden, "not-permitted", "permission", permission)
}

// alive says whether the session behind an open stream still stands.
func (h *House) alive(_ context.Context, actor web.Actor) error {
	if actor.Principal.Kind() == id.KindSetup && !h.console.SessionStands(actor.Principal) {
		return fault.New(fault.Unknown, "session-over")
	}
	return nil
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

// links are the entries of the top bar.
func (h *House) links(_ context.Context, actor web.Actor, lang words.Lang) []webui.Link {
	if !actor.Known() {
		return nil
	}
	var links []webui.Link
	add := func(key, href string) {
		links = append(links, webui.Link{Text: h.book.Say(lang, key, nil), Href: href})
	}
	add("notice.list", notice.ListPath)
	for _, entry := range h.console.Rail() {
		add(entry.Key, entry.Href)
	}
	return links
}
