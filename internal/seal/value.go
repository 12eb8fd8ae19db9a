package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/sekisho/sekisho/internal/id"
)

// Place is where a sealed value stands. A value opens only at the place it was
// sealed for, so a ciphertext cannot be moved to another row or organization.
type Place struct {
	Table, Column, Row string
	Org                id.Org // "" for the house's own
}

func (p Place) complete() error {
	if p.Table == "" || p.Column == "" || p.Row == "" {
		return errors.New("seal: a place without table, column or row")
	}
	return nil
}

// A sealed value: one byte version, four bytes key id (big-endian), twelve
// bytes nonce, ciphertext, sixteen bytes tag.
const (
	version   = 1
	nonceSize = 12
	tagSize   = 16
	headSize  = 1 + 4 + nonceSize
	// Overhead is how many bytes a sealed value is longer than its plain one.
	Overhead = headSize + tagSize
)

// keySize is that of every symmetric key here: 256 bits.
const keySize = 32

// errForm is a value that no ring has sealed.
var errForm = errors.New("seal: not a sealed value")

// KeyOf returns the id of the key under which a value is sealed.
func KeyOf(sealed []byte) (uint32, error) {
	if len(sealed) < Overhead || sealed[0] != version {
		return 0, errForm
	}
	return binary.BigEndian.Uint32(sealed[1:5]), nil
}

// bound is the associated data: every part preceded by its length, so that no
// two places share an encoding.
func (p Place) bound(key uint32) []byte {
	var b []byte
	for _, part := range [...]string{p.Table, p.Column, p.Row, string(p.Org)} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	return binary.BigEndian.AppendUint32(append(b, version), key)
}

// sealUnder seals plain with the key of that id. The nonce is random (96 bits):
// a key stays far below 2^32 messages, NIST SP 800-38D §8.3.
func sealUnder(aead cipher.AEAD, key uint32, place Place, plain []byte) []byte {
	out := make([]byte, headSize, len(plain)+Overhead)
	out[0] = version
	binary.BigEndian.PutUint32(out[1:5], key)
	_, _ = rand.Read(out[5:headSize]) // never fails (crypto/rand, Go 1.24)
	return aead.Seal(out, out[5:headSize], plain, place.bound(key))
}

// openUnder is the inverse. KeyOf has looked at the form.
func openUnder(aead cipher.AEAD, key uint32, place Place, sealed []byte) ([]byte, error) {
	return aead.Open(nil, sealed[5:headSize], sealed[headSize:], place.bound(key))
}

// gcm makes the cipher of a 32-byte key.
func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// derive makes n bytes for one use out of a key (HKDF-SHA-256, RFC 5869).
func derive(key []byte, use string, n int) []byte {
	out, err := hkdf.Key(sha256.New, key, nil, "sekisho seal "+use, n)
	if err != nil {
		panic(err) // only for n > 8160
	}
	return out
}
