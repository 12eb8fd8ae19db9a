package jws_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/wire/jws"
)

var now = time.Unix(1_800_000_000, 0).UTC()

func part(value any) string {
	text, _ := json.Marshal(value)
	return base64.RawURLEncoding.EncodeToString(text)
}

func claims(more ...any) map[string]any {
	c := map[string]any{"iss": "https://us", "aud": "https://them/hook", "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "jti": "one"}
	for i := 0; i+1 < len(more); i += 2 {
		if more[i+1] == nil {
			delete(c, more[i].(string))
			continue
		}
		c[more[i].(string)] = more[i+1]
	}
	return c
}

func expect() jws.Expect {
	return jws.Expect{
		Type: "decision+jwt", Issuer: "https://us", Audience: "https://them/hook", Now: now, Leeway: time.Minute, Life: 10 * time.Minute, ID: true,
	}
}

func key(t *testing.T, alg jws.Alg) *jws.Private {
	t.Helper()
	k, err := jws.Make(alg)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// RFC 7515 appendix A.3: a token that is known to be right for its key.
func TestVectorES256(t *testing.T) {
	keys, err := jws.ParseSet([]byte(`{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`))
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	const token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
	c, err := jws.Verify(token, keys, jws.Expect{Issuer: "joe", Now: time.Unix(1300819379, 0)})
	if err != nil || c.All["http://example.com/is_root"] != true {
		t.Error(c, err)
	}
	if _, err := jws.Verify(token, keys, jws.Expect{Now: time.Unix(1300819380, 0)}); !errors.Is(err, jws.ErrExpired) {
		t.Errorf("at its end: %v", err)
	}
}

// RFC 7638 section 3.1: the thumbprint by which a key is named.
func TestVectorThumbprint(t *testing.T) {
	for _, alg := range []jws.Alg{jws.ES256, jws.RS256} {
		k := key(t, alg)
		set, err := jws.Set([]jws.Public{k.Public()})
		if err != nil {
			t.Fatal(err)
		}
		again, err := jws.ParseSet(set)
		if err != nil || len(again) != 1 || again[0].KID != k.KID() || again[0].Alg != alg || strings.Contains(string(set), `"d"`) {
			t.Errorf("%s: %s %v", alg, set, err)
		}
		text, err := k.Public().PEM()
		if err != nil {
			t.Fatal(err)
		}
		if p, err := jws.ParsePEM(alg, text); err != nil || p.KID != k.KID() {
			t.Errorf("%s: PEM: %v", alg, err)
		}
		plain, err := k.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := jws.Parse(plain); err != nil || back.KID() != k.KID() || back.Alg() != alg {
			t.Errorf("%s: PKCS #8: %v", alg, err)
		}
		if said := fmt.Sprintf("%v %+v %#v %s", k, k, k, k); strings.Contains(said, "0x") || strings.Count(said, k.KID()) != 4 {
			t.Errorf("a formatter sees %s", said)
		}
	}
}

func TestWhatDoesNotCount(t *testing.T) {
	ec, other, rs := key(t, jws.ES256), key(t, jws.ES256), key(t, jws.RS256)
	secret, err := jws.Secret([]byte(strings.Repeat("s", 32)))
	if err != nil {
		t.Fatal(err)
	}
	keys := []jws.Public{ec.Public(), rs.Public(), secret}
	sign := func(k *jws.Private, c any) string {
		token, err := k.Sign("decision+jwt", c)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	good := sign(ec, claims())
	if c, err := jws.Verify(good, keys, expect()); err != nil || c.ID != "one" || c.Audience[0] != "https://them/hook" {
		t.Fatalf("what is right: %+v %v", c, err)
	}
	if _, err := jws.Verify(sign(rs, claims("aud", []string{"a", "https://them/hook"})), keys, expect()); err != nil {
		t.Fatalf("RS256: %v", err)
	}
	pem, _ := rs.Public().PEM()
	confused, _ := jws.Secret(pem)
	parts := strings.Split(good, ".")
	typ, _ := ec.Sign("JWT", claims())
	for name, c := range map[string]struct {
		token string
		keys  []jws.Public
		want  error
	}{
		"nothing":                     {"", keys, jws.ErrForm},
		"words":                       {"not a token", keys, jws.ErrForm},
		"too long":                    {strings.Repeat("a", jws.Most+1), keys, jws.ErrForm},
		"other spare bits":            {good[:len(good)-1] + string(good[len(good)-1]+1), keys, jws.ErrForm},
		"a line break":                {parts[0] + "." + parts[1] + ".\n" + parts[2], keys, jws.ErrForm},
		"two parts":                   {parts[0] + "." + parts[1], keys, jws.ErrForm},
		"none":                        {part(map[string]string{"alg": "none"}) + "." + parts[1] + ".", keys, jws.ErrAlg},
		"an algorithm we have not":    {part(map[string]string{"alg": "ES512"}) + "." + parts[1] + "." + parts[2], keys, jws.ErrAlg},
		"HS256 under a public key":    {good, []jws.Public{confused}, jws.ErrAlg},
		"RS256 in the place of ES256": {sign(rs, claims()), []jws.Public{ec.Public()}, jws.ErrAlg},
		"another key":                 {sign(other, claims()), keys, jws.ErrSignature},
		"another key with our name":   {strings.Join([]string{parts[0], parts[1], strings.Split(sign(other, claims()), ".")[2]}, "."), keys, jws.ErrSignature},
		"other claims":                {parts[0] + "." + part(claims("sub", "x")) + "." + parts[2], keys, jws.ErrSignature},
		"a key of its own":            {part(map[string]any{"alg": "ES256", "jwk": json.RawMessage(`{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`)}) + "." + parts[1] + "." + parts[2], keys, jws.ErrHeader},
		"an address of keys":          {part(map[string]any{"alg": "ES256", "jku": "https://evil/keys"}) + "." + parts[1] + "." + parts[2], keys, jws.ErrHeader},
		"something critical":          {part(map[string]any{"alg": "ES256", "crit": []string{"x"}, "x": 1}) + "." + parts[1] + "." + parts[2], keys, jws.ErrHeader},
		"another sort":                {typ, keys, jws.ErrType},
		"another issuer":              {sign(ec, claims("iss", "https://evil")), keys, jws.ErrIssuer},
		"no audience":                 {sign(ec, claims("aud", nil)), keys, jws.ErrAudience},
		"a longer address":            {sign(ec, claims("aud", "https://them/hook/2")), keys, jws.ErrAudience},
		"AUD in capitals":             {sign(ec, claims("aud", nil, "AUD", "https://them/hook")), keys, jws.ErrAudience},
		"over":                        {sign(ec, claims("exp", now.Add(-time.Minute).Unix())), keys, jws.ErrExpired},
		"without an end":              {sign(ec, claims("exp", nil)), keys, jws.ErrExpired},
		"an end that overflows":       {sign(ec, claims("exp", 1e300)), keys, jws.ErrExpired},
		"not yet":                     {sign(ec, claims("nbf", now.Add(2*time.Minute).Unix())), keys, jws.ErrEarly},
		"made tomorrow":               {sign(ec, claims("iat", now.Add(2*time.Minute).Unix())), keys, jws.ErrEarly},
		"a day long":                  {sign(ec, claims("exp", now.Add(24*time.Hour).Unix())), keys, jws.ErrLife},
		"without a beginning":         {sign(ec, claims("iat", nil)), keys, jws.ErrLife},
		"without an identifier":       {sign(ec, claims("jti", nil)), keys, jws.ErrID},
		"a number for an address":     {sign(ec, claims("aud", 7)), keys, jws.ErrForm},
		"no keys":                     {good, nil, jws.ErrAlg},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := jws.Verify(c.token, c.keys, expect()); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	if _, err := jws.Verify(sign(ec, claims("exp", now.Add(-30*time.Second).Unix(), "iat", now.Add(-4*time.Minute).Unix())), keys, expect()); err != nil {
		t.Errorf("a clock that is half a minute apart: %v", err)
	}
}

func TestWeakKeysAreRefused(t *testing.T) {
	if _, err := jws.Secret([]byte("short")); err == nil {
		t.Error("a short secret is taken")
	}
	if _, err := jws.Make(jws.HS256); err == nil {
		t.Error("a shared secret is made")
	}
	ec := key(t, jws.ES256)
	text, _ := ec.Public().PEM()
	for name, bad := range map[string]func() error{
		"EC for RS256":  func() error { _, err := jws.ParsePEM(jws.RS256, text); return err },
		"EC for HS256":  func() error { _, err := jws.ParsePEM(jws.HS256, text); return err },
		"two blocks":    func() error { _, err := jws.ParsePEM(jws.ES256, append(text, text...)); return err },
		"no PEM":        func() error { _, err := jws.ParsePEM(jws.ES256, []byte("key")); return err },
		"private bytes": func() error { _, err := jws.Parse([]byte("key")); return err },
	} {
		if bad() == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if keys, err := jws.ParseSet([]byte(`{"keys":[{"kty":"oct","k":"AAAA"},{"kty":"RSA","alg":"RS256","n":"AQAB","e":"AQAB"}]}`)); len(keys) != 0 {
		t.Errorf("%v %v", keys, err)
	}
}

func FuzzVerify(f *testing.F) {
	k, err := jws.Make(jws.ES256)
	if err != nil {
		f.Fatal(err)
	}
	good, _ := k.Sign("decision+jwt", claims())
	f.Add(good)
	f.Add("a.b.c")
	f.Add(part(map[string]any{"alg": "ES256"}) + "..")
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := jws.Verify(token, []jws.Public{k.Public()}, expect()); err == nil && token != good {
			t.Errorf("%q counts", token)
		}
	})
}
