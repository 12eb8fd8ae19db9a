package change_test

import (
	"net/http"
	"net/url"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/org"
)

// path is a way on which something is made that needs two. A test of the house
// holds the routes to those that there are.
type path struct {
	name, route string
	take        func(e *fourEyes) housetest.Answer
	prepare     func(e *fourEyes) // may be nil
}

// rolePaths are the ways on which a role, a definition, a reset or an apply is
// made. Each is taken with four_eyes: none writes.
var rolePaths = []path{
	{"role: API, new", "POST /api/v1/organizations/{org}/roles", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPost, e.in("/roles"), map[string]any{"name": e.called("night"), "permissions": []string{org.PeopleRead}})
	}, nil},
	{"role: API, change", "PATCH /api/v1/organizations/{org}/roles/{role}", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPatch, e.in("/roles/"+string(e.desk.ID)), map[string]any{"permissions": []string{org.PeopleRead, org.GroupWrite}, "version": e.desk.Version})
	}, nil},
	{"role: API over the control socket", "POST /api/v1/organizations/{org}/roles", func(e *fourEyes) housetest.Answer {
		return e.local(http.MethodPost, e.in("/roles"), map[string]any{"name": e.called("night"), "permissions": []string{org.PeopleRead}})
	}, nil},
	{"role: page, new", "POST /admin/roles/new", func(e *fourEyes) housetest.Answer {
		return e.submit(e.chika(), "/admin/roles/new", url.Values{"name": {e.called("night")}, "title": {"Night"}, "permissions": {org.PeopleRead}})
	}, nil},
	{"role: page, change", "POST /admin/roles/{role}/edit", func(e *fourEyes) housetest.Answer {
		return e.submit(e.chika(), "/admin/roles/"+string(e.desk.ID)+"/edit", url.Values{"name": {"desk"}, "title": {e.called("Front desk")}, "permissions": {org.PeopleRead}})
	}, nil},
	{"definition: API, new", "POST /api/v1/organizations/{org}/systems", func(e *fourEyes) housetest.Answer {
		c := shedContent(shedDefinition)
		c["name"] = e.called("barn")
		return e.chika().Call(http.MethodPost, e.in("/systems"), c)
	}, nil},
	{"definition: API, another one", "PUT /api/v1/organizations/{org}/systems/{system}", func(e *fourEyes) housetest.Answer {
		c := shedContent(e.other())
		c["revision"] = e.shed.Revision
		return e.chika().Call(http.MethodPut, e.in("/systems/"+string(e.shed.ID)), c)
	}, nil},
	{"definition: API, a built-in one in its place", "PUT /api/v1/organizations/{org}/systems/{system}", func(e *fourEyes) housetest.Answer {
		c := shedContent("")
		delete(c, "document")
		delete(c, "set_secrets")
		c["definition"], c["mode"], c["client_id"], c["revision"] = "servicenow", "user", "sekisho", e.shed.Revision
		return e.chika().Call(http.MethodPut, e.in("/systems/"+string(e.shed.ID)), c)
	}, nil},
	{"definition: API over the control socket", "PUT /api/v1/organizations/{org}/systems/{system}", func(e *fourEyes) housetest.Answer {
		c := shedContent(e.other())
		c["revision"] = e.shed.Revision
		return e.local(http.MethodPut, e.in("/systems/"+string(e.shed.ID)), c)
	}, nil},
	{"definition: page, upload", "POST /admin/systems/new", func(e *fourEyes) housetest.Answer {
		v := e.chika()
		page := e.parts(v, "/admin/systems/upload", "file", shedDefinition)
		form := withHidden(url.Values{"name": {e.called("barn")}, "base_url": {"https://barn.kaede.example"}, "auth.token": {canary}, "enabled": {"true"}}, page.Body)
		return v.Post("/admin/systems/new", form)
	}, nil},
	{"definition: page, another one", "POST /admin/systems/{system}/definition/save", func(e *fourEyes) housetest.Answer {
		v := e.chika()
		at := "/admin/systems/" + string(e.shed.ID) + "/definition"
		page := e.parts(v, at, "file", e.other())
		return v.Post(at+"/save", withHidden(url.Values{}, page.Body))
	}, nil},
	{"reset: API", "POST /api/v1/organizations/{org}/members/{person}/sign-in/reset", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPost, e.in("/members/"+string(e.k.Aoi)+"/sign-in/reset"), map[string]any{"take": []string{"password"}})
	}, nil},
	{"reset: page", "POST /admin/people/{person}/signin/reset", func(e *fourEyes) housetest.Answer {
		return e.chika().Post("/admin/people/"+string(e.k.Aoi)+"/signin/reset", url.Values{"take": {"password"}})
	}, nil},
	{"reset: API over the control socket", "POST /api/v1/organizations/{org}/members/{person}/sign-in/reset", func(e *fourEyes) housetest.Answer {
		return e.local(http.MethodPost, e.in("/members/"+string(e.k.Aoi)+"/sign-in/reset"), map[string]any{"take": []string{"password"}})
	}, nil},
	{"apply: API", "POST /api/v1/manifests/apply", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPost, "/api/v1/manifests/apply", documents(e.t, e.said(groupDoc)))
	}, nil},
	{"apply: API, a role", "POST /api/v1/manifests/apply", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPost, "/api/v1/manifests/apply", documents(e.t, e.said(roleDoc)))
	}, nil},
	{"apply: API, a definition", "POST /api/v1/manifests/apply", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPost, "/api/v1/manifests/apply", documents(e.t, e.said(systemDoc)))
	}, nil},
	{"apply: control socket", "POST /api/v1/manifests/apply", func(e *fourEyes) housetest.Answer {
		return e.local(http.MethodPost, "/api/v1/manifests/apply", documents(e.t, e.said(roleDoc)))
	}, nil},
	{"apply: control socket, what includes comes first", "POST /api/v1/manifests/apply", func(e *fourEyes) housetest.Answer {
		return e.local(http.MethodPost, "/api/v1/manifests/apply", documents(e.t, e.said(orderDocs)))
	}, nil},
	{"apply: page", "POST /admin/manifests/apply", func(e *fourEyes) housetest.Answer {
		v := e.chika()
		page := e.parts(v, "/admin/manifests/plan", "name.0", "page.yaml", "text.0", e.said(roleDoc))
		found := digestIn.FindStringSubmatch(page.Body)
		if found == nil {
			e.t.Fatalf("no plan: %d %.800s", page.Status, page.Body)
		}
		return e.parts(v, "/admin/manifests/apply", "name.0", "page.yaml", "text.0", e.said(roleDoc), "digest", found[1])
	}, nil},
}
