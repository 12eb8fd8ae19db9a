package connectortest

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sekisho/sekisho/internal/wire/jws"
)

// Adapter is a small adapter of the card protocol: leave requests of a system
// that a test plays. The switches make it misbehave.
type Adapter struct {
	Key jws.Public // of our tokens
	Now func() time.Time

	mu      sync.Mutex
	Origin  string              // its own address, as the house calls it
	Waiting map[string][]string // mail address to ids of its cards
	Done    map[string]string   // id of a card to the action, with its input
	Presses map[string]int      // by Idempotency-Key
	Backend string              // the token that the system behind it takes

	Status  int    // of the system behind it, instead of an answer
	Foreign string // an address where actions lead
	Lies    bool   // actions answer 200 and do nothing
	Loose   bool   // reasons may have a thousand characters
	Title   string // of its cards, instead of their own

	Path string     // of the last action
	Form url.Values // that it sent
}

// ServeHTTP is the protocol.
func (a *Adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.URL.Path == "/" {
		if r.Header.Get("Authorization")+r.Header.Get("X-Connector-Authorization") != "" {
			http.Error(w, "nobody asked for that", http.StatusTeapot)
			return
		}
		a.json(w, map[string]any{
			"test_auth": map[string]string{"href": a.Origin + "/auth"},
			"object_types": map[string]any{"card": map[string]any{
				"endpoint": map[string]string{"href": a.Origin + "/cards"}, "pollable": true,
				"fields": map[string]any{"who": map[string]string{"env": "USER_EMAIL"}},
			}},
		})
		return
	}
	email, ok := a.proved(r)
	switch {
	case !ok:
		w.WriteHeader(http.StatusUnauthorized)
	case a.Status != 0:
		a.behind(w, a.Status)
	case r.Header.Get("X-Connector-Authorization") != "Bearer "+a.Backend:
		a.behind(w, http.StatusUnauthorized)
	case r.URL.Path == "/cards":
		a.cards(w, r, email)
	case strings.HasPrefix(r.URL.Path, "/press/"):
		a.press(w, r, email)
	}
}

// behind says what the system behind the adapter said (section 11.4).
func (a *Adapter) behind(w http.ResponseWriter, status int) {
	w.Header().Set("X-Backend-Status", strconv.Itoa(status))
	if status == http.StatusUnauthorized {
		w.WriteHeader(http.StatusBadRequest)
		a.json(w, map[string]string{"error": "invalid_connector_token"})
		return
	}
	w.WriteHeader(http.StatusInternalServerError)
}

// proved checks our token: by the one key that it has, for exactly this address.
func (a *Adapter) proved(r *http.Request) (string, bool) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	c, err := jws.Verify(token, []jws.Public{a.Key}, jws.Expect{Type: "JWT", Audience: a.Origin + r.URL.Path, Now: a.Now(), Leeway: time.Minute, Life: 5 * time.Minute})
	email, _ := c.All["eml"].(string)
	return email, err == nil
}

func (a *Adapter) cards(w http.ResponseWriter, r *http.Request, email string) {
	var asked struct{ Tokens map[string][]string }
	if json.NewDecoder(r.Body).Decode(&asked) != nil || !slices.Equal(asked.Tokens["who"], []string{email}) {
		w.WriteHeader(http.StatusBadRequest)
		a.json(w, map[string]any{"errors": map[string]string{"who": "is not the person"}})
		return
	}
	objects, longest := []any{}, 10
	if a.Loose {
		longest = 1000
	}
	for _, id := range a.Waiting[email] {
		at := a.Origin
		if a.Foreign != "" {
			at = a.Foreign
		}
		objects = append(objects, map[string]any{
			"id": "changes-" + id, "backend_id": id, "hash": "h-" + a.Done[id],
			"header": map[string]any{"title": cmp.Or(a.Title, "Leave of Mei"), "subtitle": []string{"L" + id}, "links": map[string]string{"title": "https://evil.example/x"}},
			"body":   map[string]any{"fields": []any{map[string]string{"type": "GENERAL", "title": "Days", "description": "3"}}},
			"actions": []any{
				map[string]any{"id": "yes", "label": "Approve", "action_key": "DIRECT", "primary": true, "type": "POST", "url": map[string]string{"href": at + "/press/" + id}, "request": map[string]any{"how": "yes"}, "mutually_exclusive_set_id": "answer", "remove_card_on_completion": true},
				map[string]any{"id": "no", "label": "Reject", "action_key": "USER_INPUT", "type": "POST", "url": map[string]string{"href": at + "/press/" + id}, "request": map[string]any{"how": "no"}, "mutually_exclusive_set_id": "answer", "user_input": []any{map[string]any{"id": "reason", "label": "Reason", "min_length": 1, "max_length": longest}}},
			},
		})
	}
	a.json(w, map[string]any{"objects": objects})
}

func (a *Adapter) press(w http.ResponseWriter, r *http.Request, email string) {
	id := strings.TrimPrefix(r.URL.Path, "/press/")
	a.Presses[r.Header.Get("Idempotency-Key")]++
	if err := r.ParseForm(); err != nil || a.Lies {
		return
	}
	a.Path, a.Form = r.URL.Path, maps.Clone(r.Form)
	a.Done[id] = r.FormValue("how") + r.FormValue("reason")
	if r.FormValue("how") == "yes" {
		a.Waiting[email] = slices.DeleteFunc(a.Waiting[email], func(other string) bool { return other == id })
	}
}

func (a *Adapter) json(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}
