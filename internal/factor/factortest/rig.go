package factortest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/factor/totp"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/signin"
	"github.com/sekisho/sekisho/internal/token"
	"github.com/sekisho/sekisho/internal/welcome"
)

// Right is a password that the policy takes, Wrong another.
const (
	Right = "seven lanterns over the river"
	Wrong = "seven lanterns under the river"
)

// Rig is a house with the company in it and a clock that the test moves.
type Rig struct {
	*testing.T
	Home    *housetest.Home
	K       housetest.Kaede
	Clock   *clock.Moved
	Room    *signin.Room
	Factors *factor.Room
	Tokens  *token.Room
	Welcome *welcome.Room
}

// EachRig runs f on either engine.
func EachRig(t *testing.T, f func(r *Rig), options ...func(*housetest.Options)) {
	t.Helper()
	housetest.EachURL(t, func(t *testing.T, url string) { f(NewRig(t, append(options, housetest.On(url))...)) })
}

// NewRig makes one.
func NewRig(t *testing.T, options ...func(*housetest.Options)) *Rig {
	t.Helper()
	moved := clock.NewMoved(clock.System().Now().UTC().Truncate(time.Second))
	home := housetest.House(t, append(options, func(o *housetest.Options) { o.Clock = moved })...)
	return &Rig{t, home, home.People(t), moved, home.SignIn(), home.Factors(), home.Tokens(), home.Welcome()}
}

// In is the rig in a subtest.
func (r *Rig) In(t *testing.T) *Rig { c := *r; c.T = t; return &c }

// Password gives somebody the password Right.
func (r *Rig) Password(who id.Person, mustChange bool) {
	r.Helper()
	if err := r.Factors.SetPassword(context.Background(), id.Local(0), who, secret.Of(Right), mustChange); err != nil {
		r.Fatal(err)
	}
}

// App gives somebody an authenticator app and returns its secret; the code of
// this moment is used up.
func (r *Rig) App(who id.Person) secret.Text {
	r.Helper()
	offer, err := r.Factors.OfferTOTP(context.Background(), who)
	if err != nil {
		r.Fatal(err)
	}
	if err := r.Factors.AddTOTP(context.Background(), who, offer.Ticket, r.CodeOf(offer.Secret)); err != nil {
		r.Fatal(err)
	}
	r.Clock.Advance(totp.Period)
	return offer.Secret
}

// CodeOf is what an app with this secret shows now.
func (r *Rig) CodeOf(s secret.Text) string {
	r.Helper()
	code, err := totp.Code(s, totp.StepAt(r.Clock.Now()))
	if err != nil {
		r.Fatal(err)
	}
	return code.Reveal()
}

// Passkey gives somebody an authenticator with a passkey.
func (r *Rig) Passkey(who id.Person) *Authenticator {
	r.Helper()
	a, ctx := New(r.Home.URL()), context.Background()
	options, ticket, err := r.Factors.BeginPasskey(ctx, who)
	if err != nil {
		r.Fatal(err)
	}
	answer, err := a.Create(options)
	if err != nil {
		r.Fatal(err)
	}
	if _, err := r.Factors.AddPasskey(ctx, who, ticket, answer, "key"); err != nil {
		r.Fatal(err)
	}
	return a
}

// Disable disables somebody.
func (r *Rig) Disable(who id.Person) {
	r.Helper()
	p, err := r.Home.Register().Person(context.Background(), who)
	if err != nil {
		r.Fatal(err)
	}
	p.State = "disabled"
	if _, err := r.Home.Register().ChangePerson(context.Background(), id.Local(0), p); err != nil {
		r.Fatal(err)
	}
}

// Visitor is a browser, and where it stands.
type Visitor struct {
	*housetest.Visitor
	R *Rig
}

// Visitor is a browser in which nobody is signed in.
func (r *Rig) Visitor() Visitor { r.Helper(); return Visitor{r.Home.Nobody(r), r} }

// Try sends login and password.
func (v Visitor) Try(login, pw string) housetest.Answer {
	v.R.Helper()
	return v.Post("/signin/password", url.Values{"login": {login}, "password": {pw}, "back": {"/settings"}})
}

// Second answers a second step.
func (v Visitor) Second(method, text string) housetest.Answer {
	v.R.Helper()
	return v.Post("/signin/second", url.Values{"method": {method}, "answer-text": {text}})
}

// ByPasskey goes through a ceremony whose options are at one address and whose
// answer goes to another.
func (v Visitor) ByPasskey(a *Authenticator, options, answer string, more url.Values) housetest.Answer {
	v.R.Helper()
	form := v.Ceremony(a, options)
	for name, values := range more {
		form[name] = values
	}
	return v.Post(answer, form)
}

// Ceremony answers the options of a ceremony; it returns the form to send.
func (v Visitor) Ceremony(a *Authenticator, options string) url.Values {
	v.R.Helper()
	got := v.Send(http.MethodPost, options, "", http.Header{
		"Origin": {v.R.Home.URL()}, "Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"},
	})
	var begun struct {
		Options json.RawMessage
		Ticket  string
	}
	if err := json.Unmarshal([]byte(got.Body), &begun); err != nil || got.Status != http.StatusOK {
		v.R.Fatalf("options: %d %s", got.Status, got.Body)
	}
	given, err := a.Get(begun.Options)
	if err != nil {
		v.R.Fatal(err)
	}
	return url.Values{"ticket": {begun.Ticket}, "answer": {string(given)}, "back": {"/settings"}}
}

// Cookie is the value that the browser keeps under a name; "" for none.
func (v Visitor) Cookie(name string) string {
	for _, c := range v.Cookies() {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// Who is the session that the browser is in; it fails if there is none.
func (v Visitor) Who() signin.Visitor {
	v.R.Helper()
	found, err := v.R.Room.Authenticate(context.Background(), secret.Of(v.Cookie("sekisho")))
	if err != nil {
		v.R.Fatalf("nobody is signed in: %v", err)
	}
	return found
}

// Nobody fails if somebody is signed in in the browser.
func (v Visitor) Nobody() {
	v.R.Helper()
	if _, err := v.R.Room.Authenticate(context.Background(), secret.Of(v.Cookie("sekisho"))); err == nil {
		v.R.Error("somebody is signed in")
	}
}

// Led holds an answer to a redirect.
func (r *Rig) Led(got housetest.Answer, want string) {
	r.Helper()
	if got.Status != http.StatusSeeOther || got.Header.Get("Location") != want {
		r.Fatalf("led to %d %q, want %q\n%s", got.Status, got.Header.Get("Location"), want, Told(got))
	}
}

// Says holds an answer to a status and a sentence.
func (r *Rig) Says(got housetest.Answer, status int, sentence string) {
	r.Helper()
	if got.Status != status || !strings.Contains(got.Body, sentence) {
		r.Errorf("%d, want %d and %q\n%s", got.Status, status, sentence, Told(got))
	}
}

// Told is the part of a page that says what happened.
func Told(got housetest.Answer) string {
	if _, main, found := strings.Cut(got.Body, "<main"); found {
		return main
	}
	return got.Body
}
