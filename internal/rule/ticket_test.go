package rule_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cel.dev/cel-go/cel"
	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/internal/rule"
)

// conditions are such as somebody writes about a ticket.
var conditions = []rule.Condition{
	{Name: "state", When: "ticket.state == 'approved'"},
	{Name: "requester", When: "ticket.requester.nativeId == user.nativeIds[ticket.system]"},
	{Name: "asset", When: "ticket.assets.exists(a, a == resource.name || a in resource.aliases)"},
	{Name: "window", When: "now >= ticket.window.start && now < ticket.window.end"},
	{Name: "approver", When: "ticket.approvals.exists(a, a.state == 'approved' && a.approver.nativeId != ticket.requester.nativeId)"},
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// granted is a ticket about which all of them hold.
func granted() map[string]any {
	party := func(id string) map[string]any { return map[string]any{"nativeId": id} }
	return map[string]any{
		"id": "OPS-7", "system": "jira", "state": "approved", "requester": party("n-daichi"), "assets": []any{"db01"},
		"window":    map[string]any{"start": noon.Add(-time.Hour), "end": noon.Add(time.Hour)},
		"approvals": []any{map[string]any{"state": "approved", "approver": party("n-botan")}},
	}
}

func judged(t *testing.T, ticket map[string]any, more ...rule.Condition) rule.Verdict {
	t.Helper()
	dyn := cel.MapType(cel.StringType, cel.DynType)
	s, err := rule.NewScope(rule.Limits{Budget: time.Hour}, rule.Var{Name: "ticket", Type: dyn}, rule.Var{Name: "user", Type: dyn}, rule.Var{Name: "resource", Type: dyn}, rule.Var{Name: "now", Type: cel.TimestampType})
	if err != nil {
		t.Fatal(err)
	}
	set, err := s.Compile(append(slices.Clone(conditions), more...)...)
	if err != nil {
		t.Fatal(err)
	}
	return set.Eval(context.Background(), map[string]any{
		"ticket": ticket, "now": noon, "user": map[string]any{"nativeIds": map[string]any{"jira": "n-daichi"}}, "resource": map[string]any{"name": "db01", "aliases": []any{"db"}},
	})
}

func against(v rule.Verdict) (names []string) {
	for _, r := range v.Against() {
		names = append(names, r.Condition)
	}
	return names
}

// spoil puts a value at a path such as "approvals.0.state"; absent takes it away.
func spoil(at any, path string, value any, absent bool) any {
	name, rest, deeper := strings.Cut(path, ".")
	switch v := at.(type) {
	case map[string]any:
		switch {
		case deeper:
			v[name] = spoil(v[name], rest, value, absent)
		case absent:
			delete(v, name)
		default:
			v[name] = value
		}
		return v
	case []any:
		if deeper {
			v[0] = spoil(v[0], rest, value, absent)
		} else {
			v[0] = value
		}
	}
	return at
}

// TestConditionsOverBadTickets: whatever is missing, empty or of another type in a
// ticket, and a state that nobody knows, is against it, under the name of the
// condition; so are a misspelt field and a condition without an end.
func TestConditionsOverBadTickets(t *testing.T) {
	if v := judged(t, granted()); !v.Holds() {
		t.Fatalf("the good ticket is refused: %v", against(v))
	}
	for path, name := range map[string]string{
		"state": "state", "system": "requester", "requester": "requester", "requester.nativeId": "requester", "assets": "asset", "assets.0": "asset",
		"window": "window", "window.start": "window", "window.end": "window",
		"approvals": "approver", "approvals.0": "approver", "approvals.0.state": "approver", "approvals.0.approver": "approver",
	} {
		for what, value := range map[string]any{
			"null": nil, "a number": 7, "a text": "unknown", "nothing in it": "", "a list": []any{}, "a map": map[string]any{}, "yes": true, "a fraction": 0.5, "its own kind of nothing": []any{nil},
		} {
			v := judged(t, spoil(granted(), path, value, false).(map[string]any))
			if v.Holds() || !slices.Contains(against(v), name) {
				t.Errorf("TRAP-H13 %s as %s: against it is %v", path, what, against(v))
			}
		}
		if path != "assets.0" && path != "approvals.0" {
			if v := judged(t, spoil(granted(), path, nil, true).(map[string]any)); v.Holds() || !slices.Contains(against(v), name) {
				t.Errorf("TRAP-H13 without %s: against it is %v", path, against(v))
			}
		}
	}
	own := spoil(granted(), "approvals.0.approver.nativeId", "n-daichi", false).(map[string]any)
	if v := judged(t, own); v.Holds() || !slices.Equal(against(v), []string{"approver"}) {
		t.Errorf("approved by who asked: %v", against(v))
	}
	long := granted()
	long["assets"] = slices.Repeat([]any{"db01"}, 2000)
	for what, c := range map[string]rule.Condition{
		"TRAP-C2 a misspelt field":              {Name: "more", When: "ticket.stat == 'approved'"},
		"TRAP-C2 a misspelt field, negated":     {Name: "more", When: "!(ticket.stat == 'closed')"},
		"TRAP-C2 a misspelt field of an object": {Name: "more", When: "ticket.requester.nativeid != 'n-botan'"},
		"TRAP-H13 a condition without an end":   {Name: "more", When: "ticket.assets.all(a, ticket.assets.all(b, ticket.assets.all(c, a + b != c)))"},
		"TRAP-H13 a text for a yes":             {Name: "more", When: "ticket.state"},
	} {
		v := judged(t, long, c)
		if v.Holds() || !slices.Equal(against(v), []string{"more"}) || v.Against()[0].Fault == nil {
			t.Errorf("%s: against it is %v", what, against(v))
		}
	}
}

// TestConditionsOverAnyTicket: no ticket makes them panic, and none that differs
// in what they read is let past them.
func TestConditionsOverAnyTicket(t *testing.T) {
	value := rapid.OneOf(
		rapid.Just[any](nil), rapid.Map(rapid.Bool(), func(b bool) any { return b }), rapid.Map(rapid.Int64(), func(n int64) any { return n }),
		rapid.Map(rapid.Float64(), func(n float64) any { return n }), rapid.Map(rapid.SampledFrom([]string{"", "approved", "n-daichi", "db01", "jira", "\x00", "unknown"}), func(s string) any { return s }),
		rapid.Just[any]([]any{}), rapid.Just[any](map[string]any{}), rapid.Just[any]([]any{map[string]any{"state": "approved"}}), rapid.Just[any](map[string]any{"nativeId": "n-daichi"}),
	)
	rapid.Check(t, func(r *rapid.T) {
		ticket, changed := granted(), []string{}
		for _, name := range []string{"state", "system", "requester", "assets", "window", "approvals"} {
			if rapid.Bool().Draw(r, "change "+name) {
				was := fmt.Sprint(ticket[name])
				if ticket[name] = value.Draw(r, name); fmt.Sprint(ticket[name]) != was {
					changed = append(changed, name)
				}
			}
		}
		v := judged(t, ticket)
		if v.Holds() != (len(changed) == 0) {
			r.Fatalf("TRAP-H13 with another %v it holds: %t", changed, v.Holds())
		}
		for _, one := range v.Against() {
			if one.Condition == "" || one.Outcome == rule.True {
				r.Fatalf("TRAP-H13 against it is %+v", one)
			}
		}
	})
}
