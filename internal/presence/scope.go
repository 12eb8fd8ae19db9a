package presence

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/rule"
)

// Question is what policies know of a card.
type Question struct {
	Org       id.Org
	Kind      string       // of Kinds
	System    id.Connector // "" of our own
	Source    string       // how people call who asks
	Title     string
	Number    string
	Requester string // name
	Mail      string // of the requester
	Amount    string // decimal digits, "" if it has no price
	Currency  string
	Stage     string
	Priority  string // normal, high or urgent
	Thing     string // what is asked for in the hall, KIND:NAME
	Due       time.Time
	Lines     []string
	Fields    map[string]string // by their labels
}

// scope is what conditions of card policies speak about:
//
//	card  kind, source, title, number, requester, mail, currency, stage, priority,
//	      thing (text), amount (a number, 0 for none), hours (until it is due; 0
//	      for no end), lines (a list), fields (by label)
//	now   the time
var scope = sync.OnceValues(func() (*rule.Scope, error) {
	return rule.NewScope(rule.Limits{Budget: 50 * time.Millisecond},
		rule.Var{Name: "card", Type: cel.MapType(cel.StringType, cel.DynType)}, rule.Var{Name: "now", Type: cel.TimestampType})
})

// facts are the values that conditions read. A price that is no number is
// missing, so that a condition on it fails and its policy applies.
func (q Question) facts(now time.Time) map[string]any {
	priority := q.Priority
	if priority == "" {
		priority = "normal"
	}
	card := map[string]any{
		"kind": q.Kind, "source": q.Source, "title": q.Title, "number": q.Number, "requester": q.Requester, "mail": q.Mail, "currency": q.Currency,
		"stage": q.Stage, "priority": priority, "thing": q.Thing, "hours": 0.0, "lines": append([]string{}, q.Lines...), "fields": q.Fields,
	}
	if q.Fields == nil {
		card["fields"] = map[string]string{}
	}
	if !q.Due.IsZero() {
		card["hours"] = q.Due.Sub(now).Hours()
	}
	if amount, ok := number(q.Amount); ok {
		card["amount"] = amount
	}
	return map[string]any{"card": card, "now": now}
}

// number reads a price as systems write it: digits with commas between
// thousands, a point before the rest.
func number(text string) (float64, bool) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, true
	}
	whole, rest, _ := strings.Cut(text, ".")
	if strings.Contains(rest, ",") {
		return 0, false
	}
	if parts := strings.Split(whole, ","); len(parts) > 1 {
		for i, p := range parts {
			if i > 0 && len(p) != 3 || p == "" {
				return 0, false
			}
		}
		whole = strings.Join(parts, "")
	}
	if rest != "" {
		whole += "." + rest
	}
	for _, c := range strings.TrimPrefix(whole, "-") {
		if (c < '0' || c > '9') && c != '.' {
			return 0, false
		}
	}
	n, err := strconv.ParseFloat(whole, 64)
	return n, err == nil
}

// programs keeps conditions compiled, by their text.
var programs struct {
	sync.Mutex
	known map[string]*rule.Set
}

// programsMost bounds the memory; it is emptied when it is full.
const programsMost = 1000

// compiled compiles a condition, or returns rule-invalid.
func compiled(when string) (*rule.Set, error) {
	programs.Lock()
	set := programs.known[when]
	programs.Unlock()
	if set != nil {
		return set, nil
	}
	s, err := scope()
	if err != nil {
		return nil, err
	}
	if set, err = s.Compile(rule.Condition{Name: "when", When: when}); err != nil {
		return nil, err
	}
	programs.Lock()
	defer programs.Unlock()
	if programs.known == nil || len(programs.known) >= programsMost {
		programs.known = map[string]*rule.Set{}
	}
	programs.known[when] = set
	return set, nil
}

func compiles(bad *fault.Checks, when string) {
	_, err := compiled(when)
	if f := fault.As(err); f != nil {
		for _, field := range f.Fields {
			bad.Add("when", field.Code, field.Args.Pairs()...)
		}
	}
}

// judge evaluates a condition: true holds, and what cannot be judged holds too.
func judge(when string, facts map[string]any) (holds, failed bool) {
	set, err := compiled(when)
	if err != nil {
		return true, true
	}
	v := set.Eval(context.Background(), facts)
	if len(v.Results) != 1 || v.Results[0].Outcome == rule.Failed {
		return true, true
	}
	return v.Holds(), false
}
