package outside_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/audit/outside"
	"github.com/sekisho/sekisho/internal/fault"
)

// dialer trusts the certificate of the test's server.
type dialer struct{ config *tls.Config }

func (d dialer) DialTLS(ctx context.Context, network, addr string) (*tls.Conn, error) {
	conn, err := (&tls.Dialer{Config: d.config}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return conn.(*tls.Conn), nil
}

var at = time.Date(2026, 11, 22, 9, 0, 0, 123456000, time.UTC)

func checkpoint() audit.Checkpoint {
	return audit.Checkpoint{
		Origin: "sekisho-audit", Epoch: 1, Size: 300, At: at,
		Note: "sekisho-audit\n300\nx\n\n— sekisho-audit abc\n",
	}
}

// certificate borrows the one of net/http/httptest.
func certificate(t *testing.T) (server tls.Certificate, roots *x509.CertPool) {
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	roots = x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s.TLS.Certificates[0], roots
}

// listen accepts TLS connections and hands each to serve.
func listen(t *testing.T, serve func(net.Conn)) (addr string, d dialer) {
	t.Helper()
	cert, roots := certificate(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return l.Addr().String(), dialer{&tls.Config{RootCAs: roots, ServerName: "example.com"}}
}

// frames reads octet-counted frames by a reading of RFC 5425 of its own.
func frames(r io.Reader) (all []string, err error) {
	in := bufio.NewReader(r)
	for {
		count, err := in.ReadString(' ')
		if errors.Is(err, io.EOF) && count == "" {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		n, err := strconv.Atoi(strings.TrimSuffix(count, " "))
		if err != nil || count[0] == '0' {
			return all, errors.New("not a MSG-LEN: " + count)
		}
		message := make([]byte, n)
		if _, err := io.ReadFull(in, message); err != nil {
			return all, err
		}
		all = append(all, string(message))
	}
}

func place(t *testing.T, setting string, o outside.Options) audit.Outside {
	t.Helper()
	o.Host = "seki.example"
	p, err := outside.Parse(setting, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestOnlyKnownPlacesAreTaken(t *testing.T) {
	for _, setting := range []string{
		"", "syslog://logs.example:514", "syslog+tls://", "syslog+tls://logs.example:0", "syslog+tls://logs.example:x",
		"syslog+tls://logs.example/x", "http://logs.example/", "https://", "https://user:pw@logs.example/", "file:///etc/passwd",
		"https://2130706433/", "https://127.1/", "https://logs.example./", "syslog+tls://0x7f.1:6514", "syslog+tls://logs.example.:6514", "syslog+tls://user:pw@logs.example",
	} {
		if p, err := outside.Parse(setting, outside.Options{}); fault.Code(err) != "audit-outside-unknown" {
			t.Errorf("%q: %v, %v", setting, p, err)
		} else if strings.Contains(err.Error(), ":pw@") {
			t.Errorf("R9 %v", err)
		}
	}
	if p := place(t, "syslog+tls://logs.example", outside.Options{}); p.Name() != "syslog+tls://logs.example" {
		t.Errorf("name %q", p.Name())
	}
}

func TestSyslogGetsTheCheckpoint(t *testing.T) {
	got := make(chan []string, 1)
	addr, d := listen(t, func(conn net.Conn) {
		all, err := frames(conn)
		if err != nil {
			all = append(all, err.Error())
		}
		got <- all
		_ = conn.Close()
	})
	p := place(t, "syslog+tls://"+addr, outside.Options{Dialer: d})
	if err := p.Send(context.Background(), checkpoint()); err != nil {
		t.Fatal(err)
	}
	all := <-got
	if len(all) != 1 {
		t.Fatalf("%d frames: %q", len(all), all)
	}
	parts := strings.SplitN(all[0], " ", 8)
	if parts[0] != "<109>1" || parts[1] != "2026-11-22T09:00:00.123456Z" || parts[2] != "seki.example" ||
		parts[3] != "sekisho" || parts[5] != "checkpoint" || parts[6] != "-" {
		t.Fatalf("header %q", parts[:7])
	}
	var o struct {
		Size int64
		Note string
	}
	if err := json.Unmarshal([]byte(parts[7]), &o); err != nil || o.Size != 300 || o.Note != checkpoint().Note {
		t.Fatalf("%v %+v", err, o)
	}
	notes, err := audit.ReadCheckpoints(strings.NewReader("Nov 22 09:00:00 host " + all[0] + "\n"))
	if err != nil || len(notes) != 1 || notes[0] != checkpoint().Note {
		t.Fatalf("%v %q", err, notes)
	}
}

func TestSyslogThatResetsHasNothing(t *testing.T) {
	addr, d := listen(t, func(conn net.Conn) {
		tcp := conn.(*tls.Conn)
		_ = tcp.Handshake()
		_ = tcp.NetConn().(*net.TCPConn).SetLinger(0)
		_ = tcp.NetConn().Close()
	})
	p := place(t, "syslog+tls://"+addr, outside.Options{Dialer: d})
	if err := p.Send(context.Background(), checkpoint()); err == nil {
		t.Fatal("a reset connection passed for delivery")
	}
}

func TestA162NothingBreaksOutOfAMessage(t *testing.T) {
	m := outside.Message{At: at, Host: "a b\nc\x1b[31m", App: "", Process: strings.Repeat("9", 200), ID: "é", Text: []byte("one\r\n<0>1 two\x00\x1b[2J")}
	text := string(m.Append(nil))
	if strings.ContainsAny(text, "\r\n\x00\x1b") {
		t.Fatalf("%q", text)
	}
	parts := strings.SplitN(text, " ", 8)
	if parts[2] != "abc[31m" || parts[3] != "-" || len(parts[4]) != 128 || parts[5] != "-" {
		t.Fatalf("%q", parts)
	}
	if got := string(outside.Frame([]byte("é"))); got != "2 é" {
		t.Fatalf("length in octets, not characters: %q", got)
	}
}

func TestPostTakesOnlyTwoHundreds(t *testing.T) {
	var body string
	status := http.StatusInternalServerError
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		body = r.Method + " " + r.Header.Get("Content-Type") + " " + string(text)
		w.WriteHeader(status)
	}))
	defer s.Close()
	p := place(t, s.URL+"/checkpoints", outside.Options{HTTP: s.Client()})
	if err := p.Send(context.Background(), checkpoint()); fault.Code(err) != "audit-outside-refused" {
		t.Fatalf("500: %v", err)
	}
	status = http.StatusNoContent
	if err := p.Send(context.Background(), checkpoint()); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(body, `POST application/json {"origin":"sekisho-audit","epoch":1,"size":300,`) {
		t.Fatalf("%q", body)
	}
	notes, err := audit.ReadCheckpoints(strings.NewReader(body))
	if err != nil || len(notes) != 1 || notes[0] != checkpoint().Note {
		t.Fatalf("%v %q", err, notes)
	}
}
