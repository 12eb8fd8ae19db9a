package definition

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/wire/jws"
	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// Webhook says how a system rings and which records a ring is about.
type Webhook struct {
	Verify   Ringer `yaml:"verify,required"`
	Affected expr   `yaml:"affected,required"`
}

// Ringer says how a ring is proved.
type Ringer struct {
	Type   string `yaml:"type,required"` // hmac-sha256, bearer, jwt-hs256, jwt-es256 or jwt-rs256
	Header string `yaml:"header"`        // Authorization for bearer and tokens
	Prefix string `yaml:"prefix"`        // before the hexadecimal digits, or the token
	Secret string `yaml:"secretRef"`     // setting that holds the shared secret
	Key    string `yaml:"keyRef"`        // setting that holds the other side's public key in PEM form
	Issuer string `yaml:"issuer"`        // iss of a token; "" is not looked at
}

// Ringing is a ring as it came, with what it is held to.
type Ringing struct {
	Header   http.Header
	Raw      []byte
	Secret   secret.Text // of the setting that the ringer names
	Settings map[string]any
	Address  string // that was rung at: the audience of a token
	Now      time.Time
}

// Once is what a ring counts once by: the identifier of its token, and until when
// it has to be remembered. Zero for a ring without one.
type Once struct {
	ID    string
	Until time.Time
}

// The bounds of a ring's token: how long it lives at most, and how far clocks may
// be apart.
const (
	ringLife   = time.Hour
	ringLeeway = time.Minute
)

// tokens are the algorithms of the rings that are tokens, each pinned to one.
var tokens = map[string]jws.Alg{"jwt-hs256": jws.HS256, "jwt-es256": jws.ES256, "jwt-rs256": jws.RS256}

// mostRung is how many records one ring may name: the rest is found by polling.
const mostRung = 50

func (p *parser) webhook() {
	w := p.doc.Webhook
	if w == nil {
		return
	}
	p.word("webhook.verify.type", w.Verify.Type, "hmac-sha256", "bearer", "jwt-hs256", "jwt-es256", "jwt-rs256")
	if w.Verify.Type == "hmac-sha256" && w.Verify.Header == "" {
		p.add(p.line("webhook.verify"), "webhook.verify.header", yaml.CodeMissing, "name", "header")
	}
	if alg := tokens[w.Verify.Type]; alg == jws.ES256 || alg == jws.RS256 {
		p.proof("keyRef", w.Verify.Key, SettingText)
	} else {
		p.proof("secretRef", w.Verify.Secret, SettingSecret)
	}
	p.expr("webhook.affected", &w.Affected, inDoorbell, nil, cel.ListType(cel.DynType))
}

// proof holds what a ring is proved by to a setting of its type.
func (p *parser) proof(key, name, kind string) {
	if s := p.setting(name); s == nil || s.Type != kind {
		p.add(p.line("webhook.verify"), "webhook.verify."+key, codeUnknownName, "name", name, "known", kind)
	}
}

// Doorbell returns how the system rings, or nil if it does not.
func (d *Definition) Doorbell() *Ringer {
	if d.doc.Webhook == nil {
		return nil
	}
	ringer := d.doc.Webhook.Verify
	return &ringer
}

// Ring proves a ring and returns the ids of the records that it is about, and what
// it counts once by. Nothing else of it is believed: the caller reads them. What
// is not proved is an Unknown fault connector-ring-unproved.
func (d *Definition) Ring(ctx context.Context, r Ringing) ([]string, Once, error) {
	var once Once
	w := d.doc.Webhook
	proved := false
	if w != nil {
		once, proved = w.Verify.proves(r)
	}
	if !proved {
		return nil, Once{}, fault.New(fault.Unknown, "connector-ring-unproved")
	}
	body, err := decodeBody(r.Raw, "application/json")
	if err != nil {
		return nil, once, fault.New(fault.Invalid, "connector-ring-unread").Because(err)
	}
	value, err := w.Affected.eval(ctx, map[string]any{"body": body, "headers": plainHeaders(r.Header), "cfg": r.Settings})
	list, ok := value.([]any)
	if err != nil || !ok {
		return nil, once, fault.New(fault.Invalid, "connector-ring-unread").Because(err)
	}
	var ids []string
	for _, item := range list[:min(len(list), mostRung)] {
		if text := Text(item); text != "" {
			ids = append(ids, text)
		}
	}
	return ids, once, nil
}

func (w *Ringer) proves(r Ringing) (Once, bool) {
	if alg, ok := tokens[w.Type]; ok {
		return w.provesToken(r, alg)
	}
	if r.Secret.Empty() {
		return Once{}, false
	}
	if w.Type == "bearer" {
		given, ok := w.shown(r.Header)
		return Once{}, ok && subtle.ConstantTimeCompare([]byte(given), r.Secret.RevealBytes()) == 1
	}
	digits, ok := strings.CutPrefix(r.Header.Get(w.Header), w.Prefix)
	given, err := hex.DecodeString(digits)
	mac := hmac.New(sha256.New, r.Secret.RevealBytes())
	mac.Write(r.Raw)
	return Once{}, ok && err == nil && hmac.Equal(given, mac.Sum(nil))
}

// shown is what stands behind the prefix in the header.
func (w *Ringer) shown(h http.Header) (string, bool) {
	if w.Header != "" {
		return strings.CutPrefix(h.Get(w.Header), w.Prefix)
	}
	return strings.CutPrefix(h.Get("Authorization"), cmp.Or(w.Prefix, "Bearer "))
}

// provesToken holds a ring's token to the one key and algorithm that the definition
// pins, to our address, and to a short life with an identifier.
func (w *Ringer) provesToken(r Ringing, alg jws.Alg) (Once, bool) {
	token, ok := w.shown(r.Header)
	key, err := w.pinned(r, alg)
	if !ok || err != nil {
		return Once{}, false
	}
	c, err := jws.Verify(token, []jws.Public{key}, jws.Expect{
		Issuer: w.Issuer, Audience: r.Address, Now: r.Now, Leeway: ringLeeway, Life: ringLife, ID: true,
	})
	return Once{c.ID, c.Until.Add(ringLeeway)}, err == nil && r.Address != ""
}

func (w *Ringer) pinned(r Ringing, alg jws.Alg) (jws.Public, error) {
	if alg == jws.HS256 {
		return jws.Secret(r.Secret.RevealBytes())
	}
	text, _ := r.Settings[w.Key].(string)
	return jws.ParsePEM(alg, []byte(text))
}
