// Package connectortest holds the laws that every definition of an outside system
// keeps: those of the product, and a customer's own. They run over the examples
// that a definition carries, against a server that answers as recorded or as
// badly as systems do.
package connectortest

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/connector/definition"
	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/secret"
)

// canary is what credentials are made of here; nobody else may say it.
const canary = "canary-31b7e0-token"

// Laws runs all laws over the definition.
func Laws(t *testing.T, d *connector.Definition) {
	t.Helper()
	quick := *d
	quick.Limits.RPS, quick.Limits.Burst, quick.Limits.Timeout = 1000, 10_000, 300*time.Millisecond
	s := &suite{d: &quick, engine: engine(t)}
	t.Run("examples", s.examples)
	if len(s.shown()) == 0 {
		t.Fatal("the definition carries no tests")
	}
	t.Run("C10 injection", s.injection)
	t.Run("bad answers", s.badAnswers)
	t.Run("C26 throttled", s.throttled)
	t.Run("C24 canary", s.canary)
	t.Run("C24 said back", s.saidBack)
}

// suite is the laws over one definition.
type suite struct {
	d      *connector.Definition
	engine *connector.Engine
}

func engine(t *testing.T) *connector.Engine {
	t.Helper()
	way, err := egress.New(egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	e := connector.NewEngine(connector.EngineOptions{Egress: way, Clock: hurried{clock.System()}})
	t.Cleanup(e.Close)
	return e
}

// hurried is a clock that keeps nobody waiting.
type hurried struct{ clock.Clock }

// After is ready at once.
func (h hurried) After(time.Duration) <-chan time.Time {
	ready := make(chan time.Time, 1)
	ready <- h.Now()
	return ready
}

// examples: those that the definition carries pass, they show that a lie is seen
// through (C1), that a person is not guessed (C5) and what a refusal looks like.
func (s *suite) examples(t *testing.T) {
	refused := map[string][]string{}
	for _, r := range connector.Examples(t.Context(), s.d) {
		if r.Why != "" {
			t.Errorf("%s:%d: %s: %s", s.d.ID, r.Line, r.Name, r.Why)
		}
	}
	for _, x := range s.d.Tests() {
		refused[x.Op] = append(refused[x.Op], x.Error)
	}
	for op, kind := range map[string]connector.Kind{
		connector.OpDecide: connector.NotApplied, connector.OpWhoami: connector.Unauthorized,
	} {
		if slices.Contains(s.d.Operations(), op) && !slices.Contains(refused[op], string(kind)) {
			t.Errorf("C1: no example shows %s coming to %s", op, kind)
		}
	}
	for _, op := range s.d.Operations() {
		if probe := s.d.Probe(op); definition.Writes(op) && probe.By == "" {
			t.Errorf("nobody can tell whether %s was done", op)
		}
	}
}

// system is a server that notes what it is asked and answers as told.
type system struct {
	*httptest.Server
	mu   sync.Mutex
	seen []*http.Request
	body [][]byte
}

// serve starts one; answer gets the number of the request, from 0.
func serve(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *system {
	t.Helper()
	s := &system{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		n := len(s.seen)
		s.seen, s.body = append(s.seen, r), append(s.body, body)
		s.mu.Unlock()
		answer(n, w, r)
	}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

func (s *system) requests() ([]*http.Request, [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen, bodies := s.seen, s.body
	s.seen, s.body = nil, nil
	return seen, bodies
}

// playing answers as the example recorded, in its order.
func playing(x *definition.Example) func(int, http.ResponseWriter, *http.Request) {
	return func(n int, w http.ResponseWriter, _ *http.Request) {
		if len(x.Exchanges) == 0 {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		play(w, &x.Exchanges[n%len(x.Exchanges)].Response)
	}
}

func play(w http.ResponseWriter, a *definition.RecordedResponse) {
	status, header, body := a.Plain()
	answer(w, status, header, body)
}

func answer(w http.ResponseWriter, status int, header http.Header, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	maps.Copy(w.Header(), header)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// call makes the call of an example at the server: every address that the
// example leaves open is the server's.
func (s *suite) call(x *definition.Example, base string) connector.Call {
	settings := map[string]any{}
	for _, setting := range s.d.Settings() {
		if setting.Type == definition.SettingURL {
			settings[setting.Name] = base
		}
	}
	maps.Copy(settings, x.Settings)
	return connector.Call{
		Definition: s.d, Settings: settings, Mode: x.Mode, NativeUser: x.User, Op: x.Op, Arg: maps.Clone(x.Arg),
		Credential: connector.Credential{AccessToken: secret.Of(canary), Token: secret.Of("1-14-" + canary), Username: secret.Of("service"), Password: secret.Of(canary)},
	}
}

// shown is one example of each operation that sends something.
func (s *suite) shown() []*definition.Example {
	var out []*definition.Example
	for _, x := range s.d.Tests() {
		if len(x.Exchanges) > 0 && !slices.ContainsFunc(out, func(y *definition.Example) bool { return x.Op == y.Op }) {
			out = append(out, x)
		}
	}
	return out
}

// bad are the answers of systems that do not keep to their own form, and the
// kinds that they may come to.
func bad(away string) map[string]struct {
	answer http.HandlerFunc
	kinds  []connector.Kind
} {
	type answers = struct {
		answer http.HandlerFunc
		kinds  []connector.Kind
	}
	text := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	form := []connector.Kind{connector.Invalid, connector.Failed, connector.NotFound, connector.AmbiguousUser, connector.NoSuchUser, connector.Forbidden}
	return map[string]answers{
		"C1 204 and nothing else": {text(204, ""), form},
		"200 and nothing else":    {text(200, ""), form},
		"null":                    {text(200, "null"), form},
		"text for JSON":           {text(200, "Please sign in"), form},
		"a number for a map":      {text(200, "7"), form},
		"C20 a number too large":  {text(200, `{"id":9007199254740993,"result":[{"sys_id":9007199254740993}]}`), []connector.Kind{connector.Invalid}},
		"empty 404":               {text(404, ""), []connector.Kind{connector.NotFound, connector.NoSuchUser}},
		"401":                     {text(401, ""), []connector.Kind{connector.Unauthorized}},
		"403 that is HTML":        {text(403, "<html>no</html>"), []connector.Kind{connector.Forbidden}},
		"500":                     {text(500, `{"error":{"message":"x"}}`), []connector.Kind{connector.Unavailable}},
		"C19 a redirect away": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, away+r.URL.Path, http.StatusTemporaryRedirect)
		}, []connector.Kind{connector.Failed}},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			for chunk := make([]byte, 1<<20); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, []connector.Kind{connector.Invalid}},
	}
}

// badAnswers: whatever a system answers, it is never taken for a yes, and the
// credential goes nowhere else.
func (s *suite) badAnswers(t *testing.T) {
	away := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	for name, b := range bad(away.URL) {
		t.Run(name, func(t *testing.T) {
			server := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) { b.answer(w, r) })
			for _, x := range s.shown() {
				out, err := s.engine.Run(t.Context(), s.call(x, server.URL))
				if err == nil && x.Op == connector.OpComment {
					continue // a comment has no answer to read: its probe tells
				}
				if !slices.Contains(b.kinds, connector.KindOf(err)) {
					t.Errorf("%s: %v, %v", x.Op, out, err)
				}
			}
			if seen, _ := away.requests(); len(seen) > 0 {
				t.Errorf("C19: %d requests went to another host, the first with %q", len(seen), seen[0].Header.Get("Authorization"))
			}
		})
	}
	t.Run("slow", func(t *testing.T) {
		server := serve(t, func(_ int, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		if _, err := s.engine.Run(t.Context(), s.call(s.shown()[0], server.URL)); connector.KindOf(err) != connector.Unavailable {
			t.Error(err)
		}
	})
}

// throttled: 429 is understood, and nothing is asked before its time (C26).
func (s *suite) throttled(t *testing.T) {
	server := serve(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	for _, x := range s.shown() {
		c := s.call(x, server.URL)
		c.Budget = connector.NewBudget(s.d.Limits, clock.System())
		for range 3 {
			_, err := s.engine.Run(t.Context(), c)
			p, ok := err.(*connector.Problem)
			if !ok || p.Kind != connector.Throttled || p.RetryAfter <= 5*time.Second || p.RetryAfter > 7*time.Second {
				t.Errorf("%s: %v", x.Op, err)
			}
		}
		if seen, _ := server.requests(); len(seen) != 1 {
			t.Errorf("%s: %d requests", x.Op, len(seen))
		}
	}
}

// canary: the credential is in its header and nowhere else, not even where the
// system says it back (C24).
func (s *suite) canary(t *testing.T) {
	for _, x := range s.shown() {
		server := serve(t, func(_ int, w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprintf(w, `{"error":{"message":%q},"message":%[1]q,"errorMessage":%[1]q}`, r.Header.Get("Authorization"))
		})
		c := s.call(x, server.URL)
		c.Trace = &connector.Trace{}
		_, err := s.engine.Run(t.Context(), c)
		seen, bodies := server.requests()
		said := fmt.Sprint(err, c.Trace.Exchanges(), bodies)
		for _, r := range seen {
			said += r.URL.String()
		}
		if slices.ContainsFunc([]string{said}, speaks) {
			t.Errorf("%s: %s", x.Op, said)
		}
	}
}
