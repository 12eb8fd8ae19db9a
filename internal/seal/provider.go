package seal

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"

	"github.com/sekisho/sekisho/internal/secret"
)

// The kinds of wrappings.
const (
	KindFile       = "file"
	KindPassphrase = "passphrase"
	KindAge        = "age"
	KindRecovery   = "recovery"
)

// Provider has an unseal key: KeyFile, Passphrase or AgeFile.
type Provider interface {
	// Kind is KindFile, KindPassphrase or KindAge.
	Kind() string
	// opens reports whether the provider may open wrappings of that kind.
	opens(kind string) bool
	// prepare makes the unseal key if it is one that can be made.
	prepare() error
	wrap(root secret.Text) (wrapping, error)
	unwrap(w wrapping) (secret.Text, error)
}

// wrapping is the root key under one provider.
type wrapping struct {
	id      string
	kind    string
	params  params
	wrapped []byte
}

// params is what the provider needs to know beside its secret; none of it is
// secret.
type params struct {
	Check     string `json:"check,omitempty"` // recognises the unseal key
	Salt      []byte `json:"salt,omitempty"`
	Time      uint32 `json:"time,omitempty"`
	Memory    uint32 `json:"memory,omitempty"` // KiB
	Threads   uint8  `json:"threads,omitempty"`
	Recipient string `json:"recipient,omitempty"`
	MAC       []byte `json:"mac,omitempty"`
}

func (p params) text() string {
	text, _ := json.Marshal(p) // strings, numbers and bytes only
	return string(text)
}

// check is eight bytes that tell one key from another and nothing about it.
func check(key []byte) string { return hex.EncodeToString(derive(key, "check", 8)) }

// rootPlace binds a wrapped root key to its kind of wrapping.
func rootPlace(kind string) Place {
	return Place{Table: "seal_wrapping", Column: "wrapped", Row: kind}
}

// wrapUnder puts the root key under a symmetric unseal key.
func wrapUnder(key []byte, kind string, p params, root secret.Text) (wrapping, error) {
	aead, err := gcm(derive(key, "wrap "+kind, keySize))
	if err != nil {
		return wrapping{}, err
	}
	p.Check = check(key)
	return wrapping{kind: kind, params: p, wrapped: sealUnder(aead, 0, rootPlace(kind), root.RevealBytes())}, nil
}

// unwrapUnder is the inverse. A key that is not recognised is the wrong one; a
// wrapping that a recognised key cannot open is damaged.
func unwrapUnder(key []byte, w wrapping) (secret.Text, error) {
	if subtle.ConstantTimeCompare([]byte(check(key)), []byte(w.params.Check)) != 1 {
		return secret.Text{}, errKeyWrong(w.kind)
	}
	aead, err := gcm(derive(key, "wrap "+w.kind, keySize))
	if err != nil {
		return secret.Text{}, err
	}
	if _, err := KeyOf(w.wrapped); err != nil {
		return secret.Text{}, errWrappingDamaged(w.kind).Because(err)
	}
	root, err := openUnder(aead, 0, rootPlace(w.kind), w.wrapped)
	if err != nil || len(root) != keySize {
		return secret.Text{}, errWrappingDamaged(w.kind)
	}
	return secret.OfBytes(root), nil
}

func newKey() secret.Text {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // never fails (crypto/rand, Go 1.24)
	return secret.OfBytes(key)
}

// keyPlace binds a wrapped data key to its id.
func keyPlace(key uint32) Place {
	return Place{Table: "seal_key", Column: "wrapped", Row: decimal(key)}
}

func wrapKey(root secret.Text, id uint32, key secret.Text) ([]byte, error) {
	aead, err := gcm(derive(root.RevealBytes(), "data keys", keySize))
	if err != nil {
		return nil, err
	}
	return sealUnder(aead, 0, keyPlace(id), key.RevealBytes()), nil
}

func unwrapKey(root secret.Text, id uint32, wrapped []byte) (secret.Text, error) {
	aead, err := gcm(derive(root.RevealBytes(), "data keys", keySize))
	if err != nil {
		return secret.Text{}, err
	}
	if _, err := KeyOf(wrapped); err != nil {
		return secret.Text{}, errRingDamaged(id).Because(err)
	}
	key, err := openUnder(aead, 0, keyPlace(id), wrapped)
	if err != nil || len(key) != keySize {
		return secret.Text{}, errRingDamaged(id)
	}
	return secret.OfBytes(key), nil
}
