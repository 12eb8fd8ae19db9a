package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/once"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// SetupLife is how long a set-up link can be redeemed, and how long the
// session that it opens lasts.
const SetupLife = time.Hour

// setupLink is the value in the link that an empty house prints at its start.
var setupLink = once.Declare(once.Kind{Name: "setup-link", Life: SetupLife, Size: 32})

// setupSubject owns every set-up link, so that a new one ends the older ones.
const setupSubject = "setup"

// sessionTopic changes whenever a set-up session begins or ends.
const sessionTopic = "console.setup-session"

// Session is a set-up session: who redeemed the link acts as setup:ID until
// Until. It is kept as a hash of the cookie's value.
type Session struct {
	ID    string
	Until time.Time
	At    time.Time
}

// Principal is who acts in the session.
func (s Session) Principal() id.Principal { return id.Setup(s.ID) }

// NewSetupLink makes the link for a house without people. Older links and the
// sessions that they opened end with it. The URL holds the only copy of the
// value.
func (r *Room) NewSetupLink(ctx context.Context, baseURL string) (secret.Text, error) {
	value := setupLink.New()
	by := id.System("start")
	err := r.store.House().Write(ctx, func(tx *store.Tx) store.End {
		links, err := once.Revoke(tx, setupSubject, setupLink)
		if err != nil {
			return store.Abort(err)
		}
		ended, err := endSessions(tx)
		if err != nil {
			return store.Abort(err)
		}
		if err := once.Mint(tx, setupLink, value, once.Slip{Subject: setupSubject}); err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: "setup.link-made", By: by, Fields: map[string]string{
			"until": tx.Now().Add(SetupLife).Format(time.RFC3339), "links_ended": count(links), "sessions_ended": count(ended),
		}})
	})
	err = errors.Join(err, r.loadSessions(ctx))
	link := baseURL + "/setup?" + url.Values{"link": {value.Reveal()}}.Encode()
	return secret.Of(link), err
}

// SetupLinkOpen says whether the value of a link can still be redeemed. It
// consumes nothing: mail scanners and previews may look (A055).
func (r *Room) SetupLinkOpen(ctx context.Context, value secret.Text) error {
	return r.store.House().Read(ctx, func(v *store.View) error {
		_, err := once.Peek(v, setupLink, value)
		return setupFault(err)
	})
}

// RedeemSetup consumes the link and opens a session. It returns the value of
// the cookie.
func (r *Room) RedeemSetup(ctx context.Context, value secret.Text) (secret.Text, Session, error) {
	cookie := secret.Random(32)
	now := r.clock.Now()
	session := Session{ID: id.New[string](now), At: now, Until: now.Add(SetupLife)}
	err := r.store.House().Write(ctx, func(tx *store.Tx) store.End {
		if _, err := once.Redeem(tx, setupLink, value, ""); err != nil {
			// Nothing to keep of a refusal: the edge counts it with all others
			// of nobody we know, so that they cannot fill the log.
			return store.Abort(setupFault(err))
		}
		if err := insertSession(tx, session, hash(cookie)); err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{
			Name: "setup.link-redeemed", By: session.Principal(), Target: string(session.Principal()),
			Fields: map[string]string{"until": session.Until.Format(time.RFC3339)},
		})
	})
	if err != nil {
		return secret.Text{}, Session{}, err
	}
	return cookie, session, r.loadSessions(ctx) // the next request must find it
}

// setupFault says where to find a link that counts.
func setupFault(err error) error {
	if f := fault.As(err); f != nil && f.Kind == fault.Unknown {
		return fault.New(fault.Unmet, "setup-link-invalid").Because(err)
	}
	return err
}

// SessionOf returns the session of a cookie's value; false if there is none,
// it is over, or it was ended (on another node: within 2 s).
func (r *Room) SessionOf(cookie secret.Text) (Session, bool) {
	session, ok := (*r.sessions.Load())[hash(cookie)]
	return session, ok && r.clock.Now().Before(session.Until)
}

// SessionStands reports whether the principal's session still stands.
func (r *Room) SessionStands(who id.Principal) bool {
	for _, session := range *r.sessions.Load() {
		if session.Principal() == who {
			return r.clock.Now().Before(session.Until)
		}
	}
	return false
}

// EndSession ends the session in which who acts.
func (r *Room) EndSession(ctx context.Context, who id.Principal) error {
	if who.Kind() != id.KindSetup {
		return nil
	}
	err := r.store.House().Write(ctx, func(tx *store.Tx) store.End {
		if err := endSession(tx, who.Rest()); err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: "setup.session-ended", By: who, Target: string(who)})
	})
	return errors.Join(err, r.loadSessions(ctx))
}

// hash is how a cookie's value is kept: it has 256 random bits, so no slow
// hash is needed.
func hash(cookie secret.Text) string {
	sum := sha256.Sum256(cookie.RevealBytes())
	return hex.EncodeToString(sum[:])
}
