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

	"github.com/sekisho/sekisho/internal/demand"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/factor/factortest"
	"github.com/sekisho/sekisho/internal/factor/totp"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/signin"
	"github.com/sekisho/sekisho/internal/token"
)

// settled gives Chika everything that one can sign in with, under long names,
// and two sessions; Aoi has nothing. It returns the pages on which that is kept.
func settled(t *testing.T, home *housetest.Home) []place {
	t.Helper()
	k, ctx := home.People(t), t.Context()
	var keys []factor.Passkey
	for i, name := range []string{longName, "会社のノートPC"} {
		device := factortest.New(home.URL())
		device.Synced = i == 1
		if i == 1 {
			device.AAGUID = [16]byte{0xea, 0x9b, 0x8d, 0x66, 0x4d, 0x01, 0x1d, 0x21, 0x3c, 0xe4, 0xb6, 0xb4, 0x8c, 0xb5, 0x75, 0xd4}
		}
		options, ticket, err := home.Factors().BeginPasskey(ctx, k.Chika)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := device.Create(options)
		if err != nil {
			t.Fatal(err)
		}
		key, err := home.Factors().AddPasskey(ctx, k.Chika, ticket, answer, name)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	offer, err := home.Factors().OfferTOTP(ctx, k.Chika)
	if err != nil {
		t.Fatal(err)
	}
	code, err := totp.Code(offer.Secret, totp.StepAt(time.Now()))
	if err == nil {
		err = home.Factors().AddTOTP(ctx, k.Chika, offer.Ticket, code.Reveal())
	}
	if err == nil {
		_, err = home.Factors().MakeRecovery(ctx, k.Chika)
	}
	if err == nil {
		err = home.Factors().SetPassword(ctx, id.Local(0), k.Chika, secret.Of(lanterns), false)
	}
	if err != nil {
		t.Fatal(err)
	}
	home.AsBy(t, k.Chika, k.Org, factor.ByPassword, factor.ByTOTP)
	var kept token.Token
	for _, name := range []string{longName, "夜間バックアップ"} {
		kept, _, err = home.Tokens().Make(ctx, k.Chika, "", token.Wanted{Name: name, Org: k.Org, Scopes: []string{demand.Manage, "people.read", "audit.read"}, Days: 30})
		if err != nil {
			t.Fatal(err)
		}
	}
	key := factor.PasskeysPath + "/" + keys[0].ID
	return []place{
		{"security", factor.SecurityPath, true, 200},
		{"password", factor.PasswordPath, true, 200},
		{"passkeys", factor.PasskeysPath, true, 200},
		{"passkey-new", factor.PasskeysPath + "/new", true, 200},
		{"passkey", key, true, 200},
		{"passkey-remove", key + "/remove", true, 200},
		{"totp", factor.TOTPPath, true, 200},
		{"totp-remove", factor.TOTPPath + "/remove", true, 200},
		{"recovery", factor.RecoveryPath, true, 200},
		{"recovery-new", factor.RecoveryPath + "/new", true, 200},
		{"sessions", signin.SessionsPath, true, 200},
		{"open-sessions", signin.OpenPath, true, 200},
		{"end-sessions", signin.OpenPath + "/end", true, 200},
		{"issued-tokens", token.IssuedPath, true, 200},
		{"tokens", token.Path, true, 200},
		{"token-new", token.Path + "/new", true, 200},
		{"token-revoke", token.Path + "/" + kept.ID, true, 200},
	}
}

// bare are the pages of somebody who has nothing yet.
var bare = []place{
	{"security-bare", factor.SecurityPath, true, 200},
	{"passkeys-bare", factor.PasskeysPath, true, 200},
	{"totp-bare", factor.TOTPPath, true, 200},
	{"totp-new", factor.TOTPPath + "/new", true, 200},
	{"recovery-bare", factor.RecoveryPath, true, 200},
	{"tokens-bare", token.Path, true, 200},
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
		chika.visit(factor.RecoveryPath + "/new")
		chika.press(form + " button")
	})
	aoi := open(t, home).asAoi()
	aoi.album("totp-refused", func() {
		aoi.visit(factor.TOTPPath + "/new")
		aoi.do(typed("code", "12345"))
		aoi.press(form + " button")
	})
	other := open(t, home).asChika()
	other.album("token-refused", func() {
		other.visit(token.Path + "/new")
		other.do(typed("name", "x"))
		other.press(form + " button")
	})
	weak := open(t, home).asAoi()
	weak.album("password-refused", func() {
		weak.visit(factor.PasswordPath)
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
	b.visit(factor.PasskeysPath + "/new")
	b.press(`form[data-passkey="create"] button`)
	if !b.lands("The passkey is added.") {
		t.Fatalf("no passkey was added: %s", b.text("main"))
	}
	v := home.As(t, k.Aoi, k.Org)
	var list struct{ Items []factor.PasskeyBody }
	if err := json.Unmarshal([]byte(v.Call(http.MethodGet, "/api/v1/me/passkeys", nil).Body), &list); err != nil || len(list.Items) != 1 || list.Items[0].Name != "test" {
		t.Fatalf("%v %v", list, err)
	}
	if got := v.Post(factor.PasskeysPath+"/"+list.Items[0].ID+"/remove", url.Values{}); got.Status != http.StatusUnprocessableEntity {
		t.Errorf("the only factor was removed: %d", got.Status)
	}
}

// lands waits for a text over the change of pages that a ceremony ends with.
func (b *tab) lands(text string) bool {
	ctx, stop := b.step()
	defer stop()
	for range 500 {
		seen, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`document.readyState === "complete" ? document.body.innerText : ""`))
		if strings.Contains(seen, text) {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}
