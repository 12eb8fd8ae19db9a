package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"golang.org/x/net/html"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sekisho/sekisho/internal/housetest"
)

// client follows nothing: a story says where it goes.
var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// ask sends one request to a house.
func ask(p *place, method, path string, head http.Header, body io.Reader) (int, http.Header, string, error) {
	target := path
	if strings.HasPrefix(path, "/") {
		target = p.url() + path
	}
	request, err := http.NewRequest(method, target, body)
	if err != nil {
		return 0, nil, "", err
	}
	for name, values := range head {
		request.Header[name] = values
	}
	if host := head.Get("Host"); host != "" {
		request.Host = host
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, nil, "", err
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header, string(text), err
}

// call is what a browser or a program says:
//
//	call [-H 'Name: value'] [-form name=value]… WANT METHOD PATH [JSON | @FILE]
//
// WANT is the status; head and body are the standard output. Like a browser it
// sends the Origin with unsafe methods, unless -H says another ("-" for none).
func call(ts *testscript.TestScript, _ bool, args []string) {
	s := storyOf(ts)
	head, form := http.Header{}, url.Values{}
	for len(args) > 1 && (args[0] == "-H" || args[0] == "-form") {
		if args[0] == "-form" {
			name, value, _ := strings.Cut(args[1], "=")
			form.Add(name, value)
		} else {
			name, value, _ := strings.Cut(args[1], ": ")
			head.Add(name, value)
		}
		args = args[2:]
	}
	if len(args) < 3 {
		ts.Fatalf("usage: call [-H 'Name: value'] [-form name=value] WANT METHOD PATH [JSON | @FILE]")
	}
	want, method, path := args[0], args[1], args[2]
	body := bodyOf(ts, head, form, args[3:])
	s.dress(head, method)
	status, answered, text, err := ask(s.here, method, path, head, body)
	ts.Check(err)
	s.keep(answered)
	_, _ = fmt.Fprintf(ts.Stdout(), "%d\n", status)
	_ = answered.Write(ts.Stdout())
	_, _ = fmt.Fprintf(ts.Stdout(), "\n%s\n", text)
	if fmt.Sprint(status) != want {
		ts.Fatalf("%s %s: status %d, want %s\n%s", method, path, status, want, text)
	}
}

func bodyOf(ts *testscript.TestScript, head http.Header, form url.Values, rest []string) io.Reader {
	kind, text := "application/json", ""
	switch {
	case len(form) > 0:
		kind, text = "application/x-www-form-urlencoded", form.Encode()
	case len(rest) == 0:
		return nil
	case strings.HasPrefix(rest[0], "@"):
		content, err := os.ReadFile(ts.MkAbs(rest[0][1:]))
		ts.Check(err)
		text = string(content)
	default:
		text = rest[0]
	}
	if head.Get("Content-Type") == "" {
		head.Set("Content-Type", kind)
	}
	return strings.NewReader(text)
}

// dress adds what a browser adds by itself.
func (s *story) dress(head http.Header, method string) {
	if cookie := s.jars[s.who+"@"+s.here.name]; cookie != "" && s.who != "nobody" {
		head.Set("Cookie", cookie)
	}
	if method != http.MethodGet && head.Get("Origin") == "" {
		head.Set("Origin", s.here.url())
	}
	if head.Get("Origin") == "-" {
		head.Del("Origin")
	}
}

// keep keeps the cookie that an answer sets.
func (s *story) keep(head http.Header) {
	for _, line := range head["Set-Cookie"] {
		if cookie, err := http.ParseSetCookie(line); err == nil && strings.HasSuffix(cookie.Name, "sekisho") {
			s.jars[s.who+"@"+s.here.name] = cookie.Name + "=" + cookie.Value
		}
	}
}

func redeem(ts *testscript.TestScript, _ bool, _ []string) {
	var args []string
	for name, values := range housetest.SetupForm("/setup?link=" + ts.Getenv("TOKEN")) {
		args = append(args, "-form", name+"="+values[0])
	}
	call(ts, false, append(args, "303", "POST", "/setup"))
}

// page writes what a reader of the page reads.
func page(ts *testscript.TestScript, _ bool, args []string) {
	s := storyOf(ts)
	head := http.Header{}
	s.dress(head, http.MethodGet)
	if len(args) > 1 {
		head.Set("Accept-Language", args[1])
	}
	status, _, text, err := ask(s.here, http.MethodGet, args[0], head, nil)
	ts.Check(err)
	if status != http.StatusOK {
		ts.Fatalf("GET %s: status %d\n%s", args[0], status, text)
	}
	root, err := html.Parse(strings.NewReader(text))
	ts.Check(err)
	for n := range root.Descendants() {
		hidden := n.Parent != nil && (n.Parent.Data == "script" || n.Parent.Data == "style")
		if word := strings.TrimSpace(n.Data); n.Type == html.TextNode && word != "" && !hidden {
			_, _ = fmt.Fprintln(ts.Stdout(), word)
		}
	}
}

// newest finds the newest record of a name.
func newest(ts *testscript.TestScript, neg bool, args []string) {
	s := storyOf(ts)
	head := http.Header{}
	s.dress(head, http.MethodGet)
	query := url.Values{"name": {args[0]}}
	if len(args) > 1 {
		query.Set("target", args[1])
	}
	status, _, text, err := ask(s.here, http.MethodGet, "/api/v1/audit/records?"+query.Encode(), head, nil)
	ts.Check(err)
	var found struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	if status != http.StatusOK {
		ts.Fatalf("status %d: %s", status, text)
	}
	ts.Check(json.Unmarshal([]byte(text), &found))
	if (len(found.Items) == 0) != neg {
		ts.Fatalf("records %s: %s", args[0], text)
	}
	_, _ = fmt.Fprintln(ts.Stdout(), text)
	if !neg {
		ts.Setenv("RECORD", found.Items[0].ID)
	}
}

func checkpoint(ts *testscript.TestScript, _ bool, args []string) {
	s := storyOf(ts)
	head := http.Header{}
	s.dress(head, http.MethodGet)
	status, _, text, err := ask(s.here, http.MethodGet, "/api/v1/audit/checkpoint", head, nil)
	ts.Check(err)
	var found struct {
		Note string `json:"note"`
	}
	ts.Check(json.Unmarshal([]byte(text), &found))
	if status != http.StatusOK || found.Note == "" {
		ts.Fatalf("status %d: %s", status, text)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(found.Note), 0o600))
}
