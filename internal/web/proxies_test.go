package web_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
)

// headerSpellings are names that some stack reads as the client's address, the
// host, the scheme, the user or the certificate.
var headerSpellings = strings.Fields(`
	Forwarded forwarded FORWARDED X-Forwarded-For x-forwarded-for X-FORWARDED-FOR X_Forwarded_For x_forwarded_for X-Forwarded_For
	X_Forwarded-For X-Forwarded-Host X_Forwarded_Host x-forwarded-host X-Forwarded-Proto X_Forwarded_Proto X-Forwarded-Scheme
	X-Forwarded-Ssl X-Forwarded-Port X-Forwarded-Prefix X_Forwarded_Prefix X-Forwarded-Uri X-Forwarded-Method X-Forwarded-Server
	X-Forwarded-By X-Forwarded X-Forwarded-User X_Forwarded_User x_forwarded_user X-Forwarded-Email X-Forwarded-Groups
	X-Forwarded-Preferred-Username X-Forwarded-Access-Token X-Forwarded-Client-Cert X_Forwarded_Client_Cert X-Forwarded-Tls-Client-Cert
	X-Real-Ip X-Real-IP x_real_ip True-Client-Ip True_Client_Ip Cf-Connecting-Ip Fastly-Client-Ip X-Client-Ip X_Client_Ip
	X-Cluster-Client-Ip Client-Ip X-Original-Url X_Original_Url X-Original-Uri X-Original-Host X-Original-Forwarded-For X-Rewrite-Url
	X-Host X-Http-Method-Override X-Http-Method X-Method-Override X-Client-Cert Client-Cert Client-Cert-Chain Ssl-Client-Cert
	Ssl_Client_Cert Ssl-Client-Verify Ssl-Client-S-Dn X-Ssl-Client-Cert X_Ssl_Client_Cert X-Remote-User Remote-User Remote_User
	X-Auth-Request-User X-Webauth-User X-Request-Id X_Request_Id`)

const proxy = "10.0.0.1"

func TestForwardingHeadersByPeer(t *testing.T) {
	if len(headerSpellings) < 60 {
		t.Fatalf("only %d spellings", len(headerSpellings))
	}
	for _, peer := range []string{"203.0.113.9", proxy} {
		for _, name := range headerSpellings {
			t.Run("R7/"+peer+"/"+name, func(t *testing.T) {
				s := newSite(t, func(o *web.Options) { o.TrustedProxies = []string{proxy} })
				var seen http.Header
				var at store.Circumstance
				s.Page(web.Route{Method: "GET", Path: "/see", Permission: web.Public}, func(v *web.Visit) error {
					seen, at = v.Request().Header.Clone(), store.AroundOf(v.Context())
					return v.See("/")
				})
				r := request("GET", "/see", "")
				r.RemoteAddr = peer + ":1"
				r.Header[name] = []string{"198.51.100.7"}
				if got := s.serve(r); got.Code != http.StatusSeeOther {
					t.Fatalf("status %d", got.Code)
				}
				if len(seen) != 0 {
					t.Errorf("A171: the handler saw %v", seen)
				}
				believed := peer == proxy && name == "X-Forwarded-For"
				if want := map[bool]string{true: "198.51.100.7", false: peer}[believed]; at.Source != want || (at.Trust == "forwarded") != believed {
					t.Errorf("source %s (known by %s), want %s", at.Source, at.Trust, want)
				}
			})
		}
	}
}

func TestRightmostUntrustedAddress(t *testing.T) {
	trusted := []string{"10.0.0.0/8", "2001:db8:1::/48", "192.0.2.1"}
	for i, row := range []struct {
		peer, xff, forwarded, connection, want string
	}{
		{"203.0.113.9", "1.2.3.4", "", "", "203.0.113.9"},
		{"203.0.113.9", "10.0.0.2", "for=1.2.3.4", "", "203.0.113.9"},
		{"10.0.0.1", "", "", "", "10.0.0.1"},
		{"10.0.0.1", "1.2.3.4", "", "", "1.2.3.4"},
		{"10.0.0.1", "6.6.6.6, 1.2.3.4", "", "", "1.2.3.4"},
		{"10.0.0.1", "6.6.6.6, 1.2.3.4, 10.9.9.9", "", "", "1.2.3.4"},
		{"10.0.0.1", "6.6.6.6,1.2.3.4:5555,192.0.2.1", "", "", "1.2.3.4"},
		{"10.0.0.1", "10.2.2.2, 10.3.3.3", "", "", "10.2.2.2"},
		{"10.0.0.1", "6.6.6.6, garbage", "", "", "10.0.0.1"},
		{"10.0.0.1", "6.6.6.6, ", "", "", "10.0.0.1"},
		{"10.0.0.1", "::ffff:1.2.3.4", "", "", "1.2.3.4"},
		{"::ffff:10.0.0.1", "1.2.3.4", "", "", "1.2.3.4"},
		{"10.0.0.1", "", "for=1.2.3.4;proto=https;by=10.0.0.1", "", "1.2.3.4"},
		{"10.0.0.1", "", `for=6.6.6.6, for="[2001:db8:cafe::17]:4711"`, "", "2001:db8:cafe::17"},
		{"10.0.0.1", "", "for=_hidden", "", "10.0.0.1"},
		{"10.0.0.1", "", "by=1.2.3.4", "", "10.0.0.1"},
		{"10.0.0.1", "1.2.3.4", "for=6.6.6.6", "", "10.0.0.1"},
		{"10.0.0.1", "1.2.3.4", "for=1.2.3.4", "", "1.2.3.4"},
		{"10.0.0.1", "garbage", "for=6.6.6.6", "", "10.0.0.1"},
		{"10.0.0.1", "1.2.3.4", "", "close, X-Forwarded-For", "10.0.0.1"},
		{"2001:db8:1::5", "2001:db8:2::7", "", "", "2001:db8:2::7"},
		{"2001:db8:1::5", "fe80::1%eth0", "", "", "fe80::1"},
	} {
		t.Run(fmt.Sprintf("A179/%d", i), func(t *testing.T) {
			s := newSite(t, func(o *web.Options) { o.TrustedProxies = trusted })
			var got string
			s.Page(web.Route{Method: "GET", Path: "/see", Permission: web.Public}, func(v *web.Visit) error {
				got = store.AroundOf(v.Context()).Source
				return v.See("/")
			})
			r := request("GET", "/see", "")
			r.RemoteAddr = net.JoinHostPort(row.peer, "1")
			for name, value := range map[string]string{"X-Forwarded-For": row.xff, "Forwarded": row.forwarded, "Connection": row.connection} {
				if value != "" {
					r.Header[name] = []string{value}
				}
			}
			s.serve(r)
			if got != row.want {
				t.Errorf("source %s, want %s", got, row.want)
			}
		})
	}
}

func TestRequestIDFromTrustedProxyOnly(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.TrustedProxies = []string{proxy} })
	for given, kept := range map[string]bool{
		"abcdefgh-1234": true, "short": false, "with space in": false, "<script>alert": false, strings.Repeat("a", 65): false, "a\x1b[31mbbbbbb": false,
	} {
		r := request("GET", "/", "", "X-Request-Id", given)
		r.RemoteAddr = proxy + ":1"
		if got := s.serve(r).Header().Get("X-Request-Id"); (got == given) != kept {
			t.Errorf("%q became %q", given, got)
		}
	}
}

func TestOptionsThatLetPeopleIn(t *testing.T) {
	for code, change := range map[string]option{
		"trusted-proxy-everybody": func(o *web.Options) { o.TrustedProxies = []string{"10.0.0.0/8", "0.0.0.0/0"} },
		"trusted-proxy-malformed": func(o *web.Options) { o.TrustedProxies = []string{"*"} },
		"base-url-not-https":      func(o *web.Options) { o.BaseURL = "http://sekisho.example" },
		"base-url-malformed":      func(o *web.Options) { o.BaseURL = "https://user@sekisho.example" },
	} {
		t.Run("A178/"+code, func(t *testing.T) {
			o := web.Options{BaseURL: base}
			change(&o)
			if _, err := web.New(o); fault.Code(err) != code {
				t.Errorf("got %v", err)
			}
		})
	}
	for _, bad := range []string{"", "sekisho.example", "https://a/b", "https://a?b", "https://a#b", "ftp://a", "https://", "://"} {
		if _, err := web.New(web.Options{BaseURL: bad}); fault.Code(err) != "base-url-malformed" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	newSite(t, func(o *web.Options) { o.TrustedProxies, o.TrustAnyPeer = []string{"::/0"}, true })
	s := newSite(t, func(o *web.Options) { o.BaseURL = "http://localhost:8080/" })
	if s.CookieName() != "sekisho" || s.BaseURL() != "http://localhost:8080" {
		t.Errorf("%s %s", s.CookieName(), s.BaseURL())
	}
	if got := s.askHost("localhost:8080", "/"); got.Header().Get("Strict-Transport-Security") != "" {
		t.Error("HSTS on http")
	}
}
