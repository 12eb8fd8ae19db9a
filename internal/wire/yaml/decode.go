package yaml

import (
	"encoding"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
)

// Unmarshaler is a value that reads a node by itself. Problems that it returns
// carry paths relative to the node; a fault gives its code and arguments to the
// problem; any other error becomes yaml-bad-value with its text as the reason,
// so that text must not repeat a secret.
type Unmarshaler interface {
	UnmarshalNode(n *Node) error
}

// Decode reads the node into the struct, map or slice that into points to. The
// error is Problems with everything that is wrong. Besides Go's plain types it
// knows time.Duration ("90s"), secret.Text, any encoding.TextUnmarshaler and
// Unmarshaler. A null leaves the field as it is. Text is taken for a string as
// written even where YAML sees a number (a ticket 00123), but true and false
// must be quoted.
func Decode(n *Node, into any) error {
	return DecodeAt(n, "", into)
}

// DecodeAt is Decode for a node that stands at path in its document.
func DecodeAt(n *Node, path string, into any) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return errors.New("yaml: Decode needs a pointer")
	}
	var d decoder
	d.decode(n, v.Elem(), path)
	return d.problems.Err()
}

type decoder struct{ problems Problems }

func (d *decoder) add(p Problem) {
	if len(d.problems) < most {
		d.problems = append(d.problems, p)
	}
}

var (
	secretType   = reflect.TypeFor[secret.Text]()
	durationType = reflect.TypeFor[time.Duration]()
)

func (d *decoder) decode(n *Node, v reflect.Value, path string) {
	if hook, ok := v.Addr().Interface().(Unmarshaler); ok {
		d.refusal(n, path, hook.UnmarshalNode(n))
		return
	}
	if n.Kind == Null {
		return
	}
	if v.Kind() == reflect.Pointer {
		fresh := reflect.New(v.Type().Elem())
		d.decode(n, fresh.Elem(), path)
		v.Set(fresh)
		return
	}
	if v.Type() == secretType {
		if d.text(n, path) {
			v.Set(reflect.ValueOf(secret.Of(n.Text)))
		}
		return
	}
	if v.Type() == durationType {
		if d.text(n, path) {
			d.duration(n, v, path)
		}
		return
	}
	if hook, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if d.text(n, path) {
			d.refusal(n, path, hook.UnmarshalText([]byte(n.Text)))
		}
		return
	}
	d.plain(n, v, path)
}

func (d *decoder) plain(n *Node, v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Struct:
		if d.want(n, path, Map) {
			d.structure(n, v, path)
		}
	case reflect.Map:
		if d.want(n, path, Map) {
			d.table(n, v, path)
		}
	case reflect.Slice:
		if d.want(n, path, List) {
			d.list(n, v, path)
		}
	case reflect.String:
		if d.text(n, path) {
			v.SetString(n.Text)
		}
	case reflect.Bool:
		if d.want(n, path, Bool) {
			v.SetBool(strings.EqualFold(n.Text, "true"))
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if d.want(n, path, Int) {
			d.integer(n, v, path)
		}
	case reflect.Float32, reflect.Float64:
		if n.Kind == Int || d.want(n, path, Float) {
			d.float(n, v, path)
		}
	case reflect.Interface:
		if v.NumMethod() > 0 {
			d.add(n.Problem(path, CodeValue, "reason", "no YAML for "+v.Type().String()))
		} else if value := d.value(n, path); value != nil {
			v.Set(reflect.ValueOf(value))
		}
	default:
		d.add(n.Problem(path, CodeValue, "reason", "no YAML for "+v.Type().String()))
	}
}

// want notes a problem unless the node has the kind. The value itself is never
// repeated: it could be a secret in the wrong place.
func (d *decoder) want(n *Node, path string, kind Kind) bool {
	if n.Kind == kind {
		return true
	}
	d.add(n.Problem(path, CodeType, "want", kind.String(), "got", n.Kind.String()))
	return false
}

func (d *decoder) text(n *Node, path string) bool {
	return n.Kind == Int || n.Kind == Float || d.want(n, path, String)
}

// refusal turns what a hook returned into problems.
func (d *decoder) refusal(n *Node, path string, err error) {
	var inner Problems
	switch {
	case err == nil:
	case errors.As(err, &inner):
		for _, p := range inner {
			p.Path = beneath(path, p.Path)
			d.add(p)
		}
	case fault.As(err) != nil:
		f := fault.As(err)
		d.add(Problem{File: n.File, Line: n.Line, Path: path, Code: f.Code, Args: f.Args})
	default:
		d.add(n.Problem(path, CodeValue, "reason", err.Error()))
	}
}

func beneath(path, rest string) string {
	if rest == "" || strings.HasPrefix(rest, "[") {
		return path + rest
	}
	return join(path, rest)
}

func (d *decoder) duration(n *Node, v reflect.Value, path string) {
	span, err := time.ParseDuration(n.Text)
	if err != nil {
		d.add(n.Problem(path, CodeValue, "reason", "want a duration such as 90s, 15m or 8h"))
		return
	}
	v.SetInt(int64(span))
}

// decimal is how numbers are written: YAML 1.1 would read 010 as eight.
func decimal(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || len(digits) > 1 && digits[0] == '0' {
		return false
	}
	return strings.Trim(digits, "0123456789") == ""
}

func (d *decoder) integer(n *Node, v reflect.Value, path string) {
	bits := v.Type().Bits()
	if decimal(n.Text) {
		if v.CanInt() {
			if i, err := strconv.ParseInt(n.Text, 10, bits); err == nil {
				v.SetInt(i)
				return
			}
		} else if u, err := strconv.ParseUint(n.Text, 10, bits); err == nil {
			v.SetUint(u)
			return
		}
	}
	d.add(n.Problem(path, CodeNumber))
}

func (d *decoder) float(n *Node, v reflect.Value, path string) {
	f, err := strconv.ParseFloat(n.Text, v.Type().Bits())
	if err != nil { // .inf and .nan are spelled otherwise in Go, and wanted nowhere
		d.add(n.Problem(path, CodeNumber))
		return
	}
	v.SetFloat(f)
}

func (d *decoder) list(n *Node, v reflect.Value, path string) {
	out := reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items))
	for i, item := range n.Items {
		d.decode(item, out.Index(i), at(path, i))
	}
	v.Set(out)
}

func (d *decoder) table(n *Node, v reflect.Value, path string) {
	if v.Type().Key().Kind() != reflect.String {
		d.add(n.Problem(path, CodeValue, "reason", "no YAML for "+v.Type().String()))
		return
	}
	out := reflect.MakeMapWithSize(v.Type(), len(n.Fields))
	for _, f := range n.Fields {
		value := reflect.New(v.Type().Elem()).Elem()
		d.decode(f.Value, value, join(path, f.Name))
		out.SetMapIndex(reflect.ValueOf(f.Name).Convert(v.Type().Key()), value)
	}
	v.Set(out)
}

func (d *decoder) structure(n *Node, v reflect.Value, path string) {
	known := shape(v.Type())
	for _, f := range n.Fields {
		i := slices.IndexFunc(known, func(m member) bool { return m.name == f.Name })
		if i < 0 {
			d.add(Problem{
				File: n.File, Line: f.Line, Path: join(path, f.Name), Code: CodeUnknownField,
				Args: fault.Args{"name": f.Name, "known": names(known)},
			})
			continue
		}
		d.decode(f.Value, v.FieldByIndex(known[i].index), join(path, f.Name))
	}
	for _, m := range known {
		if given := n.Get(m.name); m.required && (given == nil || given.Kind == Null) {
			d.add(n.Problem(join(path, m.name), CodeMissing, "name", m.name))
		}
	}
}

func (d *decoder) value(n *Node, path string) any {
	var out any
	switch n.Kind {
	case Bool:
		var b bool
		d.plain(n, reflect.ValueOf(&b).Elem(), path)
		out = b
	case Int:
		var i int64
		d.plain(n, reflect.ValueOf(&i).Elem(), path)
		out = i
	case Float:
		var f float64
		d.plain(n, reflect.ValueOf(&f).Elem(), path)
		out = f
	case List:
		list := []any{}
		d.plain(n, reflect.ValueOf(&list).Elem(), path)
		out = list
	case Map:
		table := map[string]any{}
		d.plain(n, reflect.ValueOf(&table).Elem(), path)
		out = table
	case String:
		out = n.Text
	}
	return out
}

// member is one named field of a struct.
type member struct {
	name      string
	index     []int
	required  bool
	omitEmpty bool
}

func names(members []member) string {
	var out []string
	for _, m := range members {
		out = append(out, m.name)
	}
	return strings.Join(out, ", ")
}

// shape lists the members of a struct type in the order of its declaration.
func shape(t reflect.Type) []member {
	var out []member
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if options == "inline" && f.Type.Kind() == reflect.Struct {
			for _, m := range shape(f.Type) {
				m.index = append([]int{i}, m.index...)
				out = append(out, m)
			}
			continue
		}
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		out = append(out, member{
			name: name, index: []int{i},
			required:  strings.Contains(options, "required"),
			omitEmpty: strings.Contains(options, "omitempty"),
		})
	}
	return out
}
