package jws

import (
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// Sign writes claims as a compact token. typ says what sort of token it is, so
// that none passes for another (RFC 8725 section 3.11).
func (p *Private) Sign(typ string, claims any) (string, error) {
	head, err := json.Marshal(map[string]string{"alg": string(p.alg), "kid": p.kid, "typ": typ})
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	encode := base64.RawURLEncoding.EncodeToString
	text := encode(head) + "." + encode(body)
	signature, err := p.Raw([]byte(text))
	if err != nil {
		return "", err
	}
	return text + "." + encode(signature), nil
}

func verifyEC(key *ecdsa.PublicKey, sum, signature []byte) bool {
	return ecdsa.Verify(key, sum, new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
}

// Why a token does not count. The texts are for logs; a stranger is told none.
var (
	ErrForm      = errors.New("jws: not a compact token")
	ErrAlg       = errors.New("jws: another algorithm than its key's, or none")
	ErrHeader    = errors.New("jws: a header that brings its own key or asks for more than we know")
	ErrSignature = errors.New("jws: no known key has signed it")
	ErrType      = errors.New("jws: a token of another sort")
	ErrAudience  = errors.New("jws: it is for somebody else")
	ErrIssuer    = errors.New("jws: it comes from somebody else")
	ErrExpired   = errors.New("jws: it is over, or does not say when it is")
	ErrEarly     = errors.New("jws: its time has not come")
	ErrLife      = errors.New("jws: it lives longer than is allowed")
	ErrID        = errors.New("jws: it has no identifier")
)

// Most is how long a token may be, in bytes.
const Most = 16 << 10

// Expect is what a token has to be. Zero fields are not looked at, except Now:
// a token without an end never counts.
type Expect struct {
	Type     string        // typ, exactly
	Issuer   string        // iss, exactly
	Audience string        // one of aud, exactly
	Now      time.Time     // needed
	Leeway   time.Duration // for clocks that are apart
	Life     time.Duration // at most, from iat to exp; a token without iat has none
	ID       bool          // jti is there
}

// Claims are those of a token that counts, the registered ones apart (RFC 7519
// section 4.1).
type Claims struct {
	Issuer, Subject, ID string
	Audience            []string
	Until, From, At     time.Time // exp, nbf, iat
	All                 map[string]any
	Payload             []byte
}

// Verify returns the claims of a token that one of the keys has signed and that
// is what is expected.
func Verify(token string, keys []Public, e Expect) (Claims, error) {
	if token == "" || len(token) > Most || !canonical(token) {
		return Claims{}, ErrForm
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.HS256})
	var other *jose.ErrUnexpectedSignatureAlgorithm
	switch {
	case errors.As(err, &other):
		return Claims{}, ErrAlg
	case err != nil || len(signed.Signatures) != 1:
		return Claims{}, ErrForm
	}
	head := signed.Signatures[0].Protected
	if head.JSONWebKey != nil || head.ExtraHeaders["crit"] != nil || head.ExtraHeaders["jku"] != nil || head.ExtraHeaders["x5u"] != nil || head.ExtraHeaders["b64"] != nil {
		return Claims{}, ErrHeader
	}
	payload, err := opened(signed, head, keys)
	if err != nil {
		return Claims{}, err
	}
	if typ, _ := head.ExtraHeaders[jose.HeaderType].(string); e.Type != "" && typ != e.Type {
		return Claims{}, ErrType
	}
	c, err := parseClaims(payload)
	if err != nil {
		return Claims{}, ErrForm
	}
	return c, c.check(e)
}

// canonical reports whether no other text means the same token: what is used
// once is told by its text, too.
func canonical(token string) bool {
	for part := range strings.SplitSeq(token, ".") {
		if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil || strings.ContainsAny(part, "\r\n") {
			return false
		}
	}
	return true
}

// opened tries the keys that the header's kid and algorithm leave.
func opened(signed *jose.JSONWebSignature, head jose.Header, keys []Public) ([]byte, error) {
	err := ErrAlg
	for _, k := range keys {
		if string(k.Alg) != head.Algorithm {
			continue
		}
		err = ErrSignature
		if head.KeyID != "" && k.KID != "" && k.KID != head.KeyID && k.Alg != HS256 {
			continue
		}
		if payload, bad := signed.Verify(k.key); bad == nil {
			return payload, nil
		}
	}
	return nil, err
}

// seconds is a NumericDate: seconds since 1970, perhaps with a fraction.
type seconds float64

func (s *seconds) time() time.Time {
	if s == nil || *s <= 0 || *s > 1<<40 {
		return time.Time{}
	}
	return time.UnixMicro(int64(*s * 1e6)).UTC()
}

// audience is one text or several.
type audience []string

// UnmarshalJSON reads either form.
func (a *audience) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a))
}

// parseClaims reads each claim under exactly its own name: encoding/json would
// take "AUD" for aud.
func parseClaims(payload []byte) (c Claims, err error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(payload, &raw); err != nil {
		return c, err
	}
	var aud audience
	var until, from, at *seconds
	for name, to := range map[string]any{
		"iss": &c.Issuer, "sub": &c.Subject, "jti": &c.ID, "aud": &aud, "exp": &until, "nbf": &from, "iat": &at,
	} {
		if text, there := raw[name]; there {
			err = errors.Join(err, json.Unmarshal(text, to))
		}
	}
	c.Audience, c.Until, c.From, c.At, c.Payload = aud, until.time(), from.time(), at.time(), payload
	return c, errors.Join(err, json.Unmarshal(payload, &c.All))
}

func (c Claims) check(e Expect) error {
	switch {
	case e.Issuer != "" && c.Issuer != e.Issuer:
		return ErrIssuer
	case e.Audience != "" && !slices.Contains(c.Audience, e.Audience):
		return ErrAudience
	case c.Until.IsZero() || e.Now.IsZero() || !e.Now.Before(c.Until.Add(e.Leeway)):
		return ErrExpired
	case !c.From.IsZero() && e.Now.Add(e.Leeway).Before(c.From), !c.At.IsZero() && e.Now.Add(e.Leeway).Before(c.At):
		return ErrEarly
	case e.Life > 0 && (c.At.IsZero() || c.Until.Sub(c.At) > e.Life):
		return ErrLife
	case e.ID && c.ID == "":
		return ErrID
	}
	return nil
}
