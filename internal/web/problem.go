package web

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/web/ui"
	"github.com/sekisho/sekisho/internal/words"
)

// brokenCode is what the outside learns of an error that is no fault.
const brokenCode = "broken"

// Problem is an error as a reader may see it (RFC 9457). It is made from a
// fault's code and arguments only: causes never leave.
type Problem struct {
	Type    string         `json:"type" format:"uri" doc:"Address of a page about this kind of problem"`
	Title   string         `json:"title" doc:"What happened, in the caller's language"`
	Status  int            `json:"status" doc:"HTTP status"`
	Detail  string         `json:"detail,omitempty" doc:"What to do, in the caller's language"`
	Code    string         `json:"code" doc:"Stable name of the problem"`
	Request string         `json:"request_id" doc:"Id to quote to the operator"`
	Errors  []ProblemField `json:"errors,omitempty" doc:"Every bad field"`
}

// ProblemField is one bad field of an input.
type ProblemField struct {
	Field   string `json:"field" doc:"Dotted path as the caller wrote it"`
	Place   string `json:"place,omitempty" doc:"FILE:LINE, where the input came from files"`
	Code    string `json:"code" doc:"Stable name of what is wrong with it"`
	Message string `json:"message" doc:"What is wrong with it, in the caller's language"`
}

// statuses are the answers of HTTP that have no kind of their own.
var statuses = map[string]int{
	"body-too-large": http.StatusRequestEntityTooLarge, "media-type-unsupported": http.StatusUnsupportedMediaType,
	"method-not-allowed": http.StatusMethodNotAllowed, "host-not-served": http.StatusMisdirectedRequest,
	"target-too-long": http.StatusRequestURITooLong, "not-acceptable": http.StatusNotAcceptable,
}

func statusOf(f *fault.Fault) int {
	if status, special := statuses[f.Code]; special {
		return status
	}
	return f.Status()
}

// presentable returns the fault to show for err; what is Broken shows nothing
// of itself.
func presentable(err error) *fault.Fault {
	f := fault.As(err)
	if f == nil || f.Kind == fault.Broken {
		return fault.New(fault.Broken, brokenCode)
	}
	return f
}

// ProblemOf says err in lang. base is the base URL, request the request's id.
func ProblemOf(book *words.Book, lang words.Lang, base, request string, err error) Problem {
	f := presentable(err)
	p := Problem{
		Type: base + "/problems/" + f.Code, Title: book.Say(lang, "problem."+f.Code, f.Args),
		Status: statusOf(f), Code: f.Code, Request: request,
	}
	if key := "problem." + f.Code + ".do"; book.Has(key) {
		p.Detail = book.Say(lang, key, f.Args)
	}
	for _, field := range f.Fields {
		place, _ := field.Args["place"].(string)
		p.Errors = append(p.Errors, ProblemField{
			Place: place, Field: field.Path, Code: field.Code, Message: book.Say(lang, "problem."+field.Code, field.Args),
		})
	}
	return p
}

// fail renders err on the visit's edge and notes it for the log.
func (v *Visit) fail(err error) {
	if waits, failed := v.waits(err); waits {
		if err = failed; err == nil {
			return
		}
	}
	v.rec.fault = err
	v.tellRefusal(err)
	p := ProblemOf(v.mux.options.Book, v.rec.lang, v.mux.origin, v.rec.id, err)
	f := presentable(err)
	h := v.w.Header()
	h.Set("Cache-Control", "no-store")
	if f.Kind == fault.Busy && f.After > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(f.After.Seconds()))))
	}
	if p.Status == http.StatusMethodNotAllowed {
		h.Set("Allow", fmt.Sprint(f.Args["allow"]))
	}
	var failed error
	switch v.edge() {
	case EdgePage:
		if v.script() {
			failed = v.failProblem(p)
			break
		}
		failed = v.failPage(p)
	case EdgeProtocol:
		if v.failWith != nil {
			failed = v.failWith(v, p)
			break
		}
		failed = v.failProblem(p)
	default:
		failed = v.failProblem(p)
	}
	if failed != nil {
		v.rec.fault = fmt.Errorf("%w; its page failed: %w", err, failed)
		http.Error(v.w, p.Code, p.Status)
	}
}

// tellRefusal lets the house count who was refused (audit).
func (v *Visit) tellRefusal(err error) {
	f := fault.As(err)
	if v.mux.options.Refused == nil || f == nil {
		return
	}
	switch {
	case f.Kind == fault.Unknown, f.Kind == fault.Forbidden, f.Kind == fault.Unmet, f.Slow:
		v.mux.options.Refused(v.Context(), v.rec.actor, f)
	}
}

// edge tells which edge answers; what matched nothing is told by its path.
func (v *Visit) edge() Edge {
	switch {
	case v.rec.route != nil && v.rec.route.Edge != EdgeHouse:
		return v.rec.route.Edge
	case strings.HasPrefix(v.r.URL.Path, APIPrefix+"/"), strings.HasPrefix(v.r.URL.Path, "/api/"):
		return EdgeAPI
	}
	return EdgePage
}

func (v *Visit) failPage(p Problem) error {
	view := ui.ProblemView{Title: p.Title, Do: p.Detail, Status: p.Status, Request: p.Request}
	for _, e := range p.Errors {
		view.Fields = append(view.Fields, ui.ProblemFieldView{Field: e.Field, Message: e.Message})
	}
	if p.Status == http.StatusUnauthorized && v.mux.options.Entrance != nil {
		view.More = v.mux.options.Entrance(v, presentable(v.rec.fault))
	}
	if v.Partial() {
		return v.Fragment(p.Status, ui.Problem(view))
	}
	return v.ShowStatus(p.Status, p.Title, ui.Problem(view))
}

func (v *Visit) failProblem(p Problem) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Language", string(v.rec.lang))
	h.Add("Vary", "Accept-Language, Cookie")
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", v.challenge())
	}
	v.w.WriteHeader(p.Status)
	_, _ = v.w.Write(text)
	return nil
}

// challenge says what would lift a 401 (RFC 6750 §3, RFC 9470 §3).
func (v *Visit) challenge() string {
	f := fault.As(v.rec.fault)
	if f == nil || f.Code != StepUp {
		return `Bearer realm="sekisho"`
	}
	said := `Bearer realm="sekisho", error="insufficient_user_authentication"`
	if level, _ := f.Args["level"].(string); level != "" {
		said += fmt.Sprintf(`, acr_values="%s"`, level)
	}
	if age := fmt.Sprint(f.Args["age"]); age != "0" {
		said += fmt.Sprintf(`, max_age="%s"`, age)
	}
	return said
}

func tooFast(wait time.Duration) *fault.Fault {
	seconds := int(math.Ceil(wait.Seconds()))
	f := fault.New(fault.Busy, "too-many-requests", "seconds", seconds).RetryAfter(wait)
	f.Slow = true
	return f
}

func (m *Mux) logPanic(ctx context.Context, request string, reason any) {
	m.options.Log.LogAttrs(ctx, slog.LevelError, "handler panicked", slog.String("request", request),
		slog.String("cause", printable(fmt.Sprint(reason))), slog.String("stack", string(debug.Stack())))
}
