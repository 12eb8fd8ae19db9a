package yaml

import (
	"reflect"
	"slices"
	"strings"
)

// Walk visits every field of the struct that value points to, and everything
// in its structs, maps and lists, each with its path as Decode writes it.
// field is a pointer to what stands there; in a map, to a copy. Walk does not go
// into what visit returns true for.
func Walk(value any, visit func(path string, field any) bool) {
	walk(reflect.ValueOf(value), "", visit)
}

func walk(p reflect.Value, path string, visit func(string, any) bool) {
	if p.Kind() != reflect.Pointer || p.IsNil() || visit(path, p.Interface()) {
		return
	}
	switch v := p.Elem(); v.Kind() {
	case reflect.Pointer:
		walk(v, path, visit)
	case reflect.Struct:
		for _, m := range shape(v.Type()) {
			walk(v.FieldByIndex(m.index).Addr(), join(path, m.name), visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i).Addr(), at(path, i), visit)
		}
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String {
			walkMap(v, path, visit)
		}
	}
}

func walkMap(v reflect.Value, path string, visit func(string, any) bool) {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, key := range keys {
		own := reflect.New(v.Type().Elem())
		own.Elem().Set(v.MapIndex(key))
		walk(own, join(path, key.String()), visit)
	}
}
