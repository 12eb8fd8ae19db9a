package change_test

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// write writes as the house itself, which nobody has to approve.
func (e *fourEyes) write(f func(tx *store.Tx) (store.Event, error)) {
	e.t.Helper()
	err := e.h.Store().House().Write(ctx, func(tx *store.Tx) store.End {
		event, err := f(tx)
		if err != nil {
			return store.Abort(err)
		}
		return store.Done(event)
	})
	if err != nil {
		e.t.Fatal(err)
	}
	e.h.Register().Forget()
}

// somebody is a person of this path alone with some roles in Kaede.
func (e *fourEyes) somebody(login string, state org.State, roles ...id.Role) org.Person {
	e.t.Helper()
	p := housetest.Megumi(e.called(login), e.called(login)+"@kaede.example")
	p.State = org.Active
	e.write(func(tx *store.Tx) (store.Event, error) { return e.h.Register().AddPerson(tx, house, p) })
	e.write(func(tx *store.Tx) (store.Event, error) {
		return e.h.Register().SetMember(tx, house, org.Member{Org: e.k.Org, Person: p.ID, Roles: roles})
	})
	if state != org.Active {
		p, p.State = e.person(p.ID), state
		e.write(func(tx *store.Tx) (store.Event, error) { return e.h.Register().PutPerson(tx, house, p) })
	}
	return e.person(p.ID)
}

func (e *fourEyes) person(who id.Person) org.Person {
	e.t.Helper()
	p, err := e.h.Register().Person(ctx, who)
	if err != nil {
		e.t.Fatal(err)
	}
	return p
}

func (e *fourEyes) member(who id.Person) org.Member {
	e.t.Helper()
	m, err := e.h.Register().Member(ctx, e.k.Org, who)
	if err != nil {
		e.t.Fatal(err)
	}
	return m
}

// board is the group whose people decide about what others ask for.
func (e *fourEyes) board() org.Group {
	e.t.Helper()
	groups, err := e.h.Register().Groups(ctx, e.k.Org)
	for _, g := range groups {
		if g.Name == "board" {
			return g
		}
	}
	if err != nil {
		e.t.Fatal(err)
	}
	g := org.Group{Org: e.k.Org, ID: id.New[id.Group](time.Now()), Name: "board", Title: "Board", Members: []id.Person{e.k.Botan}}
	e.write(func(tx *store.Tx) (store.Event, error) { return e.h.Register().SetGroup(tx, house, g) })
	e.allow(e.chika().Call(http.MethodPost, e.in("/approval-policies"), map[string]any{
		"name": "board", "kinds": []string{"role"}, "stages": []any{map[string]any{"groups": []any{map[string]any{"approvers": []string{"group:" + string(g.ID)}}}}},
	}))
	return e.board()
}

// list is a list of people with one who comes in as an auditor, and one who is
// there and becomes one.
func (e *fourEyes) list() string {
	return "login,email,given_name,roles\n" + e.called("riku") + "," + e.called("riku") + "@kaede.example,陸,auditor\n" + e.one.Login + "," + e.one.Email + ",恵,user auditor\n"
}

func (e *fourEyes) momiji() org.Organization {
	e.t.Helper()
	o, err := e.h.Register().Organization(ctx, e.k.Momiji)
	if err != nil {
		e.t.Fatal(err)
	}
	return o
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func oneOf(e *fourEyes)     { e.one = e.somebody("megumi", org.Active, org.User) }
func restingOf(e *fourEyes) { e.one = e.somebody("rin", org.Disabled, org.User, org.Auditor) }
func strongOf(e *fourEyes)  { e.one = e.somebody("rin", org.Active, org.Auditor) }
func boardOf(e *fourEyes) {
	oneOf(e)
	e.board()
	e.write(func(tx *store.Tx) (store.Event, error) {
		g := org.Group{Org: e.k.Org, ID: id.New[id.Group](time.Now()), Name: e.called("inner"), Title: "Inner", Members: []id.Person{e.one.ID}}
		return e.h.Register().SetGroup(tx, house, g)
	})
}

// peoplePaths are the ways on which somebody gets more than they have.
var peoplePaths = []path{
	{"role: API, deleted", "DELETE /api/v1/organizations/{org}/roles/{role}", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodDelete, e.in("/roles/"+string(e.spare.ID)), nil)
	}, (*fourEyes).makeSpare},
	{"role: page, deleted", "POST /admin/roles/{role}/delete", func(e *fourEyes) housetest.Answer {
		return e.submit(e.chika(), "/admin/roles/"+string(e.spare.ID)+"/delete", url.Values{})
	}, (*fourEyes).makeSpare},
	{"member: API, another role", "PATCH /api/v1/organizations/{org}/members/{person}", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPatch, e.in("/members/"+string(e.one.ID)), map[string]any{"roles": []string{"user", "auditor"}, "version": e.member(e.one.ID).Version})
	}, oneOf},
	{"member: API over the control socket", "PATCH /api/v1/organizations/{org}/members/{person}", func(e *fourEyes) housetest.Answer {
		return e.local(http.MethodPatch, e.in("/members/"+string(e.one.ID)), map[string]any{"roles": []string{"administrator"}, "version": e.member(e.one.ID).Version})
	}, oneOf},
	{"member: page, another role", "POST /admin/people/{person}/roles", func(e *fourEyes) housetest.Answer {
		return e.submit(e.chika(), "/admin/people/"+string(e.one.ID)+"/roles", url.Values{"roles": {"user", "auditor"}})
	}, oneOf},
	{"member: API, somebody from elsewhere", "POST /api/v1/organizations/{org}/members", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPost, e.in("/members"), map[string]any{"person": e.k.Ume, "roles": []string{"auditor"}})
	}, nil},
	{"member: API, invited", "POST /api/v1/organizations/{org}/members", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPost, e.in("/members"), map[string]any{
			"invite": map[string]any{"login": e.called("sora"), "email": e.called("sora") + "@kaede.example", "given_name": "空"}, "roles": []string{"administrator"},
		})
	}, nil},
	{"member: page, invited", "POST /admin/people/new", func(e *fourEyes) housetest.Answer {
		return e.submit(e.chika(), "/admin/people/new", url.Values{
			"login": {e.called("sora")}, "email": {e.called("sora") + "@kaede.example"}, "given_name": {"空"}, "roles": {"administrator"},
		})
	}, nil},
	{"member: API, a list", "POST /api/v1/organizations/{org}/import", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPost, e.in("/import"), map[string]any{"csv": e.list(), "invite": true, "apply": true})
	}, oneOf},
	{"member: page, a list", "POST /admin/people/invite", func(e *fourEyes) housetest.Answer {
		v := e.chika()
		page := e.parts(v, "/admin/people/invite", "text", e.list(), "invite", "yes")
		fields := []string{"text", e.list(), "invite", "yes"}
		for key, value := range withHidden(url.Values{}, page.Body) {
			if key == "digest" {
				fields = append(fields, key, value[0])
			}
		}
		return e.parts(v, "/admin/people/invite", fields...)
	}, oneOf},
	{"account: API, enabled again", "POST /api/v1/people/{person}/enable", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPost, "/api/v1/people/"+string(e.one.ID)+"/enable", nil)
	}, restingOf},
	{"account: page, enabled again", "POST /admin/people/{person}/state", func(e *fourEyes) housetest.Answer {
		return e.submit(e.chika(), "/admin/people/"+string(e.one.ID)+"/state", url.Values{"account": {"account-active"}, "member": {"member-active"}})
	}, restingOf},
	{"account: API, another address", "PATCH /api/v1/people/{person}", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPatch, "/api/v1/people/"+string(e.one.ID), map[string]any{"email": "chika+2@kaede.example", "version": e.one.Version})
	}, strongOf},
	{"account: page, another address", "POST /admin/people/{person}/profile", func(e *fourEyes) housetest.Answer {
		return e.submit(e.chika(), "/admin/people/"+string(e.one.ID)+"/profile", url.Values{
			"login": {e.one.Login}, "email": {e.called("chika") + "@kaede.example"}, "given_name": {"恵"}, "family_name": {"伊藤"},
		})
	}, strongOf},
	{"organization: API, enabled again", "PATCH /api/v1/organizations/{org}", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPatch, "/api/v1/organizations/"+string(e.k.Momiji), map[string]any{"state": "active", "version": e.momiji().Version})
	}, (*fourEyes).closeMomiji},
	{"organization: page, enabled again", "POST /admin/organizations/{org}/edit", func(e *fourEyes) housetest.Answer {
		return e.submit(e.chika(), "/admin/organizations/"+string(e.k.Momiji)+"/edit", url.Values{"name": {"momiji"}, "title": {"Momiji Design"}, "state": {"active"}, "parent_roles": {"administrator"}})
	}, (*fourEyes).closeMomiji},
	{"organization: API, a provider", "POST /api/v1/organizations", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPost, "/api/v1/organizations", map[string]any{"name": e.called("sumire"), "title": "Sumire", "type": "provider"})
	}, nil},
	{"organization: page, a provider", "POST /admin/organizations/new", func(e *fourEyes) housetest.Answer {
		return e.submit(e.chika(), "/admin/organizations/new", url.Values{"name": {e.called("sumire")}, "title": {"Sumire"}, "type": {"provider"}})
	}, nil},
	{"group: API, one whose people decide", "PATCH /api/v1/organizations/{org}/groups/{group}", func(e *fourEyes) housetest.Answer {
		g := e.board()
		return e.chika().Call(http.MethodPatch, e.in("/groups/"+string(g.ID)), map[string]any{"members": append(g.Members, e.one.ID), "version": g.Version})
	}, boardOf},
	{"group: page, a group in one whose people decide", "POST /admin/groups/{group}/edit", func(e *fourEyes) housetest.Answer {
		return e.submit(e.chika(), "/admin/groups/"+string(e.board().ID)+"/edit", url.Values{"name": {"board"}, "title": {"Board"}, "groups": {string(e.inner())}})
	}, boardOf},
	{"group: page, one whose people decide", "POST /admin/groups/{group}/add", func(e *fourEyes) housetest.Answer {
		return e.submit(e.chika(), "/admin/groups/"+string(e.board().ID)+"/add", url.Values{"login": {e.one.Login}})
	}, boardOf},
}

// inner is a group of this path alone.
func (e *fourEyes) inner() id.Group {
	e.t.Helper()
	groups, err := e.h.Register().Groups(ctx, e.k.Org)
	for _, g := range groups {
		if g.Name == e.called("inner") {
			return g.ID
		}
	}
	if err != nil {
		e.t.Fatal(err)
	}
	return ""
}

// closeMomiji disables the customer.
func (e *fourEyes) closeMomiji() {
	o := e.momiji()
	o.State, o.ParentRoles = org.Disabled, []string{string(org.Administrator)}
	e.write(func(tx *store.Tx) (store.Event, error) { return e.h.Register().SetOrganization(tx, house, o) })
}

// makeSpare makes a role to be deleted.
func (e *fourEyes) makeSpare() {
	e.allow(e.chika().Call(http.MethodPost, e.in("/roles"), map[string]any{"name": e.called("spare"), "permissions": []string{org.PeopleRead}}))
	roles, err := e.h.Register().Roles(ctx, e.k.Org)
	if err != nil {
		e.t.Fatal(err)
	}
	for _, r := range roles {
		if r.Name == e.called("spare") {
			e.spare = r
		}
	}
}
