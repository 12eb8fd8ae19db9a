package definition_test

import (
	"os"
	"testing"

	"github.com/sekisho/sekisho/internal/connector/definition"
)

func TestDefinitionsParse(t *testing.T) {
	for _, name := range []string{"servicenow", "jira-service-management-cloud", "request-tracker-5"} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile("definitions/" + name + ".yaml")
			if err != nil {
				t.Fatal(err)
			}
			d, err := definition.Parse(name+".yaml", text)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range d.Examples(t.Context()) {
				if r.Why != "" {
					t.Errorf("%s:%d: %s: %s", name, r.Line, r.Name, r.Why)
				}
			}
		})
	}
}
