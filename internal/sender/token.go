package sender

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

// Prefix begins every service token of a sender, so that scanners for leaked
// secrets find them.
const Prefix = "sks_"

// issue is how a sender's token comes to be.
var issue = admit.Declare(admit.Path{Name: "service token of a card sender", Exempt: map[admit.State]string{
	admit.PersonLocked:   "the person who makes it is signed in and proved it afresh; the token is not theirs",
	admit.ClientDisabled: "the client is the sender: each use of the token asks whether it is switched on",
	admit.ConsentRevoked: "no consent takes part",
	admit.DeviceLost:     "there are no registered devices yet",
}})

// The bounds of service tokens. Two that overlap are how one follows another.
const (
	TokensMost  = 5 // of a sender, that are not over
	DaysMost    = 365
	OverlapMost = 30 * 24 * time.Hour
)

// Issued is a service token of a sender, without its value.
type Issued struct {
	ID     string
	Org    id.Org
	Sender id.Sender
	Made   time.Time
	By     id.Principal
	Ends   time.Time
	Used   time.Time
}

func (t Issued) event(name string, by id.Principal) store.Event {
	return store.Event{Name: name, Org: t.Org, By: by, Target: "card-sender:" + string(t.Sender), Fields: map[string]string{
		"token": t.ID, "until": t.Ends.UTC().Format(time.RFC3339),
	}}
}

// Lease is how a token is made.
type Lease struct {
	Days int // 1 to DaysMost
	// Overlap ends the sender's other tokens after so long; negative leaves them
	// as they are.
	Overlap time.Duration
}

// MakeToken makes a service token and returns its value, once: the house keeps a
// hash. who is the person who makes it, "" a process of the machine; session is
// theirs.
func (r *Room) MakeToken(ctx context.Context, by id.Principal, session string, in id.Org, which id.Sender, l Lease) (Issued, secret.Text, error) {
	var bad fault.Checks
	if l.Days < 1 || l.Days > DaysMost {
		bad.Add("days", "sender-days", "limit", DaysMost)
	}
	if l.Overlap > OverlapMost {
		bad.Add("overlap_hours", "field-too-large", "limit", int(OverlapMost/time.Hour))
	}
	if f := bad.Fault("sender-token-invalid"); f != nil {
		return Issued{}, secret.Text{}, f
	}
	now := r.Clock.Now()
	value := secret.Of(Prefix + secret.Random(32).Reveal())
	t := Issued{
		ID: id.New[string](now), Org: in, Sender: which, Made: now, By: by, Ends: now.Add(time.Duration(l.Days) * 24 * time.Hour),
	}
	err := r.Store.Org(in).Write(ctx, func(tx *store.Tx) store.End {
		if err := r.issue(tx, t, session, l, value.Digest()); err != nil {
			return store.Abort(err)
		}
		return store.Done(t.event("card-sender.token-made", by))
	})
	if err != nil {
		return Issued{}, secret.Text{}, err
	}
	r.tokens.clear()
	return t, value, nil
}

func (r *Room) issue(tx *store.Tx, t Issued, session string, l Lease, hash string) error {
	if who := t.By.Person(); who != "" {
		err := r.Gate.MayIssue(&tx.View, admit.Ask{Path: issue, Person: who, Org: t.Org, Session: session, Known: true})
		if err != nil {
			return err
		}
	}
	if _, err := senderOf(&tx.View, t.Sender); err != nil {
		return err
	}
	if l.Overlap >= 0 {
		if err := endTokens(tx, t.Sender, tx.Now().Add(l.Overlap)); err != nil {
			return err
		}
	}
	all, err := tokensOf(&tx.View, t.Sender)
	standing := 0
	for _, one := range all {
		if tx.Now().Before(one.Ends) {
			standing++
		}
	}
	if err != nil || standing >= TokensMost {
		return errors.Join(err, orNil(standing >= TokensMost, "sender-tokens-many", "limit", TokensMost))
	}
	return insertToken(tx, t, hash)
}

func orNil(yes bool, code string, pairs ...any) error {
	if !yes {
		return nil
	}
	return fault.New(fault.Unmet, code, pairs...)
}

// Tokens lists the tokens of a sender, the newest first, those that are over too.
func (r *Room) Tokens(ctx context.Context, in id.Org, which id.Sender) (all []Issued, err error) {
	err = r.Store.Org(in).Read(ctx, func(v *store.View) error {
		all, err = tokensOf(v, which)
		return err
	})
	return r.tokens.withUse(all), err
}

// Revoke makes a token invalid: on this node at once, on every other within
// org.Freshness.
func (r *Room) Revoke(ctx context.Context, by id.Principal, in id.Org, which id.Sender, token string) error {
	err := r.Store.Org(in).Write(ctx, func(tx *store.Tx) store.End {
		t, err := tokenOf(&tx.View, which, token)
		if err == nil {
			err = deleteToken(tx, token)
		}
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(t.event("card-sender.token-revoked", by))
	})
	r.tokens.clear()
	return err
}

// tokenMemory are tokens by hash, as fresh as sessions.
type tokenMemory struct {
	mu    sync.Mutex
	known map[string]heldToken
	used  map[string]time.Time
}

type heldToken struct {
	token  Issued
	sender Sender
	at     time.Duration
}

const mostKnown = 1 << 14

var errToken = fault.New(fault.Unknown, "token-unknown")

// Authenticate says which sender stands behind a bearer token. The fault is
// token-unknown, whatever is wrong with it: no such token, one that is over, a
// sender that is switched off, an organization that is.
func (r *Room) Authenticate(ctx context.Context, bearer secret.Text) (Issued, Sender, error) {
	if !strings.HasPrefix(bearer.Reveal(), Prefix) {
		return Issued{}, Sender{}, errToken
	}
	hash, now := bearer.Digest(), r.Clock.Mono()
	r.tokens.mu.Lock()
	held, ok := r.tokens.known[hash]
	r.tokens.mu.Unlock()
	if !ok || now-held.at >= org.Freshness {
		var err error
		if held, err = r.readToken(ctx, hash); err != nil {
			return Issued{}, Sender{}, err
		}
		held.at = now
		r.tokens.put(hash, held)
	}
	if !r.Clock.Now().Before(held.token.Ends) || !held.sender.Enabled {
		return Issued{}, Sender{}, errToken
	}
	r.tokens.note(held.token, r.Clock.Now())
	return held.token, held.sender, nil
}

func (r *Room) readToken(ctx context.Context, hash string) (held heldToken, err error) {
	err = r.lookUp(ctx, func(v *store.View) (err error) {
		if held.token, err = tokenByHash(v, hash); err != nil {
			return err
		}
		held.sender, err = senderOf(v.Org(held.token.Org), held.token.Sender)
		return err
	})
	if errors.Is(err, store.ErrNoRow) || fault.Code(err) == "sender-unknown" {
		return held, errToken
	}
	if err != nil {
		return held, err
	}
	o, err := r.Register.Organization(ctx, held.token.Org)
	if f := fault.As(err); f != nil && f.Kind == fault.NotFound || err == nil && o.State != org.Active {
		return held, errToken
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
func (m *tokenMemory) note(t Issued, now time.Time) {
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
func (m *tokenMemory) withUse(all []Issued) []Issued {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range all {
		if at := m.used[all[i].ID]; at.After(all[i].Used) {
			all[i].Used = at
		}
	}
	return all
}
