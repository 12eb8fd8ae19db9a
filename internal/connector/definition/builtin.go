package definition

import (
	"embed"
	"fmt"
	"slices"
	"sync"
)

//go:embed definitions/*.yaml
var definitions embed.FS

// shipped are the definitions of the product, in the order of the gallery.
var shipped = sync.OnceValues(func() ([]*Definition, error) {
	var out []*Definition
	for _, id := range []string{"servicenow", "jira-service-management-cloud", "request-tracker-5", "card-http"} {
		text, err := definitions.ReadFile("definitions/" + id + ".yaml")
		if err != nil {
			return nil, fmt.Errorf("connector: %w", err)
		}
		d, err := Parse(id+".yaml", text)
		if err != nil {
			return nil, fmt.Errorf("connector: %s: %w", id, err)
		}
		out = append(out, d)
	}
	return out, nil
})

// BuiltIn returns the definitions that come with the product. A test sees to it
// that they parse.
func BuiltIn() []*Definition {
	all, err := shipped()
	if err != nil {
		return nil
	}
	return slices.Clone(all)
}
