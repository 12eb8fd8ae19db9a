package totp

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/pquerna/otp/hotp"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
)

// Digits and Period are what authenticator apps take when nothing is said.
const (
	Digits = 6
	Period = 30 * time.Second

	secretSize = 20 // bytes, the length of SHA-1 (RFC 4226 §4, R6)
)

var base = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewSecret returns 20 random bytes as 32 characters of base32, the form in
// which apps take a secret that is typed.
func NewSecret() secret.Text {
	b := make([]byte, secretSize)
	_, _ = rand.Read(b) // never fails (crypto/rand, Go 1.24)
	defer clear(b)
	return secret.Of(base.EncodeToString(b))
}

// Grouped returns the secret in groups of four, for whoever types it.
func Grouped(s secret.Text) secret.Text {
	var b strings.Builder
	for i, r := range s.Reveal() {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return secret.Of(b.String())
}

// URI returns the otpauth URI of the key URI format. issuer is what the app
// shows as the place, account as the person. A colon parts the two in the label,
// and some readers part it at an escaped one too: colons inside become spaces.
func URI(issuer, account string, s secret.Text) secret.Text {
	issuer, account = label(issuer), label(account)
	return secret.Of("otpauth://totp/" + escape(issuer) + ":" + escape(account) +
		"?secret=" + s.Reveal() + "&issuer=" + escape(issuer) + "&algorithm=SHA1&digits=6&period=30")
}

func label(s string) string {
	return strings.Join(strings.Fields(strings.ToValidUTF8(strings.ReplaceAll(s, ":", " "), "")), " ")
}

// escape writes %20 for a space: some apps show the plus sign of a form.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// Canonical returns the six ASCII digits of a typed code (A042): digits of any
// script, full width included, with spaces or hyphens between them. Whatever
// else is typed is a fault, totp-malformed.
func Canonical(code string) (string, error) {
	var digits []byte
	for _, r := range code {
		d, ok := digit(r)
		switch {
		case ok && len(digits) < Digits:
			digits = append(digits, d)
		case ok || !unicode.IsSpace(r) && !unicode.Is(unicode.Pd, r):
			return "", malformed()
		}
	}
	if len(digits) != Digits {
		return "", malformed()
	}
	return string(digits), nil
}

func malformed() error { return fault.New(fault.Invalid, "totp-malformed", "digits", Digits) }

// digit returns the ASCII digit of a decimal digit of any script. Unicode keeps
// each script's ten in a row from nought on (UAX #44, Numeric_Type=Decimal), and
// a range of its table holds such rows whole.
func digit(r rune) (byte, bool) {
	if !unicode.Is(unicode.Nd, r) {
		return 0, false
	}
	for _, in := range unicode.Nd.R16 {
		if r >= rune(in.Lo) && r <= rune(in.Hi) {
			return '0' + byte((r-rune(in.Lo))%10), true
		}
	}
	for _, in := range unicode.Nd.R32 {
		if r >= rune(in.Lo) && r <= rune(in.Hi) {
			return '0' + byte((r-rune(in.Lo))%10), true
		}
	}
	return 0, false
}

// StepAt returns the number of the time step that holds t.
func StepAt(t time.Time) int64 {
	seconds := t.Unix()
	step := seconds / int64(Period/time.Second)
	if seconds%int64(Period/time.Second) < 0 {
		step--
	}
	return step
}

// Step returns the time step whose code this is: the one of now, or one of
// window steps before and after it (a clock that is off, a slow thumb). The
// caller stores the step in the write that accepts it and refuses every step
// that is not greater than the stored one: it is the step that is used up, not
// the text (RFC 6238 §5.2; A042). If two steps share a code, the later one
// counts, so that neither can be used again. All steps are computed and compared
// in constant time.
//
// code is Canonical's; anything else matches nothing. With a window of 1 a guess
// succeeds with 3 in 10⁶.
func Step(s secret.Text, code string, now time.Time, window int) (step int64, ok bool) {
	middle := StepAt(now)
	for at := middle - int64(window); at <= middle+int64(window); at++ {
		want, err := codeOf(s, at)
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			step, ok = at, true
		}
	}
	return step, ok
}

// Code returns the code of a time step, as the app shows it.
func Code(s secret.Text, step int64) (secret.Text, error) {
	code, err := codeOf(s, step)
	return secret.Of(code), err
}

func codeOf(s secret.Text, step int64) (string, error) {
	return hotp.GenerateCode(s.Reveal(), uint64(step))
}
