package definition_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/connector/definition"
	"github.com/sekisho/sekisho/internal/fault"
)

// small is a definition that is right; refusals change one line of it.
const small = `apiVersion: sekisho/connector/v1
id: small
title: {en: Small}
settings:
  base_url: {type: url, required: true}
  pin: {type: secret}
hosts: ["{base_url}"]
auth:
  modes: [user, service]
  schemes: {header_token: {}}
  headers: {Authorization: "'token ' + cred.token"}
errors:
  - {when: "status == 418", as: forbidden, message: "body.text"}
operations:
  whoami:
    steps:
      - {id: u, request: {method: GET, path: "'/me'"}}
    map: {nativeUser: steps.u.body.id}
  ticket.get:
    steps:
      - {id: t, request: {method: GET, path: "'/t/' + urlpath(arg.id)", query: {q: "'id=' + snq(arg.id)", plain: arg.id}}}
      - {id: each, foreach: "steps.t.body.who", request: {method: GET, path: "'/u/' + urlpath(it)"}}
    map: {id: steps.t.body.id, title: steps.t.body.title, state: "'open'"}
  approval.get:
    steps:
      - {id: a, request: {method: GET, path: "'/a/' + urlpath(arg.id)"}}
    map: {id: steps.a.body.id, state: steps.a.body.state, approver: {nativeId: steps.a.body.who}}
  approval.decide:
    steps:
      - {id: p, request: {method: POST, path: "'/a/' + urlpath(arg.id)", json: {state: arg.decision}}}
    verify: {op: approval.get, in: {id: arg.id}, until: out.state == arg.decision}
limits: {rps: 2}
`

func codes(err error) string {
	var f *fault.Fault
	if !errors.As(err, &f) {
		return ""
	}
	var out []string
	for _, field := range f.Fields {
		out = append(out, field.Code)
	}
	return strings.Join(out, " ")
}

func TestASmallDefinitionIsRight(t *testing.T) {
	if _, err := definition.Parse("small.yaml", []byte(small)); err != nil {
		t.Fatal(err)
	}
}

// Each line says what is replaced, by what, which fault comes of it and where.
var refusals = []struct {
	name, old, new, code string
	line                 int
}{
	{"TRAP-C23 unknown key", "limits: {rps: 2}", "limits: {rps: 2, speed: 3}", "yaml-unknown-field", 32},
	{"TRAP-C23 unknown key in a step", "{id: u, request", "{id: u, retry: 3, request", "yaml-unknown-field", 17},
	{"TRAP-C23 a key twice", "limits: {rps: 2}", "limits: {rps: 2}\nlimits: {rps: 3}", "yaml-duplicate-key", 33},
	{"TRAP-C23 no verify", "    verify: {op: approval.get, in: {id: arg.id}, until: out.state == arg.decision}\n", "", "definition-verify-missing", 28},
	{"TRAP-C23 unquoted in a path", "'/t/' + urlpath(arg.id)", "'/t/' + arg.id", "definition-unquoted", 21},
	{"TRAP-C23 unquoted whole path", "\"'/t/' + urlpath(arg.id)\"", "arg.id", "definition-unquoted", 21},
	{"TRAP-C23 unquoted in a query", "'id=' + snq(arg.id)", "'id=' + arg.id", "definition-unquoted", 21},
	{"TRAP-C23 unquoted through a list", "'id=' + snq(arg.id)", "['id=', arg.id].join('')", "definition-unquoted", 21},
	{"TRAP-C23 unquoted through format", "'id=' + snq(arg.id)", "'id=%s'.format([arg.id])", "definition-unquoted", 21},
	{"TRAP-C23 unquoted through replace", "'id=' + snq(arg.id)", "'id=X'.replace('X', arg.id)", "definition-unquoted", 21},
	{"TRAP-C23 unquoted through a binding", "'id=' + snq(arg.id)", "cel.bind(x, arg.id, 'id=' + x)", "definition-unquoted", 21},
	{"TRAP-C23 unquoted through a loop", "'id=' + snq(arg.id)", "['a'].map(x, x + arg.id)[0]", "definition-unquoted", 21},
	{"TRAP-C23 unquoted through a choice", "'id=' + snq(arg.id)", "'id=' + (arg.id == '' ? 'none' : arg.id)", "definition-unquoted", 21},
	{"TRAP-C23 unquoted through a map", "'id=' + snq(arg.id)", "'id=' + {'a': arg.id}['a']", "definition-unquoted", 21},
	{"TRAP-C23 unquoted default", "'id=' + snq(arg.id)", "'id=' + {'a': 'b'}[?'c'].orValue(arg.id)", "definition-unquoted", 21},
	{"TRAP-C23 an answer unquoted in a path", "'/u/' + urlpath(it)", "'/u/' + steps.t.body.who[0]", "definition-unquoted", 22},
	{"TRAP-C23 an element unquoted in a path", "'/u/' + urlpath(it)", "'/u/' + it", "definition-unquoted", 22},
	{"TRAP-C23 quoted for another language", "'/t/' + urlpath(arg.id)", "'/t/' + snq(arg.id)", "definition-unquoted", 21},
	{"TRAP-C20 in is a keyword", "'/t/' + urlpath(arg.id)", "'/t/' + urlpath(in.id)", "definition-expression", 21},
	{"credentials outside of auth", "json: {state: arg.decision}", "json: {state: cred.token}", "definition-expression", 30},
	{"an argument that the operation does not have", "json: {state: arg.decision}", "json: {state: arg.password}", "definition-unknown-name", 30},
	{"a step that comes later", "'/t/' + urlpath(arg.id)", "'/t/' + urlpath(steps.each.body)", "definition-unknown-name", 21},
	{"a setting that is not there", "path: \"'/me'\"", "path: \"'/me' + cfg.url\"", "definition-unknown-name", 17},
	{"a secret setting in an expression", "path: \"'/me'\"", "path: \"'/me' + cfg.pin\"", "definition-unknown-name", 17},
	{"a credential of another name", "cred.token", "cred.cookie", "definition-unknown-name", 11},
	{"a path that is a number", "path: \"'/me'\"", "path: \"1 + 1\"", "definition-type", 17},
	{"a condition that is a text", "when: \"status == 418\"", "when: \"'yes'\"", "definition-type", 13},
	{"an operation that nobody knows", "  ticket.get:", "  ticket.eat:", "definition-unknown-name", 19},
	{"a kind of problem that nobody knows", "as: forbidden", "as: funny", "definition-word", 13},
	{"a method that nobody knows", "method: POST", "method: BREW", "definition-word", 30},
	{"GET with a body", "{id: u, request: {method: GET", "{id: u, request: {json: {a: 1}, method: GET", "definition-body", 17},
	{"path and url", "path: \"'/me'\"", "path: \"'/me'\", url: \"'https://x.example'\"", "definition-path-or-url", 17},
	{"an argument as an address", "path: \"'/a/' + urlpath(arg.id)\", json", "url: arg.id, json", "definition-unquoted", 30},
	{"an Authorization header of a step", "path: \"'/me'\"", "path: \"'/me'\", headers: {authorization: \"'x'\"}", "definition-header", 17},
	{"a model key that nobody knows", "title: steps.t.body.title", "titel: steps.t.body.title", "definition-unknown-name", 23},
	{"a model key that is missing", "id: steps.t.body.id, title: steps.t.body.title", "id: steps.t.body.id", "yaml-field-missing", 23},
	{"no host", "hosts: [\"{base_url}\"]", "hosts: []", "definition-host", 7},
	{"a host of an unknown setting", "hosts: [\"{base_url}\"]", "hosts: [\"{site}\"]", "definition-unknown-name", 7},
	{"a host that is none", "hosts: [\"{base_url}\"]", "hosts: [\"ftp://x.example\"]", "definition-host", 7},
	{"more than the house allows", "limits: {rps: 2}", "limits: {maxForeach: 10000}", "definition-limit", 32},
	{"another version", "sekisho/connector/v1", "sekisho/connector/v2", "definition-word", 1},
	{"a service that decides for anybody", "modes: [user, service]", "modes: [service]", "", 0},
	{"no English", "title: {en: Small}", "title: {ja: 小}", "definition-english", 3},
	{"a page of a record", "    map: {nativeUser: steps.u.body.id}", "    map: {nativeUser: steps.u.body.id}\n    page: {type: offset, start: a, items: body}", "definition-page", 19},
	{"an example of an unknown operation", "limits: {rps: 2}", "tests: [{name: x, op: ticket.search, exchanges: [], error: invalid}]", "definition-unknown-name", 32},
	{"an example without an outcome", "limits: {rps: 2}", "tests: [{name: x, op: whoami, exchanges: []}]", "definition-example", 32},
	{"a webhook without a secret", "limits: {rps: 2}", "webhook: {verify: {type: bearer, secretRef: base_url}, affected: \"[body.id]\"}", "definition-unknown-name", 32},
	{"a default of a secret", "pin: {type: secret}", "pin: {type: secret, default: x}", "definition-secret-default", 6},
	{"an endpoint elsewhere", "schemes: {header_token: {}}", "schemes: {client_credentials: {tokenEndpoint: \"https://evil.example/t\"}}", "definition-host-unlisted", 10},
	{"a code scheme without endpoints", "schemes: {header_token: {}}", "schemes: {oauth2_code: {}}", "definition-endpoint", 10},
	{"a pattern that is none", "  ticket.get:\n", "  ticket.get:\n    args: {id: \"[\"}\n", "definition-pattern", 19},
}

func TestWhatIsWrongIsSaidWithItsLine(t *testing.T) {
	for _, r := range refusals {
		t.Run(r.name, func(t *testing.T) {
			if !strings.Contains(small, r.old) {
				t.Fatal("the sample has no " + r.old)
			}
			_, err := definition.Parse("small.yaml", []byte(strings.Replace(small, r.old, r.new, 1)))
			if r.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			f := fault.As(err)
			if f == nil || f.Code != "definition-invalid" {
				t.Fatal("it was taken: ", err)
			}
			for _, field := range f.Fields {
				if field.Code == r.code {
					if field.Args["line"] != r.line || field.Args["file"] != "small.yaml" {
						t.Fatalf("%s stands at %v", r.code, field.Args["place"])
					}
					return
				}
			}
			t.Fatalf("want %s; the faults are %s", r.code, codes(err))
		})
	}
}

func TestAServiceWithoutApproversIsRefused(t *testing.T) {
	text := strings.Replace(small, "modes: [user, service]", "modes: [service]", 1)
	text = strings.Replace(text, ", approver: {nativeId: steps.a.body.who}", "", 1)
	if _, err := definition.Parse("x", []byte(text)); codes(err) != "definition-approver-missing" {
		t.Fatal(err)
	}
	text = strings.Replace(text, "modes: [service]", "modes: [user, service]", 1)
	d, err := definition.Parse("x", []byte(text))
	if err != nil || d.Can("approval.get", "service") || !d.Can("approval.get", "user") || !d.Can("ticket.get", "service") {
		t.Fatal(err)
	}
}

func TestAllFaultsAreSaidAtOnce(t *testing.T) {
	text := strings.NewReplacer("as: forbidden", "as: funny", "method: POST", "method: BREW", "{rps: 2}", "{rps: 0.001}", "cred.token", "cred.cookie").Replace(small)
	_, err := definition.Parse("small.yaml", []byte(text))
	if got := codes(err); strings.Count(got, "definition-") != 4 {
		t.Fatal(got)
	}
}

func TestQuotedIsTaken(t *testing.T) {
	for _, q := range []string{
		"snq(arg.id)", "rtq('a' + arg.id)", "jqlq(arg.id) + ' AND x = ' + jqlq(arg.id)", "string(int(arg.id)) + 'x'", "['a', 'b'].map(x, x + '=' + snq(arg.id)).join('^')",
		"{'a': 'b'}[?arg.id].orValue('') + '^x'", "arg.id == '' ? 'none' : 'some'", "cfg.base_url + '/x'", "snq([arg.id, arg.id].join(','))", "string(arg.id.size()) + 'x'",
		"arg.id", "null", "[arg.id, arg.id]",
	} {
		text := strings.Replace(small, "'id=' + snq(arg.id)", q, 1)
		if _, err := definition.Parse("small.yaml", []byte(text)); err != nil {
			t.Errorf("%s: %v", q, err)
		}
	}
}

func TestNothingPanicsOnTheEdges(t *testing.T) {
	files, err := os.ReadDir("definitions")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile("definitions/" + file.Name())
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfter(string(text), "\n")
		for i := 0; i < len(lines); i += 41 {
			_, _ = definition.Parse("cut.yaml", []byte(strings.Join(lines[:i], "")))
		}
	}
	for _, text := range []string{"", "[]", "a", "---\n---\n", "null", "apiVersion: sekisho/connector/v1", strings.Repeat("a: ", 9000)} {
		if _, err := definition.Parse("x", []byte(text)); err == nil {
			t.Errorf("%.20q was taken", text)
		}
	}
}
