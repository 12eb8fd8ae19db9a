package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sekisho/sekisho/internal/fault"
)

const (
	maxDepth   = 64
	maxMembers = 10_000
	maxLarge   = 1_000_000 // members on a Large route
)

// Decode reads one JSON document as encoding/json does not: a member twice, a
// member in another case, an unknown member, text after the end, broken UTF-8,
// half a surrogate pair, too deep or too many are all refused (A031, A147).
func Decode(body []byte, into any) error {
	if err := scanJSON(body, reflect.TypeOf(into), maxMembers); err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return &fault.Fault{
				Kind: fault.Invalid, Code: "input-invalid", Err: err,
				Fields: []fault.Field{{Path: kind.Field, Code: "field-wrong-type", Args: fault.Pairs("want", kind.Type.Kind().String())}},
			}
		}
		return fault.New(fault.Invalid, "json-malformed").Because(err)
	}
	return nil
}

// scanner walks the tokens once. Members are compared with the struct's own
// names where a type is known; nil means any member.
type scanner struct {
	decoder *json.Decoder
	members int
	most    int
	bad     fault.Checks
}

// scanJSON checks a document against the caps, and its member names against t
// unless t is nil.
func scanJSON(body []byte, t reflect.Type, most int) error {
	if !utf8.Valid(body) || unwritable(body) {
		return fault.New(fault.Invalid, "text-not-utf8")
	}
	s := &scanner{decoder: json.NewDecoder(bytes.NewReader(body)), most: most}
	s.decoder.UseNumber()
	if err := s.value(t, "", 0); err != nil {
		return asFault(err)
	}
	if _, err := s.decoder.Token(); !errors.Is(err, io.EOF) {
		return fault.New(fault.Invalid, "json-malformed")
	}
	if f := s.bad.Fault("input-invalid"); f != nil {
		return f
	}
	return nil
}

func asFault(err error) error {
	if fault.As(err) != nil {
		return err
	}
	return fault.New(fault.Invalid, "json-malformed").Because(err)
}

func (s *scanner) value(t reflect.Type, path string, depth int) error {
	if depth > maxDepth {
		return fault.New(fault.Invalid, "json-too-deep", "limit", maxDepth)
	}
	token, err := s.decoder.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		return s.object(t, path, depth)
	case json.Delim('['):
		return s.array(t, path, depth)
	}
	return nil
}

func (s *scanner) object(t reflect.Type, path string, depth int) error {
	known, element := membersOf(t)
	seen := map[string]bool{}
	for s.decoder.More() {
		if err := s.count(); err != nil {
			return err
		}
		token, err := s.decoder.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		at := join(path, name)
		if seen[name] {
			return fault.New(fault.Invalid, "json-member-twice", "name", printable(at))
		}
		seen[name] = true
		next := element
		if known != nil {
			member, ok := known[name]
			if !ok {
				s.bad.Add(printable(at), "field-unknown")
			}
			next = member
		}
		if err := s.value(next, at, depth+1); err != nil {
			return err
		}
	}
	_, err := s.decoder.Token()
	return err
}

func (s *scanner) array(t reflect.Type, path string, depth int) error {
	var element reflect.Type
	if t = deref(t); t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) {
		element = t.Elem()
	}
	for i := 0; s.decoder.More(); i++ {
		if err := s.count(); err != nil {
			return err
		}
		if err := s.value(element, path+"["+strconv.Itoa(i)+"]", depth+1); err != nil {
			return err
		}
	}
	_, err := s.decoder.Token()
	return err
}

func (s *scanner) count() error {
	if s.members++; s.members > s.most {
		return fault.New(fault.Invalid, "json-too-many", "limit", s.most)
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func deref(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// membersOf returns the exact member names of a struct, or the element type of
// a map. A type that reads itself is not looked into.
func membersOf(t reflect.Type) (map[string]reflect.Type, reflect.Type) {
	t = deref(t)
	if t == nil || reflect.PointerTo(t).Implements(unmarshaler) {
		return nil, nil
	}
	switch t.Kind() {
	case reflect.Map:
		return nil, t.Elem()
	case reflect.Struct:
		known := map[string]reflect.Type{}
		for _, field := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if field.Anonymous && name == "" || !field.IsExported() || field.Tag.Get("json") == "-" {
				continue
			}
			if name == "" {
				name = field.Name
			}
			known[name] = field.Type
		}
		return known, nil
	}
	return nil, nil
}

// unwritable finds \u0000, and \uD800–\uDFFF without its partner: encoding/json
// makes U+FFFD of it, and two names that differed become one.
func unwritable(body []byte) bool {
	for i := 0; i+1 < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		i++ // the escaped character itself is consumed
		if body[i] != 'u' {
			continue
		}
		unit := hexUnit(body, i+1)
		if bytes.HasPrefix(body[i+1:], []byte("0000")) { // PostgreSQL keeps no NUL in a text
			return true
		}
		if unit < 0xD800 || unit > 0xDFFF {
			continue
		}
		if unit >= 0xDC00 || i+6 >= len(body) || body[i+5] != '\\' || body[i+6] != 'u' {
			return true
		}
		if low := hexUnit(body, i+7); low < 0xDC00 || low > 0xDFFF {
			return true
		}
		i += 10
	}
	return false
}

func hexUnit(body []byte, at int) int64 {
	if at+4 > len(body) {
		return 0
	}
	unit, err := strconv.ParseInt(string(body[at:at+4]), 16, 32)
	if err != nil {
		return 0
	}
	return unit
}
