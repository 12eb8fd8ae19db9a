// Package secret holds values that must not reach a formatter (R9): every way
// to print, encode or log one gives a redaction. The one way out is Reveal, so
// that `grep Reveal` lists every place where a secret leaves its wrapper.
package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Redacted is what every formatter sees.
const Redacted = "[secret]"

// Text is a secret value. The bytes stand behind two pointers, because fmt
// prints unexported fields of an enclosing struct without asking their methods.
// It follows one pointer to a slice when the verb does not fit (%s), but not a
// pointer to a pointer: of that it prints the address.
type Text struct{ bytes **[]byte }

// Of wraps s.
func Of(s string) Text { return OfBytes([]byte(s)) }

// OfBytes wraps b without copying it; the caller gives it up.
func OfBytes(b []byte) Text {
	p := &b
	return Text{bytes: &p}
}

// Random returns n random bytes as base64url without padding: ≥ 128 bits from
// n = 16 on.
func Random(n int) Text {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand, Go 1.24)
	return Of(base64.RawURLEncoding.EncodeToString(b))
}

// Reveal returns the value.
func (t Text) Reveal() string { return string(t.RevealBytes()) }

// RevealBytes returns the value's own bytes; the caller must not keep them.
func (t Text) RevealBytes() []byte {
	if t.bytes == nil {
		return nil
	}
	return **t.bytes
}

// Empty reports whether there is no value.
func (t Text) Empty() bool { return len(t.RevealBytes()) == 0 }

// Equal compares in constant time.
func (t Text) Equal(other Text) bool {
	return subtle.ConstantTimeCompare(t.RevealBytes(), other.RevealBytes()) == 1
}

// Wipe overwrites the value, as far as Go allows.
func (t Text) Wipe() { clear(t.RevealBytes()) }

// String returns the redaction.
func (Text) String() string { return Redacted }

// GoString returns the redaction.
func (Text) GoString() string { return Redacted }

// Format writes the redaction for every verb.
func (Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// MarshalText returns the redaction.
func (Text) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalJSON returns the redaction.
func (Text) MarshalJSON() ([]byte, error) { return []byte(`"` + Redacted + `"`), nil }

// MarshalYAML returns the redaction.
func (Text) MarshalYAML() (any, error) { return Redacted, nil }

// LogValue returns the redaction.
func (Text) LogValue() slog.Value { return slog.StringValue(Redacted) }

// GobEncode refuses: gob would be a way around the redaction.
func (Text) GobEncode() ([]byte, error) { return nil, errors.New("secret: refusing to encode") }

// Digest is how a value of 256 random bits is kept and found again: its SHA-256
// as hexadecimal digits. No slow hash is needed; for what people choose it is
// not enough.
func (t Text) Digest() string {
	sum := sha256.Sum256(t.RevealBytes())
	return hex.EncodeToString(sum[:])
}
