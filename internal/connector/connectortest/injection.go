package connectortest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/connector/definition"
)

func speaks(text string) bool { return strings.Contains(text, canary) }

// Corpus are sixty values that mean something to a path, a query, a header or a
// language of queries.
var Corpus = []string{
	"../1", "..", ".", "../../admin", "1/../2", "..%2f1", "%2e%2e/1", "%2e%2e%2f", "%252e%252e%252f1", `..\1`, "1/", "/1", "//evil.example/", "1//2", "1;x=1", ";/../1",
	"1?x=1", "1#x", "1&sysparm_query=", "1&limit=9999", "?", "#", "1%00", "1\x00", "1\n", "1\r\nX-Evil: 1", "1\tx", "\u20281", "\u202e1", "１", "1 ", " 1", "*",
	"x^ORsys_idISNOTEMPTY", "x^NQactive=true", "^", "x^ORDERBYname", "javascript:gs.getUserID()", "JavaScript:1", "x,y", "xINa,b", "x@example.com^state=approved",
	"' OR 1=1 --", "x' OR Owner='root", `x\' OR 1=1`, "''", `"`, `x" OR key=1`, `x\" OR project = "X`, "x) OR (1=1", "1 OR id=2", "1 AND 1=1", "-1", "0", "01", "1e3", "9007199254740993",
	"{base_url}", "${x}", "{{7*7}}", "<script>alert(1)</script>", strings.Repeat("a", 5000), strings.Repeat("../", 50),
}

// benign is a value without any meaning, for what the shape of a request is.
const benign = "benign0x"

// injection: a value of an argument is refused, or it stands exactly where the
// benign one stands, and no language of queries sees anything else: never another
// record (C10, A116).
func (s *suite) injection(t *testing.T) {
	if len(Corpus) < 60 {
		t.Fatalf("%d values", len(Corpus))
	}
	arrived := 0
	for _, x := range s.d.Tests() {
		if x.Error != "" {
			continue
		}
		for _, name := range texts(x) {
			server := serve(t, playing(x))
			var known []template
			for _, value := range []string{original(x, name), benign} {
				for _, sent := range s.send(t, server, x, name, value) {
					known = append(known, template{sent, value})
				}
			}
			for _, value := range Corpus {
				for _, sent := range s.send(t, server, x, name, value) {
					arrived++
					if !slices.ContainsFunc(known, func(k template) bool { return k.allows(sent, value) }) {
						t.Errorf("%s: %s = %.60q makes %q", x.Op, name, value, sent)
					}
				}
			}
		}
	}
	if arrived == 0 {
		t.Error("no value of the corpus came through: nothing was shown")
	}
}

// template is the parts of a request with a value that is known.
type template struct {
	parts []string
	value string
}

// allows reports whether the parts are the template's with the other value, and
// mean the same but for it.
func (k template) allows(parts []string, value string) bool {
	return slices.EqualFunc(k.parts, parts, func(known, sent string) bool {
		expected := known
		if len(k.value) > 1 {
			expected = strings.ReplaceAll(known, k.value, value)
		}
		return expected == sent && structure(known) == structure(sent)
	})
}

var literal = regexp.MustCompile(`'(?:[^'\\]|\\.)*'`)

// structure is what the language of a parameter sees besides values: ServiceNow
// takes encoded queries apart at carets, TicketSQL reads literals in quotes.
func structure(part string) string {
	switch name, text, _ := strings.Cut(part, "="); name {
	case "sysparm_query":
		return fmt.Sprint(strings.Count(text, "^"), strings.Count(strings.ToLower(text), "javascript:"))
	case "query":
		return literal.ReplaceAllString(text, "?")
	}
	return ""
}

// texts are the arguments of an example that are texts, and the account.
func texts(x *definition.Example) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(x.Arg)) {
		if _, ok := x.Arg[name].(string); ok {
			out = append(out, name)
		}
	}
	if x.User != "" {
		out = append(out, "nativeUser")
	}
	return out
}

func original(x *definition.Example, name string) string {
	if name == "nativeUser" {
		return x.User
	}
	text, _ := x.Arg[name].(string)
	return text
}

// send runs the example with the value and returns the parts of what arrived.
func (s *suite) send(t *testing.T, server *system, x *definition.Example, name, value string) [][]string {
	c := s.call(x, server.URL)
	if name == "nativeUser" {
		c.NativeUser = value
	} else {
		c.Arg[name] = value
	}
	_, err := s.engine.Run(t.Context(), c)
	if _, ok := err.(*connector.Problem); err != nil && !ok {
		t.Errorf("%s: %v", x.Op, err)
	}
	seen, bodies := server.requests()
	var out [][]string
	for i, r := range seen {
		out = append(out, parts(r, bodies[i]))
	}
	return out
}

// parts are the method, the elements of the path, the parameters and the names
// of the body.
func parts(r *http.Request, body []byte) []string {
	out := []string{r.Method}
	for _, element := range strings.Split(r.URL.EscapedPath(), "/") {
		out = append(out, unescape(element))
	}
	for _, param := range strings.Split(r.URL.RawQuery, "&") {
		out = append(out, unescape(param))
	}
	return append(out, keys(body))
}

func unescape(s string) string {
	out, err := url.PathUnescape(s)
	if err != nil {
		return "broken: " + s
	}
	return out
}

// keys are the names of a JSON body: a value can never make another one.
func keys(body []byte) string {
	var value any
	if len(body) == 0 {
		return "no body"
	}
	if json.Unmarshal(body, &value) != nil {
		return "not JSON"
	}
	names := []string{}
	var visit func(any)
	visit = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				names = append(names, name)
				visit(v[name])
			}
		case []any:
			names = append(names, "[]")
		}
	}
	visit(value)
	return strings.Join(names, ",")
}
