package once

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/sekisho/sekisho/internal/secret"
)

// Kind is a declared sort of single-use values. Kinds are package variables of
// the room that uses them, made by Declare; values of one kind mean nothing to
// another.
type Kind struct {
	// Name is stable: it is part of every hash. "setup-link", "oauth-code".
	Name string
	// Life is how long a value can be redeemed.
	Life time.Duration
	// Size is how many random bytes New draws: at least 16 (128 bits).
	Size int
	// Bound says that a value counts only together with something else: the
	// digits of a challenge, a client, a browser, a verifier.
	Bound bool
	// Tries is how many wrong bindings a value survives less one: with 5, the
	// fifth wrong one burns it. 0 means 1. Only for bound kinds.
	Tries int
	// Keep is how long after its life a value is still known as used, so that
	// its replay is seen. 0: it is forgotten when it is redeemed.
	Keep time.Duration
	// Tells says that a replay is answered once-used with the recorded
	// outcome, not once-invalid. It needs Keep.
	Tells bool
	// Most caps how many values that nobody known asked for may live at once;
	// 0 for kinds that only known principals mint.
	Most int
}

const (
	leastSize = 16
	mostSize  = 64
)

// Declare returns k, or panics: a wrong kind is a mistake of the programmer
// that must not outlive the first start.
func Declare(k Kind) Kind {
	if err := k.check(); err != nil {
		panic(err)
	}
	if k.Tries == 0 {
		k.Tries = 1
	}
	return k
}

func (k Kind) check() error {
	switch {
	case k.Name == "" || k.Life <= 0:
		return fmt.Errorf("once: kind %q needs a name and a life", k.Name)
	case k.Size < leastSize || k.Size > mostSize:
		return fmt.Errorf("once: kind %s: size %d: want %d to %d bytes", k.Name, k.Size, leastSize, mostSize)
	case k.Tries < 0 || k.Most < 0 || k.Keep < 0:
		return fmt.Errorf("once: kind %s: negative tries, cap or keeping", k.Name)
	case k.Tries > 1 && !k.Bound:
		return fmt.Errorf("once: kind %s: tries count wrong bindings, and it has none", k.Name)
	case k.Tells && k.Keep == 0:
		return fmt.Errorf("once: kind %s: cannot tell what it does not keep", k.Name)
	}
	return nil
}

// New returns a fresh random value, base64url without padding. Call it outside
// the write closure.
func (k Kind) New() secret.Text { return secret.Random(k.Size) }

// hash is SHA-256 over the length-framed parts: no value of one kind can be
// read as another's, however the parts are cut.
func hash(parts ...string) [sha256.Size]byte {
	h := sha256.New()
	var length [4]byte
	for _, part := range parts {
		binary.BigEndian.PutUint32(length[:], uint32(len(part))) //nolint:gosec // values are capped at mostValue
		h.Write(length[:])
		h.Write([]byte(part))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func (k Kind) key(value secret.Text) string {
	sum := hash("sekisho once value", k.Name, value.Reveal())
	return hex.EncodeToString(sum[:])
}

// binding is keyed by the value, which is stored nowhere: a reader of the
// database cannot try the million codes of six digits against it.
func (k Kind) binding(value secret.Text, bound string) string {
	if !k.Bound {
		return ""
	}
	sum := hash("sekisho once binding", k.Name, value.Reveal(), bound)
	return hex.EncodeToString(sum[:])
}

// slots are the places among the capped rows that a value may take, drawn from
// its own hash so that the closure needs no randomness.
func (k Kind) slots(value secret.Text) []int64 {
	sum := hash("sekisho once slot", k.Name, value.Reveal())
	var places []int64
	for i := 0; i+8 <= len(sum); i += 8 {
		places = append(places, int64(binary.BigEndian.Uint64(sum[i:])%uint64(k.Most))) //nolint:gosec // Most > 0 fits
	}
	return places
}
