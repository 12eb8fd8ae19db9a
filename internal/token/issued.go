package token

import (
	"context"
	"errors"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// ReadTokens is the permission to see which tokens act in the organization.
const ReadTokens = "token.read"

// Permissions are those of the room.
func Permissions() []org.Permission {
	return []org.Permission{{Name: ReadTokens, Roles: []string{string(org.Accounts), string(org.Auditor)}}}
}

// Issued is a token with whose it is.
type Issued struct {
	Token
	Who org.Person
}

// IssuedIn lists the tokens that act in an organization, the newest first, those
// that are over too, and where the next page begins, "" after the last. A
// person's tokens for other organizations are not there (R4). Invalid
// cursor-malformed. It costs two statements, and a search for people more with
// Text.
func (r *Room) IssuedIn(ctx context.Context, s org.Sought) (all []Issued, next string, err error) {
	stretch, err := r.register.Stretch(ctx, s)
	if err != nil || stretch.Nobody {
		return nil, "", err
	}
	var found []Token
	err = r.store.Org(s.Org).Read(ctx, func(v *store.View) (err error) {
		found, err = tokensAfter(v, stretch)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	found, next = org.Cut(stretch, found, func(one Token) string { return one.ID })
	who := make([]id.Person, len(found))
	for i, one := range found {
		who[i] = one.Person
	}
	people, err := r.register.People(ctx, who)
	for _, one := range r.tokens.withUse(found) {
		all = append(all, Issued{one, people[one.Person]})
	}
	return all, next, err
}

// RevokeIssued makes somebody's token invalid; who acts must be at least as
// strong as they are, everywhere, as for a reset of their factors. NotFound
// token-missing for one that acts in another organization (R4).
func (r *Room) RevokeIssued(ctx context.Context, by id.Principal, in id.Org, which string) error {
	err := r.store.Org(in).Write(ctx, func(tx *store.Tx) store.End {
		t, err := tokenIn(&tx.View, which)
		if errors.Is(err, store.ErrNoRow) {
			err = fault.New(fault.NotFound, "token-missing")
		}
		if err == nil {
			_, err = r.factors.MayTouch(&tx.View, by, in, t.Person)
		}
		if err == nil {
			_, err = deleteToken(tx.Self(t.Person), which)
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(t.event("token.revoked", by))
	})
	r.tokens.clear()
	return err
}
