package sender_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/fake/app"
	"github.com/sekisho/sekisho/internal/wire/jws"
)

// An app sends a card; a person approves it; the app is told by a signature that
// it verifies with the public keys alone; and only then the card says so.
func TestACardOfAnApp(t *testing.T) {
	for _, form := range []object{{"signature": "jwt"}, {"signature": "jwt", "alg": "RS256"}, {"signature": "http"}, {"signature": "http", "alg": "RS256"}} {
		t.Run("TRAP-H5 "+form["signature"].(string)+" "+asText(form["alg"]), func(t *testing.T) {
			each(t, func(r *rig) {
				token, _ := r.token(r.add("expense", form), nil)
				m := r.send(token, "exp-4711", card(nil))
				if m.State != "sent" || m.People != 1 || m.Reached != 1 || m.ContentDigest == "" {
					t.Fatalf("%+v", m)
				}
				if again := r.send(token, "exp-4711", card(nil)); again.ID != m.ID {
					t.Errorf("the same key again is another message: %s, %s", m.ID, again.ID)
				}
				botan, aoi := r.h.As(t, r.k.Botan, r.k.Org), r.h.As(t, r.k.Aoi, r.k.Org)
				mine := r.cards(botan)
				if len(mine) != 1 || mine[0].Title != "Expense 4711" || mine[0].Source != "Expense Desk" || len(r.cards(aoi)) != 0 {
					t.Fatalf("botan's cards: %+v; aoi's: %+v", mine, r.cards(aoi))
				}
				c := mine[0]
				if got := r.decide(botan, c, object{"decision": "reject"}); got.Status != http.StatusBadRequest || !strings.Contains(got.Body, "card-reason-required") {
					t.Errorf("without a reason: %d %s", got.Status, got.Body)
				}
				if got := r.decide(botan, c, object{"decision": "approve", "digest": strings.Repeat("0", 64)}); code(got) != "card-changed" {
					t.Errorf("R5 of something else: %d %s", got.Status, got.Body)
				}
				if got := r.decide(aoi, c, object{"decision": "approve"}); got.Status != http.StatusNotFound {
					t.Errorf("TRAP-H1 somebody else: %d", got.Status)
				}
				for range 2 {
					if got := r.decide(botan, c, object{"decision": "approve", "reason": "Fine"}); got.Status != http.StatusOK {
						t.Fatalf("decide: %d %s", got.Status, got.Body)
					}
				}
				r.until("the card is applied", func() bool { return r.card(botan, c.ID).State == "applied" })
				told := r.app.Told()
				if len(told) != 1 || told[0].Decision != "approved" || told[0].Reason != "Fine" || told[0].Person.Login != "botan" || told[0].CardDigest != c.Digest || told[0].Key != "exp-4711" {
					t.Fatalf("told %+v, calls %q", told, r.app.Calls())
				}
				if state := r.look(token, m.ID); state.Cards["applied"] != 1 || state.Items[0].Decision != "approved" || state.Items[0].Digest != c.Digest {
					t.Errorf("it sees %+v", state)
				}
				if got := r.decide(botan, c, object{"decision": "reject", "reason": "No"}); code(got) != "card-settled" {
					t.Errorf("another decision: %d %s", got.Status, got.Body)
				}
				for name, n := range map[string]int{"card-sender.sent": 1, "card.raised": 1, "card.decided": 1, "card.applied": 1, "card-sender.token-made": 1, "signing-key.made": 1} {
					if got := r.recorded(name); got < n || name != "signing-key.made" && got != n {
						t.Errorf("the witness has %d of %s", got, name)
					}
				}
			})
		})
	}
}

func asText(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	return "ES256"
}

// TRAP-H24: what the sample program refuses, although each was signed by us once.
func TestWhatAnAppRefuses(t *testing.T) {
	for _, form := range []string{"jwt", "http"} {
		each(t, func(r *rig) {
			token, _ := r.token(r.add("expense", object{"signature": form}), nil)
			m := r.send(token, "one", card(nil))
			r.app.Expects(m.ID, "another content")
			botan := r.h.As(t, r.k.Botan, r.k.Org)
			c := r.cards(botan)[0]
			r.decide(botan, c, object{"decision": "approve"})
			r.until("TRAP-H24 a changed digest is refused", func() bool { return r.card(botan, c.ID).State == "failed" })
			if got := r.app.Calls(); len(got) != 1 || !strings.Contains(got[0], "not about what was sent") {
				t.Errorf("TRAP-H24 %s, changed digest: %q", form, got)
			}
			page := botan.Get("/cards/" + c.ID)
			if !strings.Contains(page.Body, "did not take your decision") {
				t.Errorf("the card does not say so: %d", page.Status)
			}
			r.app.Expects(m.ID, m.ContentDigest)
			if got := r.decide(botan, r.card(botan, c.ID), object{"decision": "approve"}); got.Status != http.StatusOK {
				t.Errorf("decide again: %d %s", got.Status, got.Body)
			}
			r.until("the second one counts", func() bool { return r.card(botan, c.ID).State == "applied" })
			body := r.app.Bodies()[1]
			if form == "jwt" {
				header := http.Header{"Content-Type": {"application/jwt"}}
				status := r.replay(header, body)
				if calls := r.app.Calls(); status != http.StatusOK || calls[len(calls)-1] != "again" || len(r.app.Told()) != 1 {
					t.Errorf("TRAP-H24 replayed: %d %q", status, calls)
				}
				options := r.app.Options
				options.Callback += "/2"
				other := app.New(options)
				if _, err := other.Verify(ctx, http.MethodPost, header, body); err != jws.ErrAudience { //nolint:errorlint // exactly
					t.Errorf("TRAP-H24 another address: %v", err)
				}
			}
		})
	}
}

// replay sends what was sent once again.
func (r *rig) replay(header http.Header, body []byte) int {
	r.Helper()
	w := &answer{header: http.Header{}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.at, strings.NewReader(string(body)))
	if err != nil {
		r.Fatal(err)
	}
	request.Header = header
	r.app.ServeHTTP(w, request)
	return w.status
}

type answer struct {
	header http.Header
	status int
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return len(b), nil }

// A program that is not there is tried again, under the same identifier; one that
// says no is an end, in its own words; one that is gone stays undone.
func TestHowAnAppAnswers(t *testing.T) {
	each(t, func(r *rig) {
		which := r.add("expense", nil)
		token, _ := r.token(which, nil)
		botan := r.h.As(t, r.k.Botan, r.k.Org)
		r.send(token, "one", card(nil))
		r.app.Answer("", 503, 500, 429)
		c := r.cards(botan)[0]
		r.decide(botan, c, object{"decision": "approve"})
		r.until("it arrives in the end", func() bool { return r.card(botan, c.ID).State == "applied" })
		if calls := r.app.Calls(); strings.Join(calls, ", ") != "answered 503, answered 500, answered 429, done" {
			t.Errorf("calls: %q", calls)
		}
		seen := map[string]bool{}
		for _, body := range r.app.Bodies() {
			d, err := r.app.Verify(ctx, http.MethodPost, http.Header{"Content-Type": {"application/jwt"}}, body)
			if err != nil {
				t.Error(err)
			}
			seen[d.ID] = true
		}
		if len(seen) != 1 {
			t.Errorf("%d identifiers of one decision", len(seen))
		}

		r.send(token, "two", card(nil))
		r.app.Answer("The budget is spent \u202e!", 409)
		c = r.cards(botan)[0]
		r.decide(botan, c, object{"decision": "approve"})
		r.until("the no is on the card", func() bool { return r.card(botan, c.ID).State == "failed" })
		if page := botan.Get("/cards/" + c.ID); !strings.Contains(page.Body, "The budget is spent [U+202E]!") {
			t.Errorf("A128 its words: %.3000s", page.Body)
		}

		r.send(token, "three", card(nil))
		if got := r.chika.Call(http.MethodDelete, r.senders()+"/"+string(which), nil); got.Status != http.StatusNoContent {
			t.Fatalf("remove: %d %s", got.Status, got.Body)
		}
		if got := r.call(token, http.MethodGet, sent, nil); got.Status != http.StatusUnauthorized {
			t.Errorf("its token afterwards: %d", got.Status)
		}
		r.until("its open cards are withdrawn", func() bool { return len(r.cards(botan)) == 0 })
	})
}

// Actions, pressed at once or with input, and a card that asks for nothing.
func TestActions(t *testing.T) {
	each(t, func(r *rig) {
		token, _ := r.token(r.add("expense", nil), nil)
		botan := r.h.As(t, r.k.Botan, r.k.Org)
		r.send(token, "acts", card(object{"approval": nil, "priority": "high", "actions": []object{
			{"id": "take", "label": "Take it", "primary": true},
			{"id": "pass", "label": "Pass on", "inputs": []object{
				{"id": "to", "label": "To whom", "required": true, "options": []object{{"value": "aoi", "label": "Aoi"}, {"value": "chika", "label": "Chika"}}},
				{"id": "days", "label": "Days", "format": "number"},
			}},
		}}))
		c := r.cards(botan)[0]
		if page := botan.Get("/cards/" + c.ID); !strings.Contains(page.Body, "Take it") || !strings.Contains(page.Body, `name="input.to"`) || !strings.Contains(page.Body, "Important") {
			t.Errorf("the page: %d", page.Status)
		}
		for name, bad := range map[string]object{
			"no input": {"action": "pass"}, "another choice": {"action": "pass", "inputs": object{"to": "ume"}}, "another input": {"action": "take", "inputs": object{"to": "aoi"}},
			"not a number": {"action": "pass", "inputs": object{"to": "aoi", "days": "two"}}, "another action": {"action": "sell"}, "approve": {"decision": "approve"}, "the house's own": {"action": "seen"},
		} {
			if got := r.decide(botan, c, bad); got.Status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", name, got.Status, got.Body)
			}
		}
		r.decide(botan, c, object{"action": "pass", "inputs": object{"to": "aoi", "days": "3"}})
		r.until("it is told", func() bool { return r.card(botan, c.ID).State == "applied" })
		if d := r.app.Told(); len(d) != 1 || d[0].Decision != "pass" || d[0].Inputs["to"] != "aoi" || d[0].Inputs["days"] != "3" {
			t.Errorf("told %+v", d)
		}

		m := r.send(token, "news", card(object{"approval": nil}))
		c = r.cards(botan)[0]
		if page := botan.Get("/cards/" + c.ID); !strings.Contains(page.Body, "Seen") {
			t.Errorf("no way to put it aside: %d", page.Status)
		}
		if got := r.decide(botan, c, object{"action": "seen"}); got.Status != http.StatusOK {
			t.Errorf("put aside: %d %s", got.Status, got.Body)
		}
		if len(r.cards(botan)) != 0 || len(r.app.Told()) != 1 || r.look(token, m.ID).Cards["applied"] != 1 {
			t.Error("it is not put aside")
		}
	})
}

// One decision ends it for all, and a withdrawn card is asked of nobody.
func TestOneDecisionAndWithdrawal(t *testing.T) {
	each(t, func(r *rig) {
		token, _ := r.token(r.add("expense", nil), nil)
		botan, aoi := r.h.As(t, r.k.Botan, r.k.Org), r.h.As(t, r.k.Aoi, r.k.Org)
		all := object{"groups": []string{"sales"}}
		r.send(token, "one", card(object{"to": all, "one_decision": true}))
		c, other := r.cards(botan)[0], r.cards(aoi)[0]
		r.decide(botan, c, object{"decision": "approve"})
		r.until("aoi is not asked any more", func() bool { return len(r.cards(aoi)) == 0 })
		if got := r.card(aoi, other.ID); got.State != "superseded" || got.Other == "" {
			t.Errorf("aoi's card: %+v", got)
		}
		if got := r.decide(aoi, other, object{"decision": "approve"}); code(got) != "card-settled" || len(r.app.Told()) != 1 {
			t.Errorf("a second decision: %d %s", got.Status, got.Body)
		}

		m := r.send(token, "two", card(object{"to": all, "requester": object{"name": "Aoi", "login": "aoi"}}))
		if m.People != 1 || len(r.cards(aoi)) != 0 {
			t.Errorf("TRAP-H8 the requester is asked: %+v", m)
		}
		c = r.cards(botan)[0]
		for range 2 {
			if got := r.call(token, http.MethodDelete, sent+"/"+m.ID, nil); got.Status != http.StatusOK || !strings.Contains(got.Body, `"withdrawn"`) {
				t.Fatalf("withdraw: %d %s", got.Status, got.Body)
			}
		}
		if got := r.decide(botan, c, object{"decision": "approve"}); code(got) != "card-settled" || len(r.cards(botan)) != 0 {
			t.Errorf("decide what was withdrawn: %d %s", got.Status, got.Body)
		}
	})
}

// TestACardOfAnAppAsksForMore: what a card policy asks for holds for cards of apps
// too, in the write that decides.
func TestACardOfAnAppAsksForMore(t *testing.T) {
	each(t, func(r *rig) {
		chika := r.h.As(t, r.k.Chika, r.k.Org)
		rule := object{"name": "high", "kinds": []string{"app"}, "when": `card.priority == "high"`, "level": "passkey"}
		if got := chika.Call(http.MethodPost, "/api/v1/organizations/"+string(r.k.Org)+"/card-policies", rule); got.Status != http.StatusCreated {
			t.Fatalf("a rule: %d %s", got.Status, got.Body)
		}
		token, _ := r.token(r.add("expense", object{"signature": "jwt"}), nil)
		r.send(token, "low", card(nil))
		r.send(token, "high", card(object{"priority": "high"}))
		weak, sure := r.h.AsBy(t, r.k.Botan, r.k.Org, factor.ByPassword), r.h.As(t, r.k.Botan, r.k.Org)
		decided := 0
		for _, c := range r.cards(weak) {
			got := r.decide(weak, c, object{"decision": "approve", "reason": "Fine"})
			if got.Status == http.StatusOK {
				decided++
				continue
			}
			if code(got) != "step-up-required" || r.card(sure, c.ID).State != "open" || len(r.app.Told()) > decided {
				t.Errorf("K7 decided without the passkey: %d %s", got.Status, got.Body)
			}
			if got := r.decide(sure, c, object{"decision": "approve", "reason": "Fine"}); got.Status != http.StatusOK {
				t.Errorf("with the passkey: %d %s", got.Status, got.Body)
			}
		}
		if decided != 1 {
			t.Errorf("%d cards were decided without a passkey, want the one that needs none", decided)
		}
	})
}
