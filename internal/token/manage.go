package token

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/admit"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// personalToken is how a token comes to be, and what each of its uses asks
// again.
var personalToken = admit.Declare(admit.Path{Name: "personal API token", Exempt: map[admit.State]string{
	admit.PersonLocked:   "wrong answers lock what can be guessed; a token of 256 bits cannot, and its session was proven before",
	admit.ClientDisabled: "no client takes part",
	admit.ConsentRevoked: "no consent takes part",
	admit.DeviceLost:     "there are no registered devices yet",
}})

// The bounds of personal tokens.
const (
	Most     = 50 // a person
	DaysMost = 365
)

// Wanted is what a person wants a token to be.
type Wanted struct {
	Name   string
	Org    id.Org
	Scopes []string // permissions that the person holds there
	Days   int      // 1 to DaysMost
}

// Make makes a personal token and returns its value, once: the house keeps
// a hash. session is the one it is made in. Refusals: token-invalid with its
// fields (scope-not-held), NotFound organization-unknown, token-too-many, and
// those of admit.Gate.MayIssue.
func (r *Room) Make(ctx context.Context, who id.Person, session string, n Wanted) (Token, secret.Text, error) {
	n.Name = strings.TrimSpace(n.Name)
	slices.Sort(n.Scopes)
	n.Scopes = slices.Compact(n.Scopes)
	grants, err := r.register.Grants(ctx, who)
	if err != nil {
		return Token{}, secret.Text{}, err
	}
	if err := n.judge(grants); err != nil {
		return Token{}, secret.Text{}, err
	}
	now := r.clock.Now()
	value := secret.Of(Prefix + secret.Random(32).Reveal())
	t := Token{
		ID: id.New[string](now), Person: who, Name: n.Name, Org: n.Org, Scopes: n.Scopes, Created: now,
		Ends: now.Add(time.Duration(n.Days) * 24 * time.Hour),
	}
	told, err := r.factors.Tell(ctx, who, id.OfPerson(who), "token-made")
	if err != nil {
		return Token{}, secret.Text{}, err
	}
	err = r.change(ctx, who, func(tx *store.Tx) (store.Event, error) {
		if err := r.keepToken(tx, t, session, value.Digest()); err != nil {
			return store.Event{}, err
		}
		return t.event("token.made", id.OfPerson(who)), told.Queue(tx)
	})
	if err != nil {
		return Token{}, secret.Text{}, err
	}
	return t, value, nil
}

func (r *Room) keepToken(tx *store.Tx, t Token, session, hash string) error {
	err := r.gate.MayIssue(&tx.View, admit.Ask{Path: personalToken, Person: t.Person, Org: t.Org, Session: session, Known: true})
	if err != nil {
		return err
	}
	all, err := tokensOf(&tx.View)
	if err != nil {
		return err
	}
	standing := slices.DeleteFunc(all, func(one Token) bool { return !tx.Now().Before(one.Ends) })
	if len(standing) >= Most {
		return fault.New(fault.Unmet, "token-too-many", "most", Most)
	}
	return insertToken(tx, t, hash)
}

// judge returns all that is wrong with a wish.
func (n Wanted) judge(grants org.Grants) error {
	if !grants.Sees(n.Org) {
		return fault.New(fault.NotFound, "organization-unknown")
	}
	var bad fault.Checks
	factor.Label(&bad, "name", n.Name)
	if len(n.Scopes) == 0 {
		bad.Add("scopes", "field-required")
	}
	for _, scope := range n.Scopes {
		if !grants.Holds(n.Org, scope) {
			bad.Add("scopes", "scope-not-held", "scope", printable(scope))
		}
	}
	switch {
	case n.Days < 1:
		bad.Add("days", "field-too-small", "limit", 1)
	case n.Days > DaysMost:
		bad.Add("days", "field-too-large", "limit", DaysMost)
	}
	if f := bad.Fault("token-invalid"); f != nil {
		return f
	}
	return nil
}

// printable quotes a stranger's text short and on one line.
func printable(text string) string {
	if len(text) > 64 {
		text = text[:64]
	}
	return strings.Trim(strconv.QuoteToASCII(text), `"`)
}

func (t Token) event(name string, by id.Principal) store.Event {
	return store.Event{Name: name, Org: t.Org, By: by, Target: "token:" + t.ID, Fields: map[string]string{
		"person": string(t.Person), "name": t.Name, "scopes": strings.Join(t.Scopes, " "), "until": t.Ends.UTC().Format(time.RFC3339),
	}}
}

// List lists a person's tokens, the newest first, those that are over too.
func (r *Room) List(ctx context.Context, who id.Person) (all []Token, err error) {
	err = r.store.Self(who).Read(ctx, func(v *store.View) (err error) {
		all, err = tokensOf(v)
		return err
	})
	return r.tokens.withUse(all), err
}

// One returns one of a person's tokens: NotFound token-missing.
func (r *Room) One(ctx context.Context, who id.Person, which string) (Token, error) {
	all, err := r.List(ctx, who)
	if err != nil {
		return Token{}, err
	}
	return tokenAmong(all, which)
}

func tokenAmong(all []Token, which string) (Token, error) {
	i := slices.IndexFunc(all, func(t Token) bool { return t.ID == which })
	if i < 0 {
		return Token{}, fault.New(fault.NotFound, "token-missing")
	}
	return all[i], nil
}

// Revoke makes a token invalid: on this node at once, on every other
// within org.Freshness.
func (r *Room) Revoke(ctx context.Context, by id.Principal, who id.Person, which string) error {
	err := r.change(ctx, who, func(tx *store.Tx) (store.Event, error) {
		all, err := tokensOf(&tx.View)
		if err != nil {
			return store.Event{}, err
		}
		t, err := tokenAmong(all, which)
		if err == nil {
			_, err = deleteToken(tx, which)
		}
		return t.event("token.revoked", by), err
	})
	r.tokens.clear()
	return err
}

// EndAllTokens ends everybody's API tokens, for the same reason.
func EndAllTokens(tx *store.Tx) (int64, error) { return endAllTokens(tx) }

// change is a write on a person's own rows that ends in one event.
func (r *Room) change(ctx context.Context, who id.Person, f func(*store.Tx) (store.Event, error)) error {
	return r.store.Self(who).Write(ctx, func(tx *store.Tx) store.End {
		event, err := f(tx)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
}
