package web

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
)

const (
	healthPath = "/healthz"
	readyPath  = "/readyz"
	checkLimit = 2 * time.Second
)

type check struct {
	name  string
	probe func(context.Context) error
}

// Check registers a reason for which the process may be alive but not ready
// ("seal", "database"). The probe answers within two seconds; the code of its
// fault is shown, nothing else.
func (m *Mux) Check(name string, probe func(context.Context) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checks = append(m.checks, check{name, probe})
}

func (m *Mux) registerHealth() {
	m.handle(Route{Method: http.MethodGet, Path: healthPath, Permission: Public, Edge: EdgeHouse}, func(v *Visit) {
		writeJSON(v.w, http.StatusOK, map[string]string{"status": "alive"})
	})
	m.handle(Route{Method: http.MethodGet, Path: readyPath, Permission: Public, Edge: EdgeHouse}, func(v *Visit) {
		reasons := m.Unready(v.Context())
		if len(reasons) == 0 {
			writeJSON(v.w, http.StatusOK, map[string]string{"status": "ready"})
			return
		}
		v.w.Header().Set("Retry-After", "1")
		writeJSON(v.w, http.StatusServiceUnavailable, map[string]any{"status": "not ready", "reasons": reasons})
	})
}

// Unready returns why the process is not ready, by name of the check; empty
// when it is.
func (m *Mux) Unready(ctx context.Context) map[string]string {
	reasons := map[string]string{}
	if m.draining.Load() {
		reasons["server"] = "stopping"
	}
	for name, err := range m.look(ctx).failed {
		reasons[name] = presentable(err).Code
		Note(ctx, "unready."+name, err.Error())
	}
	return reasons
}

// looking is one look at all checks. Whoever asks meanwhile gets its answer:
// anybody may ask, as often as they like, and each probe takes a connection.
type looking struct {
	done   chan struct{}
	failed map[string]error
}

func (m *Mux) look(ctx context.Context) *looking {
	m.mu.Lock()
	now, checks := m.looking, m.checks
	first := now == nil
	if first {
		now = &looking{done: make(chan struct{})}
		m.looking = now
	}
	m.mu.Unlock()
	if !first {
		<-now.done // bounded by checkLimit
		return now
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkLimit)
	defer cancel()
	defer func() { // a probe that panics must not leave anybody waiting
		m.mu.Lock()
		m.looking = nil
		m.mu.Unlock()
		close(now.done)
	}()
	now.failed = map[string]error{}
	for _, c := range checks {
		if err := c.probe(ctx); err != nil {
			now.failed[c.name] = err
		}
	}
	return now
}

// Leave makes the process unready while it goes on answering, each connection
// once more: idle ones are not cut, because a request may be on its way on them.
func (m *Mux) Leave() { m.draining.Store(true) }

// Drain makes the process unready and ends every stream, before a stop.
func (m *Mux) Drain() {
	m.Leave()
	m.hub.Close()
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		text = []byte("{}")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// showProblemKind says in words what the "type" of a problem names.
func showProblemKind(v *Visit) error {
	code := v.Path("code")
	book := v.mux.options.Book
	if !book.Has("problem." + code) {
		return fault.New(fault.NotFound, "page-not-found")
	}
	return v.Show(code, problemKind(v, code))
}
