package change_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/request"
	"github.com/sekisho/sekisho/internal/store"
)

// gives asks that a person of this path gets a role, as Chika.
func (e *fourEyes) gives(role string) id.Ask {
	e.t.Helper()
	e.n++
	e.one = e.somebody("megumi", org.Active, org.User)
	return e.waits(e.chika().Call(http.MethodPatch, e.in("/members/"+string(e.one.ID)), map[string]any{"roles": []string{"user", role}, "version": e.member(e.one.ID).Version}))
}

// TestFourEyesAreNotOneInTwo has one person try to be both.
func TestFourEyesAreNotOneInTwo(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, dsn string) {
		e := eyes(t, dsn)
		t.Run("A109 a second login that they made themselves", func(t *testing.T) {
			e.t = t
			e.n++
			second := e.called("chika-too")
			csv := "login,email,given_name,roles,password_hash\n" + second + "," + second + "@kaede.example,千佳,administrator,$2a$10$abcdefghijklmnopqrstuuWJ1bYc5XzYI1sD4vS7q3rJq0mYxJz6C\n"
			before := e.state()
			which := e.waits(e.chika().Call(http.MethodPost, e.in("/import"), map[string]any{"csv": csv, "apply": true}))
			e.stays(before)
			held := string(e.sheet(which, e.k.Daichi).Ask.Held)
			if !strings.Contains(held, "password_hash") || strings.Contains(held, "$2a$10$") {
				t.Errorf("what is shown of a password that comes along: %s", held)
			}
		})
		t.Run("A109 a second login that decides for whom they do not", func(t *testing.T) {
			e.t = t
			e.n++
			puppet := e.somebody("puppet", org.Active, org.User)
			now := e.member(e.k.Chika)
			got := e.chika().Call(http.MethodPatch, e.in("/members/"+string(e.k.Chika)), map[string]any{"manager": puppet.ID, "version": now.Version})
			e.waits(got)
			if e.member(e.k.Chika).Manager == puppet.ID {
				t.Error("their own manager")
			}
		})
		t.Run("A109 two more logins, of which one is the other's manager", func(t *testing.T) {
			e.t = t
			e.n++
			puppet, other := e.somebody("puppet", org.Active, org.User), e.somebody("other", org.Active, org.User)
			set := func() housetest.Answer {
				return e.chika().Call(http.MethodPatch, e.in("/members/"+string(other.ID)), map[string]any{"manager": puppet.ID, "version": e.member(other.ID).Version})
			}
			if got := set(); got.Status != http.StatusOK {
				t.Fatalf("where managers decide nothing: %d %s", got.Status, got.Body)
			}
			if got := e.chika().Call(http.MethodPatch, e.in("/members/"+string(other.ID)), map[string]any{"manager": "", "version": e.member(other.ID).Version}); got.Status != http.StatusOK {
				t.Fatalf("no manager: %d %s", got.Status, got.Body)
			}
			e.allow(e.chika().Call(http.MethodPost, e.in("/approval-policies"), map[string]any{
				"name": "managers", "kinds": []string{"role"}, "stages": []any{map[string]any{"groups": []any{map[string]any{"approvers": []string{"manager"}}}}},
			}))
			e.waits(set())
			e.waits(e.chika().Call(http.MethodPost, e.in("/members"), map[string]any{
				"invite": map[string]any{"login": e.called("sora"), "email": e.called("sora") + "@kaede.example", "given_name": "空"}, "manager": puppet.ID,
			}))
		})
		t.Run("A109 a token of theirs", func(t *testing.T) {
			e.t = t
			which := e.gives(string(org.Auditor))
			got := e.chika().Call(http.MethodPost, "/api/v1/me/tokens", map[string]any{"name": e.called("CI"), "org": e.k.Org, "scopes": []string{org.PeopleRead, org.PeopleWrite}, "days": 1})
			_, token, _ := strings.Cut(got.Body, `"value":"`)
			token, _, _ = strings.Cut(token, `"`)
			body := string(raw(t, map[string]any{"digest": e.sheet(which, e.k.Chika).Digest, "decision": "approve", "approve": true}))
			for _, by := range []string{token, e.tokenOf(e.k.Daichi)} { // nor of the one who could: a program is no second person
				got = e.h.Nobody(t).Send(http.MethodPost, "/api/v1/asks/"+string(which)+"/decision", body, http.Header{"Authorization": {"Bearer " + by}, "Content-Type": {"application/json"}})
				if got.Status < 400 || e.sheet(which, e.k.Chika).Ask.State != request.Open {
					t.Errorf("by a token: %d %s", got.Status, got.Body)
				}
			}
		})
		t.Run("A109 by the control socket", func(t *testing.T) {
			e.t = t
			which := e.gives(string(org.Auditor))
			got := e.local(http.MethodPost, "/api/v1/asks/"+string(which)+"/decision", map[string]any{"digest": e.sheet(which, e.k.Chika).Digest, "approve": true})
			if got.Status < 400 || e.sheet(which, e.k.Chika).Ask.State != request.Open {
				t.Errorf("by the machine: %d %s", got.Status, got.Body)
			}
		})
		t.Run("A109 a group that decides, joined by themselves", func(t *testing.T) {
			e.t = t
			e.n++
			g := e.board()
			e.waits(e.chika().Call(http.MethodPatch, e.in("/groups/"+string(g.ID)), map[string]any{"members": append(g.Members, e.k.Chika), "version": g.Version}))
			if len(e.board().Members) != len(g.Members) {
				t.Error("they are in")
			}
			outer := org.Group{Org: e.k.Org, Name: e.called("outer"), Title: "Outer", Members: []id.Person{e.k.Chika}}
			made, err := e.h.Register().PutGroup(ctx, id.OfPerson(e.k.Chika), outer)
			if err != nil {
				t.Fatal(err)
			}
			e.waits(e.chika().Call(http.MethodPatch, e.in("/groups/"+string(g.ID)), map[string]any{"groups": []id.Group{made.ID}, "version": g.Version}))
			e.write(func(tx *store.Tx) (store.Event, error) { // once it is in, who comes into it decides too
				now := e.board()
				now.Groups = []id.Group{made.ID}
				return e.h.Register().SetGroup(tx, house, now)
			})
			now, err := e.h.Register().Group(ctx, e.k.Org, made.ID)
			if now.Members = append(now.Members, e.k.Aoi); err != nil {
				t.Fatal(err)
			}
			e.waits(e.chika().Call(http.MethodPatch, e.in("/groups/"+string(made.ID)), map[string]any{"members": now.Members, "version": now.Version}))
		})
		t.Run("A109 the person who gets it", func(t *testing.T) {
			e.t = t
			e.n++
			now := e.member(e.k.Daichi)
			got := e.chika().Call(http.MethodPatch, e.in("/members/"+string(e.k.Daichi)), map[string]any{"roles": append(texts(now.Roles), string(e.desk.ID)), "version": now.Version})
			if got.Status != http.StatusUnprocessableEntity || !strings.Contains(got.Body, "change-nobody") {
				t.Errorf("only Daichi could decide about Daichi: %d %s", got.Status, got.Body)
			}
		})
	})
}

func texts(roles []id.Role) (all []string) {
	for _, one := range roles {
		all = append(all, string(one))
	}
	return all
}

func (e *fourEyes) tokenOf(who id.Person) string {
	e.t.Helper()
	got := e.h.As(e.t, who, e.k.Org).Call(http.MethodPost, "/api/v1/me/tokens", map[string]any{"name": e.called("of"), "org": e.k.Org, "scopes": []string{org.PeopleRead, org.PeopleWrite}, "days": 1})
	_, token, _ := strings.Cut(got.Body, `"value":"`)
	token, _, _ = strings.Cut(token, `"`)
	if token == "" {
		e.t.Fatal(got.Body)
	}
	return token
}

// TestFourEyesOfWhatMoved has something change between the ask and its approval.
func TestFourEyesOfWhatMoved(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, dsn string) {
		e := eyes(t, dsn)
		for _, c := range []struct {
			name  string
			moves func()
			who   id.Person
			code  string
			state request.State
		}{
			{"the role is called otherwise", func() {
				e.write(func(tx *store.Tx) (store.Event, error) { return e.renamed(tx, e.called("front")) })
			}, e.k.Daichi, "change-moved", request.Void},
			{"the role permits more", func() {
				e.write(func(tx *store.Tx) (store.Event, error) {
					role := e.roleNow()
					role.Permissions = append(role.Permissions, org.GroupWrite)
					return e.setRole(tx, role)
				})
			}, e.k.Daichi, "change-moved", request.Void},
			{"the person has another role", func() {
				m := e.member(e.one.ID)
				m.Roles = append(m.Roles, org.Auditor)
				e.write(func(tx *store.Tx) (store.Event, error) { return e.h.Register().SetMember(tx, house, m) })
			}, e.k.Daichi, "change-moved", request.Void},
			{"the person is gone", func() {
				e.write(func(tx *store.Tx) (store.Event, error) { return e.h.Register().EndMember(tx, house, e.k.Org, e.one.ID) })
			}, e.k.Daichi, "change-moved", request.Void},
			{"who asked lost the right", func() { e.promote(e.k.Chika, org.User) }, e.k.Daichi, "change-asker-lost", request.Void},
			{"who approves lost the right", func() { e.promote(e.k.Daichi, org.User) }, e.k.Daichi, "not-asked-to-decide", request.Open},
		} {
			t.Run("CAP-H18 "+c.name, func(t *testing.T) {
				e.t = t
				e.promote(e.k.Chika, org.Administrator, org.Operator)
				e.promote(e.k.Daichi, org.Administrator, org.Operator)
				which := e.gives(string(e.desk.ID))
				c.moves()
				e.h.Register().Forget()
				before := e.state()
				e.refuses(which, c.who, c.code, c.state)
				e.stays(before)
			})
		}
	})
}

func (e *fourEyes) roleNow() org.Role {
	role, err := e.h.Register().Role(ctx, e.k.Org, e.desk.ID)
	if err != nil {
		e.t.Fatal(err)
	}
	return role
}

// setRole writes a role as the house would once it was approved.
func (e *fourEyes) setRole(tx *store.Tx, role org.Role) (event store.Event, err error) {
	err = tx.Lift(func(tx *store.Tx) error {
		event, err = e.h.Register().SetRole(tx, house, role)
		return err
	})
	return event, err
}

func (e *fourEyes) renamed(tx *store.Tx, name string) (store.Event, error) {
	role := e.roleNow()
	role.Name = name
	return e.setRole(tx, role)
}

// TestFourEyesAtOnce has several ask and approve at the same time: each is made
// once, and what was computed against the same thing is made once of them all.
func TestFourEyesAtOnce(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, dsn string) {
		e := eyes(t, dsn)
		e.n++
		e.one = e.somebody("megumi", org.Active, org.User)
		version := e.member(e.one.ID).Version
		var asks []id.Ask
		for _, role := range []string{"auditor", "accounts-administrator", string(e.desk.ID)} {
			asks = append(asks, e.waits(e.chika().Call(http.MethodPatch, e.in("/members/"+string(e.one.ID)), map[string]any{"roles": []string{"user", role}, "version": version})))
		}
		digests := map[id.Ask]string{}
		for _, which := range asks {
			digests[which] = e.sheet(which, e.k.Daichi).Digest
		}
		var all sync.WaitGroup
		for _, which := range asks {
			for range 4 {
				all.Go(func() {
					_, _ = e.h.Hall().Decide(ctx, present(e.k.Daichi), request.Verdict{Org: e.k.Org, Ask: which, Approve: true, Digest: digests[which]})
				})
			}
		}
		all.Wait()
		for _, which := range asks { // a write that met another may have been given up
			if e.sheet(which, e.k.Daichi).Ask.State == request.Open {
				_, _ = e.decide(which, e.k.Daichi)
			}
		}
		made := 0
		for _, which := range asks {
			switch s := e.sheet(which, e.k.Daichi); s.Ask.State {
			case request.Released:
				made++
			case request.Void:
			default:
				t.Errorf("an ask is %s", s.Ask.State)
			}
		}
		if m := e.member(e.one.ID); made != 1 || len(m.Roles) != 2 || m.Version != version+1 {
			t.Errorf("CAP-H18 %d were made, %v, version %d of %d", made, m.Roles, m.Version, version)
		}
	})
}

// TestFourEyesLiftOneThing lifts one thing, and tries another in the same write.
func TestFourEyesLiftOneThing(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, dsn string) {
		e := eyes(t, dsn)
		e.n++
		e.one = e.somebody("megumi", org.Active, org.User)
		m, local := e.member(e.one.ID), id.Local(0)
		m.Roles = []id.Role{org.Administrator}
		tries := map[string]func(tx *store.Tx) error{
			"a role": func(tx *store.Tx) error {
				_, err := e.h.Register().SetRole(tx, local, e.roleNow())
				return err
			},
			"the end of a role": func(tx *store.Tx) error {
				_, err := e.h.Register().EndRole(tx, local, e.k.Org, e.desk.ID)
				return err
			},
			"a member": func(tx *store.Tx) error {
				_, err := e.h.Register().SetMember(tx, local, m)
				return err
			},
			"a system": func(tx *store.Tx) error {
				s := e.shed
				s.Scope = "all"
				_, err := e.h.Systems().PutIn(tx.Org(e.k.Org), local, connector.Wanted{System: s})
				return err
			},
			"a policy": func(tx *store.Tx) error {
				_, err := e.h.Hall().SetPolicy(tx, local, &request.ApprovalPolicy{Org: e.k.Org, ID: "x", Name: "x", Spec: request.Spec{Stages: []request.Stage{{Groups: []request.Panel{{Approvers: []request.Approver{"manager"}}}}}}})
				return err
			},
			"an organization": func(tx *store.Tx) error {
				o := e.momiji()
				o.ParentRoles = []string{"administrator", "auditor"}
				o.Type, o.Parent = org.Provider, ""
				_, err := e.h.Register().SetOrganization(tx, local, o)
				return err
			},
			"a seat": func(tx *store.Tx) error {
				_, err := e.h.Hall().SetDelegation(tx, local, &request.Delegation{Org: e.k.Org, ID: "x", From: e.k.Botan, To: e.k.Aoi, Starts: time.Now(), Ends: time.Now().Add(time.Hour)})
				return err
			},
		}
		for name, try := range tries {
			err := e.h.Store().House().Write(ctx, func(tx *store.Tx) store.End {
				err := tx.Lift(try, "role:another", "member:another")
				if fault.Code(err) != "change-held" {
					t.Errorf("CAP-H18 %s under the lifting of something else: %v", name, err)
				}
				_ = tx.Lift(func(*store.Tx) error { return nil })
				if err := try(tx); fault.Code(err) != "change-held" {
					t.Errorf("CAP-H18 %s after the lifting was over: %v", name, err)
				}
				return store.Abort(store.ErrHeld)
			})
			if fault.Code(err) != "change-held" {
				t.Error(err)
			}
		}
	})
}

// turnsOff is the route that the next test takes.
var turnsOff = "POST /api/v1/four-eyes/off"

// TestFourEyesTurnedOff has the end of it all need two, whatever a configuration
// says.
func TestFourEyesTurnedOff(t *testing.T) {
	data := filepath.Join(t.TempDir(), "house.db")
	kept := filepath.Join(t.TempDir(), "kept")
	at := func(o *housetest.Options) {
		o.Config.Data, o.Config.Unseal.File = kept, filepath.Join(kept, "unseal.key")
	}
	open := func(t *testing.T, options ...housetest.Option) *fourEyes {
		h := housetest.House(t, append([]housetest.Option{housetest.On("sqlite:" + data), at}, options...)...)
		return &fourEyes{t: t, h: h}
	}
	var k housetest.Kaede
	role := func(e *fourEyes, name string) housetest.Answer {
		return e.chika().Call(http.MethodPost, e.in("/roles"), map[string]any{"name": name})
	}
	t.Run("CAP-H18 it is on from the first start that says so", func(t *testing.T) {
		e := open(t, housetest.FourEyes())
		e.k = e.h.People(t)
		k = e.k
		e.promote(e.k.Daichi, org.Administrator, org.Operator)
		e.waits(role(e, "one"))
	})
	var which id.Ask
	t.Run("CAP-H18 a configuration that does not say so any more", func(t *testing.T) {
		e := open(t)
		e.k = k
		e.waits(role(e, "two"))
		which = e.waits(e.chika().Call(http.MethodPost, strings.TrimPrefix(turnsOff, "POST "), nil))
		if again := e.waits(e.chika().Call(http.MethodPost, strings.TrimPrefix(turnsOff, "POST "), nil)); again != which {
			t.Error("the same again is another ask")
		}
		e.refuses(which, e.k.Chika, "decides-about-themselves", request.Open)
	})
	t.Run("CAP-H18 once two have said so", func(t *testing.T) {
		e := open(t)
		e.k = k
		if a, err := e.decide(which, e.k.Daichi); err != nil || a.State != request.Released {
			t.Fatalf("%s %v", a.State, err)
		}
		if got := e.chika().Call(http.MethodGet, "/api/v1/four-eyes", nil); !strings.Contains(got.Body, `"on":false`) {
			t.Error(got.Body)
		}
		e.waits(role(e, "three")) // until this process ends
		if got := e.chika().Call(http.MethodPost, strings.TrimPrefix(turnsOff, "POST "), nil); got.Status != http.StatusNoContent {
			t.Errorf("off already: %d %s", got.Status, got.Body)
		}
	})
	t.Run("CAP-H18 and at the next start", func(t *testing.T) {
		e := open(t)
		e.k = k
		if got := role(e, "four"); got.Status >= 300 || got.Status == http.StatusAccepted {
			t.Errorf("still held: %d %s", got.Status, got.Body)
		}
	})
	t.Run("CAP-H18 a start that says it again turns it on again", func(t *testing.T) {
		e := open(t, housetest.FourEyes())
		e.k = k
		e.waits(role(e, "five"))
	})
	t.Run("CAP-H18 a house that one command has open while no server runs", func(t *testing.T) {
		e := open(t, housetest.FourEyes(), func(o *housetest.Options) { o.Alone = true })
		e.k = k
		if got := role(e, "six"); got.Status >= 300 || got.Status == http.StatusAccepted {
			t.Errorf("held in its folder: %d %s", got.Status, got.Body)
		}
		if got := e.local(http.MethodPost, strings.TrimPrefix(turnsOff, "POST "), nil); got.Status != http.StatusNoContent {
			t.Errorf("not off: %d %s", got.Status, got.Body)
		}
	})
}

// TestFourEyesOfOne is about a house with one administrator: it begins, and is
// told how it goes on.
func TestFourEyesOfOne(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, dsn string) {
		h := housetest.House(t, housetest.On(dsn), housetest.FourEyes(), housetest.WithMail())
		first := h.AsSetup(t)
		roles := func(login string) housetest.Answer {
			me := first.Call(http.MethodGet, "/api/v1/organizations", nil)
			_, in, _ := strings.Cut(me.Body, `"id":"`)
			in, _, _ = strings.Cut(in, `"`)
			return first.Call(http.MethodPost, "/api/v1/organizations/"+in+"/members", map[string]any{
				"invite": map[string]any{"login": login, "email": login + "@kaede.example", "given_name": "大地"}, "roles": []string{"administrator", "operator"},
			})
		}
		if got := roles("daichi"); got.Status != http.StatusCreated {
			t.Fatalf("CAP-H18 the only one who ever came in takes in the second: %d %s", got.Status, got.Body)
		}
		p, err := h.Register().Person(ctx, personCalled(t, h, "daichi"))
		if err != nil {
			t.Fatal(err)
		}
		err = h.Store().House().Write(ctx, func(tx *store.Tx) store.End {
			if _, err := h.Register().Accept(tx, p.ID); err != nil {
				return store.Abort(err)
			}
			return store.Done(store.Event{Name: "invitation.accepted", By: id.OfPerson(p.ID), Target: string(id.OfPerson(p.ID))})
		})
		if err != nil {
			t.Fatal(err)
		}
		h.Register().Forget()
		if got := roles("riku"); got.Status != http.StatusAccepted {
			t.Errorf("CAP-H18 the third needs two: %d %s", got.Status, got.Body)
		}
		// Alone again, nothing is let through: who takes the other's roles away would
		// otherwise have it all.
		p = mustPerson(t, h, p.ID)
		p.State = org.Disabled
		if _, err := h.Register().ChangePerson(ctx, id.Local(0), p); err != nil {
			t.Fatal(err)
		}
		got := roles("sora")
		if got.Status != http.StatusUnprocessableEntity || !strings.Contains(got.Body, "change-nobody") || !strings.Contains(got.Body, "stop the server") {
			t.Errorf("CAP-H18 nobody is left: %d %s", got.Status, got.Body)
		}
	})
}

func mustPerson(t *testing.T, h *housetest.Home, who id.Person) org.Person {
	t.Helper()
	p, err := h.Register().Person(ctx, who)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func personCalled(t *testing.T, h *housetest.Home, login string) (who id.Person) {
	t.Helper()
	err := h.Store().House().Read(ctx, func(v *store.View) error {
		p, err := h.Register().LoginOf(v, login)
		who = p.ID
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return who
}

// TestFourEyesLetGo is about what one alone may do at once: take away.
func TestFourEyesLetGo(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, dsn string) {
		e := eyes(t, dsn)
		e.n++
		e.one = e.somebody("megumi", org.Active, org.User, org.Auditor)
		done := func(name string, got housetest.Answer) {
			t.Helper()
			if got.Status >= 300 || got.Status == http.StatusAccepted {
				t.Errorf("CAP-H18 %s: %d %s", name, got.Status, got.Body)
			}
		}
		member := e.in("/members/" + string(e.one.ID))
		done("a role taken", e.chika().Call(http.MethodPatch, member, map[string]any{"roles": []string{"user"}, "version": e.member(e.one.ID).Version}))
		done("a new member without more", e.chika().Call(http.MethodPost, e.in("/members"), map[string]any{"person": e.k.Ume}))
		done("a membership disabled", e.chika().Call(http.MethodPatch, member, map[string]any{"state": "disabled", "version": e.member(e.one.ID).Version}))
		done("an account disabled", e.chika().Call(http.MethodPost, "/api/v1/people/"+string(e.one.ID)+"/disable", nil))
		done("a membership ended", e.chika().Call(http.MethodDelete, member, nil))
		done("a stricter sign-in policy", e.chika().Call(http.MethodPost, e.in("/sign-in-policies"), map[string]any{"name": "strict", "require": []string{"passkey"}, "roles": []string{"operator"}}))
		done("a stricter card policy", e.chika().Call(http.MethodPost, e.in("/card-policies"), map[string]any{"name": "sure", "level": "passkey", "kinds": []string{"outside"}}))
		off := e.shedAs("enabled", false)
		done("a system switched off", e.chika().Call(http.MethodPut, e.in("/systems/"+string(e.shed.ID)), off))
		e.look()
		e.waits(e.chika().Call(http.MethodPut, e.in("/systems/"+string(e.shed.ID)), e.shedAs("enabled", true)))
		done("a system removed", e.chika().Call(http.MethodDelete, e.in("/systems/"+string(e.shed.ID)), nil))
		program := e.made("/card-senders", e.program())
		done("a sender removed", e.chika().Call(http.MethodDelete, e.in("/card-senders/"+program["id"].(string)), nil))
	})
}

// TestFourEyesHandOnNoLink has a house that sends no mail: a link by which somebody
// becomes an administrator is nobody's to hold in the hand.
func TestFourEyesHandOnNoLink(t *testing.T) {
	housetest.EachURL(t, func(t *testing.T, dsn string) {
		h := housetest.House(t, housetest.On(dsn), housetest.FourEyes())
		e := &fourEyes{t: t, h: h, k: h.People(t)}
		e.promote(e.k.Daichi, org.Administrator, org.Operator)
		invite := func(login string, roles ...string) housetest.Answer {
			return e.chika().Call(http.MethodPost, e.in("/members"), map[string]any{"invite": map[string]any{"login": login, "email": login + "@kaede.example", "given_name": "空"}, "roles": roles})
		}
		if got := invite("sora", "administrator"); got.Status != http.StatusUnprocessableEntity || !strings.Contains(got.Body, "link-needs-mail") {
			t.Errorf("CAP-H18 an administrator without mail: %d %s", got.Status, got.Body)
		}
		got := invite("riku")
		if got.Status != http.StatusCreated || !strings.Contains(got.Body, "/welcome") {
			t.Fatalf("CAP-H18 a member: %d %s", got.Status, got.Body)
		}
		who := personCalled(t, h, "riku")
		again := e.in("/members/" + string(who) + "/invitation")
		if got := e.chika().Call(http.MethodPost, again, nil); got.Status >= 300 {
			t.Errorf("CAP-H18 a member's link again: %d %s", got.Status, got.Body)
		}
		m := e.member(who)
		m.Roles = []id.Role{org.Administrator}
		e.write(func(tx *store.Tx) (store.Event, error) { return h.Register().SetMember(tx, house, m) })
		if got := e.chika().Call(http.MethodPost, again, nil); got.Status != http.StatusUnprocessableEntity || !strings.Contains(got.Body, "link-needs-mail") {
			t.Errorf("CAP-H18 an administrator's link again: %d %s", got.Status, got.Body)
		}
	})
}
