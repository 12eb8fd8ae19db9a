package web_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/web"
	"github.com/sekisho/sekisho/internal/web/ui"
)

// listener reads one event stream.
type listener struct {
	body  io.ReadCloser
	lines chan string
}

func listen(t *testing.T, addr, query string, headers ...string) *listener {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+addr+"/events?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "localhost"
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %s", got.StatusCode, got.Header.Get("Content-Type"))
	}
	l := &listener{body: got.Body, lines: make(chan string, 100)}
	go func() {
		defer close(l.lines)
		for lines := bufio.NewScanner(got.Body); lines.Scan(); {
			l.lines <- lines.Text()
		}
	}()
	t.Cleanup(func() { _ = got.Body.Close() })
	return l
}

// until returns what came up to the first line that starts with prefix; the
// stream's end is the line "END".
func (l *listener) until(t *testing.T, prefix string) string {
	t.Helper()
	var seen []string
	for {
		select {
		case line, open := <-l.lines:
			if !open {
				line = "END"
			}
			seen = append(seen, line)
			if strings.HasPrefix(line, prefix) {
				return strings.Join(seen, "\n")
			}
			if !open {
				t.Fatalf("ended without %q: %q", prefix, seen)
			}
		case <-clock.System().After(10 * time.Second):
			t.Fatalf("no %q in %q", prefix, seen)
		}
	}
}

func TestStreamCarriesTopicAndVersionOnly(t *testing.T) {
	s := newSite(t, local)
	server := running(t, s, web.Listening{Listen: "127.0.0.1:0"})
	s.Hub().Publish("notice", 6)
	l := listen(t, server.Addrs()[0], "topic=notice@5&topic=audit@0")
	if got, want := l.until(t, "data:"), "id: 1\n\nevent: topic-notice\ndata: {\"topic\":\"notice\",\"version\":6}"; got != want {
		t.Errorf("what changed before the stream stood: %q, want %q", got, want)
	}
	s.Hub().Publish("other", 1)
	s.Hub().Publish("notice", 5) // out of order
	s.Hub().Publish("audit", 9)
	if got := l.until(t, "data:"); !strings.Contains(got, `{"topic":"audit","version":9}`) || strings.Contains(got, "other") || strings.Contains(got, "notice") {
		t.Errorf("got %q", got)
	}
	again := listen(t, server.Addrs()[0], "topic=notice@6", "Last-Event-ID", "1")
	if got := again.until(t, "data:"); !strings.Contains(got, "event: topic-all") {
		t.Errorf("after a reconnect: %q", got)
	}
}

func TestPageFollows(t *testing.T) {
	s := newSite(t)
	s.Hub().Publish("notice", 3)
	s.Page(web.Route{Method: "GET", Path: "/live", Permission: web.Public}, func(v *web.Visit) error {
		v.Follow("notice", "audit")
		return v.Show("Live", ui.Text("live"))
	})
	if got := s.ask("GET", "/live", "").Body.String(); !strings.Contains(got, `hx-sse:connect="/events?topic=notice@3&amp;topic=audit@0"`) {
		t.Errorf("no stream in %s", got)
	}
}

func TestStreamEndsOnRevocation(t *testing.T) {
	s := newSite(t, local)
	server := running(t, s, web.Listening{Listen: "127.0.0.1:0"})
	l := listen(t, server.Addrs()[0], "topic=notice@0", "Cookie", "sekisho="+session)
	l.until(t, "id: 1")
	s.beat(t)
	l.until(t, ": alive")
	s.door.mu.Lock()
	s.door.revoked = true
	s.door.mu.Unlock()
	for i := range 4 { // a busy stream is asked all the same
		s.Hub().Publish("notice", int64(i+1))
		l.until(t, "data:")
	}
	s.beat(t)
	l.until(t, "END")
}

// beat moves the clock by the time within which a revocation must be seen.
func (s *site) beat(t *testing.T) {
	t.Helper()
	for s.clock.Waiting() == 0 {
		_ = clock.Sleep(t.Context(), clock.System(), time.Millisecond)
	}
	s.clock.Advance(5 * time.Second)
}

func TestStreamsEndAtShutdown(t *testing.T) {
	s := newSite(t, local)
	server := running(t, s, web.Listening{Listen: "127.0.0.1:0"})
	l := listen(t, server.Addrs()[0], "topic=notice")
	l.until(t, "id: 1")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := server.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
	l.until(t, "END")
	if s.Hub().Open() != 0 {
		t.Errorf("%d streams are left", s.Hub().Open())
	}
}

func TestStreamsAreBounded(t *testing.T) {
	s := newSite(t, local)
	server := running(t, s, web.Listening{Listen: "127.0.0.1:0"})
	for range 32 {
		listen(t, server.Addrs()[0], "topic=notice")
	}
	r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://"+server.Addrs()[0]+"/events?topic=notice", nil)
	r.Host = "localhost"
	full, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = full.Body.Close()
	if full.StatusCode != http.StatusServiceUnavailable || full.Header.Get("HX-Reswap") != "none" {
		t.Errorf("the 33rd: %d, HX-Reswap %q", full.StatusCode, full.Header.Get("HX-Reswap"))
	}
}

func TestTopicsAreChecked(t *testing.T) {
	s := newSite(t)
	many := strings.Repeat("topic=a&", 17)
	for _, query := range []string{"", "topic=", "topic=A", "topic=a%0ab", "topic=a@x", "topic=a@1@2", many, "topic=" + strings.Repeat("a", 65)} {
		t.Run(fmt.Sprintf("%.20s", query), func(t *testing.T) {
			if got := s.ask("GET", "/events?"+query, ""); got.Code != http.StatusBadRequest {
				t.Errorf("status %d, want 400", got.Code)
			}
		})
	}
}
