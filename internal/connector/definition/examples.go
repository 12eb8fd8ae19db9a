package definition

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// Example is a test that a definition carries: an operation over recorded
// exchanges, and what comes of it.
type Example struct {
	Name      string         `yaml:"name,required"`
	Op        string         `yaml:"op,required"`
	Mode      string         `yaml:"mode"`
	User      string         `yaml:"nativeUser"`
	Settings  map[string]any `yaml:"settings"`
	Arg       map[string]any `yaml:"arg"`
	Exchanges []Recorded     `yaml:"exchanges,required"`
	Expect    any            `yaml:"expect"` // part of what is mapped
	Error     string         `yaml:"error"`  // a kind of problem
	Sent      bool           `yaml:"sent"`   // of the problem: the system may have been changed

	line int
}

// Recorded is a request that is expected and its answer.
type Recorded struct {
	Request  RecordedRequest  `yaml:"request,required"`
	Response RecordedResponse `yaml:"response"`
}

// RecordedRequest is what a request is compared with.
type RecordedRequest struct {
	Method  string            `yaml:"method,required"`
	Path    string            `yaml:"path,required"` // or a whole address at another host
	Query   map[string]string `yaml:"query"`         // those that are compared
	Headers map[string]string `yaml:"headers"`       // those that are compared
	Body    any               `yaml:"body"`
}

// RecordedResponse is an answer.
type RecordedResponse struct {
	Status  int               `yaml:"status"` // 200
	Headers map[string]string `yaml:"headers"`
	Body    any               `yaml:"body"`
	Text    string            `yaml:"text"` // instead of body: not JSON
}

// UnmarshalNode reads an example and keeps its line.
func (x *Example) UnmarshalNode(n *yaml.Node) error {
	type plain Example
	x.line = n.Line
	return yaml.Decode(n, (*plain)(x))
}

func (p *parser) examples() {
	for i, x := range p.doc.Tests {
		path := fmt.Sprintf("tests[%d]", i)
		if x.Op != "" && p.doc.Operations.get(x.Op) == nil {
			p.add(x.line, path+".op", codeUnknownName, "name", x.Op, "known", strings.Join((&Definition{doc: p.doc}).Operations(), ", "))
		}
		if (x.Error == "") == (x.Expect == nil) || x.Error != "" && !slices.Contains(kinds, x.Error) {
			p.add(x.line, path, codeExample, "name", x.Name)
		}
	}
}

// Tests lists the tests that the definition carries, for suites.
func (d *Definition) Tests() []*Example { return d.doc.Tests }

// ExampleResult is how one of a definition's own tests went.
type ExampleResult struct {
	Name string
	Line int    // in the definition
	Why  string // it failed; "" if it passed
	Op   string
	Got  any // what was mapped
}

// Examples runs the tests that the definition carries, over their recorded
// exchanges: nothing goes out. A definition whose tests fail should not be used.
func (d *Definition) Examples(ctx context.Context) []ExampleResult {
	out := make([]ExampleResult, 0, len(d.doc.Tests))
	for _, x := range d.doc.Tests {
		got, why := d.try(ctx, x)
		out = append(out, ExampleResult{x.Name, x.line, why, x.Op, got})
	}
	return out
}

// instant is a clock that stands at a fixed time and never keeps anybody waiting.
type instant struct{ waited time.Duration }

func (i *instant) Now() time.Time      { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }
func (i *instant) Mono() time.Duration { return i.waited }
func (i *instant) After(d time.Duration) <-chan time.Time {
	i.waited += d
	ready := make(chan time.Time, 1)
	ready <- i.Now()
	return ready
}

func (d *Definition) try(ctx context.Context, x *Example) (got any, why string) {
	tape := &tape{all: x.Exchanges}
	e := &Runner{clock: &instant{}, over: tape}
	c := Call{
		Definition: d, Settings: d.exampleSettings(x.Settings), Mode: x.Mode, NativeUser: x.User, Op: x.Op, Arg: x.Arg,
		Credential: Credential{AccessToken: secret.Of("example"), Token: secret.Of("1-14-example"), Username: secret.Of("example"), Password: secret.Of("example")},
	}
	got, err := e.Run(ctx, c)
	if tape.why != "" {
		return nil, tape.why
	}
	if left := len(tape.all); left > 0 {
		return nil, fmt.Sprintf("%d of the recorded exchanges did not take place; the outcome was %v", left, err)
	}
	return got, x.compare(got, err)
}

func (x *Example) compare(got any, err error) string {
	if x.Error != "" || err != nil {
		p, _ := err.(*Problem)
		switch {
		case err == nil:
			return "it went well; wanted " + x.Error
		case p == nil || string(p.Kind) != x.Error:
			return fmt.Sprintf("%v; wanted %q", err, x.Error)
		case p.Sent != x.Sent:
			return fmt.Sprintf("%v: sent is %t", err, p.Sent)
		}
		return ""
	}
	return differs("", plainJSON(x.Expect), plainJSON(got))
}

// plainJSON makes the value what JSON makes of it.
func plainJSON(value any) any {
	text, err := json.Marshal(value)
	var out any
	if err != nil || json.Unmarshal(text, &out) != nil {
		return fmt.Sprint(value)
	}
	return out
}

// differs says where the parts that are wanted are not there: maps may hold more,
// lists may not. An empty text also stands for what is not there.
func differs(path string, want, got any) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok && got != nil {
			return fmt.Sprintf("%s is %v; wanted a map", path, got)
		}
		for name, inner := range w {
			if why := differs(path+"."+name, inner, g[name]); why != "" {
				return why
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok && got != nil || len(g) != len(w) {
			return fmt.Sprintf("%s has %d elements; wanted %d", path, len(g), len(w))
		}
		for i, inner := range w {
			if why := differs(fmt.Sprintf("%s[%d]", path, i), inner, g[i]); why != "" {
				return why
			}
		}
		return ""
	}
	if want != got && (want != "" || got != nil) {
		return fmt.Sprintf("%s is %v; wanted %v", path, got, want)
	}
	return ""
}

// exampleSettings fills in what the definition needs and the example leaves out.
func (d *Definition) exampleSettings(given map[string]any) map[string]any {
	out := map[string]any{}
	for _, s := range d.doc.Settings {
		if s.Required && s.Default == nil {
			out[s.Name] = map[bool]any{true: "https://system.example", false: "example"}[s.Type == SettingURL]
		}
	}
	for name, value := range given {
		out[name] = value
	}
	return out
}

// tape plays recorded exchanges in their order.
type tape struct {
	all []Recorded
	why string
}

// Do answers the next request if it is the recorded one.
func (t *tape) Do(_ context.Context, r egress.Request) (*egress.Answer, error) {
	if len(t.all) == 0 || t.why != "" {
		t.fail("unexpected request %s %s", r.Method, r.URL)
		return &egress.Answer{Status: 599}, nil
	}
	next := t.all[0]
	t.all = t.all[1:]
	t.match(next.Request, r)
	return next.Response.answer(r.URL), nil
}

func (a *RecordedResponse) answer(from egress.URL) *egress.Answer {
	status, header, body := a.Plain()
	return &egress.Answer{Status: status, Header: header, Body: body, URL: from}
}

// Plain gives the answer as HTTP carries it.
func (a *RecordedResponse) Plain() (status int, header http.Header, body []byte) {
	status, header, body = cmp.Or(a.Status, http.StatusOK), http.Header{}, []byte(a.Text)
	for name, value := range a.Headers {
		header.Set(name, value)
	}
	if a.Body != nil {
		body, _ = json.Marshal(a.Body) // plain values of YAML always have a JSON form
	}
	return status, header, body
}

func (t *tape) fail(format string, args ...any) {
	if t.why == "" {
		t.why = fmt.Sprintf(format, args...)
	}
}

func (t *tape) match(want RecordedRequest, got egress.Request) {
	u := got.URL.Parsed()
	if want.Method != got.Method || want.Path != u.EscapedPath() && want.Path != (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String() {
		t.fail("the request is %s %s; wanted %s %s", got.Method, got.URL, want.Method, want.Path)
	}
	for name, value := range want.Query {
		if u.Query().Get(name) != value {
			t.fail("the parameter %s is %q; wanted %q", name, u.Query().Get(name), value)
		}
	}
	for name, value := range want.Headers {
		if got.Header.Get(name) != value {
			t.fail("the header %s is %q; wanted %q", name, got.Header.Get(name), value)
		}
	}
	if want.Body == nil {
		return
	}
	var body any
	if err := json.Unmarshal(bytes.TrimSpace(got.Body), &body); err != nil {
		body = string(got.Body)
	}
	if why := differs("the body", plainJSON(want.Body), body); why != "" {
		t.fail("%s", why)
	}
}
