package rule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
)

// Outcome is what a condition came to. The zero value is Failed: what was not
// evaluated did not hold.
type Outcome uint8

// The outcomes.
const (
	Failed Outcome = iota // with Result.Fault
	False
	True
)

// String returns "error", "false" or "true", as the test screens show it.
func (o Outcome) String() string { return [...]string{"error", "false", "true"}[min(o, True)] }

// MarshalText returns what String does.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// Reading is a value that a condition read.
type Reading struct {
	Name  string `json:"name"`  // "ticket.state"
	Value string `json:"value"` // as JSON, cut at 200 characters; "[secret]", or "" if there is none
}

// Result is one condition's part of a verdict.
type Result struct {
	Condition string       `json:"condition"`
	When      string       `json:"when"`
	Outcome   Outcome      `json:"outcome"`
	Readings  []Reading    `json:"readings,omitempty"`
	Fault     *fault.Fault `json:"-"` // of Failed
}

// Verdict is what a set came to, in the order of its conditions.
type Verdict struct {
	Results []Result
}

// Holds reports whether every condition is true. No condition at all holds.
func (v Verdict) Holds() bool { return len(v.Against()) == 0 }

// Against returns the results that are not true.
func (v Verdict) Against() []Result {
	var out []Result
	for _, r := range v.Results {
		if r.Outcome != True {
			out = append(out, r)
		}
	}
	return out
}

// Eval evaluates all conditions with the values of the scope's variables:
// strings, numbers, bools, time.Time, time.Duration, secret.Text, and maps and
// slices of these. It always gives a result for each condition; when the time
// is spent, or ctx ends, the rest fail with rule-too-slow.
func (s *Set) Eval(ctx context.Context, values map[string]any) Verdict {
	ctx, cancel := context.WithTimeout(ctx, s.scope.limits.Budget)
	defer cancel()
	plain := map[string]any{}
	for name, value := range values {
		plain[name] = reveal(value)
	}
	var out Verdict
	for _, rule := range s.rules {
		result := Result{Condition: rule.Name, When: rule.When}
		result.Outcome, result.Fault = s.one(ctx, rule, plain, values)
		for _, read := range rule.reads {
			result.Readings = append(result.Readings, Reading{read.String(), s.scope.show(read, values)})
		}
		out.Results = append(out.Results, result)
	}
	return out
}

func (s *Set) one(ctx context.Context, rule compiled, plain, values map[string]any) (Outcome, *fault.Fault) {
	if ctx.Err() != nil {
		return Failed, s.tooSlow(rule)
	}
	out, _, err := rule.program.ContextEval(ctx, plain)
	if err != nil {
		return Failed, s.failure(rule, values, err)
	}
	return outcome(rule, out)
}

func outcome(rule compiled, out ref.Val) (Outcome, *fault.Fault) {
	switch out {
	case types.True:
		return True, nil
	case types.False:
		return False, nil
	}
	return Failed, fault.New(fault.Unmet, "rule-not-bool", "name", rule.Name, "type", out.Type().TypeName())
}

func (s *Set) tooSlow(rule compiled) *fault.Fault {
	return fault.New(fault.Unmet, "rule-too-slow", "name", rule.Name, "limit", s.scope.limits.Budget.String())
}

func (s *Set) failure(rule compiled, values map[string]any, err error) *fault.Fault {
	var cancelled interpreter.EvalCancelledError
	switch {
	case errors.As(err, &cancelled) && cancelled.Cause == interpreter.CostLimitExceeded:
		return fault.New(fault.Unmet, "rule-too-costly", "name", rule.Name, "limit", s.scope.limits.Cost)
	case errors.As(err, &cancelled) && cancelled.Cause == interpreter.MemoryLimitExceeded:
		return fault.New(fault.Unmet, "rule-too-large", "name", rule.Name, "limit", s.scope.limits.Memory)
	case errors.As(err, &cancelled), errors.Is(err, interpreter.InterruptError{}):
		return s.tooSlow(rule)
	case s.scope.readsSecret(rule.reads, values): // CEL's text repeats the value that it could not use
		return fault.New(fault.Unmet, "rule-failed", "name", rule.Name, "reason", secret.Redacted)
	}
	return fault.New(fault.Unmet, "rule-failed", "name", rule.Name, "reason", cut(err.Error()))
}

// reveal makes plain values of secrets, which CEL cannot compare. Maps and
// slices without secrets are handed on as they are.
func reveal(value any) any {
	switch v := value.(type) {
	case secret.Text:
		return v.Reveal()
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, inner := range v {
			out[name] = reveal(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = reveal(inner)
		}
		return out
	}
	return value
}

// at returns the value at the path, or nil.
func at(read path, values map[string]any) any {
	var value any = values
	for _, name := range read {
		m := reflect.ValueOf(value)
		if m.Kind() != reflect.Map || m.Type().Key().Kind() != reflect.String {
			return nil
		}
		inner := m.MapIndex(reflect.ValueOf(name).Convert(m.Type().Key()))
		if !inner.IsValid() {
			return nil
		}
		value = inner.Interface()
	}
	return value
}

func (s *Scope) readsSecret(reads []path, values map[string]any) bool {
	return slices.ContainsFunc(reads, func(read path) bool {
		return s.vars[read[0]].Secret || holdsSecret(at(read, values))
	})
}

func holdsSecret(value any) bool {
	switch v := value.(type) {
	case secret.Text:
		return true
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), holdsSecret)
	case []any:
		return slices.ContainsFunc(v, holdsSecret)
	}
	return false
}

// show formats the value at the path for an explanation.
func (s *Scope) show(read path, values map[string]any) string {
	if s.vars[read[0]].Secret {
		return secret.Redacted
	}
	switch v := at(read, values).(type) {
	case nil:
		return ""
	case time.Duration:
		return strconv.Quote(v.String())
	case secret.Text:
		return secret.Redacted
	default:
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Sprintf("%T", v)
		}
		return cut(string(text))
	}
}

// longest is how much of a value or an error an explanation shows.
const longest = 200

func cut(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if utf8.RuneCountInString(s) <= longest {
		return s
	}
	return string([]rune(s)[:longest]) + "…"
}
