package web

import (
	"encoding/json"
	"maps"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/danielgtaylor/huma/v2"
)

const schemaPrefix = "#/components/schemas/"

// namer gives every type a name of its own: rooms do not know how others call
// theirs. What readers see is made of it by publicNames.
type namer struct {
	operation string // that is being registered
	unnamed   map[reflect.Type]string
}

func (n *namer) name(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Name() != "" {
		return path.Base(t.PkgPath()) + "." + huma.DefaultSchemaNamer(t, hint)
	}
	if n.unnamed[t] == "" {
		n.unnamed[t] = camel(n.operation) + "." + huma.DefaultSchemaNamer(t, hint)
	}
	return n.unnamed[t]
}

// camel turns "list-own-tokens" into "ListOwnTokens".
func camel(name string) string {
	var b strings.Builder
	up := true
	for _, r := range name {
		switch {
		case r == '-' || r == '.' || r == '_':
			up = true
		case up:
			b.WriteRune(unicode.ToUpper(r))
			up = false
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// publicNames say what readers call a schema: what only one operation takes is
// its request, a list is one of its items, and what has a name loses what the
// source adds to it.
func publicNames(doc *huma.OpenAPI, ops []*operation) map[string]string {
	names, taken := map[string]string{}, map[string]bool{}
	give := func(key, name string) {
		if key == "" || names[key] != "" {
			return
		}
		for taken[name] {
			name = camel(strings.Replace(key, ".", "-", 1))
		}
		names[key], taken[name] = name, true
	}
	schemas := doc.Components.Schemas.Map()
	inside := membersRefer(schemas)
	keys := slices.Sorted(maps.Keys(schemas))
	for _, o := range ops {
		if key := o.takes(); key != "" && !inside[key] {
			give(key, camel(o.OperationID)+"Request")
		}
	}
	for _, key := range keys {
		if _, isUnnamed, _ := strings.Cut(key, "."); !strings.HasSuffix(isUnnamed, "OutputBody") && !strings.HasPrefix(isUnnamed, "Items") {
			give(key, plainName(key))
		}
	}
	for _, o := range ops {
		key := o.gives()
		if key == "" {
			continue
		}
		if item := itemOf(schemas[key]); item != "" {
			give(key, names[item]+"List")
		}
		give(key, camel(o.OperationID)+"Response")
	}
	for _, key := range keys {
		give(key, plainName(key))
	}
	return names
}

func plainName(key string) string {
	room, name, _ := strings.Cut(key, ".")
	name = strings.TrimSuffix(strings.Replace(name, "BodyR", "R", 1), "Struct")
	name = strings.Replace(strings.Replace(name, "BodyP", "P", 1), "BodyT", "T", 1)
	for _, end := range []string{"Body", "Resource"} {
		if short := strings.TrimSuffix(name, end); short != "" {
			name = short
			continue
		}
		name = camel(room)
	}
	return name
}

// membersRefer are the schemas that stand inside of others.
func membersRefer(schemas map[string]*huma.Schema) map[string]bool {
	inside := map[string]bool{}
	for _, schema := range schemas {
		for _, member := range schema.Properties {
			inside[keyOf(member)] = true
			if member.Items != nil {
				inside[keyOf(member.Items)] = true
			}
		}
	}
	return inside
}

func keyOf(s *huma.Schema) string {
	if s == nil {
		return ""
	}
	key, _ := strings.CutPrefix(s.Ref, schemaPrefix)
	return key
}

func itemOf(s *huma.Schema) string {
	if s == nil || s.Properties["items"] == nil {
		return ""
	}
	return keyOf(s.Properties["items"].Items)
}

// takes is the schema of the request's body.
func (o *operation) takes() string {
	if o.RequestBody == nil || o.RequestBody.Content["application/json"] == nil {
		return ""
	}
	return keyOf(o.RequestBody.Content["application/json"].Schema)
}

// gives is the schema of the answer's body.
func (o *operation) gives() string {
	r := o.Responses[strconv.Itoa(o.status)]
	if r == nil || r.Content["application/json"] == nil {
		return ""
	}
	return keyOf(r.Content["application/json"].Schema)
}

// marshal writes the document with the names that readers see, without what no
// operation refers to.
func (d *description) marshal() ([]byte, error) {
	text, err := json.Marshal(d.doc)
	if err != nil {
		return nil, err
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	rename(doc, d.names)
	components, _ := doc["components"].(map[string]any)
	schemas, _ := components["schemas"].(map[string]any)
	renamed := map[string]any{}
	for key, schema := range schemas {
		renamed[d.names[key]] = schema
	}
	components["schemas"] = renamed
	for {
		used := map[string]bool{}
		refers(doc, used)
		before := len(renamed)
		maps.DeleteFunc(renamed, func(name string, _ any) bool { return !used[name] })
		if len(renamed) == before {
			return json.Marshal(doc)
		}
	}
}

func rename(node any, names map[string]string) {
	switch node := node.(type) {
	case map[string]any:
		if ref, ok := node["$ref"].(string); ok {
			if key, inside := strings.CutPrefix(ref, schemaPrefix); inside {
				node["$ref"] = schemaPrefix + names[key]
			}
		}
		for _, child := range node {
			rename(child, names)
		}
	case []any:
		for _, child := range node {
			rename(child, names)
		}
	}
}

func refers(node any, used map[string]bool) {
	switch node := node.(type) {
	case map[string]any:
		if ref, ok := node["$ref"].(string); ok {
			used[strings.TrimPrefix(ref, schemaPrefix)] = true
		}
		for _, child := range node {
			refers(child, used)
		}
	case []any:
		for _, child := range node {
			refers(child, used)
		}
	}
}
