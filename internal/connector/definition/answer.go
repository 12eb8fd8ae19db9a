package definition

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/egress"
	"github.com/sekisho/sekisho/internal/fault"
)

// mostExact is the largest whole number that a double holds exactly. JSON has no
// other numbers, and an id beyond would silently become another record's (C20).
const mostExact = 1 << 53

var errNumber = errors.New("a number in the answer is too large to be exact")

// decodeBody makes plain values of a body: nil for none, and the text itself for
// what is not JSON.
func decodeBody(raw []byte, kind string) (any, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, nil
	}
	text := strings.ToValidUTF8(string(raw), "\uFFFD")
	if strings.Contains(strings.ToLower(kind), "html") {
		return text, nil
	}
	in := json.NewDecoder(bytes.NewReader(raw))
	in.UseNumber()
	var value any
	if err := in.Decode(&value); err != nil || in.More() {
		return text, nil
	}
	return exact(value, 0)
}

// exact makes doubles of numbers and refuses those that would be rounded.
func exact(value any, depth int) (any, error) {
	if depth > deepest {
		return nil, errors.New("the answer is nested too deep")
	}
	var err error
	switch v := value.(type) {
	case json.Number:
		return exactNumber(v)
	case []any:
		for i := range v {
			if v[i], err = exact(v[i], depth+1); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for name := range v {
			if v[name], err = exact(v[name], depth+1); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}

func exactNumber(n json.Number) (any, error) {
	f, err := n.Float64()
	if err != nil || math.IsInf(f, 0) || f == math.Trunc(f) && math.Abs(f) > mostExact {
		return nil, errNumber
	}
	if i, err := strconv.ParseInt(n.String(), 10, 64); err == nil && (i > mostExact || i < -mostExact) {
		return nil, errNumber // 2^53+1 is 2^53 as a double
	}
	return f, nil
}

// plainHeaders gives headers as expressions see them: small letters, one text.
func plainHeaders(h http.Header) map[string]string {
	out := make(map[string]string, len(h))
	for name, values := range h {
		out[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return out
}

// retryAfter reads seconds, a date of HTTP, an RFC 3339 time or seconds since
// 1970. A date is compared with the answer's own, so that a wrong clock on either
// side does no harm.
func retryAfter(text string, now time.Time, date string) time.Duration {
	text = strings.TrimSpace(text)
	if theirs, err := http.ParseTime(date); err == nil {
		now = theirs
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		if n > 1e9 {
			return clamp(time.Unix(int64(min(n, 1e11)), 0).Sub(now))
		}
		return clamp(time.Duration(min(n, 1e9) * float64(time.Second)))
	}
	at, err := http.ParseTime(text)
	if err != nil {
		at, err = time.Parse(time.RFC3339, text)
	}
	if err != nil {
		return 0
	}
	return clamp(at.Sub(now))
}

// Skewed is from when on two clocks differ so far that people are told.
const Skewed = 5 * time.Minute

// clockAhead is how far the clock of an answer is ahead of ours (RFC 9110
// §6.6.1); 0 below Skewed. It reports whether the answer says its time.
func clockAhead(date string, now time.Time) (time.Duration, bool) {
	theirs, err := http.ParseTime(date)
	if err != nil {
		return 0, false
	}
	ahead := theirs.Sub(now.Truncate(time.Second))
	if ahead.Abs() < Skewed {
		ahead = 0
	}
	return ahead, true
}

func clamp(d time.Duration) time.Duration { return min(max(d, time.Second), longestWait) }

// byStatus is what a status means when no rule of the definition says otherwise.
func byStatus(status int) Kind {
	switch {
	case status < 300 || status == http.StatusNotModified:
		return ""
	case status == http.StatusUnauthorized:
		return Unauthorized
	case status == http.StatusForbidden:
		return Forbidden
	case status == http.StatusNotFound, status == http.StatusGone:
		return NotFound
	case status == http.StatusConflict, status == http.StatusPreconditionFailed:
		return Conflict
	case status == http.StatusTooManyRequests:
		return Throttled
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity:
		return Invalid
	case status >= 500, status == http.StatusRequestTimeout:
		return Unavailable
	}
	return Failed
}

// judge applies the rules of the step, then those of the definition, then the
// meaning of the status, then what the step expects.
func (r *run) judge(ctx context.Context, s *step, vars map[string]any, got *egress.Answer) *Problem {
	for _, rules := range [][]*rule{s.Errors, r.d.doc.Errors} {
		for _, rule := range rules {
			hit, err := rule.When.holds(ctx, vars)
			if err != nil && byStatus(got.Status) == "" {
				return &Problem{Kind: Invalid, Message: "the answer has another form: " + err.Error(), Err: &at{rule.When.line, err}}
			}
			if hit {
				return r.ruled(ctx, rule, vars, got)
			}
		}
	}
	if kind := byStatus(got.Status); kind != "" {
		p := &Problem{Kind: kind, Message: "HTTP " + strconv.Itoa(got.Status)}
		if kind == Throttled || kind == Unavailable {
			p.RetryAfter = retryAfter(got.Header.Get("Retry-After"), r.e.clock.Now(), got.Header.Get("Date"))
		}
		return p
	}
	if s.Expect.given() {
		if ok, err := s.Expect.holds(ctx, vars); !ok {
			return &Problem{Kind: Invalid, Message: "the answer is not what the definition expects", Err: err}
		}
	}
	return nil
}

func (r *run) ruled(ctx context.Context, rule *rule, vars map[string]any, got *egress.Answer) *Problem {
	p := &Problem{Kind: rule.As, Message: "HTTP " + strconv.Itoa(got.Status)}
	if rule.Message.given() {
		if text, err := rule.Message.eval(ctx, vars); err == nil && Text(text) != "" {
			p.Message = cut(Text(text))
		}
	}
	said := got.Header.Get("Retry-After")
	if rule.RetryAfter.given() {
		if value, err := rule.RetryAfter.eval(ctx, vars); err == nil && Text(value) != "" {
			said = Text(value)
		}
	}
	if p.Kind == Throttled || p.Kind == Unavailable {
		p.RetryAfter = retryAfter(said, r.e.clock.Now(), got.Header.Get("Date"))
	}
	return p
}

// Text gives a text or a whole number as text, else "".
func Text(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		if v == math.Trunc(v) && math.Abs(v) <= mostExact {
			return strconv.FormatFloat(v, 'f', -1, 64)
		}
	}
	return ""
}

// notSent are the faults of the way out that come before anything was said: the
// system cannot have done what it was asked.
var notSent = map[string]bool{
	"egress-target-refused": true, "egress-host-not-listed": true, "egress-literal-behind-proxy": true, "egress-url-malformed": true,
	"egress-header-invalid": true, "egress-name-unknown": true, "egress-unreachable": true, "egress-certificate-refused": true, "egress-tls-failed": true,
}

// unsent reports whether nothing was said. A connection that broke off may have
// carried a request: only one that was never made has not.
func unsent(f *fault.Fault) bool {
	var op *net.OpError
	if f.Code == "egress-unreachable" && errors.As(f.Err, &op) && op.Op != "dial" {
		return false
	}
	return notSent[f.Code]
}

// outage makes a Problem of what the way out said.
func outage(err error) (p *Problem, sent bool) {
	f := fault.As(err)
	switch {
	case f == nil: // the caller's own time is over
		return &Problem{Kind: Unavailable, Message: "no answer in time", Err: err}, true
	case f.Kind == fault.Busy, f.Code == "egress-certificate-refused", f.Code == "egress-tls-failed":
		return &Problem{Kind: Unavailable, Message: f.Code, Err: err}, !unsent(f)
	case f.Code == "egress-answer-too-large", f.Code == "egress-answer-bomb", f.Code == "egress-answer-encoding":
		return &Problem{Kind: Invalid, Message: f.Code, Err: err}, true
	case f.Code == "egress-too-many-redirects":
		return &Problem{Kind: Failed, Message: "the system redirects, and a connector follows nobody: give the address where it leads", Err: err}, true
	}
	return &Problem{Kind: Failed, Message: f.Code, Err: err}, !unsent(f)
}

// ErrForm is among the causes of the problem of an answer that is of another form
// than the definition expects: something else may answer there.
var ErrForm = errors.New("connector: the answer has another form")

// ofAnswers are the parts of a definition that read answers.
var ofAnswers = []string{"each", "with", "map", "save", "next"}

// describe is the message of a failed evaluation.
func describe(what string, err error) *Problem {
	var bad *refused
	if errors.As(err, &bad) {
		return &Problem{Kind: Invalid, Message: cut(bad.Error()), Err: err}
	}
	p := &Problem{Kind: Failed, Message: cut(fmt.Sprintf("%s: %v", what, err)), Err: err}
	if slices.Contains(ofAnswers, what) {
		p.Err = errors.Join(ErrForm, err)
	}
	return p
}
