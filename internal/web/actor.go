package web

import (
	"context"
	"crypto/x509"
	"net/netip"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/words"
)

// Actor is who acts in a request, once somebody vouched for it.
type Actor struct {
	Principal id.Principal
	Org       id.Org    // the organization the actor works in; "" is the house
	Session   string    // public name of the session, never the cookie's value
	ACR       string    // how strongly the actor signed in
	AMR       []string  // by which methods (RFC 8176)
	At        time.Time // when the actor last proved who they are, as strongly as they can
	// Reached is when the session last reached a level, by its name ("aal2",
	// "passkey"); a level that is missing was never reached.
	Reached map[string]time.Time

	Name   string     // as pages call the actor; "" for what the principal says
	Lang   words.Lang // that the actor chose for all browsers; "" for the browser's
	Zone   string     // likewise, of the IANA database
	Scopes []string   // permissions that a token is limited to; nil is no limit
	Token  bool       // a bearer token, not a browser
}

// Recent is how old the last proof may be where a route says Fresh: long enough
// for one task, too short for a browser that was left open.
const Recent = 10 * time.Minute

// stepUp refuses an actor whose last proof is too old. Tokens cannot step up:
// what needs a person's presence is not for them.
func (a Actor) stepUp(fresh time.Duration, now time.Time) error {
	switch {
	case fresh == 0 || a.Principal.Kind() != id.KindPerson:
		return nil
	case a.Token:
		return fault.New(fault.Forbidden, "person-must-be-present")
	case now.Sub(a.At) > fresh:
		return fault.New(fault.Unknown, StepUp, "age", int(fresh/time.Second))
	}
	return nil
}

// beApp refuses who is no app.
func (a Actor) beApp() error {
	if a.Principal.Kind() != id.KindApp {
		return fault.New(fault.Forbidden, "only-for-apps")
	}
	return nil
}

// StepUp is the code of the refusal that a fresh proof would lift (RFC 9470).
const StepUp = "step-up-required"

// Known reports whether somebody authenticated stands behind a.
func (a Actor) Known() bool { return a.Principal.Known() }

// Peer is the other end of the connection.
type Peer struct {
	Local        bool // a process of this machine, over the control socket
	UID          int  // its user, if Local
	Certificates []*x509.Certificate
}

// Credentials are what a request brought to say who it is. At most one of
// Session and Bearer is set: a request with a bearer token has no session.
type Credentials struct {
	Session secret.Text // value of the session cookie; never set on the protocol edge
	Bearer  secret.Text // RFC 6750, from the Authorization header only
	Peer    Peer
	Source  netip.Addr
}

// Authenticator says who stands behind credentials. It returns the zero Actor
// and nil for nobody, a fault of kind Unknown for credentials that are wrong or
// over, and any other error when it cannot tell.
type Authenticator interface {
	Authenticate(ctx context.Context, c Credentials) (Actor, error)
}

// May decides whether the actor holds the permission on the target ("" is
// everything the permission names). nil is yes; a no is a fault of kind
// Forbidden, or NotFound where the existence of the target is a secret.
type May func(ctx context.Context, actor Actor, permission, target string) error

// Alive reports whether the actor's session still stands; any error ends it.
type Alive func(ctx context.Context, actor Actor) error

type contextKey struct{}

func recordOf(ctx context.Context) *record {
	rec, _ := ctx.Value(contextKey{}).(*record)
	if rec == nil {
		return &record{actor: Actor{Principal: id.Anonymous}}
	}
	return rec
}

// ActorOf returns who acts in the request that ctx belongs to.
func ActorOf(ctx context.Context) Actor { return recordOf(ctx).actor }

// Note adds a pair to the one log record of the request ("notice", id). Values
// are escaped and cut; secrets and personal fields do not belong there.
func Note(ctx context.Context, key, value string) {
	rec := recordOf(ctx)
	if len(rec.notes) < 2*maxNotes {
		rec.notes = append(rec.notes, key, value)
	}
}

// anonymous is the fault of a route that needs an actor and has none.
func anonymous() *fault.Fault { return fault.New(fault.Unknown, "not-signed-in") }
