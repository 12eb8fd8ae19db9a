package definition

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/egress"
)

// send makes the request of a step, sends it and judges the answer. It returns
// what the step leaves behind: {status, headers, body}.
func (r *run) send(ctx context.Context, s *scope, st *step, it any, turn *turn) (map[string]any, *Problem) {
	vars := s.vars(r.cfg, it)
	request, p := r.request(ctx, st, vars, turn)
	if p != nil {
		return nil, p
	}
	got, p := r.exchange(ctx, st.ID, request)
	if p != nil {
		return nil, p
	}
	vars["status"], vars["headers"] = got.Status, plainHeaders(got.Header)
	body, err := decodeBody(got.Body, got.Header.Get("Content-Type"))
	if err != nil && byStatus(got.Status) == "" {
		return nil, &Problem{Kind: Invalid, Message: err.Error(), Err: err}
	}
	vars["body"] = body
	if p := r.judge(ctx, st, vars, got); p != nil && !st.allows(ctx, vars) {
		r.learn(p)
		return nil, p
	}
	r.learn(nil)
	if st.Save.given() {
		if body, err = st.Save.eval(ctx, vars); err != nil {
			return nil, describe("save", &at{st.Save.line, err})
		}
	}
	if turn != nil && turn.step == st.ID {
		turn.vars = vars
	}
	return map[string]any{"status": int64(got.Status), "headers": vars["headers"], "body": body}, nil
}

// allows reports whether the step goes on with an answer that is no success.
func (s *step) allows(ctx context.Context, vars map[string]any) bool {
	if !s.Allow.given() {
		return false
	}
	yes, err := s.Allow.holds(ctx, vars)
	return err == nil && yes
}

// learn tells the budget how a request ended.
func (r *run) learn(p *Problem) {
	if p == nil {
		r.budget.note("", 0)
		return
	}
	r.budget.note(p.Kind, p.RetryAfter)
}

// exchange sends within the budget and notes it for the trace.
func (r *run) exchange(ctx context.Context, step string, request egress.Request) (*egress.Answer, *Problem) {
	leave, p := r.budget.enter(ctx)
	if p != nil {
		return nil, p
	}
	defer leave()
	writes := request.Method != http.MethodGet && request.Method != http.MethodHead
	start := r.e.clock.Mono()
	got, err := r.client.Do(ctx, request)
	took := r.e.clock.Mono() - start
	seen := Exchange{Step: step, Method: request.Method, URL: request.URL.String(), Millis: took.Milliseconds(), Sent: string(request.Body)}
	if err != nil {
		p, sent := outage(err)
		r.wrote = r.wrote || writes && sent
		if ctx.Err() == nil {
			r.learn(p)
		}
		seen.Fault = p.Message
		r.c.Trace.add(seen, r.mask)
		r.e.observe(r.d.ID, p.Kind, took)
		return nil, p
	}
	r.wrote = r.wrote || writes && (got.Status < 300 || got.Status >= 500)
	seen.Status, seen.Got = got.Status, string(got.Body)
	if ahead, said := clockAhead(got.Header.Get("Date"), r.e.clock.Now()); said {
		r.budget.saw(ahead)
		seen.Ahead = int64(ahead / time.Second)
	}
	r.c.Trace.add(seen, r.mask)
	r.e.observe(r.d.ID, byStatus(got.Status), took)
	return got, nil
}

func (r *run) request(ctx context.Context, st *step, vars map[string]any, turn *turn) (egress.Request, *Problem) {
	q := &st.Request
	at, p := r.target(ctx, q, vars)
	if link := turn.follows(st); link != nil {
		at = link // its own query says all
	} else if p == nil {
		p = r.query(ctx, at, q, vars, turn.of(st))
	}
	if p != nil {
		return egress.Request{}, p
	}
	target, err := egress.ParseURL(at.String())
	if err != nil {
		return egress.Request{}, &Problem{Kind: Invalid, Message: "the address of the request cannot be made", Err: err}
	}
	out := egress.Request{Method: q.Method, URL: target, Header: http.Header{"Accept": {"application/json"}}}
	if p := r.requestHeaders(ctx, q, vars, out.Header); p != nil {
		return egress.Request{}, p
	}
	return out, r.requestBody(ctx, q, vars, &out)
}

// target is where the request goes: a path below the first host, or a link of
// an answer at any of the definition's hosts (C21).
func (r *run) target(ctx context.Context, q *request, vars map[string]any) (*url.URL, *Problem) {
	x := &q.Path
	if q.URL.given() {
		x = &q.URL
	}
	value, err := x.eval(ctx, vars)
	if err != nil {
		return nil, describe("path", &at{x.line, err})
	}
	text, ok := value.(string)
	if !ok {
		return nil, &Problem{Kind: Failed, Message: "the path is no text"}
	}
	if q.URL.given() {
		return r.link(text)
	}
	if !strings.HasPrefix(text, "/") || strings.HasPrefix(text, "//") || strings.ContainsAny(text, "?#\\") {
		return nil, &Problem{Kind: Invalid, Message: "the path does not begin with a slash, or holds more than a path"}
	}
	return r.link(strings.TrimRight(r.origins[0].String(), "/") + text)
}

// link checks an absolute address: within the hosts, and without dots that climb.
func (r *run) link(text string) (*url.URL, *Problem) {
	target, err := egress.ParseURL(text)
	if err != nil {
		return nil, &Problem{Kind: Invalid, Message: "the address of the request cannot be made", Err: err}
	}
	u := target.Parsed()
	if !within(r.origins, u) {
		return nil, &Problem{Kind: Failed, Message: "a link leads away from the definition's hosts"}
	}
	if parts := strings.Split(u.Path, "/"); slices.Contains(parts, "..") || slices.Contains(parts, ".") {
		return nil, &Problem{Kind: Invalid, Message: "the path climbs out of its place"}
	}
	return u, nil
}

// query adds the parameters in the order of the definition; those that page win.
func (r *run) query(ctx context.Context, u *url.URL, q *request, vars map[string]any, turned map[string]string) *Problem {
	var out []string
	if u.RawQuery != "" {
		out = append(out, u.RawQuery)
	}
	put := func(name, value string) { out = append(out, escape(name)+"="+escape(value)) }
	for i := range q.Query {
		pair := &q.Query[i]
		if _, own := turned[pair.name]; own {
			continue
		}
		value, err := pair.value.eval(ctx, vars)
		if err != nil {
			return describe("query "+pair.name, &at{pair.line, err})
		}
		texts, ok := scalars(value)
		if !ok {
			return &Problem{Kind: Failed, Message: "the parameter " + pair.name + " is no text"}
		}
		for _, text := range texts {
			put(pair.name, text)
		}
	}
	for name, value := range turned {
		put(name, value)
	}
	u.RawQuery = strings.Join(out, "&")
	return nil
}

// escape encodes a parameter: a blank as %20, which every server reads, and a comma
// as it is, because lists of ids would grow beyond what an address may hold.
func escape(s string) string { return plainer.Replace(url.QueryEscape(s)) }

var plainer = strings.NewReplacer("+", "%20", "%2C", ",")

// scalars gives the texts of a value: none for nothing, several for a list.
func scalars(value any) ([]string, bool) {
	switch v := value.(type) {
	case nil:
		return nil, true
	case bool:
		return []string{map[bool]string{true: "true", false: "false"}[v]}, true
	case string:
		return []string{v}, true
	case []any:
		var out []string
		for _, item := range v {
			texts, ok := scalars(item)
			if !ok {
				return nil, false
			}
			out = append(out, texts...)
		}
		return out, true
	}
	text := Text(value)
	return []string{text}, text != ""
}

func (r *run) requestHeaders(ctx context.Context, q *request, vars map[string]any, into http.Header) *Problem {
	for i := range q.Headers {
		h := &q.Headers[i]
		value, err := h.value.eval(ctx, vars)
		if err != nil {
			return describe("header "+h.name, &at{h.line, err})
		}
		if text := Text(value); text != "" {
			into.Set(h.name, text)
		}
	}
	if i := r.d.doc.Auth.Impersonate; i != nil && r.c.Mode == ModeService {
		value, err := i.Value.eval(ctx, vars)
		if err != nil {
			return describe("impersonate", err)
		}
		if text := Text(value); text != "" {
			into.Set(i.Header, text)
		}
	}
	for name, value := range r.headers {
		into.Set(name, value)
	}
	return nil
}

func (r *run) requestBody(ctx context.Context, q *request, vars map[string]any, out *egress.Request) *Problem {
	if q.JSON != nil {
		value, err := q.JSON.build(ctx, vars)
		if err != nil {
			return describe("json", err)
		}
		var body bytes.Buffer
		enc := json.NewEncoder(&body)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(value); err != nil {
			return describe("json", err)
		}
		out.Header.Set("Content-Type", "application/json")
		out.Body = bytes.TrimSpace(body.Bytes())
	}
	if len(q.Form) == 0 {
		return nil
	}
	form := url.Values{}
	for i := range q.Form {
		value, err := q.Form[i].value.eval(ctx, vars)
		texts, ok := scalars(value)
		if err != nil || !ok {
			return describe("form "+q.Form[i].name, errors.Join(err, errors.New("no text")))
		}
		form[q.Form[i].name] = texts
	}
	out.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	out.Body = []byte(form.Encode())
	return nil
}
