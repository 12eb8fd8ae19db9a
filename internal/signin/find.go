package signin

import (
	"context"
	"errors"
	"net/url"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
)

// Find implements web.Finder: the sign-in policies of the organization, and a
// session there by its whole identifier, which the log names.
func (r *Room) Find(ctx context.Context, actor web.Actor, s web.Sought) (found []web.Finding, err error) {
	if found, err = r.Rules.Find(ctx, actor, s); err != nil || actor.Org == "" || !id.Valid(s.Fold) || !s.May(ReadSessions) {
		return found, err
	}
	var one Session
	err = r.store.Org(actor.Org).Read(ctx, func(v *store.View) (err error) {
		one, err = openIn(v, s.Fold)
		return err
	})
	if errors.Is(err, store.ErrNoRow) {
		return found, nil
	} else if err != nil {
		return nil, err
	}
	who, err := r.register.Names(ctx, []id.Person{one.Person})
	return append(found, web.Finding{
		Kind: "session", Title: who[one.Person], Detail: one.Browser, Also: []string{one.ID},
		Href: OpenPath + "?" + url.Values{"person": {string(one.Person)}}.Encode(),
	}), err
}
