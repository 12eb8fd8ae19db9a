package sender_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/connector/connectortest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/wire/jws"
)

// An adapter of the card protocol has our public key from its address, and gets
// the signature that it expects: from the consent to the decision, by either
// algorithm, and while it still has the key from before.
func TestAnAdapterKnowsUsByOurKey(t *testing.T) {
	for _, alg := range []jws.Alg{jws.ES256, jws.RS256} {
		t.Run("CAP-K4 "+string(alg), func(t *testing.T) {
			each(t, func(r *rig) {
				a := &connectortest.Adapter{
					Now: time.Now, Backend: "token-of-botan", Waiting: map[string][]string{"botan@kaede.example": {"7"}}, Done: map[string]string{}, Presses: map[string]int{},
				}
				server := httptest.NewServer(a)
				t.Cleanup(server.Close)
				a.Origin = server.URL
				text := r.nobody.Get("/keys/pem/" + string(alg))
				key, err := jws.ParsePEM(alg, []byte(text.Body))
				if err != nil || text.Header.Get("Cache-Control") != "public, max-age=900" {
					t.Fatalf("the key: %d %v", text.Status, err)
				}
				a.Key = key
				got := r.chika.Call(http.MethodPost, "/api/v1/organizations/"+string(r.k.Org)+"/systems", object{
					"definition": "card-http", "name": "leave", "title": "Leave", "mode": "user", "scheme": "header_token", "enabled": true,
					"settings": object{"base_url": server.URL, "signature": string(alg)},
				})
				var made struct{ ID string }
				if err := json.Unmarshal([]byte(got.Body), &made); err != nil || got.Status != http.StatusCreated {
					t.Fatalf("add: %d %s", got.Status, got.Body)
				}
				botan := r.h.As(t, r.k.Botan, r.k.Org)
				if got := botan.Post("/settings/integrations/"+made.ID+"/credential", map[string][]string{"token": {"token-of-botan"}}); got.Status != http.StatusSeeOther {
					t.Fatalf("connect: %d %s", got.Status, got.Body)
				}
				r.until("the card is there", func() bool { return len(r.cards(botan)) == 1 })
				if _, err := r.h.Signet().Follow(ctx, id.Local(0), alg, key.KID, false); err != nil {
					t.Fatal(err)
				}
				if now := r.nobody.Get("/keys/pem/" + string(alg)); now.Body != text.Body {
					t.Error("the next key signs before its time")
				}
				c := r.cards(botan)[0]
				if got := r.decide(botan, c, object{"action": "yes"}); got.Status != http.StatusOK {
					t.Fatalf("decide: %d %s", got.Status, got.Body)
				}
				r.until("the adapter was told", func() bool { return r.card(botan, c.ID).State == "applied" })
			})
		})
	}
}
