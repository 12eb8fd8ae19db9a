package token

import (
	"context"
	"errors"
	"net/url"

	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
)

// Find implements web.Finder: a token that acts in the organization by its whole
// identifier, which the log names.
func (r *Room) Find(ctx context.Context, actor web.Actor, s web.Sought) ([]web.Finding, error) {
	if actor.Org == "" || !id.Valid(s.Fold) || !s.May(ReadTokens) {
		return nil, nil
	}
	var t Token
	err := r.store.Org(actor.Org).Read(ctx, func(v *store.View) (err error) {
		t, err = tokenIn(v, s.Fold)
		return err
	})
	if errors.Is(err, store.ErrNoRow) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	who, err := r.register.Names(ctx, []id.Person{t.Person})
	return []web.Finding{{
		Kind: "token", Title: t.Name, Detail: who[t.Person], Also: []string{t.ID}, Href: IssuedPath + "?" + url.Values{"person": {string(t.Person)}}.Encode(),
	}}, err
}
