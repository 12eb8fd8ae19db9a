package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/web"
)

// A process that leaves says so at once, answers everything that still comes,
// ends each connection with its next answer, and cuts no idle one.
func TestLeaving(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.BaseURL = "http://localhost:8080" })
	server, err := web.Listen(s.Mux, web.Listening{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	server.Start()
	at := server.Addrs()[0]
	knock := func() (net.Conn, *bufio.Reader) {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		return c, bufio.NewReader(c)
	}
	ask := func(c net.Conn, in *bufio.Reader, path string) (status int, closes bool) {
		t.Helper()
		if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost:8080\r\n\r\n", path); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, answer.Close
	}
	idle, idleIn := knock()
	if status, closes := ask(idle, idleIn, "/readyz"); status != 200 || closes {
		t.Fatalf("before: %d, closes %t", status, closes)
	}
	server.Leave()
	fresh, freshIn := knock()
	if status, closes := ask(fresh, freshIn, "/readyz"); status != 503 || !closes {
		t.Errorf("CAP-O2 readiness of a process that leaves: %d, closes %t", status, closes)
	}
	if status, closes := ask(idle, idleIn, "/"); status != 200 || !closes {
		t.Errorf("CAP-O2 the idle connection: %d, closes %t", status, closes)
	}
	if _, err := idleIn.ReadByte(); err != io.EOF { //nolint:errorlint // as bufio gives it
		t.Errorf("CAP-O2 behind the last answer: %v, want an end", err)
	}
	other, otherIn := knock()
	if status, _ := ask(other, otherIn, "/healthz"); status != 200 {
		t.Errorf("CAP-O2 a new connection while it leaves: %d", status)
	}
	if err := server.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", at); err == nil {
		_ = c.Close()
		t.Error("still listening")
	}
}
