package fake

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
)

// Answer is what an API says. A nil Body is none; a string is text as it
// stands; anything else is JSON.
type Answer struct {
	Status int
	Header http.Header
	Body   any
	Cut    bool // the connection ends without an answer
}

// Write sends it.
func (a Answer) Write(w http.ResponseWriter) {
	if a.Cut {
		hangUp(w)
		return
	}
	for name, values := range a.Header {
		w.Header()[name] = values
	}
	text, plain := a.Body.(string)
	if !plain && a.Body != nil {
		out, err := json.Marshal(a.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		text = string(out)
	}
	if a.Body != nil && w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	}
	w.Header().Set("Cache-Control", "no-store")
	if a.Status == 0 {
		a.Status = http.StatusOK
	}
	w.WriteHeader(a.Status)
	_, _ = io.WriteString(w, text) // the caller went away
}

// hangUp resets the connection.
func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // what net/http has for it where there is no connection of our own (HTTP/2)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // RST in place of FIN
	}
	_ = conn.Close()
}

// callKey finds the call of a request in its context.
type callKey struct{}

// Known notes who calls, once that is known.
func Known(r *http.Request, login string) {
	if n, ok := r.Context().Value(callKey{}).(*noted); ok {
		n.stage.note(func() { n.call.Who = login })
	}
}

// noted keeps the status of an answer.
type noted struct {
	http.ResponseWriter
	stage *Stage
	call  *Call
}

func (n *noted) WriteHeader(status int) {
	n.stage.note(func() { n.call.Status = status })
	n.ResponseWriter.WriteHeader(status)
}

func (n *noted) Write(p []byte) (int, error) {
	n.stage.note(func() {
		if n.call.Status == 0 {
			n.call.Status = http.StatusOK
		}
	})
	return n.ResponseWriter.Write(p)
}

func (n *noted) Unwrap() http.ResponseWriter { return n.ResponseWriter }

// Refusals are how a system says what went wrong.
type Refusals struct {
	Throttled func(retry time.Duration) Answer
	Broken    func() Answer
}

// fate is what befalls one call.
type fate struct {
	latency     time.Duration
	hang, reset bool
	answer      *Answer
}

// fate takes off what the call uses up.
func (s *Stage) fate(path string, say Refusals) (f fate) {
	s.Do(func() {
		m := s.Mischief
		if !strings.HasPrefix(path, m.Only) {
			return
		}
		f.latency, f.reset = m.Latency, m.Outage
		switch {
		case m.Outage:
		case countDown(&m.Hang):
			f.hang = true
		case countDown(&m.Throttle):
			retry := m.RetryAfter
			if retry == 0 {
				retry = 30 * time.Second
			}
			a := say.Throttled(retry)
			f.answer = &a
		case countDown(&m.Broken):
			a := say.Broken()
			f.answer = &a
		case countDown(&m.Garbage):
			f.answer = &Answer{Header: http.Header{"Content-Type": {"text/html"}}, Body: "<html><body>Please sign in to the proxy</body></html>"}
		}
	})
	return f
}

// callsMost is how many calls are kept at most; the older half goes then.
const callsMost = 200_000

// Front stands before an API: it notes each call, and lets befall it what the
// mischief says.
func (s *Stage) Front(say Refusals, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := &Call{At: s.Clock.Now(), Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery}
		s.note(func() {
			if len(s.calls) == callsMost {
				s.calls = s.calls[callsMost/2:] // a demo that runs for months
			}
			s.calls = append(s.calls, call)
		})
		n := &noted{w, s, call}
		w = n
		f := s.fate(r.URL.Path, say)
		if f.latency > 0 && clock.Sleep(r.Context(), s.Clock, f.latency) != nil {
			return
		}
		switch {
		case f.hang:
			_ = clock.Sleep(r.Context(), s.Clock, time.Minute) // either way there is no answer
			hangUp(w)
		case f.reset:
			hangUp(w)
		case f.answer != nil:
			f.answer.Write(w)
		default:
			r.Body = http.MaxBytesReader(w, r.Body, 4<<20)
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callKey{}, n)))
		}
	})
}

// Written is Land for a handler: it sends the answer, or ends the connection
// behind a write that landed if the mischief says so.
func (s *Stage) Written(w http.ResponseWriter, r *http.Request, write Write, save func() func(), effect func(*Write) Answer) {
	write.Method, write.Path = r.Method, r.URL.Path
	a, err := s.Land(r.Context(), write, save, effect)
	if err != nil {
		hangUp(w)
		return
	}
	s.Do(func() { a.Cut = a.Cut || countDown(&s.Mischief.Cut) })
	a.Write(w)
}

// ReadJSON reads a body that must be one JSON object; an empty one is an empty
// object.
func ReadJSON(r *http.Request, into any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}
