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

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/signin"
	"github.com/sekisho/sekisho/internal/store"
)

const refusedSentence = "That did not sign you in"

func TestSignInByPassword(t *testing.T) {
	eachRig(t, func(r *rig) {
		r.password(r.k.Aoi, false)
		r.password(r.k.Botan, false)
		r.disable(r.k.Botan)
		for name, try := range map[string][2]string{
			"wrong password":   {"aoi", wrong},
			"empty password":   {"aoi", ""},
			"A057 nul":         {"aoi", "\x01"},
			"unknown login":    {"nobody", right},
			"empty login":      {"", right},
			"disabled":         {"botan", right},
			"no password":      {"daichi", right},
			"password's login": {"aoi " + right, right},
		} {
			v := r.visitor()
			r.says(v.try(try[0], try[1]), http.StatusUnprocessableEntity, refusedSentence)
			v.nobody()
			if v.cookie("sekisho-step") != "" || v.cookie("sekisho-device") != "" {
				r.Errorf("%s: cookies %v", name, v.Cookies())
			}
		}
		r.clock.Advance(time.Hour)
		v := r.visitor()
		r.led(v.try("aoi", right), "/settings")
		who := v.who()
		if who.Person.ID != r.k.Aoi || who.Session.Org != r.k.Org || who.Session.ACR() != signin.AAL1 || who.Session.Source != "127.0.0.1" {
			r.Errorf("%+v", who.Session)
		}
		if v.cookie("sekisho-device") == "" {
			r.Error("the browser keeps no mark")
		}
		r.led(r.visitor().try("aoi@kaede.example", right), "/settings")
		r.led(r.visitor().try("ＡＯＩ", right), "/settings")
	})
}

func TestBackStaysHere(t *testing.T) {
	r := newRig(t)
	r.password(r.k.Aoi, false)
	for _, back := range []string{"https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/%2fevil.example", "\t/x"} {
		v := r.visitor()
		page := v.Get("/signin?" + url.Values{"back": {back}}.Encode())
		if strings.Contains(told(page), "evil") {
			t.Errorf("%q stands on the page", back)
		}
		got := v.Post("/signin/password", url.Values{"login": {"aoi"}, "password": {right}, "back": {back}})
		r.led(got, "/")
	}
}

func TestSecondStep(t *testing.T) {
	eachRig(t, func(r *rig) {
		r.password(r.k.Aoi, false)
		app := r.app(r.k.Aoi)
		codes, err := r.room.MakeRecovery(context.Background(), r.k.Aoi)
		if err != nil {
			t.Fatal(err)
		}
		v := r.visitor()
		r.led(v.try("aoi", right), "/signin/second")
		v.nobody()
		r.says(v.Get("/signin/second"), http.StatusOK, "You set up a second step")
		for _, wrongCode := range []string{"000000", "12345", "abcdef", ""} {
			got := v.second("totp", wrongCode)
			if got.Status == http.StatusSeeOther {
				r.Errorf("%q signed in", wrongCode)
			}
		}
		r.says(v.second("mail", "123456"), http.StatusUnprocessableEntity, "begun too long ago")
		v = r.visitor()
		r.led(v.try("aoi", right), "/signin/second")
		step := v.cookie("sekisho-step")
		r.led(v.second("totp", r.codeOf(app)), "/settings")
		if who := v.who(); who.Session.ACR() != signin.AAL2 {
			r.Errorf("acr %s", who.Session.ACR())
		}
		r.Run("the step is used up", func(t *testing.T) {
			r, thief := r.in(t), r.visitor()
			got := thief.Send(http.MethodPost, "/signin/second", "method=recovery&answer-text="+codes[0].Reveal(), http.Header{
				"Origin": {r.home.URL()}, "Content-Type": {"application/x-www-form-urlencoded"}, "Cookie": {"sekisho-step=" + step},
			})
			r.says(got, http.StatusUnprocessableEntity, "begun too long ago")
		})
		r.Run("a recovery code counts once", func(t *testing.T) {
			r, v := r.in(t), r.visitor()
			r.led(v.try("aoi", right), "/signin/second")
			r.led(v.second("recovery", strings.ToUpper(codes[0].Reveal())), "/settings")
			v = r.visitor()
			r.led(v.try("aoi", right), "/signin/second")
			r.says(v.second("recovery", codes[0].Reveal()), http.StatusUnprocessableEntity, "does not count")
		})
		r.Run("a step ends", func(t *testing.T) {
			r, v := r.in(t), r.visitor()
			r.led(v.try("aoi", right), "/signin/second")
			r.clock.Advance(11 * time.Minute)
			r.says(v.second("totp", r.codeOf(app)), http.StatusUnprocessableEntity, "begun too long ago")
			v.nobody()
		})
	})
}

func TestSignInByPasskey(t *testing.T) {
	eachRig(t, func(r *rig) {
		key := r.passkey(r.k.Aoi)
		v := r.visitor()
		r.led(v.byPasskey(key, "/signin/passkey/options", "/signin/passkey", nil), "/settings")
		if who := v.who(); who.Person.ID != r.k.Aoi || who.Session.ACR() != signin.AAL2 {
			r.Errorf("%+v", who.Session)
		}
		r.Run("A049 an answer counts once", func(t *testing.T) {
			r := r.in(t)
			form := r.visitor().ceremony(key, "/signin/passkey/options")
			r.led(r.visitor().Post("/signin/passkey", form), "/settings")
			v := r.visitor()
			r.says(v.Post("/signin/passkey", form), http.StatusUnprocessableEntity, "passkey was not accepted")
			v.nobody()
		})
		r.Run("A049 a ticket ends, and cannot be made", func(t *testing.T) {
			r := r.in(t)
			form := r.visitor().ceremony(key, "/signin/passkey/options")
			other := r.visitor().ceremony(key, "/signin/passkey/options")
			for name, ticket := range map[string]string{"none": "", "cut": form.Get("ticket")[:40], "other": other.Get("ticket"), "text": strings.Repeat("A", 200)} {
				tried := url.Values{"answer": form["answer"], "ticket": {ticket}}
				if got := r.visitor().Post("/signin/passkey", tried); got.Status != http.StatusUnprocessableEntity {
					t.Errorf("%s: %d", name, got.Status)
				}
			}
			r.clock.Advance(6 * time.Minute)
			r.says(r.visitor().Post("/signin/passkey", form), http.StatusUnprocessableEntity, "passkey was not accepted")
		})
		r.Run("disabled", func(t *testing.T) {
			r := r.in(t)
			r.disable(r.k.Aoi)
			v := r.visitor()
			r.says(v.byPasskey(key, "/signin/passkey/options", "/signin/passkey", nil), http.StatusUnprocessableEntity, "passkey was not accepted")
			v.nobody()
		})
	})
}

func TestAPasskeyAsTheSecondStep(t *testing.T) {
	r := newRig(t)
	r.password(r.k.Aoi, false)
	r.app(r.k.Aoi)
	key, foreign := r.passkey(r.k.Aoi), r.passkey(r.k.Botan)
	v := r.visitor()
	r.led(v.try("aoi", right), "/signin/second")
	if _, err := foreign.Get([]byte(`{}`)); err == nil {
		t.Fatal("an authenticator answered nothing")
	}
	form := r.visitor().ceremony(foreign, "/signin/passkey/options") // of another purpose and person
	form.Set("method", "passkey")
	r.says(v.Post("/signin/second", form), http.StatusUnprocessableEntity, "passkey was not accepted")
	r.led(v.byPasskey(key, "/signin/second/options", "/signin/second", url.Values{"method": {"passkey"}}), "/settings")
}

func TestAPasswordThatMustChange(t *testing.T) {
	eachRig(t, func(r *rig) {
		r.password(r.k.Aoi, true)
		v := r.visitor()
		r.led(v.try("aoi", right), "/signin/new-password")
		v.nobody()
		r.says(v.Get("/signin/new-password"), http.StatusOK, "Choose a new password")
		for pw, sentence := range map[string]string{right: "the password that you have now", "short": "at least", "": "Enter a password", "password1234567": "tried first"} {
			if got := v.Post("/signin/new-password", url.Values{"password": {pw}}); got.Status != http.StatusBadRequest || !strings.Contains(got.Body, sentence) {
				r.Errorf("%q: %d %s", pw, got.Status, told(got))
			}
		}
		r.led(v.second("totp", "123456"), "/signin/new-password")
		r.led(v.Post("/signin/new-password", url.Values{"password": {"eight herons beside the mill"}}), "/settings")
		v.who()
		r.says(r.visitor().try("aoi", right), http.StatusUnprocessableEntity, refusedSentence)
		r.led(r.visitor().try("aoi", "eight herons beside the mill"), "/settings")
	})
}

func TestSeveralOrganizations(t *testing.T) {
	r := newRig(t)
	r.password(r.k.Chika, false) // administrator of the provider, reaches its customers
	ctx := context.Background()
	if err := r.home.Register().PutMember(ctx, id.Local(0), member(r.k.Momiji, r.k.Chika)); err != nil {
		t.Fatal(err)
	}
	v := r.visitor()
	r.led(v.try("chika", right), "/organization?back=%2Fsettings")
	if who := v.who(); who.Session.Org != "" {
		t.Errorf("acts in %s", who.Session.Org)
	}
	if got := v.Post("/organization", url.Values{"org": {string(r.k.Momiji)}, "back": {"/"}}); got.Status != http.StatusSeeOther {
		t.Fatal(got.Status, told(got))
	}
	v = r.visitor()
	r.led(v.try("chika", right), "/settings")
	if who := v.who(); who.Session.Org != r.k.Momiji {
		t.Errorf("acts in %q, not where they acted last", who.Session.Org)
	}
}

func TestAnOrganizationAsksForMore(t *testing.T) {
	r := newRig(t)
	ctx := context.Background()
	_, err := r.room.PutPolicy(ctx, id.Local(0), signin.SignInPolicy{Org: r.k.Org, Name: "two", Require: []signin.Method{signin.ByTOTP}})
	if err != nil {
		t.Fatal(err)
	}
	r.password(r.k.Aoi, false)
	v := r.visitor()
	r.led(v.try("aoi", right), "/organization?back=%2Fsettings") // has nothing yet to prove more with
	if who := v.who(); who.Session.Org != "" {
		t.Error("the organization was entered with a password alone")
	}
	app := r.app(r.k.Aoi)
	v = r.visitor()
	r.led(v.try("aoi", right), "/signin/second")
	r.says(v.Get("/signin/second"), http.StatusOK, "Your organization asks for a second factor")
	r.led(v.second("totp", r.codeOf(app)), "/settings")
	if who := v.who(); who.Session.Org != r.k.Org {
		t.Error("the organization was not entered")
	}
}

var sixDigits = regexp.MustCompile(`\b[0-9]{6}\b`)

// askCode asks for a code and reads it from the mail.
func (v visitor) askCode(login string) string {
	v.r.Helper()
	read := v.r.mail(login)
	v.r.says(v.Post("/signin/code", url.Values{"login": {login}}), http.StatusOK, "Look into your mail")
	return read()
}

// mail returns what waits for the next code that is sent to somebody.
func (r *rig) mail(login string) (read func() string) {
	before := len(r.home.Mail.Messages())
	return func() string {
		r.Helper()
		for range 3000 {
			if all := r.home.Mail.Messages(); len(all) > before && slices.Contains(all[len(all)-1].To, login+"@kaede.example") {
				return sixDigits.FindString(all[len(all)-1].Text)
			}
			time.Sleep(10 * time.Millisecond)
		}
		r.Fatal("no mail came")
		return ""
	}
}

func TestSignInByMail(t *testing.T) {
	eachRig(t, func(r *rig) {
		v := r.visitor()
		code := v.askCode("aoi")
		other := r.visitor()
		r.says(other.Post("/signin/code", url.Values{"login": {"nobody"}}), http.StatusOK, "Look into your mail")
		r.says(other.Post("/signin/code/check", url.Values{"code": {code}}), http.StatusUnprocessableEntity, "This code does not count")
		r.says(v.Post("/signin/code/check", url.Values{"code": {"12345"}}), http.StatusBadRequest, "6 digits")
		r.led(v.Post("/signin/code/check", url.Values{"code": {code[:3] + " " + code[3:]}, "back": {"/settings"}}), "/settings")
		who := v.who()
		if who.Session.ACR() != signin.AAL0 {
			r.Errorf("A056 acr %s", who.Session.ACR())
		}
		r.Run("A056 it lifts no step-up", func(t *testing.T) {
			r := r.in(t)
			if !who.Session.Strong.IsZero() {
				t.Errorf("proven as strongly as they can at %s", who.Session.Strong)
			}
			got := v.Post("/signin/again", url.Values{"code": {"123456"}, "method": {"mail"}})
			if got.Status == http.StatusSeeOther {
				t.Errorf("confirmed: %s", told(got))
			}
			r.says(v.Get("/signin/again"), http.StatusOK, "which proves too little")
		})
		r.Run("A041 five wrong ones burn it", func(t *testing.T) {
			r, v := r.in(t), r.visitor()
			code := v.askCode("botan")
			for range 5 {
				bad := "000000"
				if code == bad {
					bad = "000001"
				}
				r.says(v.Post("/signin/code/check", url.Values{"code": {bad}}), http.StatusUnprocessableEntity, "This code does not count")
			}
			r.says(v.Post("/signin/code/check", url.Values{"code": {code}}), http.StatusUnprocessableEntity, "This code does not count")
			v.nobody()
		})
		r.Run("it ends", func(t *testing.T) {
			r, v := r.in(t), r.visitor()
			code := v.askCode("chika")
			r.clock.Advance(11 * time.Minute)
			r.says(v.Post("/signin/code/check", url.Values{"code": {code}}), http.StatusUnprocessableEntity, "This code does not count")
		})
	}, housetest.WithMail())
}

func member(in id.Org, who id.Person) org.Member {
	return org.Member{Org: in, Person: who, Roles: []id.Role{org.User}}
}

// A code by mail is a second step only where a policy asks for it, and adds
// nothing to the assurance.
func TestAMailCodeAsTheSecondStep(t *testing.T) {
	eachRig(t, func(r *rig) {
		ctx := context.Background()
		r.password(r.k.Aoi, false)
		v := r.visitor()
		r.led(v.try("aoi", right), "/settings")
		_, err := r.room.PutPolicy(ctx, id.Local(0), signin.SignInPolicy{
			Org: r.k.Org, Name: "legacy", Require: []signin.Method{signin.ByPassword, signin.ByMail},
		})
		if err != nil {
			r.Fatal(err)
		}
		v = r.visitor()
		r.led(v.try("aoi", right), "/signin/second")
		r.says(v.Get("/signin/second"), http.StatusOK, "Send me a code by e-mail")
		r.says(v.second("mail", "123456"), http.StatusUnprocessableEntity, "does not count")
		read := r.mail("aoi")
		r.led(v.second("mail-send", ""), "/signin/second")
		r.led(v.second("mail", read()), "/settings")
		if who := v.who(); who.Session.ACR() != signin.AAL1 || who.Session.Org != r.k.Org {
			r.Errorf("A056 acr %s", who.Session.ACR())
		}
		r.Run("begun by mail, the password is asked", func(t *testing.T) {
			r, v := r.in(t), r.visitor()
			code := v.askCode("aoi")
			r.led(v.Post("/signin/code/check", url.Values{"code": {code}}), "/signin/second")
			r.says(v.second("password", wrong), http.StatusUnprocessableEntity, "does not count")
			r.led(v.second("password", right), "/")
		})
	}, housetest.WithMail())
}

// A hash of another system is made anew when the password is known.
func TestAForeignHashIsMadeAnew(t *testing.T) {
	eachRig(t, func(r *rig) {
		foreign, err := bcrypt.GenerateFromPassword([]byte(right), 4)
		if err != nil {
			r.Fatal(err)
		}
		err = r.home.Store().Self(r.k.Aoi).Write(context.Background(), func(tx *store.Tx) store.End {
			if err := r.room.ImportPassword(tx, r.k.Aoi, secret.OfBytes(foreign)); err != nil {
				return store.Abort(err)
			}
			return store.Done(store.Event{Name: "test.imported", By: id.Local(0)})
		})
		if err != nil {
			r.Fatal(err)
		}
		sealed := func() (b []byte) {
			err := r.home.Store().Self(r.k.Aoi).Read(context.Background(), func(v *store.View) error {
				return v.Row("SELECT sealed FROM factor WHERE person = $1 AND kind = 'password'").Scan(&b)
			})
			if err != nil {
				r.Fatal(err)
			}
			return b
		}
		before := sealed()
		r.says(r.visitor().try("aoi", wrong), http.StatusUnprocessableEntity, refusedSentence)
		if string(sealed()) != string(before) {
			r.Error("a wrong password made the hash anew")
		}
		r.led(r.visitor().try("aoi", right), "/settings")
		if string(sealed()) == string(before) {
			r.Error("the hash is the foreign one still")
		}
		r.led(r.visitor().try("aoi", right), "/settings")
	})
}
