package mailaddr

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/sekisho/sekisho/internal/fault"
)

// Bounds in octets, RFC 5321 §4.5.3.1 and its erratum 1690.
const (
	LocalMost   = 64
	AddressMost = 254
)

// Address is a mail address that Parse took; the zero value is none. Two
// addresses are equal if they are written alike on the wire; see Key for
// whether they may reach one mailbox.
type Address struct{ local, domain string }

// domains maps width and case, as people type names, and then holds to the
// rules of host names.
var domains = idna.New(
	idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false), idna.StrictDomainName(true), idna.VerifyDNSLength(true),
)

// Parse reads an address such as aoi@kaede.example or aoi@楓商事.example; blanks
// around it do not count. What is wrong is an Invalid fault:
// mail-address-malformed, mail-address-domain or mail-address-too-long.
func Parse(text string) (Address, error) {
	text = strings.Trim(text, " \t\u3000")
	local, domain, found := strings.Cut(text, "@")
	switch {
	case len(text) > 4*AddressMost || len(local) > LocalMost:
		return Address{}, tooLong()
	case !found || strings.Contains(domain, "@") || !isDotAtom(local):
		return Address{}, fault.New(fault.Invalid, "mail-address-malformed")
	}
	ascii, err := toASCII(domain)
	if err != nil {
		return Address{}, err
	}
	if len(local)+1+len(ascii) > AddressMost {
		return Address{}, tooLong()
	}
	return Address{local, ascii}, nil
}

func tooLong() error {
	return fault.New(fault.Invalid, "mail-address-too-long", "local", LocalMost, "limit", AddressMost)
}

// isDotAtom: atoms joined by single dots.
func isDotAtom(local string) bool {
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" || strings.ContainsFunc(atom, func(r rune) bool { return !isAtext(r) }) {
			return false
		}
	}
	return true
}

// isAtext is RFC 5322 §3.2.3.
func isAtext(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r < utf8.RuneSelf && strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
}

// toASCII wants two labels at least, of which the last is no number: 127.0.0.1
// and 0x7f.1 are no domains.
func toASCII(domain string) (string, error) {
	bad := func(err error) (string, error) {
		return "", fault.New(fault.Invalid, "mail-address-domain", "domain", shown(domain)).Because(err)
	}
	ascii, err := domains.ToASCII(domain)
	if err != nil || strings.ContainsRune(domain, utf8.RuneError) { // idna lets broken UTF-8 stand as U+FFFD
		return bad(err)
	}
	ascii = strings.ToLower(ascii)
	_, last, dotted := cutLast(ascii, ".")
	_, literal := netip.ParseAddr(ascii)
	if !dotted || literal == nil || strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") || strings.Contains(ascii, "_") {
		return bad(nil)
	}
	return ascii, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}

// shown is a stranger's text as a sentence may carry it: short, and without
// what turns the line.
func shown(text string) string {
	clean := strings.Map(func(r rune) rune {
		if Unshown(r) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
	if runes := []rune(clean); len(runes) > 80 {
		return string(runes[:80]) + "…"
	}
	return clean
}

// Unshown reports whether a character does not stand for itself: controls, and
// marks that turn the direction of what follows or are not seen at all (A128).
func Unshown(r rune) bool {
	switch {
	case r < ' ', r >= 0x7f && r <= 0x9f, r == 0x061c, r == 0x2028, r == 0x2029, r == 0xfeff:
		return true
	case r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r >= 0xe0000 && r <= 0xe007f:
		return true
	}
	return false
}

// String is the address as it stands on the wire, in ASCII.
func (a Address) String() string {
	if a.IsZero() {
		return ""
	}
	return a.local + "@" + a.domain
}

// IsZero reports whether there is no address.
func (a Address) IsZero() bool { return a.domain == "" }

// Domain is the part after the @, in ASCII and lower case.
func (a Address) Domain() string { return a.domain }

// Display is the address with an international domain as people write it, and
// the wire form where IDNA says that it could be mistaken.
func (a Address) Display() string {
	if a.IsZero() {
		return ""
	}
	domain, err := idna.Display.ToUnicode(a.domain)
	if err != nil {
		domain = a.domain
	}
	return a.local + "@" + domain
}

// Key is equal for addresses that no known mail server tells apart: the case of
// the local part counts on paper only (RFC 5321 §2.4).
func (a Address) Key() string { return strings.ToLower(a.String()) }

// MarshalText returns String.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText is Parse; an empty text is the zero Address.
func (a *Address) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*a = Address{}
		return nil
	}
	*a, err = Parse(string(text))
	return err
}

// Mailbox is an address with the name of whoever it belongs to: a From.
type Mailbox struct {
	Name    string // without controls; may be empty
	Address Address
}

// nameMost is the longest name of a mailbox in characters.
const nameMost = 80

// ParseMailbox reads "Sekisho <no-reply@example.com>", "<no-reply@example.com>"
// or an address alone. The name stands as it is, quotes around it are taken
// off; one with controls, angle brackets or more than 80 characters is
// mail-name-malformed.
func ParseMailbox(text string) (Mailbox, error) {
	name, rest, found := strings.Cut(text, "<")
	if !found {
		address, err := Parse(text)
		return Mailbox{Address: address}, err
	}
	inner, closed := strings.CutSuffix(strings.TrimRight(rest, " \t"), ">")
	name = strings.Trim(name, " \t")
	if len(name) >= 2 && name[0] == '"' && name[len(name)-1] == '"' {
		name = name[1 : len(name)-1]
	}
	if strings.ContainsFunc(name, Unshown) || strings.ContainsAny(name, `"<>\`) || !utf8.ValidString(name) || utf8.RuneCountInString(name) > nameMost {
		return Mailbox{}, fault.New(fault.Invalid, "mail-name-malformed", "limit", nameMost)
	}
	if !closed {
		return Mailbox{}, fault.New(fault.Invalid, "mail-address-malformed")
	}
	address, err := Parse(inner)
	return Mailbox{name, address}, err
}

// IsZero reports whether there is no mailbox.
func (m Mailbox) IsZero() bool { return m.Address.IsZero() }

// String is what ParseMailbox reads; it is no header: names are not encoded.
func (m Mailbox) String() string {
	if m.Name == "" {
		return m.Address.String()
	}
	return m.Name + " <" + m.Address.String() + ">"
}

// MarshalText returns String.
func (m Mailbox) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText is ParseMailbox; an empty text is the zero Mailbox.
func (m *Mailbox) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*m = Mailbox{}
		return nil
	}
	*m, err = ParseMailbox(string(text))
	return err
}
