package definition_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/connector/definition"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/wire/jws"
)

var rungAt = time.Unix(1_800_000_000, 0).UTC()

const bellAddress = "https://sekisho.example/hooks/01m0r9t1v4x7z0b3d6fhjk9mqs"

func ringing(t *testing.T, verify string) *definition.Definition {
	t.Helper()
	d, err := definition.Parse("x", []byte(strings.Replace(head, "settings:\n", "settings:\n  key: {type: secret}\n  pem: {type: text}\n", 1)+
		"webhook: {verify: "+verify+", affected: \"[body.issue.key]\"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func ringClaims(more ...any) map[string]any {
	c := map[string]any{"iss": "shed", "aud": bellAddress, "iat": rungAt.Unix(), "exp": rungAt.Add(3 * time.Minute).Unix(), "jti": "one"}
	for i := 0; i+1 < len(more); i += 2 {
		c[more[i].(string)] = more[i+1]
	}
	return c
}

// A ring by token is held to one key, one algorithm, our address, a short life and
// an identifier.
func TestARingByToken(t *testing.T) {
	for _, alg := range []jws.Alg{jws.ES256, jws.RS256} {
		key, err := jws.Make(alg)
		if err != nil {
			t.Fatal(err)
		}
		other, _ := jws.Make(alg)
		wrong, _ := jws.Make(map[jws.Alg]jws.Alg{jws.ES256: jws.RS256, jws.RS256: jws.ES256}[alg])
		pem, _ := key.Public().PEM()
		d := ringing(t, "{type: jwt-"+strings.ToLower(string(alg))+", keyRef: pem, issuer: shed}")
		ring := func(token string, change ...func(*definition.Ringing)) ([]string, definition.Once, error) {
			r := definition.Ringing{
				Header: http.Header{"Authorization": {"Bearer " + token}}, Raw: []byte(`{"issue":{"key":"OPS-7"}}`),
				Settings: map[string]any{"pem": string(pem)}, Address: bellAddress, Now: rungAt,
			}
			for _, f := range change {
				f(&r)
			}
			return d.Ring(t.Context(), r)
		}
		sign := func(k *jws.Private, more ...any) string {
			token, err := k.Sign("JWT", ringClaims(more...))
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		ids, once, err := ring(sign(key))
		if err != nil || len(ids) != 1 || ids[0] != "OPS-7" || once.ID != "one" || !once.Until.After(rungAt.Add(3*time.Minute)) {
			t.Fatal(ids, once, err)
		}
		for name, token := range map[string]string{
			"nothing": "", "no token": "secret", "another key": sign(other), "another algorithm": sign(wrong),
			"none":           "eyJhbGciOiJub25lIn0." + strings.Split(sign(key), ".")[1] + ".",
			"another bell":   sign(key, "aud", bellAddress+"x"),
			"another system": sign(key, "iss", "house"),
			"over":           sign(key, "exp", rungAt.Add(-2*time.Minute).Unix(), "iat", rungAt.Add(-5*time.Minute).Unix()),
			"a day long":     sign(key, "exp", rungAt.Add(24*time.Hour).Unix()),
			"without an end": sign(key, "exp", nil), "without an identifier": sign(key, "jti", ""),
		} {
			if ids, _, err := ring(token); err == nil || ids != nil {
				t.Errorf("TRAP-C18 %s, %s: %v", alg, name, ids)
			}
		}
		for name, f := range map[string]func(*definition.Ringing){
			"no key": func(r *definition.Ringing) { r.Settings = nil }, "not a key": func(r *definition.Ringing) { r.Settings["pem"] = "key" },
			"no address of ours":      func(r *definition.Ringing) { r.Address = "" },
			"two header lines, first": func(r *definition.Ringing) { r.Header["Authorization"] = []string{"Basic x", "Bearer " + sign(key)} },
		} {
			if ids, _, err := ring(sign(key), f); err == nil || ids != nil {
				t.Errorf("TRAP-C18 %s, %s: %v", alg, name, ids)
			}
		}
	}
}

// The public key of a ring is no shared secret, and the other way round.
func TestARingByTokenConfusesNoKeys(t *testing.T) {
	key, err := jws.Make(jws.RS256)
	if err != nil {
		t.Fatal(err)
	}
	pem, _ := key.Public().PEM()
	token, _ := key.Sign("JWT", ringClaims())
	hs := ringing(t, "{type: jwt-hs256, secretRef: key}")
	for name, value := range map[string]string{"the public key": string(pem), "too short": "short", "none": ""} {
		r := definition.Ringing{
			Header: http.Header{"Authorization": {"Bearer " + token}}, Raw: []byte(`{"issue":{"key":"OPS-7"}}`), Secret: secret.Of(value), Address: bellAddress, Now: rungAt,
		}
		if ids, _, err := hs.Ring(t.Context(), r); err == nil || ids != nil {
			t.Errorf("TRAP-C18 %s: %v", name, ids)
		}
	}
	for _, bad := range []string{"{type: jwt-hs256, keyRef: pem}", "{type: jwt-es256, secretRef: key}", "{type: jwt-none, secretRef: key}", "{type: jwt-rs256, keyRef: key}"} {
		_, err := definition.Parse("x", []byte(strings.Replace(head, "settings:\n", "settings:\n  key: {type: secret}\n  pem: {type: text}\n", 1)+
			"webhook: {verify: "+bad+", affected: \"[body.issue.key]\"}\n"))
		if err == nil {
			t.Errorf("%s is a definition", bad)
		}
	}
}
