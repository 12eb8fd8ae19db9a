package definition_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/connector/definition"
)

const paged = `  ticket.search:
    steps:
      - {id: s, request: {method: GET, path: "'/first'"}}
      - {id: l, request: {method: GET, path: "'/l'", query: {start: "'0'", size: "'50'"}}}
    each: steps.l.body.rows
    map: {id: string(int(it)), title: "''", state: "'open'"}
    page: %s
limits: {rps: 100, burst: 1000, maxSteps: 40}
`

// book is a system with n rows that gives at most three a page, whatever is asked.
type book struct {
	n              int
	calls          atomic.Int64
	noTotal, stuck bool
}

func (b *book) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/first" {
		say(w, "{}")
		return
	}
	b.calls.Add(1)
	q := r.URL.Query()
	start, _ := strconv.Atoi(q.Get("start"))
	if page, err := strconv.Atoi(q.Get("page")); err == nil {
		start = (page - 1) * 3
	}
	if at, err := strconv.Atoi(strings.TrimPrefix(q.Get("after"), "row-")); err == nil {
		start = at
	}
	if b.stuck {
		start = 0
	}
	rows := []int{}
	for i := start; i < min(start+3, b.n); i++ {
		rows = append(rows, i+1)
	}
	more := start+3 < b.n
	answer := map[string]any{"rows": rows, "last": !more}
	if !b.noTotal {
		answer["total"] = b.n
		w.Header().Set("X-Total-Count", strconv.Itoa(b.n))
	}
	if more {
		w.Header().Set("Link", fmt.Sprintf(`<http://%s/l?start=%d&x=a,b>; rel="next", <http://%s/l>; rel="first"`, r.Host, start+3, r.Host))
		answer["next"] = "row-" + strconv.Itoa(start+3)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func TestPagesAreAsLargeAsTheSystemMakesThem(t *testing.T) {
	e := runner(t, clock.System(), "127.0.0.0/8")
	for _, c := range []struct {
		name, page string
		book       *book
		rows       int
		calls      int64
	}{
		{"offset with a total", "{type: offset, start: start, size: size, items: body.rows, total: body.total}", &book{n: 8}, 8, 3},
		{"offset with a total in a header", "{type: offset, start: start, size: size, items: body.rows, total: \"headers['x-total-count']\"}", &book{n: 8}, 8, 3},
		{"offset without a total ends with an empty page", "{type: offset, start: start, size: size, items: body.rows}", &book{n: 8, noTotal: true}, 8, 4},
		{"offset with a total that is missing", "{type: offset, start: start, items: body.rows, total: \"headers[?'x-total-count'].orValue('')\"}", &book{n: 7, noTotal: true}, 7, 4},
		{"isLast", "{type: isLast, start: start, items: body.rows, last: body.last}", &book{n: 8}, 8, 3},
		{"page", "{type: page, step: l, page: page, items: body.rows, total: body.total}", &book{n: 8}, 8, 3},
		{"cursor", "{type: cursor, step: l, cursor: after, items: body.rows, next: \"body.?next.orValue('')\"}", &book{n: 8}, 8, 3},
		{"link-header", "{type: link-header, step: l}", &book{n: 8}, 8, 3},
		{"max ends it", "{type: offset, start: start, items: body.rows, total: body.total, max: 5}", &book{n: 80}, 5, 2},
		{"the steps end it", "{type: offset, start: start, items: body.rows, total: body.total, max: 5000}", &book{n: 800}, 117, 39},
		{"nothing there", "{type: offset, start: start, items: body.rows, total: body.total}", &book{}, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := parse(t, fmt.Sprintf(paged, c.page))
			out, err := e.Run(t.Context(), call(d, serve(t, c.book.ServeHTTP).URL, "ticket.search", nil))
			if err != nil {
				t.Fatal(err)
			}
			list := out.([]any)
			if len(list) != c.rows || c.book.calls.Load() != c.calls {
				t.Fatalf("%d rows with %d calls", len(list), c.book.calls.Load())
			}
			for i, row := range list {
				if row.(map[string]any)["id"] != strconv.Itoa(i+1) {
					t.Fatalf("row %d is %v", i, row)
				}
			}
		})
	}
	for name, page := range map[string]string{
		"a page that comes again is no page": "{type: offset, start: start, items: body.rows}",
		"pages that lead in a circle":        "{type: cursor, step: l, cursor: after, items: body.rows, next: \"'row-3'\"}",
	} {
		t.Run(name, func(t *testing.T) {
			d := parse(t, fmt.Sprintf(paged, page))
			b := &book{n: 8, stuck: true}
			_, err := e.Run(t.Context(), call(d, serve(t, b.ServeHTTP).URL, "ticket.search", nil))
			if p := problem(t, err); p.Kind != definition.Invalid || b.calls.Load() > 2 {
				t.Fatal(err, b.calls.Load())
			}
		})
	}
}

const whole = `  ticket.comment:
    steps:
      - {id: c, request: {method: POST, path: "'/c'"}}
    probe: {by: marker, op: ticket.comments}
  ticket.comments:
    steps:
      - {id: l, request: {method: GET, path: "'/l'", query: {start: "'0'"}}%s}
    each: %s
    map: {text: string(int(it))}%s
  approval.get:
    steps:
      - {id: l, request: {method: GET, path: "'/l'", query: {start: "'0'"}}, page: {type: isLast, start: start, items: body.rows, last: body.last, max: 6}}
    map: {id: "string(steps.l.size())", state: "'pending'"}
limits: {rps: 100, burst: 1000, maxSteps: 5}
`

// TestAListThatIsCutSaysSo: what a probe reads is whole, or its end is said; what
// a step reads page by page for something else than a list is whole or nothing.
func TestAListThatIsCutSaysSo(t *testing.T) {
	e := runner(t, clock.System(), "127.0.0.0/8")
	const pages = ", page: {type: isLast, start: start, items: body.rows, last: \"body.last || arg.marker != '' && body.rows.exists(x, string(int(x)) == arg.marker)\", max: %d}"
	flat := "steps.l.map(a, a.body.rows).flatten()"
	for _, c := range []struct {
		name, step, each, op string
		rows, n              int
		marker               string
		cut                  bool
	}{
		{"pages of the operation, whole", "", "steps.l.body.rows", "\n    page: {type: offset, start: start, items: body.rows, total: body.total, max: 20}", 8, 8, "", false},
		{"as many as may be", "", "steps.l.body.rows", "\n    page: {type: offset, start: start, items: body.rows, total: body.total, max: 6}", 6, 6, "", false},
		{"one more than may be", "", "steps.l.body.rows", "\n    page: {type: offset, start: start, items: body.rows, total: body.total, max: 6}", 7, 6, "", true},
		{"many more than may be", "", "steps.l.body.rows", "\n    page: {type: offset, start: start, items: body.rows, total: body.total, max: 5}", 80, 5, "", true},
		{"more pages than steps", "", "steps.l.body.rows", "\n    page: {type: offset, start: start, items: body.rows, total: body.total, max: 500}", 80, 15, "", true},
		{"pages of the step, whole", fmt.Sprintf(pages, 20), flat, "", 8, 8, "", false},
		{"as many as may be, of the step", fmt.Sprintf(pages, 6), flat, "", 6, 6, "", false},
		{"one more than may be, of the step", fmt.Sprintf(pages, 6), flat, "", 7, 6, "", true},
		{"more pages than may be, of the step", fmt.Sprintf(pages, 500), flat, "", 80, 15, "", true},
		{"found before the end", fmt.Sprintf(pages, 500), flat, "", 80, 6, "5", false},
		{"nothing there", fmt.Sprintf(pages, 6), flat, "", 0, 0, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := parse(t, fmt.Sprintf(whole, c.step, c.each, c.op))
			b := &book{n: c.rows}
			out, err := e.Run(t.Context(), call(d, serve(t, b.ServeHTTP).URL, "ticket.comments", map[string]any{"id": "1", "marker": c.marker}))
			if list, _ := out.([]any); len(list) != c.n || errors.Is(err, definition.ErrCut) != c.cut || err != nil && !c.cut {
				t.Errorf("%d rows, %v", len(list), err)
			}
		})
	}
	d := parse(t, fmt.Sprintf(whole, "", "steps.l.body.rows", ""))
	for rows, cut := range map[int]bool{6: false, 7: true} {
		b := &book{n: rows}
		out, err := e.Run(t.Context(), call(d, serve(t, b.ServeHTTP).URL, "approval.get", map[string]any{"id": "1"}))
		if errors.Is(err, definition.ErrCut) != cut || (out == nil) != cut {
			t.Errorf("%d rows for one record: %v, %v", rows, out, err)
		}
	}
}

// TestAnAnswerThatIsAllowed: a step goes on with what it allows, and with nothing
// else that is no success.
func TestAnAnswerThatIsAllowed(t *testing.T) {
	e := runner(t, clock.System(), "127.0.0.0/8")
	d := parse(t, `  ticket.get:
    steps:
      - {id: a, request: {method: GET, path: "'/a'"}, allow: status == 404}
      - {id: b, if: steps.a.status == 404, request: {method: GET, path: "'/b'"}}
    map: {id: "'1'", title: "has(steps.b) ? 'b' : 'a'", state: "'open'"}
limits: {rps: 100, burst: 1000}
`)
	for status, want := range map[int]string{200: "a", 404: "b", 403: "", 500: "", 401: ""} {
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/a" {
				say(w, "{}", status)
				return
			}
			say(w, "{}")
		})
		out, err := e.Run(t.Context(), call(d, server.URL, "ticket.get", map[string]any{"id": "1"}))
		got, _ := out.(map[string]any)
		if (err != nil) != (want == "") || want != "" && got["title"] != want {
			t.Errorf("%d: %v, %v", status, out, err)
		}
	}
}
