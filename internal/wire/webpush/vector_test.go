package webpush

import (
	"crypto/ecdh"
	"encoding/base64"
	"testing"
)

// The example of RFC 8291 §5 and appendix A.
const (
	vectorText     = "When I grow up, I want to be a watermelon"
	vectorSender   = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
	vectorReceiver = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
	vectorPoint    = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
	vectorSalt     = "DGv6ra1nlYgDCS1FRnbzlw"
	vectorAuth     = "BTBZMqHH6r4Tts7J_aSIgg"
	vectorBody     = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_" +
		"yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)

func raw(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVectorOfTheRFC(t *testing.T) {
	keys, err := ParseKeys(vectorPoint, vectorAuth+"==")
	if err != nil {
		t.Fatal(err)
	}
	sender, err := ecdh.P256().NewPrivateKey(raw(t, vectorSender))
	if err != nil {
		t.Fatal(err)
	}
	body, err := encrypt(keys, []byte(vectorText), sender, raw(t, vectorSalt))
	if err != nil {
		t.Fatal(err)
	}
	if got := base64.RawURLEncoding.EncodeToString(body); got != vectorBody {
		t.Errorf("encrypted:\n got %s\nwant %s", got, vectorBody)
	}
	private, err := ecdh.P256().NewPrivateKey(raw(t, vectorReceiver))
	if err != nil {
		t.Fatal(err)
	}
	text, err := Receiver{private, raw(t, vectorAuth)}.Decrypt(raw(t, vectorBody))
	if err != nil || string(text) != vectorText {
		t.Errorf("decrypted %q, %v", text, err)
	}
}
