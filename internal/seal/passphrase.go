package seal

import (
	"crypto/rand"
	"sync"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
)

// What a new wrapping asks of Argon2id (RFC 9106 §4, second choice), and the
// most that a stored one may ask: a damaged row must not take all memory.
const (
	argonTime    = 3
	argonMemory  = 64 << 10 // KiB
	argonThreads = 4
	argonTimeTop = 16
	argonMemTop  = 1 << 20 // KiB
	saltSize     = 16

	passphraseLeast = 12 // characters
)

// stretching lets one passphrase be stretched at a time: guesses wait, memory
// does not add up.
var stretching sync.Mutex

// The pointer keeps the text from fmt, as in Kit.
type passphrase struct{ text *secret.Text }

// Passphrase is the provider whose unseal key is stretched out of a passphrase
// by Argon2id with 64 MiB. It is taken byte by byte as it was typed.
func Passphrase(text secret.Text) Provider { return passphrase{&text} }

func (passphrase) Kind() string           { return KindPassphrase }
func (passphrase) opens(kind string) bool { return kind == KindPassphrase }

func (p passphrase) prepare() error {
	if utf8.RuneCount(p.text.RevealBytes()) < passphraseLeast {
		return fault.New(fault.Invalid, "seal-passphrase-short", "least", passphraseLeast)
	}
	return nil
}

func (p passphrase) wrap(root secret.Text) (wrapping, error) {
	with := params{Salt: make([]byte, saltSize), Time: argonTime, Memory: argonMemory, Threads: argonThreads}
	_, _ = rand.Read(with.Salt)
	key := p.stretch(with)
	defer clear(key)
	return wrapUnder(key, KindPassphrase, with, root)
}

func (p passphrase) unwrap(w wrapping) (secret.Text, error) {
	with := w.params
	if len(with.Salt) < saltSize || with.Time < 1 || with.Time > argonTimeTop || with.Threads < 1 || with.Memory > argonMemTop {
		return secret.Text{}, errWrappingDamaged(KindPassphrase)
	}
	key := p.stretch(with)
	defer clear(key)
	return unwrapUnder(key, w)
}

func (p passphrase) stretch(with params) []byte {
	stretching.Lock()
	defer stretching.Unlock()
	return argon2.IDKey(p.text.RevealBytes(), with.Salt, with.Time, with.Memory, with.Threads, keySize)
}
