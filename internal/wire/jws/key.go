package jws

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"

	jose "github.com/go-jose/go-jose/v4"
)

// Alg is a signature algorithm of RFC 7518 section 3.1.
type Alg string

// The algorithms. HS256 verifies only: what a shared secret signs, either side
// could have.
const (
	ES256 Alg = "ES256"
	RS256 Alg = "RS256"
	HS256 Alg = "HS256"
)

// rsaBits is the size of RSA keys that are made here, rsaLeast of those that are
// accepted (RFC 7518 section 3.3).
const rsaBits, rsaLeast = 2048, 2048

// secretLeast is the shortest shared secret, in bytes (RFC 7518 section 3.2).
const secretLeast = 32

// Private is a key that signs. No formatter sees what it holds.
type Private struct {
	alg Alg
	kid string
	key crypto.Signer
}

// Make makes a key for ES256 or RS256.
func Make(alg Alg) (*Private, error) {
	switch alg {
	case ES256:
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		return private(alg, key)
	case RS256:
		key, err := rsa.GenerateKey(rand.Reader, rsaBits)
		if err != nil {
			return nil, err
		}
		return private(alg, key)
	}
	return nil, fmt.Errorf("jws: no keys are made for %q", alg)
}

// Parse reads what Bytes wrote.
func Parse(pkcs8 []byte) (*Private, error) {
	key, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return nil, errors.New("jws: not a key in PKCS #8") // the cause would quote it
	}
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		return private(ES256, key)
	case *rsa.PrivateKey:
		return private(RS256, key)
	}
	return nil, errors.New("jws: a key of another kind")
}

func private(alg Alg, key crypto.Signer) (*Private, error) {
	pub, err := public(alg, "", key.Public())
	return &Private{alg, pub.KID, key}, err
}

// Bytes returns the key as PKCS #8; wipe it after use.
func (p *Private) Bytes() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(p.key) }

// Alg is what the key signs by.
func (p *Private) Alg() Alg { return p.alg }

// KID is the key's identifier: the thumbprint of its public half (RFC 7638).
func (p *Private) KID() string { return p.kid }

// Public returns the half that others verify with.
func (p *Private) Public() Public { return Public{p.alg, p.kid, p.key.Public()} }

// String keeps the key from formatters, as Format does.
func (p *Private) String() string { return "jws.Private(" + p.kid + ")" }

// Format writes String for every verb.
func (p *Private) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// Raw signs data with SHA-256: 64 bytes r and s for ES256, PKCS #1 v1.5 for
// RS256 (RFC 7518 sections 3.3 and 3.4; RFC 9421 sections 3.3.2 and 3.3.4).
func (p *Private) Raw(data []byte) ([]byte, error) {
	sum := sha256.Sum256(data)
	key, ok := p.key.(*ecdsa.PrivateKey)
	if !ok {
		return p.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	}
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return nil, err
	}
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out, nil
}

// Public is a key that verifies, for one algorithm.
type Public struct {
	Alg Alg
	KID string
	key any // *ecdsa.PublicKey, *rsa.PublicKey, or []byte of a shared secret
}

func public(alg Alg, kid string, key any) (Public, error) {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if alg != ES256 || k.Curve != elliptic.P256() {
			return Public{}, errors.New("jws: ES256 needs a key of the curve P-256")
		}
	case *rsa.PublicKey:
		if alg != RS256 || k.N.BitLen() < rsaLeast {
			return Public{}, errors.New("jws: RS256 needs an RSA key of 2048 bits or more")
		}
	default:
		return Public{}, errors.New("jws: a key of another kind")
	}
	if kid == "" {
		sum, err := (&jose.JSONWebKey{Key: key}).Thumbprint(crypto.SHA256)
		if err != nil {
			return Public{}, err
		}
		kid = base64.RawURLEncoding.EncodeToString(sum)
	}
	return Public{alg, kid, key}, nil
}

// Secret is a shared secret that verifies HS256.
func Secret(key []byte) (Public, error) {
	if len(key) < secretLeast {
		return Public{}, errors.New("jws: a shared secret of fewer than 32 bytes")
	}
	return Public{Alg: HS256, key: bytes.Clone(key)}, nil
}

// ParsePEM reads a public key ("PUBLIC KEY" or "CERTIFICATE") for alg.
func ParsePEM(alg Alg, text []byte) (Public, error) {
	block, rest := pem.Decode(text)
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return Public{}, errors.New("jws: not one block of PEM")
	}
	switch block.Type {
	case "PUBLIC KEY":
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return Public{}, err
		}
		return public(alg, "", key)
	case "CERTIFICATE":
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return Public{}, err
		}
		return public(alg, "", certificate.PublicKey)
	}
	return Public{}, errors.New("jws: neither a public key nor a certificate")
}

// PEM writes the key as a PKIX "PUBLIC KEY".
func (p Public) PEM() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(p.key)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), err
}

// Set writes keys as a JWK Set (RFC 7517 section 5).
func Set(keys []Public) ([]byte, error) {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, p := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: p.key, KeyID: p.KID, Algorithm: string(p.Alg), Use: "sig"})
	}
	return json.Marshal(set)
}

// ParseSet reads the keys of a JWK Set that sign by ES256 or RS256; others are
// passed over, as RFC 7517 section 5 asks for.
func ParseSet(text []byte) (keys []Public, err error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, err
	}
	for _, k := range set.Keys {
		if !k.IsPublic() || k.Use != "" && k.Use != "sig" {
			continue
		}
		if p, err := public(Alg(k.Algorithm), k.KeyID, k.Key); err == nil {
			keys = append(keys, p)
		}
	}
	return keys, nil
}

// Raw verifies what Private.Raw signed.
func (p Public) Raw(data, signature []byte) bool {
	sum := sha256.Sum256(data)
	switch key := p.key.(type) {
	case *ecdsa.PublicKey:
		return len(signature) == 64 && verifyEC(key, sum[:], signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
	}
	return false
}
