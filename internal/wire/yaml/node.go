package yaml

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
)

// Kind is what a node is. The zero value is Null.
type Kind uint8

// The kinds. Text of a date has kind String: the field's type reads it.
const (
	Null Kind = iota
	Bool
	Int
	Float
	String
	List
	Map
)

var kinds = [...]string{"null", "bool", "int", "float", "string", "list", "map"}

// String returns the kind's lower-case name.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k]
	}
	return fmt.Sprintf("kind-%d", k)
}

// MarshalText returns the kind's name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads the kind's name.
func (k *Kind) UnmarshalText(text []byte) error {
	i := slices.Index(kinds[:], string(text))
	if i < 0 {
		return fmt.Errorf("yaml: no such kind of node: %q", text)
	}
	*k = Kind(i)
	return nil
}

// Node is one value of a document, with the place where it stands. As JSON it
// is {"kind", "line", "text" | "items" | "fields": [{"name", "line", "value"}]};
// the file is said once, by whoever sends it (SetFile).
type Node struct {
	Kind   Kind    `json:"kind"`
	File   string  `json:"-"`
	Line   int     `json:"line,omitempty"`
	Text   string  `json:"text,omitempty"`   // of a scalar, as written, escapes resolved
	Items  []*Node `json:"items,omitempty"`  // of a List
	Fields []Field `json:"fields,omitempty"` // of a Map, in the order of the file
}

// Field is one entry of a Map.
type Field struct {
	Name  string `json:"name"`
	Line  int    `json:"line,omitempty"`
	Value *Node  `json:"value"`
}

// Get returns the value of the named field, or nil.
func (n *Node) Get(name string) *Node {
	if n == nil {
		return nil
	}
	for _, f := range n.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return nil
}

// LineOf returns the line of what stands at the dotted path, or of the nearest
// thing above it that is there.
func (n *Node) LineOf(path string) int {
	line := n.Line
	for path != "" && n != nil {
		end := strings.IndexAny(path+".", ".[")
		if f := slices.IndexFunc(n.Fields, func(f Field) bool { return f.Name == path[:end] }); f >= 0 {
			line, n = n.Fields[f].Line, n.Fields[f].Value
		} else if i, err := strconv.Atoi(strings.TrimSuffix(path[:end], "]")); err == nil && strings.HasSuffix(path[:end], "]") && i >= 0 && i < len(n.Items) {
			n = n.Items[i]
			line = n.Line
		} else {
			return line
		}
		path = strings.TrimLeft(path[end:], ".[")
	}
	return line
}

// Problem makes a problem at the node's place. pairs are argument names and
// values, alternating.
func (n *Node) Problem(path, code string, pairs ...any) Problem {
	return Problem{File: n.File, Line: n.Line, Path: path, Code: code, Args: fault.Pairs(pairs...)}
}

// SetFile names the file of the node and of all below it.
func (n *Node) SetFile(file string) {
	n.File = file
	for _, item := range n.Items {
		item.SetFile(file)
	}
	for _, f := range n.Fields {
		f.Value.SetFile(file)
	}
}

// FromJSON reads a node in its JSON form under the same caps and rules as a
// YAML file: unknown members, a null instead of a node, names that stand twice,
// and depth or size beyond the limits are Problems.
func FromJSON(file string, text []byte, limits Limits) (*Node, error) {
	limits = limits.filled()
	if len(text) > limits.Bytes {
		return nil, Problems{{File: file, Code: CodeTooLarge, Args: fault.Args{"limit": limits.Bytes}}}
	}
	var n *Node
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(&n); err != nil {
		return nil, Problems{{File: file, Code: CodeSyntax, Args: fault.Args{"reason": err.Error()}}}
	}
	if in.More() {
		return nil, Problems{{File: file, Code: CodeSyntax, Args: fault.Args{"reason": "text after the document"}}}
	}
	return n, n.Check(file, limits)
}

// Check holds a node that came from elsewhere to the rules that Parse keeps,
// and names its file.
func (n *Node) Check(file string, limits Limits) error {
	c := checker{file: file, limits: limits.filled()}
	c.check(n, "", 0)
	return c.problems.Err()
}

type checker struct {
	file     string
	limits   Limits
	nodes    int
	problems Problems
}

func (c *checker) add(p Problem) {
	if len(c.problems) < most {
		c.problems = append(c.problems, p)
	}
}

func (c *checker) check(n *Node, path string, depth int) {
	if n == nil {
		c.add(Problem{File: c.file, Path: path, Code: CodeSyntax, Args: fault.Args{"reason": "no node"}})
		return
	}
	n.File = c.file
	c.nodes++
	switch {
	case depth > c.limits.Depth:
		c.add(n.Problem(path, CodeTooDeep, "limit", c.limits.Depth))
		return
	case c.nodes > c.limits.Nodes:
		if c.nodes == c.limits.Nodes+1 {
			c.add(n.Problem(path, CodeTooLarge, "limit", c.limits.Nodes))
		}
		return
	case n.Kind > Map, n.Kind != List && len(n.Items) > 0, n.Kind != Map && len(n.Fields) > 0, n.Kind >= List && n.Text != "":
		c.add(n.Problem(path, CodeSyntax, "reason", "parts of another kind of node"))
		return
	}
	for i, item := range n.Items {
		c.check(item, at(path, i), depth+1)
	}
	seen := map[string]bool{}
	for _, f := range n.Fields {
		if seen[f.Name] {
			c.add(Problem{File: c.file, Line: f.Line, Path: join(path, f.Name), Code: CodeDuplicate, Args: fault.Args{"name": f.Name}})
		}
		seen[f.Name] = true
		c.check(f.Value, join(path, f.Name), depth+1)
	}
}

// join returns the path of a field below path.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// at returns the path of a list's item.
func at(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
