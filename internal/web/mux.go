package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/a-h/templ"
	"github.com/danielgtaylor/huma/v2"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/meter"
	"github.com/sekisho/sekisho/internal/web/ui"
	"github.com/sekisho/sekisho/internal/words"
)

// Edge is one of the ways in.
type Edge string

// The edges.
const (
	EdgePage     Edge = "page"     // for people: cookie session, HTML, errors as pages
	EdgeAPI      Edge = "api"      // for programs and our own pages: JSON, errors as problems
	EdgeProtocol Edge = "protocol" // for other systems: never sees the session cookie
	EdgeHouse    Edge = "house"    // assets, health and the event stream
)

// What a route may require besides a permission of the house.
const (
	Public   = "public"    // anybody
	SignedIn = "signed-in" // anybody who is known, but no app
	Apps     = "apps"      // apps, and nobody else
)

// Route is one line of the router.
type Route struct {
	Method string
	Path   string // a pattern of http.ServeMux, "/notices/{id}"
	// Permission is Public, SignedIn or a permission such as "notice.write",
	// asked before the handler runs.
	Permission string
	// Or is another permission that opens the route as well, for a handler that
	// shows less or other things by it and asks again which of them counts; ""
	// for none.
	Or string
	// Target names the wildcard of Path whose value is the permission's target;
	// "" asks for the permission on everything.
	Target string
	// Class is the rate limit that counts; "" is the edge's own.
	Class string
	// Sealed routes answer while the keys of the house are away.
	Sealed bool
	// Large lets a body of up to MaxLarge bytes in, once the actor is known and
	// permitted.
	Large bool
	// Fresh demands that the actor proved who they are within that time (a
	// step-up otherwise); 0 does not. Recent is the usual value.
	Fresh time.Duration
	Edge  Edge // set on registration
}

// Handler answers one request or returns why not. The error is rendered and
// logged by the edge; a handler that returned an error has written nothing.
type Handler func(*Visit) error

// Options is what the house plugs into the mux. Book, Clock, BaseURL and Log
// are required.
type Options struct {
	BaseURL        string   // issuer, links and the one allowed Origin come from it
	Hosts          []string // further Host values that are served ("sekisho.internal:8443")
	TrustedProxies []string // CIDRs or addresses of proxies whose forwarding headers count
	TrustAnyPeer   bool     // the override that 0.0.0.0/0 and ::/0 need (A178)
	Version        string   // of the API's description
	Book           *words.Book
	Clock          clock.Clock
	Log            *slog.Logger
	Meter          *meter.Set // nil: no metrics

	Authenticator Authenticator // nil: nobody is ever known
	May           May           // nil: every permission is refused
	Alive         Alive         // nil: sessions end with their streams only

	Rates map[string]Rate // by class; nil: DefaultRates

	// Closed says why only health and Sealed routes answer; nil or a nil fault:
	// everything answers.
	Closed func() *fault.Fault
	// Refused is told of every request that was refused for who asked: not
	// known, not permitted, too fast, or with something that does not count.
	Refused func(ctx context.Context, actor Actor, f *fault.Fault)

	// Banners returns the announcements to show on every page, in the reader's
	// language.
	Banners func(ctx context.Context, lang words.Lang) []ui.Banner
	// Links returns what the top bar offers to the actor.
	Links func(ctx context.Context, actor Actor, lang words.Lang) []ui.Link
	// Account returns what the top bar says of the actor; nil: nothing.
	Account func(ctx context.Context, actor Actor, lang words.Lang) *ui.Account
	// Rail returns the entries of the section that a path is in, shown beside
	// the page; nil or empty: none.
	Rail func(ctx context.Context, actor Actor, path string, lang words.Lang) []ui.Link
	// BannerTopic is the topic that changes with the announcements; pages that
	// follow it show them live. "" for none.
	BannerTopic string
	// SignOut is the path that a session is ended at by a POST; "" for none.
	SignOut string
	// Search is the path of search everywhere, which the top bar offers to who is
	// known; what stands under Search+"/hints" answers while they type. "" for
	// none.
	Search string
	// About is what the house shows below a page about a thing, Ending what it
	// shows before the thing is deleted; nil: nothing.
	About, Ending func(v *Visit, target string) (templ.Component, error)
	// Entrance is what a page offers to somebody who is not signed in, whose
	// session is over or who must prove again who they are: the way to do so;
	// nil: nothing.
	Entrance func(v *Visit, f *fault.Fault) templ.Component
}

// Mux is the one router of the house.
type Mux struct {
	options Options
	base    *url.URL
	origin  string
	secure  bool
	hosts   []string
	proxies proxies
	mux     *http.ServeMux
	api     huma.API
	limits  *limits
	hub     *Hub
	assets  *ui.Shelf
	timer   *meter.Timer
	buffers sync.Pool

	draining atomic.Bool

	mu       sync.RWMutex
	routes   []Route
	checks   []check
	examples map[string][]Example // by operation

	namer     namer
	described func() (*description, error)

	looking *looking // nil: nobody asks at the moment
}

// New makes the mux, with assets, health, the event stream and the API's
// description registered.
func New(options Options) (*Mux, error) {
	base, err := parseBase(options.BaseURL)
	if err != nil {
		return nil, err
	}
	trusted, err := parseProxies(options.TrustedProxies, options.TrustAnyPeer)
	if err != nil {
		return nil, err
	}
	if options.Book == nil || options.Clock == nil || options.Log == nil {
		return nil, errors.New("web: Book, Clock and Log are required")
	}
	if options.Rates == nil {
		options.Rates = DefaultRates
	}
	m := &Mux{
		options: options, base: base, origin: base.Scheme + "://" + base.Host,
		secure: base.Scheme == "https", hosts: append([]string{base.Host}, options.Hosts...),
		proxies: trusted, mux: http.NewServeMux(), assets: ui.Assets(),
		limits: newLimits(options.Clock, options.Rates, maxBuckets),
		hub:    newHub(maxStreams, maxStreamsPerKey),
	}
	if options.Meter != nil {
		m.timer = options.Meter.Timer("http_request", "Requests by edge, route and status.", "edge", "route", "status")
		options.Meter.Gauge("event_streams", "Open event streams.", func() float64 { return float64(m.hub.Open()) })
		options.Meter.Gauge("rate_buckets", "Rate limit counters held.", func() float64 { return float64(m.limits.size()) })
	}
	m.namer.unnamed = map[reflect.Type]string{}
	m.api = newAPI(m)
	m.registerOwn()
	return m, nil
}

// parseBase checks the base URL: without https the session cookie loses its
// protection, so http is for the machine itself alone.
func parseBase(text string) (*url.URL, error) {
	base, err := url.Parse(text)
	if err != nil {
		return nil, fault.New(fault.Invalid, "base-url-malformed", "url", text).Because(err)
	}
	plain := base.User == nil && base.RawQuery == "" && base.Fragment == "" && (base.Path == "" || base.Path == "/")
	if !plain || base.Host == "" || (base.Scheme != "https" && base.Scheme != "http") {
		return nil, fault.New(fault.Invalid, "base-url-malformed", "url", text)
	}
	if base.Scheme == "http" && !isLoopbackName(base.Hostname()) {
		return nil, fault.New(fault.Invalid, "base-url-not-https", "url", text)
	}
	base.Path, base.Host = "", strings.ToLower(base.Host)
	return base, nil
}

func isLoopbackName(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// BaseURL returns the base URL without a trailing slash.
func (m *Mux) BaseURL() string { return m.origin }

// Hub returns where changes are published that pages wait for.
func (m *Mux) Hub() *Hub { return m.hub }

// Routes returns every route, in the order of registration.
func (m *Mux) Routes() []Route {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Clone(m.routes)
}

// Page registers a page.
func (m *Mux) Page(route Route, handler Handler) {
	route.Edge = EdgePage
	m.handle(route, func(v *Visit) { m.enterPage(v, handler) })
}

// Protocol registers an endpoint of an outside protocol. fail renders an error
// as that protocol does, after ProblemOf made it presentable; nil answers
// problem+json.
func (m *Mux) Protocol(route Route, handler Handler, fail func(*Visit, Problem) error) {
	route.Edge = EdgeProtocol
	m.handle(route, func(v *Visit) { m.enterProtocol(v, handler, fail) })
}

func (m *Mux) handle(route Route, enter func(*Visit)) {
	if route.Permission == "" {
		panic(fmt.Sprintf("web: %s %s declares no permission and is not public", route.Method, route.Path))
	}
	if route.Class == "" {
		route.Class = string(route.Edge)
	}
	m.mu.Lock()
	m.routes = append(m.routes, route)
	m.mu.Unlock()
	m.mux.HandleFunc(route.Method+" "+route.Path, func(w http.ResponseWriter, r *http.Request) {
		rec := recordOf(r.Context())
		rec.matched, rec.route = true, &route
		v := &Visit{mux: m, w: w, r: r, rec: rec}
		if wait := m.limits.take(rec.source.Addr, route.Class); wait > 0 {
			v.fail(tooFast(wait))
			return
		}
		if m.options.Closed != nil && route.Edge != EdgeHouse && !route.Sealed {
			if f := m.options.Closed(); f != nil {
				v.fail(f)
				return
			}
		}
		enter(v)
	})
}

func (m *Mux) registerOwn() {
	m.registerHealth()
	m.registerAssets()
	m.registerApp()
	m.registerEvents()
	m.registerPreferences()
	m.registerDescription()
	m.registerDocs()
}

// ServeHTTP answers a request of the public listener or the control socket.
func (m *Mux) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	rec := &record{start: m.options.Clock.Mono(), actor: Actor{Principal: id.Anonymous}}
	w := &writer{ResponseWriter: rw, rec: rec}
	rec.peer = peerOf(r)
	rec.source = m.proxies.source(r)
	rec.id = m.proxies.requestID(r, m.options.Clock)
	stripForwarding(r.Header)
	rec.lang = m.langOf(r)
	ctx := context.WithValue(r.Context(), contextKey{}, rec)
	r = r.WithContext(ctx)
	m.setHeaders(w.Header(), rec.id)
	endAmbiguous(w.Header(), r)
	if m.draining.Load() { // on HTTP/2 it becomes a GOAWAY
		w.Header()["Connection"] = []string{"close"}
	}
	defer m.log(ctx, r.Method, rec, w)
	defer m.catch(w, r, rec)
	if m.admit(w, r, rec) {
		m.mux.ServeHTTP(w, r)
		if !rec.matched {
			m.unmatched(w, r, rec)
		}
	}
}

// admit refuses what no route should see.
func (m *Mux) admit(w *writer, r *http.Request, rec *record) bool {
	refuse := func(f *fault.Fault) bool {
		rec.matched = true
		(&Visit{mux: m, w: w, r: r, rec: rec}).fail(f)
		return false
	}
	if f := checkTarget(r); f != nil {
		return refuse(f)
	}
	if rec.peer.Local || m.hostServed(r) {
		return true
	}
	if r.URL.Path == healthPath || r.URL.Path == readyPath {
		return true
	}
	if (r.Method == http.MethodGet || r.Method == http.MethodHead) && loopbackLiteral(r) {
		rec.matched = true
		http.Redirect(w, r, m.origin+r.URL.RequestURI(), http.StatusSeeOther)
		return false
	}
	return refuse(fault.New(fault.Invalid, "host-not-served"))
}

func (m *Mux) hostServed(r *http.Request) bool {
	host := strings.ToLower(r.Host)
	return slices.ContainsFunc(m.hosts, func(h string) bool { return sameHost(m.base.Scheme, h, host) })
}

// sameHost compares host[:port], the scheme's own port being optional.
func sameHost(scheme, a, b string) bool {
	port := map[string]string{"https": ":443", "http": ":80"}[scheme]
	return strings.TrimSuffix(a, port) == strings.TrimSuffix(b, port)
}

// loopbackLiteral reports whether a browser on this machine asked a loopback
// listener by address: passkeys refuse an IP literal, so it is sent on.
func loopbackLiteral(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = strings.Trim(r.Host, "[]")
	}
	named, err := netip.ParseAddr(host)
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if err != nil || local == nil || !named.IsLoopback() {
		return false
	}
	bound, err := netip.ParseAddrPort(local.String())
	return err == nil && bound.Addr().Unmap().IsLoopback()
}

// unmatched answers what the mux could not place; its own text was held back.
func (m *Mux) unmatched(w *writer, r *http.Request, rec *record) {
	f := fault.New(fault.NotFound, "page-not-found")
	if w.status == http.StatusMethodNotAllowed {
		f = fault.New(fault.Invalid, "method-not-allowed", "allow", w.Header().Get("Allow"))
	} else {
		w.Header().Del("Location")
	}
	rec.matched, w.status = true, 0
	v := &Visit{mux: m, w: w, r: r, rec: rec}
	if wait := m.limits.take(rec.source.Addr, "none"); wait > 0 {
		f = tooFast(wait)
	}
	v.fail(f)
}

// catch answers a handler that panicked. http.ErrAbortHandler stays a panic:
// it is how a handler tears the connection.
func (m *Mux) catch(w *writer, r *http.Request, rec *record) {
	reason := recover()
	if reason == nil {
		return
	}
	if reason == http.ErrAbortHandler { //nolint:errorlint // compared as net/http does
		panic(reason)
	}
	m.logPanic(r.Context(), rec.id, reason)
	rec.matched = true
	v := &Visit{mux: m, w: w, r: r, rec: rec}
	err := fmt.Errorf("handler panicked: %v", reason)
	if w.status != 0 {
		rec.fault = err
		return
	}
	v.fail(err)
}
