package change_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
	"github.com/sekisho/sekisho/internal/web"
)

// newRole asks for a role, as Chika.
func (e *fourEyes) newRole(permissions ...string) id.Ask {
	e.t.Helper()
	e.n++
	return e.waits(e.chika().Call(http.MethodPost, e.in("/roles"), map[string]any{"name": e.called("night"), "permissions": permissions}))
}

// stays fails if what four_eyes guards has changed since before.
func (e *fourEyes) stays(before string) {
	e.t.Helper()
	if now := e.state(); now != before {
		e.t.Errorf("it was written:\n%s\nbefore:\n%s", now, before)
	}
}

// refuses approves as who, and wants a refusal and the state after it.
func (e *fourEyes) refuses(which id.Ask, who id.Person, code string, state request.State) {
	e.t.Helper()
	digest := e.sheet(which, e.k.Chika).Digest
	_, err := e.h.Hall().Decide(ctx, present(who), request.Verdict{Org: e.k.Org, Ask: which, Approve: true, Digest: digest})
	if fault.Code(err) != code {
		e.t.Errorf("approved: %v, want %s", err, code)
	}
	if now := e.sheet(which, e.k.Chika).Ask.State; now != state {
		e.t.Errorf("the ask is %s, want %s", now, state)
	}
}

func TestFourEyesRefuse(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, dsn string) {
		e := eyes(t, dsn)
		for _, c := range []struct {
			name string
			test func(e *fourEyes, before string)
		}{
			{"A109 by who asked", func(e *fourEyes, before string) {
				e.refuses(e.newRole(org.PeopleRead), e.k.Chika, "decides-about-themselves", request.Open)
				e.stays(before)
			}},
			{"A109 by who asked with a token, in the browser", func(e *fourEyes, before string) {
				e.promote(e.k.Daichi, org.Administrator, org.Operator)
				now := e.state()
				got := e.chika().Call(http.MethodPost, "/api/v1/me/tokens", map[string]any{"name": "CI", "org": e.k.Org, "scopes": []string{"house.manifest", "group.write", "people.read"}, "days": 1})
				_, token, _ := strings.Cut(got.Body, `"value":"`)
				token, _, _ = strings.Cut(token, `"`)
				if token == "" {
					e.t.Fatal(got.Body)
				}
				text, header := string(raw(e.t, documents(e.t, e.said(groupDoc)))), http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
				which := e.waits(e.h.Nobody(e.t).Send(http.MethodPost, "/api/v1/manifests/apply", text, header))
				e.refuses(which, e.k.Chika, "decides-about-themselves", request.Open)
				e.stays(now)
			}},
			{"A109 what the machine asks, by one alone", func(e *fourEyes, before string) {
				e.promote(e.k.Daichi, org.Administrator, org.Operator)
				which := e.waits(e.local(http.MethodPost, "/api/v1/manifests/apply", documents(e.t, e.said(groupDoc))))
				now := e.state()
				if a, err := e.decide(which, e.k.Chika); err != nil || a.State != request.Open {
					e.t.Errorf("after one approval: %s %v", a.State, err)
				}
				e.stays(now)
				e.refuses(which, e.k.Chika, "ask-voted-already", request.Open)
				e.stays(now)
			}},
			{"two, of whom one became weaker since", func(e *fourEyes, before string) {
				e.promote(e.k.Daichi, org.Administrator, org.Operator)
				which := e.waits(e.local(http.MethodPost, "/api/v1/manifests/apply", documents(e.t, e.said(roleDoc))))
				if _, err := e.decide(which, e.k.Daichi); err != nil {
					e.t.Fatal(err)
				}
				e.promote(e.k.Daichi, org.Operator)
				now := e.state()
				e.refuses(which, e.k.Chika, "ask-reasked", request.Open)
				e.stays(now)
			}},
			{"who may not", func(e *fourEyes, before string) {
				e.refuses(e.newRole(org.PeopleRead), e.k.Botan, "not-asked-to-decide", request.Open)
				e.stays(before)
			}},
			{"who may write roles and holds less than this one permits", func(e *fourEyes, before string) {
				e.refuses(e.newRole(org.PeopleRead, org.GroupWrite), e.k.Daichi, "change-beyond-you", request.Open)
				e.stays(before)
			}},
			{"a reset, by whose factors they are", func(e *fourEyes, before string) {
				e.promote(e.k.Aoi, org.Administrator, org.Operator)
				defer e.promote(e.k.Aoi, org.User)
				which := e.waits(e.chika().Call(http.MethodPost, e.in("/members/"+string(e.k.Aoi)+"/sign-in/reset"), map[string]any{"take": []string{"password"}}))
				e.refuses(which, e.k.Aoi, "not-asked-to-decide", request.Open)
			}},
			{"a reset, by who is weaker than that person", func(e *fourEyes, before string) {
				which := e.waits(e.chika().Call(http.MethodPost, e.in("/members/"+string(e.k.Aoi)+"/sign-in/reset"), map[string]any{"take": []string{"password"}}))
				e.promote(e.k.Aoi, org.Administrator)
				defer e.promote(e.k.Aoi, org.User)
				e.refuses(which, e.k.Daichi, "change-beyond-you", request.Open)
			}},
			{"with a proof of who they are that is an hour old", func(e *fourEyes, before string) {
				which := e.newRole(org.PeopleRead)
				by := present(e.k.Daichi)
				by.Proof.At = by.Proof.At.Add(-time.Hour)
				_, err := e.h.Hall().Decide(ctx, by, request.Verdict{Org: e.k.Org, Ask: which, Approve: true, Digest: e.sheet(which, e.k.Daichi).Digest})
				if fault.Code(err) != web.StepUp {
					e.t.Error(err)
				}
				e.stays(before)
			}},
			{"R5 with another digest", func(e *fourEyes, before string) {
				which := e.newRole(org.PeopleRead)
				_, err := e.h.Hall().Decide(ctx, present(e.k.Daichi), request.Verdict{Org: e.k.Org, Ask: which, Approve: true, Digest: strings.Repeat("0", 64)})
				if fault.Code(err) != "ask-changed" {
					e.t.Error(err)
				}
				e.stays(before)
			}},
		} {
			t.Run("CAP-H18 "+c.name, func(t *testing.T) {
				e.t = t
				e.n++
				e.look()
				// Daichi writes roles and resets here, and holds little else.
				e.promote(e.k.Daichi, e.writer(), org.User)
				c.test(e, e.state())
			})
		}
	})
}

// writer is a role that writes roles.
func (e *fourEyes) writer() id.Role {
	e.t.Helper()
	roles, err := e.h.Register().Roles(ctx, e.k.Org)
	if err != nil {
		e.t.Fatal(err)
	}
	for _, r := range roles {
		if r.Name == "writer" {
			return r.ID
		}
	}
	e.promote(e.k.Daichi, org.Administrator, org.Operator)
	e.allow(e.chika().Call(http.MethodPost, e.in("/roles"), map[string]any{
		"name": "writer", "permissions": []string{org.RoleWrite, org.PeopleRead, "signin.reset"},
	}))
	return e.writer()
}

func TestFourEyesMoved(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, dsn string) {
		e := eyes(t, dsn)
		desk := func(more ...string) map[string]any {
			return map[string]any{"permissions": append([]string{org.PeopleRead}, more...), "version": e.desk.Version}
		}
		changeDesk := func(more ...string) id.Ask {
			return e.waits(e.chika().Call(http.MethodPatch, e.in("/roles/"+string(e.desk.ID)), desk(more...)))
		}
		for _, c := range []struct {
			name  string
			asks  func() id.Ask
			moves func()
			code  string
		}{
			{"the role is another one", func() id.Ask { return changeDesk(org.GroupWrite) }, func() {
				which := e.waits(e.daichi().Call(http.MethodPatch, e.in("/roles/"+string(e.desk.ID)), map[string]any{"title": e.called("Desk"), "version": e.desk.Version}))
				if _, err := e.decide(which, e.k.Chika); err != nil {
					e.t.Fatal(err)
				}
			}, "change-moved"},
			{"what the role includes permits more", func() id.Ask {
				return e.waits(e.chika().Call(http.MethodPost, e.in("/roles"), map[string]any{"name": e.called("night"), "includes": []string{string(e.desk.ID)}}))
			}, func() {
				e.allow(e.chika().Call(http.MethodPatch, e.in("/roles/"+string(e.desk.ID)), desk(org.GroupWrite)))
			}, "change-moved"},
			{"the role is gone", func() id.Ask { return changeDesk(org.PeopleWrite) }, func() {
				e.write(func(tx *store.Tx) (store.Event, error) { return e.h.Register().EndRole(tx, house, e.k.Org, e.desk.ID) })
			}, "change-moved"},
			{"the system was changed", func() id.Ask {
				body := shedContent(e.other())
				body["revision"] = e.shed.Revision
				return e.waits(e.chika().Call(http.MethodPut, e.in("/systems/"+string(e.shed.ID)), body))
			}, func() {
				body := shedContent(shedDefinition)
				body["revision"], body["title"] = e.shed.Revision, "Another"
				if got := e.chika().Call(http.MethodPut, e.in("/systems/"+string(e.shed.ID)), body); got.Status != http.StatusOK {
					e.t.Fatal(got.Status, got.Body)
				}
			}, "change-moved"},
			{"the person has another address", func() id.Ask {
				return e.waits(e.chika().Call(http.MethodPost, e.in("/members/"+string(e.k.Aoi)+"/sign-in/reset"), map[string]any{"take": []string{"password"}}))
			}, func() {
				p, err := e.h.Register().Person(ctx, e.k.Aoi)
				if p.Email = "aoi2@kaede.example"; err == nil {
					_, err = e.h.Register().ChangePerson(ctx, house, p)
				}
				if err != nil {
					e.t.Fatal(err)
				}
			}, "change-moved"},
			{"the plan is another one", func() id.Ask {
				return e.waits(e.chika().Call(http.MethodPost, "/api/v1/manifests/apply", documents(e.t, e.said(groupDoc))))
			}, func() {
				if _, err := e.h.Register().PutGroup(ctx, house, org.Group{Org: e.k.Org, Name: e.called("night"), Title: "Somebody else's"}); err != nil {
					e.t.Fatal(err)
				}
			}, "change-moved"},
			{"who asked may not any more", func() id.Ask { return e.newRole(org.PeopleRead) }, func() { e.promote(e.k.Chika, org.User) }, "change-asker-lost"},
			{"who asked applies, and is no administrator any more", func() id.Ask {
				return e.waits(e.chika().Call(http.MethodPost, "/api/v1/manifests/apply", documents(e.t, e.said(roleDoc))))
			}, func() { e.promote(e.k.Chika, org.Operator) }, "change-asker-lost"},
		} {
			t.Run("CAP-H18 "+c.name, func(t *testing.T) {
				e.t = t
				e.n++
				e.promote(e.k.Chika, org.Administrator, org.Operator)
				if !strings.Contains(e.state(), "\ndesk ") {
					e.allow(e.chika().Call(http.MethodPost, e.in("/roles"), map[string]any{"name": "desk", "permissions": []string{org.PeopleRead}}))
				}
				e.look()
				which := c.asks()
				c.moves()
				before := e.state()
				_, err := e.decide(which, e.k.Daichi)
				if fault.Code(err) != c.code {
					t.Errorf("approved: %v, want %s", err, c.code)
				}
				e.stays(before)
				s := e.sheet(which, e.k.Daichi)
				if last := s.Thread[len(s.Thread)-1]; s.Ask.State != request.Void || last.Name != request.StepVoid || last.More["code"] != c.code {
					t.Errorf("the ask is %s, its last step %+v", s.Ask.State, last)
				}
				if n := e.kept(which); n != 0 {
					t.Errorf("%d rows are kept of it", n)
				}
			})
		}
	})
}

// kept counts what lies sealed of an ask.
func (e *fourEyes) kept(which id.Ask) (n int) {
	e.t.Helper()
	err := e.h.Store().House().Read(ctx, func(v *store.View) error {
		return v.Row("SELECT COUNT(*) FROM change_held WHERE ask = $1", string(which)).Scan(&n)
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return n
}

func TestFourEyesHaveNoBackDoor(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, dsn string) {
		e := eyes(t, dsn)
		before, local := e.state(), id.Local(0)
		write := func(f func(tx *store.Tx) (store.Event, error)) error {
			return e.h.Store().Org(e.k.Org).Write(ctx, func(tx *store.Tx) store.End {
				event, err := f(tx)
				if err != nil {
					return store.Abort(err)
				}
				return store.Done(event)
			})
		}
		t.Run("CAP-H18 the floors themselves refuse", func(t *testing.T) {
			for name, f := range map[string]func(tx *store.Tx) (store.Event, error){
				"role": func(tx *store.Tx) (store.Event, error) {
					return e.h.Register().SetRole(tx, local, org.Role{Org: e.k.Org, ID: "x", Name: "x"})
				},
				"definition": func(tx *store.Tx) (store.Event, error) {
					s := e.shed
					s.Document = e.other()
					return e.h.Systems().PutIn(tx, local, connector.Wanted{System: s})
				},
			} {
				if err := write(f); fault.Code(err) != "change-held" {
					t.Errorf("%s: %v", name, err)
				}
			}
			e.stays(before)
		})
		t.Run("CAP-H18 nobody asks for a change by the form of an ask", func(t *testing.T) {
			for _, sort := range []string{"apply", "role", "system", "reset"} {
				body := map[string]any{"org": e.k.Org, "kind": "change", "target": sort, "reason": "x", "break": true}
				if got := e.chika().Call(http.MethodPost, "/api/v1/asks", body); got.Status != http.StatusNotFound {
					t.Errorf("%s: %d %s", sort, got.Status, got.Body)
				}
				if got := e.chika().Get("/ask/change/" + sort); got.Status != http.StatusNotFound {
					t.Errorf("%s: %d", sort, got.Status)
				}
			}
		})
		t.Run("CAP-H18 a dry run asks nobody", func(t *testing.T) {
			asks, _, err := e.h.Hall().Asks(ctx, e.k.Org, request.Query{})
			if err != nil {
				t.Fatal(err)
			}
			got := e.chika().Send(http.MethodPost, e.in("/roles"), `{"name":"night","permissions":["people.read"]}`, http.Header{
				"Origin": {e.chika().Base()}, "Content-Type": {"application/json"}, "Dry-Run": {"true"},
			})
			now, _, err := e.h.Hall().Asks(ctx, e.k.Org, request.Query{})
			if got.Status >= 300 || got.Status == http.StatusAccepted || err != nil || len(now) != len(asks) {
				t.Errorf("%d %s, %d asks, were %d, %v", got.Status, got.Body, len(now), len(asks), err)
			}
		})
		t.Run("CAP-H18 a policy lets nothing through", func(t *testing.T) {
			e.t = t
			put := func(p request.ApprovalPolicy) error {
				p.Org = e.k.Org
				_, err := e.h.Hall().PutPolicy(ctx, house, p)
				return err
			}
			botan := []request.Stage{{Groups: []request.Panel{{Approvers: []request.Approver{request.Approver("person:" + string(e.k.Botan))}}}}}
			yes := []request.Rule{{Name: "yes", When: "true"}}
			if err := put(request.ApprovalPolicy{Name: "easy", Spec: request.Spec{Kinds: []string{"change"}, Stages: botan, Rules: yes}}); fault.Code(err) != "policy-invalid" {
				t.Errorf("a rule for changes: %v", err)
			}
			if err := put(request.ApprovalPolicy{Name: "glass", Spec: request.Spec{Kinds: []string{"change"}, Stages: botan, Glass: time.Hour}}); fault.Code(err) != "policy-invalid" {
				t.Errorf("a glass for changes: %v", err)
			}
			if err := put(request.ApprovalPolicy{Name: "all", Spec: request.Spec{Stages: botan, Rules: yes}}); err != nil {
				t.Fatal(err)
			}
			before := e.state()
			which := e.newRole(org.PeopleRead)
			e.stays(before)
			e.refuses(which, e.k.Botan, "not-asked-to-decide", request.Open)
			if err := put(request.ApprovalPolicy{Name: "botan", Spec: request.Spec{Kinds: []string{"change"}, Stages: botan}}); err != nil {
				t.Fatal(err)
			}
			e.n++
			now := e.state()
			got := e.chika().Call(http.MethodPost, e.in("/roles"), map[string]any{"name": e.called("night")})
			if got.Status != http.StatusUnprocessableEntity || !strings.Contains(got.Body, "change-nobody") {
				t.Errorf("who could not make it decides: %d %s", got.Status, got.Body)
			}
			e.stays(now)
		})
	})
}

func TestFourEyesWithOneAdministrator(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, dsn string) {
		h := housetest.House(t, housetest.On(dsn), housetest.FourEyes(), housetest.WithMail())
		e := &fourEyes{t: t, h: h, k: h.People(t)}
		for _, got := range []housetest.Answer{
			e.chika().Call(http.MethodPost, e.in("/roles"), map[string]any{"name": "night"}),
			e.chika().Call(http.MethodPost, "/api/v1/manifests/apply", documents(t, groupDoc)),
			e.local(http.MethodPost, "/api/v1/manifests/apply", documents(t, groupDoc)),
		} {
			if got.Status != http.StatusUnprocessableEntity || !strings.Contains(got.Body, "change-nobody") || !strings.Contains(got.Body, "stop the server") {
				t.Errorf("CAP-H18 %d %s", got.Status, got.Body)
			}
		}
	})
}
