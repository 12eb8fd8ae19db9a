package token

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/admit"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// Prefix begins every personal token, so that scanners for leaked secrets
// find them.
const Prefix = "skp_"

// Token is a personal API token: it acts as its person in one organization,
// with the permissions that it names and that the person still holds.
type Token struct {
	ID      string
	Person  id.Person
	Name    string
	Org     id.Org
	Scopes  []string // permissions
	Created time.Time
	Ends    time.Time
	Used    time.Time
}

// tokenMemory are tokens by hash, as fresh as sessions.
type tokenMemory struct {
	mu    sync.Mutex
	known map[string]heldToken
	used  map[string]time.Time // by public name, to the minute; not written yet
}

type heldToken struct {
	token  Token
	person org.Person
	at     time.Duration
}

// Authenticate says who stands behind a bearer token and what it may at
// most do. The fault is token-unknown, whatever is wrong with it.
func (r *Room) Authenticate(ctx context.Context, bearer secret.Text) (Token, org.Person, error) {
	if !strings.HasPrefix(bearer.Reveal(), Prefix) {
		return Token{}, org.Person{}, errToken
	}
	hash, now := bearer.Digest(), r.clock.Mono()
	r.tokens.mu.Lock()
	held, ok := r.tokens.known[hash]
	r.tokens.mu.Unlock()
	if !ok || now-held.at >= org.Freshness {
		var err error
		if held, err = r.readToken(ctx, hash); err != nil {
			return Token{}, org.Person{}, err
		}
		held.at = now
		r.tokens.put(hash, held)
	}
	if !r.clock.Now().Before(held.token.Ends) {
		return Token{}, org.Person{}, errToken
	}
	r.tokens.note(held.token, r.clock.Now())
	return held.token, held.person, nil
}

// errToken says the same whatever is wrong with a token.
var errToken = fault.New(fault.Unknown, "token-unknown")

// readToken looks a token up and holds it to what stops its making: a person
// who is disabled or must change their password, an organization that is, a
// membership that ended.
func (r *Room) readToken(ctx context.Context, hash string) (held heldToken, err error) {
	err = r.lookUp(ctx, func(v *store.View) (err error) {
		if held.token, err = tokenByHash(v, hash); err != nil {
			return err
		}
		ask := admit.Ask{Path: personalToken, Person: held.token.Person, Org: held.token.Org, Known: true}
		if err = r.gate.MayIssue(v, ask); err != nil {
			return err
		}
		held.person, err = r.register.PersonIn(v, held.token.Person)
		return err
	})
	if errors.Is(err, store.ErrNoRow) || fault.As(err) != nil && fault.As(err).Kind == fault.Forbidden {
		err = errToken
	}
	return held, err
}

func (m *tokenMemory) put(hash string, held heldToken) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= mostKnown {
		m.known = map[string]heldToken{}
	}
	m.known[hash] = held
}

func (m *tokenMemory) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.known)
}

// note remembers that a token was used, to the minute.
func (m *tokenMemory) note(t Token, now time.Time) {
	if now.Sub(t.Used) < time.Minute {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used == nil {
		m.used = map[string]time.Time{}
	}
	if now.Sub(m.used[t.ID]) >= time.Minute && len(m.used) < mostKnown {
		m.used[t.ID] = now
	}
}

func (m *tokenMemory) takeUsed() map[string]time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	used := m.used
	m.used = nil
	return used
}

// withUse fills in uses on this node that are not written yet.
func (m *tokenMemory) withUse(all []Token) []Token {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range all {
		if at := m.used[all[i].ID]; at.After(all[i].Used) {
			all[i].Used = at
		}
	}
	return all
}

// mostKnown bounds what a node remembers.
const mostKnown = 1 << 16
