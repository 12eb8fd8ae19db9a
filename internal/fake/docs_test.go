package fake_test

import (
	"os"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/fake"
	"github.com/sekisho/sekisho/internal/fake/jira"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
)

func TestEverySwitchIsExplained(t *testing.T) {
	text, err := os.ReadFile("../../docs/simulators.md")
	if err != nil {
		t.Fatal(err)
	}
	_, both, _ := strings.Cut(string(text), "## Switches of both")
	both, now, _ := strings.Cut(both, "## ServiceNow")
	now, cloud, _ := strings.Cut(now, "## Jira")
	for _, one := range []struct {
		name, text string
		switches   any
	}{{"ServiceNow", both + now, &servicenow.Switches{}}, {"Jira", both + cloud, &jira.Switches{}}} {
		for _, name := range fake.Names(one.switches) {
			if !strings.Contains(one.text, "`"+name+"`") {
				t.Errorf("docs/simulators.md does not explain %s of %s", name, one.name)
			}
		}
	}
}
