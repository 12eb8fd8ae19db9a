package passkey_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/factor/factortest"
	"github.com/sekisho/sekisho/internal/factor/passkey"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
)

type lie = func(*factortest.Step)

// row is an answer with one thing wrong.
type row struct {
	name   string
	lie    lie
	reason string
}

// both are wrong in either ceremony.
var both = []row{
	{"A049 another site", func(s *factortest.Step) { s.Origin = "https://evil.example" }, passkey.ReasonOrigin},
	{"A049 a sub-domain", func(s *factortest.Step) { s.Origin = "https://login.sekisho.example.jp" }, passkey.ReasonOrigin},
	{"A049 the parent domain", func(s *factortest.Step) { s.Origin = "https://example.jp" }, passkey.ReasonOrigin},
	{"A049 our name as the beginning of another", func(s *factortest.Step) { s.Origin = site + ".evil.example" }, passkey.ReasonOrigin},
	{"A049 another port", func(s *factortest.Step) { s.Origin = site + ":8443" }, passkey.ReasonOrigin},
	{"A049 http", func(s *factortest.Step) { s.Origin = "http://sekisho.example.jp" }, passkey.ReasonOrigin},
	{"A049 origin in another case", func(s *factortest.Step) { s.Origin = "https://SEKISHO.example.jp" }, passkey.ReasonOrigin},
	{"A049 origin with a path", func(s *factortest.Step) { s.Origin = site + "/" }, passkey.ReasonOrigin},
	{"A049 origin with a user", func(s *factortest.Step) { s.Origin = "https://a@sekisho.example.jp" }, passkey.ReasonOrigin},
	{"A049 origin null", func(s *factortest.Step) { s.Origin = "null" }, passkey.ReasonOrigin},
	{"A049 an app of a telephone", func(s *factortest.Step) { s.Origin = "android:apk-key-hash:AAAA" }, passkey.ReasonOrigin},
	{"A049 in a frame of another site", func(s *factortest.Step) { s.More["crossOrigin"] = true }, passkey.ReasonCrossOrigin},
	{"A049 crossOrigin no boolean", func(s *factortest.Step) { s.More["crossOrigin"] = nil }, passkey.ReasonCrossOrigin},
	{"A049 top origin", func(s *factortest.Step) { s.More["topOrigin"] = "https://evil.example" }, passkey.ReasonCrossOrigin},
	{"A049 our own top origin", func(s *factortest.Step) { s.More["topOrigin"] = site }, passkey.ReasonCrossOrigin},
	{"A049 another challenge", func(s *factortest.Step) { s.Challenge = strings.Repeat("A", 43) }, passkey.ReasonChallenge},
	{"A049 no challenge", func(s *factortest.Step) { s.Challenge = "" }, passkey.ReasonChallenge},
	{"A049 challenge with padding", func(s *factortest.Step) { s.Challenge += "=" }, passkey.ReasonChallenge},
	{"A049 no type", func(s *factortest.Step) { s.Type = "" }, passkey.ReasonType},
	{"A049 another relying party", func(s *factortest.Step) { s.RPID = "evil.example" }, passkey.ReasonParty},
	{"A049 the parent as relying party", func(s *factortest.Step) { s.RPID = "example.jp" }, passkey.ReasonParty},
	{"A049 nobody present", func(s *factortest.Step) { s.Flags &^= factortest.FlagPresent }, passkey.ReasonPresence},
	{"A049 nobody verified", func(s *factortest.Step) { s.Flags &^= factortest.FlagVerified }, passkey.ReasonUnverified},
	{"A049 backed up but not eligible", func(s *factortest.Step) { s.Flags |= factortest.FlagBackedUp }, passkey.ReasonBackup},
	{"A049 authenticator data with a byte more", data(func(b []byte) []byte { return append(b, 0) }), passkey.ReasonFormat},
	{"A049 authenticator data cut", data(func(b []byte) []byte { return b[:36] }), passkey.ReasonFormat},
	{"A049 authenticator data empty", data(func([]byte) []byte { return nil }), passkey.ReasonFormat},
	{"A049 extensions announced, none there", func(s *factortest.Step) { s.Flags |= factortest.FlagExtended }, passkey.ReasonFormat},
	{"A049 extensions with a key twice", extended(factortest.CBOR(factortest.Map{{"a", 1}, {"a", 2}})), passkey.ReasonFormat},
	{"A049 extensions no map", extended(factortest.CBOR("x")), passkey.ReasonFormat},
	{"A049 extensions deep as a well", extended([]byte(strings.Repeat("\xa1\x61a", 5000) + "\x01")), passkey.ReasonFormat},
	{"A049 client data no JSON", client(func([]byte) []byte { return []byte("{") }), passkey.ReasonFormat},
	{"A049 client data with text after it", client(func(b []byte) []byte { return append(b, "{}"...) }), passkey.ReasonFormat},
	{"A049 origin twice", client(func(b []byte) []byte { return insert(b, `"origin":"https://evil.example",`) }), passkey.ReasonFormat},
	{"A049 a second origin in another case", client(func(b []byte) []byte {
		return append(b[:len(b)-1], `,"Origin":"https://evil.example"}`...)
	}), passkey.ReasonFormat},
	{"A049 the origin in another case only", client(func(b []byte) []byte {
		return []byte(strings.Replace(string(b), `"origin"`, `"Origin"`, 1))
	}), passkey.ReasonOrigin},
	{"A049 client data a list", client(func([]byte) []byte { return []byte("[]") }), passkey.ReasonFormat},
	{"A049 client data a number where a text belongs", client(func(b []byte) []byte {
		return []byte(strings.Replace(string(b), `"origin":"`+site+`"`, `"origin":1`, 1))
	}), passkey.ReasonFormat},
	{"A049 client data broken UTF-8", client(func(b []byte) []byte { return insert(b, "\"x\":\"\xff\",") }), passkey.ReasonFormat},
	{"A049 id that is not rawId", answer(func(a, _ map[string]any) { a["id"] = "AAAA" }), passkey.ReasonFormat},
	{"A049 id no base64url", answer(func(a, _ map[string]any) { a["id"], a["rawId"] = "+/+/", "+/+/" }), passkey.ReasonFormat},
	{"A049 no id", answer(func(a, _ map[string]any) { delete(a, "id") }), passkey.ReasonFormat},
	{"A049 another type of credential", answer(func(a, _ map[string]any) { a["type"] = "password" }), passkey.ReasonFormat},
	{"A049 no response", answer(func(a, _ map[string]any) { delete(a, "response") }), passkey.ReasonFormat},
	{"A049 response a text", answer(func(a, _ map[string]any) { a["response"] = "x" }), passkey.ReasonFormat},
	{"A049 client data a number", answer(func(_, r map[string]any) { r["clientDataJSON"] = 7 }), passkey.ReasonFormat},
	{"A049 client data null", answer(func(_, r map[string]any) { r["clientDataJSON"] = nil }), passkey.ReasonFormat},
	{"A049 extension results of another shape", answer(func(a, _ map[string]any) { a["clientExtensionResults"] = []int{1} }), passkey.ReasonFormat},
	{"A049 an answer of a megabyte", answer(func(a, _ map[string]any) { a["x"] = strings.Repeat("x", 1<<20) }), passkey.ReasonSize},
}

func data(change func([]byte) []byte) lie   { return func(s *factortest.Step) { s.Data = change } }
func client(change func([]byte) []byte) lie { return func(s *factortest.Step) { s.Client = change } }

func answer(change func(answer, response map[string]any)) lie {
	return func(s *factortest.Step) { s.Answer = change }
}

func extended(cbor []byte) lie {
	return func(s *factortest.Step) { s.Extension = cbor; s.Flags |= factortest.FlagExtended }
}

func insert(object []byte, member string) []byte { return []byte("{" + member + string(object[1:])) }

func TestRegistrationRefuses(t *testing.T) {
	r := newRig(t)
	for _, row := range slices.Concat(both, []row{
		{"A049 an answer to a sign-in", func(s *factortest.Step) { s.Type = "webauthn.get" }, passkey.ReasonType},
		{"A049 no attested data", func(s *factortest.Step) { s.Flags &^= factortest.FlagAttested }, passkey.ReasonFormat},
		{"A049 credential id of 1,024 bytes", func(s *factortest.Step) { s.ID = make([]byte, 1024) }, passkey.ReasonFormat},
		{"A049 credential id empty", func(s *factortest.Step) { s.ID = nil }, passkey.ReasonFormat},
		{"A049 id that is not the attested one", answer(func(a, _ map[string]any) { a["id"], a["rawId"] = "AAAA", "AAAA" }), passkey.ReasonFormat},
		{"A049 not discoverable", answer(func(a, _ map[string]any) {
			a["clientExtensionResults"] = map[string]any{"credProps": map[string]any{"rk": false}}
		}), passkey.ReasonNotResident},
		{"A049 algorithm not offered", key(func(m factortest.Map) factortest.Map { m[1][1] = -35; return m }), passkey.ReasonKey},
		{"A049 Ed25519 by its other number", key(func(factortest.Map) factortest.Map {
			return factortest.Map{{1, 1}, {3, -19}, {-1, 6}, {-2, make([]byte, 32)}}
		}), passkey.ReasonKey},
		{"A049 algorithm of another kind of key", key(func(m factortest.Map) factortest.Map { m[1][1] = -257; return m }), passkey.ReasonKey},
		{"A049 kind of key of another algorithm", key(func(m factortest.Map) factortest.Map { m[0][1] = 1; return m }), passkey.ReasonKey},
		{"A049 point not on the curve", key(func(m factortest.Map) factortest.Map { m[4][1] = make([]byte, 32); return m }), passkey.ReasonKey},
		{"A049 coordinate too short", key(func(m factortest.Map) factortest.Map { m[4][1] = make([]byte, 31); return m }), passkey.ReasonKey},
		{"A049 another curve", key(func(m factortest.Map) factortest.Map { m[2][1] = 2; return m }), passkey.ReasonKey},
		{"A049 RSA of 1,024 bits", key(func(factortest.Map) factortest.Map { return rsaOf(1024, 65537) }), passkey.ReasonKey},
		{"A049 RSA of 16,384 bits", key(func(factortest.Map) factortest.Map { return rsaOf(16384, 65537) }), passkey.ReasonKey},
		{"A049 RSA with exponent 1", key(func(factortest.Map) factortest.Map { return rsaOf(2048, 1) }), passkey.ReasonKey},
		{"A049 RSA with PSS", key(func(factortest.Map) factortest.Map { m := rsaOf(2048, 65537); m[1][1] = -37; return m }), passkey.ReasonKey},
		{"A049 ES384, although well-formed", key(func(factortest.Map) factortest.Map { return es384(t) }), passkey.ReasonKey},
		{"A049 no modulus", key(func(factortest.Map) factortest.Map { return factortest.Map{{1, 3}, {3, -257}} }), passkey.ReasonKey},
		{"A049 key empty", key(func(factortest.Map) factortest.Map { return factortest.Map{} }), passkey.ReasonKey},
		{"A049 key with a member twice", key(func(m factortest.Map) factortest.Map { return append(m, m[1]) }), passkey.ReasonFormat},
		{"A049 key cut", func(s *factortest.Step) { s.COSE = s.COSE[:len(s.COSE)-1] }, passkey.ReasonFormat},
		{"A049 key of endless length", func(s *factortest.Step) { s.COSE = append([]byte{0xbf}, append(s.COSE[1:], 0xff)...) }, passkey.ReasonFormat},
		{"A049 object cut", object(func(b []byte) []byte { return b[:len(b)-1] }), passkey.ReasonFormat},
		{"A049 object with a byte more", object(func(b []byte) []byte { return append(b, 0) }), passkey.ReasonFormat},
		{"A049 object with a key twice", object(func(b []byte) []byte {
			return append(append([]byte{0xa4}, b[1:]...), factortest.CBOR("fmt")[0], 'f', 'm', 't', 0x64, 'n', 'o', 'n', 'e')
		}), passkey.ReasonFormat},
		{"A049 object empty", object(func([]byte) []byte { return nil }), passkey.ReasonFormat},
		{"A049 format none with a statement", object(func(b []byte) []byte {
			return []byte(strings.Replace(string(b), "gattStmt\xa0", "gattStmt\xa1calg&", 1))
		}), passkey.ReasonStatement},
		{"A049 a format that nobody knows", object(func(b []byte) []byte {
			return []byte(strings.Replace(string(b), "cfmtdnone", "cfmtdnope", 1))
		}), passkey.ReasonStatement},
	}) {
		t.Run(row.name, func(t *testing.T) {
			r.t = t
			_, err := r.create(factor.PasskeyWish{}, row.lie)
			refused(t, err, fault.Unmet, "passkey-refused", row.reason)
		})
	}
}

func key(change func(factortest.Map) factortest.Map) lie {
	return func(s *factortest.Step) { s.COSE = factortest.CBOR(change(factortest.COSE(s.Key.Private.Public()))) }
}

func object(change func([]byte) []byte) lie { return func(s *factortest.Step) { s.Object = change } }

func rsaOf(bits, e int) factortest.Map {
	n := make([]byte, bits/8)
	n[0], n[len(n)-1] = 0x80, 1
	return factortest.Map{{1, 3}, {3, -257}, {-1, n}, {-2, []byte{byte(e >> 16), byte(e >> 8), byte(e)}}}
}

func es384(t *testing.T) factortest.Map {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return factortest.Map{{1, 2}, {3, -35}, {-1, 2}, {-2, point[1:49]}, {-3, point[49:]}}
}

func TestAnswersAreOneDocument(t *testing.T) {
	r := newRig(t)
	key := r.mustCreate()
	options, state := r.begin(nil)
	honest := string(r.made(r.device.Get(options)))
	for name, answer := range map[string]string{
		"A049 a member twice":          `{"type":"public-key",` + honest[1:],
		"A049 a deep member twice":     strings.Replace(honest, `"response":{`, `"response":{"signature":"AAAA",`, 1),
		"A049 text after the end":      honest + "{}",
		"A049 cut":                     honest[:len(honest)-1],
		"A049 nothing":                 "",
		"A049 null":                    "null",
		"A049 a list":                  "[" + honest + "]",
		"A049 a text":                  `"` + "x" + `"`,
		"A049 broken UTF-8":            `{"x":"` + "\xff" + `",` + honest[1:],
		"A049 nested without end":      `{"x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + "," + honest[1:],
		"A049 twenty thousand members": `{"x":[` + strings.Repeat("1,", 20_000) + `1],` + honest[1:],
	} {
		t.Run(name, func(t *testing.T) {
			_, err := r.driver.FinishSignIn(state, []byte(answer), r.find)
			refused(t, err, fault.Unknown, "passkey-refused", passkey.ReasonFormat)
			_, creation, err := r.driver.BeginRegistration(r.who(), nil, factor.PasskeyWish{})
			if err != nil {
				t.Fatal(err)
			}
			_, err = r.driver.FinishRegistration(r.who(), creation, []byte(answer), factor.PasskeyWish{})
			refused(t, err, fault.Unmet, "passkey-refused", passkey.ReasonFormat)
		})
	}
	t.Run("A049 a row whose key is none", func(t *testing.T) {
		for _, cose := range [][]byte{nil, []byte("x"), factortest.CBOR(rsaOf(1024, 65537)), factortest.CBOR(es384(t))} {
			_, err := r.driver.FinishSignIn(state, []byte(honest), func(_, _ []byte) (factor.Passkey, error) {
				broken := key
				broken.PublicKey = cose
				return broken, nil
			})
			refused(t, err, fault.Unknown, "passkey-refused", passkey.ReasonKey)
		}
	})
}

func TestSignInRefuses(t *testing.T) {
	r := newRig(t)
	r.mustCreate()
	if _, err := r.get(nil); err != nil {
		t.Fatal(err)
	}
	stranger := newRig(t)
	stranger.mustCreate()
	for _, row := range slices.Concat(both, []row{
		{"A049 an answer to a registration", func(s *factortest.Step) { s.Type = "webauthn.create" }, passkey.ReasonType},
		{"A049 backup eligibility changed", func(s *factortest.Step) { s.Flags |= factortest.FlagEligible }, passkey.ReasonBackup},
		{"A049 user handle of somebody else", func(s *factortest.Step) { s.Handle = []byte(stranger.person) }, passkey.ReasonHandle},
		{"A049 user handle longer than ours", func(s *factortest.Step) { s.Handle = append(slices.Clone(s.Handle), 0) }, passkey.ReasonHandle},
		{"A049 no user handle", func(s *factortest.Step) { s.Handle = nil }, passkey.ReasonHandle},
		{"A049 user handle empty", func(s *factortest.Step) { s.Handle = []byte{} }, passkey.ReasonHandle},
		{"A049 credential id of 1,024 bytes", func(s *factortest.Step) { s.ID = make([]byte, 1024) }, passkey.ReasonCredential},
		{"A049 counter as before", func(s *factortest.Step) { s.Counter = r.keys[0].Counter }, passkey.ReasonCounter},
		{"A049 counter back to 0", func(s *factortest.Step) { s.Counter = 0 }, passkey.ReasonCounter},
		{"A049 signed with another key", func(s *factortest.Step) { s.Key = stranger.device.Keys[0] }, passkey.ReasonSignature},
		{"A049 signature of other data", func(s *factortest.Step) {
			s.Answer = func(_, r map[string]any) { r["authenticatorData"] = moreCounted(r["authenticatorData"]) }
		}, passkey.ReasonSignature},
		{"A049 signature empty", signature(func([]byte) []byte { return nil }), passkey.ReasonSignature},
		{"A049 signature with a byte more", signature(func(b []byte) []byte { return append(b, 0) }), passkey.ReasonSignature},
		{"A049 signature cut", signature(func(b []byte) []byte { return b[:len(b)-1] }), passkey.ReasonSignature},
		{"A049 signature raw instead of DER", signature(func(b []byte) []byte { return make([]byte, 64) }), passkey.ReasonSignature},
		{"A049 signature of zeros", signature(func([]byte) []byte { return []byte{0x30, 6, 2, 1, 0, 2, 1, 0} }), passkey.ReasonSignature},
		{"A049 signature in long form", signature(func(b []byte) []byte { return append([]byte{0x30, 0x81, b[1]}, b[2:]...) }), passkey.ReasonSignature},
		{"A049 signature a number", answer(func(_, r map[string]any) { r["signature"] = 1 }), passkey.ReasonFormat},
		{"A049 no authenticator data", answer(func(_, r map[string]any) { delete(r, "authenticatorData") }), passkey.ReasonFormat},
		{"A049 appid of a U2F key", answer(func(a, _ map[string]any) {
			a["clientExtensionResults"] = map[string]any{"appid": "https://sekisho.example.jp"}
		}), passkey.ReasonFormat},
	}) {
		t.Run(row.name, func(t *testing.T) {
			r.t = t
			_, err := r.get(nil, func(s *factortest.Step) { s.Counter = max(1, r.keys[0].Counter+1) }, row.lie)
			refused(t, err, fault.Unknown, "passkey-refused", row.reason)
		})
	}
	r.t = t
	if _, err := r.get(nil); err != nil {
		t.Fatalf("after all that the honest answer: %v", err)
	}
}

func signature(change func([]byte) []byte) lie {
	return func(s *factortest.Step) { s.Signature = change }
}

// moreCounted raises the counter after the signature.
func moreCounted(encoded any) string {
	b, _ := base64.RawURLEncoding.DecodeString(encoded.(string)) //nolint:forcetypeassert // ours
	b[36]++
	return base64.RawURLEncoding.EncodeToString(b)
}

func TestStateIsOfThisCeremony(t *testing.T) {
	r := newRig(t)
	r.mustCreate()
	options, state := r.begin(nil)
	honest := r.made(r.device.Get(options))
	unmade := func(change func([]byte) []byte) []byte { return change(slices.Clone(state)) }
	for _, row := range []struct {
		name, reason string
		state        []byte
	}{
		{"A049 no state", passkey.ReasonState, nil},
		{"A049 unknown version", passkey.ReasonState, unmade(func(b []byte) []byte { b[0] = 2; return b })},
		{"A049 of a registration", passkey.ReasonState, unmade(func(b []byte) []byte { b[1] = 'c'; return b })},
		{"A049 unknown flags", passkey.ReasonState, unmade(func(b []byte) []byte { b[2] |= 0x80; return b })},
		{"A049 verification taken out", passkey.ReasonState, unmade(func(b []byte) []byte { b[2] = 0; return b })},
		{"A049 cut", passkey.ReasonState, unmade(func(b []byte) []byte { return b[:len(b)-1] })},
		{"A049 a byte more", passkey.ReasonState, unmade(func(b []byte) []byte { return append(b, 0) })},
		{"A049 of another relying party", passkey.ReasonState, []byte(strings.Replace(string(state), "sekisho.example", "sekishu.example", 1))},
		{"A049 of another ceremony", passkey.ReasonChallenge, second(r.begin(nil))},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := r.driver.FinishSignIn(row.state, honest, r.find)
			refused(t, err, fault.Unknown, "passkey-refused", row.reason)
		})
	}
	t.Run("A049 every cut", func(t *testing.T) {
		for n := range state {
			_, err := r.driver.FinishSignIn(state[:n], honest, r.find)
			refused(t, err, fault.Unknown, "passkey-refused", passkey.ReasonState)
		}
	})
	t.Run("A049 after five minutes", func(t *testing.T) {
		r.clock.Advance(5*time.Minute - time.Microsecond)
		if _, err := r.driver.FinishSignIn(state, honest, r.find); err != nil {
			t.Fatalf("a moment before: %v", err)
		}
		r.clock.Advance(time.Microsecond)
		_, err := r.driver.FinishSignIn(state, honest, r.find)
		refused(t, err, fault.Unknown, "passkey-refused", passkey.ReasonExpired)
	})
	t.Run("A049 registration begun for somebody else", func(t *testing.T) {
		options, state, err := r.driver.BeginRegistration(r.who(), nil, factor.PasskeyWish{})
		if err != nil {
			t.Fatal(err)
		}
		other := factor.PasskeyOwner{Handle: []byte(id.New[id.Person](start)), Login: "taro"}
		_, err = r.driver.FinishRegistration(other, state, r.made(r.device.Create(options)), factor.PasskeyWish{})
		refused(t, err, fault.Unmet, "passkey-refused", passkey.ReasonOwner)
	})
	t.Run("A049 registration after five minutes", func(t *testing.T) {
		options, state, err := r.driver.BeginRegistration(r.who(), nil, factor.PasskeyWish{})
		if err != nil {
			t.Fatal(err)
		}
		r.clock.Advance(5 * time.Minute)
		_, err = r.driver.FinishRegistration(r.who(), state, r.made(r.device.Create(options)), factor.PasskeyWish{})
		refused(t, err, fault.Unmet, "passkey-refused", passkey.ReasonExpired)
	})
}

func second(_ json.RawMessage, state []byte) []byte { return state }

func TestReplayOfACountingKey(t *testing.T) {
	r := newRig(t)
	r.mustCreate()
	options, state := r.begin(nil)
	honest := r.made(r.device.Get(options))
	if _, err := r.finish(state, honest); err != nil {
		t.Fatal(err)
	}
	t.Run("A049 the same answer again", func(t *testing.T) {
		_, err := r.finish(state, honest)
		refused(t, err, fault.Unknown, "passkey-refused", passkey.ReasonCounter)
	})
}

// A key that counts signs in once a count: of many copies of one answer each
// is judged against the row as it was read, and the room's table decides.
func TestManyAtOnce(t *testing.T) {
	r := newRig(t)
	r.mustCreate()
	var all sync.WaitGroup
	for i := range 64 {
		options, state := r.begin(map[bool][]factor.Passkey{true: r.keys}[i%2 == 0])
		given := r.made(r.device.Get(options))
		all.Go(func() {
			if key, err := r.driver.FinishSignIn(state, given, r.find); err != nil || key.Counter != uint32(i+1) {
				t.Errorf("%d: counter %d: %v", i, key.Counter, err)
			}
		})
	}
	all.Wait()
}

func TestKeysThatAreNamed(t *testing.T) {
	r, other := newRig(t), newRig(t)
	mine, theirs := r.mustCreate(), other.mustCreate()
	second := r.mustCreate()
	all := func(c, _ []byte) (factor.Passkey, error) {
		if key, err := r.find(c, nil); err == nil {
			return key, nil
		}
		return other.find(c, nil)
	}
	t.Run("A049 A040 a key of somebody else", func(t *testing.T) {
		_, state := r.begin([]factor.Passkey{mine})
		options, _ := other.begin([]factor.Passkey{theirs})
		given := r.made(other.device.Get(withChallenge(t, options, state)))
		_, err := r.driver.FinishSignIn(state, given, all)
		refused(t, err, fault.Unknown, "passkey-refused", passkey.ReasonCredential)
	})
	t.Run("A049 my key that was not named", func(t *testing.T) {
		_, state := r.begin([]factor.Passkey{mine})
		options, _ := r.begin([]factor.Passkey{second})
		_, err := r.driver.FinishSignIn(state, r.made(r.device.Get(withChallenge(t, options, state))), all)
		refused(t, err, fault.Unknown, "passkey-refused", passkey.ReasonCredential)
	})
	t.Run("A049 A040 a table that gives another's key for mine", func(t *testing.T) {
		options, state := r.begin([]factor.Passkey{mine})
		_, err := r.driver.FinishSignIn(state, r.made(r.device.Get(options)), func(_, _ []byte) (factor.Passkey, error) { return theirs, nil })
		refused(t, err, fault.Unknown, "passkey-refused", passkey.ReasonCredential)
	})
	t.Run("A049 A040 a key that has changed hands since", func(t *testing.T) {
		options, state := r.begin([]factor.Passkey{r.keys[0]})
		given := r.made(r.device.Get(options, func(s *factortest.Step) { s.Handle = nil }))
		_, err := r.driver.FinishSignIn(state, given, func(c, _ []byte) (factor.Passkey, error) {
			key, err := r.find(c, nil)
			key.Person = other.person
			return key, err
		})
		refused(t, err, fault.Unknown, "passkey-refused", passkey.ReasonOwner)
	})
	t.Run("A049 handle of somebody else beside a named key", func(t *testing.T) {
		_, err := r.get([]factor.Passkey{r.keys[0]}, func(s *factortest.Step) { s.Handle = []byte(other.person) })
		refused(t, err, fault.Unknown, "passkey-refused", passkey.ReasonHandle)
	})
	t.Run("keys of two people are never named together", func(t *testing.T) {
		if _, _, err := r.driver.BeginSignIn([]factor.Passkey{r.keys[0], other.keys[0]}); err == nil {
			t.Error("taken")
		}
	})
	t.Run("a key that nobody has", func(t *testing.T) {
		options, state := r.begin(nil)
		_, err := r.driver.FinishSignIn(state, r.made(r.device.Get(options)), newRig(t).find)
		if err != errNoSuchKey { //nolint:errorlint // returned as it is
			t.Errorf("got %v, want the error of find", err)
		}
	})
	t.Run("find gets the handle only when nobody was named", func(t *testing.T) {
		for _, among := range [][]factor.Passkey{nil, r.keys} {
			options, state := r.begin(among)
			var got []byte
			_, err := r.driver.FinishSignIn(state, r.made(r.device.Get(options)), func(c, h []byte) (factor.Passkey, error) {
				got = h
				return r.find(c, h)
			})
			if want := map[bool]string{true: string(r.person)}[among == nil]; err != nil || string(got) != want {
				t.Errorf("%d named: handle %q, want %q (%v)", len(among), got, want, err)
			}
		}
	})
}

// withChallenge puts the challenge of a state into other options.
func withChallenge(t *testing.T, options json.RawMessage, state []byte) json.RawMessage {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(options, &o); err != nil {
		t.Fatal(err)
	}
	o["challenge"] = base64.RawURLEncoding.EncodeToString(state[11:43])
	out, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestStatementsAreVerified(t *testing.T) {
	r := newRig(t)
	wish := factor.PasskeyWish{Attestation: true}
	statement := func(s factortest.Statement) lie { return func(step *factortest.Step) { step.Statement = s } }
	maker := func(change func(*factortest.Certificate)) lie {
		return func(s *factortest.Step) { change(&s.Certificate) }
	}
	for _, row := range []row{
		{"A050 CAP-A3 none", statement(factortest.StatementNone), passkey.ReasonNone},
		{"A050 CAP-A3 compound", statement(factortest.StatementTwice), passkey.ReasonUntrusted},
		{"A050 CAP-A3 signed by itself", statement(factortest.StatementSelf), passkey.ReasonSelf},
		{"A050 signature of other data", func(s *factortest.Step) {
			s.Signature = func(b []byte) []byte { b[len(b)-1] ^= 1; return b }
		}, passkey.ReasonStatement},
		{"A050 certificate of another model", maker(func(c *factortest.Certificate) { c.Model = make([]byte, 16) }), passkey.ReasonStatement},
		{"A050 certificate of an authority", maker(func(c *factortest.Certificate) { c.Authority = true }), passkey.ReasonStatement},
		{"A050 certificate for something else", maker(func(c *factortest.Certificate) { c.Unit = "Web Server" }), passkey.ReasonStatement},
		{"A050 certificate of no country", maker(func(c *factortest.Certificate) { c.Country = "Q7" }), passkey.ReasonStatement},
		{"A050 certificate run out", maker(func(c *factortest.Certificate) { c.Until = start.AddDate(-1, 0, 0) }), passkey.ReasonStatement},
		{"A050 model in a critical extension", maker(func(c *factortest.Certificate) { c.Critical = true }), passkey.ReasonStatement},
		{"A050 statement for another key", func(s *factortest.Step) {
			s.Object = func(b []byte) []byte { return swapKey(b, s) }
		}, passkey.ReasonStatement},
	} {
		t.Run(row.name, func(t *testing.T) {
			r.t = t
			_, err := r.create(wish, row.lie)
			refused(t, err, fault.Unmet, "passkey-attestation", row.reason)
		})
	}
	t.Run("A050 a statement that does not hold, not asked for", func(t *testing.T) {
		_, err := r.create(factor.PasskeyWish{}, statement(factortest.StatementX5C), maker(func(c *factortest.Certificate) { c.Unit = "x" }))
		refused(t, err, fault.Unmet, "passkey-refused", passkey.ReasonStatement)
	})
	t.Run("A050 demanded since the ceremony began", func(t *testing.T) {
		options, state, err := r.driver.BeginRegistration(r.who(), nil, factor.PasskeyWish{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.driver.FinishRegistration(r.who(), state, r.made(r.device.Create(options)), wish)
		refused(t, err, fault.Unmet, "passkey-attestation", passkey.ReasonNone)

		options, state, err = r.driver.BeginRegistration(r.who(), nil, factor.PasskeyWish{})
		if err != nil {
			t.Fatal(err)
		}
		fake := maker(func(c *factortest.Certificate) { c.Unit = "Web Server" })
		_, err = r.driver.FinishRegistration(r.who(), state, r.made(r.device.Create(options, statement(factortest.StatementX5C), fake)), wish)
		refused(t, err, fault.Unmet, "passkey-attestation", passkey.ReasonStatement)
	})
	t.Run("A050 no more demanded since the ceremony began", func(t *testing.T) {
		options, state, err := r.driver.BeginRegistration(r.who(), nil, wish)
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.driver.FinishRegistration(r.who(), state, r.made(r.device.Create(options, statement(factortest.StatementNone))), factor.PasskeyWish{})
		refused(t, err, fault.Unmet, "passkey-attestation", passkey.ReasonNone)
	})
	for _, form := range []factortest.Statement{factortest.StatementX5C, factortest.StatementU2F} {
		t.Run("CAP-A3 "+string(form)+" passes", func(t *testing.T) {
			key, err := r.create(wish, statement(form))
			if err != nil || !key.Attested {
				t.Fatalf("attested %v: %v", key.Attested, err)
			}
			if want := map[bool]string{true: r.device.Model()}[form == factortest.StatementX5C]; key.AAGUID != want {
				t.Errorf("model %q, want %q", key.AAGUID, want)
			}
		})
	}
}

// swapKey puts another id into the signed authenticator data, of equal length.
func swapKey(object []byte, s *factortest.Step) []byte {
	other := slices.Clone(s.ID)
	other[0] ^= 1
	out := strings.Replace(string(object), string(s.ID), string(other), 1)
	s.Answer = func(a, _ map[string]any) {
		a["id"] = base64.RawURLEncoding.EncodeToString(other)
		a["rawId"] = a["id"]
	}
	return []byte(out)
}

func TestModelsAreListed(t *testing.T) {
	const other = "ee882879-721c-4913-9775-3dfcce97072a"
	mine := factortest.New(site).Model()
	for _, row := range []struct {
		name   string
		wish   factor.PasskeyWish
		reason string
	}{
		{"A050 CAP-A3 denied", factor.PasskeyWish{Attestation: true, Deny: []string{other, mine}}, passkey.ReasonDenied},
		{"A050 CAP-A3 denied in upper case", factor.PasskeyWish{Attestation: true, Deny: []string{strings.ToUpper(mine)}}, passkey.ReasonDenied},
		{"A050 CAP-A3 denied although allowed", factor.PasskeyWish{Attestation: true, Allow: []string{mine}, Deny: []string{mine}}, passkey.ReasonDenied},
		{"A050 CAP-A3 not on the list", factor.PasskeyWish{Attestation: true, Allow: []string{other}}, passkey.ReasonUnlisted},
		{"A050 CAP-A3 denied without attestation", factor.PasskeyWish{Deny: []string{mine}}, passkey.ReasonDenied},
		{"CAP-A3 allowed", factor.PasskeyWish{Attestation: true, Allow: []string{other, mine}}, ""},
		{"CAP-A3 not denied", factor.PasskeyWish{Attestation: true, Deny: []string{other}}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			key, err := newRig(t).create(row.wish)
			if row.reason != "" {
				refused(t, err, fault.Unmet, "passkey-model-not-allowed", row.reason)
				if key.Credential != nil || fault.As(err).Args["model"] != mine {
					t.Errorf("key %v, model %v", key, fault.As(err).Args["model"])
				}
			} else if err != nil {
				t.Fatal(err)
			}
		})
	}
	t.Run("A050 a key that names no model is on no list", func(t *testing.T) {
		r := newRig(t)
		r.device.AAGUID = [16]byte{}
		_, err := r.create(factor.PasskeyWish{Attestation: true, Allow: []string{"", "00000000-0000-0000-0000-000000000000"}})
		refused(t, err, fault.Unmet, "passkey-model-not-allowed", passkey.ReasonUnlisted)
	})
}

func TestWhatComesBack(t *testing.T) {
	for _, algorithm := range []int64{factortest.ES256, factortest.EdDSA, factortest.RS256} {
		for _, synced := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d synced %v", algorithm, synced), func(t *testing.T) {
				r := newRig(t)
				r.device.Algorithm, r.device.Synced, r.device.Counts = algorithm, synced, !synced
				got := r.mustCreate()
				want := factor.Passkey{
					Person: r.person, Credential: r.device.Keys[0].ID, PublicKey: got.PublicKey, Algorithm: algorithm, AAGUID: r.device.Model(),
					Transports: []string{"usb", "hybrid"}, Format: "none", Eligible: synced, BackedUp: synced, Verified: true,
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("new key (-want +got):\n%s", diff)
				}
				for i := range 2 {
					got, err := r.get(map[bool][]factor.Passkey{true: r.keys}[i == 1])
					if err != nil {
						t.Fatal(err)
					}
					want.Counter = r.device.Keys[0].Counter
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("sign-in %d (-want +got):\n%s", i, diff)
					}
				}
			})
		}
	}
	t.Run("backup state follows the authenticator", func(t *testing.T) {
		r := newRig(t)
		r.device.Synced = true
		r.mustCreate()
		key, err := r.get(nil, func(s *factortest.Step) { s.Flags &^= factortest.FlagBackedUp })
		if err != nil || key.BackedUp || !key.Eligible {
			t.Errorf("%+v: %v", key, err)
		}
	})
	t.Run("a credential id of 1,023 bytes", func(t *testing.T) {
		r := newRig(t)
		long := func(s *factortest.Step) { s.ID = slices.Repeat([]byte{7}, 1023); s.Key.ID = s.ID }
		if _, err := r.create(factor.PasskeyWish{}, long); err != nil {
			t.Fatal(err)
		}
		for _, among := range [][]factor.Passkey{nil, r.keys} {
			if _, err := r.get(among); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("members and extensions that are new to us", func(t *testing.T) {
		r := newRig(t)
		odd := func(s *factortest.Step) {
			s.More["new_keys_may_be_added_here"] = "x"
			s.Answer = func(a, response map[string]any) {
				a["future"], response["future"] = true, []int{1}
				a["clientExtensionResults"] = map[string]any{"credProps": map[string]any{"rk": true}, "prf": map[string]any{}, "new": 1}
			}
		}
		if _, err := r.create(factor.PasskeyWish{}, odd); err != nil {
			t.Fatal(err)
		}
		if _, err := r.get(nil, odd); err != nil {
			t.Fatal(err)
		}
	})
}

func TestOptions(t *testing.T) {
	r := newRig(t)
	key := r.mustCreate()
	options, state, err := r.driver.BeginRegistration(r.who(), r.keys, factor.PasskeyWish{Attestation: true})
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	named := []any{map[string]any{"type": "public-key", "id": b64(key.Credential), "transports": []any{"usb", "hybrid"}}}
	challenge := b64(state[11:43])
	sameJSON(t, options, map[string]any{
		"rp":        map[string]any{"id": "sekisho.example.jp", "name": "Works of Sekisho"},
		"user":      map[string]any{"id": b64([]byte(r.person)), "name": "hanako@example.jp", "displayName": "山田 花子"},
		"challenge": challenge, "timeout": 300_000.0, "attestation": "direct", "excludeCredentials": named,
		"pubKeyCredParams": []any{
			map[string]any{"type": "public-key", "alg": -7.0}, map[string]any{"type": "public-key", "alg": -8.0}, map[string]any{"type": "public-key", "alg": -257.0},
		},
		"authenticatorSelection": map[string]any{"requireResidentKey": true, "residentKey": "required", "userVerification": "required"},
		"extensions":             map[string]any{"credProps": true},
	})
	options, state = r.begin(r.keys)
	sameJSON(t, options, map[string]any{
		"challenge": b64(state[11:43]), "timeout": 300_000.0, "rpId": "sekisho.example.jp", "allowCredentials": named, "userVerification": "required",
	})
	again, _ := r.begin(r.keys)
	if string(again) == string(options) {
		t.Error("two ceremonies have one challenge")
	}
	t.Run("a key that is there is not made twice", func(t *testing.T) {
		options, _, err := r.driver.BeginRegistration(r.who(), r.keys, factor.PasskeyWish{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.device.Create(options); err != factortest.ErrExcluded { //nolint:errorlint // returned as it is
			t.Errorf("got %v", err)
		}
	})
	t.Run("a handle that no authenticator takes", func(t *testing.T) {
		for _, n := range []int{0, 65} {
			if _, _, err := r.driver.BeginRegistration(factor.PasskeyOwner{Handle: make([]byte, n)}, nil, factor.PasskeyWish{}); err == nil {
				t.Errorf("%d bytes taken", n)
			}
		}
	})
}

func sameJSON(t *testing.T, got json.RawMessage, want map[string]any) {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal(got, &members); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, members); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhereThereArePasskeys(t *testing.T) {
	for _, base := range []string{
		"https://192.0.2.1", "https://[2001:db8::1]:8443", "http://127.0.0.1:8080", "http://[::1]", "https://127.1",
		"http://sekisho.example.jp", "ftp://localhost", "https://", "https://sekisho_.example..jp", "://", "", "https://関所.example.jp",
	} {
		t.Run("off "+base, func(t *testing.T) {
			_, err := passkey.New(passkey.Config{BaseURL: base, Name: "x", Clock: clock.NewMoved(start)})
			if f := fault.As(err); f == nil || f.Code != "passkeys-off" || f.Kind != fault.Unmet || f.Args["host"] == nil {
				t.Errorf("got %v", err)
			}
		})
	}
	for base, origin := range map[string]string{
		"https://Sekisho.Example.jp": site, "https://sekisho.example.jp:443/": site, "https://sekisho.example.jp:8443": site + ":8443",
		"http://localhost:8080": "http://localhost:8080", "http://localhost:80": "http://localhost", "http://a.localhost:1": "http://a.localhost:1",
	} {
		t.Run("on "+base, func(t *testing.T) {
			driver, err := passkey.New(passkey.Config{BaseURL: base, Name: "x", Clock: clock.NewMoved(start)})
			if err != nil {
				t.Fatal(err)
			}
			r := newRig(t)
			r.driver, r.device = driver, factortest.New(origin)
			r.mustCreate()
			if _, err := r.get(nil); err != nil {
				t.Error(err)
			}
		})
	}
}

func BenchmarkFinishSignIn(b *testing.B) {
	for _, algorithm := range []int64{factortest.ES256, factortest.EdDSA, factortest.RS256} {
		b.Run(fmt.Sprint(algorithm), func(b *testing.B) {
			r := newRig(b)
			r.device.Algorithm = algorithm
			r.mustCreate()
			options, state := r.begin(nil)
			given := r.made(r.device.Get(options))
			for b.Loop() {
				if _, err := r.driver.FinishSignIn(state, given, r.find); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
