package house_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

func TestEveryPackageSpeaksOnce(t *testing.T) {
	prove(t, law{
		check: func(tr *tree) []string {
			var found []string
			for _, p := range tr.packages() {
				comments := 0
				for _, f := range p.product() {
					if f.ast.Doc != nil {
						comments++
					}
				}
				if len(p.product()) > 0 && comments != 1 {
					found = append(found, fmt.Sprintf("%s: %d package comments, want one", p.place, comments))
				}
			}
			return found
		},
		breaks: []sample{
			{"0 package comments", "-- internal/store/a.go --\npackage store"},
			{"2 package comments", "-- internal/store/a.go --\n// Package store keeps.\npackage store\n-- internal/store/b.go --\n// Package store keeps again.\npackage store"},
		},
		keeps: []sample{{"", "-- internal/store/a.go --\n// Package store keeps.\npackage store\n-- internal/store/b.go --\npackage store\n-- internal/house/x_test.go --\npackage house_test"}},
	})
}

func TestWhatIsExportedIsExplained(t *testing.T) {
	prove(t, law{
		check: func(tr *tree) []string {
			var found []string
			tr.eachProduct(func(p *pkg, f *file) {
				for _, decl := range f.ast.Decls {
					for _, name := range unexplained(decl) {
						found = append(found, tr.at(decl)+": "+name+" has no comment")
					}
				}
			})
			return found
		},
		breaks: []sample{
			{"Open has no comment", "-- internal/store/a.go --\npackage store\nfunc Open() {}"},
			{"Row has no comment", "-- internal/store/a.go --\npackage store\ntype Row struct{}"},
			{"Close has no comment", "-- internal/store/a.go --\npackage store\n// DB is.\ntype DB struct{}\nfunc (d *DB) Close() {}"},
			{"Max has no comment", "-- internal/store/a.go --\npackage store\nconst Max = 3"},
		},
		keeps: []sample{{"", "-- internal/store/a.go --\npackage store\n// The limits.\nconst (\nMax = 3\nMin = 1\n)\ntype row struct{}\nfunc (r row) Scan() {}\nvar (\nErr = 1 // what went wrong\n)"}},
	})
}

func unexplained(decl ast.Decl) []string {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d))) {
			return []string{d.Name.Name}
		}
	case *ast.GenDecl:
		if d.Doc != nil {
			return nil
		}
		var out []string
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && s.Doc == nil && s.Comment == nil {
					out = append(out, s.Name.Name)
				}
			case *ast.ValueSpec:
				if s.Names[0].IsExported() && s.Doc == nil && s.Comment == nil {
					out = append(out, s.Names[0].Name)
				}
			}
		}
		return out
	}
	return nil
}

func receiver(d *ast.FuncDecl) string {
	expr := d.Recv.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e.Name
		default:
			return ""
		}
	}
}

var (
	lastWords  = []string{"Manager", "Managers", "Service", "Helper", "Helpers", "Util", "Utils", "Common", "Base", "Impl", "Info", "Data"}
	firstWords = []string{"Base", "Common", "Util", "Utils", "Helper", "Impl"}
	versioned  = regexp.MustCompile(`^V[0-9]+$`)
	// nounsOfOthers are words of the trade that only look like fillers.
	nounsOfOthers = []string{"TechnicalService", "ClientData"}
)

func TestNamesSayWhatAThingIs(t *testing.T) {
	prove(t, law{
		check: func(tr *tree) []string {
			var found []string
			tr.eachProduct(func(p *pkg, f *file) {
				for _, name := range []string{path.Base(p.place), strings.TrimSuffix(path.Base(f.path), ".go")} {
					if filler(capital(name)) {
						found = append(found, f.path+": "+name+" says nothing")
					}
				}
				for _, decl := range f.ast.Decls {
					d, ok := decl.(*ast.GenDecl)
					if !ok || d.Tok != token.TYPE {
						continue
					}
					for _, spec := range d.Specs {
						if name := spec.(*ast.TypeSpec).Name.Name; filler(capital(name)) {
							found = append(found, tr.at(spec)+": type "+name+" says nothing")
						}
					}
				}
			})
			return found
		},
		breaks: []sample{
			{"type KeyManager says nothing", "-- internal/seal/k.go --\npackage seal\ntype KeyManager struct{}"},
			{"type BaseRoom says nothing", "-- internal/seal/k.go --\npackage seal\ntype BaseRoom struct{}"},
			{"type userInfo says nothing", "-- internal/seal/k.go --\npackage seal\ntype userInfo struct{}"},
			{"type StoreV2 says nothing", "-- internal/seal/k.go --\npackage seal\ntype StoreV2 struct{}"},
			{"utils says nothing", "-- internal/seal/utils.go --\npackage seal"},
			{"common says nothing", "-- internal/web/common/x.go --\npackage common"},
		},
		keeps: []sample{{"", "-- internal/seal/data.go --\npackage seal\n-- internal/seal/k.go --\npackage seal\ntype Database struct{}\ntype DataKey struct{}\ntype Baseline struct{}\ntype ServiceApp struct{}\ntype TechnicalService struct{}"}},
	})
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// filler reports whether a camel-case name ends or begins in a word that could
// stand anywhere. The bare word Data is a folder in this house.
func filler(name string) bool {
	words := camel(name)
	last := words[len(words)-1]
	if slices.Contains(nounsOfOthers, name) || name == "Data" {
		return false
	}
	return slices.Contains(lastWords, last) || slices.Contains(firstWords, words[0]) || versioned.MatchString(last)
}

func camel(name string) []string {
	var words []string
	start := 0
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) && !unicode.IsUpper(rune(name[i-1])) {
			words = append(words, name[start:i])
			start = i
		}
	}
	return append(words, name[start:])
}

var (
	marker   = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)
	numbered = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\((#?[0-9]+|[A-Z]+-?[0-9]+)\)`)
)

func TestWorkLeftHasANumber(t *testing.T) {
	prove(t, law{
		check: func(tr *tree) []string {
			var found []string
			judge := func(where, text string) {
				if marker.MatchString(numbered.ReplaceAllString(text, "")) {
					found = append(found, where+": work left without a number: "+strings.TrimSpace(text))
				}
			}
			for _, f := range tr.named(func(string) bool { return true }) {
				if f.ast != nil {
					for _, group := range f.ast.Comments {
						judge(tr.at(group), group.Text())
					}
					continue
				}
				if ext := path.Ext(f.path); ext == ".templ" || ext == ".sql" || ext == "" || ext == ".yaml" {
					for i, line := range strings.Split(f.src, "\n") {
						judge(fmt.Sprintf("%s:%d", f.path, i+1), line)
					}
				}
			}
			return found
		},
		breaks: []sample{
			{"without a number", "-- internal/seal/k.go --\npackage seal\n// TODO: later"},
			{"without a number", "-- internal/seal/schema/1_k.sql --\n-- FIXME later"},
		},
		keeps: []sample{{"", "-- internal/seal/k.go --\npackage seal\n// TODO(12): rotate\nvar todo = \"TODO\""}},
	})
}
