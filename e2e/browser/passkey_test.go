package browser_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/factor/passkey"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/web/ui"
)

// keySite is a room of passkeys as small as it can be: it serves the script
// under the pages' content policy, and keeps tickets and keys in memory.
type keySite struct {
	t      *testing.T
	url    string
	driver *passkey.Driver
	owner  factor.PasskeyOwner
	person id.Person

	mu      sync.Mutex
	tickets map[string][]byte
	keys    []factor.Passkey
	wish    factor.PasskeyWish
	refuse  bool   // the options
	hasty   bool   // options that end after half a second
	used    string // the last ticket
}

const keyPage = `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Keys</title>
<link rel="stylesheet" href="/house.css"><script src="/passkey.js" defer></script></head><body>
<p id="said">%s</p>
<form method="post" action="/create" data-passkey="create" data-options-url="/create/options">
<input type="hidden" name="answer" data-passkey-answer><input type="hidden" name="ticket" data-passkey-ticket>
<button id="create" data-passkey-only hidden>Create</button>
<p id="exists" data-passkey-problem="exists" hidden>You have one already</p><p id="failed" data-passkey-problem hidden>It did not work</p></form>
<form method="post" action="/get" data-passkey="get" data-options-url="/get/options"%s>
<input type="hidden" name="answer" data-passkey-answer><input type="hidden" name="ticket" data-passkey-ticket>
<input type="hidden" name="flow" value="flow-7">
<button id="get" data-passkey-only hidden>Sign in</button>
<p id="cancelled" data-passkey-problem="cancelled" hidden>You stopped it</p><p id="broken" data-passkey-problem hidden>Try later</p></form>
<form method="post" action="/password"><input id="login" name="login" autocomplete="username webauthn"></form>
<p id="missing" data-passkey-missing hidden>This browser has no passkeys</p></body></html>`

func newKeySite(t *testing.T) *keySite {
	t.Helper()
	s := &keySite{t: t, tickets: map[string][]byte{}, person: id.New[id.Person](clock.System().Now())}
	s.owner = factor.PasskeyOwner{Handle: []byte(s.person), Login: "hanako", DisplayName: "山田 花子"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /passkey.js", s.asset)
	mux.HandleFunc("GET /house.css", s.asset)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { s.page(w, "ready", r.URL.Query().Get("how")) })
	mux.HandleFunc("POST /create/options", s.options(func() (json.RawMessage, []byte, error) {
		return s.driver.BeginRegistration(s.owner, s.keys, s.wish)
	}))
	mux.HandleFunc("POST /get/options", s.options(func() (json.RawMessage, []byte, error) { return s.driver.BeginSignIn(nil) }))
	mux.HandleFunc("POST /create", s.finish(s.created))
	mux.HandleFunc("POST /get", s.finish(s.got))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	driver, err := passkey.New(passkey.Config{BaseURL: s.url, Name: "Works of Sekisho", Clock: clock.System()})
	if err != nil {
		t.Fatal(err)
	}
	s.driver = driver
	return s
}

func (s *keySite) asset(w http.ResponseWriter, r *http.Request) {
	asset, _ := ui.Assets().Find(ui.Assets().Path(strings.TrimPrefix(r.URL.Path, "/")))
	w.Header().Set("Content-Type", asset.Type)
	_, _ = w.Write(asset.Plain)
}

func (s *keySite) page(w http.ResponseWriter, said, how string) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if how != "" {
		how = " data-passkey-conditional"
	}
	_, _ = fmt.Fprintf(w, keyPage, said, how)
}

func (s *keySite) options(begin func() (json.RawMessage, []byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if strings.HasPrefix(r.URL.Path, "/get") && r.PostFormValue("flow") != "flow-7" {
			http.Error(w, "the form's own fields are missing", http.StatusBadRequest)
			return
		}
		if s.refuse {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"title":"Too many tries","detail":"Wait a minute"}`)
			return
		}
		options, state, err := begin()
		if err != nil {
			s.t.Error(err)
			return
		}
		ticket := fmt.Sprint("ticket-", len(s.tickets))
		s.tickets[ticket] = state
		if s.hasty {
			options = bytes.Replace(options, []byte(`"timeout":300000`), []byte(`"timeout":500`), 1)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"options": options, "ticket": ticket})
	}
}

func (s *keySite) finish(judge func(state []byte, answer json.RawMessage) (string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.used = r.PostFormValue("ticket")
		state := s.tickets[s.used]
		s.tickets[s.used] = nil
		said, err := judge(state, json.RawMessage(r.PostFormValue("answer")))
		if err != nil {
			said = err.Error()
			if f := fault.As(err); f != nil {
				said = fmt.Sprint(f.Code, " ", f.Args["reason"])
			}
		}
		s.page(w, said, "")
	}
}

func (s *keySite) created(state []byte, answer json.RawMessage) (string, error) {
	key, err := s.driver.FinishRegistration(s.owner, state, answer, s.wish)
	if err != nil {
		return "", err
	}
	key.Person = s.person
	s.keys = append(s.keys, key)
	return "created " + key.Format, nil
}

func (s *keySite) got(state []byte, answer json.RawMessage) (string, error) {
	key, err := s.driver.FinishSignIn(state, answer, func(credential, _ []byte) (factor.Passkey, error) {
		for _, key := range s.keys {
			if bytes.Equal(key.Credential, credential) {
				return key, nil
			}
		}
		return factor.Passkey{}, errors.New("no such key")
	})
	if err == nil {
		s.keys[0] = key
	}
	return "welcome", err
}

// keyed opens a window with an authenticator in it.
func keyed(t *testing.T) (*tab, webauthn.AuthenticatorID) {
	t.Helper()
	b := open(t, nil)
	command(b, webauthn.Enable, webauthn.EnableParams{})
	made := command(b, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	return b, made.AuthenticatorID
}

// says waits for a text, over the change of pages that a ceremony ends with.
func (s *keySite) says(b *tab, text string) {
	s.t.Helper()
	if !b.lands(text) {
		s.t.Fatalf("no %q at %s", text, b.where())
	}
}

func (s *keySite) press(b *tab, button string) {
	s.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(button)))
}

func TestPasskeysInChromium(t *testing.T) {
	s := newKeySite(t)
	b, device := keyed(t)
	visit := func(how string) { b.do(chromedp.Navigate(s.url + "/?how=" + how)) }
	hold := func(held bool) {
		command(b, webauthn.SetAutomaticPresenceSimulation, webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: device, Enabled: !held})
	}

	command(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `window.asked = [];
		const get = navigator.credentials.get.bind(navigator.credentials);
		navigator.credentials.get = (o) => { window.asked.push(o.mediation ?? "none"); return get(o); };`})
	visit("")
	s.press(b, "#create")
	s.says(b, "created none")
	b.quiet("create")

	s.press(b, "#create")
	s.says(b, "You have one already")

	s.press(b, "#get")
	s.says(b, "welcome")
	b.quiet("get")

	visit("conditional")
	s.says(b, "welcome")
	b.quiet("conditional: the authenticator answers at once")

	hold(true)
	visit("conditional")
	pending(b, s)
	if asked := evaluate[string](b, `window.asked.join()`); asked != "conditional" {
		t.Errorf("the field asked with mediation %q", asked)
	}
	hold(false)
	s.press(b, "#get")
	s.says(b, "welcome")
	b.quiet("a button while the field waits")
	if newest := fmt.Sprint("ticket-", s.given()-1); s.used != newest {
		t.Errorf("%s signed in, not the button's %s", s.used, newest)
	}

	s.set(func() { s.hasty = true })
	hold(true)
	before := s.given()
	visit("conditional")
	evaluate[bool](b, `new Promise(done => setTimeout(() => done(true), 1400))`)
	if n := s.given() - before; n < 2 || n > 5 {
		t.Errorf("%d challenges of half a second in 1.4 s", n)
	}
	s.set(func() { s.hasty = false })
	hold(false)

	visit("")
	command(b, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: device})
	s.press(b, "#get")
	s.says(b, "You stopped it")
	command(b, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: device, IsUserVerified: true})
	s.press(b, "#get")
	s.says(b, "welcome")

	s.set(func() { s.refuse = true })
	s.press(b, "#get")
	s.says(b, "Too many tries Wait a minute")
	s.set(func() { s.refuse = false })

	command(b, webauthn.ClearCredentials, webauthn.ClearCredentialsParams{AuthenticatorID: device})
	s.set(func() { s.keys, s.wish = nil, factor.PasskeyWish{Attestation: true} })
	visit("")
	s.press(b, "#create")
	s.says(b, "created packed")
	s.set(func() { s.wish.Allow = []string{"ee882879-721c-4913-9775-3dfcce97072a"}; s.keys = nil })
	s.press(b, "#create")
	s.says(b, "passkey-model-not-allowed unlisted")
}

// given is how many tickets there have been.
func (s *keySite) given() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tickets)
}

func (s *keySite) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// pending waits until the page has asked for its options and given them to the
// browser.
func pending(b *tab, s *keySite) {
	s.t.Helper()
	evaluate[bool](b, `new Promise(done => setTimeout(() => done(true), 300))`)
	if text := b.text("#said"); text != "ready" {
		s.t.Fatalf("the field did not wait: %s", text)
	}
}

func TestAuthenticatorsThatLie(t *testing.T) {
	s := newKeySite(t)
	b, device := keyed(t)
	b.do(chromedp.Navigate(s.url + "/"))
	s.press(b, "#create")
	s.says(b, "created none")
	yes := true
	for _, row := range []struct {
		name   string
		lie    webauthn.SetResponseOverrideBitsParams
		reason string
	}{
		{"A049 bogus signature", webauthn.SetResponseOverrideBitsParams{IsBogusSignature: &yes}, "signature"},
		{"A049 not verified", webauthn.SetResponseOverrideBitsParams{IsBadUV: &yes}, "unverified"},
		{"A049 not present", webauthn.SetResponseOverrideBitsParams{IsBadUP: &yes}, "presence"},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.lie.AuthenticatorID = device
			command(b, webauthn.SetResponseOverrideBits, row.lie)
			s.press(b, "#get")
			s.says(b, "passkey-refused "+row.reason)
		})
	}
}

func TestBrowsersWithoutPasskeys(t *testing.T) {
	s := newKeySite(t)
	b := open(t, nil)
	b.do(chromedp.Navigate(strings.Replace(s.url, "localhost", "127.0.0.1", 1) + "/"))
	if evaluate[bool](b, `document.querySelector("#create").checkVisibility() !== ("PublicKeyCredential" in window)`) {
		t.Error("the button stands against what the browser can")
	}
	b.do(chromedp.Navigate(s.url + "/"))
	encoded := base64.StdEncoding.EncodeToString([]byte("passkey"))
	evaluate[bool](b, `delete window.PublicKeyCredential, true`)
	evaluate[bool](b, `new Promise(done => { const s = document.createElement("script"); s.src = "/passkey.js?`+encoded+`"; s.onload = () => done(true); document.head.append(s); })`)
	if evaluate[bool](b, `document.querySelector("#create").checkVisibility()`) || !evaluate[bool](b, `document.querySelector("#missing").checkVisibility()`) {
		t.Error("without PublicKeyCredential the buttons stay")
	}
	b.quiet("without passkeys")
}
