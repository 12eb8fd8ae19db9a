package servicenow

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// query is an encoded query: rows that fit one of the alternatives (^NQ), each
// of whose lines holds conditions of which one must hold (^OR).
type query struct {
	any    [][][]condition
	orders []order
	bad    bool // a part was not understood, and is ignored
}

type condition struct{ path, op, value string }

type order struct {
	path string
	down bool
}

var (
	part    = regexp.MustCompile(`^([a-z0-9_.]+)(!=|>=|<=|=|>|<|NOT IN|IN|NOT LIKE|NOTLIKE|LIKE|DOES NOT CONTAIN|CONTAINS|STARTSWITH|ENDSWITH|ISEMPTY|ISNOTEMPTY|ANYTHING)(.*)$`)
	ordered = regexp.MustCompile(`^ORDERBY(DESC)?([a-z0-9_.]+)$`)
)

// parse reads an encoded query. What cannot be understood is left out, which
// makes the answer larger: that is how the real one is.
func (s *System) parse(table, text string, me Row) query {
	q := query{any: [][][]condition{nil}}
	or := false
	for _, one := range strings.Split(text, "^") {
		last := len(q.any) - 1
		switch {
		case one == "" || one == "EQ":
			continue
		case ordered.MatchString(one):
			m := ordered.FindStringSubmatch(one)
			if _, _, _, known := s.walk(table, nil, m[2]); known {
				q.orders = append(q.orders, order{m[2], m[1] != ""})
			} else {
				q.bad = true
			}
			continue
		case strings.HasPrefix(one, "NQ"):
			one = one[2:]
			q.any = append(q.any, nil)
			last++
		case strings.HasPrefix(one, "OR"):
			one, or = one[2:], true
		}
		c, good := s.condition(table, one, me)
		lines := q.any[last]
		switch {
		case !good:
			q.bad = true
		case or && len(lines) > 0:
			lines[len(lines)-1] = append(lines[len(lines)-1], c)
		default:
			q.any[last] = append(lines, []condition{c})
		}
		or = false
	}
	return q
}

func (s *System) condition(table, text string, me Row) (condition, bool) {
	m := part.FindStringSubmatch(text)
	if m == nil {
		return condition{}, false
	}
	c := condition{m[1], m[2], m[3]}
	if _, _, _, known := s.walk(table, nil, c.path); !known {
		return condition{}, false
	}
	if script, scripted := strings.CutPrefix(c.value, "javascript:"); scripted {
		switch strings.TrimSuffix(strings.TrimSpace(script), ";") {
		case "gs.getUserName()":
			c.value = me["user_name"]
		case "gs.getUserID()":
			c.value = me["sys_id"]
		default:
			return condition{}, false
		}
	}
	return c, true
}

// plain adds what stands beside sysparm_…: FIELD=VALUE.
func (s *System) plain(q *query, table string, values url.Values) {
	for name, all := range values {
		if strings.HasPrefix(name, "sysparm_") {
			continue
		}
		if _, _, _, known := s.walk(table, nil, name); !known {
			q.bad = true
			continue
		}
		for i := range q.any {
			q.any[i] = append(q.any[i], []condition{{name, "=", all[0]}})
		}
	}
}

// meets says whether a record meets a query.
func (s *System) meets(q query, table string, row Row) bool {
	return slices.ContainsFunc(q.any, func(lines [][]condition) bool {
		return !slices.ContainsFunc(lines, func(line []condition) bool {
			return !slices.ContainsFunc(line, func(c condition) bool { return c.holds(s.value(table, row, c.path)) })
		})
	})
}

// value is the text at the end of a dotted path.
func (s *System) value(table string, row Row, path string) string {
	_, at, field, known := s.walk(table, row, path)
	if !known || at == nil {
		return ""
	}
	return at[field]
}

// holds compares without regard to case, as the real one's database does.
func (c condition) holds(value string) bool {
	have, want := strings.ToLower(value), strings.ToLower(c.value)
	listed := func() bool {
		return slices.ContainsFunc(strings.Split(want, ","), func(one string) bool { return strings.TrimSpace(one) == have })
	}
	switch c.op {
	case "=":
		return have == want
	case "!=":
		return have != want
	case "IN":
		return listed()
	case "NOT IN":
		return !listed()
	case "LIKE", "CONTAINS":
		return strings.Contains(have, want)
	case "NOT LIKE", "NOTLIKE", "DOES NOT CONTAIN":
		return !strings.Contains(have, want)
	case "STARTSWITH":
		return strings.HasPrefix(have, want)
	case "ENDSWITH":
		return strings.HasSuffix(have, want)
	case "ISEMPTY":
		return have == ""
	case "ISNOTEMPTY":
		return have != ""
	case "ANYTHING":
		return true
	}
	order := compare(have, want)
	return strings.HasPrefix(c.op, ">") && order > 0 || strings.HasPrefix(c.op, "<") && order < 0 || strings.HasSuffix(c.op, "=") && order == 0
}

// compare orders numbers as numbers and anything else as text.
func compare(a, b string) int {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	if errX == nil && errY == nil {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(a, b)
}

// sortRows puts records into the order of a query; without one they stay as
// they were made.
func (s *System) sortRows(q query, table string, rows []Row) {
	slices.SortStableFunc(rows, func(a, b Row) int {
		for _, o := range q.orders {
			order := compare(strings.ToLower(s.value(table, a, o.path)), strings.ToLower(s.value(table, b, o.path)))
			if o.down {
				order = -order
			}
			if order != 0 {
				return order
			}
		}
		return 0
	})
}
