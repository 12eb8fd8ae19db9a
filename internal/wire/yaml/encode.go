package yaml

import (
	"bytes"
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/sekisho/sekisho/internal/secret"
)

// Marshaler is a value that makes its node by itself.
type Marshaler interface {
	MarshalNode() (*Node, error)
}

// Encode writes the values as documents of one file. Equal values give equal
// bytes: fields stand in the order of the struct, map keys are sorted, and
// what Parse reads back is the same tree. A secret.Text is an error: only its
// owner may say what stands in its place.
func Encode(docs ...any) ([]byte, error) {
	if len(docs) == 0 {
		return nil, nil // the library cannot write an empty stream
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	for _, doc := range docs {
		n, err := ToNode(doc)
		if err != nil {
			return nil, err
		}
		if err := enc.Encode(library(n)); err != nil {
			return nil, fmt.Errorf("yaml: %w", err)
		}
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("yaml: %w", err)
	}
	return out.Bytes(), nil
}

// ToNode makes the tree of a value, as Encode would write it.
func ToNode(value any) (*Node, error) {
	if n, ok := value.(*Node); ok {
		return n, nil
	}
	return encode(reflect.ValueOf(value))
}

func encode(v reflect.Value) (*Node, error) {
	if !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return &Node{}, nil
	}
	switch hook := v.Interface().(type) {
	case Marshaler:
		return hook.MarshalNode()
	case secret.Text:
		return nil, fmt.Errorf("yaml: a secret has no YAML form")
	case time.Duration:
		return &Node{Kind: String, Text: span(hook)}, nil
	case encoding.TextMarshaler:
		text, err := hook.MarshalText()
		return &Node{Kind: String, Text: string(text)}, err
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return encode(v.Elem())
	case reflect.Struct:
		return encodeStruct(v)
	case reflect.Map:
		return encodeMap(v)
	case reflect.Slice:
		return encodeList(v)
	}
	return encodeScalar(v)
}

// span writes a duration without the zero units that Go appends ("8h0m0s").
func span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func encodeScalar(v reflect.Value) (*Node, error) {
	switch {
	case v.Kind() == reflect.String:
		return &Node{Kind: String, Text: v.String()}, nil
	case v.Kind() == reflect.Bool:
		return &Node{Kind: Bool, Text: strconv.FormatBool(v.Bool())}, nil
	case v.CanInt():
		return &Node{Kind: Int, Text: strconv.FormatInt(v.Int(), 10)}, nil
	case v.CanUint():
		return &Node{Kind: Int, Text: strconv.FormatUint(v.Uint(), 10)}, nil
	case v.CanFloat() && !math.IsNaN(v.Float()) && !math.IsInf(v.Float(), 0):
		return &Node{Kind: Float, Text: float(v.Float(), v.Type().Bits())}, nil
	}
	return nil, fmt.Errorf("yaml: no YAML for %s", v.Type())
}

// float writes a number so that it reads as a float again.
func float(f float64, bits int) string {
	s := strconv.FormatFloat(f, 'g', -1, bits)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

func encodeList(v reflect.Value) (*Node, error) {
	n := &Node{Kind: List}
	for i := range v.Len() {
		item, err := encode(v.Index(i))
		if err != nil {
			return nil, err
		}
		n.Items = append(n.Items, item)
	}
	return n, nil
}

func encodeMap(v reflect.Value) (*Node, error) {
	if v.Type().Key().Kind() != reflect.String {
		return nil, fmt.Errorf("yaml: no YAML for %s", v.Type())
	}
	n := &Node{Kind: Map}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, key := range keys {
		value, err := encode(v.MapIndex(key))
		if err != nil {
			return nil, err
		}
		n.Fields = append(n.Fields, Field{Name: key.String(), Value: value})
	}
	return n, nil
}

func encodeStruct(v reflect.Value) (*Node, error) {
	n := &Node{Kind: Map}
	for _, m := range shape(v.Type()) {
		field := v.FieldByIndex(m.index)
		if m.omitEmpty && empty(field) {
			continue
		}
		value, err := encode(field)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		n.Fields = append(n.Fields, Field{Name: m.name, Value: value})
	}
	return n, nil
}

func empty(v reflect.Value) bool {
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
		return v.Len() == 0
	}
	return v.IsZero()
}

// library makes the library's tree of ours.
func library(n *Node) *yaml.Node {
	switch n.Kind {
	case List:
		y := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		if len(n.Items) == 0 {
			y.Style = yaml.FlowStyle
		}
		for _, item := range n.Items {
			y.Content = append(y.Content, library(item))
		}
		return y
	case Map:
		y := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		if len(n.Fields) == 0 {
			y.Style = yaml.FlowStyle
		}
		for _, f := range n.Fields {
			y.Content = append(y.Content, text(f.Name), library(f.Value))
		}
		return y
	case String:
		return text(n.Text)
	case Null:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: n.Text}
}

// old are the words that YAML 1.1 readers take for booleans: they are quoted
// for the sake of other programs that read our files.
var old = []string{"y", "yes", "n", "no", "on", "off"}

func text(s string) *yaml.Node {
	y := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	switch {
	case legible(s):
		y.Style = yaml.LiteralStyle
	case s == "" || strings.ContainsFunc(s, odd) || slices.Contains(old, strings.ToLower(s)) || strings.TrimSpace(s) != s:
		y.Style = yaml.DoubleQuotedStyle
	}
	return y
}

// legible reports whether several lines may stand as a block; one that starts
// with a blank or carries trailing blanks would not read back the same.
func legible(s string) bool {
	if !strings.Contains(s, "\n") || !strings.HasSuffix(s, "\n") || strings.HasSuffix(s, "\n\n") {
		return false
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(s, "\n"), "\n") {
		if line == "" || strings.TrimSpace(line) != line || strings.ContainsFunc(line, odd) {
			return false
		}
	}
	return true
}

func odd(r rune) bool { return r == unicode.ReplacementChar || r == '\ufeff' || !unicode.IsPrint(r) }
