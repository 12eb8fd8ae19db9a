package definition

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"math"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// turn is where the paging of an operation stands.
type turn struct {
	step   string
	params map[string]string // of the next request
	link   *url.URL          // instead of the step's own address
	vars   map[string]any    // of the last answer of the step
	taken  int               // elements seen
	page   int
	before [sha256.Size]byte // fingerprint of the page before
	seen   map[string]bool   // cursors and links that were followed
}

// of returns the parameters for the step, if it is the one that turns.
func (t *turn) of(s *step) map[string]string {
	if t == nil || t.step != s.ID {
		return nil
	}
	return t.params
}

// follows returns the link that the step is to follow, if any.
func (t *turn) follows(s *step) *url.URL {
	if t == nil || t.step != s.ID {
		return nil
	}
	return t.link
}

// pages executes the steps, again from the paged one on for each page, and
// gathers what each maps.
func (r *run) pages(ctx context.Context, s *scope) (any, *Problem) {
	op := s.op
	if op.Page == nil {
		if p := r.steps(ctx, s, op.Steps, nil); p != nil {
			return nil, p
		}
		return r.mapped(ctx, s)
	}
	first := 0
	for i, st := range op.Steps {
		if st.ID == op.Page.Step {
			first = i
		}
	}
	t := &turn{step: op.Page.Step, page: op.Page.First, seen: map[string]bool{}}
	if p := r.steps(ctx, s, op.Steps[:first], nil); p != nil {
		return nil, p
	}
	all := []any{}
	for {
		if p := r.steps(ctx, s, op.Steps[first:], t); p != nil {
			return nil, p
		}
		got, p := r.mapped(ctx, s)
		if p != nil {
			return nil, p
		}
		list, _ := got.([]any)
		all = append(all, list...)
		if len(all) > op.Page.Max || len(all) == op.Page.Max && !op.whole {
			r.cut = op.whole
			return all[:op.Page.Max], nil
		}
		if more, p := r.turn(ctx, op.Page, t); p != nil || !more {
			return all, p
		}
		if len(all) == op.Page.Max || r.done+len(op.Steps)-first > r.d.Limits.MaxSteps {
			r.cut = op.whole
			return all, nil // as many pages as the definition may read; the next poll begins anew
		}
	}
}

// ErrCut is the cause of the problem of a list that has more than may be read of
// it: what is not found in it may be there all the same.
var ErrCut = errors.New("connector: the list is longer than what may be read of it")

func cutShort() *Problem {
	return &Problem{Kind: Failed, Message: "there is more than may be read", Err: ErrCut}
}

// everyPage executes a step for each page; the answers stand in their order. One
// that is not a success is the last.
func (r *run) everyPage(ctx context.Context, s *scope, st *step) *Problem {
	t := &turn{step: st.ID, page: st.Page.First, seen: map[string]bool{}}
	answers := []any{}
	for pages := 1; ; pages++ {
		got, p := r.send(ctx, s, st, nil, t)
		if p != nil {
			return p
		}
		answers = append(answers, got)
		s.steps[st.ID] = answers
		if status, _ := got["status"].(int64); byStatus(int(status)) != "" {
			return nil
		}
		if more, p := r.turn(ctx, st.Page, t); p != nil || !more {
			return p
		}
		if t.taken >= st.Page.Max || pages >= r.d.Limits.MaxSteps {
			if !contracts[s.op.name].list {
				return cutShort()
			}
			r.cut = true
			return nil
		}
	}
}

// turn looks at the last page and says whether there is another. What counts is
// what the system gave, never what was asked of it: some cut pages silently.
func (r *run) turn(ctx context.Context, g *pager, t *turn) (bool, *Problem) {
	if t.vars == nil {
		return false, nil // the step was left out
	}
	n, fresh, p := r.pageItems(ctx, g, t)
	if p != nil || n == 0 && g.Items.given() {
		return false, p
	}
	t.taken += n
	t.page++
	if stop, p := r.isLast(ctx, g, t); stop || p != nil {
		return false, p
	}
	if !fresh {
		return false, &Problem{Kind: Invalid, Message: "the system gives the same page again", Step: t.step}
	}
	switch g.Type {
	case "page":
		t.params = map[string]string{g.Page: strconv.Itoa(t.page)}
	case "link-header":
		headers, _ := t.vars["headers"].(map[string]string)
		return r.follow(nextLink(headers["link"]), "", t)
	case "cursor":
		next, err := g.Next.eval(ctx, t.vars)
		if err != nil {
			return false, describe("next", &at{g.Next.line, err})
		}
		return r.follow(Text(next), g.Token, t)
	default:
		t.params = map[string]string{g.Start: strconv.Itoa(t.taken)}
	}
	return true, nil
}

// pageItems counts the elements of the page, and whether they differ from the
// page before.
func (r *run) pageItems(ctx context.Context, g *pager, t *turn) (n int, fresh bool, p *Problem) {
	var value any
	if g.Items.given() {
		items, err := g.Items.eval(ctx, t.vars)
		if err != nil {
			return 0, false, &Problem{Kind: Invalid, Message: "the answer has another form: " + cut(err.Error()), Step: t.step}
		}
		list, _ := items.([]any)
		n, value = len(list), items
	} else {
		value = t.vars["body"]
	}
	text, err := json.Marshal(value)
	sum := sha256.Sum256(text)
	fresh = err != nil || sum != t.before
	t.before = sum
	return n, fresh, nil
}

// isLast asks the answer's own signs: a flag, or a total that is reached.
func (r *run) isLast(ctx context.Context, g *pager, t *turn) (bool, *Problem) {
	if g.Last.given() {
		last, err := g.Last.eval(ctx, t.vars)
		if err != nil {
			return false, &Problem{Kind: Invalid, Message: "the answer has another form: " + cut(err.Error()), Step: t.step}
		}
		if yes, _ := last.(bool); yes {
			return true, nil
		}
	}
	if g.Total.given() {
		total, err := g.Total.eval(ctx, t.vars)
		if count, ok := Whole(total); err == nil && ok && t.taken >= count {
			return true, nil
		}
	}
	return false, nil
}

// Whole reads a count that is a number or digits.
func Whole(value any) (int, bool) {
	switch v := value.(type) {
	case int64:
		return int(v), true
	case float64:
		return int(v), v == math.Trunc(v) && math.Abs(v) < 1e9
	case string:
		n, err := strconv.Atoi(v)
		return n, err == nil
	}
	return 0, false
}

// follow goes on by a cursor, or by a link within the hosts (C21). One that was
// followed before would never end.
func (r *run) follow(next, param string, t *turn) (bool, *Problem) {
	if next == "" {
		return false, nil
	}
	if t.seen[next] {
		return false, &Problem{Kind: Invalid, Message: "the pages lead in a circle", Step: t.step}
	}
	t.seen[next] = true
	if param != "" {
		t.params = map[string]string{param: next}
		return true, nil
	}
	if strings.HasPrefix(next, "/") && !strings.HasPrefix(next, "//") {
		base := r.origins[0].Parsed()
		next = base.Scheme + "://" + base.Host + next
	}
	link, p := r.link(next)
	t.link = link
	return p == nil, p
}

var linkForm = regexp.MustCompile(`<([^>]*)>([^<]*)`)

// nextLink finds the target with rel="next" of a Link header (RFC 8288).
func nextLink(header string) string {
	for _, link := range linkForm.FindAllStringSubmatch(header, -1) {
		for param := range strings.SplitSeq(strings.TrimRight(link[2], ", "), ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
			if strings.EqualFold(name, "rel") && strings.EqualFold(strings.Trim(value, `"`), "next") {
				return link[1]
			}
		}
	}
	return ""
}
