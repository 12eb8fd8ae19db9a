package httpsig_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/wire/httpsig"
	"github.com/sekisho/sekisho/internal/wire/jws"
)

var now = time.Unix(1_800_000_000, 0).UTC()

func message() httpsig.Message {
	return httpsig.Message{
		Method: "POST", Target: "https://app.example/hook?x=1", Body: []byte(`{"decision":"approved"}`),
		Header: http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {"one"}},
	}
}

// The signature of RFC 9421 appendix B.2.4, made over its base by the key of
// appendix B.1.3.
func TestVectorECDSA(t *testing.T) {
	key, err := jws.ParsePEM(jws.ES256, []byte(`-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf
w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==
-----END PUBLIC KEY-----
`))
	if err != nil {
		t.Fatal(err)
	}
	const base = `"@status": 200
"content-type": application/json
"content-digest": sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:
"content-length": 23
"@signature-params": ("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256"`
	signature, _ := base64.StdEncoding.DecodeString("wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==")
	if !key.Raw([]byte(base), signature) {
		t.Error("a signature that is known to be right is refused")
	}
	if key.Raw([]byte(base+" "), signature) {
		t.Error("another base has the same signature")
	}
}

// The base is written as RFC 9421 section 2.5 says, byte for byte.
func TestTheFormOfASignature(t *testing.T) {
	k, err := jws.Make(jws.ES256)
	if err != nil {
		t.Fatal(err)
	}
	m := message()
	if err := httpsig.Sign(m, k, "decision", now, 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	params := `("@method" "@target-uri" "content-type" "content-digest" "idempotency-key");created=1800000000;expires=1800000300;keyid="` + k.KID() + `";alg="ecdsa-p256-sha256";tag="decision"`
	if got := m.Header.Get("Signature-Input"); got != "sekisho="+params {
		t.Errorf("input %s", got)
	}
	base := "\"@method\": POST\n\"@target-uri\": https://app.example/hook?x=1\n\"content-type\": application/json\n\"content-digest\": " +
		m.Header.Get("Content-Digest") + "\n\"idempotency-key\": one\n\"@signature-params\": " + params
	text := strings.TrimSuffix(strings.TrimPrefix(m.Header.Get("Signature"), "sekisho=:"), ":")
	signature, err := base64.StdEncoding.DecodeString(text)
	if err != nil || !k.Public().Raw([]byte(base), signature) {
		t.Errorf("not a signature over its base: %v", err)
	}
}

func TestWhatDoesNotCount(t *testing.T) {
	for _, alg := range []jws.Alg{jws.ES256, jws.RS256} {
		k, err := jws.Make(alg)
		if err != nil {
			t.Fatal(err)
		}
		other, _ := jws.Make(alg)
		signed := func() httpsig.Message {
			m := message()
			if err := httpsig.Sign(m, k, "decision", now, 5*time.Minute); err != nil {
				t.Fatal(err)
			}
			return m
		}
		keys := []jws.Public{k.Public()}
		if p, err := httpsig.Verify(signed(), keys, "decision", now, time.Minute); err != nil || p.KeyID != k.KID() {
			t.Fatalf("what is right: %+v %v", p, err)
		}
		swap := func(name, old, next string) func(*httpsig.Message) {
			return func(m *httpsig.Message) {
				m.Header.Set(name, strings.Replace(m.Header.Get(name), old, next, 1))
			}
		}
		for name, c := range map[string]struct {
			change func(*httpsig.Message)
			want   error
		}{
			"no signature":      {func(m *httpsig.Message) { m.Header.Del("Signature") }, httpsig.ErrForm},
			"no input":          {func(m *httpsig.Message) { m.Header.Del("Signature-Input") }, httpsig.ErrForm},
			"two":               {func(m *httpsig.Message) { m.Header.Add("Signature", m.Header.Get("Signature")) }, httpsig.ErrForm},
			"another label":     {swap("Signature-Input", "sekisho", "other"), httpsig.ErrForm},
			"another body":      {func(m *httpsig.Message) { m.Body = []byte(`{"decision":"rejected"}`) }, httpsig.ErrDigest},
			"another digest":    {func(m *httpsig.Message) { m.Header.Set("Content-Digest", "sha-256=:AAAA:") }, httpsig.ErrDigest},
			"another address":   {func(m *httpsig.Message) { m.Target += "2" }, httpsig.ErrSignature},
			"another method":    {func(m *httpsig.Message) { m.Method = "PUT" }, httpsig.ErrSignature},
			"another key id":    {func(m *httpsig.Message) { m.Header.Set("Idempotency-Key", "two") }, httpsig.ErrSignature},
			"nothing covered":   {swap("Signature-Input", `"@method" `, ""), httpsig.ErrCovers},
			"twice covered":     {swap("Signature-Input", `"@method"`, `"@target-uri"`), httpsig.ErrForm},
			"another name":      {swap("Signature-Input", k.KID(), other.KID()), httpsig.ErrSignature},
			"another algorithm": {swap("Signature-Input", `;alg="`, `;alg="hmac-sha256`), httpsig.ErrSignature},
			"another end":       {swap("Signature-Input", "expires=1800000300", "expires=1800000999"), httpsig.ErrSignature},
			"without an end":    {swap("Signature-Input", ";expires=1800000300", ""), httpsig.ErrExpired},
			"two ends":          {swap("Signature-Input", ";expires=1800000300", ";expires=1800000300;expires=1900000000"), httpsig.ErrForm},
			"another sort":      {swap("Signature-Input", `tag="decision"`, `tag="other"`), httpsig.ErrForm},
			"a parameter more":  {swap("Signature-Input", `;tag=`, `;nonce="x";tag=`), httpsig.ErrForm},
		} {
			m := signed()
			c.change(&m)
			if _, err := httpsig.Verify(m, keys, "decision", now, time.Minute); !errors.Is(err, c.want) {
				t.Errorf("%s, %s: %v, want %v", alg, name, err, c.want)
			}
		}
		if _, err := httpsig.Verify(signed(), []jws.Public{other.Public()}, "decision", now, time.Minute); !errors.Is(err, httpsig.ErrSignature) {
			t.Errorf("%s, another key: %v", alg, err)
		}
		if _, err := httpsig.Verify(signed(), keys, "decision", now.Add(7*time.Minute), time.Minute); !errors.Is(err, httpsig.ErrExpired) {
			t.Errorf("%s, later: %v", alg, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	k, err := jws.Make(jws.ES256)
	if err != nil {
		f.Fatal(err)
	}
	m := message()
	if err := httpsig.Sign(m, k, "decision", now, 5*time.Minute); err != nil {
		f.Fatal(err)
	}
	right, signature := m.Header.Get("Signature-Input"), m.Header.Get("Signature")
	f.Add(right, signature)
	f.Add(`sekisho=();created=1`, `sekisho=::`)
	f.Fuzz(func(t *testing.T, input, given string) {
		m := m
		m.Header = m.Header.Clone()
		m.Header.Set("Signature-Input", input)
		m.Header.Set("Signature", given)
		if _, err := httpsig.Verify(m, []jws.Public{k.Public()}, "decision", now, time.Minute); err == nil && input != right {
			t.Errorf("%q counts", input)
		}
	})
}
