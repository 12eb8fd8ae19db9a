package sender_test

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/fake/app"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

var ctx = context.Background()

// rig is a house beside a program that sends cards.
type rig struct {
	*testing.T
	h      *housetest.Home
	k      housetest.Kaede
	chika  *housetest.Visitor // administrator and operator
	nobody *housetest.Visitor
	app    *app.App
	at     string // the program's callback
	sales  id.Group
}

func onLoopback(o *housetest.Options) { o.Config.Egress.Allow = []string{"127.0.0.0/8"} }

func newRig(t *testing.T, h *housetest.Home) *rig {
	t.Helper()
	r := &rig{T: t, h: h, k: h.People(t), nobody: h.Nobody(t)}
	r.chika = h.As(t, r.k.Chika, r.k.Org)
	l, err := fake.Listen("", http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { r.app.ServeHTTP(w, q) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	r.at = l.URL + "/decided"
	r.app = app.New(app.Options{House: h.URL(), Callback: r.at, Clock: clock.System(), Keys: func(context.Context) ([]byte, error) {
		return []byte(r.nobody.Get("/keys/jwks.json").Body), nil
	}})
	sales, err := h.Register().PutGroup(ctx, id.Local(0), org.Group{Org: r.k.Org, Name: "sales", Members: []id.Person{r.k.Aoi, r.k.Botan}})
	if err != nil {
		t.Fatal(err)
	}
	r.sales = sales.ID
	return r
}

func each(t *testing.T, f func(r *rig)) {
	t.Helper()
	housetest.EachURL(t, func(t *testing.T, url string) { f(newRig(t, housetest.House(t, housetest.On(url), onLoopback))) })
}

func (r *rig) senders() string { return "/api/v1/organizations/" + string(r.k.Org) + "/card-senders" }

type object = map[string]any

// body is a sender as the API adds it; the group sales is its audience.
func (r *rig) body(name string, more object) object {
	b := object{"name": name, "title": "Expense Desk", "role": "creator", "callback": r.at, "audience": object{"groups": []string{string(r.sales)}}}
	for key, value := range more {
		b[key] = value
	}
	return b
}

// add adds a sender.
func (r *rig) add(name string, more object) id.Sender {
	r.Helper()
	got := r.chika.Call(http.MethodPost, r.senders(), r.body(name, more))
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(got.Body), &made); err != nil || got.Status != http.StatusCreated {
		r.Fatalf("add a sender: %d %s", got.Status, got.Body)
	}
	return id.Sender(made.ID)
}

// token makes a service token.
func (r *rig) token(which id.Sender, more object) (value, token string) {
	r.Helper()
	b := object{"days": 30}
	for key, v := range more {
		b[key] = v
	}
	got := r.chika.Call(http.MethodPost, r.senders()+"/"+string(which)+"/tokens", b)
	var made struct{ ID, Value string }
	if err := json.Unmarshal([]byte(got.Body), &made); err != nil || got.Status != http.StatusCreated || !strings.HasPrefix(made.Value, "sks_") {
		r.Fatalf("make a token: %d %s", got.Status, got.Body)
	}
	return made.Value, made.ID
}

// call is a request of the program with its token.
func (r *rig) call(token, method, path string, body any) housetest.Answer {
	r.Helper()
	text := ""
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			r.Fatal(err)
		}
		text = string(raw)
	}
	header := http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
	return r.nobody.Send(method, path, text, header)
}

// message is a message as the program knows it.
type message struct {
	ID            string
	State         string
	People        int
	Reached       int
	ContentDigest string `json:"content_digest"`
	Cards         map[string]int
	Items         []struct{ Card, Person, State, Decision, Digest string }
}

const sent = "/api/v1/sent-cards"

func card(more object) object {
	c := object{"to": object{"people": []string{"botan"}}, "title": "Expense 4711", "text": "Dinner with a customer", "number": "E-4711", "approval": object{"comment": "onReject"}}
	for key, value := range more {
		if value == nil {
			delete(c, key)
			continue
		}
		c[key] = value
	}
	return c
}

// send sends a card, and lets the program expect decisions about it.
func (r *rig) send(token, key string, body object) message {
	r.Helper()
	body["key"] = key
	got := r.call(token, http.MethodPost, sent, body)
	var m message
	if err := json.Unmarshal([]byte(got.Body), &m); err != nil || got.Status != http.StatusCreated {
		r.Fatalf("send: %d %s", got.Status, got.Body)
	}
	r.app.Expects(m.ID, m.ContentDigest)
	return m
}

func (r *rig) look(token, which string) message {
	r.Helper()
	var m message
	got := r.call(token, http.MethodGet, sent+"/"+which, nil)
	if err := json.Unmarshal([]byte(got.Body), &m); err != nil || got.Status != http.StatusOK {
		r.Fatalf("look: %d %s", got.Status, got.Body)
	}
	return m
}

type shown struct {
	ID, State, Source, Title, Text, Digest, Decision, Why, Other string
	Actions                                                      []struct{ ID, Label string }
}

// cards are those of a person that wait.
func (r *rig) cards(v *housetest.Visitor) []shown {
	r.Helper()
	return r.listed(v, "/api/v1/cards")
}

func (r *rig) listed(v *housetest.Visitor, path string) []shown {
	r.Helper()
	var list struct{ Items []shown }
	got := v.Call(http.MethodGet, path, nil)
	if err := json.Unmarshal([]byte(got.Body), &list); err != nil {
		r.Fatalf("cards: %d %s", got.Status, got.Body)
	}
	return list.Items
}

func (r *rig) card(v *housetest.Visitor, which string) (c shown) {
	r.Helper()
	got := v.Call(http.MethodGet, "/api/v1/cards/"+which, nil)
	if err := json.Unmarshal([]byte(got.Body), &c); err != nil || got.Status != http.StatusOK {
		r.Fatalf("card: %d %s", got.Status, got.Body)
	}
	return c
}

// decide decides a card as a person.
func (r *rig) decide(v *housetest.Visitor, c shown, more object) housetest.Answer {
	r.Helper()
	b := object{"digest": c.Digest}
	for key, value := range more {
		b[key] = value
	}
	return v.Call(http.MethodPost, "/api/v1/cards/"+c.ID+"/decide", b)
}

// until waits for something that happens soon.
func (r *rig) until(what string, there func() bool) {
	r.Helper()
	for range 1000 {
		if there() {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	r.Fatalf("it did not happen: %s; the program was called: %q", what, r.app.Calls())
}

// recorded counts what the witness was told under a name.
func (r *rig) recorded(name string) (n int) {
	r.Helper()
	records, err := r.h.Records(ctx, housetest.Epoch.AddDate(-20, 0, 0))
	if err != nil {
		r.Fatal(err)
	}
	for _, one := range records {
		if one.Name == name {
			n++
		}
	}
	return n
}

func code(got housetest.Answer) string {
	var p struct{ Code string }
	_ = json.Unmarshal([]byte(got.Body), &p)
	return p.Code
}

// fields are the fields of a refusal with their codes.
func fields(got housetest.Answer) string {
	var p struct {
		Errors []struct{ Path, Pointer, Field, Code, Location string }
	}
	_ = json.Unmarshal([]byte(got.Body), &p)
	var all []string
	for _, one := range p.Errors {
		all = append(all, one.Path+one.Pointer+one.Field+one.Location+" "+one.Code)
	}
	return strings.Join(all, ", ")
}

var requestID = regexp.MustCompile(`"request_id":"[^"]*"`)

// join makes somebody of the organization.
func (r *rig) join(login string) {
	r.Helper()
	p := org.Person{ID: id.New[id.Person](time.Now()), Login: login, DisplayName: login, State: org.Active, Created: time.Now()}
	err := r.h.Store().House().Write(ctx, func(tx *store.Tx) store.End {
		added, err := r.h.Register().AddPerson(tx, id.Local(0), p)
		if err != nil {
			return store.Abort(err)
		}
		joined, err := r.h.Register().SetMember(tx, id.Local(0), org.Member{Org: r.k.Org, Person: p.ID})
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(added, joined)
	})
	if err != nil {
		r.Fatal(err)
	}
}
