package connectortest_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/connector/connectortest"
	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/wire/jws"
)

// stage is an adapter with one card of tetsuo's, and a call to it.
func stage(t *testing.T) (*connectortest.Adapter, *connector.Engine, connector.Call) {
	t.Helper()
	key, err := jws.Make(jws.ES256)
	if err != nil {
		t.Fatal(err)
	}
	a := &connectortest.Adapter{
		Key: key.Public(), Now: clock.System().Now, Backend: "token-of-tetsuo", Waiting: map[string][]string{"tetsuo@shed.example": {"7"}},
		Done: map[string]string{}, Presses: map[string]int{},
	}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	a.Origin = server.URL
	way, err := egress.New(egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	e := connector.NewEngine(connector.EngineOptions{Egress: way, Clock: clock.System()})
	t.Cleanup(e.Close)
	all := connector.BuiltIn()
	i := slices.IndexFunc(all, func(d *connector.Definition) bool { return d.Kind == connector.KindCard })
	return a, e, connector.Call{
		Definition: all[i], Settings: map[string]any{"base_url": server.URL}, Email: "tetsuo@shed.example",
		Credential: connector.Credential{Token: secret.Of("token-of-tetsuo")}, Signer: connector.SignerOf(key),
	}
}

func TestAnAdaptersCardsAreRefusedWhereTheyShouldBe(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*connectortest.Adapter, *connector.Call)
		kind connector.Kind
	}{
		{"the system behind it knows the person no more", func(_ *connectortest.Adapter, c *connector.Call) { c.Credential.Token = secret.Of("old") }, connector.Unauthorized},
		{"the system behind it says 401", func(a *connectortest.Adapter, _ *connector.Call) { a.Status = 401 }, connector.Unauthorized},
		{"the system behind it is down", func(a *connectortest.Adapter, _ *connector.Call) { a.Status = 503 }, connector.Unavailable},
		{"the system behind it forbids", func(a *connectortest.Adapter, _ *connector.Call) { a.Status = 403 }, connector.Forbidden},
		{"a key that the adapter does not know", func(_ *connectortest.Adapter, c *connector.Call) {
			other, err := jws.Make(jws.ES256)
			if err != nil {
				t.Fatal(err)
			}
			c.Signer = connector.SignerOf(other)
		}, connector.Failed},
		{"an audience that is not the address", func(a *connectortest.Adapter, c *connector.Call) { c.Signer = elsewhere{c.Signer} }, connector.Failed},
		{"TRAP-C21 discovery that leads away", func(a *connectortest.Adapter, _ *connector.Call) { a.Origin = "http://127.0.0.1:1" }, connector.Failed},
		{"a key before that it does not know either", func(_ *connectortest.Adapter, c *connector.Call) {
			c.Signer, c.Before = elsewhere{c.Signer}, elsewhere{c.Signer}
		}, connector.Failed},
		{"no key at all", func(_ *connectortest.Adapter, c *connector.Call) { c.Signer = nil }, connector.Failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, e, call := stage(t)
			c.set(a, &call)
			if list, err := e.Approvals(t.Context(), call); connector.KindOf(err) != c.kind {
				t.Fatal(list, err)
			}
		})
	}
	t.Run("TRAP-C21 a card whose actions lead away is not shown", func(t *testing.T) {
		a, e, call := stage(t)
		a.Foreign = "https://evil.example"
		if list, err := e.Approvals(t.Context(), call); err != nil || len(list) != 0 {
			t.Fatal(list, err)
		}
	})
	t.Run("an adapter that keeps the key from before", func(t *testing.T) {
		_, e, call := stage(t)
		other, err := jws.Make(jws.ES256)
		if err != nil {
			t.Fatal(err)
		}
		call.Signer, call.Before = connector.SignerOf(other), call.Signer
		if list, err := e.Approvals(t.Context(), call); err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
	})
	t.Run("a person without a mail address has no cards", func(t *testing.T) {
		_, e, call := stage(t)
		call.Email = ""
		if list, err := e.Approvals(t.Context(), call); err != nil || len(list) != 0 {
			t.Fatal(list, err)
		}
	})
}

// elsewhere signs for another address.
type elsewhere struct{ connector.Signer }

func (s elsewhere) Sign(claims map[string]any) (string, error) {
	claims["aud"] = []string{"https://other.example/"}
	return s.Signer.Sign(claims)
}

func TestAnActionOfACard(t *testing.T) {
	t.Run("CAP-K4 an adapter in any language", testAction)
}

func testAction(t *testing.T) {
	a, e, call := stage(t)
	if who, err := e.Whoami(t.Context(), call); err != nil || who.Email != "tetsuo@shed.example" {
		t.Fatal(who, err)
	}
	list, err := e.Approvals(t.Context(), call)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	card := list[0]
	if card.ID != "7" || card.Title != "Leave of Mei" || card.URL != "" || !card.CanDecide || len(card.Actions) != 2 || card.Actions[0].Set != "answer" || card.Actions[1].Kind != connector.Ask {
		t.Fatalf("%+v", card)
	}
	for name, input := range map[string]map[string]string{"no reason": nil, "a long one": {"reason": "far too long a reason"}} {
		if _, err := e.Act(t.Context(), call, "7", "no", input); connector.KindOf(err) != connector.Invalid {
			t.Fatal(name, err)
		}
	}
	if _, err := e.Act(t.Context(), call, "7", "maybe", nil); connector.KindOf(err) != connector.Conflict {
		t.Fatal(err)
	}
	if _, err := e.Act(t.Context(), call, "8", "yes", nil); connector.KindOf(err) != connector.NotFound {
		t.Fatal(err)
	}
	a.Lies = true
	_, err = e.Act(t.Context(), call, "7", "yes", nil)
	if p, ok := err.(*connector.Problem); !ok || p.Kind != connector.NotApplied || !p.Sent {
		t.Fatal("TRAP-C1 ", err)
	}
	a.Lies = false
	changed, err := e.Act(t.Context(), call, "7", "no", map[string]string{"reason": "busy"})
	if err != nil || changed.ETag != "h-nobusy" || changed.State != connector.Pending {
		t.Fatal(changed, err)
	}
	gone, err := e.Act(t.Context(), call, "7", "yes", nil)
	if err != nil || gone.State != connector.Closed || len(a.Waiting["tetsuo@shed.example"]) != 0 {
		t.Fatal(gone, err)
	}
	if a.Presses["7:yes"] != 2 || a.Presses["7:no"] != 1 || len(a.Presses) != 2 {
		t.Fatal(a.Presses)
	}
	if _, err := e.Decide(t.Context(), call, connector.Verdict{ID: "7", Decision: connector.Approve}); connector.KindOf(err) != connector.Invalid {
		t.Fatal(err)
	}
}

// TestAnAdapterGetsNothingElse: whatever stands in the id of a card or of an
// action, and whatever somebody types, an adapter is called at its own addresses
// only, and gets the value where it asked for one: no other parameter, no other
// path, no other header (C10).
func TestAnAdapterGetsNothingElse(t *testing.T) {
	a, e, call := stage(t)
	list, err := e.Approvals(t.Context(), call)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	a.Loose = true
	for _, value := range connectortest.Corpus {
		for name, try := range map[string]struct {
			card, action string
			kind         connector.Kind
		}{"card": {value, "no", connector.NotFound}, "action": {"7", value, connector.Conflict}} {
			if got, err := e.Act(t.Context(), call, try.card, try.action, map[string]string{"reason": "x"}); connector.KindOf(err) != try.kind {
				t.Errorf("TRAP-C10 %s %.40q: %+v, %v", name, value, got, err)
			}
		}
		if len(a.Presses) > 0 {
			t.Fatalf("TRAP-C10 %.40q pressed %v", value, a.Presses)
		}
	}
	arrived := 0
	for i, value := range connectortest.Corpus {
		if len([]rune(value)) > 1000 {
			continue // more than the adapter asks for: TestAnActionOfACard
		}
		if _, err := e.Act(t.Context(), call, "7", "no", map[string]string{"reason": value, "how": "yes", "x": "1"}); err != nil {
			continue
		}
		arrived++
		if want := (url.Values{"how": {"no"}, "reason": {value}}); !maps.EqualFunc(a.Form, want, slices.Equal) || a.Path != "/press/7" {
			t.Errorf("TRAP-C10 value %d, %.40q, arrived as %v at %s", i, value, a.Form, a.Path)
		}
		if len(a.Presses) != 1 || a.Presses["7:no"] == 0 {
			t.Fatalf("TRAP-C10 %.40q pressed %v", value, a.Presses)
		}
	}
	if arrived < 60 {
		t.Errorf("%d values came through", arrived)
	}
}

// TestAnAdapterThatSaysTheTokenBack: the person's token, repeated on a card, is on
// no card.
func TestAnAdapterThatSaysTheTokenBack(t *testing.T) {
	a, e, call := stage(t)
	a.Backend = "canary-31b7e0-token-of-tetsuo"
	call.Credential.Token = secret.Of(a.Backend)
	a.Title = "Leave, asked with " + a.Backend
	list, err := e.Approvals(t.Context(), call)
	if said := fmt.Sprintf("%+v %v", list, err); err != nil || len(list) != 1 || strings.Contains(said, "canary") || !strings.Contains(said, secret.Redacted) {
		t.Errorf("TRAP-C24 the card says %s", said)
	}
}

// TestAnAdapterIsAskedOnceWhatItIs: a poll without news is one call; what an
// adapter says of itself is read again after an hour, and after a failure.
func TestAnAdapterIsAskedOnceWhatItIs(t *testing.T) {
	a, _, call := stage(t)
	asked, polled := 0, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked++; r.Method == http.MethodPost {
			asked--
			polled++
		}
		a.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	a.Origin, call.Settings = server.URL, map[string]any{"base_url": server.URL}
	way, err := egress.New(egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		t.Fatal(err)
	}
	moved := clock.NewMoved(clock.System().Now())
	a.Now = moved.Now
	e := connector.NewEngine(connector.EngineOptions{Egress: way, Clock: moved})
	t.Cleanup(e.Close)
	read := func(want connector.Kind) {
		t.Helper()
		if _, err := e.Approvals(t.Context(), call); connector.KindOf(err) != want {
			t.Fatal(err)
		}
	}
	for range 5 {
		read("")
		moved.Advance(11 * time.Minute)
	}
	if asked != 1 || polled != 5 {
		t.Errorf("in 5 polls it was asked %d times what it is, and %d times for cards", asked, polled)
	}
	moved.Advance(10 * time.Minute)
	read("")
	if asked != 2 {
		t.Errorf("after an hour it was asked %d times what it is", asked)
	}
	a.Status = 503
	read(connector.Unavailable)
	a.Status = 0
	moved.Advance(time.Minute) // the line rests after a failure
	read("")
	if asked != 3 {
		t.Errorf("after a failure it was asked %d times what it is", asked)
	}
}
