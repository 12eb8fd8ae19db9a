package passkey_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/factor/passkey"
	"github.com/sekisho/sekisho/internal/fault"
)

type text string // hexadecimal

func (x text) bytes() []byte   { b, _ := hex.DecodeString(string(x)); return b }
func (x text) encoded() string { return base64.RawURLEncoding.EncodeToString(x.bytes()) }

type vector struct {
	Name                                  string
	Challenge, Object, Client, Credential text
	Get                                   struct{ Challenge, Client, Data, Signature text }
}

// verdicts on the vectors of the standard (WebAuthn §16): "" passes. Most of
// them verify nobody, or come from a frame; here both are demanded otherwise.
var verdicts = map[string]struct {
	create, get string
	attested    bool
}{
	"NoneES256":                 {create: passkey.ReasonUnverified},
	"PackedSelfES256":           {get: passkey.ReasonUnverified},
	"NoneES256CrossOrigin":      {create: passkey.ReasonCrossOrigin},
	"NoneES256TopOrigin":        {create: passkey.ReasonCrossOrigin},
	"NoneES256LongCredentialID": {create: passkey.ReasonUnverified},
	"PackedES256":               {attested: true},
	"PackedES384":               {create: passkey.ReasonUnverified},
	"PackedRS256":               {attested: true, get: passkey.ReasonUnverified},
	"PackedEdDSA":               {create: passkey.ReasonUnverified},
	"TPMES256":                  {create: passkey.ReasonStatement}, // of a maker that is no maker of TPMs
	"AndroidKeyES256":           {create: passkey.ReasonStatement}, // of a root that is not Google's
	"AppleAnonymousES256":       {create: passkey.ReasonUnverified},
	"FIDOU2FES256":              {create: passkey.ReasonUnverified},
}

func TestVectorsOfTheStandard(t *testing.T) {
	raw, err := os.ReadFile("testdata/w3c.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) != len(verdicts) {
		t.Fatalf("%d vectors, %d verdicts", len(file.Vectors), len(verdicts))
	}
	driver, err := passkey.New(passkey.Config{BaseURL: "https://example.org", Name: "x", Clock: clock.NewMoved(start)})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Vectors {
		t.Run("A049 "+v.Name, func(t *testing.T) {
			r := newRig(t)
			r.driver = driver
			v.judge(t, r)
		})
	}
}

func (v vector) judge(t *testing.T, r *rig) {
	want := verdicts[v.Name]
	wish := factor.PasskeyWish{Attestation: want.attested}
	_, state, err := r.driver.BeginRegistration(r.who(), nil, wish)
	if err != nil {
		t.Fatal(err)
	}
	key, err := r.driver.FinishRegistration(r.who(), v.at(state, v.Challenge), v.answer(map[string]any{
		"clientDataJSON": v.Client.encoded(), "attestationObject": v.Object.encoded(),
	}), wish)
	if want.create != "" {
		refused(t, err, fault.Unmet, "passkey-refused", want.create)
		return
	}
	if err != nil || key.Attested != want.attested || !bytes.Equal(key.Credential, v.Credential.bytes()) {
		t.Fatalf("create: %+v: %v", key, err)
	}
	key.Person = r.person
	_, state = r.begin([]factor.Passkey{key})
	key, err = r.driver.FinishSignIn(v.at(state, v.Get.Challenge), v.answer(map[string]any{
		"clientDataJSON": v.Get.Client.encoded(), "authenticatorData": v.Get.Data.encoded(), "signature": v.Get.Signature.encoded(),
	}), func(_, _ []byte) (factor.Passkey, error) { return key, nil })
	if want.get != "" {
		refused(t, err, fault.Unknown, "passkey-refused", want.get)
	} else if err != nil || !key.Verified {
		t.Errorf("get: %+v: %v", key, err)
	}
}

// at puts the challenge of the vector into a state.
func (v vector) at(state []byte, challenge text) []byte {
	copy(state[11:43], challenge.bytes())
	return state
}

func (v vector) answer(response map[string]any) json.RawMessage {
	out, _ := json.Marshal(map[string]any{
		"id": v.Credential.encoded(), "rawId": v.Credential.encoded(), "type": "public-key",
		"clientExtensionResults": map[string]any{}, "response": response,
	})
	return out
}
