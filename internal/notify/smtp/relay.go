package smtp

import (
	"net"
	"strings"

	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/fault"
)

// Relay is the mail server as the configuration names it: smtps://HOST:465 is
// TLS from the first byte (RFC 8314), smtp://HOST:587 is STARTTLS. The ports may
// be left out. The zero value is none.
type Relay struct {
	Address  egress.Address
	Implicit bool
}

// schemes and their ports.
const (
	implicit, implicitPort = "smtps://", "465"
	upgraded, upgradedPort = "smtp://", "587"
)

// ParseRelay reads the text; what is wrong is an Invalid fault.
func ParseRelay(text string) (Relay, error) {
	address, port := "", upgradedPort
	rest, implied := strings.CutPrefix(text, implicit)
	if implied {
		address, port = rest, implicitPort
	} else if rest, ok := strings.CutPrefix(text, upgraded); ok {
		address = rest
	}
	if address == "" || strings.ContainsAny(address, "/@?#") || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return Relay{}, fault.New(fault.Invalid, "mail-relay-malformed", "text", quoted(text))
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		host, bracketed := strings.CutPrefix(address, "[")
		if bracketed { // [::1]; what opens and does not close is refused below
			host = strings.TrimSuffix(host, "]")
		}
		if bracketed == strings.HasSuffix(address, "]") && bracketed == strings.Contains(host, ":") { // 2001:db8::1:25 is two addresses
			address = net.JoinHostPort(host, port)
		}
	}
	parsed, err := egress.ParseAddress(address)
	return Relay{parsed, implied}, err
}

// quoted keeps a password that somebody wrote into the URL, and controls, out
// of the sentence.
func quoted(text string) string {
	if scheme, rest, found := strings.Cut(text, "://"); found {
		if at := strings.LastIndex(rest, "@"); at >= 0 {
			text = scheme + "://…" + rest[at:]
		}
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '\ufffd'
		}
		return r
	}, text)
}

// IsZero reports whether there is no relay.
func (r Relay) IsZero() bool { return r.Address.IsZero() }

// String is what ParseRelay reads.
func (r Relay) String() string {
	switch {
	case r.IsZero():
		return ""
	case r.Implicit:
		return implicit + r.Address.String()
	}
	return upgraded + r.Address.String()
}

// MarshalText returns String.
func (r Relay) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is ParseRelay; an empty text is the zero Relay.
func (r *Relay) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*r = Relay{}
		return nil
	}
	*r, err = ParseRelay(string(text))
	return err
}
