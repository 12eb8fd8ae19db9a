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
// code makes, the sentences problem.CODE and problem.CODE.do in both languages, and the table in
// docs/problems.md, whose rows follow from the other two. What it says is a
// list of things to do; go test ./internal/house -tell writes the table.
func TestProblemCodesAreKnownEverywhere(t *testing.T) {
	if *tell {
		page := theHouse(t).files["docs/problems.md"].src
		head, _, _ := strings.Cut(page, "|---|---|---|---|---|\n")
		rows, _ := wantedRows(theHouse(t))
		rewrite(t, "docs/problems.md", head+"|---|---|---|---|---|\n"+strings.Join(rows, ""))
	}
	const (
		made  = "-- internal/notice/a.go --\npackage notice\nimport \"" + faultPath + "\"\nvar e = fault.New(fault.Conflict, \"notice-changed\")\n"
		table = "-- docs/problems.md --\n| code | kind | status | meaning | what to do |\n|---|---|---|---|---|\n"
		row   = "| `notice-changed` | conflict | 409 | Changed. | Reload. |\n"
		said  = "-- internal/notice/words/en.yaml --\nproblem.notice-changed: Changed.\nproblem.notice-changed.do: Reload.\n-- internal/notice/words/ja.yaml --\nproblem.notice-changed: 変更済み\nproblem.notice-changed.do: 再読込\n"
	)
	body := func(place, body string) string {
		return "-- internal/" + place + "/a.go --\npackage p\nimport \"" + faultPath + "\"\n" + body + "\n" + table
	}
	prove(t, law{
		check: checkProblems,
		breaks: []sample{
			{"add to docs/problems.md: | `notice-changed` | conflict | 409 | Changed. | Reload. |", made + said + table},
			{"add to docs/problems.md: | `notice-changed` | conflict | 409 | Changed. | Reload. |", made + said + table + strings.Replace(row, "conflict", "invalid", 1)},
			{"add to words/en.yaml and words/ja.yaml: problem.notice-changed", made + table + row},
			{"remove from docs/problems.md: | `notice-changed`", table + row},
			{"remove from the words files: problem.notice-changed", said + table},
			{"Notice_Changed is not kebab-case", body("notice", `var e = fault.New(fault.Busy, "Notice_Changed")`)},
			{"the code is no literal", body("notice", `var e = fault.New(fault.Conflict, pick())`)},
			{"too-long (field)", body("notice", `func f() { var c fault.Checks; c.Add("title", "too-long") }`)},
			{"notice-bad (invalid)", body("notice", `func f(c *fault.Checks) { c.Fault("notice-bad") }`)},
			{"no-key (unmet)", body("seal", "const noKey = \"no-key\"\nvar e = &fault.Fault{Kind: fault.Unmet, Code: noKey}")},
			{"bad-tag (field)", body("wire/yaml", "const CodeBadTag = \"bad-tag\"")},
			{"bad-map (invalid)", body("wire/yaml", `func f(ps Problems) { return ps.Fault("bad-map") }`)},
			{"lost (not-found)", body("seal", "func refuse(code string) error { return fault.New(fault.NotFound, code) }\nvar e = refuse(\"lost\")")},
		},
		keeps: []sample{{"", made + said + table + row}},
	})
}

func checkProblems(tr *tree) []string {
	want, found := wantedRows(tr)
	var have []string
	if page := tr.files["docs/problems.md"]; page != nil {
		for line := range strings.Lines(page.src) {
			if strings.HasPrefix(line, "| `") {
				have = append(have, line)
			}
		}
	}
	for _, row := range want {
		if !slices.Contains(have, row) {
			found = append(found, "add to docs/problems.md: "+row)
		}
	}
	for _, row := range have {
		if !slices.Contains(want, row) {
			found = append(found, "remove from docs/problems.md: "+row)
		}
	}
	if len(found) == 0 && !slices.Equal(want, have) {
		found = append(found, "docs/problems.md: the codes are not in order, or twice")
	}
	return found
}

var statuses = map[string]string{
	"broken": "500", "invalid": "400", "unknown": "401", "forbidden": "403", "not-found": "404",
	"conflict": "409", "unmet": "422", "busy": "503, 429", "field": "400",
}

// wantedRows returns the table as source and words make it, and what is missing
// for it.
func wantedRows(tr *tree) (rows, found []string) {
	said := problemSentences(tr)
	codes, found := madeCodes(tr, said)
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		kind := codes[code]
		switch sentence, ok := said[code]; {
		case !kebab.MatchString(code):
			found = append(found, code+" is not kebab-case")
		case !ok:
			found = append(found, fmt.Sprintf("add to words/en.yaml and words/ja.yaml: problem.%s, for %s (%s)", code, code, kind))
		default:
			rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s | %s |\n", code, kind, statuses[kind], cell(sentence), cell(said[code+".do"])))
		}
	}
	for _, code := range slices.Sorted(maps.Keys(said)) {
		if _, ok := codes[strings.TrimSuffix(code, ".do")]; !ok {
			found = append(found, "remove from the words files: problem."+code+", which is made nowhere")
		}
	}
	return rows, found
}

// cell makes a sentence fit for a table. A code without a sentence of its own on
// what to do says it in the first one.
func cell(sentence string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(sentence), " "), "|", "\\|")
}

// codeName is how a package calls its codes when it lists them as constants.
var codeName = regexp.MustCompile(`^[Cc]ode[A-Z]|[a-z]Code$`)

var kebab = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// problemSentences returns the English sentences of the codes that both
// languages know.
func problemSentences(tr *tree) map[string]string {
	b, _ := book(tr) // what is incomplete, the words' own law says
	said := map[string]string{}
	if b == nil {
		return said
	}
	for _, key := range b.Keys() {
		if code, ok := strings.CutPrefix(key, "problem."); ok && b.Raw(words.Japanese, key) != "" {
			said[code] = strings.TrimSpace(b.Raw(words.English, key))
		}
	}
	return said
}

// codeFinder collects what one package makes.
type codeFinder struct {
	tr     *tree
	fixed  map[string]string // constants of this package
	all    map[string]map[string]string
	checks map[string]bool // names of variables and fields of type fault.Checks
	codes  map[string]string
	found  []string
	loose  []loose
	pass   map[string]passed // functions that pass a parameter on as a code
}

// loose is a place whose code cannot be read where it stands.
type loose struct{ at, kind string }

type passed struct {
	index int
	kind  string
}

// madeCodes returns the codes that the product makes, with their kind ("field"
// for a bad field's code), and what could not be read.
func madeCodes(tr *tree, said map[string]string) (map[string]string, []string) {
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
		for name, text := range c.fixed {
			if codeName.MatchString(name) && kebab.MatchString(text) {
				c.note(text, "field")
			}
		}
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
		c.settle(p, said)
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
	case sel.Sel.Name == "Fault" && len(n.Args) == 1:
		c.code(fn, n.Args[0], "invalid")
	}
}

func (c *codeFinder) composite(name string, fn *ast.FuncDecl, n *ast.CompositeLit) {
	sel, ok := n.Type.(*ast.SelectorExpr)
	ofFault := ok && lastName(sel.X) == name && (sel.Sel.Name == "Fault" || sel.Sel.Name == "Field")
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
	if !ofFault { // a package's own form of a bad field
		if text, ok := c.text(code); ok && kebab.MatchString(text) {
			c.note(text, "field")
		}
		return
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
	if id, ok := e.(*ast.Ident); ok && fn != nil && c.assigned(fn, id.Name, kind) {
		return
	}
	c.loose = append(c.loose, loose{c.tr.at(e), kind})
}

// assigned reads the codes that a function gives to a variable, with the kinds
// that stand beside them: kind, code = fault.Busy, "x".
func (c *codeFinder) assigned(fn *ast.FuncDecl, name, kind string) bool {
	any := false
	ast.Inspect(fn, func(n ast.Node) bool {
		set, ok := n.(*ast.AssignStmt)
		if !ok || len(set.Lhs) != len(set.Rhs) {
			return true
		}
		beside := kind
		for _, e := range set.Rhs {
			if k := kindOf(e); k != "" {
				beside = k
			}
		}
		for i := range set.Lhs {
			if text, ok := c.text(set.Rhs[i]); ok && lastName(set.Lhs[i]) == name && text != "" {
				c.note(text, beside)
				any = true
				if kind == "" {
					kind = beside // what later assignments without a kind keep
				}
			}
		}
		return true
	})
	return any
}

// settle lets a package that finds its codes in a table of its own count every
// text that is a known code; without any such text the place is a finding.
func (c *codeFinder) settle(p *pkg, said map[string]string) {
	for _, l := range c.loose {
		before := len(c.codes)
		for _, f := range p.product() {
			f.literals(func(_ ast.Node, s string) {
				if _, made := c.codes[s]; !made && said[s] != "" {
					c.note(s, l.kind)
				}
			})
		}
		if len(c.codes) == before {
			c.found = append(c.found, l.at+": the code is no literal, constant or parameter: docs/problems.md cannot be compared with it")
		}
	}
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
				c.loose = append(c.loose, loose{c.tr.at(call), p.kind})
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
