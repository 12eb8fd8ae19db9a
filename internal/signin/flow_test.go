package signin_test

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/sekisho/sekisho/internal/demand"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/factor/factortest"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

const refusedSentence = "That did not sign you in"

func TestSignInByPassword(t *testing.T) {
	factortest.EachRig(t, func(r *factortest.Rig) {
		r.Password(r.K.Aoi, false)
		r.Password(r.K.Botan, false)
		r.Disable(r.K.Botan)
		for name, try := range map[string][2]string{
			"wrong password":   {"aoi", factortest.Wrong},
			"empty password":   {"aoi", ""},
			"A057 nul":         {"aoi", "\x01"},
			"unknown login":    {"nobody", factortest.Right},
			"empty login":      {"", factortest.Right},
			"disabled":         {"botan", factortest.Right},
			"no password":      {"daichi", factortest.Right},
			"password's login": {"aoi " + factortest.Right, factortest.Right},
		} {
			v := r.Visitor()
			r.Says(v.Try(try[0], try[1]), http.StatusUnprocessableEntity, refusedSentence)
			v.Nobody()
			if v.Cookie("sekisho-step") != "" || v.Cookie("sekisho-device") != "" {
				r.Errorf("%s: cookies %v", name, v.Cookies())
			}
		}
		r.Clock.Advance(time.Hour)
		v := r.Visitor()
		r.Led(v.Try("aoi", factortest.Right), "/settings")
		who := v.Who()
		if who.Person.ID != r.K.Aoi || who.Session.Org != r.K.Org || who.Session.ACR() != factor.AAL1 || who.Session.Source != "127.0.0.1" {
			r.Errorf("%+v", who.Session)
		}
		if v.Cookie("sekisho-device") == "" {
			r.Error("the browser keeps no mark")
		}
		r.Led(r.Visitor().Try("aoi@kaede.example", factortest.Right), "/settings")
		r.Led(r.Visitor().Try("ＡＯＩ", factortest.Right), "/settings")
	})
}

func TestBackStaysHere(t *testing.T) {
	r := factortest.NewRig(t)
	r.Password(r.K.Aoi, false)
	for _, back := range []string{"https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/%2fevil.example", "\t/x"} {
		v := r.Visitor()
		page := v.Get("/signin?" + url.Values{"back": {back}}.Encode())
		if strings.Contains(factortest.Told(page), "evil") {
			t.Errorf("%q stands on the page", back)
		}
		got := v.Post("/signin/password", url.Values{"login": {"aoi"}, "password": {factortest.Right}, "back": {back}})
		r.Led(got, "/")
	}
}

func TestSecondStep(t *testing.T) {
	factortest.EachRig(t, func(r *factortest.Rig) {
		r.Password(r.K.Aoi, false)
		app := r.App(r.K.Aoi)
		codes, err := r.Factors.MakeRecovery(context.Background(), r.K.Aoi)
		if err != nil {
			t.Fatal(err)
		}
		v := r.Visitor()
		r.Led(v.Try("aoi", factortest.Right), "/signin/second")
		v.Nobody()
		r.Says(v.Get("/signin/second"), http.StatusOK, "You set up a second step")
		for _, wrongCode := range []string{"000000", "12345", "abcdef", ""} {
			got := v.Second("totp", wrongCode)
			if got.Status == http.StatusSeeOther {
				r.Errorf("%q signed in", wrongCode)
			}
		}
		r.Says(v.Second("mail", "123456"), http.StatusUnprocessableEntity, "begun too long ago")
		v = r.Visitor()
		r.Led(v.Try("aoi", factortest.Right), "/signin/second")
		step := v.Cookie("sekisho-step")
		r.Led(v.Second("totp", r.CodeOf(app)), "/settings")
		if who := v.Who(); who.Session.ACR() != factor.AAL2 {
			r.Errorf("acr %s", who.Session.ACR())
		}
		r.Run("the step is used up", func(t *testing.T) {
			r, thief := r.In(t), r.Visitor()
			got := thief.Send(http.MethodPost, "/signin/second", "method=recovery&answer-text="+codes[0].Reveal(), http.Header{
				"Origin": {r.Home.URL()}, "Content-Type": {"application/x-www-form-urlencoded"}, "Cookie": {"sekisho-step=" + step},
			})
			r.Says(got, http.StatusUnprocessableEntity, "begun too long ago")
		})
		r.Run("a recovery code counts once", func(t *testing.T) {
			r, v := r.In(t), r.Visitor()
			r.Led(v.Try("aoi", factortest.Right), "/signin/second")
			r.Led(v.Second("recovery", strings.ToUpper(codes[0].Reveal())), "/settings")
			v = r.Visitor()
			r.Led(v.Try("aoi", factortest.Right), "/signin/second")
			r.Says(v.Second("recovery", codes[0].Reveal()), http.StatusUnprocessableEntity, "does not count")
		})
		r.Run("a step ends", func(t *testing.T) {
			r, v := r.In(t), r.Visitor()
			r.Led(v.Try("aoi", factortest.Right), "/signin/second")
			r.Clock.Advance(11 * time.Minute)
			r.Says(v.Second("totp", r.CodeOf(app)), http.StatusUnprocessableEntity, "begun too long ago")
			v.Nobody()
		})
	})
}

func TestSignInByPasskey(t *testing.T) {
	factortest.EachRig(t, func(r *factortest.Rig) {
		key := r.Passkey(r.K.Aoi)
		v := r.Visitor()
		r.Led(v.ByPasskey(key, "/signin/passkey/options", "/signin/passkey", nil), "/settings")
		if who := v.Who(); who.Person.ID != r.K.Aoi || who.Session.ACR() != factor.AAL2 {
			r.Errorf("%+v", who.Session)
		}
		r.Run("A049 an answer counts once", func(t *testing.T) {
			r := r.In(t)
			form := r.Visitor().Ceremony(key, "/signin/passkey/options")
			r.Led(r.Visitor().Post("/signin/passkey", form), "/settings")
			v := r.Visitor()
			r.Says(v.Post("/signin/passkey", form), http.StatusUnprocessableEntity, "passkey was not accepted")
			v.Nobody()
		})
		r.Run("A049 a ticket ends, and cannot be made", func(t *testing.T) {
			r := r.In(t)
			form := r.Visitor().Ceremony(key, "/signin/passkey/options")
			other := r.Visitor().Ceremony(key, "/signin/passkey/options")
			for name, ticket := range map[string]string{"none": "", "cut": form.Get("ticket")[:40], "other": other.Get("ticket"), "text": strings.Repeat("A", 200)} {
				tried := url.Values{"answer": form["answer"], "ticket": {ticket}}
				if got := r.Visitor().Post("/signin/passkey", tried); got.Status != http.StatusUnprocessableEntity {
					t.Errorf("%s: %d", name, got.Status)
				}
			}
			r.Clock.Advance(6 * time.Minute)
			r.Says(r.Visitor().Post("/signin/passkey", form), http.StatusUnprocessableEntity, "passkey was not accepted")
		})
		r.Run("disabled", func(t *testing.T) {
			r := r.In(t)
			r.Disable(r.K.Aoi)
			v := r.Visitor()
			r.Says(v.ByPasskey(key, "/signin/passkey/options", "/signin/passkey", nil), http.StatusUnprocessableEntity, "passkey was not accepted")
			v.Nobody()
		})
	})
}

func TestAPasskeyAsTheSecondStep(t *testing.T) {
	r := factortest.NewRig(t)
	r.Password(r.K.Aoi, false)
	r.App(r.K.Aoi)
	key, foreign := r.Passkey(r.K.Aoi), r.Passkey(r.K.Botan)
	v := r.Visitor()
	r.Led(v.Try("aoi", factortest.Right), "/signin/second")
	if _, err := foreign.Get([]byte(`{}`)); err == nil {
		t.Fatal("an authenticator answered nothing")
	}
	form := r.Visitor().Ceremony(foreign, "/signin/passkey/options") // of another purpose and person
	form.Set("method", "passkey")
	r.Says(v.Post("/signin/second", form), http.StatusUnprocessableEntity, "passkey was not accepted")
	r.Led(v.ByPasskey(key, "/signin/second/options", "/signin/second", url.Values{"method": {"passkey"}}), "/settings")
}

func TestAPasswordThatMustChange(t *testing.T) {
	factortest.EachRig(t, func(r *factortest.Rig) {
		r.Password(r.K.Aoi, true)
		v := r.Visitor()
		r.Led(v.Try("aoi", factortest.Right), "/signin/new-password")
		v.Nobody()
		r.Says(v.Get("/signin/new-password"), http.StatusOK, "Choose a new password")
		for pw, sentence := range map[string]string{factortest.Right: "the password that you have now", "short": "at least", "": "Enter a password", "password1234567": "tried first"} {
			if got := v.Post("/signin/new-password", url.Values{"password": {pw}}); got.Status != http.StatusBadRequest || !strings.Contains(got.Body, sentence) {
				r.Errorf("%q: %d %s", pw, got.Status, factortest.Told(got))
			}
		}
		r.Led(v.Second("totp", "123456"), "/signin/new-password")
		r.Led(v.Post("/signin/new-password", url.Values{"password": {"eight herons beside the mill"}}), "/settings")
		v.Who()
		r.Says(r.Visitor().Try("aoi", factortest.Right), http.StatusUnprocessableEntity, refusedSentence)
		r.Led(r.Visitor().Try("aoi", "eight herons beside the mill"), "/settings")
	})
}

func TestSeveralOrganizations(t *testing.T) {
	r := factortest.NewRig(t)
	r.Password(r.K.Chika, false) // administrator of the provider, reaches its customers
	ctx := context.Background()
	if err := r.Home.Register().PutMember(ctx, id.Local(0), member(r.K.Momiji, r.K.Chika)); err != nil {
		t.Fatal(err)
	}
	v := r.Visitor()
	r.Led(v.Try("chika", factortest.Right), "/organization?back=%2Fsettings")
	if who := v.Who(); who.Session.Org != "" {
		t.Errorf("acts in %s", who.Session.Org)
	}
	if got := v.Post("/organization", url.Values{"org": {string(r.K.Momiji)}, "back": {"/"}}); got.Status != http.StatusSeeOther {
		t.Fatal(got.Status, factortest.Told(got))
	}
	v = r.Visitor()
	r.Led(v.Try("chika", factortest.Right), "/settings")
	if who := v.Who(); who.Session.Org != r.K.Momiji {
		t.Errorf("acts in %q, not where they acted last", who.Session.Org)
	}
}

func TestAnOrganizationAsksForMore(t *testing.T) {
	r := factortest.NewRig(t)
	ctx := context.Background()
	_, err := r.Room.PutPolicy(ctx, id.Local(0), demand.SignInPolicy{Org: r.K.Org, Name: "two", Require: []factor.Method{factor.ByTOTP}})
	if err != nil {
		t.Fatal(err)
	}
	r.Password(r.K.Aoi, false)
	v := r.Visitor()
	r.Led(v.Try("aoi", factortest.Right), "/organization?back=%2Fsettings") // has nothing yet to prove more with
	if who := v.Who(); who.Session.Org != "" {
		t.Error("the organization was entered with a password alone")
	}
	app := r.App(r.K.Aoi)
	v = r.Visitor()
	r.Led(v.Try("aoi", factortest.Right), "/signin/second")
	r.Says(v.Get("/signin/second"), http.StatusOK, "Your organization asks for a second factor")
	r.Led(v.Second("totp", r.CodeOf(app)), "/settings")
	if who := v.Who(); who.Session.Org != r.K.Org {
		t.Error("the organization was not entered")
	}
}

var sixDigits = regexp.MustCompile(`\b[0-9]{6}\b`)

// askCode asks for a code and reads it from the mail.
func askCode(v factortest.Visitor, login string) string {
	v.R.Helper()
	read := mailOf(v.R, login)
	v.R.Says(v.Post("/signin/code", url.Values{"login": {login}}), http.StatusOK, "Look into your mail")
	return read()
}

// mail returns what waits for the next code that is sent to somebody.
func mailOf(r *factortest.Rig, login string) (read func() string) {
	before := len(r.Home.Mail.Messages())
	return func() string {
		r.Helper()
		for range 3000 {
			if all := r.Home.Mail.Messages(); len(all) > before && slices.Contains(all[len(all)-1].To, login+"@kaede.example") {
				return sixDigits.FindString(all[len(all)-1].Text)
			}
			time.Sleep(10 * time.Millisecond)
		}
		r.Fatal("no mail came")
		return ""
	}
}

func TestSignInByMail(t *testing.T) {
	factortest.EachRig(t, func(r *factortest.Rig) {
		v := r.Visitor()
		code := askCode(v, "aoi")
		other := r.Visitor()
		r.Says(other.Post("/signin/code", url.Values{"login": {"nobody"}}), http.StatusOK, "Look into your mail")
		r.Says(other.Post("/signin/code/check", url.Values{"code": {code}}), http.StatusUnprocessableEntity, "This code does not count")
		r.Says(v.Post("/signin/code/check", url.Values{"code": {"12345"}}), http.StatusBadRequest, "6 digits")
		r.Led(v.Post("/signin/code/check", url.Values{"code": {code[:3] + " " + code[3:]}, "back": {"/settings"}}), "/settings")
		who := v.Who()
		if who.Session.ACR() != factor.AAL0 {
			r.Errorf("A056 acr %s", who.Session.ACR())
		}
		r.Run("A056 it lifts no step-up", func(t *testing.T) {
			r := r.In(t)
			if !who.Session.Strong.IsZero() {
				t.Errorf("proven as strongly as they can at %s", who.Session.Strong)
			}
			got := v.Post("/signin/again", url.Values{"code": {"123456"}, "method": {"mail"}})
			if got.Status == http.StatusSeeOther {
				t.Errorf("confirmed: %s", factortest.Told(got))
			}
			r.Says(v.Get("/signin/again"), http.StatusOK, "which proves too little")
		})
		r.Run("A041 five factortest.Wrong ones burn it", func(t *testing.T) {
			r, v := r.In(t), r.Visitor()
			code := askCode(v, "botan")
			for range 5 {
				bad := "000000"
				if code == bad {
					bad = "000001"
				}
				r.Says(v.Post("/signin/code/check", url.Values{"code": {bad}}), http.StatusUnprocessableEntity, "This code does not count")
			}
			r.Says(v.Post("/signin/code/check", url.Values{"code": {code}}), http.StatusUnprocessableEntity, "This code does not count")
			v.Nobody()
		})
		r.Run("it ends", func(t *testing.T) {
			r, v := r.In(t), r.Visitor()
			code := askCode(v, "chika")
			r.Clock.Advance(11 * time.Minute)
			r.Says(v.Post("/signin/code/check", url.Values{"code": {code}}), http.StatusUnprocessableEntity, "This code does not count")
		})
	}, housetest.WithMail())
}

func member(in id.Org, who id.Person) org.Member {
	return org.Member{Org: in, Person: who, Roles: []id.Role{org.User}}
}

// A code by mail is a second step only where a policy asks for it, and adds
// nothing to the assurance.
func TestAMailCodeAsTheSecondStep(t *testing.T) {
	factortest.EachRig(t, func(r *factortest.Rig) {
		ctx := context.Background()
		r.Password(r.K.Aoi, false)
		v := r.Visitor()
		r.Led(v.Try("aoi", factortest.Right), "/settings")
		_, err := r.Room.PutPolicy(ctx, id.Local(0), demand.SignInPolicy{
			Org: r.K.Org, Name: "legacy", Require: []factor.Method{factor.ByPassword, factor.ByMail},
		})
		if err != nil {
			r.Fatal(err)
		}
		v = r.Visitor()
		r.Led(v.Try("aoi", factortest.Right), "/signin/second")
		r.Says(v.Get("/signin/second"), http.StatusOK, "Send me a code by e-mail")
		r.Says(v.Second("mail", "123456"), http.StatusUnprocessableEntity, "does not count")
		read := mailOf(r, "aoi")
		r.Led(v.Second("mail-send", ""), "/signin/second")
		r.Led(v.Second("mail", read()), "/settings")
		if who := v.Who(); who.Session.ACR() != factor.AAL1 || who.Session.Org != r.K.Org {
			r.Errorf("A056 acr %s", who.Session.ACR())
		}
		r.Run("begun by mail, the password is asked", func(t *testing.T) {
			r, v := r.In(t), r.Visitor()
			code := askCode(v, "aoi")
			r.Led(v.Post("/signin/code/check", url.Values{"code": {code}}), "/signin/second")
			r.Says(v.Second("password", factortest.Wrong), http.StatusUnprocessableEntity, "does not count")
			r.Led(v.Second("password", factortest.Right), "/")
		})
	}, housetest.WithMail())
}

// A hash of another system is made anew when the password is known.
func TestAForeignHashIsMadeAnew(t *testing.T) {
	factortest.EachRig(t, func(r *factortest.Rig) {
		foreign, err := bcrypt.GenerateFromPassword([]byte(factortest.Right), 4)
		if err != nil {
			r.Fatal(err)
		}
		err = r.Home.Store().Self(r.K.Aoi).Write(context.Background(), func(tx *store.Tx) store.End {
			if err := r.Factors.ImportPassword(tx, r.K.Aoi, secret.OfBytes(foreign)); err != nil {
				return store.Abort(err)
			}
			return store.Done(store.Event{Name: "test.imported", By: id.Local(0)})
		})
		if err != nil {
			r.Fatal(err)
		}
		sealed := func() (b []byte) {
			err := r.Home.Store().Self(r.K.Aoi).Read(context.Background(), func(v *store.View) error {
				return v.Row("SELECT sealed FROM factor WHERE person = $1 AND kind = 'password'").Scan(&b)
			})
			if err != nil {
				r.Fatal(err)
			}
			return b
		}
		before := sealed()
		r.Says(r.Visitor().Try("aoi", factortest.Wrong), http.StatusUnprocessableEntity, refusedSentence)
		if string(sealed()) != string(before) {
			r.Error("a factortest.Wrong password made the hash anew")
		}
		r.Led(r.Visitor().Try("aoi", factortest.Right), "/settings")
		if string(sealed()) == string(before) {
			r.Error("the hash is the foreign one still")
		}
		r.Led(r.Visitor().Try("aoi", factortest.Right), "/settings")
	})
}
