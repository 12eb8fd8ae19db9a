package jobtest

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// landMost is how long after a call its effect may land.
const landMost = 60 * time.Millisecond

// outside plays the three systems. It never looks at whether its caller is
// gone.
type outside struct {
	mu     sync.Mutex
	landed map[string]int      // effects by marker
	calls  map[string]int      // calls by marker
	order  map[string][]string // markers by kind and ticket, first landings
	texts  map[string]string   // comments by ticket
	acked  map[string]bool     // decisions that the worker was told were durable
	allow  func() int
}

func newOutside() *outside {
	return &outside{
		landed: map[string]int{}, calls: map[string]int{}, order: map[string][]string{},
		texts: map[string]string{}, acked: map[string]bool{},
	}
}

func (o *outside) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{kind}/{ticket}", o.post)
	mux.HandleFunc("GET /field/{ticket}/{marker}", o.getField)
	mux.HandleFunc("GET /comment/{ticket}", o.getComments)
	mux.HandleFunc("POST /ack", o.ack)
	mux.HandleFunc("GET /allow", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, o.allow()) })
	return mux
}

// post lands after a while. Some calls are refused before anything is done, and
// some succeed and say that they failed.
func (o *outside) post(w http.ResponseWriter, r *http.Request) {
	marker, kind, ticket := r.Header.Get("Marker"), r.PathValue("kind"), r.PathValue("ticket")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<16))
	if err != nil || marker == "" {
		http.Error(w, "cannot read that", http.StatusBadRequest)
		return
	}
	chance := Between(0, 100)
	if chance == 0 {
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	}
	time.Sleep(Between(0, landMost))
	o.land(kind, ticket, marker, string(body))
	if chance == 1 {
		http.Error(w, "it was done, and this is a lie", http.StatusInternalServerError)
	}
}

func (o *outside) land(kind, ticket, marker, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls[marker]++
	if o.landed[marker] == 0 {
		o.order[kind+"/"+ticket] = append(o.order[kind+"/"+ticket], marker)
	} else if kind == idempotent {
		return
	}
	o.landed[marker]++
	if kind == comment {
		o.texts[ticket] += text + "\n"
	}
}

func (o *outside) getField(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.landed[r.PathValue("marker")] == 0 {
		http.NotFound(w, r)
	}
}

func (o *outside) getComments(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, _ = io.WriteString(w, o.texts[r.PathValue("ticket")])
}

func (o *outside) ack(_ http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.acked[r.Header.Get("Marker")] = true
}
