package rule_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"cel.dev/cel-go/cel"
	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/rule"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/words"
)

func scope(t testing.TB, limits rule.Limits) *rule.Scope {
	t.Helper()
	s, err := rule.NewScope(limits,
		rule.Var{Name: "ticket", Type: cel.MapType(cel.StringType, cel.DynType)},
		rule.Var{Name: "by", Type: cel.StringType},
		rule.Var{Name: "now", Type: cel.TimestampType},
		rule.Var{Name: "token", Type: cel.StringType, Secret: true},
		rule.Var{Name: "list", Type: cel.ListType(cel.IntType)},
	)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func values() map[string]any {
	list := make([]int64, 300)
	for i := range list {
		list[i] = int64(i)
	}
	return map[string]any{
		"ticket": map[string]any{
			"state": "approved", "count": 3, "by-whom": "botan", "key": secret.Of("canary"), "text": strings.Repeat("a", 10_000),
			"until": time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), "deep": map[string]any{"x": 1.5}, "tags": []any{"a", secret.Of("canary")},
		},
		"by": "aoi", "now": time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC), "token": secret.Of("canary"), "list": list,
	}
}

func TestCompileRefuses(t *testing.T) {
	s := scope(t, rule.Limits{})
	for _, c := range []struct{ name, when, code, place string }{
		{"nothing", "", "rule-expression", "1:1"},
		{"syntax", "ticket.state ==", "rule-expression", "1:16"},
		{"second line", "true &&\n  nobody == 1", "rule-expression", "2:3"},
		{"unknown variable", "nobody", "rule-expression", "1:1"},
		{"unknown function", "system('rm')", "rule-expression", "1:7"},
		{"types", "by == 1", "rule-expression", "1:4"},
		{"no bool", "by", "rule-not-bool", ""},
		{"a number", "1 + 1", "rule-not-bool", ""},
		{"A154 broken pattern", "by.matches('(')", "rule-expression", "1:12"},
		{"A154 backtracking pattern", `by.matches('(a)\\1')`, "rule-expression", "1:12"},
		{"A154 large pattern", "by.matches('((a{100}){100}){100}')", "rule-expression", "1:12"},
		{"A154 pattern from outside", "by.matches(ticket.state)", "rule-pattern-not-literal", "1:18"},
		{"A154 pattern put together", "matches(by, 'a' + by)", "rule-pattern-not-literal", "1:17"},
		{"A154 long", "by == '" + strings.Repeat("a", 5000) + "'", "rule-expression", "1:1"},
		{"A154 deep", strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200), "rule-expression", "1:1"},
		{"A154 many nodes", "[" + strings.Repeat("1,", 2001) + "1] == list", "rule-expression", ""},
		{"A187 reflection", "by.getClass()", "rule-expression", "1:12"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := s.Compile(rule.Condition{Name: "x", When: c.when})
			f := fault.As(err)
			if f == nil || f.Code != "rule-invalid" || f.Kind != fault.Invalid || f.Fields[0].Code != c.code || f.Fields[0].Path != "x" {
				t.Fatalf("got %v, want %s", err, c.code)
			}
			if args := f.Fields[0].Args; c.place != "" && fmt.Sprintf("%v:%v", args["line"], args["column"]) != c.place {
				t.Errorf("stands at %v:%v, want %s (%v)", args["line"], args["column"], c.place, err)
			}
		})
	}
	t.Run("all at once", func(t *testing.T) {
		_, err := s.Compile(rule.Condition{"a", "nobody"}, rule.Condition{"", "true"}, rule.Condition{"B c", "true"},
			rule.Condition{"d", "true"}, rule.Condition{"d", "true"}, rule.Condition{"e", "nobody || neither"})
		var got []string
		for _, f := range fault.As(err).Fields {
			got = append(got, f.Path+" "+f.Code)
		}
		want := []string{"a rule-expression", " rule-name", "B c rule-name", "d rule-name", "e rule-expression", "e rule-expression"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestNewScopeRefuses(t *testing.T) {
	for _, vars := range [][]rule.Var{
		{{Name: "a", Type: cel.IntType}, {Name: "a", Type: cel.IntType}},
		{{Name: "", Type: cel.IntType}},
		{{Name: "a"}},
		{{Name: "in", Type: cel.IntType}, {Name: "A", Type: cel.IntType}},
		{{Name: "a.b.", Type: cel.IntType}},
	} {
		if _, err := rule.NewScope(rule.Limits{}, vars...); err == nil {
			t.Errorf("declared %v", vars)
		}
	}
}

func TestEvalFails(t *testing.T) {
	nested := "list.exists(a, list.exists(b, list.exists(c, a + b + c < 0)))"
	for _, c := range []struct {
		name, when, code string
		limits           rule.Limits
		values           map[string]any
	}{
		{"missing field", "ticket.nobody == 'x'", "rule-failed", rule.Limits{}, values()},
		{"missing variable", "by == 'x'", "rule-failed", rule.Limits{}, nil},
		{"other type at run time", "ticket.state > 5", "rule-failed", rule.Limits{}, values()},
		{"no bool at run time", "ticket.state", "rule-not-bool", rule.Limits{}, values()},
		{"null", "ticket.state", "rule-not-bool", rule.Limits{}, map[string]any{"ticket": map[string]any{"state": nil}}},
		{"division", "1 / ticket.count == 0", "rule-failed", rule.Limits{}, map[string]any{"ticket": map[string]any{"count": 0}}},
		{"a value CEL cannot read", "ticket.state == 'x'", "rule-failed", rule.Limits{}, map[string]any{"ticket": map[string]any{"state": make(chan int)}}},
		{"A154 nested loops", nested, "rule-too-costly", rule.Limits{Budget: time.Hour}, values()},
		{"A154 time", nested, "rule-too-slow", rule.Limits{Cost: 1 << 60, Budget: 2 * time.Millisecond}, values()},
		{"A154 time is over before", "true", "rule-too-slow", rule.Limits{Budget: 1}, values()},
		{"A154 memory", "list.map(a, list.map(b, list)).size() > 0", "rule-too-large", rule.Limits{Budget: time.Hour, Cost: 1 << 60}, values()},
		{"A154 pattern on a long text", "ticket.text.matches('(a*)*(a*)*b') && ticket.text.matches('(a|aa)+c') && false || ticket.text.matches('((a+)+)+$') && ticket.text.matches('(.*a){20}b')", "rule-too-costly", rule.Limits{Cost: 2_000, Budget: time.Hour}, values()},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.limits.Budget == 0 {
				c.limits.Budget = time.Hour // a full machine is no slow condition
			}
			set, err := scope(t, c.limits).Compile(rule.Condition{"x", c.when})
			if err != nil {
				t.Fatal(err)
			}
			v := set.Eval(context.Background(), c.values)
			if v.Holds() || v.Results[0].Outcome != rule.Failed || v.Results[0].Fault == nil || v.Results[0].Fault.Code != c.code {
				t.Errorf("got %s %v, want %s", v.Results[0].Outcome, v.Results[0].Fault, c.code)
			}
		})
	}
	t.Run("the caller's end", func(t *testing.T) {
		set, _ := scope(t, rule.Limits{}).Compile(rule.Condition{"x", "true"})
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if set.Eval(ctx, values()).Holds() {
			t.Error("decided after the end")
		}
	})
}

func TestEval(t *testing.T) {
	for _, c := range []struct {
		when string
		want rule.Outcome
		read string
	}{
		{"ticket.state == 'approved'", rule.True, `ticket.state="approved"`},
		{"ticket['by-whom'] != by", rule.True, `ticket.by-whom="botan" by="aoi"`},
		{"ticket.count > 3.5", rule.False, `ticket.count=3`},
		{"ticket.deep.x == 1.5 && ticket.deep.x < 2", rule.True, `ticket.deep.x=1.5`},
		{"ticket.until - now >= duration('24h')", rule.True, `ticket.until="2026-11-22T00:00:00Z" now="2026-11-21T00:00:00Z"`},
		{"has(ticket.nobody)", rule.False, `ticket.nobody=`},
		{"ticket.?nobody.orValue('') == ''", rule.True, `ticket.nobody=`},
		{"ticket[?'state'].orValue('') == 'approved'", rule.True, `ticket.state="approved"`},
		{"list.all(by, by >= 0) && list.size() == 300", rule.True, "list=" + first(200)},
		{"ticket.state.matches('^app.*d$')", rule.True, `ticket.state="approved"`},
		{"by.upperAscii() == 'AOI'", rule.True, `by="aoi"`},
		{"by in ['aoi', 'chika']", rule.True, `by="aoi"`},
		{"{'a': by}['a'] == [by][0]", rule.True, `by="aoi"`},
		{"token == 'canary'", rule.True, `token=[secret]`},
		{"ticket.key == 'canary' && 'canary' in ticket.tags", rule.True, `ticket.key=[secret] ticket.tags=["a","[secret]"]`},
		{"true || ticket.nobody", rule.True, `ticket.nobody=`},
	} {
		t.Run(c.when, func(t *testing.T) {
			set, err := scope(t, rule.Limits{}).Compile(rule.Condition{"x", c.when})
			if err != nil {
				t.Fatal(err)
			}
			r := set.Eval(context.Background(), values()).Results[0]
			var read []string
			for _, reading := range r.Readings {
				read = append(read, reading.Name+"="+reading.Value)
			}
			if r.Outcome != c.want || r.Fault != nil || r.When != c.when {
				t.Errorf("%s, %v", r.Outcome, r.Fault)
			}
			if diff := cmp.Diff(c.read, strings.Join(read, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// first returns what is shown of the list 0, 1, 2 … as JSON.
func first(runes int) string {
	text, _ := json.Marshal(values()["list"])
	return string(text[:runes]) + "…"
}

func TestVerdict(t *testing.T) {
	set, err := scope(t, rule.Limits{}).Compile(
		rule.Condition{"approved", "ticket.state == 'approved'"}, rule.Condition{"mine", "by == 'chika'"}, rule.Condition{"broken", "ticket.x"})
	if err != nil {
		t.Fatal(err)
	}
	v := set.Eval(context.Background(), values())
	var got []string
	for _, r := range v.Against() {
		got = append(got, r.Condition+" "+r.Outcome.String())
	}
	if diff := cmp.Diff([]string{"mine false", "broken error"}, got); diff != "" || v.Holds() {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"approved", "mine", "broken"}, set.Names()); diff != "" {
		t.Error(diff)
	}
	if (rule.Result{}).Outcome != rule.Failed || rule.Outcome(9).String() != "true" {
		t.Error("the zero outcome must be a failure")
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	set, err := scope(t, rule.Limits{}).Compile(
		rule.Condition{"a", "token == 'x'"}, rule.Condition{"b", "int(token) == 1"}, rule.Condition{"c", "ticket.key == 'x'"},
		rule.Condition{"d", "{token: 1}.x == 1"}, rule.Condition{"e", "duration(token) == duration('1s')"}, rule.Condition{"f", "ticket.tags == []"},
		rule.Condition{"g", "int(ticket.key) == 1"}, rule.Condition{"h", "ticket == {}"}, rule.Condition{"i", "timestamp(string(ticket.key)) == now"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range set.Eval(context.Background(), values()).Results {
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if all := fmt.Sprintf("%s %+v %v", text, r, r.Fault); strings.Contains(all, "canary") {
			t.Errorf("R9: %s", all)
		}
	}
}

func TestAtOnce(t *testing.T) {
	s := scope(t, rule.Limits{Budget: time.Minute})
	set, err := s.Compile(rule.Condition{"mine", "by == ticket.owner"}, rule.Condition{"loop", "list.all(x, x >= 0)"})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 50 {
				in := values()
				in["by"] = fmt.Sprint(i)
				in["ticket"] = map[string]any{"owner": fmt.Sprint((i + j) % 8)}
				if got := set.Eval(context.Background(), in).Holds(); got != (j%8 == 0) {
					t.Errorf("%d %d: %v", i, j, got)
				}
			}
		})
	}
	all.Wait()
}

func TestSentences(t *testing.T) {
	if _, err := words.Load(rule.Words); err != nil {
		t.Error(err)
	}
}

func FuzzCompile(f *testing.F) {
	for _, seed := range []string{"true", "ticket.state == 'x'", "list.map(a, a + 1).exists(b, b > 1)", "by.matches('a')", "ticket[?'a'].hasValue()", "{1: 2}[1] == 2", "'\\x'", "int(by) / 0 == 1", "by.format([1])"} {
		f.Add(seed)
	}
	s := scope(f, rule.Limits{})
	in := values()
	f.Fuzz(func(t *testing.T, when string) {
		set, err := s.Compile(rule.Condition{"x", when})
		if err != nil {
			if fs := fault.As(err); fs == nil || len(fs.Fields) == 0 {
				t.Fatalf("not a fault with fields: %v", err)
			}
			return
		}
		v := set.Eval(context.Background(), in)
		if r := v.Results[0]; (r.Outcome == rule.Failed) != (r.Fault != nil) {
			t.Fatalf("%s with %v", r.Outcome, r.Fault)
		}
	})
}

func BenchmarkCompile(b *testing.B) {
	s := scope(b, rule.Limits{})
	for b.Loop() {
		if _, err := s.Compile(rule.Condition{"x", "ticket.state == 'approved' && ticket['by-whom'] != by"}); err != nil {
			b.Fatal(err)
		}
	}
}

// The cost limit must end a condition well within the time budget.
func BenchmarkEvalToTheCostLimit(b *testing.B) {
	set, err := scope(b, rule.Limits{Budget: time.Hour}).Compile(rule.Condition{"x", "list.exists(a, list.exists(b, list.exists(c, a + b + c < 0)))"})
	if err != nil {
		b.Fatal(err)
	}
	in := values()
	for b.Loop() {
		if set.Eval(context.Background(), in).Holds() {
			b.Fatal("holds")
		}
	}
}

func BenchmarkEval(b *testing.B) {
	set, err := scope(b, rule.Limits{}).Compile(
		rule.Condition{"approved", "ticket.state == 'approved'"}, rule.Condition{"other", "ticket['by-whom'] != by"}, rule.Condition{"time", "now < ticket.until"})
	if err != nil {
		b.Fatal(err)
	}
	in := values()
	for b.Loop() {
		if !set.Eval(context.Background(), in).Holds() {
			b.Fatal("does not hold")
		}
	}
}
