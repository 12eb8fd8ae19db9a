package change_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/org"
)

// made calls something that one alone may do, or has it approved, and reads it
// from the list behind path.
func (e *fourEyes) made(path string, body map[string]any) map[string]any {
	e.t.Helper()
	got := e.chika().Call(http.MethodPost, e.in(path), body)
	if got.Status == http.StatusAccepted {
		e.allow(got)
	} else if got.Status >= 300 {
		e.t.Fatalf("%s: %d %s", path, got.Status, got.Body)
	}
	var found struct{ Items []map[string]any }
	got = e.chika().Call(http.MethodGet, e.in(path), nil)
	if err := json.Unmarshal([]byte(got.Body), &found); err != nil {
		e.t.Fatalf("%s: %d %s", path, got.Status, got.Body)
	}
	for _, item := range found.Items {
		if item["name"] == body["name"] {
			return item
		}
	}
	e.t.Fatalf("%s: %v is not in %s", path, body["name"], got.Body)
	return nil
}

// with is a body with other fields, and the version of what was read.
func with(body map[string]any, read map[string]any, pairs ...any) map[string]any {
	out := map[string]any{}
	for key, value := range body {
		out[key] = value
	}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i].(string)] = pairs[i+1]
	}
	if read != nil {
		out["version"] = read["version"]
	}
	return out
}

func (e *fourEyes) signIn() map[string]any {
	return map[string]any{"name": e.called("strict"), "require": []string{"password"}, "idle": 3600, "roles": []string{string(org.Operator)}}
}

func (e *fourEyes) cards() map[string]any {
	return map[string]any{"name": e.called("sure"), "level": "aal2", "within": 600, "kinds": []string{"outside"}}
}

func (e *fourEyes) approvals() map[string]any {
	return map[string]any{"name": e.called("desk"), "kinds": []string{"group"}, "stages": []any{map[string]any{"groups": []any{map[string]any{"approvers": []string{"person:" + string(e.k.Botan)}}}}}}
}

func (e *fourEyes) rota() map[string]any {
	return map[string]any{"name": e.called("night"), "spec": map[string]any{"time_zone": "Asia/Tokyo", "starts": "2026-11-23", "people": []string{string(e.k.Botan)}}}
}

func (e *fourEyes) thing() map[string]any {
	return map[string]any{"name": e.called("desk"), "spec": map[string]any{"target": "role:" + string(e.spare.ID), "owners": []string{string(e.k.Botan)}}}
}

func (e *fourEyes) program() map[string]any {
	return map[string]any{"name": e.called("till"), "role": "creator", "callback": "https://till.kaede.example/decided", "audience": map[string]any{"people": []string{string(e.k.Botan)}}}
}

// typedProgram is the form of a program.
func (e *fourEyes) typedProgram(at string) url.Values {
	return url.Values{
		"name": {e.called("till")}, "role": {"creator"}, "callback": {"https://till.kaede.example/" + at}, "signature": {"jwt ES256"}, "rate": {"60"},
		"urgent": {"no"}, "enabled": {"yes"}, "audience": {"person:botan"},
	}
}

// switchOff switches the shed off, which one alone may do.
func (e *fourEyes) switchOff() {
	got := e.chika().Call(http.MethodPut, e.in("/systems/"+string(e.shed.ID)), e.shedAs("enabled", false))
	if got.Status != http.StatusOK {
		e.t.Fatalf("switched off: %d %s", got.Status, got.Body)
	}
	e.look()
}

// at is where something is that the path made beforehand.
func (e *fourEyes) at(path string) string { return e.in(path + "/" + e.there["id"].(string)) }

// there makes something beforehand, for a path that changes it.
func there(path string, body func(*fourEyes) map[string]any) func(*fourEyes) {
	return func(e *fourEyes) { e.there = e.made(path, body(e)) }
}

// rulePaths are the ways on which it changes who decides, what is asked for at
// sign-in, and where tokens go.
var rulePaths = []path{
	{"system: API, another address", "PUT /api/v1/organizations/{org}/systems/{system}", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPut, e.in("/systems/"+string(e.shed.ID)), with(e.shedAs("settings", map[string]any{"base_url": "https://" + e.called("shed") + ".kaede.example"}), nil, "set_secrets", map[string]string{"token": canary}))
	}, nil},
	{"system: API, another client", "PUT /api/v1/organizations/{org}/systems/{system}", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPut, e.in("/systems/"+string(e.shed.ID)), e.shedAs("scope", e.called("all")))
	}, nil},
	{"system: API, another network", "PUT /api/v1/organizations/{org}/systems/{system}", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPut, e.in("/systems/"+string(e.shed.ID)), e.shedAs("networks", []string{"10.0.0.0/8"}))
	}, nil},
	{"system: API, of a built-in definition", "POST /api/v1/organizations/{org}/systems", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPost, e.in("/systems"), map[string]any{
			"name": e.called("snow"), "definition": "servicenow", "mode": "user", "client_id": "sekisho", "settings": map[string]any{"base_url": "https://snow.kaede.example"}, "enabled": true,
		})
	}, nil},
	{"system: page, its settings", "POST /admin/systems/{system}/edit", func(e *fourEyes) housetest.Answer {
		return e.submit(e.chika(), "/admin/systems/"+string(e.shed.ID)+"/edit", url.Values{"name": {"shed"}, "base_url": {"https://" + e.called("barn") + ".kaede.example"}, "auth.token": {canary}, "enabled": {"true"}})
	}, nil},
	{"sign-in policy: API, change", "PUT /api/v1/organizations/{org}/sign-in-policies/{policy}", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPut, e.at("/sign-in-policies"), with(e.signIn(), e.there, "idle", 7200))
	}, there("/sign-in-policies", (*fourEyes).signIn)},
	{"sign-in policy: API, deleted", "DELETE /api/v1/organizations/{org}/sign-in-policies/{policy}", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodDelete, e.at("/sign-in-policies"), nil)
	}, there("/sign-in-policies", (*fourEyes).signIn)},
	{"sign-in policy: page", "POST /admin/sign-in/{policy}", func(e *fourEyes) housetest.Answer {
		return e.submit(e.chika(), "/admin/sign-in/"+e.there["id"].(string), url.Values{"do": {"delete"}})
	}, there("/sign-in-policies", (*fourEyes).signIn)},
	{"card policy: API, change", "PUT /api/v1/organizations/{org}/card-policies/{card_policy}", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPut, e.at("/card-policies"), with(e.cards(), e.there, "within", 1200))
	}, there("/card-policies", (*fourEyes).cards)},
	{"card policy: API, deleted", "DELETE /api/v1/organizations/{org}/card-policies/{card_policy}", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodDelete, e.at("/card-policies"), nil)
	}, there("/card-policies", (*fourEyes).cards)},
	{"card policy: page, change", "POST /admin/card-policies/{card_policy}", func(e *fourEyes) housetest.Answer {
		return e.submit(e.chika(), "/admin/card-policies/"+e.there["id"].(string), url.Values{"name": {e.called("sure")}, "level": {"aal1"}, "kinds": {"outside"}})
	}, there("/card-policies", (*fourEyes).cards)},
	{"card policy: page, deleted", "POST /admin/card-policies/{card_policy}/delete", func(e *fourEyes) housetest.Answer {
		return e.chika().Post("/admin/card-policies/"+e.there["id"].(string)+"/delete", url.Values{})
	}, there("/card-policies", (*fourEyes).cards)},
	{"approval policy: API, new", "POST /api/v1/organizations/{org}/approval-policies", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPost, e.in("/approval-policies"), e.approvals())
	}, nil},
	{"approval policy: API, change", "PUT /api/v1/organizations/{org}/approval-policies/{approval}", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPut, e.at("/approval-policies"), with(e.approvals(), e.there, "place", 7))
	}, there("/approval-policies", (*fourEyes).approvals)},
	{"approval policy: API, deleted", "DELETE /api/v1/organizations/{org}/approval-policies/{approval}", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodDelete, e.at("/approval-policies"), nil)
	}, there("/approval-policies", (*fourEyes).approvals)},
	{"approval policy: page, new", "POST /admin/approval-policies/{approval}", func(e *fourEyes) housetest.Answer {
		return e.submit(e.chika(), "/admin/approval-policies/new", url.Values{"name": {e.called("desk")}, "spec": {"applies_to: {kinds: [group]}\nstages: [{groups: [{approvers: [person:botan]}]}]\n"}})
	}, nil},
	{"approval policy: page, deleted", "POST /admin/approval-policies/{approval}/delete", func(e *fourEyes) housetest.Answer {
		return e.chika().Post("/admin/approval-policies/"+e.there["id"].(string)+"/delete", url.Values{})
	}, there("/approval-policies", (*fourEyes).approvals)},
	{"delegation: API, of somebody else's seat", "POST /api/v1/me/delegations", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPost, "/api/v1/me/delegations", map[string]any{
			"org": e.k.Org, "from": e.k.Botan, "to": e.k.Aoi, "starts": "2026-11-01T00:00:00Z", "ends": "2027-02-0" + itoa(int64(e.n%8+1)) + "T00:00:00Z",
		})
	}, nil},
	{"rota: API, new", "POST /api/v1/organizations/{org}/rotas", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPost, e.in("/rotas"), e.rota())
	}, nil},
	{"rota: API, change", "PUT /api/v1/organizations/{org}/rotas/{rota}", func(e *fourEyes) housetest.Answer {
		body := e.rota()
		body["spec"].(map[string]any)["people"] = []string{string(e.k.Aoi)}
		return e.chika().Call(http.MethodPut, e.at("/rotas"), with(body, e.there))
	}, there("/rotas", (*fourEyes).rota)},
	{"rota: API, deleted", "DELETE /api/v1/organizations/{org}/rotas/{rota}", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodDelete, e.at("/rotas"), nil)
	}, there("/rotas", (*fourEyes).rota)},
	{"rota: page, change", "POST /admin/rotas/{rota}", func(e *fourEyes) housetest.Answer {
		path := "/admin/rotas/" + e.there["id"].(string)
		return e.chika().Post(path+"?version=1", url.Values{"name": {e.called("night")}, "time_zone": {"Asia/Tokyo"}, "starts": {"2026-11-23"}, "people": {"aoi"}})
	}, there("/rotas", (*fourEyes).rota)},
	{"rota: page, deleted", "POST /admin/rotas/{rota}/delete", func(e *fourEyes) housetest.Answer {
		return e.chika().Post("/admin/rotas/"+e.there["id"].(string)+"/delete", url.Values{})
	}, there("/rotas", (*fourEyes).rota)},
	{"owner: API, new", "POST /api/v1/organizations/{org}/ask-targets", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPost, e.in("/ask-targets"), e.thing())
	}, (*fourEyes).makeSpare},
	{"owner: API, change", "PUT /api/v1/organizations/{org}/ask-targets/{ask_target}", func(e *fourEyes) housetest.Answer {
		body := e.thing()
		body["spec"].(map[string]any)["owners"] = []string{string(e.k.Aoi)}
		return e.chika().Call(http.MethodPut, e.at("/ask-targets"), with(body, e.there))
	}, func(e *fourEyes) { e.makeSpare(); e.there = e.made("/ask-targets", e.thing()) }},
	{"owner: API, deleted", "DELETE /api/v1/organizations/{org}/ask-targets/{ask_target}", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodDelete, e.at("/ask-targets"), nil)
	}, func(e *fourEyes) { e.makeSpare(); e.there = e.made("/ask-targets", e.thing()) }},
	{"owner: page, new", "POST /admin/ask-targets/{ask_target}", func(e *fourEyes) housetest.Answer {
		return e.chika().Post("/admin/ask-targets/new", url.Values{"name": {e.called("desk")}, "target": {"role:" + e.spare.Name}, "owners": {"botan"}})
	}, (*fourEyes).makeSpare},
	{"owner: page, deleted", "POST /admin/ask-targets/{ask_target}/delete", func(e *fourEyes) housetest.Answer {
		return e.chika().Post("/admin/ask-targets/"+e.there["id"].(string)+"/delete", url.Values{})
	}, func(e *fourEyes) { e.makeSpare(); e.there = e.made("/ask-targets", e.thing()) }},
	{"sender: page, new", "POST /admin/senders/new", func(e *fourEyes) housetest.Answer {
		return e.chika().Post("/admin/senders/new", e.typedProgram("decided"))
	}, nil},
	{"sender: page, another callback", "POST /admin/senders/{sender}/edit", func(e *fourEyes) housetest.Answer {
		return e.chika().Post("/admin/senders/"+e.there["id"].(string)+"/edit?version=1", e.typedProgram("elsewhere"))
	}, there("/card-senders", (*fourEyes).program)},
	{"system: page, switched on", "POST /admin/systems/{system}/switch", func(e *fourEyes) housetest.Answer {
		return e.submit(e.chika(), "/admin/systems/"+string(e.shed.ID)+"/switch", url.Values{"enabled": {"true"}})
	}, (*fourEyes).switchOff},
	{"sender: API, new", "POST /api/v1/organizations/{org}/card-senders", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPost, e.in("/card-senders"), e.program())
	}, nil},
	{"sender: API, another callback", "PUT /api/v1/organizations/{org}/card-senders/{sender}", func(e *fourEyes) housetest.Answer {
		return e.chika().Call(http.MethodPut, e.at("/card-senders"), with(e.program(), e.there, "callback", "https://"+e.called("till")+".kaede.example/elsewhere"))
	}, there("/card-senders", (*fourEyes).program)},
}

// shedAs is the shed as it is but for one field.
func (e *fourEyes) shedAs(field string, value any) map[string]any {
	e.t.Helper()
	c := map[string]any{
		"name": "shed", "mode": e.shed.Mode, "settings": e.shed.Settings, "enabled": true, "revision": e.shed.Revision, "title": e.shed.Title,
		"scope": e.shed.Scope, "networks": e.shed.Networks, "client_id": e.shed.ClientID,
	}
	if e.shed.Document != "" {
		c["document"] = e.shed.Document
	} else {
		c["definition"] = e.shed.Definition
	}
	for name, value := range c {
		if text, ok := value.(string); ok && strings.TrimSpace(text) == "" {
			delete(c, name)
		}
	}
	c[field] = value
	return c
}
