package webpush_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/wire/webpush"
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func TestKeysThatAreRefused(t *testing.T) {
	receiver, err := webpush.NewReceiver()
	if err != nil {
		t.Fatal(err)
	}
	point := base64.RawURLEncoding.EncodeToString(receiver.Keys().P256DH)
	auth := base64.RawURLEncoding.EncodeToString(receiver.Auth)
	off := bytes.Clone(receiver.Keys().P256DH)
	off[64] ^= 1
	for name, keys := range map[string][2]string{
		"nothing":             {"", ""},
		"not base64":          {"*" + point[1:], auth},
		"not on the curve":    {base64.RawURLEncoding.EncodeToString(off), auth},
		"infinity":            {"AA", auth},
		"a compressed point":  {base64.RawURLEncoding.EncodeToString(append([]byte{2}, receiver.Keys().P256DH[1:33]...)), auth},
		"a short auth secret": {point, auth[:8]},
		"a long text":         {strings.Repeat("A", 1<<20), auth},
	} {
		if _, err := webpush.ParseKeys(keys[0], keys[1]); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := webpush.ParseKeys(point, auth); err != nil {
		t.Error(err)
	}
}

func TestOnlyTheReceiverReads(t *testing.T) {
	receiver, _ := webpush.NewReceiver()
	other, _ := webpush.NewReceiver()
	if _, err := webpush.Encrypt(receiver.Keys(), make([]byte, webpush.Most+1)); !errors.Is(err, webpush.ErrTooLong) {
		t.Errorf("a long message: %v", err)
	}
	for _, size := range []int{0, 1, webpush.Most} {
		message := bytes.Repeat([]byte("x"), size)
		body, err := webpush.Encrypt(receiver.Keys(), message)
		if err != nil || len(body) > 4096 {
			t.Fatalf("%d octets: body of %d, %v", size, len(body), err)
		}
		if text, err := receiver.Decrypt(body); err != nil || !bytes.Equal(text, message) {
			t.Errorf("%d octets: %v", size, err)
		}
		if _, err := other.Decrypt(body); !errors.Is(err, webpush.ErrUnreadable) {
			t.Errorf("another receiver: %v", err)
		}
		for i := range body {
			changed := bytes.Clone(body)
			changed[i] ^= 0x40
			if i >= 16 && i < 20 {
				continue // a larger record size says nothing false
			}
			if _, err := receiver.Decrypt(changed); err == nil {
				t.Fatalf("%d octets: octet %d changed, and read", size, i)
			}
			if size > 1 {
				break
			}
		}
		if _, err := receiver.Decrypt(body[:len(body)-1]); err == nil {
			t.Error("a body that was cut is read")
		}
	}
	one, _ := webpush.Encrypt(receiver.Keys(), []byte("same"))
	two, _ := webpush.Encrypt(receiver.Keys(), []byte("same"))
	if bytes.Equal(one[:86], two[:86]) {
		t.Error("salt and key were used twice")
	}
}

const endpoint = "https://push.example/wpush/v2/abc"

func TestWhoSends(t *testing.T) {
	sender, err := webpush.NewSender()
	if err != nil {
		t.Fatal(err)
	}
	header, err := sender.Authorization(endpoint, "mailto:ops@kaede.example", now)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := webpush.NewSender()
	swapped := strings.Replace(header, sender.Public(), other.Public(), 1)
	nobody, _ := sender.Authorization(endpoint, "", now)
	for name, c := range map[string]struct {
		header, public, endpoint string
		at                       time.Time
	}{
		"no scheme":               {strings.TrimPrefix(header, "vapid "), sender.Public(), endpoint, now},
		"another key":             {header, other.Public(), endpoint, now},
		"a key that did not sign": {swapped, other.Public(), endpoint, now},
		"another service":         {header, sender.Public(), "https://other.example/x", now},
		"another port":            {header, sender.Public(), "https://push.example:8443/x", now},
		"expired":                 {header, sender.Public(), endpoint, now.Add(webpush.TokenLife)},
		"more than a day":         {header, sender.Public(), endpoint, now.Add(-13 * time.Hour)},
		"nobody to ask":           {nobody, sender.Public(), endpoint, now},
		"cut":                     {header[:40], sender.Public(), endpoint, now},
	} {
		if err := webpush.Verify(c.header, c.public, c.endpoint, c.at); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if err := webpush.Verify(header, sender.Public(), endpoint, now); err != nil {
		t.Error(err)
	}
	if _, err := sender.Authorization("file:///etc/passwd", "mailto:x@y.example", now); err == nil {
		t.Error("an endpoint that is a file")
	}
	private, err := sender.Bytes()
	if err != nil || len(private) != 32 {
		t.Fatalf("private key of %d octets, %v", len(private), err)
	}
	again, err := webpush.ParseSender(private)
	if err != nil || again.Public() != sender.Public() {
		t.Errorf("read again: %v", err)
	}
	if _, err := webpush.ParseSender(private[1:]); err == nil {
		t.Error("a short key is taken")
	}
}

// The token is written by hand, so its form is held to RFC 7515 by another
// reading of it.
func TestTokenIsAJWT(t *testing.T) {
	sender, _ := webpush.NewSender()
	header, _ := sender.Authorization(endpoint, "https://kaede.example/contact", now)
	text := strings.TrimPrefix(header[:strings.Index(header, ",")], "vapid t=")
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	var head, claims map[string]any
	for i, into := range []*map[string]any{&head, &claims} {
		plain, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(plain, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if head["alg"] != "ES256" || claims["aud"] != "https://push.example" || claims["sub"] != "https://kaede.example/contact" {
		t.Errorf("%v %v", head, claims)
	}
	if exp, _ := claims["exp"].(float64); int64(exp) != now.Add(webpush.TokenLife).Unix() {
		t.Errorf("exp %v", claims["exp"])
	}
}

func FuzzDecrypt(f *testing.F) {
	receiver, err := webpush.NewReceiver()
	if err != nil {
		f.Fatal(err)
	}
	body, _ := webpush.Encrypt(receiver.Keys(), []byte("seed"))
	f.Add(body)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		if text, err := receiver.Decrypt(body); err == nil && len(text) > webpush.Most {
			t.Errorf("%d octets out of one record", len(text))
		}
	})
}

func FuzzVerify(f *testing.F) {
	sender, err := webpush.NewSender()
	if err != nil {
		f.Fatal(err)
	}
	header, _ := sender.Authorization(endpoint, "mailto:ops@kaede.example", now)
	f.Add(header)
	f.Add("vapid t=, k=")
	f.Fuzz(func(t *testing.T, text string) {
		if text != header && webpush.Verify(text, sender.Public(), endpoint, now) == nil && !strings.Contains(text, sender.Public()) {
			t.Errorf("taken: %q", text)
		}
	})
}

// An origin has no port that is its scheme's own (RFC 6454 section 6.2): push
// services compare it as text.
func TestAudienceIsAnOrigin(t *testing.T) {
	sender, err := webpush.NewSender()
	if err != nil {
		t.Fatal(err)
	}
	for endpoint, want := range map[string]string{
		"https://Push.example:443/x": "https://push.example", "https://push.example/x": "https://push.example",
		"https://push.example:8443/x": "https://push.example:8443", "http://localhost:80/x": "http://localhost", "http://localhost:443/x": "http://localhost:443",
	} {
		header, err := sender.Authorization(endpoint, "mailto:ops@kaede.example", now)
		if err != nil {
			t.Fatal(err)
		}
		text, err := base64.RawURLEncoding.DecodeString(strings.Split(header, ".")[1])
		var claims struct{ Aud string }
		if err = errors.Join(err, json.Unmarshal(text, &claims)); err != nil || claims.Aud != want {
			t.Errorf("%s: aud %q, %v", endpoint, claims.Aud, err)
		}
	}
}
