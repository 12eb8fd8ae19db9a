package egress_test

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/fault"
)

func TestParseURLRefuses(t *testing.T) {
	const (
		malformed = "egress-url-malformed"
		spelling  = "egress-url-address-spelling"
		host      = "egress-url-host"
	)
	for _, c := range []struct{ id, in, code string }{
		{"A146", "", malformed},
		{"A146", "https://a.example/x\r\nX-Evil: 1", malformed},
		{"A146", "https://a.example/x\ny", malformed},
		{"A146", "https://a.example\t/", malformed},
		{"A146", "https://a.example/ x", malformed},
		{"A146", "https://a.example\\@evil.example/", malformed},
		{"A146", "https://a.example%0d%0a/", malformed},
		{"A146", "https://a.example/\x00", malformed},
		{"A146", "https://a.example/#part", malformed},
		{"A146", "https://a.example/é", malformed},
		{"A146", "https://" + strings.Repeat("a.", 3000) + "example/", malformed},
		{"A141", "ftp://a.example/", "egress-url-scheme"},
		{"A141", "file:///etc/passwd", "egress-url-scheme"},
		{"A141", "gopher://a.example:70/", "egress-url-scheme"},
		{"A141", "//a.example/", "egress-url-scheme"},
		{"A141", "a.example", "egress-url-scheme"},
		{"A141", "javascript:alert(1)", "egress-url-scheme"},
		{"A146", "https:a.example", malformed},
		{"A146", "https:///path", host},
		{"A002", "https://user@a.example/", "egress-url-userinfo"},
		{"A002", "https://app.example@evil.example/cb", "egress-url-userinfo"},
		{"A002", "https://user:p@@evil.example/cb", "egress-url-userinfo"},
		{"A002", "https://@a.example/", "egress-url-userinfo"},
		{"A146", "https://a.example:/", "egress-url-port"},
		{"A146", "https://a.example:0/", "egress-url-port"},
		{"A146", "https://a.example:65536/", "egress-url-port"},
		{"A146", "https://a.example:080/", "egress-url-port"},
		{"A146", "https://a.example:http/", malformed},
		{"A139 decimal", "http://2130706433/", spelling},
		{"A139 hex", "http://0x7f000001/", spelling},
		{"A139 hex quad", "http://0x7f.0x0.0x0.0x1/", spelling},
		{"A139 bare hex", "http://127.0.0.0x/", spelling},
		{"A139 octal", "http://0177.0.0.1/", spelling},
		{"A139 octal without letters", "http://017700000001/", spelling},
		{"A139 short", "http://127.1/", spelling},
		{"A139 three parts", "http://10.0.1/", spelling},
		{"A139 five parts", "http://127.0.0.1.1/", spelling},
		{"A139 too large", "http://256.0.0.1/", spelling},
		{"A139 name that ends in a number", "http://a.1/", spelling},
		{"A139 zone", "http://[fe80::1%25eth0]/", spelling},
		{"A139 zone on loopback", "http://[::1%25lo]/", spelling},
		{"A139 broken IPv6", "http://[::1::2]/", malformed},
		{"A139 IPv6 without brackets", "http://::1/", malformed},
		{"A139 trailing dot", "http://localhost./", host},
		{"A139 trailing dot on an address", "http://127.0.0.1./", host},
		{"A139 two dots", "http://a..example/", host},
		{"A139 leading dot", "http://.example/", host},
		{"A139 ideographic dot", "http://127。0。0。1/", malformed},
		{"A139 fullwidth digits", "http://１27.0.0.1/", malformed},
		{"A139 encoded dot", "http://127%E3%80%820.0.1/", spelling},
		{"A139 encoded dot before a name", "http://a%E3%80%82example/", host},
		{"A139 hyphen first", "http://-a.example/", host},
		{"A139 long label", "http://" + strings.Repeat("a", 64) + ".example/", host},
		{"A139 long name", "http://" + strings.Repeat("abcdefgh.", 32) + "example/", host},
	} {
		t.Run(c.id+" "+c.in[:min(len(c.in), 40)], func(t *testing.T) {
			got, err := egress.ParseURL(c.in)
			if fault.Code(err) != c.code || !got.IsZero() {
				t.Errorf("got %q, %v; want %s", got, err, c.code)
			}
			if f := fault.As(err); f != nil && f.Kind != fault.Invalid {
				t.Errorf("kind %s", f.Kind)
			}
		})
	}
}

func TestURL(t *testing.T) {
	for _, in := range []string{
		"https://a.example", "http://A.example:8443/p%20q?x=1&y=%0D", "https://[2606:4700::1111]/", "http://127.0.0.1:9001",
		"http://localhost/", "https://xn--fiqs8s.example/", "https://a_b.example/~x", "http://[::ffff:10.0.0.1]:80/",
	} {
		var u egress.URL
		if err := u.UnmarshalText([]byte(in)); err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		text, _ := u.MarshalText()
		if string(text) != in || u.String() != in || u.Parsed().Host == "" {
			t.Errorf("%s became %s", in, text)
		}
	}
	var u egress.URL
	if err := u.UnmarshalText(nil); err != nil || !u.IsZero() {
		t.Error("an empty text is the zero URL")
	}
	u, _ = egress.ParseURL("https://a.example/base?q=1")
	for in, want := range map[string]string{
		"x":            "https://a.example/base/x?q=1",
		"../../../etc": "https://a.example/etc?q=1",
		"a b":          "https://a.example/base/a%20b?q=1",
		"é":            "https://a.example/base/%C3%A9?q=1",
	} {
		if got, err := u.Join(in); err != nil || got.String() != want {
			t.Errorf("Join(%q) = %s, %v; want %s", in, got, err, want)
		}
	}
}

func TestParseAddress(t *testing.T) {
	for _, in := range []string{"", "a.example", "a.example:", "a.example:0", "a.example:99999", ":25", "::1:25", "[fe80::1%eth0]:25", "0x7f.1:25", "a.example.:25", "a.example:25\r\n", "user@a.example:25"} {
		if got, err := egress.ParseAddress(in); fault.As(err) == nil {
			t.Errorf("A146 %q became %v, %v", in, got, err)
		}
	}
	for in, host := range map[string]string{"a.example:25": "a.example", "[2606:4700::1]:636": "2606:4700::1", "10.0.0.1:6514": "10.0.0.1"} {
		var a egress.Address
		if err := a.UnmarshalText([]byte(in)); err != nil || a.Host() != host || a.String() != in {
			t.Errorf("%s: %v, %v", in, a, err)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{"https://a.example/", "http://[::1%25lo]:80/", "http://0x7f.1", "http://a@b", "http:a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := egress.ParseURL(text)
		if err != nil {
			if fault.As(err) == nil {
				t.Fatalf("not a fault: %v", err)
			}
			return
		}
		p := u.Parsed()
		if p.User != nil || p.Host == "" || p.Scheme != "http" && p.Scheme != "https" || strings.ContainsAny(p.Host, "\r\n%\\ ") {
			t.Fatalf("accepted %q as %#v", text, p)
		}
		if _, err := egress.ParseURL(p.String()); err != nil {
			t.Fatalf("%q does not read back from %q: %v", text, p, err)
		}
	})
}

// TestTheLibraryReadsMoreThanWe pins what net/url and net/netip let through
// beside what we refuse: when a new version changes one of them, this says so.
func TestTheLibraryReadsMoreThanWe(t *testing.T) {
	for _, text := range []string{"https://app.example@evil.example/cb", "https://user:p@@evil.example/cb"} {
		t.Run("TRAP-GO10 "+text, func(t *testing.T) {
			if u, err := url.Parse(text); err != nil || u.User == nil || u.Hostname() != "evil.example" {
				t.Errorf("net/url reads %v (%v) now", u, err)
			}
			if got, err := egress.ParseURL(text); fault.Code(err) != "egress-url-userinfo" {
				t.Errorf("we read %v (%v)", got, err)
			}
		})
	}
	for _, text := range []string{"100.64.0.1", "198.18.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "::ffff:10.0.0.1"} {
		t.Run("TRAP-GO11 "+text, func(t *testing.T) {
			addr := netip.MustParseAddr(text)
			if mapped := addr.Is4In6(); !mapped && (!addr.IsGlobalUnicast() || addr.IsPrivate()) {
				t.Error("net/netip does not hold it for public any more")
			}
			if egress.Public(addr) {
				t.Error("we hold it for public")
			}
		})
	}
}
