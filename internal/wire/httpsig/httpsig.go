package httpsig

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/wire/jws"
)

// Message is a request as both sides see it.
type Message struct {
	Method string
	Target string // the whole address, as it was asked for
	Header http.Header
	Body   []byte
}

// Label names our signature among those of a request.
const Label = "sekisho"

// components are what is signed, in this order; those of the header must be
// there.
var components = []string{"@method", "@target-uri", "content-type", "content-digest", "idempotency-key"}

// algorithms are the names of RFC 9421 section 6.2.
var algorithms = map[jws.Alg]string{jws.ES256: "ecdsa-p256-sha256", jws.RS256: "rsa-v1_5-sha256"}

// Params are those of a signature.
type Params struct {
	Created time.Time
	Expires time.Time
	KeyID   string
	Alg     string
	Tag     string
}

// Why a signature does not count.
var (
	ErrForm      = errors.New("httpsig: no signature of ours, or one of another form")
	ErrCovers    = errors.New("httpsig: it does not cover what it has to")
	ErrDigest    = errors.New("httpsig: the body is not what was signed")
	ErrExpired   = errors.New("httpsig: it is over, or not begun")
	ErrSignature = errors.New("httpsig: no known key has signed it")
)

// Sign adds Content-Digest, Signature-Input and Signature to a request whose
// other headers stand.
func Sign(m Message, key *jws.Private, tag string, now time.Time, life time.Duration) error {
	m.Header.Set("Content-Digest", digest(m.Body))
	text := input(components, Params{Created: now, Expires: now.Add(life), KeyID: key.KID(), Alg: algorithms[key.Alg()], Tag: tag})
	base, err := base(m, components, text)
	if err != nil {
		return err
	}
	signature, err := key.Raw([]byte(base))
	if err != nil {
		return err
	}
	m.Header.Set("Signature-Input", Label+"="+text)
	m.Header.Set("Signature", Label+"=:"+base64.StdEncoding.EncodeToString(signature)+":")
	return nil
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// input writes the value of Signature-Input for one label (RFC 9421 section
// 2.3); texts have no quote in them.
func input(covered []string, p Params) string {
	var b strings.Builder
	b.WriteString(`("` + strings.Join(covered, `" "`) + `")`)
	b.WriteString(";created=" + strconv.FormatInt(p.Created.Unix(), 10))
	if !p.Expires.IsZero() {
		b.WriteString(";expires=" + strconv.FormatInt(p.Expires.Unix(), 10))
	}
	for _, one := range [][2]string{{"keyid", p.KeyID}, {"alg", p.Alg}, {"tag", p.Tag}} {
		if one[1] != "" {
			b.WriteString(";" + one[0] + `="` + one[1] + `"`)
		}
	}
	return b.String()
}

// base is the signature base (RFC 9421 section 2.5).
func base(m Message, covered []string, params string) (string, error) {
	var b strings.Builder
	for _, name := range covered {
		value := ""
		switch name {
		case "@method":
			value = m.Method
		case "@target-uri":
			value = m.Target
		default:
			values, there := m.Header[http.CanonicalHeaderKey(name)]
			if !there || strings.HasPrefix(name, "@") {
				return "", ErrCovers
			}
			trimmed := make([]string, len(values))
			for i, one := range values {
				trimmed[i] = strings.TrimSpace(one)
			}
			value = strings.Join(trimmed, ", ")
		}
		b.WriteString(`"` + name + `": ` + value + "\n")
	}
	b.WriteString(`"@signature-params": ` + params)
	return b.String(), nil
}

// Verify returns the parameters of our signature on a request, if one of the keys
// has made it, it covers the request with its body, and it is not over.
func Verify(m Message, keys []jws.Public, tag string, now time.Time, leeway time.Duration) (Params, error) {
	text, ok1 := one(m.Header, "Signature-Input")
	given, ok2 := one(m.Header, "Signature")
	covered, p, err := parse(text)
	signature, bad := base64.StdEncoding.DecodeString(strings.TrimSuffix(strings.TrimPrefix(given, ":"), ":"))
	switch {
	case !ok1 || !ok2 || err != nil || bad != nil || len(given) < 2 || given[0] != ':' || given[len(given)-1] != ':':
		return p, ErrForm
	case !slices.Equal(covered, components):
		return p, ErrCovers
	case len(m.Header["Content-Digest"]) != 1 || m.Header.Get("Content-Digest") != digest(m.Body):
		return p, ErrDigest
	case p.Tag != tag:
		return p, ErrForm
	case p.Created.IsZero() || now.Add(leeway).Before(p.Created) || p.Expires.IsZero() || !now.Before(p.Expires.Add(leeway)):
		return p, ErrExpired
	}
	return p, signed(m, covered, text, signature, p, keys)
}

func signed(m Message, covered []string, params string, signature []byte, p Params, keys []jws.Public) error {
	text, err := base(m, covered, params)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.KID == p.KeyID && algorithms[k.Alg] == p.Alg && k.Raw([]byte(text), signature) {
			return nil
		}
	}
	return ErrSignature
}

// one returns what stands behind our label; a header with anything else beside
// it is not of our form.
func one(h http.Header, name string) (string, bool) {
	if len(h[name]) != 1 {
		return "", false
	}
	return strings.CutPrefix(h[name][0], Label+"=")
}

// parse reads what input writes.
func parse(text string) (covered []string, p Params, err error) {
	list, rest, ok := strings.Cut(text, ")")
	list, open := strings.CutPrefix(list, "(")
	if !ok || !open {
		return nil, p, ErrForm
	}
	for name := range strings.SplitSeq(list, " ") {
		bare, good := quoted(name)
		if !good || slices.Contains(covered, bare) {
			return nil, p, ErrForm
		}
		covered = append(covered, bare)
	}
	for pair := range strings.SplitSeq(strings.TrimPrefix(rest, ";"), ";") {
		name, value, _ := strings.Cut(pair, "=")
		if err := p.set(name, value); err != nil {
			return nil, p, err
		}
	}
	return covered, p, nil
}

// set takes one parameter; one that we do not know, or twice, is refused.
func (p *Params) set(name, value string) error {
	var text *string
	var at *time.Time
	switch name {
	case "created":
		at = &p.Created
	case "expires":
		at = &p.Expires
	case "keyid":
		text = &p.KeyID
	case "alg":
		text = &p.Alg
	case "tag":
		text = &p.Tag
	}
	switch {
	case at != nil && at.IsZero():
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n <= 0 || n > 1<<40 {
			return ErrForm
		}
		*at = time.Unix(n, 0).UTC()
		return nil
	case text != nil && *text == "":
		bare, good := quoted(value)
		if *text = bare; good && bare != "" {
			return nil
		}
	}
	return ErrForm
}

// quoted takes a text of structured fields that has nothing to be escaped.
func quoted(text string) (string, bool) {
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return "", false
	}
	bare := text[1 : len(text)-1]
	return bare, !strings.ContainsFunc(bare, func(c rune) bool { return c <= ' ' || c >= 0x7f || c == '"' || c == '\\' })
}
