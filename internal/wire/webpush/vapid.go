package webpush

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"time"
)

// TokenLife is how long a token counts. RFC 8292 §2 allows a day; less is safer
// where the receiver's clock runs ahead.
const TokenLife = 12 * time.Hour

// Sender is an installation's own key pair (P-256). Browsers bind their
// subscriptions to its public key: another key ends all of them.
type Sender struct {
	private *ecdsa.PrivateKey
	point   string
}

// NewSender makes a key pair.
func NewSender() (*Sender, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return newSender(private)
}

// ParseSender reads what Bytes wrote.
func ParseSender(private []byte) (*Sender, error) {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), private)
	if err != nil {
		return nil, fmt.Errorf("webpush: sender key: %w", err)
	}
	return newSender(key)
}

func newSender(private *ecdsa.PrivateKey) (*Sender, error) {
	point, err := private.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	return &Sender{private, base64.RawURLEncoding.EncodeToString(point)}, nil
}

// Bytes is the private key, 32 octets: a secret.
func (s *Sender) Bytes() ([]byte, error) { return s.private.Bytes() }

// Public is the applicationServerKey that browsers subscribe with: 65 octets in
// base64url.
func (s *Sender) Public() string { return s.point }

// token is what a push service reads (RFC 8292 §2).
type token struct {
	Audience string `json:"aud"`
	Expires  int64  `json:"exp"`
	Subject  string `json:"sub"`
}

var header = base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"JWT","alg":"ES256"}`))

// Authorization is the header's value for a push to an endpoint. contact is a
// mailto: or https: address under which a push service may complain; some
// refuse tokens without one.
func (s *Sender) Authorization(endpoint, contact string, now time.Time) (string, error) {
	origin, err := originOf(endpoint)
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(token{origin, now.Add(TokenLife).Unix(), contact})
	if err != nil {
		return "", err
	}
	signed := header + "." + base64.RawURLEncoding.EncodeToString(claims)
	digest := sha256.Sum256([]byte(signed))
	r, v, err := ecdsa.Sign(rand.Reader, s.private, digest[:])
	if err != nil {
		return "", err
	}
	var signature [64]byte // RFC 7518 §3.4: r and s as 32 octets each
	r.FillBytes(signature[:32])
	v.FillBytes(signature[32:])
	return "vapid t=" + signed + "." + base64.RawURLEncoding.EncodeToString(signature[:]) + ", k=" + s.point, nil
}

// originOf is scheme, host and a port that is not the scheme's own.
func originOf(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return "", errors.New("webpush: an endpoint is an absolute http(s) URL")
	}
	own := map[string]string{"https": ":443", "http": ":80"}[u.Scheme] // is no part of an origin (RFC 6454 §6.2)
	return u.Scheme + "://" + strings.TrimSuffix(strings.ToLower(u.Host), own), nil
}

// Verify is a push service's look at the header (RFC 8292 §4): the key that
// signed must be the one the subscription was made with, and the token must be
// for this service and count for no more than a day.
func Verify(authorization, public, endpoint string, now time.Time) error {
	rest, found := strings.CutPrefix(authorization, "vapid ")
	if !found {
		return errors.New("webpush: not a vapid authorization")
	}
	var signed, key string
	for part := range strings.SplitSeq(rest, ",") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(part), "="); name {
		case "t":
			signed = value
		case "k":
			key = value
		}
	}
	if key != public {
		return errors.New("webpush: the subscription was made with another key")
	}
	claims, err := verified(signed, key)
	if err != nil {
		return err
	}
	origin, err := originOf(endpoint)
	if err != nil {
		return err
	}
	switch expires := time.Unix(claims.Expires, 0); {
	case claims.Audience != origin:
		return fmt.Errorf("webpush: the token is for %s", claims.Audience)
	case !now.Before(expires):
		return errors.New("webpush: the token has expired")
	case expires.Sub(now) > 24*time.Hour:
		return errors.New("webpush: the token counts for more than a day")
	case !strings.HasPrefix(claims.Subject, "mailto:") && !strings.HasPrefix(claims.Subject, "https://"):
		return errors.New("webpush: the token names nobody to ask")
	}
	return nil
}

func verified(signed, key string) (claims token, err error) {
	point, err := decode(key)
	if err != nil {
		return claims, err
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return claims, err
	}
	dot := strings.LastIndexByte(signed, '.')
	if dot < 0 || !strings.HasPrefix(signed, header+".") || dot < len(header)+1 {
		return claims, errors.New("webpush: not an ES256 token")
	}
	signature, err := decode(signed[dot+1:])
	if err != nil || len(signature) != 64 {
		return claims, errors.New("webpush: the signature is not 64 octets")
	}
	digest := sha256.Sum256([]byte(signed[:dot]))
	if !ecdsa.Verify(public, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		return claims, errors.New("webpush: the signature does not fit")
	}
	text, err := base64.RawURLEncoding.DecodeString(signed[len(header)+1 : dot])
	if err != nil {
		return claims, err
	}
	return claims, json.Unmarshal(text, &claims)
}
