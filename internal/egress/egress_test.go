package egress_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/words"
)

// names is a resolver of the test's own: each look-up of a name gives its next
// answer, and the last one for ever.
type names struct {
	mu      sync.Mutex
	answers map[string][]string // host → answers, addresses parted by blanks
}

func (n *names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.answers[host]
	if len(list) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(list) > 1 {
		n.answers[host] = list[1:]
	}
	var out []netip.Addr
	for text := range strings.FieldsSeq(list[0]) {
		out = append(out, netip.MustParseAddr(text))
	}
	return out, nil
}

var here = netip.MustParsePrefix("127.0.0.1/32")

// open returns a client that may reach 127.0.0.1, and knows the names.
func open(t *testing.T, config egress.Config, answers map[string][]string) *egress.Client {
	t.Helper()
	config.Resolver = &names{answers: answers}
	config.Allow = append(config.Allow, here)
	c, err := egress.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func get(c *egress.Client, text string) (*egress.Answer, error) {
	u, err := egress.ParseURL(text)
	if err != nil {
		return nil, err
	}
	return c.Do(context.Background(), egress.Request{URL: u})
}

func port(s *httptest.Server) string {
	_, p, _ := net.SplitHostPort(s.Listener.Addr().String())
	return p
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func serveTLS(t *testing.T, config *tls.Config, h http.HandlerFunc) *httptest.Server {
	s := httptest.NewUnstartedServer(h)
	s.TLS = config
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // failed handshakes are what we want
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if fault.Code(err) != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

var refusedAddresses = []string{
	"127.0.0.1", "127.255.255.254", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.1",
	"169.254.169.254", "169.254.0.1", "100.64.0.1", "100.127.255.254", "0.0.0.0", "0.1.2.3", "198.18.0.1", "198.19.255.255",
	"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.0.0.1", "192.0.0.170", "192.0.2.1", "198.51.100.1", "203.0.113.1", "192.88.99.1",
	"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:100.64.0.1",
	"64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a00:1::1", "2001::1", "2001:10::1", "2001:20::1",
	"2001:db8::1", "3fff::1", "fc00::1", "fd12:3456::1", "fe80::1", "fec0::1", "ff02::1", "ff0e::1", "100::1", "5f00::1", "4000::1",
}

func TestRefusedAddresses(t *testing.T) {
	c, err := egress.New(egress.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if len(refusedAddresses) < 40 {
		t.Fatal("A139 wants 40 addresses at least")
	}
	for _, text := range refusedAddresses {
		t.Run("A139 "+text, func(t *testing.T) {
			addr := netip.MustParseAddr(text)
			literal := addr.String()
			if addr.Is6() {
				literal = "[" + literal + "]"
			}
			_, err := get(c, "http://"+literal+":9/")
			wantCode(t, err, "egress-target-refused")
			f := fault.As(err)
			if f == nil || f.Kind != fault.Forbidden || f.Args["address"] != addr.Unmap().String() {
				t.Errorf("A139: the fault must name the address: %v", err)
			}
			_, err = c.Dial(t.Context(), "tcp", net.JoinHostPort(text, "9"))
			wantCode(t, err, "egress-target-refused")
			_, err = c.Dial(t.Context(), "udp", net.JoinHostPort(text, "9"))
			wantCode(t, err, "egress-target-refused")
			_, err = c.DialTLS(t.Context(), "tcp", net.JoinHostPort(text, "9"))
			wantCode(t, err, "egress-target-refused")

			byName := open(t, egress.Config{}, map[string][]string{"inside.example": {text}})
			if text == "127.0.0.1" || text == "::ffff:127.0.0.1" {
				return // listed by open
			}
			_, err = get(byName, "http://inside.example:9/")
			wantCode(t, err, "egress-target-refused")
		})
	}
}

func TestPublic(t *testing.T) {
	for _, text := range []string{"1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1", "198.17.255.255", "198.20.0.1", "223.255.255.255", "2606:4700::1111", "2a00::1", "::ffff:8.8.8.8"} {
		if !egress.Public(netip.MustParseAddr(text)) {
			t.Errorf("%s is public", text)
		}
	}
	if egress.Public(netip.Addr{}) || egress.Public(netip.MustParseAddr("2606:4700::1%eth0")) {
		t.Error("A139: no address, and one with a zone, are not public")
	}
}

func TestAllowIsPerUse(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	house, err := egress.New(egress.Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = get(house, s.URL)
	wantCode(t, err, "egress-target-refused")
	use, err := house.For(egress.Use{Name: "connector jira", Allow: []netip.Prefix{here}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := get(use, s.URL); err != nil {
		t.Error(err)
	}
	_, err = get(house, s.URL)
	wantCode(t, err, "egress-target-refused")
	_, err = get(use, "http://127.0.0.2:"+port(s))
	wantCode(t, err, "egress-target-refused")
	if f := fault.As(err); f == nil || f.Args["use"] != "connector jira" {
		t.Errorf("the fault must name the use: %v", err)
	}
}

func TestConfigRefuses(t *testing.T) {
	for _, config := range []egress.Config{
		{Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}},
		{Allow: []netip.Prefix{netip.MustParsePrefix("::/0")}},
		{Allow: []netip.Prefix{{}}},
		{Hosts: []string{"*"}},
		{Hosts: []string{"10.0.0.1"}},
		{Hosts: []string{"a.example."}},
		{Hosts: []string{"https://a.example"}},
	} {
		_, err := egress.New(config)
		wantCode(t, err, "egress-config-invalid")
	}
}

func TestRebinding(t *testing.T) {
	var hits atomic.Int32
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { hits.Add(1); w.Header().Set("Connection", "close") })
	for _, c := range []struct {
		name    string
		answers []string
		oks     int
	}{
		{"A140 good first, inside second", []string{"127.0.0.1", "127.0.0.2"}, 1},
		{"A140 answers mixed", []string{"127.0.0.1 10.0.0.1"}, 0},
		{"A140 answers mixed, inside first", []string{"10.0.0.1 127.0.0.1"}, 0},
		{"A140 public and inside", []string{"8.8.8.8 127.0.0.2"}, 0},
		{"A140 mapped", []string{"::ffff:127.0.0.2"}, 0},
		{"A140 zone", []string{"fe80::1%lo"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := open(t, egress.Config{}, map[string][]string{"rebind.example": c.answers})
			before := hits.Load()
			for i := range c.oks {
				if _, err := get(client, "http://rebind.example:"+port(s)); err != nil {
					t.Fatalf("request %d: %v", i, err)
				}
			}
			_, err := get(client, "http://rebind.example:"+port(s))
			wantCode(t, err, "egress-target-refused")
			if int(hits.Load()-before) != c.oks {
				t.Errorf("the server was reached %d times", hits.Load()-before)
			}
		})
	}
}

func TestRedirectsRefused(t *testing.T) {
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	other := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("A141: the other host was reached") })
	mux.HandleFunc("/to", func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.FormValue("status"))
		w.Header().Set("Location", r.FormValue("at"))
		w.WriteHeader(max(status, 302))
	})
	mux.HandleFunc("/count", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.FormValue("n"))
		if n > 0 {
			http.Redirect(w, r, fmt.Sprintf("/count?n=%d", n-1), http.StatusFound)
		}
	})
	client := open(t, egress.Config{}, map[string][]string{"inside.example": {"10.0.0.1"}})
	for _, c := range []struct{ name, path, code string }{
		{"A141 private", "/to?at=http://10.0.0.1/", "egress-target-refused"},
		{"A141 metadata", "/to?at=http://169.254.169.254/latest", "egress-target-refused"},
		{"A141 private by name", "/to?at=http://inside.example/", "egress-target-refused"},
		{"A141 https", "/to?at=https://127.0.0.1/", "egress-redirect-scheme"},
		{"A141 file", "/to?at=file:///etc/passwd", "egress-redirect-scheme"},
		{"A141 ftp", "/to?at=ftp://127.0.0.1/", "egress-redirect-scheme"},
		{"A141 userinfo", "/to?at=http://a:b@127.0.0.1/", "egress-url-userinfo"},
		{"A141 odd spelling", "/to?at=http://2130706433/", "egress-url-address-spelling"},
		{"A141 11 hops", "/count?n=11", "egress-too-many-redirects"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := get(client, s.URL+c.path)
			wantCode(t, err, c.code)
		})
	}
	t.Run("A141 10 hops pass", func(t *testing.T) {
		if answer, err := get(client, s.URL+"/count?n=10"); err != nil || answer.URL.String() != s.URL+"/count?n=0" {
			t.Errorf("%v, %v", answer, err)
		}
	})
	t.Run("A141 content to another host", func(t *testing.T) {
		for _, status := range []string{"307", "308"} {
			u, _ := egress.ParseURL(s.URL + "/to?status=" + status + "&at=" + other.URL)
			_, err := client.Do(t.Context(), egress.Request{Method: "POST", URL: u, Body: []byte("client_secret=x")})
			wantCode(t, err, "egress-redirect-with-body")
		}
	})
}

func TestCredentialsStayWithTheirHost(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]http.Header{}
	note := func(name string, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen[name] = r.Header.Clone()
	}
	var first *httptest.Server
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		note("other", r)
		http.Redirect(w, r, first.URL+"/back", http.StatusFound)
	})
	first = serve(t, func(w http.ResponseWriter, r *http.Request) {
		note(r.URL.Path, r)
		switch r.URL.Path {
		case "/start":
			http.Redirect(w, r, "/same", http.StatusFound)
		case "/same":
			http.Redirect(w, r, other.URL, http.StatusFound)
		}
	})
	client := open(t, egress.Config{}, nil)
	u, _ := egress.ParseURL(first.URL + "/start?token=canary")
	header := http.Header{"Authorization": {"Bearer canary"}, "Cookie": {"c=canary"}, "x-api-key": {"canary"}, "Accept": {"a/b"}}
	if _, err := client.Do(t.Context(), egress.Request{URL: u, Header: header}); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"/start", "/same"} {
		if seen[at].Get("Authorization") == "" || seen[at].Get("X-Api-Key") == "" {
			t.Errorf("%s lacks its credentials: %v", at, seen[at])
		}
	}
	for _, at := range []string{"other", "/back"} {
		if text := fmt.Sprint(seen[at]); strings.Contains(text, "canary") {
			t.Errorf("A141 (CVE-2024-45336): %s saw credentials: %s", at, text)
		}
		if seen[at].Get("Accept") != "a/b" {
			t.Errorf("%s: %v", at, seen[at])
		}
	}
	if text := seen["/same"].Get("Referer"); text != "" {
		t.Errorf("Referer %q", text)
	}
}

func TestTLS(t *testing.T) {
	s := serveTLS(t, nil, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) })
	old := serveTLS(t, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, http.NotFound)
	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	answers := map[string][]string{"example.com": {"127.0.0.1"}, "wrong.test": {"127.0.0.1"}}
	client := open(t, egress.Config{}, answers)
	trusting, err := client.For(egress.Use{Roots: []*x509.Certificate{s.Certificate(), old.Certificate()}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		client *egress.Client
		addr   string
		code   string
	}{
		{"A145 unknown authority", client, "example.com:" + port(s), "egress-certificate-refused"},
		{"A145 other name", trusting, "wrong.test:" + port(s), "egress-certificate-refused"},
		{"A145 TLS 1.1", trusting, "example.com:" + port(old), "egress-tls-failed"},
		{"A145 no TLS there", trusting, "example.com:" + port(plain), "egress-tls-failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.client.DialTLS(t.Context(), "tcp", c.addr)
			wantCode(t, err, c.code)
			if c.addr != "example.com:"+port(plain) {
				_, err = get(c.client, "https://"+c.addr)
				wantCode(t, err, c.code)
			}
		})
	}
	t.Run("a trusted server answers", func(t *testing.T) {
		answer, err := get(trusting, "https://example.com:"+port(s))
		if err != nil || string(answer.Body) != "example.com:"+port(s) {
			t.Errorf("%v, %v", answer, err)
		}
		conn, err := trusting.DialTLS(t.Context(), "tcp", "example.com:"+port(s))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		if got := trusting.TLS("mail.example"); got.ServerName != "mail.example" || got.MinVersion < tls.VersionTLS12 {
			t.Error("TLS settings")
		}
	})
}

func TestFailuresHaveCodes(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	noise, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = noise.Close() })
	go func() {
		for {
			conn, err := noise.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "220 this is no HTTP\r\n")
			_ = conn.Close()
		}
	}()
	client := open(t, egress.Config{}, nil)
	_, err = get(client, gone.URL)
	wantCode(t, err, "egress-unreachable")
	_, err = get(client, "http://nobody.example/?secret=canary")
	wantCode(t, err, "egress-name-unknown")
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("R9: %v", err)
	}
	_, err = get(client, "http://"+noise.Addr().String())
	wantCode(t, err, "egress-answer-malformed")
	_, err = client.Dial(t.Context(), "tcp", gone.Listener.Addr().String())
	wantCode(t, err, "egress-unreachable")
	_, err = client.Dial(t.Context(), "unix", "127.0.0.1:80")
	wantCode(t, err, "egress-address-malformed")
	_, err = client.Dial(t.Context(), "tcp", "0x7f.1:80")
	wantCode(t, err, "egress-url-address-spelling")
}

// proxy is a forward proxy that counts; it sends every target to target.
func proxy(t *testing.T, target string, count *atomic.Int32) egress.URL {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		count.Add(1)
		if r.Method != http.MethodConnect {
			_, _ = io.WriteString(w, "by proxy to "+r.URL.Host)
			return
		}
		out, err := net.Dial("tcp", target)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(out, conn); _ = out.Close() }()
		_, _ = io.Copy(conn, out)
		_ = conn.Close()
	})
	u, err := egress.ParseURL(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestProxy(t *testing.T) {
	secure := serveTLS(t, nil, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "end to end") })
	var count atomic.Int32
	u := proxy(t, secure.Listener.Addr().String(), &count)
	client, err := egress.New(egress.Config{
		Proxy: u, Hosts: []string{"jira.example", "*.corp.example", "example.com"},
		Resolver: &names{answers: map[string][]string{"relay.corp.example": {"127.0.0.1"}, "out.corp.example": {"8.8.8.8"}}},
		Roots:    []*x509.Certificate{secure.Certificate()},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	for _, c := range []struct{ url, code string }{
		{"http://8.8.8.8/", "egress-literal-behind-proxy"},
		{"http://[2606:4700::1111]/", "egress-literal-behind-proxy"},
		{"http://127.0.0.1/", "egress-literal-behind-proxy"},
		{"http://evil.example/", "egress-host-not-listed"},
		{"http://corp.example/", "egress-host-not-listed"},
		{"http://evilcorp.example/", "egress-host-not-listed"},
		{"http://jira.example.evil.example/", "egress-host-not-listed"},
	} {
		_, err := get(client, c.url)
		wantCode(t, err, c.code)
	}
	_, err = client.Dial(t.Context(), "tcp", "out.corp.example:25")
	wantCode(t, err, "egress-direct-refused")
	_, err = client.Dial(t.Context(), "tcp", "relay.corp.example:25")
	wantCode(t, err, "egress-direct-refused")
	if count.Load() != 0 {
		t.Errorf("the proxy was asked %d times", count.Load())
	}
	for _, host := range []string{"jira.example", "JIRA.example", "a.b.corp.example"} {
		answer, err := get(client, "http://"+host+"/x")
		if err != nil || string(answer.Body) != "by proxy to "+host {
			t.Errorf("%s: %v, %v", host, answer, err)
		}
	}
	if answer, err := get(client, "https://example.com/"); err != nil || string(answer.Body) != "end to end" {
		t.Errorf("CONNECT: %v, %v", answer, err)
	}
	if count.Load() != 4 {
		t.Errorf("the proxy was asked %d times, want 4", count.Load())
	}
}

func TestEnvironmentProxiesAreIgnored(t *testing.T) {
	var count atomic.Int32
	u := proxy(t, "127.0.0.1:1", &count)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		t.Setenv(name, u.String())
	}
	t.Setenv("NO_PROXY", "[::1%25.example]")
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "direct") })
	client := open(t, egress.Config{}, map[string][]string{"app.example": {"127.0.0.1"}, "in.example": {"10.0.0.1"}})
	answer, err := get(client, "http://app.example:"+port(s))
	if err != nil || string(answer.Body) != "direct" || count.Load() != 0 {
		t.Errorf("A144: %v, %v, proxy asked %d times", answer, err, count.Load())
	}
	_, err = get(client, "http://in.example/")
	wantCode(t, err, "egress-target-refused")
}

func TestSentencesSayWhatToDo(t *testing.T) {
	book, err := words.Load(egress.Words)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := egress.New(egress.Config{})
	_, err = get(c, "http://10.1.2.3/")
	f := fault.As(err)
	for _, lang := range words.Langs {
		if text := book.Say(lang, "problem."+f.Code, f.Args); !strings.Contains(text, "10.1.2.3") || !strings.Contains(text, "egress.allow") {
			t.Errorf("%s: %s", lang, text)
		}
	}
}
