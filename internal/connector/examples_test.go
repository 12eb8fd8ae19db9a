package connector_test

import (
	"slices"
	"testing"

	"github.com/sekisho/sekisho/internal/connector"
)

// What is shipped passes its own tests, and what they map fits the model.
func TestBuiltInDefinitionsPassTheirExamples(t *testing.T) {
	all := connector.BuiltIn()
	if len(all) < 3 {
		t.Fatal("the definitions of the product do not parse")
	}
	for _, d := range all {
		if d.Kind == connector.KindCard {
			continue
		}
		t.Run(d.ID, func(t *testing.T) {
			results := connector.Examples(t.Context(), d)
			for _, r := range results {
				if r.Why != "" {
					t.Errorf("%s:%d: %s: %s", d.ID, r.Line, r.Name, r.Why)
				}
			}
			for _, op := range d.Operations() {
				if !slices.ContainsFunc(results, func(r connector.ExampleResult) bool { return r.Op == op }) {
					t.Errorf("no example shows %s", op)
				}
			}
		})
	}
}
