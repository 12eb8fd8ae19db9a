package house_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/words"
)

const faultPath = module + "/internal/fault"

// TestProblemCodesAreKnownEverywhere compares three lists: the codes that Go
// code makes, the table in docs/problems.md, and the sentences problem.CODE in
// both languages. What it says is a list of things to do.
func TestProblemCodesAreKnownEverywhere(t *testing.T) {
	const (
		made  = "-- internal/notice/a.go --\npackage notice\nimport \"" + faultPath + "\"\nvar e = fault.New(fault.Conflict, \"notice-changed\")\n"
		table = "-- docs/problems.md --\n| code | kind | meaning | what to do |\n|---|---|---|---|\n"
		row   = "| `notice-changed` | conflict | someone else saved first | reload |\n"
		said  = "-- internal/notice/words/en.yaml --\nproblem.notice-changed: Changed.\n-- internal/notice/words/ja.yaml --\nproblem.notice-changed: 変更済み\n"
	)
	prove(t, law{
		check: checkProblems,
		breaks: []sample{
			{"add to docs/problems.md: | `notice-changed` | conflict |", made + said + table},
			{"add to words/en.yaml and words/ja.yaml: problem.notice-changed", made + table + row},
			{"`notice-changed` is made nowhere: remove its row", table + row},
			{"problem.notice-changed is made nowhere: remove its sentence", said + table},
			{"`notice-changed` is conflict in Go and invalid in docs/problems.md", made + said + table + strings.Replace(row, "conflict", "invalid", 1)},
			{"Notice_Changed is not kebab-case", strings.Replace(made, "notice-changed", "Notice_Changed", 1) + table},
			{"the code is no literal", "-- internal/notice/a.go --\npackage notice\nimport \"" + faultPath + "\"\nvar e = fault.New(fault.Conflict, pick())\n" + table},
			{"add to docs/problems.md: | `too-long` | field |", "-- internal/notice/a.go --\npackage notice\nimport \"" + faultPath + "\"\nfunc f() { var c fault.Checks; c.Add(\"title\", \"too-long\") }\n" + table},
			{"add to docs/problems.md: | `notice-bad` | invalid |", "-- internal/notice/a.go --\npackage notice\nimport \"" + faultPath + "\"\nfunc f(c *fault.Checks) { c.Fault(\"notice-bad\") }\n" + table},
			{"add to docs/problems.md: | `no-key` | unmet |", "-- internal/seal/a.go --\npackage seal\nimport \"" + faultPath + "\"\nconst noKey = \"no-key\"\nvar e = &fault.Fault{Kind: fault.Unmet, Code: noKey}\n" + table},
			{"add to docs/problems.md: | `lost` | not-found |", "-- internal/seal/a.go --\npackage seal\nimport \"" + faultPath + "\"\nfunc refuse(code string) error { return fault.New(fault.NotFound, code) }\nvar e = refuse(\"lost\")\n" + table},
			{"not in order", table + "| `b` | busy | x | y |\n| `a` | busy | x | y |\n"},
		},
		keeps: []sample{{"", made + said + table + row}},
	})
}

func checkProblems(tr *tree) []string {
	codes, found := madeCodes(tr)
	rows, order := problemRows(tr)
	if !slices.IsSorted(order) {
		found = append(found, "docs/problems.md: the codes are not in order")
	}
	sentences := problemSentences(tr)
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		kind := codes[code]
		switch {
		case !kebab.MatchString(code):
			found = append(found, code+" is not kebab-case")
		case rows[code] == "":
			found = append(found, fmt.Sprintf("add to docs/problems.md: | `%s` | %s | MEANING | WHAT TO DO |", code, kind))
		case kind != "" && kind != "field" && !slices.Contains(strings.Split(rows[code], ", "), kind):
			found = append(found, fmt.Sprintf("`%s` is %s in Go and %s in docs/problems.md", code, kind, rows[code]))
		}
		if !slices.Contains(sentences, code) {
			found = append(found, "add to words/en.yaml and words/ja.yaml: problem."+code)
		}
	}
	for _, code := range order {
		if _, ok := codes[code]; !ok {
			found = append(found, "`"+code+"` is made nowhere: remove its row from docs/problems.md")
		}
	}
	for _, code := range sentences {
		if _, ok := codes[code]; !ok {
			found = append(found, "problem."+code+" is made nowhere: remove its sentence from the words files")
		}
	}
	return found
}

var (
	kebab      = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	problemRow = regexp.MustCompile("^\\| `([^`]+)` \\| ([a-z, -]+) \\|")
)

func problemRows(tr *tree) (rows map[string]string, order []string) {
	rows = map[string]string{}
	if f := tr.files["docs/problems.md"]; f != nil {
		for line := range strings.SplitSeq(f.src, "\n") {
			if m := problemRow.FindStringSubmatch(line); m != nil {
				rows[m[1]] = m[2]
				order = append(order, m[1])
			}
		}
	}
	return rows, order
}

func problemSentences(tr *tree) []string {
	b, err := book(tr)
	if err != nil || len(tr.named(isWords)) == 0 {
		return nil // the words' own law speaks
	}
	var codes []string
	for _, key := range b.Keys() {
		if code, ok := strings.CutPrefix(key, "problem."); ok && b.Raw(words.Japanese, key) != "" {
			codes = append(codes, strings.TrimSuffix(strings.TrimSuffix(code, ".title"), ".do"))
		}
	}
	return slices.Compact(codes)
}

// codeFinder collects what one package makes.
type codeFinder struct {
	tr     *tree
	fixed  map[string]string // constants of this package
	all    map[string]map[string]string
	checks map[string]bool // names of variables and fields of type fault.Checks
	codes  map[string]string
	found  []string
	pass   map[string]passed // functions that pass a parameter on as a code
}

type passed struct {
	index int
	kind  string
}

// madeCodes returns the codes that the product makes, with their kind ("field"
// for a bad field's code), and what could not be read.
func madeCodes(tr *tree) (map[string]string, []string) {
	codes, all := map[string]string{}, map[string]map[string]string{}
	for _, p := range tr.packages() {
		all[p.place] = p.constants()
	}
	var found []string
	for _, p := range tr.packages() {
		if p.place == "fault" {
			continue
		}
		c := &codeFinder{tr: tr, fixed: all[p.place], all: all, checks: map[string]bool{}, codes: codes, pass: map[string]passed{}}
		for _, f := range p.product() {
			c.declared(f)
		}
		for _, f := range p.product() {
			if f.name(faultPath) != "" {
				c.makers(f)
			}
		}
		for _, f := range p.product() {
			c.callers(f)
		}
		found = append(found, c.found...)
	}
	return codes, found
}

// declared notes every variable, parameter and field of type fault.Checks.
func (c *codeFinder) declared(f *file) {
	name := f.name(faultPath)
	isChecks := func(e ast.Expr) bool {
		if star, ok := e.(*ast.StarExpr); ok {
			e = star.X
		}
		if and, ok := e.(*ast.UnaryExpr); ok {
			e = and.X
		}
		if lit, ok := e.(*ast.CompositeLit); ok {
			e = lit.Type
		}
		sel, ok := e.(*ast.SelectorExpr)
		return ok && sel.Sel.Name == "Checks" && lastName(sel.X) == name && name != ""
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			for _, id := range n.Names {
				c.checks[id.Name] = c.checks[id.Name] || isChecks(n.Type)
			}
		case *ast.ValueSpec:
			for _, id := range n.Names {
				c.checks[id.Name] = c.checks[id.Name] || isChecks(n.Type)
			}
		case *ast.AssignStmt:
			for i := range min(len(n.Lhs), len(n.Rhs)) {
				c.checks[lastName(n.Lhs[i])] = c.checks[lastName(n.Lhs[i])] || isChecks(n.Rhs[i])
			}
		}
		return true
	})
}

// makers reads every place of the file that makes a fault.
func (c *codeFinder) makers(f *file) {
	name := f.name(faultPath)
	for _, decl := range f.ast.Decls {
		fn, _ := decl.(*ast.FuncDecl)
		ast.Inspect(decl, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				c.call(name, fn, n)
			case *ast.CompositeLit:
				c.composite(name, fn, n)
			}
			return true
		})
	}
}

func (c *codeFinder) call(name string, fn *ast.FuncDecl, n *ast.CallExpr) {
	sel, ok := n.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	of := lastName(sel.X)
	switch {
	case of == name && sel.Sel.Name == "New" && len(n.Args) >= 2:
		c.code(fn, n.Args[1], kindOf(n.Args[0]))
	case c.checks[of] && sel.Sel.Name == "Add" && len(n.Args) >= 2:
		c.code(fn, n.Args[1], "field")
	case c.checks[of] && sel.Sel.Name == "Fault" && len(n.Args) == 1:
		c.code(fn, n.Args[0], "invalid")
	}
}

func (c *codeFinder) composite(name string, fn *ast.FuncDecl, n *ast.CompositeLit) {
	sel, ok := n.Type.(*ast.SelectorExpr)
	if !ok || lastName(sel.X) != name || sel.Sel.Name != "Fault" && sel.Sel.Name != "Field" {
		return
	}
	kind, code := "broken", ast.Expr(nil)
	for _, e := range n.Elts {
		pair, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		switch lastName(pair.Key) {
		case "Kind":
			kind = kindOf(pair.Value)
		case "Code":
			code = pair.Value
		}
	}
	if sel.Sel.Name == "Field" {
		kind = "field"
	}
	if code != nil {
		c.code(fn, code, kind)
	}
}

// code notes one code, or the function that passes it on, or a finding.
func (c *codeFinder) code(fn *ast.FuncDecl, e ast.Expr, kind string) {
	if text, ok := c.text(e); ok {
		c.note(text, kind)
		return
	}
	if id, ok := e.(*ast.Ident); ok && fn != nil {
		if i := parameter(fn, id.Name); i >= 0 {
			c.pass[fn.Name.Name] = passed{i, kind}
			return
		}
	}
	if lastName(e) == "Code" {
		return // handed on from another fault
	}
	c.found = append(c.found, c.tr.at(e)+": the code is no literal, constant or parameter: docs/problems.md cannot be compared with it")
}

func (c *codeFinder) note(code, kind string) {
	if had := c.codes[code]; had == "" || had == "field" {
		c.codes[code] = kind
	}
}

// text returns the value of a literal or of a constant of ours.
func (c *codeFinder) text(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		return unquote(e), e.Kind == token.STRING
	case *ast.Ident:
		s, ok := c.fixed[e.Name]
		return s, ok && s != ""
	case *ast.SelectorExpr:
		for _, fixed := range c.all {
			if s := fixed[e.Sel.Name]; s != "" && e.Sel.IsExported() {
				return s, true
			}
		}
	}
	return "", false
}

// callers reads the calls of the functions that pass a code on.
func (c *codeFinder) callers(f *file) {
	for _, decl := range f.ast.Decls {
		fn, _ := decl.(*ast.FuncDecl)
		ast.Inspect(decl, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			p, ok := c.pass[lastName(call.Fun)]
			if !ok || p.index >= len(call.Args) {
				return true
			}
			if text, ok := c.text(call.Args[p.index]); ok {
				c.note(text, p.kind)
			} else if id, ok := call.Args[p.index].(*ast.Ident); !ok || fn == nil || parameter(fn, id.Name) < 0 {
				c.found = append(c.found, c.tr.at(call)+": the code is no literal, constant or parameter: docs/problems.md cannot be compared with it")
			}
			return true
		})
	}
}

func parameter(fn *ast.FuncDecl, name string) int {
	i := 0
	for _, field := range fn.Type.Params.List {
		for _, id := range field.Names {
			if id.Name == name {
				return i
			}
			i++
		}
	}
	return -1
}

// kindOf returns the stable name of fault.Kind constants, "" for anything else.
func kindOf(e ast.Expr) string {
	switch name := lastName(e); name {
	case "Broken", "Invalid", "Unknown", "Forbidden", "Conflict", "Unmet", "Busy":
		return strings.ToLower(name)
	case "NotFound":
		return "not-found"
	}
	return ""
}
