package change

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
	"github.com/sekisho/sekisho/internal/store"
)

// fields lists what a value says, a line for each field and for each of a list of
// words; what is empty is left out.
func fields(value any) []string {
	var lines []string
	flatten("", reflect.ValueOf(value), &lines)
	return lines
}

// fieldsOf lists what a JSON document says.
func fieldsOf(text json.RawMessage) []string {
	var value any
	if json.Unmarshal(text, &value) != nil {
		return nil
	}
	return fields(value)
}

func flatten(path string, v reflect.Value, lines *[]string) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if !v.IsValid() || v.IsZero() {
		return
	}
	switch one := v.Interface().(type) {
	case time.Duration:
		*lines = append(*lines, path+": "+one.String())
		return
	case time.Time:
		*lines = append(*lines, path+": "+one.UTC().Format(time.RFC3339))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			flattenField(path, v.Type().Field(i), v.Field(i), lines)
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, key := range keys {
			flatten(under(path, key.String()), v.MapIndex(key), lines)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			at := path
			if one := reflect.Indirect(v.Index(i)); !scalar(one) {
				at = fmt.Sprintf("%s[%d]", path, i+1)
			}
			flatten(at, v.Index(i), lines)
		}
	default:
		*lines = append(*lines, fmt.Sprintf("%s: %v", path, v.Interface()))
	}
}

// flattenField adds a field of a struct under the name that JSON gives it; one
// that is embedded is no step of the path.
func flattenField(path string, f reflect.StructField, v reflect.Value, lines *[]string) {
	if !f.IsExported() {
		return
	}
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	switch {
	case f.Anonymous && name == "":
		flatten(path, v, lines)
	case name == "":
		flatten(under(path, strings.ToLower(f.Name)), v, lines)
	default:
		flatten(under(path, name), v, lines)
	}
}

// scalar reports whether a value stands in one line.
func scalar(v reflect.Value) bool {
	for v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	return !slices.Contains([]reflect.Kind{reflect.Struct, reflect.Map, reflect.Slice, reflect.Array}, v.Kind())
}

func under(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// identifier finds what may be an identifier in a line.
var identifier = regexp.MustCompile(`\b[0-9a-hjkmnp-tv-z]{26}\b`)

// nameAll puts the names of people, groups, roles and systems of an organization
// in the place of their identifiers.
func (r *Room) nameAll(v *store.View, in id.Org, lists ...[]string) error {
	names := map[string]string{}
	for _, lines := range lists {
		for _, line := range lines {
			for _, which := range identifier.FindAllString(line, -1) {
				names[which] = ""
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	if err := r.findNames(v, in, names); err != nil {
		return err
	}
	for _, lines := range lists {
		for i, line := range lines {
			lines[i] = identifier.ReplaceAllStringFunc(line, func(which string) string {
				if name := names[which]; name != "" {
					return name
				}
				return which
			})
		}
	}
	return nil
}

// findNames fills in what identifiers are called.
func (r *Room) findNames(v *store.View, in id.Org, names map[string]string) error {
	var people []id.Person
	for which := range names {
		people = append(people, id.Person(which))
	}
	found, err := org.PeopleByID(v, people)
	if err != nil {
		return err
	}
	for _, p := range found {
		names[string(p.ID)] = p.Login
	}
	roles, err := org.AllRoles(v, in)
	if err != nil {
		return err
	}
	for _, role := range roles {
		names[string(role.ID)] = role.Name
	}
	groups, err := org.AllGroups(v, in)
	if err != nil {
		return err
	}
	for _, g := range groups {
		names[string(g.ID)] = g.Name
	}
	systems, err := connector.Loaded(v.Org(in))
	for _, s := range systems {
		names[string(s.ID)] = s.Name
	}
	if o, bad := org.OrganizationByID(v, in); bad == nil {
		names[string(o.ID)] = o.Name
	}
	return err
}
