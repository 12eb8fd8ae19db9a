package yaml

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/sekisho/sekisho/internal/fault"
)

// Limits cap what one file may cost. A zero field stands for its default.
type Limits struct {
	Bytes   int // size of the file; 8 MiB
	Depth   int // of lists and maps in each other; 64
	Aliases int // uses of aliases, counted as they expand; 100
	Nodes   int // values in all documents of the file, after expansion; 1,000,000
}

func (l Limits) filled() Limits {
	return Limits{
		Bytes:   cmp.Or(l.Bytes, 8<<20),
		Depth:   cmp.Or(l.Depth, 64),
		Aliases: cmp.Or(l.Aliases, 100),
		Nodes:   cmp.Or(l.Nodes, 1_000_000),
	}
}

// Parse reads all documents of a file; those that are empty are left out. The
// error is Problems: a syntax error ends the reading, everything else that is
// wrong with the file's form is said at once.
func Parse(file string, text []byte, limits Limits) ([]*Node, error) {
	p := parser{file: file, limits: limits.filled()}
	switch {
	case len(text) > p.limits.Bytes:
		p.add(0, "", CodeTooLarge, "limit", p.limits.Bytes)
	case !utf8.Valid(text):
		p.add(badLine(text), "", CodeEncoding)
	default:
		p.documents(text)
	}
	if err := p.problems.Err(); err != nil {
		return nil, err
	}
	return p.docs, nil
}

// badLine returns the line of the first byte that is not UTF-8.
func badLine(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return lineOf(text, i)
		}
		i += size
	}
	return 0
}

type parser struct {
	file     string
	limits   Limits
	docs     []*Node
	aliases  int
	nodes    int
	stopped  bool // a cap was reached: nothing more is read
	problems Problems
}

func (p *parser) add(line int, path, code string, pairs ...any) {
	if len(p.problems) == most {
		p.stopped = true
		return
	}
	p.problems = append(p.problems, Problem{File: p.file, Line: line, Path: path, Code: code, Args: fault.Pairs(pairs...)})
}

func (p *parser) stop(line int, path, code string, limit int) *Node {
	p.add(line, path, code, "limit", limit)
	p.stopped = true
	return &Node{}
}

func (p *parser) documents(text []byte) {
	in := yaml.NewDecoder(bytes.NewReader(text))
	for !p.stopped {
		var doc yaml.Node
		err := next(in, &doc)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			line, reason := syntax(err, text)
			p.add(line, "", CodeSyntax, "reason", reason)
			return
		}
		if len(doc.Content) == 0 {
			continue
		}
		if n := p.node(doc.Content[0], "", 0); n.Kind != Null {
			p.docs = append(p.docs, n)
		}
	}
}

// next reads one document. The library panics on some inputs of its own
// invention; those are errors here.
func next(in *yaml.Decoder, doc *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	return in.Decode(doc)
}

var (
	placed = regexp.MustCompile(`^yaml: (?:line (\d+): )?(?s:(.*))$`)
	anchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
	// fromZero are the reasons whose line the library counts from 0: those of
	// its grammar, where the ones of its scanner count from 1.
	fromZero = regexp.MustCompile(`^(did not find expected (',' or|'-' indicator|<|key|node content)|found (duplicate|incompatible|undefined))`)
)

// syntax takes the library's error apart into line and reason. Where the
// library says no line, the text is searched for what it complains about; what
// is left stands on the first line.
func syntax(err error, text []byte) (int, string) {
	m := placed.FindStringSubmatch(err.Error())
	if m == nil {
		return 0, err.Error()
	}
	reason := m[2]
	if line, _ := strconv.Atoi(m[1]); line > 0 {
		if fromZero.MatchString(reason) {
			line++
		}
		return line, reason
	}
	if name := anchor.FindStringSubmatch(reason); name != nil {
		return lineOf(text, bytes.Index(text, []byte("*"+name[1]))), reason
	}
	if strings.HasPrefix(reason, "control characters") {
		return lineOf(text, bytes.IndexFunc(text, control)), reason
	}
	return 1, reason
}

func lineOf(text []byte, i int) int { return 1 + bytes.Count(text[:max(i, 0)], []byte("\n")) }

func control(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\t\n\r\u0085", r) }

func (p *parser) node(y *yaml.Node, path string, depth int) *Node {
	p.nodes++
	switch {
	case p.stopped:
		return &Node{}
	case depth > p.limits.Depth: // a scalar counts as a level of its own
		return p.stop(y.Line, path, CodeTooDeep, p.limits.Depth)
	case p.nodes > p.limits.Nodes:
		return p.stop(y.Line, path, CodeTooLarge, p.limits.Nodes)
	case y.Kind == yaml.AliasNode:
		return p.alias(y, path, depth)
	}
	n := &Node{File: p.file, Line: y.Line, Text: y.Value}
	kind, ok := tags[y.ShortTag()]
	if !ok || y.Style&yaml.TaggedStyle != 0 {
		p.add(y.Line, path, CodeTag, "tag", y.ShortTag())
		return n
	}
	if n.Kind = kind; kind == Null {
		n.Text = "" // however it was spelled
	}
	switch y.Kind {
	case yaml.SequenceNode:
		for i, item := range y.Content {
			n.Items = append(n.Items, p.node(item, at(path, i), depth+1))
		}
	case yaml.MappingNode:
		p.fields(n, y, path, depth)
	}
	return n
}

var tags = map[string]Kind{
	"!!null": Null, "!!bool": Bool, "!!int": Int, "!!float": Float,
	"!!str": String, "!!timestamp": String, "!!seq": List, "!!map": Map,
	"!!merge": String, // the text "<<"; as a key it is refused
}

func (p *parser) alias(y *yaml.Node, path string, depth int) *Node {
	p.aliases++
	if p.aliases > p.limits.Aliases {
		return p.stop(y.Line, path, CodeAliases, p.limits.Aliases)
	}
	return p.node(y.Alias, path, depth+1)
}

func (p *parser) fields(n *Node, y *yaml.Node, path string, depth int) {
	seen := map[string]bool{}
	for i := 0; i+1 < len(y.Content) && !p.stopped; i += 2 {
		key, value := y.Content[i], y.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode || tags[key.ShortTag()] == Null:
			p.add(key.Line, path, CodeKey)
			continue
		case key.ShortTag() == "!!merge":
			p.add(key.Line, path, CodeMerge)
			continue
		case seen[key.Value]:
			p.add(key.Line, join(path, key.Value), CodeDuplicate, "name", key.Value)
		}
		seen[key.Value] = true
		n.Fields = append(n.Fields, Field{key.Value, key.Line, p.node(value, join(path, key.Value), depth+1)})
	}
}
