package definition_test

import (
	"os"
	"testing"

	"github.com/sekisho/sekisho/internal/connector/definition"
)

func BenchmarkParse(b *testing.B) {
	for _, id := range []string{"servicenow", "jira-service-management-cloud", "request-tracker-5"} {
		text, err := os.ReadFile("definitions/" + id + ".yaml")
		if err != nil {
			b.Fatal(err)
		}
		b.Run(id, func(b *testing.B) {
			for b.Loop() {
				if _, err := definition.Parse(id, text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
