package definition

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// The parts of a document that read their nodes by themselves: expressions with
// their lines, and maps whose order counts.

// expr is a CEL expression with the line where it stands.
type expr struct {
	text string
	line int
	code *code
}

func (x *expr) given() bool { return x != nil && x.line > 0 }

// UnmarshalNode takes text, and numbers and truth values as the CEL that they
// also are.
func (x *expr) UnmarshalNode(n *yaml.Node) error {
	switch n.Kind {
	case yaml.String, yaml.Int, yaml.Float, yaml.Bool:
		x.text, x.line = n.Text, n.Line
		return nil
	}
	return yaml.Problems{n.Problem("", yaml.CodeType, "want", "string", "got", n.Kind.String())}
}

// tree is a value made of expressions: one, or a map or a list of trees.
type tree struct {
	leaf   *expr
	fields []branch
	items  []*tree
	line   int
	kind   yaml.Kind
}

type branch struct {
	name  string
	line  int
	value *tree
}

func (t *tree) get(name string) *tree {
	if t == nil {
		return nil
	}
	for _, f := range t.fields {
		if f.name == name {
			return f.value
		}
	}
	return nil
}

// UnmarshalNode takes anything: what is not a map or a list is an expression.
func (t *tree) UnmarshalNode(n *yaml.Node) error {
	t.line, t.kind = n.Line, n.Kind
	switch n.Kind {
	case yaml.Map:
		for _, f := range n.Fields {
			inner := &tree{}
			if err := inner.UnmarshalNode(f.Value); err != nil {
				return err
			}
			t.fields = append(t.fields, branch{f.Name, f.Line, inner})
		}
		return nil
	case yaml.List:
		for _, item := range n.Items {
			inner := &tree{}
			if err := inner.UnmarshalNode(item); err != nil {
				return err
			}
			t.items = append(t.items, inner)
		}
		return nil
	}
	t.leaf = &expr{}
	return t.leaf.UnmarshalNode(n)
}

// pairs are names with an expression each, in the order of the file.
type pairs []pair

type pair struct {
	name  string
	line  int
	value expr
}

// UnmarshalNode reads a map.
func (ps *pairs) UnmarshalNode(n *yaml.Node) error {
	return eachField(n, func(f yaml.Field) error {
		p := pair{name: f.Name, line: f.Line}
		err := p.value.UnmarshalNode(f.Value)
		*ps = append(*ps, p)
		return err
	})
}

func (ps pairs) has(name string) bool {
	return slices.ContainsFunc(ps, func(p pair) bool { return p.name == name })
}

// operations are an ordered map.
type operations []*operation

func (os operations) get(name string) *operation {
	i := slices.IndexFunc(os, func(o *operation) bool { return o.name == name })
	if i < 0 {
		return nil
	}
	return os[i]
}

// UnmarshalNode reads a map.
func (os *operations) UnmarshalNode(n *yaml.Node) error {
	return eachField(n, func(f yaml.Field) error {
		op := &operation{name: f.Name, line: f.Line}
		err := yaml.Decode(f.Value, op)
		*os = append(*os, op)
		return err
	})
}

// UnmarshalNode reads a step and keeps its line.
func (s *step) UnmarshalNode(n *yaml.Node) error {
	type plain step
	s.line = n.Line
	return yaml.Decode(n, (*plain)(s))
}

// UnmarshalNode reads a request and keeps its node.
func (q *request) UnmarshalNode(n *yaml.Node) error {
	type plain request
	q.node = n
	return yaml.Decode(n, (*plain)(q))
}

// UnmarshalNode reads how to page and keeps the line.
func (g *pager) UnmarshalNode(n *yaml.Node) error {
	type plain pager
	g.line = n.Line
	return yaml.Decode(n, (*plain)(g))
}

// UnmarshalNode reads how to verify and keeps the line.
func (v *verify) UnmarshalNode(n *yaml.Node) error {
	type plain verify
	v.line = n.Line
	return yaml.Decode(n, (*plain)(v))
}

// eachField visits the fields of a map and gathers all their problems.
func eachField(n *yaml.Node, visit func(yaml.Field) error) error {
	if n.Kind != yaml.Map {
		return yaml.Problems{n.Problem("", yaml.CodeType, "want", "map", "got", n.Kind.String())}
	}
	var bad yaml.Problems
	for _, f := range n.Fields {
		var inner yaml.Problems
		if err := visit(f); errors.As(err, &inner) {
			for _, p := range inner {
				p.Path = below(f.Name, p.Path)
				bad = append(bad, p)
			}
		} else if err != nil {
			bad = append(bad, f.Value.Problem(f.Name, yaml.CodeValue, "reason", err.Error()))
		}
	}
	return bad.Err()
}

func below(path, rest string) string {
	switch {
	case path == "" || rest == "":
		return path + rest
	case strings.HasPrefix(rest, "["):
		return path + rest
	}
	return path + "." + rest
}

// size is a number of bytes: "4MiB".
type size int64

// UnmarshalText reads bytes with KiB or MiB.
func (s *size) UnmarshalText(text []byte) error {
	digits, unit := strings.TrimSpace(string(text)), int64(1)
	for suffix, factor := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20} {
		if rest, ok := strings.CutSuffix(digits, suffix); ok {
			digits, unit = strings.TrimSpace(rest), factor
		}
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || n <= 0 {
		return errors.New("want a size such as 512KiB or 4MiB")
	}
	*s = size(n * unit)
	return nil
}

// percent is a part of a hundred: "20%".
type percent int

// UnmarshalText reads a number before a percent sign.
func (p *percent) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(strings.TrimSuffix(string(text), "%"))
	if err != nil || n < 0 || n > 100 || !strings.HasSuffix(string(text), "%") {
		return errors.New("want a percentage such as 20%")
	}
	*p = percent(n)
	return nil
}
