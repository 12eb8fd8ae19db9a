package token

import (
	"context"
	"errors"
	"strings"

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

// Sought are the tokens that somebody looks for in an organization.
type Sought struct {
	Org    id.Org
	Person id.Person // "" for everybody
	Text   string    // words of whose it is, see org.Query: the ten who fit best
	Cursor string    // "" for the first page
	Limit  int       // 1 to 200; 50 if it is 0
}

// Issued is a token with whose it is.
type Issued struct {
	Token
	Who org.Person
}

// fitting bounds how many people a text may mean.
const fitting = 10

// newest is behind every identifier.
var newest = strings.Repeat("z", id.Len)

// IssuedIn lists the tokens that act in an organization, the newest first, those
// that are over too, and where the next page begins, "" after the last. A
// person's tokens for other organizations are not there (R4). Invalid
// cursor-malformed. It costs two statements, and a search for people more with
// Text.
func (r *Room) IssuedIn(ctx context.Context, s Sought) (all []Issued, next string, err error) {
	if s.Limit <= 0 || s.Limit > 200 {
		s.Limit = 50
	}
	after := newest
	if s.Cursor != "" {
		if after = s.Cursor; !id.Valid(after) {
			return nil, "", fault.New(fault.Invalid, "cursor-malformed")
		}
	}
	of, err := r.meant(ctx, s)
	if err != nil || s.Text != "" && len(of) == 0 {
		return nil, "", err
	}
	var found []Token
	err = r.store.Org(s.Org).Read(ctx, func(v *store.View) (err error) {
		found, err = tokensAfter(v, after, of, s.Limit+1)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(found) > s.Limit {
		found = found[:s.Limit]
		next = found[s.Limit-1].ID
	}
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

// meant are the people whose tokens are looked for; nil is everybody.
func (r *Room) meant(ctx context.Context, s Sought) (of []id.Person, err error) {
	switch {
	case s.Person != "":
		return []id.Person{s.Person}, nil
	case s.Text == "":
		return nil, nil
	}
	found, err := r.register.Search(ctx, org.Query{Org: s.Org, Text: s.Text, Limit: fitting})
	for _, p := range found.People {
		of = append(of, p.ID)
	}
	return of, err
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
