package factor_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/factor/factortest"
	"github.com/sekisho/sekisho/internal/factor/totp"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
)

type ceremony struct {
	Options json.RawMessage
	Ticket  string
}

func begin(t *testing.T, v *housetest.Visitor) (c ceremony) {
	t.Helper()
	got := v.Call(http.MethodPost, "/api/v1/me/passkeys/begin", nil)
	if err := json.Unmarshal([]byte(got.Body), &c); err != nil || got.Status != http.StatusOK {
		t.Fatalf("begin: %d %s", got.Status, got.Body)
	}
	return c
}

func answer(t *testing.T, a *factortest.Authenticator, c ceremony, lies ...func(*factortest.Step)) json.RawMessage {
	t.Helper()
	text, err := a.Create(c.Options, lies...)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func finish(v *housetest.Visitor, c ceremony, text json.RawMessage, name string) housetest.Answer {
	return v.Call(http.MethodPost, "/api/v1/me/passkeys", map[string]any{"ticket": c.Ticket, "answer": text, "name": name})
}

// addKey gives the visitor a passkey and returns its row.
func addKey(t *testing.T, v *housetest.Visitor, a *factortest.Authenticator, name string) string {
	t.Helper()
	c := begin(t, v)
	got := finish(v, c, answer(t, a, c), name)
	var made factor.PasskeyBody
	if err := json.Unmarshal([]byte(got.Body), &made); err != nil || got.Status != http.StatusCreated {
		t.Fatalf("add a passkey: %d %s", got.Status, got.Body)
	}
	return made.ID
}

func TestAddingAPasskeyRefuses(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		aoi, botan, device := h.As(t, k.Aoi, k.Org), h.As(t, k.Botan, k.Org), factortest.New(h.URL())
		refuse := func(name, want string, got housetest.Answer) {
			t.Helper()
			if factortest.Code(got) != want {
				t.Errorf("%s: %s, want %s", name, got.Body, want)
			}
		}
		evil := factortest.New("https://evil.example")
		c := begin(t, aoi)
		refuse("A049 another origin", "passkey-refused", finish(aoi, c, answer(t, evil, c), "x"))
		c = begin(t, aoi)
		text := answer(t, device, c)
		for name, label := range map[string]string{
			"no name": "", "blanks": "  ", "81 characters": strings.Repeat("鍵", 81), "A128 bidi": "key\u202egnp", "A128 zero width": "ke\u200by", "two lines": "a\nb",
		} {
			refuse(name, "passkey-invalid", finish(aoi, c, text, label))
		}
		refuse("somebody else's ticket", "passkey-ceremony-over", finish(botan, c, text, "x"))
		for name, ticket := range map[string]string{"no ticket": "", "short": "AAAA", "not base64": "%%%", "forged": base64.RawURLEncoding.EncodeToString(make([]byte, 150))} {
			refuse(name, "passkey-ceremony-over", finish(aoi, ceremony{Ticket: ticket}, text, "x"))
		}
		if got := finish(aoi, c, text, strings.Repeat("鍵", 80)); got.Status != http.StatusCreated {
			t.Fatalf("80 characters: %d %s", got.Status, got.Body)
		}
		refuse("A049 the answer twice", "passkey-ceremony-over", finish(aoi, c, text, "again"))
		if _, err := device.Create(begin(t, aoi).Options); err != factortest.ErrExcluded {
			t.Errorf("a key that is there is not excluded: %v", err)
		}
		known := device.Keys[0].ID
		c = begin(t, botan)
		refuse("the same passkey for somebody else", "passkey-known",
			finish(botan, c, answer(t, factortest.New(h.URL()), c, func(s *factortest.Step) { s.ID = known }), "x"))
		if got := botan.Call(http.MethodGet, "/api/v1/me/passkeys", nil); strings.Contains(got.Body, "created") {
			t.Errorf("something was kept: %s", got.Body)
		}
	})
}

func TestPasskeysHaveAMost(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		aoi := h.As(t, k.Aoi, k.Org)
		for i := range factor.MostPasskeys - 1 {
			addKey(t, aoi, factortest.New(h.URL()), fmt.Sprint("key ", i))
		}
		c, d := begin(t, aoi), begin(t, aoi)
		if got := finish(aoi, c, answer(t, factortest.New(h.URL()), c), "the last"); got.Status != http.StatusCreated {
			t.Fatalf("the last one: %d %s", got.Status, got.Body)
		}
		if got := finish(aoi, d, answer(t, factortest.New(h.URL()), d), "one more"); factortest.Code(got) != "passkey-too-many" {
			t.Errorf("one that was begun before: %s", got.Body)
		}
		if got := aoi.Call(http.MethodPost, "/api/v1/me/passkeys/begin", nil); factortest.Code(got) != "passkey-too-many" {
			t.Errorf("one more: %s", got.Body)
		}
	})
}

func TestTheLastFactorStays(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k, ctx := h.People(t), context.Background()
		aoi, botan := h.As(t, k.Aoi, k.Org), h.As(t, k.Botan, k.Org)
		first := addKey(t, aoi, factortest.New(h.URL()), "first")
		path := "/api/v1/me/passkeys/" + first
		if got := aoi.Call(http.MethodDelete, path, nil); factortest.Code(got) != "factor-last" {
			t.Errorf("the last factor: %d %s", got.Status, got.Body)
		}
		if got := botan.Call(http.MethodDelete, path, nil); factortest.Code(got) != "passkey-unknown" {
			t.Errorf("R4 somebody else's: %d %s", got.Status, got.Body)
		}
		if got := botan.Call(http.MethodPut, path, map[string]string{"name": "mine"}); factortest.Code(got) != "passkey-unknown" {
			t.Errorf("R4 somebody else's name: %d %s", got.Status, got.Body)
		}
		if got := aoi.Call(http.MethodPut, path, map[string]string{"name": "a\u202eb"}); factortest.Fields(got) != "name text-has-controls" {
			t.Errorf("A128 rename: %d %s", got.Status, got.Body)
		}
		if got := aoi.Call(http.MethodPut, path, map[string]string{"name": "会社のノートPC"}); got.Status != http.StatusOK || !strings.Contains(got.Body, "会社のノートPC") {
			t.Errorf("rename: %d %s", got.Status, got.Body)
		}
		second := addKey(t, aoi, factortest.New(h.URL()), "second")
		if got := aoi.Call(http.MethodDelete, path, nil); got.Status != http.StatusNoContent {
			t.Errorf("one of two: %d %s", got.Status, got.Body)
		}
		if err := h.Factors().SetPassword(ctx, id.Local(0), k.Aoi, secret.Of(factortest.GoodPassword), false); err != nil {
			t.Fatal(err)
		}
		again := h.As(t, k.Aoi, k.Org)
		if got := again.Call(http.MethodDelete, "/api/v1/me/passkeys/"+second, nil); got.Status != http.StatusNoContent {
			t.Errorf("with a password left: %d %s", got.Status, got.Body)
		}
	})
}

// Eight at once remove eight passkeys; one stays.
func TestTheLastFactorStaysAtOnce(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		aoi := h.As(t, k.Aoi, k.Org)
		var keys []string
		for i := range 8 {
			keys = append(keys, addKey(t, aoi, factortest.New(h.URL()), fmt.Sprint("key ", i)))
		}
		done := make(chan int)
		for _, key := range keys {
			go func() { done <- aoi.Call(http.MethodDelete, "/api/v1/me/passkeys/"+key, nil).Status }()
		}
		gone := 0
		for range keys {
			if <-done == http.StatusNoContent {
				gone++
			}
		}
		held, err := h.Factors().Held(context.Background(), k.Aoi)
		if err != nil || len(held.Passkeys) != 8-gone || len(held.Passkeys) < 1 {
			t.Errorf("%d were removed, %d are left: %v", gone, len(held.Passkeys), err)
		}
	})
}

type offer struct{ Secret, URI, Ticket string }

func offerOf(t *testing.T, v *housetest.Visitor) (o offer) {
	t.Helper()
	got := v.Call(http.MethodPost, "/api/v1/me/totp", nil)
	if err := json.Unmarshal([]byte(got.Body), &o); err != nil || got.Status != http.StatusOK {
		t.Fatalf("offer: %d %s", got.Status, got.Body)
	}
	return o
}

func digits(t *testing.T, text string, at time.Time) string {
	t.Helper()
	shown, err := totp.Code(secret.Of(text), totp.StepAt(at))
	if err != nil {
		t.Fatal(err)
	}
	return shown.Reveal()
}

func wide(text string) string {
	return strings.Map(func(r rune) rune { return r - '0' + '０' }, text)
}

func TestAddingTOTPRefuses(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, url string) {
		moved, onClock := factortest.Timed()
		h := housetest.House(t, housetest.On(url), onClock)
		k := h.People(t)
		aoi, botan := h.As(t, k.Aoi, k.Org), h.As(t, k.Botan, k.Org)
		o := offerOf(t, aoi)
		confirm := func(v *housetest.Visitor, ticket, typed string) string {
			return factortest.Code(v.Call(http.MethodPut, "/api/v1/me/totp", map[string]string{"ticket": ticket, "code": typed}))
		}
		now := digits(t, o.Secret, moved.Now())
		for name, c := range map[string]struct {
			by            *housetest.Visitor
			ticket, typed string
			want          string
		}{
			"somebody else's offer": {botan, o.Ticket, now, "totp-offer-over"},
			"no offer":              {aoi, "", now, "totp-offer-over"},
			"five digits":           {aoi, o.Ticket, now[:5], "totp-malformed"},
			"letters":               {aoi, o.Ticket, "abcdef", "totp-malformed"},
			"long ago":              {aoi, o.Ticket, digits(t, o.Secret, moved.Now().Add(-5*time.Minute)), "totp-not-matched"},
			"another secret":        {aoi, offerOf(t, aoi).Ticket, now, "totp-not-matched"},
		} {
			if got := confirm(c.by, c.ticket, c.typed); got != c.want {
				t.Errorf("%s: %s, want %s", name, got, c.want)
			}
		}
		if held, err := h.Factors().Held(context.Background(), k.Aoi); err != nil || held.TOTP {
			t.Fatalf("a secret counts before it is confirmed: %v", err)
		}
		t.Run("A042 full width", func(t *testing.T) {
			if got := confirm(aoi, o.Ticket, wide(now[:3])+" "+wide(now[3:])); got != "204" {
				t.Fatal(got)
			}
			if got := confirm(aoi, o.Ticket, now); got != "totp-exists" {
				t.Errorf("the same code and offer again: %s", got)
			}
			if got := factortest.Code(aoi.Call(http.MethodPost, "/api/v1/me/totp", nil)); got != "totp-exists" {
				t.Errorf("another offer: %s", got)
			}
		})
		late := offerOf(t, botan)
		moved.Advance(factor.OfferLife)
		botan = h.As(t, k.Botan, k.Org)
		if got := confirm(botan, late.Ticket, digits(t, late.Secret, moved.Now())); got != "totp-offer-over" {
			t.Errorf("too late: %s", got)
		}
	})
}

// A short password stands only beside a one-time code.
func TestAShortPasswordKeepsItsSecondFactor(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k, ctx, room := h.People(t), context.Background(), h.Factors()
		aoi := h.As(t, k.Aoi, k.Org)
		set := func(pw string) string {
			got := aoi.Call(http.MethodPut, "/api/v1/me/password", map[string]string{"new": pw})
			return factortest.Code(got)
		}
		if got := set("herons 9d"); got != "password-too-short" {
			t.Errorf("alone: %s", got)
		}
		o := offerOf(t, aoi)
		if err := room.AddTOTP(ctx, k.Aoi, secret.Of(o.Ticket), digits(t, o.Secret, time.Now())); err != nil {
			t.Fatal(err)
		}
		if got := set("herons 9d"); got != "204" {
			t.Fatalf("beside a code: %s", got)
		}
		if got := factortest.Code(aoi.Call(http.MethodDelete, "/api/v1/me/totp", nil)); got != "password-needs-totp" {
			t.Errorf("remove what it stands beside: %s", got)
		}
		if got := set(factortest.GoodPassword); got != "204" {
			t.Fatal(got)
		}
		if got := factortest.Code(aoi.Call(http.MethodDelete, "/api/v1/me/totp", nil)); got != "204" {
			t.Errorf("remove: %s", got)
		}
		if got := factortest.Code(aoi.Call(http.MethodDelete, "/api/v1/me/totp", nil)); got != "totp-none" {
			t.Errorf("remove again: %s", got)
		}
	})
}

func TestWhoChangesAPassword(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, address string) {
		moved, onClock := factortest.Timed()
		h := housetest.House(t, housetest.On(address), onClock)
		k, ctx, room := h.People(t), context.Background(), h.Factors()
		if err := room.SetPassword(ctx, id.Local(0), k.Aoi, secret.Of(factortest.GoodPassword), false); err != nil {
			t.Fatal(err)
		}
		change := func(v *housetest.Visitor, current, next string) string {
			return factortest.Code(v.Call(http.MethodPut, "/api/v1/me/password", map[string]string{"current": current, "new": next}))
		}
		known, key := h.AsBy(t, k.Aoi, k.Org, factor.ByPassword), h.As(t, k.Aoi, k.Org)
		if got := change(known, "", factortest.GoodPassword+"2"); got != "password-wrong" {
			t.Errorf("none: %s", got)
		}
		if got := change(known, factortest.GoodPassword+" ", factortest.GoodPassword+"2"); got != "password-wrong" {
			t.Errorf("a factortest.Wrong one: %s", got)
		}
		if got := change(known, factortest.GoodPassword, "kaede trading"); got != "password-names-you" && got != "password-too-short" {
			t.Errorf("a bad new one: %s", got)
		}
		page := known.Post("/settings/password", url.Values{"current": {"canary-current"}, "new": {"canary-new-password-123"}})
		if page.Status != http.StatusUnprocessableEntity || strings.Contains(page.Body, "canary") {
			t.Errorf("R9 what was typed comes back: %d", page.Status)
		}
		if got := change(known, factortest.GoodPassword, factortest.GoodPassword+"2"); got != "204" {
			t.Errorf("the factortest.Right one: %s", got)
		}
		if got := key.Get("/settings/security"); got.Status != http.StatusUnauthorized {
			t.Errorf("another session stands: %d", got.Status)
		}
		key = h.As(t, k.Aoi, k.Org)
		moved.Advance(11 * time.Minute)
		if got := change(key, "", factortest.GoodPassword+"3"); got != "password-wrong" {
			t.Errorf("a passkey of long ago: %s", got)
		}
	})
}

func TestRecoveryCodesAreShownOnce(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		aoi := h.As(t, k.Aoi, k.Org)
		shown := func(a housetest.Answer) []string {
			var codes []string
			for _, part := range strings.Split(a.Body, "<li><code>")[1:] {
				text, _, _ := strings.Cut(part, "</code>")
				codes = append(codes, text)
			}
			return codes
		}
		first := shown(aoi.Post("/settings/recovery/new", url.Values{}))
		second := shown(aoi.Post("/settings/recovery/new", url.Values{}))
		if len(first) != 10 || len(second) != 10 || first[0] == second[0] {
			t.Fatalf("%d and %d codes", len(first), len(second))
		}
		for _, path := range []string{"/settings/recovery", "/settings/recovery/new", "/settings/security", "/api/v1/me/factors"} {
			got := aoi.Get(path)
			for _, one := range append(first, second...) {
				if strings.Contains(got.Body, one) || strings.Contains(got.Body, strings.ReplaceAll(one, "-", "")) {
					t.Errorf("R9 %s shows a code", path)
				}
			}
		}
		if got := aoi.Get("/settings/security"); !strings.Contains(got.Body, "10 of 10 left") {
			t.Errorf("%d %s", got.Status, got.Body)
		}
	})
}

// Every way to do what needs a person in front of the browser refuses a session
// whose proof is old. Tokens have their own test.
func TestDangerousSettingsNeedAFreshPerson(t *testing.T) {
	moved, onClock := factortest.Timed()
	h := housetest.House(t, onClock)
	k := h.People(t)
	aoi := h.As(t, k.Aoi, k.Org)
	moved.Advance(11 * time.Minute)
	n := 0
	for _, route := range h.Routes() {
		if route.Fresh == 0 || !strings.Contains(route.Path, "/settings/") && !strings.Contains(route.Path, "/me/") {
			continue
		}
		n++
		path := strings.NewReplacer("{passkey}", "x", "{token}", "x", "{session}", "x").Replace(route.Path)
		if got := aoi.Call(route.Method, path, map[string]string{}); got.Status != http.StatusUnauthorized {
			t.Errorf("%s %s: %d", route.Method, route.Path, got.Status)
		}
	}
	if n < 17 {
		t.Errorf("only %d routes ask", n)
	}
}
