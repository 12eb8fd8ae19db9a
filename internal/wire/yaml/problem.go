package yaml

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/internal/fault"
)

// The codes of this package's problems. The arguments of each stand in its
// sentence in words/en.yaml.
const (
	CodeSyntax       = "yaml-syntax"
	CodeEncoding     = "yaml-not-utf-8"
	CodeTooLarge     = "yaml-too-large"
	CodeTooDeep      = "yaml-too-deep"
	CodeAliases      = "yaml-too-many-aliases"
	CodeTag          = "yaml-tag-refused"
	CodeMerge        = "yaml-merge-refused"
	CodeKey          = "yaml-key-not-text"
	CodeDuplicate    = "yaml-duplicate-key"
	CodeUnknownField = "yaml-unknown-field"
	CodeMissing      = "yaml-field-missing"
	CodeType         = "yaml-wrong-type"
	CodeNumber       = "yaml-bad-number"
	CodeValue        = "yaml-bad-value"
)

// most is how many problems of one file are said: a reader has stopped before,
// and a hostile file must not make an answer larger than itself.
const most = 100

// Problem is one thing that is wrong in a document.
type Problem struct {
	File string
	Line int    // from 1; 0 if the whole file is meant
	Path string // dotted, with list positions from 0 in brackets: "spec.stages[1].need"; may be empty
	Code string
	Args fault.Args
}

// Place returns FILE:LINE.
func (p Problem) Place() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Error returns "FILE:LINE: path: code name=value …".
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Place())
	if p.Path != "" {
		b.WriteString(": " + p.Path)
	}
	b.WriteString(": " + p.Code)
	for _, name := range slices.Sorted(maps.Keys(p.Args)) {
		fmt.Fprintf(&b, " %s=%v", name, p.Args[name])
	}
	return b.String()
}

// Problems are all that is wrong in some documents, sorted by file and line.
type Problems []Problem

// Error returns one problem a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Sort orders by file, line, path and code.
func (ps Problems) Sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Code, b.Code))
	})
}

// Err returns nil for no problems, else the sorted problems as an error.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	ps.Sort()
	return ps
}

// Fault returns the problems as an Invalid fault with the code, or nil for
// none. The arguments of each field carry "file", "line" and "place" (FILE:LINE)
// besides their own.
func (ps Problems) Fault(code string) *fault.Fault {
	if len(ps) == 0 {
		return nil
	}
	f := &fault.Fault{Kind: fault.Invalid, Code: code, Args: fault.Args{"place": ps[0].Place(), "count": len(ps)}}
	for _, p := range ps {
		args := fault.Args{}
		maps.Copy(args, p.Args)
		args["file"], args["line"], args["place"] = p.File, p.Line, p.Place()
		f.Fields = append(f.Fields, fault.Field{Path: p.Path, Code: p.Code, Args: args})
	}
	return f
}
