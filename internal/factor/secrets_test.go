package factor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/factor/factortest"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/words"
)

// R9: what people prove themselves with stands in no log, no page and no row.
func TestFactorsStayOutOfLogsAndRows(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, database string) {
		var log factortest.Pen
		h := housetest.House(t, housetest.On(database), housetest.LogTo(&log))
		k := h.People(t)
		chika := h.As(t, k.Chika, k.Org)
		got := chika.Call(http.MethodPost, "/api/v1/me/tokens", map[string]any{"name": "script", "org": k.Org, "scopes": []string{"signin.policy"}, "days": 30})
		var made struct{ Value string }
		if err := json.Unmarshal([]byte(got.Body), &made); err != nil || made.Value == "" {
			t.Fatalf("make a token: %d %s", got.Status, got.Body)
		}
		token := made.Value
		o := offerOf(t, chika)
		if got := chika.Call(http.MethodPut, "/api/v1/me/totp", map[string]string{"ticket": o.Ticket, "code": digits(t, o.Secret, time.Now())}); got.Status != http.StatusNoContent {
			t.Fatal(got.Status, got.Body)
		}
		if got := chika.Call(http.MethodPut, "/api/v1/me/password", map[string]string{"new": "canary-password-of-chika"}); got.Status != http.StatusNoContent {
			t.Fatal(got.Status, got.Body)
		}
		chika.Call(http.MethodPut, "/api/v1/me/password", map[string]any{"new": []string{"canary-odd-password"}})
		var codes struct{ Codes []string }
		if err := json.Unmarshal([]byte(chika.Call(http.MethodPost, "/api/v1/me/recovery-codes", nil).Body), &codes); err != nil || len(codes.Codes) != 10 {
			t.Fatal(err, codes)
		}
		h.Nobody(t).Send(http.MethodGet, "/api/v1/state", "", http.Header{"Authorization": {"Bearer " + token + "x"}})
		seen := map[string]string{"log": log.String(), "rows": rows(t, h, kept...), "audit": rows(t, h, "SELECT id, body, '' FROM audit_record")}
		for name, canary := range map[string]string{
			"token": token, "secret": o.Secret, "offer": o.Ticket, "password": "canary-password-of-chika", "odd password": "canary-odd-password", "code": codes.Codes[0],
			"session": chika.Cookies()[0].Value,
		} {
			for where, text := range seen {
				if strings.Contains(text, canary) {
					t.Errorf("R9 the %s stands in the %s", name, where)
				}
			}
		}
		for where, mark := range map[string]string{"log": "token-unknown", "rows": "chika", "audit": "recovery.made"} {
			if !strings.Contains(seen[where], mark) {
				t.Errorf("the %s does not say %s: it proves nothing: %.3000s", where, mark, seen[where])
			}
		}
	})
}

// kept are the rows of the room.
var kept = []string{
	"SELECT person, hash, '' FROM session", "SELECT person, id, sealed FROM factor", "SELECT person, hash, '' FROM recovery_code",
	"SELECT hash, scopes, name FROM api_token", "SELECT subject, hash, payload FROM once_value", "SELECT login, email, display_name FROM person",
}

// rows is what three columns hold, as text.
func rows(t *testing.T, h *housetest.Home, queries ...string) string {
	t.Helper()
	var all strings.Builder
	err := h.Store().House().Read(context.Background(), func(v *store.View) error {
		for _, query := range queries {
			list, err := v.Query(query)
			_, err = store.Collect(list, err, func(scan func(...any) error) (none struct{}, err error) {
				var a, b, c []byte
				err = scan(&a, &b, &c)
				fmt.Fprintf(&all, "%s %s %s\n", a, b, c)
				return none, err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// Whoever changes how somebody signs in, the person is told, by mail if mail to
// them was proven to arrive.
func TestChangesAreTold(t *testing.T) {
	h := housetest.House(t, housetest.WithMail())
	k, ctx, room := h.People(t), context.Background(), h.Factors()

	book, err := words.Load(factor.Words)
	if err != nil {
		t.Fatal(err)
	}
	told := func(what string, want ...string) {
		t.Helper()
		within, stop := context.WithTimeout(ctx, 10*time.Second)
		defer stop()
		subject := book.Say(words.Japanese, "signin.changed."+what, nil) // Aoi has a reading and chose no language
		m, err := h.Mail.WaitFor(within, "aoi@kaede.example", subject)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for _, part := range append(want, factor.SecurityPath) {
			if !strings.Contains(m.Text, part) {
				t.Errorf("%s does not say %s: %s", what, part, m.Text)
			}
		}
	}
	if err := room.SetPassword(ctx, id.OfPerson(k.Chika), k.Aoi, secret.Of(factortest.GoodPassword), false); err != nil {
		t.Fatal(err)
	}
	told("password")
	aoi := h.As(t, k.Aoi, k.Org)
	first := addKey(t, aoi, factortest.New(h.URL()), "key")
	told("passkey-added", "127.0.0.1")
	if got := aoi.Call(http.MethodDelete, "/api/v1/me/passkeys/"+first, nil); got.Status != http.StatusNoContent {
		t.Fatal(got.Status, got.Body)
	}
	told("passkey-removed")
	aoi.Call(http.MethodPost, "/api/v1/me/recovery-codes", nil)
	told("recovery-made")
	for _, m := range h.Mail.Messages() {
		if strings.Contains(m.Text, factortest.GoodPassword) {
			t.Errorf("R9 a secret is in a mail: %s", m.Text)
		}
	}
}
