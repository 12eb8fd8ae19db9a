package house_test

import (
	"encoding/json"
	"html"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	xhtml "golang.org/x/net/html"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/web"
)

// field is one control of a form as a page shows it.
type field struct {
	name, kind string
	value      string
	hidden     bool
	off        bool // a box that is not ticked, or a choice that is not made
}

// sheetForm is one form of a page.
type sheetForm struct {
	action string
	fields []field
}

// formsOf reads the forms of the main part of a page that send something.
func formsOf(t *testing.T, page string) (all []sheetForm) {
	t.Helper()
	root, err := xhtml.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var walk func(n *xhtml.Node, inMain bool)
	walk = func(n *xhtml.Node, inMain bool) {
		inMain = inMain || n.Data == "main"
		if n.Data == "form" && inMain && attr(n, "method") == "post" && attr(n, "enctype") != "multipart/form-data" {
			all = append(all, sheetForm{attr(n, "action"), fieldsOf(n)})
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c, inMain)
		}
	}
	walk(root, false)
	return all
}

func attr(n *xhtml.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func fieldsOf(n *xhtml.Node) (all []field) {
	switch n.Data {
	case "input":
		kind := attr(n, "type")
		chosen := slices.ContainsFunc(n.Attr, func(a xhtml.Attribute) bool { return a.Key == "checked" })
		off := (kind == "checkbox" || kind == "radio") && !chosen
		all = append(all, field{name: attr(n, "name"), kind: kind, value: attr(n, "value"), hidden: kind == "hidden", off: off})
	case "textarea":
		text := ""
		if n.FirstChild != nil {
			text = n.FirstChild.Data
		}
		all = append(all, field{name: attr(n, "name"), kind: "textarea", value: text})
	case "select":
		all = append(all, field{name: attr(n, "name"), kind: "select", value: selected(n)})
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		all = append(all, fieldsOf(c)...)
	}
	return all
}

func selected(n *xhtml.Node) (value string) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Data == "option" && (value == "" || slices.ContainsFunc(c.Attr, func(a xhtml.Attribute) bool { return a.Key == "selected" })) {
			value = attr(c, "value")
		}
	}
	return value
}

// bad are things that somebody types, or a program sends, where they do not
// belong.
var bad = map[string]string{
	"nothing":         "",
	"10,000":          strings.Repeat("あ", 10_000),
	"A128 bidi":       "abc\u202egpj.exe",
	"controls":        "a\x07b\x1bc",
	"A129 HTML":       `"><script>alert(1)</script><img src=x onerror=alert(1)>`,
	"wide digits":     "１２３４５６７８９０",
	"unknown choice":  "no-such-choice",
	"unknown id":      "01m00000000000000000000000",
	"a number beyond": "99999999999999999999",
	"template":        "{{.}} {count} %s $1",
}

// textual are the kinds whose content a page gives back as it was typed.
var textual = []string{"", "text", "email", "textarea", "search", "url", "tel"}

// writing are pages with a form, as an administrator and operator sees them.
func writing(t *testing.T, h *housetest.Home) []string {
	t.Helper()
	k, r, by := h.People(t), h.Register(), id.Local(0)
	group, err := r.PutGroup(ctx, by, org.Group{Org: k.Org, Name: "sales", Title: "Sales", Members: []id.Person{k.Aoi}})
	if err != nil {
		t.Fatal(err)
	}
	other, err := r.PutGroup(ctx, by, org.Group{Org: k.Org, Name: "north", Title: "North"})
	if err != nil {
		t.Fatal(err)
	}
	below, err := r.PutOrganization(ctx, by, org.Organization{Name: "sakura", Title: "Sakura", Type: org.Customer, Parent: k.Org, ParentRoles: []string{"administrator"}})
	if err != nil {
		t.Fatal(err)
	}
	role, err := r.PutRole(ctx, by, org.Role{Org: k.Org, Name: "desk", Title: "Desk", Permissions: []string{org.PeopleRead}})
	if err != nil {
		t.Fatal(err)
	}
	aoi, in := "/admin/people/"+string(k.Aoi), "/admin/groups/"+string(group.ID)
	chief := h.As(t, k.Chika, k.Org)
	own := "/organizations/" + string(k.Org)
	made := func(path, body string) string {
		t.Helper()
		got := chief.Call(http.MethodPost, web.APIPrefix+path, json.RawMessage(body))
		var out struct{ ID string }
		if err := json.Unmarshal([]byte(got.Body), &out); err != nil || out.ID == "" {
			t.Fatalf("%s: %d %s", path, got.Status, got.Body)
		}
		return out.ID
	}
	system := "/admin/systems/" + made(own+"/systems", `{"definition":"request-tracker-5","name":"tickets","settings":{"base_url":"https://rt.kaede.example"},"mode":"user","enabled":true}`)
	policy := made(own+"/approval-policies", `{"name":"desk","kinds":["group"],"stages":[{"groups":[{"approvers":["role:administrator","person:`+string(k.Botan)+`"]}]}]}`)
	desk := "/admin/senders/" + made(own+"/card-senders", `{"name":"desk","role":"creator","callback":"https://desk.kaede.example/decided","audience":{"everybody":true}}`)
	proof := made(own+"/card-policies", `{"name":"large","level":"aal2","within":600}`)
	ask := made("/asks", `{"org":"`+string(k.Org)+`","kind":"group","target":"`+string(other.ID)+`","reason":"Quarterly report"}`)
	rota := made(own+"/rotas", `{"name":"desk","spec":{"time_zone":"Asia/Tokyo","starts":"2026-11-23","people":["`+string(k.Aoi)+`"]}}`)
	thing := made(own+"/ask-targets", `{"name":"desk","spec":{"target":"group:`+string(other.ID)+`","about":"The north"}}`)
	template := made(own+"/ask-templates", `{"name":"desk","spec":{"title":"North and South","things":["group:`+string(other.ID)+`","group:`+string(group.ID)+`"]}}`)
	campaign := made(own+"/reviews", `{"name":"desk","spec":{"title":"Who is where","kind":"group","reviewers":["manager"]}}`)
	return []string{
		"/admin/rotas/new", "/admin/rotas/" + rota, "/admin/ask-targets/new", "/admin/ask-targets/" + thing, "/admin/ask-templates/new", "/admin/ask-templates/" + template,
		"/ask-prepared/" + template, "/admin/reviews/new", "/admin/reviews/" + campaign,
		"/admin/systems/new?definition=servicenow", system + "/edit", system + "/test",
		"/admin/senders/new", desk + "/edit", desk + "/tokens/new",
		"/admin/approval-policies/new", "/admin/approval-policies/" + policy, "/admin/card-policies/new", "/admin/card-policies/" + proof, "/settings/delegations/new", "/settings/cards", "/settings/tokens/new",
		"/ask/group/" + string(other.ID), "/asks/" + ask, "/settings/integrations" + strings.TrimPrefix(system, "/admin/systems") + "/credential",
		"/admin/people/new", aoi + "/profile", aoi + "/roles", aoi + "/state", "/admin/people/" + string(k.Daichi) + "/delete", "/admin/groups/new", in, in + "/edit", "/admin/groups/" + string(other.ID) + "/edit",
		"/admin/roles/new", "/admin/roles/" + string(role.ID) + "/edit", "/admin/organizations/new", "/admin/organizations/" + string(below.ID) + "/edit",
		"/admin/organizations/" + string(below.ID) + "/delete", "/admin/sign-in/new", "/admin/notices/new", "/settings/profile", "/settings/password",
	}
}

var alertScript = regexp.MustCompile(`<script>alert|<img src=x`)

var (
	invalid = regexp.MustCompile(`<[^>]*aria-invalid="true"[^>]*>`)
	tied    = regexp.MustCompile(`aria-describedby="([^" ]*-error)[ "]`)
)

// TestBadInput sends every field of every form of the console and the settings
// what does not belong there. The page never breaks; where it refuses it keeps
// what was typed, names the field, ties the message to it, says what to do and
// takes the eye to the top.
func TestBadInput(t *testing.T) {
	h := housetest.House(t)
	k := h.People(t)
	pages := writing(t, h)
	cells, refused, sent := 0, 0, map[string]bool{}
	for _, path := range pages {
		chika := h.As(t, k.Chika, k.Org)
		shown := chika.Get(path)
		forms := formsOf(t, shown.Body)
		if shown.Status != http.StatusOK || len(forms) == 0 {
			t.Errorf("%s: %d, %d forms", path, shown.Status, len(forms))
			continue
		}
		for which, form := range forms {
			sent[strings.SplitN(form.action, "?", 2)[0]] = true
			tried := map[string]bool{"": true, "username": true} // the latter is for the browser's store of passwords alone
			for _, one := range form.fields {
				if tried[one.name] {
					continue
				}
				tried[one.name] = true
				for _, what := range slices.Sorted(maps.Keys(bad)) {
					cells++
					typed := url.Values{}
					for _, f := range form.fields {
						if !f.off {
							typed.Add(f.name, f.value)
						}
					}
					typed.Set(one.name, bad[what])
					got := chika.Post(form.action, typed)
					if got.Status == http.StatusUnauthorized || got.Status == http.StatusTooManyRequests {
						chika = h.As(t, k.Chika, k.Org)
						got = chika.Post(form.action, typed)
					}
					if got.Status >= 400 {
						refused++
					} else if again := formsOf(t, chika.Get(path).Body); len(again) == len(forms) {
						form = again[which] // it was taken: what is there has another version now
					}
					for _, why := range complaints(got, one, bad[what]) {
						t.Errorf("%s: %s = %s: %d %s", form.action, one.name, what, got.Status, why)
					}
				}
			}
		}
	}
	if cells < 500 || refused < 200 {
		t.Errorf("%d cells, %d refusals", cells, refused)
	}
	t.Logf("%d pages, %d cells, %d refusals", len(pages), cells, refused)
	for _, route := range h.Routes() {
		if route.Method != http.MethodPost || route.Edge != web.EdgePage {
			continue
		}
		why, excused := elsewhere[route.Path]
		switch reached := reaches(route.Path, sent); {
		case !reached && !excused:
			t.Errorf("POST %s: no form of these pages leads there: add its page, or say here where its bad input is shown", route.Path)
		case reached && excused:
			t.Errorf("POST %s is tried: it needs no excuse (%s)", route.Path, why)
		}
	}
}

// reaches reports whether an address that a form was sent to is this route's.
func reaches(pattern string, sent map[string]bool) bool {
	places := strings.Split(pattern, "/")
	for path := range sent {
		parts := strings.Split(path, "/")
		fits := len(parts) == len(places)
		for i := 0; fits && i < len(places); i++ {
			fits = strings.HasPrefix(places[i], "{") || parts[i] == places[i]
		}
		if fits {
			return true
		}
	}
	return false
}

// elsewhere are the pages' routes that take no field that a person fills in, or
// whose fields are tried by tests of their own.
var elsewhere = map[string]string{
	"/admin/effects/{effect}/retry":                 noField,
	"/admin/groups/{group}/delete":                  noField,
	"/admin/keys/rotate":                            noField,
	"/admin/leases/{lease}/revoke":                  noField,
	"/admin/notices/{notice}/take-back":             noField,
	"/admin/people/{person}/invitation":             noField,
	"/admin/people/{person}/remove":                 noField,
	"/admin/people/{person}/signin/end-sessions":    noField,
	"/admin/people/{person}/signin/unlock":          noField,
	"/admin/roles/{role}/delete":                    noField,
	"/admin/senders/{sender}/remove":                noField,
	"/admin/senders/{sender}/tokens/{token}/revoke": noField,
	"/admin/signing-keys":                           noField,
	"/admin/sessions/{session}/end":                 noField,
	"/admin/systems/{system}/authorize":             noField,
	"/admin/systems/{system}/disconnect":            noField,
	"/admin/systems/{system}/remove":                noField,
	"/admin/systems/{system}/switch":                noField,
	"/admin/tokens/{token}/revoke":                  noField,
	"/language":                                     noField,
	"/leases/{lease}/give-back":                     noField,
	"/organization":                                 noField,
	"/settings/delegations/{delegation}/end":        noField,
	"/settings/integrations/{system}/off":           noField,
	"/settings/passkeys/new/options":                noField,
	"/settings/passkeys/{passkey}/remove":           noField,
	"/settings/push/test":                           noField,
	"/settings/push/{device}/remove":                noField,
	"/settings/recovery/new":                        noField,
	"/settings/sessions/others/end":                 noField,
	"/settings/sessions/{session}/end":              noField,
	"/settings/totp/remove":                         noField,
	"/signin/again/options":                         noField,
	"/signin/passkey/options":                       noField,
	"/signin/second/options":                        noField,
	"/signout":                                      noField,
	"/verify":                                       noField,
	"/settings/passkeys/new":                        asProof,
	"/settings/passkeys/{passkey}":                  asProof,
	"/settings/totp/new":                            asProof,
	"/signin":                                       asProof,
	"/signin/again":                                 asProof,
	"/signin/code":                                  asProof,
	"/signin/code/check":                            asProof,
	"/signin/new-password":                          asProof,
	"/signin/passkey":                               asProof,
	"/signin/password":                              asProof,
	"/signin/second":                                asProof,
	"/admin/people/{person}/signin/reset":           onLinks,
	"/recover":                                      onLinks,
	"/recover/passkey":                              onLinks,
	"/reset":                                        onLinks,
	"/reset/new":                                    onLinks,
	"/setup":                                        onLinks,
	"/setup/passkey":                                onLinks,
	"/welcome":                                      onLinks,
	"/welcome/passkey":                              onLinks,
	"/admin/manifests/apply":                        withFile,
	"/admin/manifests/plan":                         withFile,
	"/admin/people/invite":                          withFile,
	"/admin/systems/upload":                         withFile,
	"/admin/systems/{system}/definition":            withFile,
	"/admin/systems/{system}/definition/save":       withFile,
	"/asks/{ask}/decide":                            asDecision,
	"/cards/{card}":                                 asDecision,
	"/orders/new/{system}/{item}":                   outside,
	"/admin/effects/{effect}/skip":                  inAState,
	"/admin/sessions/end":                           inAState,
	"/settings/email":                               inAState,
}

const (
	noField    = "a button: nothing is typed"
	asProof    = "signin and factor: what proves somebody, in answers that tell strangers nothing"
	onLinks    = "welcome: the tests of links that are refused"
	withFile   = "a form with a file: people.TestImportForms, console.TestManifestsOnThePage, ticket's uploads"
	asDecision = "a decision bound to what was shown: card.TestDecideRefused, request.TestDecisionIsBound"
	outside    = "the form that an outside system makes: order.TestThePages, order.TestWhatIsNotOrdered"
	inAState   = "needs something in a certain state: console.TestR4WhoseEffects, signin.TestEndAllThatFit, welcome's verification"
)

// complaints says what is wrong with the answer to a bad field.
func complaints(got housetest.Answer, one field, sent string) (all []string) {
	add := func(wrong bool, what string) {
		if wrong {
			all = append(all, what)
		}
	}
	add(got.Status >= 500, "broke")
	add(alertScript.MatchString(got.Body), "A129 the page carries markup that was typed")
	if got.Status < 400 || got.Status >= 500 || got.Status == http.StatusUnauthorized {
		return all
	}
	text := html.UnescapeString(got.Body)
	add(!strings.Contains(text, `role="alert"`), "nothing at the top says that it was refused")
	if one.hidden || got.Status == http.StatusNotFound {
		return all
	}
	if slices.Contains(textual, one.kind) && one.kind != "password" && !strings.ContainsAny(sent, "\x07\x1b") {
		add(!strings.Contains(text, sent), "what was typed is gone")
	}
	add(!strings.Contains(text, `class="mistakes"`) || !strings.Contains(text, "autofocus"), "nothing at the top takes the focus")
	add(got.Status == http.StatusBadRequest && !strings.Contains(text, `aria-invalid="true"`), "no field is named")
	for _, named := range invalid.FindAllString(got.Body, -1) {
		by := tied.FindStringSubmatch(named)
		add(!strings.Contains(named, `type="checkbox"`) && !strings.Contains(named, `type="radio"`) && (by == nil || !strings.Contains(got.Body, `id="`+by[1]+`"`)), "the message is not tied to the field: "+named)
	}
	return all
}
