package house_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/token"
)

// join makes a person with roles in an organization.
func join(t testing.TB, h *housetest.Home, login string, in id.Org, roles ...id.Role) id.Person {
	t.Helper()
	r, by := h.Register(), id.Local(0)
	p := org.Person{
		ID: id.New[id.Person](time.Now()), Login: login, Email: login + "@kaede.example", DisplayName: strings.ToUpper(login), State: org.Active, Created: time.Now(),
	}
	err := h.Store().House().Write(ctx, func(tx *store.Tx) store.End {
		added, err := r.AddPerson(tx, by, p)
		if err != nil {
			return store.Abort(err)
		}
		joined, err := r.SetMember(tx, by, org.Member{Org: in, Person: p.ID, Roles: roles})
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(added, joined)
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Forget()
	return p.ID
}

// bearer makes a token of a person.
func bearer(t testing.TB, h *housetest.Home, who id.Person, in id.Org, scopes ...string) http.Header {
	t.Helper()
	value := token.Prefix + secret.Random(32).Reveal()
	hash := sha256.Sum256([]byte(value))
	list, _ := json.Marshal(append([]string{}, scopes...))
	now := time.Now()
	err := h.Store().Self(who).Write(ctx, func(tx *store.Tx) store.End {
		_, err := tx.Exec(`INSERT INTO api_token (person, id, hash, name, org, scopes, created, ends, used) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)`,
			id.New[string](now), hex.EncodeToString(hash[:]), "test", string(in), string(list), store.Micros(now), store.Micros(now.Add(time.Hour)))
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: "test.token-made", By: id.OfPerson(who)})
	})
	if err != nil {
		t.Fatal(err)
	}
	return http.Header{"Authorization": {"Bearer " + value}}
}
