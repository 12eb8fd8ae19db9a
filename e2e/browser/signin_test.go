package browser_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/sekisho/sekisho/internal/factor/totp"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
)

const lanterns = "seven lanterns over the river"

// halfway is a tab in which somebody has given a right password and is asked
// for more, or who has none to give and is signed in.
func halfway(t *testing.T, home *housetest.Home, login string) *tab {
	t.Helper()
	v := home.Nobody(t)
	if got := v.Post("/signin/password", url.Values{"login": {login}, "password": {lanterns}}); got.Status != http.StatusSeeOther {
		t.Fatalf("%s: %d %s", login, got.Status, got.Body)
	}
	b := open(t, home)
	for _, c := range v.Cookies() {
		b.cookie(c.Name, c.Value)
	}
	return b
}

// waiting is a house in which aoi has an app, recovery codes and no passkey,
// botan must change the password, and chika has a password alone.
func waiting(t *testing.T) *housetest.Home {
	t.Helper()
	home := housetest.House(t, housetest.WithMail())
	k, ctx := home.People(t), context.Background()
	for who, must := range map[id.Person]bool{k.Aoi: false, k.Botan: true, k.Chika: false} {
		if err := home.Factors().SetPassword(ctx, id.Local(0), who, secret.Of(lanterns), must); err != nil {
			t.Fatal(err)
		}
	}
	offer, err := home.Factors().OfferTOTP(ctx, k.Aoi)
	if err != nil {
		t.Fatal(err)
	}
	code, err := totp.Code(offer.Secret, totp.StepAt(time.Now()))
	if err == nil {
		err = home.Factors().AddTOTP(ctx, k.Aoi, offer.Ticket, code.Reveal())
	}
	if err == nil {
		_, err = home.Factors().MakeRecovery(ctx, k.Aoi)
	}
	if err != nil {
		t.Fatal(err)
	}
	return home
}

func TestEveryPageOfSigningIn(t *testing.T) {
	home := waiting(t)
	nobody := open(t, home)
	nobody.law(place{"sign-in", "/signin", false, 200})
	nobody.law(place{"not-signed-in", "/admin", false, 401})
	halfway(t, home, "aoi").law(place{"second", "/signin/second", false, 200})
	halfway(t, home, "botan").law(place{"new-password", "/signin/new-password", false, 200})
	halfway(t, home, "chika").law(place{"again", "/signin/again?back=/admin", true, 200})
}

func TestPicturesOfSigningIn(t *testing.T) {
	if *pictures == "" {
		t.Skip("run with -pictures FOLDER")
	}
	home := waiting(t)
	nobody := open(t, home)
	nobody.album("sign-in", func() { nobody.visit("/signin") })
	nobody.album("sign-in-401", func() { nobody.visit("/admin") })
	ask := func() {
		nobody.visit("/signin?back=/admin")
		nobody.do(typed("login", "aoi@kaede.example"))
		nobody.press(`form[action="/signin"] button`)
	}
	nobody.album("sign-in-password", ask)
	nobody.album("sign-in-refused", func() {
		ask()
		nobody.do(typed("password", "x"))
		nobody.press(`form[action="/signin/password"] button`)
	})
	nobody.album("sign-in-code", func() {
		ask()
		nobody.press(`form[action="/signin/code"] button`)
	})
	second := halfway(t, home, "aoi")
	second.album("sign-in-second", func() { second.visit("/signin/second") })
	second.album("sign-in-recovery", func() {
		second.visit("/signin/second")
		second.do(chromedp.Click(".more summary"))
	})
	change := halfway(t, home, "botan")
	change.album("sign-in-new-password", func() { change.visit("/signin/new-password") })
	again := halfway(t, home, "chika")
	again.album("sign-in-again", func() { again.visit("/signin/again?back=/admin") })
}
