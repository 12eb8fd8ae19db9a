package web_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/meter"
	"github.com/sekisho/sekisho/internal/web"
)

func TestListenersThatLetPeopleIn(t *testing.T) {
	dir := t.TempDir()
	for name, row := range map[string]struct {
		l    web.Listening
		code string
	}{
		"public, plain":      {web.Listening{Listen: "0.0.0.0:0"}, "listen-public-plain"},
		"all, plain":         {web.Listening{Listen: ":0"}, "listen-public-plain"},
		"v6 all, plain":      {web.Listening{Listen: "[::]:0"}, "listen-public-plain"},
		"name, plain":        {web.Listening{Listen: "sekisho.example:0"}, "listen-public-plain"},
		"no port":            {web.Listening{Listen: "localhost"}, "listen-malformed"},
		"no such file":       {web.Listening{Listen: ":0", TLS: web.TLS{Cert: dir + "/c", Key: dir + "/k"}}, "tls-unreadable"},
		"two sources":        {web.Listening{Listen: ":0", TLS: web.TLS{Cert: "c", ACME: web.ACME{Directory: "https://acme.example/"}}}, "tls-two-sources"},
		"metrics malformed":  {web.Listening{Listen: "127.0.0.1:0", Metrics: "x"}, "listen-taken"},
		"client CA is empty": {web.Listening{Listen: ":0", TLS: withCA(t, dir)}, "tls-client-ca-unreadable"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := web.Listen(newSite(t).Mux, row.l); fault.Code(err) != row.code {
				t.Errorf("got %v, want %s", err, row.code)
			}
		})
	}
	first, err := web.Listen(newSite(t).Mux, web.Listening{Listen: "localhost:0"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := web.Listen(newSite(t).Mux, web.Listening{Listen: first.Addrs()[0]}); fault.Code(err) != "listen-taken" {
		t.Errorf("second process on the port: %v", err)
	}
	_ = first.Stop(t.Context())
	behind := newSite(t, func(o *web.Options) { o.TrustedProxies = []string{"10.0.0.1"} })
	server, err := web.Listen(behind.Mux, web.Listening{Listen: "0.0.0.0:0"})
	if err != nil {
		t.Fatalf("behind a proxy: %v", err)
	}
	_ = server.Stop(t.Context())
}

func withCA(t *testing.T, dir string) web.TLS {
	t.Helper()
	keys := writePair(t, dir, 1)
	keys.ClientCA = filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(keys.ClientCA, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	return keys
}

// writePair writes a self-signed certificate with the given serial number.
func writePair(t *testing.T, dir string, serial int64) web.TLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(serial), DNSNames: []string{"localhost"}, Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	cert, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	keys := web.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	for name, block := range map[string]*pem.Block{keys.Cert: {Type: "CERTIFICATE", Bytes: cert}, keys.Key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return keys
}

func TestCertificateReload(t *testing.T) {
	dir := t.TempDir()
	keys := writePair(t, dir, 1)
	keys.ClientCA = keys.Cert
	s := newSite(t, func(o *web.Options) { o.BaseURL = "https://localhost" })
	server := running(t, s, web.Listening{Listen: "127.0.0.1:0", TLS: keys})
	roots := x509.NewCertPool()
	trust := func() {
		text, err := os.ReadFile(keys.Cert)
		if err != nil || !roots.AppendCertsFromPEM(text) {
			t.Fatalf("the certificate cannot be trusted: %v", err)
		}
	}
	trust()
	serial := func() (int64, *tls.ConnectionState) {
		conn, err := tls.Dial("tcp", server.Addrs()[0], &tls.Config{RootCAs: roots, ServerName: "localhost", NextProtos: []string{"h2"}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		state := conn.ConnectionState()
		return state.PeerCertificates[0].SerialNumber.Int64(), &state
	}
	got, state := serial()
	if got != 1 || state.NegotiatedProtocol != "h2" {
		t.Fatalf("serial %d, protocol %q", got, state.NegotiatedProtocol)
	}
	writePair(t, dir, 2)
	trust()
	s.clock.Advance(3 * time.Second)
	if got, _ := serial(); got != 2 {
		t.Errorf("serial %d after the change, want 2", got)
	}
	if err := os.WriteFile(keys.Key, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.clock.Advance(3 * time.Second)
	if got, _ := serial(); got != 2 {
		t.Errorf("serial %d after half a renewal, want 2", got)
	}
	if _, err := tls.Dial("tcp", server.Addrs()[0], &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil || !strings.Contains(err.Error(), "remote error") { //nolint:gosec // refusal
		t.Errorf("TLS 1.1: %v, want the server's refusal", err)
	}
}

func TestACMERefusesOtherNames(t *testing.T) {
	s := newSite(t)
	server := running(t, s, web.Listening{Listen: "127.0.0.1:0", TLS: web.TLS{
		ACME: web.ACME{Directory: "https://127.0.0.1:1/directory", Cache: t.TempDir()},
	}})
	for _, name := range []string{"evil.example", "", "127.0.0.1"} {
		_, err := tls.Dial("tcp", server.Addrs()[0], &tls.Config{ServerName: name})
		if err == nil || !strings.Contains(err.Error(), "remote error") { // not the client's own refusal of a certificate
			t.Errorf("%q: %v, want the server's refusal", name, err)
		}
	}
}

// running starts a server and stops it with the test.
func running(t *testing.T, s *site, l web.Listening) *web.Server {
	t.Helper()
	server, err := web.Listen(s.Mux, l)
	if err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Stop(ctx)
	})
	return server
}

func local(o *web.Options) { o.BaseURL = "http://localhost" }

func TestLoopbackLiteralIsSentToTheBaseURL(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.BaseURL = "http://localhost:8080" })
	server := running(t, s, web.Listening{Listen: "localhost:0"})
	once := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, addr := range server.Addrs() {
		got, err := once.Get("http://" + addr + "/things?page=2")
		if err != nil {
			t.Fatal(err)
		}
		_ = got.Body.Close()
		if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "http://localhost:8080/things?page=2" {
			t.Errorf("%s: %d to %q", addr, got.StatusCode, got.Header.Get("Location"))
		}
		post, err := once.Post("http://"+addr+"/things", "text/plain", nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = post.Body.Close()
		if post.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("A177: POST to %s: %d", addr, post.StatusCode)
		}
	}
}

func TestMetricsHaveTheirOwnListener(t *testing.T) {
	s := newSite(t, local)
	server := running(t, s, web.Listening{Listen: "127.0.0.1:0", Metrics: "127.0.0.1:0", Scrape: meter.New().Handler()})
	got, err := http.Get("http://" + server.MetricsAddr() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	body, _ := io.ReadAll(got.Body)
	if !strings.Contains(string(body), "go_goroutines") {
		t.Errorf("A163: %d %.80s", got.StatusCode, body)
	}
}

func TestReadiness(t *testing.T) {
	s := newSite(t)
	sealed := true
	s.Check("seal", func(context.Context) error {
		if sealed {
			return fault.New(fault.Busy, "sealed").Because(os.ErrPermission)
		}
		return nil
	})
	s.Check("database", func(context.Context) error { return nil })
	got := s.ask("GET", "/readyz", "")
	if got.Code != 503 || got.Body.String() != `{"reasons":{"seal":"sealed"},"status":"not ready"}` {
		t.Errorf("%d %s", got.Code, got.Body)
	}
	if got := s.ask("GET", "/healthz", ""); got.Code != 200 {
		t.Errorf("healthz when sealed: %d", got.Code)
	}
	if sealed = false; s.ask("GET", "/readyz", "").Code != 200 {
		t.Error("still unready")
	}
	if s.Drain(); s.ask("GET", "/readyz", "").Code != 503 {
		t.Error("ready while stopping")
	}
}

// TestMalformedRequests writes to a real socket what no client library would.
func TestMalformedRequests(t *testing.T) {
	s := newSite(t, local)
	server := running(t, s, web.Listening{Listen: "127.0.0.1:0"})
	const h = "Host: localhost\r\n"
	for name, raw := range map[string]string{
		"no host":                       "GET / HTTP/1.1\r\n\r\n",
		"two hosts":                     "GET / HTTP/1.1\r\n" + h + "Host: evil\r\n\r\n",
		"length and chunked":            "POST /token HTTP/1.1\r\n" + h + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /things/a HTTP/1.1\r\n" + h + "\r\n",
		"two lengths":                   "POST /token HTTP/1.1\r\n" + h + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		"length list":                   "POST /token HTTP/1.1\r\n" + h + "Content-Length: 5, 6\r\n\r\nhello",
		"negative length":               "POST /token HTTP/1.1\r\n" + h + "Content-Length: -1\r\n\r\n",
		"plus length":                   "POST /token HTTP/1.1\r\n" + h + "Content-Length: +5\r\n\r\nhello",
		"hex length":                    "POST /token HTTP/1.1\r\n" + h + "Content-Length: 0x5\r\n\r\nhello",
		"chunked twice":                 "POST /token HTTP/1.1\r\n" + h + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
		"unknown coding":                "POST /token HTTP/1.1\r\n" + h + "Transfer-Encoding: gzip\r\n\r\n",
		"coding with tab":               "POST /token HTTP/1.1\r\n" + h + "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
		"chunked in 1.0":                "POST /token HTTP/1.0\r\n" + h + "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
		"bad chunk size":                "POST /form HTTP/1.1\r\n" + h + "Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
		"space before colon":            "GET / HTTP/1.1\r\n" + h + "X-Forwarded-For : 1.2.3.4\r\n\r\n",
		"header without colon":          "GET / HTTP/1.1\r\n" + h + "nonsense\r\n\r\n",
		"folded header":                 "GET / HTTP/1.1\r\n" + " " + h + "\r\n",
		"NUL in header":                 "GET / HTTP/1.1\r\n" + h + "A: b\x00c\r\n\r\n",
		"CR in header":                  "GET / HTTP/1.1\r\n" + h + "A: b\rc\r\n\r\n",
		"control in name":               "GET / HTTP/1.1\r\n" + h + "A\x01: b\r\n\r\n",
		"empty name":                    "GET / HTTP/1.1\r\n" + h + ": b\r\n\r\n",
		"space in target":               "GET /a b HTTP/1.1\r\n" + h + "\r\n",
		"tab in target":                 "GET /a\tb HTTP/1.1\r\n" + h + "\r\n",
		"NUL in target":                 "GET /a\x00b HTTP/1.1\r\n" + h + "\r\n",
		"bad escape":                    "GET /%zz HTTP/1.1\r\n" + h + "\r\n",
		"absolute form":                 "GET http://localhost/ HTTP/1.1\r\n" + h + "\r\n",
		"no version":                    "GET /\r\n\r\n",
		"version 2":                     "GET / HTTP/2.0\r\n" + h + "\r\n",
		"version 9":                     "GET / HTTP/9.9\r\n" + h + "\r\n",
		"lower-case version":            "GET / http/1.1\r\n" + h + "\r\n",
		"method with a bracket":         "G(T / HTTP/1.1\r\n" + h + "\r\n",
		"CONNECT":                       "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
		"OPTIONS *":                     "OPTIONS * HTTP/1.1\r\n" + h + "\r\n",
		"TRACE":                         "TRACE / HTTP/1.1\r\n" + h + "\r\n",
		"unknown expectation":           "POST /token HTTP/1.1\r\n" + h + "Expect: magic\r\nContent-Length: 5\r\n\r\nhello",
		"host with a slash":             "GET / HTTP/1.1\r\nHost: localhost/evil\r\n\r\n",
		"host with userinfo":            "GET / HTTP/1.1\r\nHost: a@localhost\r\n\r\n",
		"header of 40 KiB":              "GET / HTTP/1.1\r\n" + h + "A: " + strings.Repeat("b", 40<<10) + "\r\n\r\n",
		"A150 ten thousand headers":     "GET / HTTP/1.1\r\n" + h + strings.Repeat("A: b\r\n", 10_000) + "\r\n",
		"A150 ten thousand cookies":     "GET / HTTP/1.1\r\n" + h + "Cookie: " + strings.Repeat("a=b; ", 10_000) + "\r\n\r\n",
		"A150 ten thousand path levels": "GET " + strings.Repeat("/a", 10_000) + " HTTP/1.1\r\n" + h + "\r\n",
	} {
		t.Run("A146/"+name, func(t *testing.T) {
			conn, err := net.Dial("tcp", server.Addrs()[0])
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(clock.System().Now().Add(5 * time.Second))
			_, _ = io.WriteString(conn, raw)
			answer := bufio.NewReader(conn)
			got, err := http.ReadResponse(answer, nil)
			if err != nil {
				return // the connection was cut: refused
			}
			_, _ = io.Copy(io.Discard, got.Body)
			if got.StatusCode >= 400 {
				return
			}
			if tolerated := name == "length and chunked" || name == "chunked in 1.0"; !tolerated || !got.Close {
				t.Errorf("status %d", got.StatusCode)
			}
			if second, err := http.ReadResponse(answer, nil); err == nil {
				t.Errorf("what was smuggled got %d", second.StatusCode)
			}
		})
	}
}

func TestControlSocketKnowsItsPeer(t *testing.T) {
	s := newSite(t)
	server := running(t, s, web.Listening{Listen: "127.0.0.1:0"})
	path := filepath.Join(t.TempDir(), "c")
	socket, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	server.StartLocal(socket)
	client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", path)
	}}}
	got, err := client.Post("http://control/api/v1/things", "application/json", strings.NewReader(`{"title":"abcd"}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = got.Body.Close()
	client.CloseIdleConnections()
	s.door.mu.Lock()
	defer s.door.mu.Unlock()
	if seen := s.door.seen; got.StatusCode != 200 || len(seen) != 1 || seen[0].Peer.UID != os.Getuid() || !seen[0].Peer.Local {
		t.Errorf("%d %+v", got.StatusCode, seen)
	}
}
