package token_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/factor/factortest"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/token"
)

// makeToken makes a token through the API and returns its row and value.
func makeToken(t *testing.T, v *housetest.Visitor, where id.Org, scopes ...string) (which, value string) {
	t.Helper()
	got := v.Call(http.MethodPost, "/api/v1/me/tokens", map[string]any{"name": "script", "org": where, "scopes": scopes, "days": 30})
	var made struct{ ID, Value string }
	if err := json.Unmarshal([]byte(got.Body), &made); err != nil || got.Status != http.StatusCreated || !strings.HasPrefix(made.Value, token.Prefix) {
		t.Fatalf("make a token: %d %s", got.Status, got.Body)
	}
	return made.ID, made.Value
}

// by asks with a token.
func by(h *housetest.Home, t *testing.T, token, method, path string) housetest.Answer {
	t.Helper()
	return h.Nobody(t).Send(method, path, "", http.Header{"Authorization": {"Bearer " + token}})
}

func TestMakingATokenRefuses(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		chika, ume := h.As(t, k.Chika, k.Org), h.As(t, k.Ume, k.Momiji)
		wish := func(change func(map[string]any)) map[string]any {
			body := map[string]any{"name": "script", "org": k.Momiji, "scopes": []string{org.PeopleRead}, "days": 30}
			change(body)
			return body
		}
		for name, c := range map[string]struct {
			body map[string]any
			want string
		}{
			"no name":           {wish(func(b map[string]any) { b["name"] = " " }), "name field-required"},
			"81 characters":     {wish(func(b map[string]any) { b["name"] = strings.Repeat("a", 81) }), "name field-too-long"},
			"A128 bidi":         {wish(func(b map[string]any) { b["name"] = "a\u202eb" }), "name text-has-controls"},
			"no scope":          {wish(func(b map[string]any) { b["scopes"] = []string{} }), "scopes field-required"},
			"not held":          {wish(func(b map[string]any) { b["scopes"] = []string{"house.operate"} }), "scopes scope-not-held"},
			"no permission":     {wish(func(b map[string]any) { b["scopes"] = []string{"*"} }), "scopes scope-not-held"},
			"no days":           {wish(func(b map[string]any) { b["days"] = 0 }), "days field-too-small"},
			"more than a year":  {wish(func(b map[string]any) { b["days"] = 366 }), "days field-too-large"},
			"everything at all": {wish(func(b map[string]any) { b["name"], b["days"], b["scopes"] = "", -1, []string{"x"} }), "name field-required, scopes scope-not-held, days field-too-small"},
		} {
			if got := ume.Call(http.MethodPost, "/api/v1/me/tokens", c.body); factortest.Fields(got) != c.want {
				t.Errorf("%s: %d %s", name, got.Status, got.Body)
			}
		}
		elsewhere := wish(func(b map[string]any) { b["org"] = k.Org })
		if got := ume.Call(http.MethodPost, "/api/v1/me/tokens", elsewhere); factortest.Code(got) != "organization-unknown" {
			t.Errorf("R4 another organization: %s", got.Body)
		}
		which, value := makeToken(t, ume, k.Momiji, org.PeopleRead)
		if got := chika.Call(http.MethodDelete, "/api/v1/me/tokens/"+which, nil); factortest.Code(got) != "token-missing" {
			t.Errorf("R4 somebody else's: %s", got.Body)
		}
		for _, path := range []string{"/api/v1/me/tokens", "/settings/tokens", "/settings/tokens/" + which, "/settings/security"} {
			if got := ume.Get(path); got.Status != http.StatusOK || strings.Contains(got.Body, value) || strings.Contains(got.Body, value[len(token.Prefix):]) {
				t.Errorf("R9 %s: %d, or it shows the token", path, got.Status)
			}
		}
	})
}

func TestATokenDoesNoMoreThanItNames(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k := h.People(t)
		chika := h.As(t, k.Chika, k.Org)
		_, value := makeToken(t, chika, k.Org, "signin.policy")
		policies := func(of id.Org) string { return "/api/v1/organizations/" + string(of) + "/sign-in-policies" }
		if got := by(h, t, value, http.MethodGet, policies(k.Org)); got.Status != http.StatusOK {
			t.Errorf("what it names: %d %s", got.Status, got.Body)
		}
		if got := by(h, t, value, http.MethodGet, policies(k.Momiji)); got.Status != http.StatusNotFound {
			t.Errorf("R4 beyond its organization: %d %s", got.Status, got.Body)
		}
		if got := by(h, t, value, http.MethodGet, "/api/v1/state"); got.Status != http.StatusForbidden {
			t.Errorf("what its person may and it does not name: %d %s", got.Status, got.Body)
		}
		n := 0
		for _, route := range h.Routes() {
			if !strings.Contains(route.Path, "/api/v1/me/") {
				continue
			}
			n++
			path := strings.NewReplacer("{passkey}", "x", "{token}", "x", "{session}", "x").Replace(route.Path)
			body := `{"new": "` + factortest.GoodPassword + `", "ticket": "x", "answer": {}, "name": "x", "code": "1", "org": "x", "scopes": [], "days": 1}`
			if route.Method == http.MethodGet || route.Method == http.MethodDelete {
				body = ""
			}
			got := h.Nobody(t).Send(route.Method, path, body, http.Header{"Authorization": {"Bearer " + value}, "Content-Type": {"application/json"}})
			if got.Status != http.StatusForbidden && factortest.Code(got) != "input-invalid" {
				t.Errorf("%s %s by a token: %d %s", route.Method, route.Path, got.Status, got.Body)
			}
		}
		if n < 15 {
			t.Errorf("only %d operations", n)
		}
		for _, path := range []string{"/settings/security", "/settings/tokens/new", "/settings/sessions"} {
			if got := by(h, t, value, http.MethodGet, path); got.Status != http.StatusForbidden {
				t.Errorf("%s by a token: %d", path, got.Status)
			}
		}
		t.Run("not the value", func(t *testing.T) {
			for _, wrong := range []string{value[:len(value)-1], value + "A", strings.ToUpper(value), strings.TrimPrefix(value, token.Prefix), token.Prefix} {
				if got := by(h, t, wrong, http.MethodGet, policies(k.Org)); factortest.Code(got) != "token-unknown" {
					t.Errorf("%d %s", got.Status, got.Body)
				}
			}
		})
	})
}

// Whatever takes a token's ground away ends it within org.Freshness.
func TestWhatEndsAToken(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, address string) {
		moved, onClock := factortest.Timed()
		h := housetest.House(t, housetest.On(address), onClock)
		k, ctx, root := h.People(t), context.Background(), id.Local(0)
		register := h.Register()
		path := "/api/v1/organizations/" + string(k.Org) + "/sign-in-policies"
		fresh := func() { moved.Advance(org.Freshness) }
		asks := func(t *testing.T, value, want string) {
			t.Helper()
			if got := by(h, t, value, http.MethodGet, path); factortest.Code(got) != want {
				t.Errorf("%d %s, want %s", got.Status, got.Body, want)
			}
		}
		botan, err := register.Member(ctx, k.Org, k.Botan)
		if err != nil {
			t.Fatal(err)
		}
		botan.Roles = []id.Role{org.Administrator}
		if err := register.PutMember(ctx, root, botan); err != nil {
			t.Fatal(err)
		}
		fresh()
		token := func(t *testing.T) string {
			t.Helper()
			_, value := makeToken(t, h.As(t, k.Botan, k.Org), k.Org, "signin.policy")
			asks(t, value, "200")
			return value
		}
		t.Run("R2 role lost", func(t *testing.T) {
			value := token(t)
			m, err := register.Member(ctx, k.Org, k.Botan)
			if err != nil {
				t.Fatal(err)
			}
			m.Roles = []id.Role{org.User}
			if err := register.PutMember(ctx, root, m); err != nil {
				t.Fatal(err)
			}
			fresh()
			asks(t, value, "not-permitted")
			m.Version++
			m.Roles = []id.Role{org.Administrator}
			if err := register.PutMember(ctx, root, m); err != nil {
				t.Fatal(err)
			}
			fresh()
			asks(t, value, "200")
		})
		t.Run("R2 person disabled", func(t *testing.T) {
			value := token(t)
			state := func(s org.State) {
				p, err := register.Person(ctx, k.Botan)
				if err != nil {
					t.Fatal(err)
				}
				p.State = s
				if _, err := register.ChangePerson(ctx, root, p); err != nil {
					t.Fatal(err)
				}
				fresh()
			}
			state(org.Disabled)
			asks(t, value, "token-unknown")
			state(org.Active)
			asks(t, value, "200")
		})
		t.Run("R2 password must change", func(t *testing.T) {
			value := token(t)
			if err := h.Factors().SetPassword(ctx, root, k.Botan, secret.Of(factortest.GoodPassword), true); err != nil {
				t.Fatal(err)
			}
			fresh()
			asks(t, value, "token-unknown")
			if err := h.Factors().SetPassword(ctx, root, k.Botan, secret.Of(factortest.GoodPassword+"!"), false); err != nil {
				t.Fatal(err)
			}
			fresh()
			asks(t, value, "200")
		})
		t.Run("revoked", func(t *testing.T) {
			which, value := makeToken(t, h.As(t, k.Botan, k.Org), k.Org, "signin.policy")
			asks(t, value, "200")
			if got := h.As(t, k.Botan, k.Org).Call(http.MethodDelete, "/api/v1/me/tokens/"+which, nil); got.Status != http.StatusNoContent {
				t.Fatal(got.Status, got.Body)
			}
			asks(t, value, "token-unknown")
		})
		t.Run("R2 member removed", func(t *testing.T) {
			value := token(t)
			if err := register.DropMember(ctx, root, k.Org, k.Botan); err != nil {
				t.Fatal(err)
			}
			fresh()
			asks(t, value, "token-unknown")
			if _, err := h.Tokens().List(ctx, k.Botan); err != nil {
				t.Error(err)
			}
		})
		t.Run("over", func(t *testing.T) {
			_, value := makeToken(t, h.As(t, k.Chika, k.Org), k.Org, "signin.policy")
			moved.Advance(30*24*time.Hour - time.Second)
			asks(t, value, "200")
			moved.Advance(time.Second)
			asks(t, value, "token-unknown")
		})
		t.Run("R2 organization disabled", func(t *testing.T) {
			_, value := makeToken(t, h.As(t, k.Ume, k.Momiji), k.Momiji, "signin.policy")
			theirs := "/api/v1/organizations/" + string(k.Momiji) + "/sign-in-policies"
			if got := by(h, t, value, http.MethodGet, theirs); got.Status != http.StatusOK {
				t.Fatal(got.Status, got.Body)
			}
			o, err := register.Organization(ctx, k.Momiji)
			if err != nil {
				t.Fatal(err)
			}
			o.State = org.Disabled
			if _, err := register.PutOrganization(ctx, root, o); err != nil {
				t.Fatal(err)
			}
			fresh()
			if got := by(h, t, value, http.MethodGet, theirs); factortest.Code(got) != "token-unknown" {
				t.Errorf("%d %s", got.Status, got.Body)
			}
		})
	})
}

// What is revoked on one node is refused on the other.
func TestTokensOnTwoNodes(t *testing.T) {
	database := housetest.Postgres(t)
	one := housetest.House(t, housetest.On(database))
	k, two := one.People(t), one.Beside(t)
	which, value := makeToken(t, one.As(t, k.Chika, k.Org), k.Org, "signin.policy")
	there := func() error {
		_, _, err := two.Tokens().Authenticate(context.Background(), secret.Of(value))
		return err
	}
	if err := there(); err != nil {
		t.Fatal(err)
	}
	if got := one.As(t, k.Chika, k.Org).Call(http.MethodDelete, "/api/v1/me/tokens/"+which, nil); got.Status != http.StatusNoContent {
		t.Fatal(got.Status, got.Body)
	}
	began := time.Now()
	for there() == nil {
		if time.Since(began) > 5*time.Second {
			t.Fatal("the other node takes it for longer than 5 s")
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("refused after %v", time.Since(began).Round(time.Millisecond))
}

func TestTokensHaveAMostAndAUse(t *testing.T) {
	housetest.EachHouse(t, func(t *testing.T, h *housetest.Home) {
		k, ctx, room := h.People(t), context.Background(), h.Tokens()
		chika := h.As(t, k.Chika, k.Org)
		_, value := makeToken(t, chika, k.Org, "signin.policy")
		if got := by(h, t, value, http.MethodGet, "/api/v1/organizations/"+string(k.Org)+"/sign-in-policies"); got.Status != http.StatusOK {
			t.Fatal(got.Status, got.Body)
		}
		all, err := room.List(ctx, k.Chika)
		if err != nil || len(all) != 1 || time.Since(all[0].Used) > time.Minute {
			t.Errorf("%v %v", all, err)
		}
		for i := range token.Most - 1 {
			n := token.Wanted{Name: fmt.Sprint("token ", i), Org: k.Org, Scopes: []string{"signin.policy"}, Days: 1}
			if _, _, err := room.Make(ctx, k.Chika, "", n); err != nil {
				t.Fatal(err)
			}
		}
		got := chika.Post("/settings/tokens/new", url.Values{"name": {"one more"}, "org": {string(k.Org)}, "scopes": {"signin.policy"}, "days": {"1"}})
		if got.Status != http.StatusUnprocessableEntity || !strings.Contains(got.Body, "one more") || strings.Contains(got.Body, "[problem") {
			t.Errorf("one more: %d %s", got.Status, got.Body)
		}
	})
}
