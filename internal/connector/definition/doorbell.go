package definition

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"

	"cel.dev/cel-go/cel"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// Webhook says how a system rings and which records a ring is about.
type Webhook struct {
	Verify   Ringer `yaml:"verify,required"`
	Affected expr   `yaml:"affected,required"`
}

// Ringer says how a ring is proved.
type Ringer struct {
	Type   string `yaml:"type,required"` // hmac-sha256 or bearer
	Header string `yaml:"header"`        // Authorization for bearer
	Prefix string `yaml:"prefix"`        // before the hexadecimal digits
	Secret string `yaml:"secretRef,required"`
}

// mostRung is how many records one ring may name: the rest is found by polling.
const mostRung = 50

func (p *parser) webhook() {
	w := p.doc.Webhook
	if w == nil {
		return
	}
	p.word("webhook.verify.type", w.Verify.Type, "hmac-sha256", "bearer")
	if w.Verify.Type == "hmac-sha256" && w.Verify.Header == "" {
		p.add(p.line("webhook.verify"), "webhook.verify.header", yaml.CodeMissing, "name", "header")
	}
	if s := p.setting(w.Verify.Secret); s == nil || s.Type != SettingSecret {
		p.add(p.line("webhook.verify"), "webhook.verify.secretRef", codeUnknownName, "name", w.Verify.Secret, "known", SettingSecret)
	}
	p.expr("webhook.affected", &w.Affected, inDoorbell, nil, cel.ListType(cel.DynType))
}

// Doorbell returns how the system rings, or nil if it does not.
func (d *Definition) Doorbell() *Ringer {
	if d.doc.Webhook == nil {
		return nil
	}
	ringer := d.doc.Webhook.Verify
	return &ringer
}

// Ring proves a ring over its raw bytes and returns the ids of the records that
// it is about. Nothing else of it is believed: the caller reads them. What is
// not proved is an Unknown fault connector-ring-unproved.
func (d *Definition) Ring(ctx context.Context, header http.Header, raw []byte, key secret.Text, cfg map[string]any) ([]string, error) {
	w := d.doc.Webhook
	if w == nil || key.Empty() || !w.Verify.proves(header, raw, key) {
		return nil, fault.New(fault.Unknown, "connector-ring-unproved")
	}
	body, err := decodeBody(raw, "application/json")
	if err != nil {
		return nil, fault.New(fault.Invalid, "connector-ring-unread").Because(err)
	}
	value, err := w.Affected.eval(ctx, map[string]any{"body": body, "headers": plainHeaders(header), "cfg": cfg})
	list, ok := value.([]any)
	if err != nil || !ok {
		return nil, fault.New(fault.Invalid, "connector-ring-unread").Because(err)
	}
	var ids []string
	for _, item := range list[:min(len(list), mostRung)] {
		if text := Text(item); text != "" {
			ids = append(ids, text)
		}
	}
	return ids, nil
}

func (r *Ringer) proves(header http.Header, raw []byte, key secret.Text) bool {
	if r.Type == "bearer" {
		given, ok := strings.CutPrefix(header.Get("Authorization"), "Bearer ")
		if r.Header != "" {
			given, ok = strings.CutPrefix(header.Get(r.Header), r.Prefix)
		}
		return ok && subtle.ConstantTimeCompare([]byte(given), key.RevealBytes()) == 1
	}
	digits, ok := strings.CutPrefix(header.Get(r.Header), r.Prefix)
	given, err := hex.DecodeString(digits)
	mac := hmac.New(sha256.New, key.RevealBytes())
	mac.Write(raw)
	return ok && err == nil && hmac.Equal(given, mac.Sum(nil))
}
