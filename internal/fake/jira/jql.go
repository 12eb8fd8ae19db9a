package jira

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/internal/fake"
)

// clause is one condition of JQL. Only conditions with AND between are known.
type clause struct {
	field, op string
	values    []string
}

var (
	term   = regexp.MustCompile(`(?i)^\s*([a-z]+)\s*(!=|=|~|not\s+in\b|in\b)\s*(.*)$`)
	quoted = regexp.MustCompile(`^"((?:[^"\\]|\\.)*)"`)
	word   = regexp.MustCompile(`^[^\s,()"']+`)
	and    = regexp.MustCompile(`(?i)^and\s+`)
	sorted = regexp.MustCompile(`(?i)^\s*order\s+by\s+.*$`)
)

// fieldsOfIssue are what conditions can speak of.
var fieldsOfIssue = []string{"project", "key", "issuekey", "status", "reporter", "summary", "text"}

// parseJQL reads conditions; what is wrong is an error, unlike at others.
func parseJQL(text string) (clauses []clause, wrong string) {
	rest := strings.TrimSpace(text)
	for rest != "" && !sorted.MatchString(rest) {
		m := term.FindStringSubmatch(rest)
		if m == nil {
			return nil, "Error in the JQL Query: unexpected text '" + rest + "'."
		}
		c := clause{field: strings.ToLower(m[1]), op: strings.ToLower(strings.Join(strings.Fields(m[2]), " "))}
		if !slices.Contains(fieldsOfIssue, c.field) {
			return nil, "Field '" + m[1] + "' does not exist or you do not have permission to view it."
		}
		rest = m[3]
		var good bool
		if c.values, rest, good = operands(rest, strings.HasSuffix(c.op, "in")); !good {
			return nil, "Error in the JQL Query: expecting a value before '" + rest + "'."
		}
		clauses = append(clauses, c)
		rest = strings.TrimSpace(rest)
		if joined := and.FindString(rest); joined != "" {
			rest = rest[len(joined):]
		} else if rest != "" && !sorted.MatchString(rest) {
			return nil, "Error in the JQL Query: expecting AND before '" + rest + "'."
		}
	}
	return clauses, ""
}

// operands reads one value, or a list in brackets.
func operands(text string, list bool) (values []string, rest string, good bool) {
	if list {
		if text, good = strings.CutPrefix(text, "("); !good {
			return nil, text, false
		}
	}
	for {
		text = strings.TrimSpace(text)
		if m := quoted.FindStringSubmatch(text); m != nil {
			values, text = append(values, strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(m[1])), text[len(m[0]):]
		} else if m := word.FindString(text); m != "" {
			values, text = append(values, m), text[len(m):]
		} else {
			return nil, text, false
		}
		if !list {
			return values, text, true
		}
		text = strings.TrimSpace(text)
		if after, end := strings.CutPrefix(text, ")"); end {
			return values, after, true
		}
		if text, good = strings.CutPrefix(text, ","); !good {
			return nil, text, false
		}
	}
}

// holds says whether an issue meets a condition.
func (c clause) holds(s *System, v visit, q *request) bool {
	have := map[string]string{
		"project": v.site.desk(q.Desk).Project, "key": q.Key, "issuekey": q.Key, "status": q.Status.Name, "summary": q.summary(), "text": q.summary() + " " + textOf(q.Values["description"]),
	}[c.field]
	if c.field == "reporter" {
		have = s.people[q.Reporter].Account
		for i, one := range c.values {
			if strings.EqualFold(one, "currentUser()") || strings.EqualFold(one, "currentUser") {
				c.values[i] = v.user.Account
			}
		}
	}
	equal := slices.ContainsFunc(c.values, func(one string) bool { return strings.EqualFold(one, have) })
	switch c.op {
	case "!=", "not in":
		return !equal
	case "~":
		return strings.Contains(strings.ToLower(have), strings.ToLower(c.values[0]))
	}
	return equal
}

func (s *System) search(r *http.Request, v visit) fake.Answer {
	asked := r.URL.Query()
	clauses, wrong := parseJQL(asked.Get("jql"))
	if wrong != "" {
		return refuseIssue(http.StatusBadRequest, wrong)
	}
	all := []map[string]any{}
	for _, q := range slices.Backward(v.site.requests) {
		if v.user.agent() && v.user.sees(q) && !slices.ContainsFunc(clauses, func(c clause) bool { return !c.holds(s, v, q) }) {
			all = append(all, s.issueOf(q, v, asked.Get("fields")))
		}
	}
	from := min(number(asked.Get("nextPageToken"), 0), len(all))
	limit := max(1, number(asked.Get("maxResults"), 50))
	if s.switches.PageSize > 0 {
		limit = min(limit, s.switches.PageSize)
	}
	to := min(from+limit, len(all))
	out := map[string]any{"issues": all[from:to], "isLast": to == len(all)}
	if to < len(all) {
		out["nextPageToken"] = strconv.Itoa(to)
	}
	return fake.Answer{Body: out}
}
