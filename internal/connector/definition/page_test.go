package definition_test

import (
	"encoding/json"
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
