package browser_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/signin"
	"github.com/sekisho/sekisho/internal/signin/signintest"
	"github.com/sekisho/sekisho/internal/signin/totp"
)

// settled gives Chika everything that one can sign in with, under long names,
// and two sessions; Aoi has nothing. It returns the pages on which that is kept.
func settled(t *testing.T, home *housetest.Home) []place {
	t.Helper()
	k, ctx, room := home.People(t), t.Context(), home.SignIn()
	var keys []signin.Passkey
	for i, name := range []string{longName, "会社のノートPC"} {
		device := signintest.New(home.URL())
		device.Synced = i == 1
		if i == 1 {
			device.AAGUID = [16]byte{0xea, 0x9b, 0x8d, 0x66, 0x4d, 0x01, 0x1d, 0x21, 0x3c, 0xe4, 0xb6, 0xb4, 0x8c, 0xb5, 0x75, 0xd4}
		}
		options, ticket, err := room.BeginPasskey(ctx, k.Chika)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := device.Create(options)
		if err != nil {
			t.Fatal(err)
		}
		key, err := room.AddPasskey(ctx, k.Chika, ticket, answer, name)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	offer, err := room.OfferTOTP(ctx, k.Chika)
	if err != nil {
		t.Fatal(err)
	}
	code, err := totp.Code(offer.Secret, totp.StepAt(time.Now()))
	if err == nil {
		err = room.AddTOTP(ctx, k.Chika, offer.Ticket, code.Reveal())
	}
	if err == nil {
		_, err = room.MakeRecovery(ctx, k.Chika)
	}
	if err == nil {
		err = room.SetPassword(ctx, id.Local(0), k.Chika, secret.Of(lanterns), false)
	}
	if err != nil {
		t.Fatal(err)
	}
	home.AsBy(t, k.Chika, k.Org, signin.ByPassword, signin.ByTOTP)
	var token signin.Token
	for _, name := range []string{longName, "夜間バックアップ"} {
		token, _, err = room.MakeToken(ctx, k.Chika, "", signin.NewToken{Name: name, Org: k.Org, Scopes: []string{signin.Policy, "people.read", "audit.read"}, Days: 30})
		if err != nil {
			t.Fatal(err)
		}
	}
	key := signin.PasskeysPath + "/" + keys[0].ID
	return []place{
		{"security", signin.SecurityPath, true, 200},
		{"password", signin.PasswordPath, true, 200},
		{"passkeys", signin.PasskeysPath, true, 200},
		{"passkey-new", signin.PasskeysPath + "/new", true, 200},
		{"passkey", key, true, 200},
		{"passkey-remove", key + "/remove", true, 200},
		{"totp", signin.TOTPPath, true, 200},
		{"totp-remove", signin.TOTPPath + "/remove", true, 200},
		{"recovery", signin.RecoveryPath, true, 200},
		{"recovery-new", signin.RecoveryPath + "/new", true, 200},
		{"sessions", signin.SessionsPath, true, 200},
		{"tokens", signin.TokensPath, true, 200},
		{"token-new", signin.TokensPath + "/new", true, 200},
		{"token-revoke", signin.TokensPath + "/" + token.ID, true, 200},
	}
}

// bare are the pages of somebody who has nothing yet.
var bare = []place{
	{"security-bare", signin.SecurityPath, true, 200},
	{"passkeys-bare", signin.PasskeysPath, true, 200},
	{"totp-bare", signin.TOTPPath, true, 200},
	{"totp-new", signin.TOTPPath + "/new", true, 200},
	{"recovery-bare", signin.RecoveryPath, true, 200},
	{"tokens-bare", signin.TokensPath, true, 200},
}

// asAoi gives the window a session of Aoi.
func (b *tab) asAoi() *tab {
	b.t.Helper()
	k := b.home.People(b.t)
	for _, c := range b.home.As(b.t, k.Aoi, k.Org).Cookies() {
		b.cookie(c.Name, c.Value)
	}
	return b
}

func TestEveryPageOfSettings(t *testing.T) {
	home := housetest.House(t)
	pages := settled(t, home)
	for _, p := range pages {
		open(t, home).asChika().law(p)
	}
	for _, p := range bare {
		open(t, home).asAoi().law(p)
	}
}

func TestPicturesOfSettings(t *testing.T) {
	if *pictures == "" {
		t.Skip("run with -pictures FOLDER")
	}
	home := housetest.House(t)
	pages := settled(t, home)
	for _, p := range pages {
		chika := open(t, home).asChika()
		chika.album(p.name, func() { chika.visit(p.path) })
	}
	for _, p := range bare {
		aoi := open(t, home).asAoi()
		aoi.album(p.name, func() { aoi.visit(p.path) })
	}
	form := `main form[method="post"]`
	chika := open(t, home).asChika()
	chika.album("recovery-codes", func() {
		chika.visit(signin.RecoveryPath + "/new")
		chika.press(form + " button")
	})
	aoi := open(t, home).asAoi()
	aoi.album("totp-refused", func() {
		aoi.visit(signin.TOTPPath + "/new")
		aoi.do(typed("code", "12345"))
		aoi.press(form + " button")
	})
	other := open(t, home).asChika()
	other.album("token-refused", func() {
		other.visit(signin.TokensPath + "/new")
		other.do(typed("name", "x"))
		other.press(form + " button")
	})
	weak := open(t, home).asAoi()
	weak.album("password-refused", func() {
		weak.visit(signin.PasswordPath)
		weak.do(typed("new", "takahashi"))
		weak.press(form + " button")
	})
}

// A person adds a passkey in a real browser and removes it again, without
// anything but the pages.
func TestAPasskeyOfOnesOwn(t *testing.T) {
	home := housetest.House(t)
	k := home.People(t)
	b := open(t, home).asAoi()
	command(b, webauthn.Enable, webauthn.EnableParams{})
	command(b, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	b.visit(signin.PasskeysPath + "/new")
	b.press(`form[data-passkey="create"] button`)
	if !b.lands("The passkey is added.") {
		t.Fatalf("no passkey was added: %s", b.text("main"))
	}
	v := home.As(t, k.Aoi, k.Org)
	var list struct{ Items []signin.PasskeyBody }
	if err := json.Unmarshal([]byte(v.Call(http.MethodGet, "/api/v1/me/passkeys", nil).Body), &list); err != nil || len(list.Items) != 1 || list.Items[0].Name != "test" {
		t.Fatalf("%v %v", list, err)
	}
	if got := v.Post(signin.PasskeysPath+"/"+list.Items[0].ID+"/remove", url.Values{}); got.Status != http.StatusUnprocessableEntity {
		t.Errorf("the only factor was removed: %d", got.Status)
	}
}

// lands waits for a text over the change of pages that a ceremony ends with.
func (b *tab) lands(text string) bool {
	for range 500 {
		seen, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.readyState === "complete" ? document.body.innerText : ""`))
		if strings.Contains(seen, text) {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}
