package definition_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector/definition"
	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/secret"
)

const canary = "canary-8f2c1d-token"

// head is what all definitions of these tests begin with.
const head = `apiVersion: sekisho/connector/v1
id: probe
title: {en: Probe}
settings:
  base_url: {type: url, required: true}
hosts: ["{base_url}"]
auth:
  modes: [user, service]
  schemes: {header_token: {}}
  headers: {Authorization: "'token ' + cred.token"}
  impersonate: {header: X-Act-As, value: arg.actAs}
operations:
  whoami:
    steps:
      - {id: u, request: {method: GET, path: "'/me'"}}
    map: {nativeUser: steps.u.body.id}
`

func parse(t testing.TB, text string) *definition.Definition {
	t.Helper()
	d, err := definition.Parse("probe.yaml", []byte(head+text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func runner(t testing.TB, c clock.Clock, allow ...string) *definition.Runner {
	t.Helper()
	var list []netip.Prefix
	for _, prefix := range allow {
		list = append(list, netip.MustParsePrefix(prefix))
	}
	way, err := egress.New(egress.Config{Allow: list})
	if err != nil {
		t.Fatal(err)
	}
	r := definition.NewRunner(definition.Options{Egress: way, Clock: c})
	t.Cleanup(r.Close)
	return r
}

func serve(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

func call(d *definition.Definition, base, op string, arg map[string]any) definition.Call {
	return definition.Call{Definition: d, Settings: map[string]any{"base_url": base}, Op: op, Arg: arg, Credential: definition.Credential{Token: secret.Of(canary)}}
}

// say answers with a body and what else pairs say: a status as int, header names
// and values as strings.
func say(w http.ResponseWriter, body string, more ...any) {
	status := 200
	w.Header().Set("Content-Type", "application/json")
	for i := 0; i < len(more); i++ {
		switch v := more[i].(type) {
		case int:
			status = v
		case string:
			w.Header().Set(v, more[i+1].(string))
			i++
		}
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func problem(t testing.TB, err error) *definition.Problem {
	t.Helper()
	p, ok := err.(*definition.Problem)
	if !ok {
		t.Fatalf("no problem: %v", err)
	}
	return p
}

func TestAnswersOfBadFormsAreProblems(t *testing.T) {
	d := parse(t, "limits: {rps: 100, burst: 1000, timeout: 300ms, maxBody: 4KiB}\n")
	e := runner(t, clock.System(), "127.0.0.0/8")
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	for _, c := range []struct {
		name string
		h    http.HandlerFunc
		kind definition.Kind
	}{
		{"empty 204", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, definition.Failed},
		{"empty 404", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, definition.NotFound},
		{"gone", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(410) }, definition.NotFound},
		{"null", func(w http.ResponseWriter, _ *http.Request) { say(w, "null") }, definition.Failed},
		{"a list where a map is expected", func(w http.ResponseWriter, _ *http.Request) { say(w, "[]") }, definition.Failed},
		{"text for JSON", func(w http.ResponseWriter, _ *http.Request) { say(w, "all is well") }, definition.Failed},
		{"HTML that is JSON inside", func(w http.ResponseWriter, _ *http.Request) { say(w, `{"id":"x"}`, "Content-Type", "text/html") }, definition.Failed},
		{"two values", func(w http.ResponseWriter, _ *http.Request) { say(w, `{"id":"x"}{"id":"y"}`) }, definition.Failed},
		{"too deep", func(w http.ResponseWriter, _ *http.Request) {
			say(w, `{"id":`+strings.Repeat("[", 80)+strings.Repeat("]", 80)+"}")
		}, definition.Invalid},
		{"TRAP-C20 a number beyond 2^53", func(w http.ResponseWriter, _ *http.Request) { say(w, `{"id":9007199254740993}`) }, definition.Invalid},
		{"TRAP-C20 a negative one", func(w http.ResponseWriter, _ *http.Request) { say(w, `{"id":-9007199254740993}`) }, definition.Invalid},
		{"TRAP-C20 one with an exponent", func(w http.ResponseWriter, _ *http.Request) { say(w, `{"id":1e300}`) }, definition.Invalid},
		{"A142 too much", func(w http.ResponseWriter, _ *http.Request) { say(w, `{"id":"`+strings.Repeat("x", 5000)+`"}`) }, definition.Invalid},
		{"A142 endless", func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		}, definition.Invalid},
		{"A142 slow", func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-stop:
			case <-r.Context().Done():
			}
		}, definition.Unavailable},
		{"401", func(w http.ResponseWriter, _ *http.Request) { say(w, "", 401) }, definition.Unauthorized},
		{"403", func(w http.ResponseWriter, _ *http.Request) { say(w, "", 403) }, definition.Forbidden},
		{"412", func(w http.ResponseWriter, _ *http.Request) { say(w, "", 412) }, definition.Conflict},
		{"422", func(w http.ResponseWriter, _ *http.Request) { say(w, "", 422) }, definition.Invalid},
		{"402", func(w http.ResponseWriter, _ *http.Request) { say(w, "", 402) }, definition.Failed},
		{"502", func(w http.ResponseWriter, _ *http.Request) { say(w, "<html>", 502) }, definition.Unavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := e.Run(t.Context(), call(d, serve(t, c.h).URL, "whoami", nil))
			if p := problem(t, err); p.Kind != c.kind || p.Sent || out != nil {
				t.Fatalf("%v, sent %t, %v", p, p.Sent, out)
			}
		})
	}
	t.Run("TRAP-C20 2^53 itself", func(t *testing.T) {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) { say(w, `{"id":9007199254740992}`) })
		out, err := e.Run(t.Context(), call(d, s.URL, "whoami", nil))
		if err != nil || definition.Text(out.(map[string]any)["nativeUser"]) != "9007199254740992" {
			t.Fatal(out, err)
		}
	})
}

func TestNobodyIsFollowedAway(t *testing.T) {
	var seen atomic.Int64
	away := serve(t, func(w http.ResponseWriter, r *http.Request) { seen.Add(1); say(w, `{"id":"x","items":[1]}`) })
	e := runner(t, clock.System(), "127.0.0.0/8")
	list := parse(t, `  ticket.search:
    steps:
      - {id: l, request: {method: GET, path: "'/l'"}}
    each: steps.l.body.?items.orValue([])
    map: {id: string(int(it)), title: "''", state: "'open'"}
    page: {type: cursor, items: body.items, next: "body.?next.orValue('')"}
`)
	headers := parse(t, `  ticket.search:
    steps:
      - {id: l, request: {method: GET, path: "'/l'"}}
    each: steps.l.body.items
    map: {id: string(int(it)), title: "''", state: "'open'"}
    page: {type: link-header}
`)
	linked := parse(t, `  ticket.get:
    steps:
      - {id: l, request: {method: GET, path: "'/l'"}}
      - {id: m, request: {method: GET, url: steps.l.body.next}}
    map: {id: steps.m.body.id, title: "''", state: "'open'"}
`)
	for _, c := range []struct {
		name, op string
		d        *definition.Definition
		h        http.HandlerFunc
	}{
		{"A141 a redirect", "whoami", list, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, away.URL+"/me", http.StatusFound) }},
		{"A141 a redirect that keeps the method", "whoami", list, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, away.URL+"/me", http.StatusTemporaryRedirect)
		}},
		{"TRAP-C21 a cursor that is a link", "ticket.search", list, func(w http.ResponseWriter, r *http.Request) { say(w, `{"items":[1],"next":"`+away.URL+`/l"}`) }},
		{"TRAP-C21 a link without a scheme", "ticket.search", list, func(w http.ResponseWriter, r *http.Request) {
			say(w, `{"items":[1],"next":"`+strings.TrimPrefix(away.URL, "http:")+`/l"}`)
		}},
		{"TRAP-C21 a link header", "ticket.search", headers, func(w http.ResponseWriter, r *http.Request) {
			say(w, `{"items":[1]}`, "Link", `<https://x.example/a,b>; rel="prev", <`+away.URL+`/l>; rel="next"`)
		}},
		{"TRAP-C21 a link of a body", "ticket.get", linked, func(w http.ResponseWriter, r *http.Request) { say(w, `{"next":"`+away.URL+`/m"}`) }},
		{"TRAP-C21 a link with a name and a password", "ticket.get", linked, func(w http.ResponseWriter, r *http.Request) {
			say(w, `{"next":"http://`+r.Host+`@`+strings.TrimPrefix(away.URL, "http://")+`/m"}`)
		}},
		{"TRAP-C21 a link to a file", "ticket.get", linked, func(w http.ResponseWriter, r *http.Request) { say(w, `{"next":"file:///etc/passwd"}`) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := e.Run(t.Context(), call(c.d, serve(t, c.h).URL, c.op, nil))
			if p := problem(t, err); p.Kind != definition.Failed && p.Kind != definition.Invalid || seen.Load() != 0 {
				t.Fatalf("%v; %d requests went away", err, seen.Load())
			}
		})
	}
	t.Run("a link to the same place is followed", func(t *testing.T) {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			say(w, `{"id":"x","next":"http://`+r.Host+`/m"}`)
		})
		if out, err := e.Run(t.Context(), call(linked, s.URL, "ticket.get", nil)); err != nil {
			t.Fatal(out, err)
		}
	})
}

func TestAddressesThatAreNotPublicAreNotReached(t *testing.T) {
	var seen atomic.Int64
	s := serve(t, func(http.ResponseWriter, *http.Request) { seen.Add(1) })
	d := parse(t, "")
	closed := runner(t, clock.System())
	port := s.URL[strings.LastIndex(s.URL, ":"):]
	for _, base := range []string{s.URL, "http://169.254.169.254/latest", "http://10.0.0.1", "http://[::1]" + port, "http://localhost" + port} {
		t.Run("A139 "+base, func(t *testing.T) {
			_, err := closed.Run(t.Context(), call(d, base, "whoami", nil))
			if p := problem(t, err); p.Kind != definition.Failed || p.Sent || seen.Load() != 0 {
				t.Fatal(err, seen.Load())
			}
		})
	}
	for _, base := range []string{"http://2130706433", "http://0x7f.1", "ftp://x.example", "http://u:p@x.example", "http://x.example/a/../b", "http://x.example?a=b", "http://ｅ.example"} {
		t.Run("A139 spelled "+base, func(t *testing.T) {
			_, err := runner(t, clock.System(), "127.0.0.0/8").Run(t.Context(), call(d, base, "whoami", nil))
			if p := problem(t, err); p.Kind != definition.Invalid {
				t.Fatal(err)
			}
		})
	}
}

const bombs = `  ticket.get:
    steps:
      - {id: t, request: {method: GET, path: "'/t'"}}
    map: {id: "'x'", title: %q, state: "'open'"}
limits: {rps: 100, burst: 1000}
`

func TestExpressionsAreStopped(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		say(w, `{"n":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"}`)
	})
	e := runner(t, clock.System(), "127.0.0.0/8")
	double := "'x'"
	for range 40 {
		double = "cel.bind(s, " + double + ", s + s)"
	}
	for name, x := range map[string]string{
		"TRAP-C23 a cost bomb":              "lists.range(1000).map(a, lists.range(1000).map(b, a * b)).flatten().size() > 0 ? 'a' : 'b'",
		"TRAP-C23 a long range":             "lists.range(1000000000).size() > 0 ? 'a' : 'b'",
		"TRAP-C23 doubled text":             "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30].map(x, steps.t.body.n).join(steps.t.body.n + lists.range(9999).map(x, steps.t.body.n).join(''))",
		"TRAP-C23 text doubled forty times": double,
		"TRAP-C23 a pattern of bad":         "steps.t.body.n.matches('^(a+)+$') ? 'a' : lists.range(9999).map(x, lists.range(9999)).flatten().size() > 1 ? 'a' : 'b'",
	} {
		t.Run(name, func(t *testing.T) {
			d := parse(t, fmt.Sprintf(bombs, x))
			_, err := e.Run(t.Context(), call(d, s.URL, "ticket.get", nil))
			if p := problem(t, err); p.Kind != definition.Failed {
				t.Fatal(err)
			}
		})
	}
}

func TestForeachAndStepsAreCapped(t *testing.T) {
	var calls atomic.Int64
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		list := make([]int, n)
		for i := range list {
			list[i] = i
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"list": list})
	})
	e := runner(t, clock.System(), "127.0.0.0/8")
	d := parse(t, `  ticket.search:
    steps:
      - {id: l, request: {method: GET, path: "'/l'", query: {n: arg.text}}}
      - {id: e, foreach: steps.l.body.list, request: {method: GET, path: "'/e'", query: {n: "0"}}}
    each: steps.e
    map: {id: "'x'", title: "''", state: "'open'"}
limits: {rps: 100, burst: 1000, maxForeach: 20}
`)
	_, err := e.Run(t.Context(), call(d, s.URL, "ticket.search", map[string]any{"text": "10000"}))
	if p := problem(t, err); p.Kind != definition.Failed || calls.Load() != 1 {
		t.Fatal("TRAP-C23 ", err, calls.Load())
	}
	out, err := e.Run(t.Context(), call(d, s.URL, "ticket.search", map[string]any{"text": "20"}))
	if err != nil || len(out.([]any)) != 20 {
		t.Fatal(out, err)
	}
}
