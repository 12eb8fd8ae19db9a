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
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	m.mu.RLock()
	checks := m.checks
	m.mu.RUnlock()
	reasons := map[string]string{}
	if m.draining.Load() {
		reasons["server"] = "stopping"
	}
	for _, c := range checks {
		if err := c.probe(ctx); err != nil {
			reasons[c.name] = presentable(err).Code
			Note(ctx, "unready."+c.name, err.Error())
		}
	}
	return reasons
}

// Drain makes the process unready and ends every stream, before a stop.
func (m *Mux) Drain() {
	m.draining.Store(true)
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
