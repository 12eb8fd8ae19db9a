package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// Difference is one field that a change changes. Before and After are short
// YAML, "" where the field is not there; a secret shows as [secret].
type Difference struct {
	Path   string `json:"path" doc:"Of the field within spec"`
	Before string `json:"before,omitempty" doc:"As it is; missing where the field is not there"`
	After  string `json:"after,omitempty" doc:"As it will be; missing where the field will not be there"`
}

// flat lists the fields of a spec by path: those of maps each by itself, a list
// as one. nil has none.
func flat(spec any) (map[string]string, error) {
	out := map[string]string{}
	if spec == nil {
		return out, nil
	}
	n, err := yaml.ToNode(spec)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	flatten(n, "", out)
	return out, nil
}

func flatten(n *yaml.Node, path string, out map[string]string) {
	switch {
	case n.Kind == yaml.Null:
	case n.Kind == yaml.Map && len(n.Fields) > 0 && !kept(n):
		for _, f := range n.Fields {
			below := f.Name
			if path != "" {
				below = path + "." + f.Name
			}
			flatten(f.Value, below, out)
		}
	default:
		out[path] = inline(n)
	}
}

// kept reports whether the node is how Secret writes itself.
func kept(n *yaml.Node) bool {
	return len(n.Fields) == 1 && n.Fields[0].Name == "keep" && n.Fields[0].Value.Text == "true"
}

func inline(n *yaml.Node) string {
	var parts []string
	switch {
	case n.Kind == yaml.String:
		return strconv.Quote(n.Text) // escapes what could move a terminal's cursor
	case kept(n):
		return secret.Redacted
	case n.Kind == yaml.List:
		for _, item := range n.Items {
			parts = append(parts, inline(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case n.Kind == yaml.Map:
		for _, f := range n.Fields {
			parts = append(parts, f.Name+": "+inline(f.Value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case n.Kind == yaml.Null:
		return "null"
	}
	return n.Text
}

func paths(a, b map[string]string) []string {
	all := slices.Sorted(maps.Keys(a))
	for path := range b {
		if _, both := a[path]; !both {
			all = append(all, path)
		}
	}
	slices.Sort(all)
	return all
}
