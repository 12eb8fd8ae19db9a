package web

import (
	"net/http"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

// enterPage is the page edge: origin, actor, permission, handler.
func (m *Mux) enterPage(v *Visit, handler Handler) {
	if f := m.checkOrigin(v.r); f != nil {
		v.fail(f)
		return
	}
	if err := m.know(v, true); err != nil {
		v.fail(err)
		return
	}
	if err := handler(v); err != nil {
		v.fail(err)
	}
}

// enterProtocol is the protocol edge: the session cookie does not exist there.
func (m *Mux) enterProtocol(v *Visit, handler Handler, fail func(*Visit, Problem) error) {
	v.failWith = fail
	dropCookie(v.r, m.CookieName())
	err := m.know(v, false)
	if err == nil {
		err = handler(v)
	}
	if err != nil {
		v.fail(err)
	}
}

// enterAPI is the API edge up to the point where the body is read. A cookie
// counts like on a page: an unsafe method needs our Origin.
func (m *Mux) enterAPI(v *Visit) error {
	if _, bearer := bearerOf(v.r); !bearer && len(sessionCookies(v.r, m.CookieName())) > 0 {
		if f := m.checkOrigin(v.r); f != nil {
			return f
		}
	}
	return m.know(v, true)
}

// checkOrigin lets an unsafe method pass only from our own pages (A131). It is
// stricter than http.CrossOriginProtection, which lets a request without any
// header through.
func (m *Mux) checkOrigin(r *http.Request) *fault.Fault {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	if origin := r.Header["Origin"]; len(origin) != 1 || origin[0] != m.origin {
		return fault.New(fault.Forbidden, "origin-not-ours")
	}
	return nil
}

// know finds the actor and asks for the route's permission. Wrong credentials
// on a public route leave the visitor anonymous: the way to sign in must stay
// open.
func (m *Mux) know(v *Visit, cookies bool) error {
	route := v.rec.route
	actor, err := m.authenticate(v, cookies)
	if err != nil && route.Permission != Public {
		return err
	}
	if err != nil {
		Note(v.Context(), "unauthenticated", err.Error())
	}
	if actor.Known() {
		v.rec.actor = actor
		v.preferred()
	}
	v.r = v.r.WithContext(store.Around(v.r.Context(), circumstance(v.rec)))
	switch {
	case route.Permission == Public:
		return nil
	case !v.rec.actor.Known():
		return anonymous()
	case route.Permission == Apps:
		return v.rec.actor.beApp()
	case v.rec.actor.beApp() == nil: // a service token opens nothing else
		return fault.New(fault.Forbidden, "not-for-apps")
	case route.Permission == SignedIn:
		return v.rec.actor.stepUp(route.Fresh, v.Now())
	}
	target := ""
	if route.Target != "" {
		target = v.r.PathValue(route.Target)
	}
	err = v.May(route.Permission, target)
	if err != nil && (route.Or == "" || v.May(route.Or, target) != nil) {
		return err
	}
	return v.rec.actor.stepUp(route.Fresh, v.Now())
}

// preferred takes the language that the actor chose for all browsers, unless
// this browser was told another.
func (v *Visit) preferred() {
	if v.rec.actor.Lang == "" {
		return
	}
	if _, err := v.r.Cookie(langCookie); err != nil {
		v.rec.lang = v.rec.actor.Lang
	}
}

// circumstance is what the witness notes about the request in which something
// happens.
func circumstance(rec *record) store.Circumstance {
	trust := "peer"
	switch {
	case rec.peer.Local:
		trust = "socket"
	case rec.source.Forwarded:
		trust = "forwarded"
	}
	c := store.Circumstance{
		Request: rec.id, Trust: trust, Session: rec.actor.Session, ACR: rec.actor.ACR, AMR: rec.actor.AMR,
	}
	if rec.source.Addr.IsValid() {
		c.Source = rec.source.Addr.String()
	}
	return c
}

func (m *Mux) authenticate(v *Visit, cookies bool) (Actor, error) {
	given := Credentials{Peer: v.rec.peer, Source: v.rec.source.Addr}
	if bearer, present := bearerOf(v.r); present {
		if bearer == "" {
			return Actor{}, fault.New(fault.Unknown, "credentials-malformed")
		}
		given.Bearer = secret.Of(bearer)
	} else if cookies {
		values := sessionCookies(v.r, m.CookieName())
		if len(values) > 1 || (len(values) == 1 && !harmlessValue(values[0])) {
			return Actor{}, fault.New(fault.Unknown, "credentials-malformed")
		}
		if len(values) == 1 {
			given.Session = secret.Of(values[0])
		}
	}
	if m.options.Authenticator == nil {
		return Actor{}, nil
	}
	return m.options.Authenticator.Authenticate(v.Context(), given)
}

// bearerOf reports whether the request speaks through Authorization at all; ""
// with true is a header that is not one well-formed bearer token.
func bearerOf(r *http.Request) (string, bool) {
	values := r.Header["Authorization"]
	if len(values) == 0 {
		return "", false
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") || !harmlessValue(token) {
		return "", true
	}
	return token, true
}

const maxCredential = 4 << 10

// harmlessValue reports whether s is a token68 of RFC 9110 §11.2.
func harmlessValue(s string) bool {
	if s == "" || len(s) > maxCredential {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !strings.ContainsRune("-._~+/=", rune(c)) {
			return false
		}
	}
	return true
}

// sessionCookies returns the values of every cookie with the session's name.
// It reads the header by hand, because net/http drops a cookie it finds
// malformed, and a dropped one would not be refused (A175).
func sessionCookies(r *http.Request, name string) []string {
	var values []string
	for _, line := range r.Header["Cookie"] {
		for part := range strings.SplitSeq(line, ";") {
			key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			if key == name {
				values = append(values, value)
			}
		}
	}
	return values
}

func dropCookie(r *http.Request, name string) {
	var kept []string
	for _, line := range r.Header["Cookie"] {
		for part := range strings.SplitSeq(line, ";") {
			part = strings.TrimSpace(part)
			if key, _, _ := strings.Cut(part, "="); key != name && part != "" {
				kept = append(kept, part)
			}
		}
	}
	if delete(r.Header, "Cookie"); len(kept) > 0 {
		r.Header.Set("Cookie", strings.Join(kept, "; "))
	}
}

// CookieName is the name of the session cookie: __Host- ties it to this host
// and to https; on http://localhost alone browsers would refuse that.
func (m *Mux) CookieName() string {
	if m.secure {
		return "__Host-sekisho"
	}
	return "sekisho"
}
