package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/words"
)

const (
	maxNotes   = 8
	maxLogText = 512
)

// record is the one line that is logged about a request, filled on the way. It
// is used by the request's own goroutine only.
type record struct {
	id      string
	start   time.Duration // monotonic
	route   *Route        // nil: nothing matched
	peer    Peer
	source  Source
	actor   Actor
	lang    words.Lang
	fault   error
	notes   []string
	matched bool
	// foresees is what a dry run says, from Foresees.
	foresees func(*Visit) ([]string, error)
}

// writer counts what leaves and holds back the mux's own error bodies, which
// are not in the reader's language.
type writer struct {
	http.ResponseWriter
	rec    *record
	status int
	bytes  int64
}

func (w *writer) silent() bool { return !w.rec.matched }

// WriteHeader notes the status; a mux's answer to an unmatched request is only
// noted.
func (w *writer) WriteHeader(status int) {
	if w.status == 0 || w.status < 200 {
		w.status = status
		if !w.silent() {
			w.ResponseWriter.WriteHeader(status)
		}
	}
}

// Write counts.
func (w *writer) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.silent() {
		return len(p), nil
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// log writes the record. Nothing of the request reaches it unescaped: the
// method is one of ours, the path is the route's pattern (A162).
func (m *Mux) log(ctx context.Context, method string, rec *record, w *writer) {
	took := m.options.Clock.Mono() - rec.start
	edge, pattern := "", "none"
	if rec.route != nil {
		edge, pattern = string(rec.route.Edge), rec.route.Path
	}
	if m.timer != nil {
		m.timer.Observe(took.Seconds(), edge, pattern, strconv.Itoa(w.status))
	}
	attrs := []slog.Attr{
		slog.String("request", rec.id), slog.String("method", knownMethod(method)),
		slog.String("edge", edge), slog.String("route", pattern), slog.Int("status", w.status),
		slog.Int64("bytes", w.bytes), slog.Duration("took", took),
		slog.String("by", string(rec.actor.Principal)),
		slog.String("source", sourceName(rec)), slog.Bool("forwarded", rec.source.Forwarded),
	}
	level := slog.LevelInfo
	if rec.fault != nil {
		attrs = append(attrs, slog.String("fault", codeOf(rec.fault)), slog.String("cause", printable(rec.fault.Error())))
		if w.status >= 500 {
			level = slog.LevelError
		}
	}
	for i := 0; i+1 < len(rec.notes); i += 2 {
		attrs = append(attrs, slog.String("note."+rec.notes[i], printable(rec.notes[i+1])))
	}
	m.options.Log.LogAttrs(ctx, level, "request", attrs...)
}

// sourceName is where a request came from: an address, or the control socket.
func sourceName(rec *record) string {
	if rec.peer.Local {
		return "socket"
	}
	return rec.source.Addr.String()
}

func codeOf(err error) string {
	if code := fault.Code(err); code != "" {
		return code
	}
	return brokenCode
}

func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions, http.MethodConnect, http.MethodTrace:
		return method
	}
	return "other"
}

// printable escapes everything that could forge a line, move a cursor or turn
// the reading direction (CR, LF, ANSI, bidi controls), and cuts what is long.
func printable(s string) string {
	cut := len(s) > maxLogText
	if cut {
		s = s[:maxLogText]
	}
	if strings.IndexFunc(s, escapes) < 0 && utf8.ValidString(s) && !cut {
		return s
	}
	var out strings.Builder
	for _, r := range s {
		if escapes(r) {
			fmt.Fprintf(&out, `\u{%x}`, r)
		} else {
			out.WriteRune(r)
		}
	}
	if cut {
		out.WriteString("…")
	}
	return out.String()
}

func escapes(r rune) bool { return r != ' ' && !unicode.IsPrint(r) || r == utf8.RuneError }
