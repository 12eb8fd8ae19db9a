package card_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/factor/factortest"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
)

// proofs is a house on a clock that the test moves, in which Botan is asked by
// an office and has a password and a passkey.
type proofs struct {
	*factortest.Rig
	*office
	key *factortest.Authenticator
}

func eachProofs(t *testing.T, f func(p *proofs)) {
	t.Helper()
	housetest.EachURL(t, func(t *testing.T, url string) {
		p := &proofs{office: newOffice()}
		p.Rig = factortest.NewRig(t, housetest.On(url), func(x *housetest.Options) { x.Systems = p.office })
		p.set(func() { p.ties[0].Org, p.ties[0].Person = p.K.Org, p.K.Botan })
		p.Password(p.K.Botan, false)
		p.key = p.Passkey(p.K.Botan)
		f(p)
	})
}

// by is a browser of Botan's, in which they proved who they are by methods.
func (p *proofs) by(methods ...factor.Method) factortest.Visitor {
	return factortest.Visitor{Visitor: p.Home.AsBy(p, p.K.Botan, p.K.Org, methods...), R: p.Rig}
}

// waits waits for a card of Botan's to have a state; the clock moves on meanwhile.
func (p *proofs) waits(row string, want card.State) card.Card {
	p.Helper()
	for i := range 1500 {
		for _, done := range []bool{false, true} {
			page, _, err := p.Home.Cards().List(ctx, p.K.Botan, done, "", 50)
			if err != nil {
				p.Fatal(err)
			}
			for _, c := range page {
				if c.Backend == row && c.State == want {
					return c
				}
			}
		}
		if i%10 == 0 {
			p.Home.Cards().Resync()
			_ = p.Home.Cards().Rung(ctx, p.K.Org, snow, nil)
		}
		time.Sleep(10 * time.Millisecond)
		p.Clock.Advance(20 * time.Millisecond)
	}
	p.Fatalf("no card about %s is %s", row, want)
	return card.Card{}
}

// rule has an organization ask for more, and returns the answer.
func (p *proofs) rule(who id.Person, body map[string]any) housetest.Answer {
	return p.Home.As(p, who, p.K.Org).Call(http.MethodPost, "/api/v1/organizations/"+string(p.K.Org)+"/card-policies", body)
}

func (p *proofs) large(more map[string]any) {
	p.Helper()
	body := map[string]any{"name": "large", "kinds": []string{"outside"}, "when": "card.amount >= 100000.0", "level": "passkey", "within": 600}
	for name, value := range more {
		body[name] = value
	}
	if got := p.rule(p.K.Chika, body); got.Status != http.StatusCreated {
		p.Fatalf("a rule: %d %s", got.Status, got.Body)
	}
}

func approves(c card.Card, more ...string) url.Values {
	form := url.Values{"digest": {c.Digest}, "decision": {"approve"}, "reason": {"Fits the budget of June"}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return form
}

// TestStepUpByPolicy: what a policy asks for is said before anybody presses, and
// nothing is decided before it was shown; then it takes one more press (K7).
func TestStepUpByPolicy(t *testing.T) {
	eachProofs(t, func(p *proofs) {
		p.large(nil)
		p.ask("1")
		c := p.waits("1", card.Open)
		v, page := p.by(factor.ByPassword), card.PathOf(c.ID)
		p.Clock.Advance(3 * time.Minute)
		p.Says(v.Get(page), http.StatusOK, "you are asked for your passkey")
		step := "/signin/again?" + url.Values{"back": {page}, "need": {"passkey"}}.Encode()
		p.Led(v.Post(page, approves(c)), step)
		if got := p.waits("1", card.Open); got.Decision != "" || len(p.writes()) != 0 {
			t := got.Decision
			p.Fatalf("K7 decided %q without the passkey", t)
		}
		if told := factortest.Told(v.Get(step)); strings.Contains(told, `type="password"`) || !strings.Contains(told, "Use a passkey") {
			p.Errorf("K7 it offers what would not be enough\n%s", told)
		}
		p.Says(v.Post("/signin/again", url.Values{"password": {factortest.Right}, "back": {page}, "need": {"passkey"}}), http.StatusUnprocessableEntity, "does not prove enough")
		form := v.Ceremony(p.key, "/signin/again/options")
		form.Set("back", page)
		p.Led(v.Post("/signin/again", form), page)
		if got := p.waits("1", card.Open); got.Decision != "" {
			p.Fatalf("K7 proving who they are decided %q by itself", got.Decision)
		}
		shown := v.Get(page)
		for _, want := range []string{"Fits the budget of June", "press once more", `name="kept" value="1"`} {
			if !strings.Contains(html.UnescapeString(shown.Body), want) {
				p.Errorf("K7 back from the proof the card lacks %q", want)
			}
		}
		if told := html.UnescapeString(p.by(factor.ByPassword).Get(page).Body); strings.Contains(told, "Fits the budget of June") {
			p.Error("K7 another session shows what was typed in this one")
		}
		p.Led(v.Post(page, approves(c, "kept", "1")), page)
		if got := p.waits("1", card.Applied); got.ACR != factor.AAL2 || got.Reason != "Fits the budget of June" || len(p.writes()) != 1 {
			p.Errorf("decided at %s for %q, written %v", got.ACR, got.Reason, p.writes())
		}
		p.Says(v.Post("/signin/again", form), http.StatusUnprocessableEntity, "passkey was not accepted") // the same answer again proves nothing
		p.Led(v.Post(page, approves(c)), page)
		if len(p.writes()) != 1 {
			p.Errorf("A110 the same press again was written: %v", p.writes())
		}
	})
}

// TestStepUpRefused: each way to decide without the proof that a policy asks
// for, with its twin that has it (K7).
func TestStepUpRefused(t *testing.T) {
	eachProofs(t, func(p *proofs) {
		if got := p.rule(p.K.Aoi, map[string]any{"name": "x", "level": "aal2"}); got.Status != http.StatusForbidden {
			p.Errorf("who may not write policies: %d", got.Status)
		}
		if got := p.Home.As(p, p.K.Ume, p.K.Momiji).Get("/api/v1/organizations/" + string(p.K.Org) + "/card-policies"); got.Status != http.StatusNotFound {
			p.Errorf("R4 policies from another organization: %d", got.Status)
		}
		for name, body := range map[string]map[string]any{
			"says nothing": {"name": "x"}, "no level": {"name": "x", "level": "aal9"}, "no time": {"name": "x", "within": 5},
			"no name": {"level": "aal2"}, "no kind": {"name": "x", "level": "aal2", "kinds": []string{"ships"}}, "no condition": {"name": "x", "level": "aal2", "when": "card."},
			"no system": {"name": "x", "level": "aal2", "systems": []string{string(aoi)}},
		} {
			if got := p.rule(p.K.Chika, body); got.Status < 400 || got.Status >= 500 {
				p.Errorf("%s: %d %s", name, got.Status, got.Body)
			}
		}
		p.large(nil)
		p.ask("1")
		p.ask("2", func(a *connector.Approval) { a.Amount.Value = "9800" })
		p.ask("3", func(a *connector.Approval) { a.Amount.Value = "98.00,00" }) // no number: the rule applies
		c := p.waits("1", card.Open)
		api := "/api/v1/cards/" + string(c.ID) + "/decide"
		body := map[string]any{"decision": "approve", "digest": c.Digest}
		refused := func(name string, v *housetest.Visitor, status int, code string) {
			p.Helper()
			got := v.Call(http.MethodPost, api, body)
			if got.Status != status || !strings.Contains(got.Body, code) {
				p.Errorf("K7 %s: %d %s", name, got.Status, got.Body)
			}
			if now := p.waits("1", card.Open); now.Decision != "" || len(p.writes()) != 0 {
				p.Fatalf("K7 %s decided", name)
			}
			if challenge := got.Header.Get("WWW-Authenticate"); code == "step-up-required" && !strings.Contains(challenge, `acr_values="passkey", max_age="600"`) {
				p.Errorf("K7 %s: the challenge is %s", name, challenge)
			}
		}
		refused("a session of one factor", p.by(factor.ByPassword).Visitor, http.StatusUnauthorized, "step-up-required")
		refused("two factors that are no passkey", p.by(factor.ByPassword, factor.ByTOTP).Visitor, http.StatusUnauthorized, "step-up-required")
		refused("a code by mail", p.by(factor.ByMail).Visitor, http.StatusUnauthorized, "step-up-required")
		program := p.Home.Nobody(p).Send(http.MethodPost, api, `{"decision":"approve","digest":"`+c.Digest+`"}`, http.Header{
			"Authorization": {"Bearer " + p.token()}, "Content-Type": {"application/json"},
		})
		if program.Status != http.StatusForbidden || !strings.Contains(program.Body, "person-must-be-present") {
			p.Errorf("K7 a token of a session with a passkey: %d %s", program.Status, program.Body)
		}
		refused("nobody", p.Home.Nobody(p), http.StatusUnauthorized, "not-signed-in")
		v := p.by(factor.ByPasskey)
		p.Clock.Advance(11 * time.Minute)
		refused("a passkey of eleven minutes ago", v.Visitor, http.StatusUnauthorized, "step-up-required")
		p.Led(v.ByPasskey(p.key, "/signin/again/options", "/signin/again", nil), "/settings")
		if got := v.Call(http.MethodGet, "/api/v1/cards/"+string(c.ID), nil); !strings.Contains(got.Body, `"proof":{"level":"passkey","within":600,"enough":true}`) {
			p.Errorf("the card says %s", got.Body)
		}
		if got := v.Call(http.MethodPost, api, body); got.Status != http.StatusOK {
			p.Errorf("with the passkey: %d %s", got.Status, got.Body)
		}
		p.waits("1", card.Applied)
		weak := p.by(factor.ByPassword)
		small, odd := p.waits("2", card.Open), p.waits("3", card.Open)
		if got := weak.Call(http.MethodPost, "/api/v1/cards/"+string(odd.ID)+"/decide", map[string]any{"decision": "approve", "digest": odd.Digest}); got.Status != http.StatusUnauthorized {
			p.Errorf("K7 a price that is no number got past the rule: %d", got.Status)
		}
		if got := weak.Call(http.MethodPost, "/api/v1/cards/"+string(small.ID)+"/decide", map[string]any{"decision": "approve", "digest": small.Digest}); got.Status != http.StatusOK {
			p.Errorf("a card that no rule is about: %d %s", got.Status, got.Body)
		}
		if said := p.records("card.refused", "card:"+string(c.ID)); said != 4 {
			p.Errorf("the log has %d refusals of that card, want 4", said)
		}
	})
}

// records counts the records of an event about a thing, as the log shows them.
func (p *proofs) records(name, target string) int {
	p.Helper()
	p.Clock.Advance(2 * time.Second)
	var found struct{ Items []struct{ Name string } }
	for range 200 { // they get their places within a second
		got := p.Home.As(p, p.K.Chika, p.K.Org).Call(http.MethodGet, "/api/v1/audit/records?"+url.Values{"name": {name}, "target": {target}}.Encode(), nil)
		if err := json.Unmarshal([]byte(got.Body), &found); err != nil || got.Status != http.StatusOK {
			p.Fatalf("the log: %d %s", got.Status, got.Body)
		}
		if len(found.Items) >= 4 {
			break
		}
		time.Sleep(20 * time.Millisecond)
		p.Clock.Advance(100 * time.Millisecond)
	}
	return len(found.Items)
}

// token is the value of a token for a program, made in a session with a passkey.
func (p *proofs) token() string {
	p.Helper()
	got := p.Home.As(p, p.K.Chika, p.K.Org).Call(http.MethodPost, "/api/v1/me/tokens", map[string]any{"name": "script", "org": p.K.Org, "days": 1, "scopes": []string{"card.policy"}})
	var made struct {
		Value string `json:"value"`
	}
	if err := json.Unmarshal([]byte(got.Body), &made); err != nil || got.Status != http.StatusCreated {
		p.Fatalf("make a token: %d %s", got.Status, got.Body)
	}
	return made.Value
}

// TestStepUpAndChange: a card that changed while its person proved who they are
// is shown again, with what was typed and why.
func TestStepUpAndChange(t *testing.T) {
	eachProofs(t, func(p *proofs) {
		p.large(map[string]any{"when": "", "level": "aal2", "systems": []string{}})
		p.ask("1")
		c := p.waits("1", card.Open)
		v, page := p.by(factor.ByPassword), card.PathOf(c.ID)
		p.Led(v.Post(page, approves(c)), "/signin/again?"+url.Values{"back": {page}, "need": {"aal2"}}.Encode())
		p.change("1", func(a *connector.Approval) { a.Amount.Value = "298000" })
		for range 500 {
			if now := p.waits("1", card.Open); now.Digest != c.Digest {
				break
			}
			_ = p.Home.Cards().Rung(ctx, p.K.Org, snow, nil)
			time.Sleep(10 * time.Millisecond)
			p.Clock.Advance(3 * time.Second)
		}
		p.Led(v.ByPasskey(p.key, "/signin/again/options", "/signin/again", url.Values{"back": {page}}), page)
		shown := v.Get(page)
		for _, want := range []string{"The card has changed since you saw it", "298000", "Fits the budget of June"} {
			if !strings.Contains(html.UnescapeString(shown.Body), want) {
				p.Errorf("R5 the changed card lacks %q", want)
			}
		}
		if got := v.Post(page, approves(c, "kept", "1")); got.Status != http.StatusConflict || len(p.writes()) != 0 {
			p.Errorf("R5 the digest from before: %d %v", got.Status, p.writes())
		}
		p.Led(v.Post(page, approves(p.waits("1", card.Open), "kept", "1")), page)
		p.waits("1", card.Applied)
	})
}
