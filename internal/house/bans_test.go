package house_test

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// ban forbids some names of an imported package outside of some places.
type ban struct {
	importPath string
	names      []string // nil: the import itself
	except     []string // places; "x/*" for all below x
	tests      bool     // test files too
	why        string
}

func (b ban) check(tr *tree) []string {
	var found []string
	for _, p := range tr.packages() {
		if b.allows(p.place) {
			continue
		}
		for _, f := range p.files {
			if f.test && !b.tests || f.generated {
				continue
			}
			found = append(found, b.inFile(tr, f)...)
		}
	}
	return found
}

func (b ban) inFile(tr *tree, f *file) []string {
	var found []string
	if b.names == nil {
		for _, spec := range f.ast.Imports {
			if what := unquote(spec.Path); what == b.importPath || strings.HasPrefix(what, b.importPath+"/") {
				found = append(found, tr.at(spec)+": imports "+what+": "+b.why)
			}
		}
		return found
	}
	handed := pointers(f)
	f.uses(b.importPath, func(sel *ast.SelectorExpr) {
		if slices.Contains(b.names, sel.Sel.Name) && !handed[sel] {
			found = append(found, tr.at(sel)+": "+b.importPath+"."+sel.Sel.Name+": "+b.why)
		}
	})
	return found
}

// pointers are the types that only stand as *PACKAGE.Type: what somebody else
// made and hands in.
func pointers(f *file) map[*ast.SelectorExpr]bool {
	out := map[*ast.SelectorExpr]bool{}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if star, ok := n.(*ast.StarExpr); ok {
			if sel, ok := star.X.(*ast.SelectorExpr); ok {
				out[sel] = true
			}
		}
		return true
	})
	return out
}

func (b ban) allows(place string) bool {
	return slices.ContainsFunc(b.except, func(e string) bool {
		dir, all := strings.CutSuffix(e, "*")
		return place == e || all && strings.HasPrefix(place, dir)
	})
}

func checkBans(bans ...ban) func(*tree) []string {
	return func(tr *tree) []string {
		var found []string
		for _, b := range bans {
			found = append(found, b.check(tr)...)
		}
		return found
	}
}

func TestTimeIsReadByTheClock(t *testing.T) {
	prove(t, law{
		check: checkBans(ban{
			importPath: "time", names: []string{"Now", "Since", "Until"},
			except: []string{"clock", "housetest"}, why: "time is a field: take a clock.Clock",
		}),
		breaks: []sample{
			{"time.Now: time is a field", "-- internal/store/a.go --\npackage store\nimport \"time\"\nvar t = time.Now()"},
			{"time.Since: time is a field", "-- internal/store/a.go --\npackage store\nimport tick \"time\"\nvar t = tick.Since(x)"},
		},
		keeps: []sample{{"", "-- internal/clock/a.go --\npackage clock\nimport \"time\"\nvar t = time.Now()\n-- internal/store/a.go --\npackage store\nimport \"time\"\nvar t = time.Second"}},
	})
}

func TestRandomnessIsStrong(t *testing.T) {
	prove(t, law{
		check: checkBans(ban{importPath: "math/rand", why: "A170 what can be guessed: crypto/rand only"}),
		breaks: []sample{
			{"A170 what can be guessed", "-- internal/store/a.go --\npackage store\nimport \"math/rand\""},
			{"imports math/rand/v2", "-- internal/store/a.go --\npackage store\nimport \"math/rand/v2\""},
		},
		keeps: []sample{{"", "-- internal/store/a_test.go --\npackage store_test\nimport \"math/rand/v2\"\n-- internal/store/a.go --\npackage store\nimport \"crypto/rand\""}},
	})
}

func TestPeersAreAlwaysVerified(t *testing.T) {
	prove(t, law{
		check: func(tr *tree) []string {
			var found []string
			for _, p := range tr.packages() {
				for _, f := range p.files {
					ast.Inspect(f.ast, func(n ast.Node) bool {
						if id, ok := n.(*ast.Ident); ok && (id.Name == "InsecureSkipVerify" || id.Name == "InsecureIgnoreHostKey") {
							found = append(found, tr.at(id)+": A145 "+id.Name+": nobody may be trusted unseen, not even in a test")
						}
						return true
					})
				}
			}
			return found
		},
		breaks: []sample{
			{"A145 InsecureSkipVerify", "-- internal/web/a_test.go --\npackage web_test\nvar c = tls.Config{InsecureSkipVerify: true}"},
			{"A145 InsecureIgnoreHostKey", "-- internal/vault/ssh/a.go --\npackage ssh\nvar c = ssh.InsecureIgnoreHostKey()"},
		},
		keeps: []sample{{"", "-- internal/web/a.go --\npackage web\nvar c = tls.Config{RootCAs: pool}"}},
	})
}

// speaksOutside may open connections by itself, for the reason beside it.
var speaksOutside = []string{
	"egress",
	"cmd/sekisho",                              // the control socket
	"demo",                                     // the house that it has just opened, in memory
	"client",                                   // it stands in other people's programs
	"housetest", "e2e", "e2e/*", "job/jobtest", // to servers of their own
	"fake", "fake/*", // on loopback only
}

func TestTheOutsideIsReachedByEgress(t *testing.T) {
	const why = "R6: every outbound call goes through egress"
	prove(t, law{
		check: checkBans(
			ban{"net/http", []string{"Client", "DefaultClient", "DefaultTransport", "Transport", "Get", "Head", "Post", "PostForm"}, speaksOutside, false, why},
			ban{"net", []string{"Dial", "DialTimeout", "DialTCP", "DialUDP", "DialUnix", "Dialer"}, speaksOutside, false, why},
			ban{"crypto/tls", []string{"Dial", "DialWithDialer", "Dialer", "Client"}, speaksOutside, false, why},
			ban{"net/smtp", nil, nil, false, why},
		),
		breaks: []sample{
			{"R6: every outbound", "-- internal/job/a.go --\npackage job\nimport \"net/http\"\nvar c = &http.Client{}"},
			{"net.Dialer", "-- internal/audit/a.go --\npackage audit\nimport \"net\"\nvar d net.Dialer"},
			{"crypto/tls.Dial", "-- internal/audit/a.go --\npackage audit\nimport \"crypto/tls\"\nfunc f() { tls.Dial(\"tcp\", \"x:1\", nil) }"},
			{"imports net/smtp", "-- internal/notify/a.go --\npackage notify\nimport \"net/smtp\""},
		},
		keeps: []sample{{"", "-- internal/egress/a.go --\npackage egress\nimport \"net/http\"\nvar c = &http.Client{}\n-- internal/job/a.go --\npackage job\nimport \"net/http\"\ntype Options struct{ HTTP *http.Client }\n-- internal/web/a.go --\npackage web\nimport \"net/http\"\nvar s http.Server"}},
	})
}

func TestOneParserForEachDangerousForm(t *testing.T) {
	prove(t, law{
		check: checkBans(
			ban{importPath: "encoding/xml", except: []string{"wire/xmlsig"}, why: "R3: one strict scanner reads XML"},
			ban{importPath: "golang.org/x/crypto/ocsp", except: []string{"wire/revoke"}, why: "accepts forged and stale answers alone"},
			ban{importPath: "encoding/gob", why: "no format of this house"},
			ban{importPath: "net/http/pprof", why: "A163: nothing to debug on a listener"},
			ban{importPath: "expvar", why: "A163: nothing to debug on a listener"},
		),
		breaks: []sample{
			{"R3: one strict scanner", "-- internal/saml/a.go --\npackage saml\nimport \"encoding/xml\""},
			{"forged and stale", "-- internal/signin/a.go --\npackage signin\nimport \"golang.org/x/crypto/ocsp\""},
			{"A163: nothing to debug", "-- internal/web/a.go --\npackage web\nimport _ \"net/http/pprof\""},
		},
		keeps: []sample{{"", "-- internal/wire/xmlsig/a.go --\npackage xmlsig\nimport \"encoding/xml\""}},
	})
}

func TestNothingRegistersItself(t *testing.T) {
	prove(t, law{
		check: func(tr *tree) []string {
			var found []string
			tr.eachProduct(func(p *pkg, f *file) {
				for _, decl := range f.ast.Decls {
					if d, ok := decl.(*ast.FuncDecl); ok && d.Recv == nil && d.Name.Name == "init" {
						found = append(found, tr.at(d)+": init(): house lists what there is")
					}
				}
			})
			return found
		},
		breaks: []sample{{"init(): house lists", "-- internal/job/a.go --\npackage job\nfunc init() {}"}},
		keeps:  []sample{{"", "-- internal/job/a.go --\npackage job\nfunc (j job) init() {}"}},
	})
}

var (
	credentialName = regexp.MustCompile(`(?i)^(default|initial|admin|root)?_?(password|passwd|passphrase|secret|client_?secret|api_?key)$|^default.*(password|secret|token|login)$`)
	credentialText = regexp.MustCompile(`(?i)^(changeme|change-me|letmein|hunter2|password12?3?|admin123|secret123|sekisho123)$|^admin:|://[^/@:{}$%\s]+:[^@{}$%\s/]+@`)
)

func TestNoCredentialStandsInTheSource(t *testing.T) {
	prove(t, law{
		check: checkCredentials,
		breaks: []sample{
			{"A168 password", "-- internal/house/a.go --\npackage house\nvar password = \"correct horse\""},
			{"A168 Password", "-- internal/house/a.go --\npackage house\nvar o = Options{Password: \"x\"}"},
			{"A168 changeme", "-- internal/house/a.go --\npackage house\nvar v = \"changeme\""},
			{"A168 ://me:mine@", "-- internal/house/a.go --\npackage house\nvar v = \"postgres://me:mine@db/house\""},
			{"A168 secret", "-- internal/house/a.go --\npackage house\nfunc f() { secret := \"0123456789abcdef\" }"},
		},
		keeps: []sample{{"", "-- internal/house/a.go --\npackage house\nconst fieldPassword = \"password\"\nvar password = \"\"\nvar secret = read()\nvar u = \"postgres://me@db/house\"\nvar kinds = K{Password: \"password\"}"}},
	})
}

func checkCredentials(tr *tree) []string {
	var found []string
	tr.eachProduct(func(p *pkg, f *file) {
		pair := func(name, value ast.Expr) {
			lit, ok := value.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return
			}
			if called := lastName(name); credentialName.MatchString(called) && !harmless(called, unquote(lit)) {
				found = append(found, tr.at(lit)+": A168 "+called+" has a value in the source")
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				pair(n.Key, n.Value)
			case *ast.AssignStmt:
				for i := range min(len(n.Lhs), len(n.Rhs)) {
					pair(n.Lhs[i], n.Rhs[i])
				}
			case *ast.ValueSpec:
				for i := range n.Values {
					pair(n.Names[i], n.Values[i])
				}
			}
			return true
		})
		f.literals(func(n ast.Node, s string) {
			if hit := credentialText.FindString(s); hit != "" {
				found = append(found, tr.at(n)+": A168 "+hit+" looks like a credential")
			}
		})
	})
	return found
}

func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// harmless is a field's or a kind's name that stands for itself.
func harmless(name, value string) bool {
	plain := func(s string) string {
		return strings.NewReplacer("_", "", "-", "", ".", "", " ", "").Replace(strings.ToLower(s))
	}
	return value == "" || strings.HasSuffix(plain(value), plain(name))
}
