package factortest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"math/big"
)

// The COSE algorithms that the authenticator knows.
const (
	ES256 = -7
	EdDSA = -8
	RS256 = -257
)

// Key is a credential that an authenticator holds.
type Key struct {
	ID      []byte
	RPID    string
	Handle  []byte
	Counter uint32 // stays 0 unless the authenticator counts
	Private crypto.Signer
}

// NewPrivate makes a key pair for a COSE algorithm.
func NewPrivate(algorithm int64) (crypto.Signer, error) {
	switch algorithm {
	case ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case EdDSA:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	case RS256:
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return nil, fmt.Errorf("signintest: no algorithm %d", algorithm)
}

// COSE returns the public key as an authenticator encodes it (RFC 9052 §7).
func COSE(public crypto.PublicKey) Map {
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		point, err := p.Bytes() // 04 · x · y
		if err != nil {
			panic(err) // made here
		}
		return Map{{1, 2}, {3, ES256}, {-1, 1}, {-2, point[1:33]}, {-3, point[33:]}}
	case ed25519.PublicKey:
		return Map{{1, 1}, {3, EdDSA}, {-1, 6}, {-2, []byte(p)}}
	case *rsa.PublicKey:
		return Map{{1, 3}, {3, RS256}, {-1, p.N.Bytes()}, {-2, big.NewInt(int64(p.E)).Bytes()}}
	}
	panic(fmt.Sprintf("signintest: no COSE for %T", public))
}

func algorithmOf(private crypto.Signer) int64 {
	switch private.(type) {
	case *ecdsa.PrivateKey:
		return ES256
	case ed25519.PrivateKey:
		return EdDSA
	}
	return RS256
}

// sign signs as WebAuthn wants it: DER for ES256, raw for EdDSA, PKCS #1 v1.5
// for RS256.
func sign(private crypto.Signer, message []byte) ([]byte, error) {
	if _, pure := private.(ed25519.PrivateKey); pure {
		return private.Sign(rand.Reader, message, crypto.Hash(0))
	}
	digest := sha256.Sum256(message)
	return private.Sign(rand.Reader, digest[:], crypto.SHA256)
}
