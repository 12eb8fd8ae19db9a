package house_test

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// shelf is what a file of a room may hold, told by its name: "http" for http.go
// and http_words.go, "rule" for every file that is no door, no store, no words
// about the room.
func shelf(name string) string {
	base := strings.TrimSuffix(path.Base(name), ".go")
	for _, s := range []string{"http", "pages", "store", "doc"} {
		if base == s || strings.HasPrefix(base, s+"_") {
			return s
		}
	}
	return "rule"
}

// forbidden are the imports that a shelf may not have, by their beginning.
var forbidden = map[string][]string{
	"rule":  {"net/http", "database/sql", "html/template", "text/template", "github.com/a-h/templ"},
	"http":  {"database/sql", "html/template"},
	"pages": {"database/sql", "html/template"},
	"store": {"net/http", "html/template", "text/template", "github.com/a-h/templ"},
	"doc":   {"net/http", "database/sql"},
}

func TestInARoomTheFileNameIsTheLayer(t *testing.T) {
	prove(t, law{
		check: func(tr *tree) []string {
			var found []string
			tr.eachProduct(func(p *pkg, f *file) {
				if n := floorOf(p.place); n != rooms && n != halls {
					return
				}
				for _, spec := range f.ast.Imports {
					what := unquote(spec.Path)
					q, ours := own(what)
					templates := ours && floorOf(q) == inner && path.Base(q) == "ui" && shelf(f.path) != "pages" && shelf(f.path) != "http"
					if templates || slices.Contains(forbidden[shelf(f.path)], what) {
						found = append(found, tr.at(spec)+": a "+shelf(f.path)+" file must not import "+what)
					}
				}
			})
			return found
		},
		breaks: []sample{
			{"a rule file must not import net/http", "-- internal/notice/notice.go --\npackage notice\nimport _ \"net/http\""},
			{"a rule file must not import database/sql", "-- internal/vault/checkout.go --\npackage vault\nimport _ \"database/sql\""},
			{"a rule file must not import " + module + "/internal/notice/ui", "-- internal/notice/notice.go --\npackage notice\nimport _ \"" + module + "/internal/notice/ui\""},
			{"a pages file must not import database/sql", "-- internal/notice/pages.go --\npackage notice\nimport _ \"database/sql\""},
		},
		keeps: []sample{{"", "-- internal/notice/http.go --\npackage notice\nimport _ \"net/http\"\n-- internal/notice/store.go --\npackage notice\nimport _ \"database/sql\"\n-- internal/web/web.go --\npackage web\nimport _ \"net/http\""}},
	})
}

var sqlText = regexp.MustCompile(`(?s)^\s*(SELECT\s.+\sFROM\s|(?i)INSERT\s+(OR\s+\w+\s+)?INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|CREATE\s+(UNIQUE\s+)?(TABLE|INDEX)\s|ALTER\s+TABLE\s|DROP\s+TABLE\s|WITH\s+\w+(\s*\([^)]*\))?\s+AS\s*\()`)

func TestOnlyStoreFilesHoldSQL(t *testing.T) {
	prove(t, law{
		check: func(tr *tree) []string {
			var found []string
			tr.eachProduct(func(p *pkg, f *file) {
				n := floorOf(p.place)
				low, own, test := n >= ground && n <= 2, n > 2 && n <= rooms && shelf(f.path) == "store", n == top && p.place != "cmd/sekisho"
				if low || own || test {
					return
				}
				f.literals(func(n ast.Node, s string) {
					if sqlText.MatchString(s) {
						found = append(found, tr.at(n)+": SQL outside store.go")
					}
				})
			})
			return found
		},
		breaks: []sample{
			{"SQL outside store.go", "-- internal/notice/notice.go --\npackage notice\nconst q = `SELECT id FROM notice`"},
			{"SQL outside store.go", "-- internal/house/house.go --\npackage house\nconst q = \"UPDATE notice SET title = $1\""},
			{"SQL outside store.go", "-- internal/notice/ui/x.go --\npackage ui\nconst q = \"DELETE FROM notice\""},
		},
		keeps: []sample{{"", "-- internal/notice/store.go --\npackage notice\nconst q = `SELECT id FROM notice`\n-- internal/notice/notice.go --\npackage notice\nconst say = \"select one from the list\""}},
	})
}

// houseWide may use the store's handle that sees every organization; floors up
// to the fourth may too.
var houseWide = []string{"console", "backup", "notice"}

// lookUps are the functions of higher rooms that look at the whole house: by an
// unguessable value, at what is over, at a house without people, or at which
// people of an organization have which factors.
var lookUps = map[string][]string{
	"factor": {"lookUp", "keptBy"}, "signin": {"lookUp", "seenAndOver", "openEverywhere"}, "token": {"lookUp", "usedTokens"}, "welcome": {"lookUp", "NewSetupLink"},
	"lease": {"overdue"}, "request": {"Bridge"}, "change": {"Since", "TurnOn", "TurnOff", "turnOff", "lookEyes"}, // one row of the installation
	"card":   {"polled", "claim", "Bridge", "dueTells", "overdue", "standIns", "decidingApps"},
	"sender": {"lookUp", "owners", "usedTokens", "dropOld"},
}

func TestTheHouseHandleStaysLow(t *testing.T) {
	prove(t, law{
		check: func(tr *tree) []string {
			var found []string
			tr.eachProduct(func(p *pkg, f *file) {
				n := floorOf(p.place)
				if n >= ground && n <= doors || n == top && p.place != "cmd/sekisho" || slices.Contains(houseWide, p.place) {
					return
				}
				ast.Inspect(f.ast, func(n ast.Node) bool {
					if d, ok := n.(*ast.FuncDecl); ok && slices.Contains(lookUps[p.place], d.Name.Name) {
						return false
					}
					call, ok := n.(*ast.CallExpr)
					if !ok {
						return true
					}
					if sel, ok := call.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "House" {
						found = append(found, tr.at(n)+": store.House() above the fourth floor: use the organization's handle")
					}
					return true
				})
			})
			return found
		},
		breaks: []sample{{"store.House() above", "-- internal/vault/store.go --\npackage vault\nfunc f(db D) { db.House().Read() }"}},
		keeps:  []sample{{"", "-- internal/notice/store.go --\npackage notice\nfunc f(db D) { db.House() }\n-- internal/audit/a.go --\npackage audit\nfunc f(db D) { db.House() }"}},
	})
}

// lifters let through what waits for a second person: who has seen the approval,
// and the plan, which takes everything back.
var lifters = []string{"change", "manifest", "store"}

func TestOnlyWhoSawTheApprovalLifts(t *testing.T) {
	prove(t, law{
		check: func(tr *tree) []string {
			var found []string
			tr.eachProduct(func(p *pkg, f *file) {
				ast.Inspect(f.ast, func(n ast.Node) bool {
					sel, ok := n.(*ast.SelectorExpr)
					if ok && sel.Sel.Name == "Lift" && !slices.Contains(lifters, p.place) {
						found = append(found, tr.at(n)+": Lift: only room change has seen that somebody else approved")
					}
					return true
				})
			})
			return found
		},
		breaks: []sample{
			{"only room change has seen", "-- internal/people/a.go --\npackage people\nfunc f(tx T) { tx.Lift() }"},
			{"only room change has seen", "-- internal/people/a.go --\npackage people\nvar f = T.Lift"},
		},
		keeps: []sample{{"", "-- internal/change/a.go --\npackage change\nfunc f(tx T) { tx.Lift() }\n-- internal/people/a.go --\npackage people\nfunc f(tx T) bool { return tx.Lifted() }"}},
	})
}

// sqlMakers put SQL together from parts, for the reasons that stand beside
// them; the parts are names from our own schema, never input.
var sqlMakers = []string{
	"store",             // reads the schema of either engine, counts by table
	"seal",              // re-encrypts every registered table and column
	"backup",            // copies every table
	"audit",             // search: constant conditions by which filters are set
	"org",               // lists of $n for as many values, search terms and members, and constant conditions
	"request", "review", // lists of $n for as many values
}

func TestNoSQLIsBuiltFromValues(t *testing.T) {
	prove(t, law{
		check: checkBuiltSQL,
		breaks: []sample{
			{"A116 SQL built by fmt", "-- internal/notice/store.go --\npackage notice\nimport \"fmt\"\nvar q = fmt.Sprintf(\"SELECT id FROM notice WHERE title = '%s'\", title)"},
			{"A061 SQL joined from values", "-- internal/notice/store.go --\npackage notice\nfunc f(sort string) string { return \"SELECT id FROM notice ORDER BY \" + sort }"},
		},
		keeps: []sample{{"", "-- internal/notice/store.go --\npackage notice\nconst columns = \"id, title\"\nvar q = \"SELECT \" + columns + \" FROM notice\"\nvar r = fmt.Sprintf(\"notice %s\", id)"}},
	})
}

func checkBuiltSQL(tr *tree) []string {
	var found []string
	tr.eachProduct(func(p *pkg, f *file) {
		if slices.Contains(sqlMakers, p.place) {
			return
		}
		fixed := p.constants()
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if isFmt(f, n) && slices.ContainsFunc(n.Args, func(a ast.Expr) bool { return sqlLiteral(a) }) {
					found = append(found, tr.at(n)+": A116 SQL built by fmt: pass values as parameters")
				}
			case *ast.BinaryExpr:
				if n.Op == token.ADD {
					if joined(n, fixed) {
						found = append(found, tr.at(n)+": A061 SQL joined from values: choose among constant texts")
					}
					return false
				}
			}
			return true
		})
	})
	return found
}

func isFmt(f *file, call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && id.Name == "fmt" && f.name("fmt") == "fmt"
}

func sqlLiteral(e ast.Expr) bool {
	lit, ok := e.(*ast.BasicLit)
	return ok && lit.Kind == token.STRING && sqlText.MatchString(unquote(lit)+" ")
}

// joined reports whether a chain of + holds SQL and something that is no
// constant of the package.
func joined(n ast.Expr, fixed map[string]string) bool {
	text, loose := "", false
	var walk func(ast.Expr)
	walk = func(e ast.Expr) {
		switch e := e.(type) {
		case *ast.BinaryExpr:
			walk(e.X)
			walk(e.Y)
		case *ast.ParenExpr:
			walk(e.X)
		case *ast.BasicLit:
			text += unquote(e)
		case *ast.Ident:
			_, ok := fixed[e.Name]
			loose = loose || !ok
			text += " x "
		default:
			loose = true
			text += " x "
		}
	}
	walk(n)
	return loose && sqlText.MatchString(text+" ")
}

// constants returns the package's constants by name, with their text where it
// is a literal.
func (p *pkg) constants() map[string]string {
	out := map[string]string{}
	for _, f := range p.files {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			decl, ok := n.(*ast.GenDecl)
			if !ok || decl.Tok != token.CONST {
				return true
			}
			for _, spec := range decl.Specs {
				values := spec.(*ast.ValueSpec)
				for i, name := range values.Names {
					out[name.Name] = ""
					if i < len(values.Values) {
						if lit, ok := values.Values[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
							out[name.Name] = unquote(lit)
						}
					}
				}
			}
			return true
		})
	}
	return out
}

var oneEngine = regexp.MustCompile(`(?i)[\w)'"]::[a-z]|\bSKIP\s+LOCKED\b`)

func TestOneSQLTextForBothEngines(t *testing.T) {
	prove(t, law{
		check: func(tr *tree) []string {
			var found []string
			for _, f := range tr.named(func(name string) bool { return strings.HasSuffix(name, ".sql") }) {
				if hit := oneEngine.FindString(f.src); hit != "" {
					found = append(found, f.path+": "+hit+" is understood by one engine only: CAST and plain claims")
				}
			}
			tr.eachProduct(func(p *pkg, f *file) {
				f.literals(func(n ast.Node, s string) {
					if hit := oneEngine.FindString(s); hit != "" && sqlText.MatchString(s) {
						found = append(found, tr.at(n)+": "+hit+" is understood by one engine only: CAST and plain claims")
					}
				})
			})
			return found
		},
		breaks: []sample{
			{"::b is understood", "-- internal/notice/store.go --\npackage notice\nconst q = `SELECT n::bigint FROM notice`"},
			{"SKIP LOCKED is understood", "-- internal/job/store.go --\npackage job\nconst q = `SELECT n FROM job FOR UPDATE SKIP LOCKED`"},
			{"::t is understood", "-- internal/notice/schema/1_x.sql --\nCREATE TABLE n (a TEXT DEFAULT ''::text)"},
		},
		keeps: []sample{{"", "-- internal/notice/store.go --\npackage notice\nconst q = `SELECT CAST(n AS BIGINT) FROM notice`\nconst ip = \"::1\""}},
	})
}
