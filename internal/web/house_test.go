package web_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web"
	"github.com/sekisho/sekisho/internal/web/ui"
	"github.com/sekisho/sekisho/internal/words"
)

const (
	base     = "https://sekisho.example"
	host     = "sekisho.example"
	session  = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	bearer   = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
	chika    = id.Principal("person:chika")
	writable = "thing.write"
)

var start = time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)

// door knows one session and one token.
type door struct {
	mu      sync.Mutex
	revoked bool
	seen    []web.Credentials
}

func (d *door) Authenticate(_ context.Context, c web.Credentials) (web.Actor, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen = append(d.seen, c)
	actor := web.Actor{Principal: chika, Session: "s1", ACR: "2", AMR: []string{"hwk"}, At: start}
	switch {
	case d.revoked:
		return web.Actor{}, fault.New(fault.Unknown, "not-signed-in")
	case c.Peer.Local:
		return web.Actor{Principal: id.Local(c.Peer.UID)}, nil
	case c.Session.Reveal() == session, c.Bearer.Reveal() == bearer:
		return actor, nil
	case c.Session.Empty() && c.Bearer.Empty():
		return web.Actor{}, nil
	}
	return web.Actor{}, fault.New(fault.Unknown, "not-signed-in")
}

func (d *door) alive(context.Context, web.Actor) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.revoked {
		return fault.New(fault.Unknown, "not-signed-in")
	}
	return nil
}

func may(_ context.Context, _ web.Actor, permission, target string) error {
	if permission == writable && target != "locked" {
		return nil
	}
	return fault.New(fault.Forbidden, "not-permitted", "permission", permission)
}

type thing struct {
	Title string            `json:"title" minLength:"3" maxLength:"10"`
	Count int               `json:"count,omitempty" minimum:"1"`
	Words map[string]string `json:"words,omitempty"`
}

type (
	thingInput  struct{ Body thing }
	thingOutput struct{ Body thing }
)

// site is a mux with a few routes of every kind.
type site struct {
	*web.Mux
	door  *door
	clock *clock.Moved
	log   *strings.Builder
}

type option func(*web.Options)

func newSite(t testing.TB, options ...option) *site {
	t.Helper()
	book, err := words.Load(web.Words)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{door: &door{}, clock: clock.NewMoved(start), log: new(strings.Builder)}
	o := web.Options{
		BaseURL: base, Book: book, Clock: s.clock, Version: "1",
		Log:           slog.New(slog.NewJSONHandler(s.log, nil)),
		Rates:         map[string]web.Rate{},
		Authenticator: s.door, May: may, Alive: s.door.alive,
		Banners: func(context.Context, words.Lang) []ui.Banner { return []ui.Banner{{Title: "Works on Sunday"}} },
	}
	for _, change := range options {
		change(&o)
	}
	s.Mux, err = web.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.furnish()
	return s
}

func (s *site) furnish() {
	say := func(text string) web.Handler {
		return func(v *web.Visit) error { return v.Show("Page", ui.Text(text)) }
	}
	s.Page(web.Route{Method: "GET", Path: "/{$}", Permission: web.Public}, say("open"))
	s.Page(web.Route{Method: "GET", Path: "/things", Permission: "thing.read"}, say("things"))
	s.Page(web.Route{Method: "GET", Path: "/things/{id}", Permission: writable, Target: "id"}, say("one thing"))
	s.Page(web.Route{Method: "POST", Path: "/things", Permission: writable}, func(v *web.Visit) error {
		form, err := v.Form()
		if err != nil {
			return err
		}
		return v.See(form.Get("back"))
	})
	s.Page(web.Route{Method: "GET", Path: "/panic", Permission: web.Public}, func(*web.Visit) error { panic("secret cause") })
	s.Page(web.Route{Method: "GET", Path: "/broken", Permission: web.Public}, func(*web.Visit) error {
		return fault.New(fault.Broken, "disk-on-fire", "path", "/etc/secret").Because(io.ErrUnexpectedEOF)
	})
	s.Protocol(web.Route{Method: "POST", Path: "/token", Permission: web.Public}, func(v *web.Visit) error {
		v.Writer().Header().Set("Content-Type", "text/plain")
		_, err := io.WriteString(v.Writer(), string(v.Actor().Principal)+" "+v.Request().Header.Get("Cookie"))
		return err
	}, nil)
	echo := func(_ context.Context, in *thingInput) (*thingOutput, error) { return &thingOutput{in.Body}, nil }
	web.API(s.Mux, web.Route{Permission: writable}, huma.Operation{OperationID: "make-thing", Method: "POST", Path: "/things"}, echo)
	web.API(s.Mux, web.Route{Permission: web.Public}, huma.Operation{OperationID: "broken", Method: "GET", Path: "/broken"},
		func(context.Context, *struct{}) (*thingOutput, error) { return nil, io.ErrClosedPipe })
}

// request makes one with the given headers, alternating name and value.
func request(method, target, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = host
	r.RemoteAddr = "203.0.113.9:4711"
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header[http.CanonicalHeaderKey(headers[i])] = append(r.Header[http.CanonicalHeaderKey(headers[i])], headers[i+1])
	}
	return r
}

func (s *site) serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func (s *site) ask(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	return s.serve(request(method, target, body, headers...))
}

func (s *site) askHost(host, path string) *httptest.ResponseRecorder {
	r := request("GET", path, "", "X-Forwarded-Host", "sekisho.example", "Forwarded", "host=sekisho.example")
	r.Host = host
	return s.serve(r)
}

func signedIn(more ...string) []string {
	return append([]string{"Cookie", "__Host-sekisho=" + session}, more...)
}

func form(more ...string) []string {
	return append([]string{"Content-Type", "application/x-www-form-urlencoded", "Origin", base}, more...)
}

func asJSON(more ...string) []string {
	return append([]string{"Content-Type", "application/json", "Authorization", "Bearer " + bearer}, more...)
}
