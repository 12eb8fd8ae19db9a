package rule_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/sekisho/sekisho/internal/rule"
)

// Conditions as administrators write them about asks and tickets fit into the
// usual limits with room to spare: a dozen levels of fields, of parentheses and
// of choices, and four loops over fifty groups inside each other that end early.
func TestWhatPeopleWriteFits(t *testing.T) {
	scope, err := rule.NewScope(rule.Limits{Budget: time.Minute}, rule.Var{Name: "ask", Type: cel.MapType(cel.StringType, cel.DynType)})
	if err != nil {
		t.Fatal(err)
	}
	groups, deep := []string{}, map[string]any{"pad": "x"}
	for n := range 50 {
		groups = append(groups, fmt.Sprintf("group-%030d", n))
	}
	for range 12 {
		deep = map[string]any{"a": deep, "pad": strings.Repeat("p", 200)}
	}
	values := map[string]any{"ask": map[string]any{"groups": groups, "deep": deep, "reason": strings.Repeat("r", 1000)}}
	both, choice, loops := "true", "true", "true"
	for range 12 {
		both = "(" + both + " && ask.groups.exists(g, g.startsWith('group-')))"
		choice = "(ask.reason.contains('zz') ? false : " + choice + ")"
	}
	for n := range 4 {
		loops = fmt.Sprintf("ask.groups.exists(g%d, %s)", n, loops)
	}
	for name, when := range map[string]string{
		"fields": "ask.deep" + strings.Repeat(".a", 12) + ".pad == 'x'", "parentheses": both, "choices": choice, "loops": loops,
		"every group, twice": "ask.groups.all(a, ask.groups.all(b, a.size() == b.size()))",
	} {
		t.Run(name, func(t *testing.T) {
			set, err := scope.Compile(rule.Condition{Name: "when", When: when})
			if err != nil {
				t.Fatal(err)
			}
			if v := set.Eval(t.Context(), values); !v.Holds() {
				t.Error(v.Results[0].Fault)
			}
		})
	}
}
