package web

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/secret"
)

// Keep has the browser keep a value beside the session, under a name of our
// own, for at most d: a step of signing in, the mark of a known browser. The
// cookie is as strict as the session's; it is nobody's credential by itself.
func (v *Visit) Keep(name string, value secret.Text, d time.Duration) {
	http.SetCookie(v.w, v.mux.beside(name, value.Reveal(), int(d/time.Second)))
}

// Kept returns what Keep left; empty if there is nothing, or several values, of
// which somebody else planted one (A175).
func (v *Visit) Kept(name string) secret.Text {
	values := sessionCookies(v.r, v.mux.CookieName()+"-"+name)
	if len(values) != 1 || len(values[0]) > maxCredential {
		return secret.Text{}
	}
	return secret.Of(values[0])
}

// Drop takes back what Keep left.
func (v *Visit) Drop(name string) { http.SetCookie(v.w, v.mux.beside(name, "", -1)) }

func (m *Mux) beside(name, value string, seconds int) *http.Cookie {
	c := m.cookie(value, seconds)
	c.Name += "-" + name
	return c
}

// Source is the address that the visit came from, as far as we believe it.
func (v *Visit) Source() string { return sourceName(v.rec) }

// RetryAfter says when to try again, on a page that came back because it was
// too early.
func (v *Visit) RetryAfter(d time.Duration) {
	v.w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(d.Seconds()))))
}
