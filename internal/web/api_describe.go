package web

import (
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// description is what the house says of its API, made once every operation
// stands.
type description struct {
	doc   *huma.OpenAPI
	names map[string]string // of schemas, by what the registry calls them
	ops   []*operation      // by path and method
	text  []byte            // the document as it is served
}

// operation is one operation with what our routes know of it.
type operation struct {
	*huma.Operation
	route    Route
	status   int
	examples []Example
}

// describe completes what the library made of the types.
func (m *Mux) describe() (*description, error) {
	d := &description{doc: m.api.OpenAPI()}
	for _, path := range slices.Sorted(maps.Keys(d.doc.Paths)) {
		for _, op := range methodsOf(d.doc.Paths[path]) {
			d.ops = append(d.ops, m.complete(op))
		}
	}
	d.doc.Components.Responses = refusals(d.doc)
	d.doc.Info.Description = apiText
	d.doc.Tags = tagsOf(d.ops)
	sayCommon(d.doc)
	d.names = publicNames(d.doc, d.ops)
	var err error
	d.text, err = d.marshal()
	return d, err
}

func methodsOf(item *huma.PathItem) []*huma.Operation {
	all := []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete}
	return slices.DeleteFunc(all, func(op *huma.Operation) bool { return op == nil })
}

// complete says of an operation what its route demands and how it refuses.
func (m *Mux) complete(op *huma.Operation) *operation {
	route, _ := op.Metadata[routeKey].(Route)
	o := &operation{Operation: op, route: route, status: http.StatusOK, examples: m.examplesOf(op)}
	for status := range op.Responses {
		if n, err := strconv.Atoi(status); err == nil {
			o.status = n
		}
	}
	switch r := op.Responses[strconv.Itoa(o.status)]; {
	case o.status == http.StatusNoContent:
		r.Description = "Done; there is nothing to say"
	case r.Content == nil: // a stream
		r.Content = map[string]*huma.MediaType{"application/jsonl": {Schema: &huma.Schema{Type: huma.TypeString, Description: "One JSON object a line"}}}
	}
	if op.Extensions == nil {
		op.Extensions = map[string]any{}
	}
	maps.Copy(op.Extensions, o.demands())
	op.Extensions["x-examples"] = o.shown()
	op.Description = strings.TrimSpace(op.Description + "\n\n" + o.demandText())
	for _, status := range o.refuses() {
		op.Responses[strconv.Itoa(status)] = &huma.Response{Ref: "#/components/responses/" + refusalName(status)}
	}
	if op.Extensions["x-waits"] == true {
		op.Responses[strconv.Itoa(http.StatusAccepted)] = &huma.Response{Ref: "#/components/responses/" + refusalName(http.StatusAccepted)}
	}
	o.show()
	return o
}

// demands are the extensions of an operation, for programs.
func (o *operation) demands() map[string]any {
	x := map[string]any{"x-permission": o.route.Permission}
	if o.route.Or != "" {
		x["x-permission-or"] = o.route.Or
	}
	if o.route.Target != "" {
		x["x-permission-of"] = o.route.Target
	}
	if o.route.Fresh > 0 {
		x["x-fresh"] = int(o.route.Fresh.Seconds())
	}
	if tokenless(o.Security) {
		x["x-token"] = false
	}
	return x
}

// tokenless reports whether an operation refuses every token.
func tokenless(security []map[string][]string) bool {
	return len(security) == 1 && security[0]["session"] != nil
}

// demandText says the same for people.
func (o *operation) demandText() string {
	text := "For everybody who is signed in."
	switch {
	case o.route.Permission == Public:
		text = "For everybody, without signing in."
	case o.route.Permission != SignedIn:
		text = "Needs the permission `" + o.route.Permission + "`"
		if o.route.Or != "" {
			text += " or `" + o.route.Or + "`"
		}
		if o.route.Target != "" {
			text += ", held in `" + o.route.Target + "`"
		}
		text += "."
	}
	if o.route.Fresh > 0 {
		text += fmt.Sprintf(" A person must have proved who they are within the last %d minutes (401 `%s` says how long ago is too long); a token is refused (403 `person-must-be-present`).",
			int(o.route.Fresh.Minutes()), StepUp)
	}
	if o.route.Fresh == 0 && tokenless(o.Security) {
		text += " A person must be there: a token is refused (403 `person-must-be-present`)."
	}
	if o.Extensions["x-foresees"] == true {
		text += " With `Dry-Run: true` it answers 200 with what it would change for people: `{\"foreseen\": [\"…\"]}`."
	}
	if o.Extensions["x-waits"] == true {
		text += " Where a second person has to approve such a change (`four_eyes`), nothing is done yet: it answers 202 with the ask that waits."
	}
	if o.Extensions["x-socket"] == true {
		text += " No role holds it: it is for processes of the machine, over the control socket."
	}
	return text
}

// refuses are the statuses by which an operation can say no, besides those of
// every operation.
func (o *operation) refuses() (all []int) {
	if o.RequestBody != nil || len(o.Parameters) > 0 {
		all = append(all, http.StatusBadRequest)
	}
	if o.route.Permission != Public {
		all = append(all, http.StatusUnauthorized, http.StatusForbidden)
	}
	if strings.Contains(o.Path, "{") {
		all = append(all, http.StatusNotFound)
	}
	if o.Method != http.MethodGet {
		all = append(all, http.StatusConflict, http.StatusUnprocessableEntity)
	}
	return append(all, http.StatusTooManyRequests)
}

// show puts the examples to what they are examples of.
func (o *operation) show() {
	for i, e := range o.examples {
		if i == 0 {
			for _, p := range o.Parameters {
				if v, ok := e.value(p); ok {
					p.Example = v
				}
			}
		}
		if e.Body == nil || o.RequestBody == nil {
			continue
		}
		media := o.RequestBody.Content["application/json"]
		if media.Examples == nil {
			media.Examples = map[string]*huma.Example{}
		}
		media.Examples[fmt.Sprintf("example-%d", i+1)] = &huma.Example{Summary: o.titleOf(e), Value: e.Body}
	}
}

// shown are the examples as programs read them: whole requests, and what
// becomes of them.
func (o *operation) shown() (all []map[string]any) {
	for _, e := range o.examples {
		one := map[string]any{"summary": o.titleOf(e), "path": e.Path, "status": e.Status}
		if e.Status == 0 {
			one["status"] = o.status
		}
		if len(e.Query) > 0 {
			one["query"] = e.Query
		}
		if e.Body != nil {
			one["body"] = e.Body
		}
		if e.Code != "" {
			one["code"] = e.Code
		}
		all = append(all, one)
	}
	return all
}

func (e Example) value(p *huma.Param) (any, bool) {
	values := e.Query
	if p.In == "path" {
		values = e.Path
	}
	text, ok := values[p.Name]
	if n, err := strconv.Atoi(text); err == nil && p.Schema != nil && p.Schema.Type == huma.TypeInteger {
		return n, ok
	}
	return text, ok
}

func (o *operation) titleOf(e Example) string {
	if e.Title == "" {
		return o.Summary
	}
	return e.Title
}

// refusalSaid are the answers that say no, with the codes that every operation
// may meet; what else an operation refuses has a code of its own.
var refusalSaid = map[int][2]string{
	http.StatusAccepted:            {"Waits", "Nothing is done yet: it became an ask, and is done when somebody else has approved it"},
	http.StatusBadRequest:          {"Invalid", "The request is not valid: `input-invalid` names every bad field in `errors`; `json-malformed`, `body-required`, `cursor-malformed` and others name what is wrong with the whole"},
	http.StatusUnauthorized:        {"Unknown", "Nobody known asks (`not-signed-in`, `credentials-malformed`), or the last proof of who asks is too old (`step-up-required`; `WWW-Authenticate` says `max_age` in seconds)"},
	http.StatusForbidden:           {"Forbidden", "Who asks may not: `not-permitted` names the missing permission in `detail`, `person-must-be-present` refuses a token, `origin-not-ours` a cookie that came from another site"},
	http.StatusNotFound:            {"NotFound", "It does not exist, or who asks cannot know of it: both answer the same"},
	http.StatusConflict:            {"Conflict", "It was changed or made by somebody else in between: read it again and send its `version`"},
	http.StatusUnprocessableEntity: {"Unmet", "The request can be read, and a condition of the house is not met"},
	http.StatusTooManyRequests:     {"TooFast", "`too-many-requests`: wait as many seconds as `Retry-After` says"},
}

func refusalName(status int) string { return refusalSaid[status][0] }

func refusals(doc *huma.OpenAPI) map[string]*huma.Response {
	all := map[string]*huma.Response{}
	schema := doc.Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	for _, said := range refusalSaid {
		all[said[0]] = &huma.Response{Description: said[1], Content: map[string]*huma.MediaType{"application/problem+json": {Schema: schema}}}
	}
	waits := doc.Components.Schemas.Schema(reflect.TypeFor[Accepted](), true, "Accepted")
	all["Waits"].Content = map[string]*huma.MediaType{"application/json": {Schema: waits}}
	all["Waits"].Headers = map[string]*huma.Header{"Location": {Description: "Page on which it is decided", Schema: &huma.Schema{Type: huma.TypeString}}}
	all["TooFast"].Headers = map[string]*huma.Header{"Retry-After": {Description: "Seconds to wait", Schema: &huma.Schema{Type: huma.TypeInteger}}}
	all["Unknown"].Headers = map[string]*huma.Header{"WWW-Authenticate": {Description: "What would lift the refusal (RFC 6750, RFC 9470)", Schema: &huma.Schema{Type: huma.TypeString}}}
	return all
}

func tagsOf(ops []*operation) (tags []*huma.Tag) {
	count := map[string]int{}
	for _, o := range ops {
		for _, tag := range o.Tags {
			count[tag]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(count)) {
		tags = append(tags, &huma.Tag{Name: name})
	}
	return tags
}

// apiText opens the description.
const apiText = `Everything that can be done in the console of Sekisho can be done by this API.

**Who asks.** A personal token in ` + "`Authorization: Bearer …`" + `, or the session cookie of a signed-in browser; with the cookie, unsafe methods need ` + "`Origin`" + ` to be this house's own. A token can be limited to some permissions and to one organization. What needs a person to be present is refused to tokens.

**Refusals** are RFC 9457 problems (` + "`application/problem+json`" + `) in the language that ` + "`Accept-Language`" + ` asks for (en, ja). ` + "`code`" + ` is stable, ` + "`errors`" + ` names all bad fields at once, ` + "`request_id`" + ` is what an operator finds in the log. Each code has a page at the address in ` + "`type`" + `.

**Lists** are read in pages: ` + "`limit`" + ` is how many at most, ` + "`next`" + ` of the answer is the ` + "`cursor`" + ` of the next page and is missing on the last one. A cursor stays good while others write; who stays in the list is on exactly one page.

**Changes.** What can be changed carries a ` + "`version`" + `: send it back, and a change in between is refused as a conflict instead of being lost. In a PATCH, what is left out stays.

**Dry runs.** With ` + "`Dry-Run: true`" + ` a change is held against every rule and nothing is kept: the answer is the refusal, or 204, or, where the operation says so, 200 with ` + "`foreseen`" + `, sentences about what would change for people.

**Input is strict**: an unknown field or parameter, a field twice or a body of another type is refused, never ignored.`

// commonDocs say what members mean that mean the same everywhere; a doc of the
// member itself counts more.
var commonDocs = map[string]string{
	"items": "What is on this page", "next": "Cursor of the next page; missing on the last one",
	"cursor": "`next` of the page before; without it, the first page", "limit": "How many at most",
	"id": "Identifier: never changed and never used again", "version": "Counts the changes: send it back with a change",
	"org": "Id of the organization", "person": "Id of the person", "group": "Id of the group", "role": "Id of the role; of a built-in one its name",
	"notice": "Id of the announcement", "token": "Id of the token", "session": "Id of the session", "policy": "Id of the policy", "system": "Id of the outside system",
	"record": "Id of the record", "passkey": "Id of the passkey", "effect": "Id of the effect", "ask": "Id of the ask", "lease": "Id of the lease", "approval": "Id of the approval policy", "card_policy": "Id of the card policy",
	"rota": "Id of the rota", "review": "Id of the review", "round": "Id of the round of a review", "review_item": "Id of the question of a review",
	"ask_target": "Id of what is said of a thing", "ask_template": "Id of the prepared ask", "delegation": "Id of the delegation", "created": "When it was made",
	"title": "As people read it", "driver": "What carries it out", "state": "How it stands", "until": "When it is over",
}

// sayCommon fills in what members without a doc mean.
func sayCommon(doc *huma.OpenAPI) {
	for _, schema := range doc.Components.Schemas.Map() {
		for name, member := range schema.Properties {
			if member.Description == "" && member.Ref == "" {
				member.Description = commonDocs[name]
			}
		}
	}
	for _, item := range doc.Paths {
		for _, op := range methodsOf(item) {
			for _, p := range op.Parameters {
				if p.Description == "" && p.Schema != nil {
					p.Description, p.Schema.Description = p.Schema.Description, ""
				}
				if p.Description == "" {
					p.Description = commonDocs[p.Name]
				}
			}
		}
	}
}
