package definition_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/connector/definition"
	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// judge holds a value to the part of JSON Schema 2020-12 that our schema uses,
// and refuses to read a schema with more.
type judge struct {
	t    *testing.T
	root map[string]any
}

func (j judge) says(schema map[string]any, value any, path string) []string {
	var out []string
	bad := func(format string, args ...any) { out = append(out, path+": "+fmt.Sprintf(format, args...)) }
	m, isMap := value.(map[string]any)
	list, isList := value.([]any)
	text, isText := value.(string)
	n, isNumber := value.(float64)
	for key, rule := range schema {
		switch key {
		case "$ref":
			name := strings.TrimPrefix(rule.(string), "#/$defs/")
			out = append(out, j.says(j.root["$defs"].(map[string]any)[name].(map[string]any), value, path)...)
		case "type":
			names, one := rule.([]any)
			if !one {
				names = []any{rule}
			}
			if !slices.ContainsFunc(names, func(name any) bool { return is(name.(string), value) }) {
				bad("is no %v", rule)
			}
		case "const", "enum":
			known, one := rule.([]any)
			if !one {
				known = []any{rule}
			}
			if !slices.ContainsFunc(known, func(k any) bool { return reflect.DeepEqual(k, value) }) {
				bad("is not one of %v", known)
			}
		case "pattern":
			if isText && !regexp.MustCompile(rule.(string)).MatchString(text) {
				bad("does not match %v", rule)
			}
		case "minimum":
			if isNumber && n < rule.(float64) {
				bad("is too small")
			}
		case "maximum":
			if isNumber && n > rule.(float64) {
				bad("is too large")
			}
		case "minItems":
			if isList && float64(len(list)) < rule.(float64) {
				bad("has too few")
			}
		case "items":
			for i, item := range list {
				out = append(out, j.says(rule.(map[string]any), item, fmt.Sprintf("%s[%d]", path, i))...)
			}
		case "required":
			for _, name := range rule.([]any) {
				if _, there := m[name.(string)]; isMap && !there {
					bad("lacks %v", name)
				}
			}
		case "properties":
			for name, inner := range rule.(map[string]any) {
				if v, there := m[name]; there {
					out = append(out, j.says(inner.(map[string]any), v, path+"."+name)...)
				}
			}
		case "additionalProperties":
			known, _ := schema["properties"].(map[string]any)
			for name, v := range m {
				if _, own := known[name]; own {
					continue
				}
				if inner, some := rule.(map[string]any); some {
					out = append(out, j.says(inner, v, path+"."+name)...)
				} else if rule == false {
					bad("knows no %s", name)
				}
			}
		case "propertyNames":
			for name := range m {
				out = append(out, j.says(rule.(map[string]any), name, path+"."+name)...)
			}
		case "anyOf", "oneOf", "allOf":
			fits := 0
			for _, inner := range rule.([]any) {
				if len(j.says(inner.(map[string]any), value, path)) == 0 {
					fits++
				}
			}
			if all := len(rule.([]any)); key == "anyOf" && fits == 0 || key == "oneOf" && fits != 1 || key == "allOf" && fits != all {
				bad("fits %d of %d", fits, all)
			}
		case "$schema", "$id", "$defs", "title", "description":
		default:
			j.t.Fatalf("the schema says %s, which this test cannot read", key)
		}
	}
	return out
}

func is(name string, value any) bool {
	switch v := value.(type) {
	case map[string]any:
		return name == "object"
	case []any:
		return name == "array"
	case string:
		return name == "string"
	case bool:
		return name == "boolean"
	case float64:
		return name == "number" || name == "integer" && v == float64(int64(v))
	}
	return value == nil && name == "null"
}

// plain reads YAML as JSON would be; the scheme that says nothing is an empty map.
func plain(t *testing.T, text string) any {
	t.Helper()
	nodes, err := yaml.Parse("x", []byte(text), yaml.Limits{Aliases: 200})
	if err != nil {
		return nil
	}
	var value, out any
	if err := yaml.Decode(nodes[0], &value); err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(encoded, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTheSchemaSaysWhatParseSays(t *testing.T) {
	j := judge{t: t}
	if err := json.Unmarshal(definition.Schema, &j.root); err != nil {
		t.Fatal(err)
	}
	if j.root["$id"] != definition.APIVersion {
		t.Fatal("the schema is of another version")
	}
	good := []string{small}
	for _, file := range []string{"definitions/servicenow.yaml", "definitions/jira-service-management-cloud.yaml", "definitions/request-tracker-5.yaml", "../testdata/tool-shed.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		good = append(good, string(text))
	}
	for _, text := range good {
		if out := j.says(j.root, plain(t, text), ""); len(out) > 0 {
			t.Errorf("%.60q: %v", text, out)
		}
	}
	// What takes an understanding of CEL, of names or of settings, a schema cannot say.
	beyond := []string{
		"definition-unquoted", "definition-expression", "definition-type", "definition-host", "definition-host-unlisted", "definition-endpoint",
		"definition-pattern", "definition-header", "definition-secret-default", "definition-page", "definition-body", "definition-example", "yaml-duplicate-key",
	}
	both := 0
	for _, r := range refusals {
		value := plain(t, strings.Replace(small, r.old, r.new, 1))
		if r.code == "" || slices.Contains(beyond, r.code) || value == nil {
			continue
		}
		switch out := j.says(j.root, value, ""); {
		case len(out) > 0:
			both++
		case r.code == "definition-unknown-name" || r.code == "yaml-field-missing": // names within expressions, keys of the model
		default:
			t.Errorf("%s: Parse says %s, the schema takes it", r.name, r.code)
		}
	}
	if both < 8 {
		t.Errorf("the schema refuses %d of what Parse refuses", both)
	}
}
