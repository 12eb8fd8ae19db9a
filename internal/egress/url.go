package egress

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
)

// URL is a target of HTTP that somebody configured: absolute, http or https,
// no user and password, no fragment, a host in plain spelling. The zero value
// is no URL. Two URLs are equal if their texts are.
type URL struct{ text string }

// maxURL is the longest URL, in bytes: more than any server takes.
const maxURL = 4096

// ParseURL checks the text. What is wrong is an Invalid fault.
func ParseURL(text string) (URL, error) {
	if text == "" || len(text) > maxURL || strings.ContainsFunc(text, odd) {
		return URL{}, fault.New(fault.Invalid, "egress-url-malformed")
	}
	u, err := url.Parse(text)
	if err != nil {
		return URL{}, fault.New(fault.Invalid, "egress-url-malformed").Because(err.(*url.Error).Err)
	}
	if err := checkURL(u); err != nil {
		return URL{}, err
	}
	return URL{text}, nil
}

// odd characters stand in no URL: controls (CR and LF among them, A146),
// blanks, a backslash that browsers read as a slash, and all beyond ASCII,
// dots and digits of other scripts among them (A139).
func odd(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`\"<>^`+"`{|}#", r) }

func checkURL(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return fault.New(fault.Invalid, "egress-url-scheme", "scheme", u.Scheme)
	case u.User != nil:
		return fault.New(fault.Invalid, "egress-url-userinfo")
	case u.Opaque != "" || u.Fragment != "":
		return fault.New(fault.Invalid, "egress-url-malformed")
	case strings.HasSuffix(u.Host, ":") || u.Port() != "" && !isPort(u.Port()):
		return fault.New(fault.Invalid, "egress-url-port", "host", u.Host)
	}
	return checkHost(u.Hostname())
}

// checkHost accepts a dotted quad, an IPv6 address without zone and without
// brackets, and an ASCII host name.
func checkHost(host string) error {
	if addr, err := netip.ParseAddr(host); err == nil && addr.Zone() == "" {
		return nil
	}
	labels := strings.Split(host, ".")
	last := labels[len(labels)-1]
	if strings.ContainsAny(host, ":%") || number(last) {
		return fault.New(fault.Invalid, "egress-url-address-spelling", "host", host)
	}
	for _, label := range labels {
		if !isLabel(label) || len(host) > 253 {
			return fault.New(fault.Invalid, "egress-url-host", "host", host)
		}
	}
	return nil
}

// number reports whether a resolver could take a name that ends so for an IPv4
// address in one of its odd spellings: 2130706433, 0x7f.1, 0177.0.0.1, 127.1.
func number(label string) bool {
	if label == "" {
		return false
	}
	rest := strings.ToLower(label)
	if hex, ok := strings.CutPrefix(rest, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(rest, "0123456789") == ""
}

func isLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	return strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && s[0] != '0'
}

// String returns the text as it was given.
func (u URL) String() string { return u.text }

// IsZero reports whether there is no URL.
func (u URL) IsZero() bool { return u.text == "" }

// Parsed returns the URL taken apart; a fresh copy each time.
func (u URL) Parsed() *url.URL {
	parsed, err := url.Parse(u.text)
	if err != nil {
		return &url.URL{} // cannot be: ParseURL saw it
	}
	return parsed
}

// Join returns the URL with the path elements added; an element's slashes
// separate, and dots cannot climb out of it (url.URL.JoinPath).
func (u URL) Join(elements ...string) (URL, error) {
	return ParseURL(u.Parsed().JoinPath(elements...).String())
}

// MarshalText returns the text.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.text), nil }

// UnmarshalText checks the text as ParseURL does; an empty one is the zero URL.
func (u *URL) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*u = URL{}
		return nil
	}
	*u, err = ParseURL(string(text))
	return err
}

// Address is a target of a raw connection that somebody configured: HOST:PORT
// with the host spelled as in a URL. The zero value is none.
type Address struct{ text string }

// ParseAddress checks the text. What is wrong is an Invalid fault.
func ParseAddress(text string) (Address, error) {
	if len(text) > maxURL || strings.ContainsFunc(text, odd) {
		return Address{}, fault.New(fault.Invalid, "egress-address-malformed")
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil || !isPort(port) {
		return Address{}, fault.New(fault.Invalid, "egress-address-malformed")
	}
	if err := checkHost(host); err != nil {
		return Address{}, err
	}
	return Address{text}, nil
}

// String returns HOST:PORT as it was given.
func (a Address) String() string { return a.text }

// IsZero reports whether there is no address.
func (a Address) IsZero() bool { return a.text == "" }

// Host returns the host without brackets.
func (a Address) Host() string {
	host, _, _ := net.SplitHostPort(a.text)
	return host
}

// MarshalText returns the text.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.text), nil }

// UnmarshalText checks the text as ParseAddress does; an empty one is the zero
// Address.
func (a *Address) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*a = Address{}
		return nil
	}
	*a, err = ParseAddress(string(text))
	return err
}
