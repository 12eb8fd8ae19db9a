package web_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/web"
)

// BenchmarkPage is a page with layout through the whole edge, in process.
func BenchmarkPage(b *testing.B) {
	s := newSite(b, func(o *web.Options) {
		o.Log = slog.New(slog.NewJSONHandler(io.Discard, nil))
		o.Clock, o.Rates = clock.System(), map[string]web.Rate{"page": {PerMinute: 1e12, Burst: 1e12}}
	})
	benchHandler(b, s.Mux)
}

// BenchmarkBareHandler is the floor: net/http's mux and a handler that writes as
// many bytes.
func BenchmarkBareHandler(b *testing.B) {
	page := newSite(b).ask("GET", "/", "").Body.Bytes()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page) })
	benchHandler(b, mux)
}

func benchHandler(b *testing.B, h http.Handler) {
	r := request("GET", "/", "", signedIn()...)
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}

// BenchmarkPageOverTCP and its floor show what a client sees on one keep-alive
// connection.
func BenchmarkPageOverTCP(b *testing.B) {
	s := newSite(b, local, func(o *web.Options) {
		o.Log = slog.New(slog.NewJSONHandler(io.Discard, nil))
		o.Clock = clock.System()
	})
	benchTCP(b, s.Mux)
}

// BenchmarkBareHandlerOverTCP is the floor of BenchmarkPageOverTCP.
func BenchmarkBareHandlerOverTCP(b *testing.B) {
	page := newSite(b).ask("GET", "/", "").Body.Bytes()
	benchTCP(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page) }))
}

func benchTCP(b *testing.B, h http.Handler) {
	server := httptest.NewServer(h)
	defer server.Close()
	r, err := http.NewRequestWithContext(b.Context(), "GET", server.URL+"/", nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Host = "localhost"
	for b.Loop() {
		got, err := server.Client().Do(r)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, got.Body)
		_ = got.Body.Close()
		if got.StatusCode != http.StatusOK {
			b.Fatal(got.StatusCode)
		}
	}
}
