package house_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/web"
)

var writeAPI = flag.Bool("openapi", false, "write client/openapi.json anew")

// apiDump is where the description of the API stands for readers, for the
// command line and for the client that is made of it.
const apiDump = "../../client/openapi.json"

// object is a part of a JSON document.
type object = map[string]any

// at follows names and gives what stands there as an object, or none.
func (d apiDoc) at(names ...string) object {
	node := object(d)
	for _, name := range names {
		node, _ = node[name].(object)
	}
	return node
}

type apiDoc object

// served is the description as a house serves it, without what differs between
// houses.
func served(t *testing.T, h *housetest.Home) apiDoc {
	t.Helper()
	got := h.Nobody(t).Get("/api/v1/openapi.json")
	if got.Status != http.StatusOK || got.Header.Get("Content-Type") != "application/openapi+json" {
		t.Fatalf("%d %s", got.Status, got.Header.Get("Content-Type"))
	}
	var doc apiDoc
	if err := json.Unmarshal([]byte(got.Body), &doc); err != nil {
		t.Fatal(err)
	}
	if servers, _ := json.Marshal(doc["servers"]); string(servers) != `[{"url":"`+h.URL()+`/api/v1"}]` {
		t.Errorf("servers: %s", servers)
	}
	doc["servers"] = []any{object{"url": "/api/v1"}}
	doc.at("info")["version"] = "1"
	doc.at("components", "securitySchemes", "session")["name"] = "__Host-sekisho"
	return doc
}

func TestAPIDump(t *testing.T) {
	doc := served(t, housetest.House(t))
	got, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *writeAPI {
		if err := os.WriteFile(apiDump, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(apiDump)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("client/openapi.json is not what the house serves; run go test ./internal/house -run APIDump -openapi, then go generate ./client\n%.3000s", diff)
	}
}

// described is an operation and where it stands.
type described struct {
	method, path string
	op           object
}

func (d described) String() string { return d.method + " " + d.path }

func (d apiDoc) operations() (all []described) {
	for _, path := range slices.Sorted(maps.Keys(d.at("paths"))) {
		item := d.at("paths", path)
		for _, method := range slices.Sorted(maps.Keys(item)) {
			op, _ := item[method].(object)
			all = append(all, described{strings.ToUpper(method), path, op})
		}
	}
	return all
}

var operationName = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)

// checkAPI returns what a description lacks of what the routes do.
func checkAPI(doc apiDoc, routes []web.Route) (found []string) {
	say := func(where any, format string, args ...any) {
		found = append(found, fmt.Sprintf("%v: ", where)+fmt.Sprintf(format, args...))
	}
	if doc["openapi"] != "3.1.0" {
		say("openapi", "%v, want 3.1.0", doc["openapi"])
	}
	routed, ids := map[string]web.Route{}, map[string]bool{}
	for _, r := range routes {
		if path, ok := strings.CutPrefix(r.Path, web.APIPrefix); ok && path != "/openapi.json" {
			routed[r.Method+" "+path] = r
		}
	}
	for _, d := range doc.operations() {
		route, ok := routed[d.String()]
		if !ok {
			say(d, "described and not routed")
			continue
		}
		delete(routed, d.String())
		name, _ := d.op["operationId"].(string)
		if !operationName.MatchString(name) || ids[name] {
			say(d, "operationId %q is no name or there twice", name)
		}
		ids[name] = true
		for _, bad := range checkOperation(doc, d, route) {
			say(d, "%s", bad)
		}
	}
	for missing := range routed {
		say(missing, "routed and not described")
	}
	for name, schema := range doc.at("components", "schemas") {
		for _, bad := range undocumented(schema.(object)) {
			say(name, "%s has no doc", bad)
		}
	}
	return append(found, doc.dangling(object(doc))...)
}

var pathParam = regexp.MustCompile(`\{(\w+)\}`)

// checkOperation returns what one operation lacks.
func checkOperation(doc apiDoc, d described, route web.Route) (found []string) {
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	text, _ := d.op["description"].(string)
	switch {
	case d.op["summary"] == nil || d.op["tags"] == nil:
		say("no summary or no tag")
	case d.op["x-permission"] != route.Permission:
		say("x-permission %v, want %s", d.op["x-permission"], route.Permission)
	case route.Or != "" && d.op["x-permission-or"] != route.Or:
		say("x-permission-or %v, want %s", d.op["x-permission-or"], route.Or)
	case route.Permission != web.SignedIn && route.Permission != web.Public && !strings.Contains(text, "`"+route.Permission+"`"):
		say("no sentence names the permission")
	case route.Fresh > 0 && (d.op["x-fresh"] != route.Fresh.Seconds() || !strings.Contains(text, web.StepUp)):
		say("x-fresh %v: it does not say that a fresh proof is needed", d.op["x-fresh"])
	case (route.Permission == web.Public) != (d.op["security"] == nil):
		say("security %v", d.op["security"])
	}
	named := map[string]bool{}
	for _, p := range list(d.op["parameters"]) {
		name, _ := p["name"].(string)
		if named[name] = true; p["description"] == nil {
			say("the parameter %s has no doc", name)
		}
	}
	for _, m := range pathParam.FindAllStringSubmatch(d.path, -1) {
		if !named[m[1]] {
			say("the path's %s is no parameter", m[1])
		}
	}
	return append(found, checkAnswers(doc, d, route, named)...)
}

// checkAnswers returns what lacks in what an operation answers.
func checkAnswers(doc apiDoc, d described, route web.Route, named map[string]bool) (found []string) {
	responses, _ := d.op["responses"].(object)
	done, problems := 0, 0
	for status := range responses {
		if strings.HasPrefix(status, "2") && (status != "202" || d.op["x-waits"] != true) {
			done++
		}
	}
	if _, waits := responses["202"]; !waits && d.op["x-waits"] == true {
		found = append(found, "it does not say that it may wait")
	}
	for _, status := range []string{"401", "403", "default"} {
		if r, _ := json.Marshal(doc.resolve(responses[status])); strings.Contains(string(r), "schemas/Problem") {
			problems++
		}
	}
	if done != 1 {
		found = append(found, fmt.Sprintf("%d ways to be done", done))
	}
	if route.Permission != web.Public && problems != 3 {
		found = append(found, "it does not say how it refuses")
	}
	answer, _ := json.Marshal(doc.answer(d.op))
	if named["cursor"] && (!named["limit"] || !strings.Contains(string(answer), `"next":`)) {
		found = append(found, "it takes a cursor and has no limit or gives no next")
	}
	return found
}

func list(v any) (all []object) {
	items, _ := v.([]any)
	for _, one := range items {
		all = append(all, one.(object))
	}
	return all
}

// resolve follows a reference.
func (d apiDoc) resolve(v any) object {
	node, _ := v.(object)
	if ref, ok := node["$ref"].(string); ok {
		return d.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	return node
}

// answer is the schema of what an operation gives when it is done.
func (d apiDoc) answer(op object) object {
	responses, _ := op["responses"].(object)
	for status, r := range responses {
		if strings.HasPrefix(status, "2") && status != "202" {
			return d.resolve(apiDoc(d.resolve(r)).at("content", "application/json", "schema"))
		}
	}
	return nil
}

// undocumented are the members of a schema that nothing is said of. What only
// refers to another schema says it there.
func undocumented(schema object) (found []string) {
	properties, _ := schema["properties"].(object)
	for name, p := range properties {
		if member, _ := p.(object); member["description"] == nil && member["$ref"] == nil {
			found = append(found, name)
		}
	}
	return found
}

// dangling are the references that lead nowhere.
func (d apiDoc) dangling(v any) (found []string) {
	switch v := v.(type) {
	case object:
		if ref, ok := v["$ref"].(string); ok && d.resolve(v) == nil {
			found = append(found, ref+": nothing is there")
		}
		for _, one := range v {
			found = append(found, d.dangling(one)...)
		}
	case []any:
		for _, one := range v {
			found = append(found, d.dangling(one)...)
		}
	}
	return found
}

func TestTheAPIIsDescribed(t *testing.T) {
	h := housetest.House(t)
	doc := served(t, h)
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("CAP-M3 every route of the API is described, and nothing else", func(t *testing.T) {
		for _, bad := range checkAPI(doc, h.Routes()) {
			t.Error(bad)
		}
		t.Logf("%d operations, %d schemas", len(doc.operations()), len(doc.at("components", "schemas")))
	})
	for _, broken := range []struct {
		says   string
		breaks func(doc apiDoc)
	}{
		{"described and not routed", func(d apiDoc) { d.at("paths")["/more"] = object{"get": object{}} }},
		{"routed and not described", func(d apiDoc) { delete(d.at("paths"), "/notices") }},
		{"no name or there twice", func(d apiDoc) { d.at("paths", "/notices", "get")["operationId"] = "get-notice" }},
		{"no summary", func(d apiDoc) { delete(d.at("paths", "/notices", "get"), "summary") }},
		{"x-permission", func(d apiDoc) { d.at("paths", "/notices", "get")["x-permission"] = "public" }},
		{"names the permission", func(d apiDoc) { d.at("paths", "/notices", "post")["description"] = "" }},
		{"fresh proof", func(d apiDoc) { delete(d.at("paths", "/organizations", "post"), "x-fresh") }},
		{"security", func(d apiDoc) { delete(d.at("paths", "/notices", "get"), "security") }},
		{"parameter notice has no doc", func(d apiDoc) {
			delete(d.at("paths", "/notices/{notice}", "get")["parameters"].([]any)[0].(object), "description")
		}},
		{"ways to be done", func(d apiDoc) { delete(d.at("paths", "/notices", "get", "responses"), "200") }},
		{"that it may wait", func(d apiDoc) { delete(d.at("paths", "/manifests/apply", "post", "responses"), "202") }},
		{"how it refuses", func(d apiDoc) { delete(d.at("paths", "/notices", "get", "responses"), "403") }},
		{"gives no next", func(d apiDoc) { delete(d.at("components", "schemas", "NoticeList", "properties"), "next") }},
		{"Notice: by has no doc", func(d apiDoc) { delete(d.at("components", "schemas", "Notice", "properties", "by"), "description") }},
		{"nothing is there", func(d apiDoc) { delete(d.at("components", "schemas"), "Notice") }},
	} {
		t.Run("found out "+broken.says, func(t *testing.T) {
			var doc apiDoc
			if err := json.Unmarshal(text, &doc); err != nil {
				t.Fatal(err)
			}
			broken.breaks(doc)
			found := checkAPI(doc, h.Routes())
			if !slices.ContainsFunc(found, func(s string) bool { return strings.Contains(s, broken.says) }) {
				t.Errorf("found %v, want %q", found, broken.says)
			}
		})
	}
}
