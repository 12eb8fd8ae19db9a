package signin_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/signin"
	"github.com/sekisho/sekisho/internal/signin/signintest"
	"github.com/sekisho/sekisho/internal/signin/totp"
)

// right is a password that the policy takes, wrong another.
const (
	right = "seven lanterns over the river"
	wrong = "seven lanterns under the river"
)

// rig is a house with the company in it and a clock that the test moves.
type rig struct {
	*testing.T
	home  *housetest.Home
	k     housetest.Kaede
	room  *signin.Room
	clock *clock.Moved
}

// eachRig runs f on either engine.
func eachRig(t *testing.T, f func(r *rig), options ...func(*housetest.Options)) {
	t.Helper()
	housetest.EachURL(t, func(t *testing.T, url string) { f(newRig(t, append(options, housetest.On(url))...)) })
}

func newRig(t *testing.T, options ...func(*housetest.Options)) *rig {
	t.Helper()
	moved := clock.NewMoved(time.Now().UTC().Truncate(time.Second))
	home := housetest.House(t, append(options, func(o *housetest.Options) { o.Clock = moved })...)
	return &rig{t, home, home.People(t), home.SignIn(), moved}
}

func (r *rig) in(t *testing.T) *rig { c := *r; c.T = t; return &c }

func (r *rig) password(who id.Person, mustChange bool) {
	r.Helper()
	if err := r.room.SetPassword(context.Background(), id.Local(0), who, secret.Of(right), mustChange); err != nil {
		r.Fatal(err)
	}
}

// app gives somebody an authenticator app and returns its secret; the code of
// this moment is used up.
func (r *rig) app(who id.Person) secret.Text {
	r.Helper()
	offer, err := r.room.OfferTOTP(context.Background(), who)
	if err != nil {
		r.Fatal(err)
	}
	if err := r.room.AddTOTP(context.Background(), who, offer.Ticket, r.codeOf(offer.Secret)); err != nil {
		r.Fatal(err)
	}
	r.clock.Advance(totp.Period)
	return offer.Secret
}

func (r *rig) codeOf(s secret.Text) string {
	r.Helper()
	code, err := totp.Code(s, totp.StepAt(r.clock.Now()))
	if err != nil {
		r.Fatal(err)
	}
	return code.Reveal()
}

// passkey gives somebody an authenticator with a passkey.
func (r *rig) passkey(who id.Person) *signintest.Authenticator {
	r.Helper()
	a, ctx := signintest.New(r.home.URL()), context.Background()
	options, ticket, err := r.room.BeginPasskey(ctx, who)
	if err != nil {
		r.Fatal(err)
	}
	answer, err := a.Create(options)
	if err != nil {
		r.Fatal(err)
	}
	if _, err := r.room.AddPasskey(ctx, who, ticket, answer, "key"); err != nil {
		r.Fatal(err)
	}
	return a
}

func (r *rig) disable(who id.Person) {
	r.Helper()
	p, err := r.home.Register().Person(context.Background(), who)
	if err != nil {
		r.Fatal(err)
	}
	p.State = "disabled"
	if _, err := r.home.Register().ChangePerson(context.Background(), id.Local(0), p); err != nil {
		r.Fatal(err)
	}
}

// visitor is a browser, and where it stands.
type visitor struct {
	*housetest.Visitor
	r *rig
}

func (r *rig) visitor() visitor { r.Helper(); return visitor{r.home.Nobody(r), r} }

func (v visitor) try(login, pw string) housetest.Answer {
	v.r.Helper()
	return v.Post("/signin/password", url.Values{"login": {login}, "password": {pw}, "back": {"/settings"}})
}

func (v visitor) second(method, text string) housetest.Answer {
	v.r.Helper()
	return v.Post("/signin/second", url.Values{"method": {method}, "answer-text": {text}})
}

// byPasskey goes through a ceremony whose options are at one address and whose
// answer goes to another.
func (v visitor) byPasskey(a *signintest.Authenticator, options, answer string, more url.Values) housetest.Answer {
	v.r.Helper()
	form := v.ceremony(a, options)
	for name, values := range more {
		form[name] = values
	}
	return v.Post(answer, form)
}

func (v visitor) ceremony(a *signintest.Authenticator, options string) url.Values {
	v.r.Helper()
	got := v.Send(http.MethodPost, options, "", http.Header{
		"Origin": {v.r.home.URL()}, "Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"},
	})
	var begun struct {
		Options json.RawMessage
		Ticket  string
	}
	if err := json.Unmarshal([]byte(got.Body), &begun); err != nil || got.Status != http.StatusOK {
		v.r.Fatalf("options: %d %s", got.Status, got.Body)
	}
	given, err := a.Get(begun.Options)
	if err != nil {
		v.r.Fatal(err)
	}
	return url.Values{"ticket": {begun.Ticket}, "answer": {string(given)}, "back": {"/settings"}}
}

// cookie is the value that the browser keeps under a name; "" for none.
func (v visitor) cookie(name string) string {
	for _, c := range v.Cookies() {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// who is the session that the browser is in; it fails if there is none.
func (v visitor) who() signin.Visitor {
	v.r.Helper()
	found, err := v.r.room.Authenticate(context.Background(), secret.Of(v.cookie("sekisho")))
	if err != nil {
		v.r.Fatalf("nobody is signed in: %v", err)
	}
	return found
}

func (v visitor) nobody() {
	v.r.Helper()
	if _, err := v.r.room.Authenticate(context.Background(), secret.Of(v.cookie("sekisho"))); err == nil {
		v.r.Error("somebody is signed in")
	}
}

// led holds an answer to a redirect.
func (r *rig) led(got housetest.Answer, want string) {
	r.Helper()
	if got.Status != http.StatusSeeOther || got.Header.Get("Location") != want {
		r.Fatalf("led to %d %q, want %q\n%s", got.Status, got.Header.Get("Location"), want, told(got))
	}
}

// says holds an answer to a status and a sentence.
func (r *rig) says(got housetest.Answer, status int, sentence string) {
	r.Helper()
	if got.Status != status || !strings.Contains(got.Body, sentence) {
		r.Errorf("%d, want %d and %q\n%s", got.Status, status, sentence, told(got))
	}
}

func told(got housetest.Answer) string {
	if _, main, found := strings.Cut(got.Body, "<main"); found {
		return main
	}
	return got.Body
}
