package house_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/sekisho/sekisho/internal/card"
	"github.com/sekisho/sekisho/internal/console"
	"github.com/sekisho/sekisho/internal/factor"
	"github.com/sekisho/sekisho/internal/factor/factortest"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/sender"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/token"
	"github.com/sekisho/sekisho/internal/web"
	"github.com/sekisho/sekisho/internal/wire/jws"
	"github.com/sekisho/sekisho/internal/words"
)

// stage is a house in which the examples of the API are played, with one of
// everything that they name.
type stage struct {
	t     *testing.T
	h     *housetest.Home
	k     housetest.Kaede
	chief *housetest.Visitor // administrator and operator, who proved it a moment ago
	ids   map[string]string  // by kind
	body  object             // of the example, for what a scene must change in it
	goods string             // an item of the catalog
}

func newStage(t *testing.T, options ...housetest.Option) *stage {
	t.Helper()
	h := housetest.House(t, append(options, func(o *housetest.Options) { o.Config.Egress.Allow = append(o.Config.Egress.Allow, "127.0.0.0/8") })...)
	k := h.People(t)
	s := &stage{t: t, h: h, k: k, chief: h.As(t, k.Chika, k.Org), ids: map[string]string{"org": string(k.Org), "person": string(k.Aoi)}}
	s.ids["group"] = s.made("POST", "/organizations/"+s.ids["org"]+"/groups", `{"name":"desk"}`)
	s.ids["role"] = s.made("POST", "/organizations/"+s.ids["org"]+"/roles", `{"name":"desk"}`)
	return s
}

// unsealWords are those of the example that opens a house.
const unsealWords = "the words of the unseal key"

// byWords is a house that a passphrase opens.
func byWords(o *housetest.Options) {
	o.Config.Unseal.File, o.Config.Unseal.Passphrase = "", secret.Of(unsealWords)
}

// call sends JSON as the chief and returns what came back.
func (s *stage) call(method, path, body string) object {
	s.t.Helper()
	var sent any
	if body != "" {
		sent = json.RawMessage(body)
	}
	got := s.chief.Call(method, web.APIPrefix+path, sent)
	if got.Status >= 300 {
		s.t.Fatalf("%s %s: %d %s", method, path, got.Status, got.Body)
	}
	var out object
	_ = json.Unmarshal([]byte(got.Body), &out)
	return out
}

func (s *stage) made(method, path, body string) string {
	s.t.Helper()
	return fmt.Sprint(s.call(method, path, body)["id"])
}

// last is the id of the last one of a list.
func (s *stage) last(path string) string {
	s.t.Helper()
	items := list(s.call("GET", path, "")["items"])
	if len(items) == 0 {
		s.t.Fatalf("%s: nothing is there", path)
	}
	return fmt.Sprint(items[len(items)-1]["id"])
}

// kinds make one of a kind when an example names it.
var kinds = map[string]func(*stage) string{
	"notice": func(s *stage) string {
		return s.made("POST", "/notices", `{"title":{"en":"a","ja":"a"},"text":{"en":"a","ja":"a"},"from":"2026-12-01T13:00:00Z","until":"2026-12-01T15:00:00Z"}`)
	},
	"policy": func(s *stage) string {
		return s.made("POST", "/organizations/"+s.ids["org"]+"/sign-in-policies", `{"name":"weak","require":["password"]}`)
	},
	"token": func(s *stage) string {
		bearer(s.t, s.h, s.k.Chika, s.k.Org)
		return s.last("/me/tokens")
	},
	"session": func(s *stage) string {
		s.h.As(s.t, s.k.Aoi, s.k.Org)
		return s.last("/organizations/" + s.ids["org"] + "/members/" + s.ids["person"] + "/sessions")
	},
	"record": func(s *stage) string {
		for deadline := 0; deadline < 200; deadline++ { // a record waits up to a second for its place in the log
			for _, r := range list(s.call("GET", "/audit/records", "")["items"]) {
				if r["fields"] != nil && fmt.Sprint(r["index"]) != "-1" {
					return fmt.Sprint(r["id"])
				}
			}
			time.Sleep(25 * time.Millisecond)
		}
		s.t.Fatal("no record has its place")
		return ""
	},
	"browser": func(s *stage) string {
		return s.made("POST", "/me/push-devices", `{"endpoint":"https://fcm.googleapis.com/fcm/send/one","keys":{"auth":"BTBZMqHH6r4Tts7J_aSIgg",`+
			`"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"}}`)
	},
	"passkey": func(s *stage) string {
		begun := s.call("POST", "/me/passkeys/begin", "")
		answer, err := factortest.New(s.h.URL()).Create(raw(begun["options"]))
		if err != nil {
			s.t.Fatal(err)
		}
		return s.made("POST", "/me/passkeys", fmt.Sprintf(`{"ticket":%q,"name":"key","answer":%s}`, begun["ticket"], answer))
	},
	"effect":  func(s *stage) string { return s.parked() },
	"card":    func(s *stage) string { return s.asked() },
	"catalog": func(s *stage) string { return s.shop() },
	"item":    func(s *stage) string { return s.goods }, // behind its catalog
	"order": func(s *stage) string {
		if s.ids["catalog"] == "" {
			s.ids["catalog"] = s.shop()
		}
		return s.made("POST", s.goodsPath()+"/order", `{"key":"01jd9m7r000000000000000000","digest":"`+s.goodsDigest()+`"}`)
	},
	"system": func(s *stage) string {
		return s.made("POST", "/organizations/"+s.ids["org"]+"/systems", `{"definition":"request-tracker-5","name":"tickets","settings":{"base_url":"https://rt.kaede.example"},"mode":"user","enabled":true}`)
	},
	"sender": desk,
	"issued": issued,
	"sent":   sentCard,
	"rota": func(s *stage) string {
		return s.made("POST", "/organizations/"+s.ids["org"]+"/rotas", `{"name":"desk","spec":{"time_zone":"Asia/Tokyo","starts":"2026-11-23","people":["`+s.ids["person"]+`"]}}`)
	},
	"ask_target": func(s *stage) string {
		return s.made("POST", "/organizations/"+s.ids["org"]+"/ask-targets", `{"name":"desk","spec":{"target":"group:`+s.ids["group"]+`","about":"The desk"}}`)
	},
	"ask_template": func(s *stage) string {
		return s.made("POST", "/organizations/"+s.ids["org"]+"/ask-templates", `{"name":"desk","spec":{"title":"The desk","things":["group:`+s.ids["group"]+`"]}}`)
	},
	"review": reviewed,
	"round": func(s *stage) string {
		return s.made("POST", "/organizations/"+s.ids["org"]+"/reviews/"+reviewed(s)+"/start", "{}")
	},
	"review_item": func(s *stage) string {
		s.made("POST", "/organizations/"+s.ids["org"]+"/reviews/"+reviewed(s)+"/start", "{}")
		for range 400 {
			for _, i := range list(s.call("GET", "/me/review-items?org="+s.ids["org"], "")["items"]) {
				return fmt.Sprint(i["id"])
			}
			time.Sleep(25 * time.Millisecond)
		}
		s.t.Fatal("nothing waits for review")
		return ""
	},
	"approval": offered,
	"card_policy": func(s *stage) string {
		return s.made("POST", "/organizations/"+s.ids["org"]+"/card-policies", `{"name":"mail","level":"aal1"}`)
	},
	"ask": func(s *stage) string {
		if s.ids["approval"] == "" {
			s.ids["approval"] = offered(s)
		}
		return s.made("POST", "/asks", `{"org":"`+s.ids["org"]+`","kind":"group","target":"`+s.ids["group"]+`","reason":"Quarterly report"}`)
	},
	"lease": func(s *stage) string {
		s.made("POST", "/organizations/"+s.ids["org"]+"/approval-policies", `{"name":"open","kinds":["group"],"rules":[{"name":"everybody","when":"true"}]}`)
		return fmt.Sprint(s.call("POST", "/asks", `{"org":"`+s.ids["org"]+`","kind":"group","target":"`+s.ids["group"]+`","reason":"Report"}`)["lease"])
	},
	"delegation": func(s *stage) string {
		return s.made("POST", "/me/delegations", `{"org":"`+s.ids["org"]+`","to":"`+s.ids["person"]+`","starts":"2026-12-24T00:00:00Z","ends":"2027-01-04T00:00:00Z"}`)
	},
}

// desk is the stage's card sender.
func desk(s *stage) string {
	return s.made("POST", "/organizations/"+s.ids["org"]+"/card-senders", `{"name":"desk","role":"creator","callback":"https://desk.kaede.example/decided","audience":{"people":["`+string(s.k.Botan)+`"]}}`)
}

// sending makes the stage's card sender unless there is one.
func (s *stage) sending() {
	if s.ids["sender"] == "" {
		s.ids["sender"] = desk(s)
	}
}

// issued is a service token, sentCard a card that was sent by it.
func issued(s *stage) string {
	s.sending()
	s.service()
	return s.last("/organizations/" + s.ids["org"] + "/card-senders/" + s.ids["sender"] + "/tokens")
}

func sentCard(s *stage) string {
	s.sending()
	_, _, body := s.asApp("POST", web.APIPrefix+"/sent-cards", json.RawMessage(`{"key":"one","to":{"people":["botan"]},"title":"One","approval":{}}`))
	var made object
	_ = json.Unmarshal([]byte(body), &made)
	return fmt.Sprint(made["id"])
}

// reviewed is a campaign in which the chief looks at who is in a group.
func reviewed(s *stage) string {
	s.t.Helper()
	name := string(id.New[id.Ask](time.Now()))
	s.made("POST", "/organizations/"+s.ids["org"]+"/groups", `{"name":"`+name+`","members":["`+s.ids["person"]+`"]}`)
	return s.made("POST", "/organizations/"+s.ids["org"]+"/reviews", `{"name":"`+name+`","spec":{"title":"Roles","kind":"group","reviewers":["person:`+string(s.k.Chika)+`"]}}`)
}

// offered is a policy by which everybody can ask for groups.
func offered(s *stage) string {
	return s.made("POST", "/organizations/"+s.ids["org"]+"/approval-policies",
		`{"name":"desk","kinds":["group"],"stages":[{"groups":[{"approvers":["role:administrator","person:`+string(s.k.Botan)+`"]}]}]}`)
}

// bellDocument is a definition that can do nothing but comment.
const bellDocument = `apiVersion: sekisho/connector/v1
id: bell
title: {en: Bell}
settings:
  base_url: {type: url, required: true}
hosts: ["{base_url}"]
auth:
  modes: [service]
  schemes: {header_token: {}}
  headers: {Authorization: "'Bearer ' + cred.token"}
operations:
  ticket.comment:
    steps:
      - {id: c, request: {method: POST, path: "'/comment/' + urlpath(arg.id)", json: {text: arg.text}}}
`

// asked is a card of the chief about an ask.
func (s *stage) asked() string {
	s.t.Helper()
	s.h.Cards().Hall = agreeing{}
	q := card.Question{
		Ask: id.New[id.Ask](time.Now()), Org: s.k.Org, To: []id.Person{s.k.Chika}, Title: "Group desk", Requester: "Aoi", Digest: shownDigest,
	}
	err := s.h.Store().Org(s.k.Org).Write(context.Background(), func(tx *store.Tx) store.End {
		events, err := s.h.Cards().Raise(tx, q)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(events[0])
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.last("/cards")
}

// shownDigest is what the example of a decision says was shown.
const shownDigest = "5b0c0a2d5f8e4d0fb1c1c6f3b1f3a7d2f9a1b8c7d6e5f4031221304f5e6d7c8b"

// agreeing is a hall with one ask that takes every answer.
type agreeing struct{}

func (agreeing) Show(context.Context, id.Org, id.Ask, id.Person, words.Lang) (card.Shown, error) {
	return card.Shown{Sheet: card.Sheet{Title: "Group desk", Decidable: true}, Digest: shownDigest}, nil
}

func (agreeing) Decide(context.Context, id.Org, id.Ask, card.Decider, card.Verdict) error { return nil }

func raw(v any) json.RawMessage {
	text, _ := json.Marshal(v)
	return text
}

// parked is an effect that waits for an operator.
func (s *stage) parked() string {
	s.t.Helper()
	which := id.New[id.Effect](time.Now())
	err := s.h.Store().House().Write(context.Background(), func(tx *store.Tx) store.End {
		_, err := tx.Exec(parkedEffect, string(which), store.Micros(time.Now()))
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(store.Event{Name: "test.parked", By: id.Local(0)})
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return string(which)
}

// scenes prepare what an operation needs before its example can play.
var scenes = map[string]func(*stage){
	"follow-signing-key": func(s *stage) {
		key, _, err := s.h.Signet().Signers(ctx, jws.ES256)
		if err != nil {
			s.t.Fatal(err)
		}
		s.body["after"] = key.KID()
	},
	"decide-review-item": func(s *stage) {
		s.body["digest"] = s.call("GET", "/me/review-items/"+s.ids["review_item"]+"?org="+s.ids["org"], "")["digest"]
	},
	"ask":         func(s *stage) { s.ensure("approval") },
	"preview-ask": func(s *stage) { s.ensure("approval") },
	"decide-ask": func(s *stage) { // somebody else's
		aoi := s.h.As(s.t, s.k.Aoi, s.k.Org)
		path := "/asks"
		s.call("POST", path+"/"+s.ids["ask"]+"/withdraw", "")
		got := aoi.Call("POST", web.APIPrefix+path, object{"org": s.ids["org"], "kind": "group", "target": s.ids["group"], "reason": "Quarterly report"})
		var made object
		if err := json.Unmarshal([]byte(got.Body), &made); err != nil || got.Status != http.StatusCreated {
			s.t.Fatal(got)
		}
		s.ids["ask"] = fmt.Sprint(made["id"])
		s.body["digest"] = s.call("GET", path+"/"+s.ids["ask"], "")["digest"]
	},
	"order-item": func(s *stage) { s.body["digest"] = s.goodsDigest() },
	"add-own-passkey": func(s *stage) {
		begun := s.call("POST", "/me/passkeys/begin", "")
		answer, err := factortest.New(s.h.URL()).Create(raw(begun["options"]))
		if err != nil {
			s.t.Fatal(err)
		}
		s.body["ticket"], s.body["answer"] = begun["ticket"], answer
	},
	"add-own-totp": func(s *stage) {
		s.body = s.oneTimeCode()
	},
	"remove-own-totp": func(s *stage) {
		kinds["passkey"](s) // something must be left to sign in with
		s.call("PUT", "/me/totp", string(raw(s.oneTimeCode())))
	},
	"remove-own-passkey": func(s *stage) { kinds["passkey"](s) }, // another one stays
	"end-sessions":       func(s *stage) { s.h.AsBy(s.t, s.k.Aoi, s.k.Org, factor.ByPassword) },
	"end-own-session": func(s *stage) {
		s.h.As(s.t, s.k.Chika, s.k.Org)
		s.ids["session"] = s.last("/me/sessions")
	},
	"revoke-token": func(s *stage) { // somebody else's
		ctx := context.Background()
		all, err := s.h.Register().Memberships(ctx, s.k.Org, []id.Person{s.k.Botan})
		m := all[s.k.Botan]
		m.Roles = []id.Role{org.Auditor}
		if err == nil {
			err = s.h.Register().PutMember(ctx, id.Local(0), m)
		}
		made, _, errMade := s.h.Tokens().Make(ctx, s.k.Botan, "", token.Wanted{Name: "script", Org: s.k.Org, Scopes: []string{console.AuditRead}, Days: 1})
		if err = errors.Join(err, errMade); err != nil {
			s.t.Fatal(err)
		}
		s.ids["token"] = made.ID
	},
	"invite-again": func(s *stage) {
		added := s.call("POST", "/organizations/"+s.ids["org"]+"/members", `{"invite":{"login":"ren","email":"ren@kaede.example"}}`)
		s.ids["person"] = fmt.Sprint(added["person"])
	},
	"delete-organization": func(s *stage) {
		s.ids["org"] = s.made("POST", "/organizations", `{"name":"sakura","type":"customer","parent_roles":["administrator"]}`)
	},
	"enable-person": func(s *stage) { s.call("POST", "/people/"+s.ids["person"]+"/disable", "") },
	"reset-member-sign-in": func(s *stage) {
		v := s.h.As(s.t, s.k.Aoi, s.k.Org)
		if got := v.Call("PUT", "/api/v1/me/password", object{"new": "nine boats in the morning fog"}); got.Status >= 300 {
			s.t.Fatal(got)
		}
	},
	"authorize-system": func(s *stage) { // one that asks nobody who it is
		body := object{"name": "bell", "document": bellDocument, "settings": object{"base_url": "https://bell.kaede.example"}, "mode": "service", "enabled": true, "set_secrets": object{"token": "x"}}
		s.ids["system"] = s.made("POST", "/organizations/"+s.ids["org"]+"/systems", string(raw(body)))
	},
	"prove-record": func(s *stage) { s.call("GET", "/audit/checkpoint", "") }, // asks for a signature
	"erase-field": func(s *stage) {
		record := s.call("GET", "/audit/records/"+s.ids["record"], "")
		s.body["field"] = slices.Sorted(maps.Keys(record["fields"].(object)))[0]
	},
}

// parkedEffect is one as a worker leaves it for an operator.
const parkedEffect = `INSERT INTO job_effect (id, org, driver, target, line, seq, waits, state, probe, payload, principal, tries, due, owner,
	fence_no, sent_at, fence_until, intended_at, first_at, ended_at, why, result)
	VALUES ($1, '', 'mail', 'mail.example', '', 0, 0, 'parked', 0, '{}', 'system:test', 1, $2, '', 1, 0, 0, $2, $2, 0, 'job-tries-over', '')`

// oneTimeCode is the answer to an offer of one-time codes.
func (s *stage) oneTimeCode() object {
	s.t.Helper()
	offer := s.call("POST", "/me/totp", "")
	code, err := totp.GenerateCode(fmt.Sprint(offer["secret"]), time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	return object{"ticket": offer["ticket"], "code": code}
}

// local are the operations for processes of the machine alone.
var local = []string{"unseal", "make-recover-link"}

// play sends one example and returns what the house answered.
func (s *stage) play(d described, e object) (status int, header http.Header, body string) {
	s.t.Helper()
	name := fmt.Sprint(d.op["operationId"])
	path := d.path
	for _, kind := range slices.Sorted(maps.Keys(e["path"].(object))) { // org and person before what is theirs
		s.ensure(kind)
	}
	s.body, _ = e["body"].(object)
	if scene := scenes[name]; scene != nil && e["code"] == nil {
		scene(s)
	}
	for wildcard, value := range e["path"].(object) {
		path = strings.ReplaceAll(path, "{"+wildcard+"}", s.real(fmt.Sprint(value)))
	}
	query := url.Values{}
	for key, value := range mapOf(e["query"]) {
		text := fmt.Sprint(value)
		for _, kind := range web.ExampleKinds() {
			if strings.Contains(text, web.ExampleID(kind)) {
				s.ensure(kind)
			}
		}
		query.Set(key, s.real(text))
	}
	s.version(d, path)
	path = web.APIPrefix + path
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	var sent any
	if s.body != nil {
		sent = json.RawMessage(s.real(string(raw(s.body))))
	}
	if slices.Contains(local, name) {
		return s.asLocal(d.method, path, sent)
	}
	if strings.HasPrefix(d.path, "/sent-cards") {
		s.sending()
		return s.asApp(d.method, path, sent)
	}
	got := s.chief.Call(d.method, path, sent)
	return got.Status, got.Header, got.Body
}

// ensure makes one of a kind unless there is one.
func (s *stage) ensure(kind string) {
	s.t.Helper()
	if s.ids[kind] == "" && kinds[kind] != nil {
		s.ids[kind] = kinds[kind](s)
	}
}

// real puts the identifiers of the house where the examples have theirs.
func (s *stage) real(text string) string {
	for _, kind := range web.ExampleKinds() {
		if s.ids[kind] != "" {
			text = strings.ReplaceAll(text, web.ExampleID(kind), s.ids[kind])
		}
	}
	return text
}

// version reads the version that a change sends back.
func (s *stage) version(d described, path string) {
	if v, has := s.body["version"]; !has || fmt.Sprint(v) != "1" {
		return
	}
	got := s.chief.Get(web.APIPrefix + path)
	var now object
	if err := json.Unmarshal([]byte(got.Body), &now); err != nil || now["version"] == nil {
		s.t.Fatalf("%s: %d %s", d, got.Status, got.Body)
	}
	s.body["version"] = now["version"]
}

func (s *stage) asLocal(method, path string, body any) (int, http.Header, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(string(raw(body))))
	r.Header.Set("Content-Type", "application/json")
	r.Host, r.RemoteAddr = "control", "@"
	w := httptest.NewRecorder()
	s.h.Handler().ServeHTTP(w, r.WithContext(web.WithLocalPeer(r.Context(), 0)))
	return w.Code, w.Header(), w.Body.String()
}

// asApp calls as the program of the stage's sender.
func (s *stage) asApp(method, path string, body any) (int, http.Header, string) {
	header, text := http.Header{"Authorization": {"Bearer " + s.service()}, "Content-Type": {"application/json"}}, ""
	if body != nil {
		text = string(raw(body))
	}
	got := s.h.Nobody(s.t).Send(method, path, text, header)
	return got.Status, got.Header, got.Body
}

// service is a new service token of the stage's sender.
func (s *stage) service() string {
	s.t.Helper()
	_, value, err := s.h.Senders().MakeToken(ctx, id.Local(0), "", s.k.Org, id.Sender(s.ids["sender"]), sender.Lease{Days: 1, Overlap: 0})
	if err != nil {
		s.t.Fatal(err)
	}
	return value.Reveal()
}

func mapOf(v any) object {
	m, _ := v.(object)
	return m
}

// TestExamplesOfTheAPI plays every example that the description shows, each in
// a house of its own, and holds what comes back to what the description says.
func TestExamplesOfTheAPI(t *testing.T) {
	housetest.Long(t)
	doc := served(t, housetest.House(t))
	played, refused, readers := 0, 0, newStage(t) // who only reads changes nothing for the next
	for _, d := range doc.operations() {
		examples := list(d.op["x-examples"])
		if len(examples) == 0 {
			t.Errorf("%s %s: no example", d, d.op["operationId"])
		}
		done := 0
		for i, e := range examples {
			if e["code"] == nil {
				done++
			} else {
				refused++
			}
			played++
			t.Run(fmt.Sprintf("CAP-M3 %s %d", d.op["operationId"], i+1), func(t *testing.T) {
				s, name := readers, fmt.Sprint(d.op["operationId"])
				if name == "unseal" {
					s = newStage(t, byWords)
				} else if d.method != http.MethodGet || scenes[name] != nil {
					s = newStage(t)
				}
				status, header, body := s.play(d, e)
				for _, bad := range doc.judge(d, e, status, header, body) {
					t.Errorf("%s: %s\n%.600s", d, bad, body)
				}
			})
		}
		if done == 0 && len(examples) > 0 {
			t.Errorf("%s: refusals only", d)
		}
	}
	t.Logf("%d examples, %d of them refusals", played, refused)
}

// judge returns what of an answer is not as the description says.
func (d apiDoc) judge(op described, e object, status int, header http.Header, body string) (found []string) {
	if want := int(e["status"].(float64)); status != want {
		return []string{fmt.Sprintf("%d, want %d", status, want)}
	}
	var value any
	kind := header.Get("Content-Type")
	if strings.HasSuffix(kind, "json") {
		if err := json.Unmarshal([]byte(body), &value); err != nil {
			return []string{err.Error()}
		}
	}
	if e["code"] != nil {
		problem := mapOf(value)
		if kind != "application/problem+json" || problem["code"] != e["code"] {
			found = append(found, fmt.Sprintf("%s %v, want %v", kind, problem["code"], e["code"]))
		}
		if e["code"] == "input-invalid" && len(list(problem["errors"])) == 0 {
			found = append(found, "no field is named")
		}
		return append(found, d.fits(problem, d.at("components", "schemas", "Problem"), "")...)
	}
	answer := d.answer(op.op)
	switch {
	case answer == nil && status == http.StatusNoContent && body != "":
		return []string{"it says something"}
	case answer == nil && status != http.StatusNoContent && !strings.HasSuffix(kind, "jsonl"):
		return []string{"an answer that is not described: " + kind}
	case answer == nil:
		return nil
	}
	return d.fits(value, answer, "")
}

// fits returns where a value is not what its schema says. Members that the
// schema does not know are errors.
func (d apiDoc) fits(v any, schema object, at string) (found []string) {
	schema = d.resolve(schema)
	say := func(format string, args ...any) { found = append(found, at+": "+fmt.Sprintf(format, args...)) }
	if offered, _ := schema["enum"].([]any); offered != nil && !slices.Contains(offered, v) {
		say("%v is not offered", v)
	}
	switch schema["type"] {
	case "object":
		node, ok := v.(object)
		if !ok {
			say("%v is no object", v)
			return found
		}
		properties, rest := mapOf(schema["properties"]), schema["additionalProperties"]
		for name, member := range node {
			if s, known := properties[name].(object); known {
				found = append(found, d.fits(member, s, at+"."+name)...)
			} else if s, typed := rest.(object); typed {
				found = append(found, d.fits(member, s, at+"."+name)...)
			} else {
				say("%s is not described", name)
			}
		}
		for _, name := range anys(schema["required"]) {
			if _, has := node[fmt.Sprint(name)]; !has {
				say("%v is missing", name)
			}
		}
	case "array":
		items, ok := v.([]any)
		if !ok {
			say("%v is no list", v)
		}
		for i, item := range items {
			found = append(found, d.fits(item, mapOf(schema["items"]), fmt.Sprintf("%s[%d]", at, i))...)
		}
	case "string":
		if text, ok := v.(string); !ok {
			say("%v is no text", v)
		} else if _, err := time.Parse(time.RFC3339, text); schema["format"] == "date-time" && err != nil {
			say("%v is no time", v)
		}
	case "boolean":
		if _, ok := v.(bool); !ok {
			say("%v is neither true nor false", v)
		}
	case "integer", "number":
		if n, ok := v.(float64); !ok || schema["type"] == "integer" && n != float64(int64(n)) {
			say("%v is no such number", v)
		}
	}
	return found
}

func anys(v any) []any {
	all, _ := v.([]any)
	return all
}
