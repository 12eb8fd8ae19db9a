package egress_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/fault"
)

func zipped(n int) []byte {
	var out bytes.Buffer
	gz := gzip.NewWriter(&out)
	_, _ = gz.Write(make([]byte, n))
	_ = gz.Close()
	return out.Bytes()
}

func TestAnswersAreCapped(t *testing.T) {
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	mux := http.NewServeMux()
	write := func(path, encoding string, body []byte) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			if encoding != "" {
				w.Header().Set("Content-Encoding", encoding)
			}
			_, _ = w.Write(body)
		})
	}
	write("/exact", "", make([]byte, 1<<20))
	write("/over", "", make([]byte, 1<<20+1))
	write("/bomb", "gzip", zipped(10<<20))
	write("/broken", "gzip", []byte("no gzip at all"))
	write("/cut", "gzip", zipped(60 << 10)[:40])
	write("/br", "br", []byte("x"))
	write("/small", "gzip", zipped(60<<10))
	mux.HandleFunc("/endless", func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/drip", func(w http.ResponseWriter, r *http.Request) {
		for {
			select {
			case <-r.Context().Done():
				return
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				_, _ = io.WriteString(w, ".")
				_ = http.NewResponseController(w).Flush()
			}
		}
	})
	mux.HandleFunc("/silent", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-stop:
		}
	})
	mux.HandleFunc("/header", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X", strings.Repeat("x", 100<<10))
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.CloseClientConnections)
	client := open(t, egress.Config{}, nil)
	short, err := client.For(egress.Use{Limits: egress.Limits{Total: 300 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	wide, err := client.For(egress.Use{Limits: egress.Limits{Body: 100 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		client     *egress.Client
		path, code string
	}{
		{client, "/over", "egress-answer-too-large"},
		{client, "/endless", "egress-answer-too-large"},
		{client, "/bomb", "egress-answer-bomb"},
		{wide, "/bomb", "egress-answer-bomb"},
		{client, "/broken", "egress-answer-malformed"},
		{client, "/cut", "egress-answer-malformed"},
		{client, "/br", "egress-answer-encoding"},
		{client, "/header", "egress-answer-malformed"},
		{short, "/drip", "egress-timeout"},
		{short, "/silent", "egress-timeout"},
	} {
		t.Run("A142 "+c.path, func(t *testing.T) {
			_, err := get(c.client, s.URL+c.path)
			wantCode(t, err, c.code)
		})
	}
	for path, size := range map[string]int{"/exact": 1 << 20, "/small": 60 << 10} {
		if answer, err := get(client, s.URL+path); err != nil || len(answer.Body) != size {
			t.Errorf("%s: %v", path, err)
		}
	}
	t.Run("the caller's own end is no fault", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		u, _ := egress.ParseURL(s.URL + "/silent")
		if _, err := client.Do(ctx, egress.Request{URL: u}); !errors.Is(err, context.Canceled) || fault.As(err) != nil {
			t.Error(err)
		}
	})
	t.Run("the standard client has the same caps", func(t *testing.T) {
		response, err := client.HTTP().Get(s.URL + "/over")
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, response.Body)
		wantCode(t, err, "egress-answer-too-large")
		_ = response.Body.Close()
	})
}

func TestHeadersRefused(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("A146: the server was reached") })
	client := open(t, egress.Config{}, nil)
	u, _ := egress.ParseURL(s.URL)
	for _, r := range []egress.Request{
		{Header: http.Header{"X": {"a\r\nY: b"}}},
		{Header: http.Header{"X": {"a\nb"}}},
		{Header: http.Header{"X": {"a\x00b"}}},
		{Header: http.Header{"X\r\nY": {"a"}}},
		{Header: http.Header{"X Y": {"a"}}},
		{Header: http.Header{"": {"a"}}},
		{Header: http.Header{"Host": {"evil.example"}}},
		{Header: http.Header{"transfer-encoding": {"chunked"}}},
		{Header: http.Header{"Content-Length": {"5"}}},
		{Header: http.Header{"Connection": {"X-Secret"}}},
		{Header: http.Header{"Proxy-Authorization": {"x"}}},
		{Method: "GET / HTTP/1.1\r\nX"},
		{Method: "CONNECT"},
	} {
		r.URL = u
		_, err := client.Do(t.Context(), r)
		wantCode(t, err, "egress-header-invalid")
	}
	_, err := client.Do(t.Context(), egress.Request{})
	wantCode(t, err, "egress-url-malformed")
}
