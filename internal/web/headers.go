package web

import (
	"net/http"
	"strings"
	"time"
	_ "time/tzdata" // the reader's zone must not depend on the machine's files

	"github.com/sekisho/sekisho/internal/words"
)

const (
	// pagePolicy lets a page load from us and nowhere else; nothing inline runs.
	pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
	barePolicy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
	features   = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), " +
		"microphone=(), midi=(), payment=(), usb=(), publickey-credentials-get=(self), publickey-credentials-create=(self)"
	aYear = "max-age=31536000"
)

// setHeaders writes the headers that every answer carries, errors included.
func (m *Mux) setHeaders(h http.Header, request string) {
	h["Content-Security-Policy"] = []string{barePolicy}
	h["X-Frame-Options"] = []string{"DENY"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["Referrer-Policy"] = []string{"no-referrer"}
	h["Permissions-Policy"] = []string{features}
	h["Cross-Origin-Opener-Policy"] = []string{"same-origin"}
	h["Cross-Origin-Resource-Policy"] = []string{"same-origin"}
	h["Cache-Control"] = []string{"no-store"}
	h["X-Request-Id"] = []string{request}
	if m.secure {
		h["Strict-Transport-Security"] = []string{aYear}
	}
}

// endAmbiguous closes the connection after a body whose length two parsers may
// see in two ways: net/http drops the Content-Length beside a chunked coding
// before anybody can refuse it, and RFC 9112 §6.1 wants nothing read after it.
func endAmbiguous(h http.Header, r *http.Request) {
	if r.ProtoMajor == 1 && (r.ProtoMinor == 0 || len(r.TransferEncoding) > 0) {
		h["Connection"] = []string{"close"}
	}
}

const (
	langCookie = "sekisho-lang"
	zoneCookie = "sekisho-zone"
)

// langOf is what the reader chose, else what the browser prefers.
func (m *Mux) langOf(r *http.Request) words.Lang {
	if c, err := r.Cookie(langCookie); err == nil {
		for _, lang := range words.Langs {
			if c.Value == string(lang) {
				return lang
			}
		}
	}
	return words.Pick(r.Header.Get("Accept-Language"))
}

// zoneOf is the zone that the page's script found in the browser.
func zoneOf(r *http.Request) *time.Location {
	c, err := r.Cookie(zoneCookie)
	if err != nil {
		return time.UTC
	}
	return loadZone(c.Value)
}

// loadZone returns UTC for a name that is no zone.
func loadZone(name string) *time.Location {
	if len(name) > 64 || name == "Local" {
		return time.UTC
	}
	if zone, known := zones.Load(name); known {
		return zone.(*time.Location) //nolint:forcetypeassert // only this function stores
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	zones.Store(name, zone) // bounded: a zone that exists
	return zone
}

// registerPreferences serves the language switch. It is a form, so that it
// works without scripts, and takes effect on the page it was pressed on.
func (m *Mux) registerPreferences() {
	m.Page(Route{Method: http.MethodPost, Path: "/language", Permission: Public}, func(v *Visit) error {
		form, err := v.Form()
		if err != nil {
			return err
		}
		if lang := words.Pick(form.Get("lang")); strings.EqualFold(string(lang), form.Get("lang")) {
			http.SetCookie(v.w, &http.Cookie{
				Name: langCookie, Value: string(lang), Path: "/", MaxAge: 365 * 24 * 3600,
				HttpOnly: true, Secure: m.secure, SameSite: http.SameSiteLaxMode,
			})
		}
		return v.See(form.Get("back"))
	})
	m.Page(Route{Method: http.MethodGet, Path: "/problems/{code}", Permission: Public}, showProblemKind)
}
