package house_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/sekisho/sekisho"

// tree is the source of the house, or of a sample of it: every text file by its
// slash-separated path, Go files parsed.
type tree struct {
	fset  *token.FileSet
	files map[string]*file
	pkgs  map[string]*pkg // by place
}

type file struct {
	path      string
	src       string
	ast       *ast.File // nil unless Go
	test      bool
	generated bool
}

// pkg is one folder of Go files. Its place is the folder without internal/:
// "store", "notice/ui", "cmd/sekisho".
type pkg struct {
	place string
	files []*file
}

// law is a rule about the source: check says what breaks it. Each sample of
// breaks must be found out, with a finding that contains its says, and each of
// keeps must pass: so that no law is one that cannot fail.
type law struct {
	check  func(*tree) []string
	breaks []sample
	keeps  []sample
}

// sample is a small source tree: "-- path --" lines, each before its file.
type sample struct{ says, text string }

func prove(t *testing.T, l law) {
	t.Helper()
	if len(l.breaks) == 0 {
		t.Fatal("a law without a sample that breaks it proves nothing")
	}
	for i, s := range l.breaks {
		t.Run(fmt.Sprintf("found out %d %s", i, s.says), func(t *testing.T) {
			found := l.check(sampleTree(t, s.text))
			if !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, s.says) }) {
				t.Fatalf("want a finding with %q, got %q", s.says, found)
			}
		})
	}
	for i, s := range l.keeps {
		t.Run(fmt.Sprintf("passes %d %s", i, s.says), func(t *testing.T) {
			if found := l.check(sampleTree(t, s.text)); len(found) > 0 {
				t.Fatalf("want no finding, got %q", found)
			}
		})
	}
	t.Run("the house", func(t *testing.T) {
		for _, finding := range l.check(theHouse(t)) {
			t.Error(finding)
		}
	})
}

var loadHouse = sync.OnceValues(func() (*tree, error) { return loadTree(os.DirFS(root)) })

// root is the module's folder, seen from this package's.
const root = "../.."

func theHouse(t *testing.T) *tree {
	t.Helper()
	tr, err := loadHouse()
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func sampleTree(t *testing.T, text string) *tree {
	t.Helper()
	tr := newTree()
	name, body := "", []string{}
	flush := func() {
		if name != "" {
			if err := tr.add(name, strings.Join(body, "\n")); err != nil {
				t.Fatal(err)
			}
		}
		body = nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		if rest, ok := strings.CutPrefix(line, "-- "); ok && strings.HasSuffix(rest, " --") {
			flush()
			name = strings.TrimSuffix(rest, " --")
			continue
		}
		body = append(body, line)
	}
	flush()
	return tr
}

func newTree() *tree {
	return &tree{fset: token.NewFileSet(), files: map[string]*file{}, pkgs: map[string]*pkg{}}
}

func loadTree(dir fs.FS) (*tree, error) {
	tr := newTree()
	err := fs.WalkDir(dir, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name == ".git" || name == "sekisho-data" || path.Base(name) == "node_modules" {
				return fs.SkipDir
			}
			return nil
		}
		if !isText(name) {
			return nil
		}
		src, err := fs.ReadFile(dir, name)
		if err != nil {
			return err
		}
		return tr.add(name, string(src))
	})
	return tr, err
}

func isText(name string) bool {
	switch filepath.Ext(name) {
	case ".go", ".md", ".templ", ".yaml", ".yml", ".sql", ".mod", ".txt", ".svg", ".css":
		return true
	}
	return name == "check" || name == ".ci/run"
}

func (tr *tree) add(name, src string) error {
	f := &file{path: name, src: src, test: strings.HasSuffix(name, "_test.go")}
	tr.files[name] = f
	if !strings.HasSuffix(name, ".go") || strings.Contains(name, "testdata/") {
		return nil
	}
	parsed, err := parser.ParseFile(tr.fset, name, src, parser.ParseComments)
	if err != nil {
		return err
	}
	f.ast, f.generated = parsed, ast.IsGenerated(parsed)
	place := strings.TrimPrefix(path.Dir(name), "internal/")
	p := tr.pkgs[place]
	if p == nil {
		p = &pkg{place: place}
		tr.pkgs[place] = p
	}
	p.files = append(p.files, f)
	return nil
}

// packages returns the packages in order of place.
func (tr *tree) packages() []*pkg {
	var out []*pkg
	for _, place := range slices.Sorted(maps.Keys(tr.pkgs)) {
		out = append(out, tr.pkgs[place])
	}
	return out
}

// named returns the files whose path the test accepts, in order.
func (tr *tree) named(accept func(string) bool) []*file {
	var out []*file
	for _, name := range slices.Sorted(maps.Keys(tr.files)) {
		if accept(name) {
			out = append(out, tr.files[name])
		}
	}
	return out
}

// at says where a node stands: path:line.
func (tr *tree) at(n ast.Node) string {
	p := tr.fset.Position(n.Pos())
	return p.Filename + ":" + strconv.Itoa(p.Line)
}

// product returns the files of the package that are neither tests nor generated.
func (p *pkg) product() []*file {
	return slices.DeleteFunc(slices.Clone(p.files), func(f *file) bool { return f.test || f.generated })
}

// eachProduct hands over every written, non-test Go file with its package.
func (tr *tree) eachProduct(do func(*pkg, *file)) {
	for _, p := range tr.packages() {
		for _, f := range p.product() {
			do(p, f)
		}
	}
}

// name returns what the file calls the imported package, or "" if it does not
// import it.
func (f *file) name(importPath string) string {
	for _, spec := range f.ast.Imports {
		if unquote(spec.Path) != importPath {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		base := path.Base(importPath)
		if len(base) > 1 && base[0] == 'v' && strings.Trim(base[1:], "0123456789") == "" {
			base = path.Base(path.Dir(importPath))
		}
		return base
	}
	return ""
}

// uses hands over every selector PACKAGE.Name of the imported package.
func (f *file) uses(importPath string, do func(*ast.SelectorExpr)) {
	name := f.name(importPath)
	if name == "" {
		return
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if id, ok := sel.X.(*ast.Ident); ok && id.Name == name {
			do(sel)
		}
		return true
	})
}

// literals hands over every string literal's value that is not an import path
// or a struct tag.
func (f *file) literals(do func(ast.Node, string)) {
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field:
			if n.Tag != nil {
				ast.Inspect(n.Type, func(m ast.Node) bool { return literal(m, do) })
				return false
			}
		}
		return literal(n, do)
	})
}

func literal(n ast.Node, do func(ast.Node, string)) bool {
	if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		do(lit, unquote(lit))
	}
	return true
}

func unquote(lit *ast.BasicLit) string {
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		return lit.Value
	}
	return s
}

// own returns the place of an import path of ours.
func own(importPath string) (string, bool) {
	rest, ok := strings.CutPrefix(importPath, module+"/")
	return strings.TrimPrefix(rest, "internal/"), ok
}
