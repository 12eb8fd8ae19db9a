package signin_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/factor/factortest"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/signin"
)

// strangers are logins of every kind; all have the length of the first, so that
// what is repeated on the page has too.
var strangers = map[string]string{
	"known": "botan", "unknown": "kaoru", "disabled": "chika", "locked": "daiti", "no password": "daich", "unconfirmed": "mukak",
}

// anonymous takes out of an answer what differs between any two.
func anonymous(r *factortest.Rig, got housetest.Answer, login string) string {
	body := got.Body
	request := got.Header.Get("X-Request-Id")
	for what, instead := range map[string]string{request: "REQUEST", login: "LOGIN"} {
		body = strings.ReplaceAll(body, what, instead)
	}
	body = regexp.MustCompile(`"(challenge|ticket)":"[^"]*"`).ReplaceAllString(body, `"$1":""`)
	var names []string
	for name := range got.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	head := http.StatusText(got.Status)
	for _, name := range names {
		values := strings.Join(got.Header[name], "\n")
		switch name {
		case "Date":
			values = ""
		case "X-Request-Id":
			values = "REQUEST"
		case "Set-Cookie":
			values = regexp.MustCompile(`=[A-Za-z0-9_-]{43};`).ReplaceAllString(values, "=RANDOM;")
		case "Content-Length": // two answers of one length differ here if anywhere
		}
		head += "\n" + name + ": " + values
	}
	_ = r
	return head + "\n\n" + body
}

// kinds makes somebody for each kind of login.
func kinds(r *factortest.Rig) {
	r.Helper()
	r.Password(r.K.Botan, false)
	r.Password(r.K.Chika, false)
	r.Disable(r.K.Aoi)
	ctx, register := context.Background(), r.Home.Register()
	rename := func(who id.Person, login string) {
		p, err := register.Person(ctx, who)
		if err != nil {
			r.Fatal(err)
		}
		p.Login = login
		if _, err := register.ChangePerson(ctx, id.Local(0), p); err != nil {
			r.Fatal(err)
		}
	}
	rename(r.K.Chika, "daiti")  // locked
	rename(r.K.Aoi, "chika")    // disabled
	rename(r.K.Daichi, "daich") // no password
	for i := range 40 {         // from everywhere
		for range 3 {
			_, _ = r.Room.Password(ctx, signin.Browser{Source: fmt.Sprintf("198.51.%d.1", i)}, "daiti", secret.Of(factortest.Wrong), "/")
		}
	}
}

func TestEveryLoginIsAnsweredAlike(t *testing.T) {
	factortest.EachRig(t, func(r *factortest.Rig) {
		kinds(r)
		forms := []struct {
			name, path string
			form       func(login string) url.Values
			times      int // then it is slowed down
		}{
			{"A046 first step", "/signin", func(l string) url.Values { return url.Values{"login": {l}, "back": {"/settings"}} }, 2},
			{"A046 password", "/signin/password", func(l string) url.Values { return url.Values{"login": {l}, "password": {factortest.Wrong}} }, 8},
			{"A046 passkey", "/signin/passkey", func(string) url.Values { return url.Values{"answer": {"{}"}, "ticket": {"x"}} }, 2},
			{"A046 mail code", "/signin/code", func(l string) url.Values { return url.Values{"login": {l}} }, 8},
			{"A046 mail code, wrong", "/signin/code/check", func(string) url.Values { return url.Values{"code": {"000000"}} }, 16},
		}
		visitors := map[string]factortest.Visitor{}
		for kind := range strangers {
			visitors[kind] = r.Visitor()
		}
		for _, f := range forms {
			for n := range f.times {
				want := ""
				for kind, login := range strangers {
					got := anonymous(r, visitors[kind].Post(f.path, f.form(login)), login)
					if want == "" {
						want = got
					}
					if diff := cmp.Diff(want, got); diff != "" {
						r.Errorf("%s, try %d: %s differs\n%s", f.name, n+1, kind, diff)
					}
				}
			}
			time.Sleep(20 * time.Millisecond) // what happens behind the answers
		}
		want := ""
		for kind := range strangers {
			got := anonymous(r, visitors[kind].Send(http.MethodPost, "/signin/passkey/options", "", http.Header{
				"Origin": {r.Home.URL()}, "Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"},
			}), "LOGIN")
			if want == "" {
				want = got
			}
			if diff := cmp.Diff(want, got); diff != "" {
				r.Errorf("A046 options: %s differs\n%s", kind, diff)
			}
		}
	}, housetest.WithMail())
}

// The factortest.Right password of a disabled or locked login is answered as a factortest.Wrong one.
func TestARightPasswordTellsNothing(t *testing.T) {
	factortest.EachRig(t, func(r *factortest.Rig) {
		kinds(r)
		r.Clock.Advance(time.Hour)
		want := anonymous(r, r.Visitor().Try("kaoru", factortest.Right), "kaoru")
		for _, login := range []string{"chika", "daiti", "daich"} {
			if diff := cmp.Diff(want, anonymous(r, r.Visitor().Try(login, factortest.Right), login)); diff != "" {
				r.Errorf("A046 %s: %s", login, diff)
			}
		}
	})
}
