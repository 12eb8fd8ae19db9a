package recovery

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"unicode"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/words"
)

const (
	// Count is how many codes a person is given at a time.
	Count = 10
	// alphabet is Crockford's base32: no i, l, o or u, so that what is read off
	// paper is read right.
	alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	group    = 5
	length   = 3 * group
)

// New returns ten codes, written xxxxx-xxxxx-xxxxx.
func New() []secret.Text {
	out := make([]secret.Text, Count)
	for i := range out {
		out[i] = one()
	}
	return out
}

func one() secret.Text {
	var b [length]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand, Go 1.24)
	var text []byte
	for i, c := range b {
		if i > 0 && i%group == 0 {
			text = append(text, '-')
		}
		text = append(text, alphabet[c&31])
	}
	clear(b[:])
	return secret.OfBytes(text)
}

// Digest returns what is stored of a code of this person, and what is looked up
// when one is typed: 43 characters of base64url. Case, width, spaces and
// hyphens do not count, o is 0, and i and l are 1; a text that is no code then
// is the fault recovery-malformed.
func Digest(of id.Person, code secret.Text) (string, error) {
	plain, ok := canonical(code.Reveal())
	if !ok {
		return "", fault.New(fault.Invalid, "recovery-malformed")
	}
	sum := sha256.Sum256([]byte("sekisho recovery code\x00" + string(of) + "\x00" + plain))
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}

// typedTop bounds what is read, in bytes: fifteen characters with room around
// each.
const typedTop = 256

func canonical(typed string) (string, bool) {
	if len(typed) > typedTop {
		return "", false
	}
	plain := strings.Map(read, words.NFKC(typed))
	for i := range len(plain) {
		if strings.IndexByte(alphabet, plain[i]) < 0 {
			return "", false
		}
	}
	return plain, len(plain) == length
}

// read drops what groups a code and reads letters as they were meant. A
// Japanese keyboard gives the long vowel mark where a hyphen is typed.
func read(r rune) rune {
	r = unicode.ToLower(r)
	switch {
	case unicode.IsSpace(r), unicode.Is(unicode.Pd, r), r == '\u30fc', r == '\u2212':
		return -1
	case r == 'o':
		return '0'
	case r == 'i', r == 'l':
		return '1'
	}
	return r
}
