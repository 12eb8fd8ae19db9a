package house_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
)

// floors lists every package of the house by floor, bottom up. A package may
// import lower floors only; ground may import ground. A new package gets its
// word here in the commit that brings it.
var floors = [...][]string{
	0: {"fault", "clock", "id", "secret", "words", "meter", "wire/*", "docs", "fake"}, // fake is what all fakes stand on
	1: {"store"},
	2: {"audit", "seal", "once", "job", "egress", "rule", "manifest"},
	3: {"org", "connector/definition", "signet"},
	4: {"web", "notify", "connector"},
	5: {"lease", "presence", "paper", "factor"},
	6: {"admit", "demand", "request", "people/kinds", "people/arrive"},
	7: {
		"notice", "people", "seat", "approval", "console", "backup", "signin", "token", "welcome", "hub", "handbook", "directory", "device", "risk", "mobile", "card", "order",
		"ticket", "sender", "rota", "offer", "review", "catalog", "billing", "vault", "oauth", "saml", "scim", "forward", "watch",
		"change",
	},
	8: {
		"audit/outside", "directory/ldap", "factor/passkey", "factor/certificate", "vault/ssh",
		"notify/smtp", "notify/sms", "notify/webpush", "fake/*",
	},
	9: {"house"},
	10: {
		"cmd/sekisho", "client", "housetest", "demo", "e2e", "e2e/browser", "e2e/chain", "e2e/operate", "e2e/peers", // and R/Rtest
	},
}

const (
	ground, doors, halls, rooms, drivers, houseFloor, top = 0, 4, 6, 7, 8, 9, 10
	inner                                                 = -1 // private to the room above it
	unlisted                                              = -2
	layout                                                = "web/ui" // the pages' frame and components
)

// floorOf returns the floor of a place, inner for R/ui and R/x of a listed R.
func floorOf(place string) int {
	for n, list := range floors {
		for _, name := range list {
			if ok, _ := path.Match(name, place); ok {
				return n
			}
		}
	}
	if strings.HasSuffix(place, "/"+room(place)+"test") {
		return top // job/jobtest: the suite that every driver of job passes
	}
	if parent := path.Dir(place); strings.Count(place, "/") == 1 && floorOf(parent) > ground && floorOf(parent) < drivers {
		return inner
	}
	return unlisted
}

func room(place string) string {
	first, _, _ := strings.Cut(place, "/")
	return first
}

func TestEveryPackageStandsOnAFloor(t *testing.T) {
	prove(t, law{
		check: func(tr *tree) []string {
			var found []string
			for _, p := range tr.packages() {
				if floorOf(p.place) == unlisted {
					found = append(found, p.place+": not on a floor: list it in internal/house/floors_test.go")
				}
			}
			return found
		},
		breaks: []sample{
			{"attic: not on a floor", "-- internal/attic/attic.go --\npackage attic"},
			{"notice/ui/deep: not on a floor", "-- internal/notice/ui/deep/x.go --\npackage deep"},
			{"clock/x: not on a floor", "-- internal/clock/x/x.go --\npackage x"},
		},
		keeps: []sample{
			{"all kinds", "-- internal/wire/yaml/y.go --\npackage yaml\n-- internal/notice/ui/u.go --\npackage ui\n-- cmd/sekisho/main.go --\npackage main\n-- internal/fake/mail/m.go --\npackage mail\n-- internal/job/jobtest/j.go --\npackage jobtest"},
		},
	})
}

func TestImportsGoDown(t *testing.T) {
	prove(t, law{
		check: func(tr *tree) []string {
			return eachImport(tr, func(p *pkg, f *file, q string) string {
				if f.test {
					return mayTest(p.place, q)
				}
				return mayImport(p.place, q)
			})
		},
		breaks: []sample{
			{"upward", imports("store", "audit")},
			{"sideways", imports("audit", "seal")},
			{"sideways", imports("notice", "console")},
			{"only house knows rooms", imports("cmd/sekisho", "notice")},
			{"only house knows rooms", imports("demo", "signin")},
			{"upward", imports("house", "demo")},
			{"private to notice", imports("console", "notice/ui")},
			{"private to web", imports("audit", "web/ui")},
			{"import ground, org and web only", imports("web/ui", "web")},
			{"private to notice", imports("house", "notice/ui")},
			{"import ground, org and web only", imports("notice/ui", "store")},
			{"import ground, org and web only", imports("notice/ui", "notice")},
			{"nothing but house imports a driver", imports("cmd/sekisho", "vault/ssh")},
			{"nothing but house imports a driver", imports("cmd/sekisho", "fake/mail")},
			{"upward", imports("factor", "factor/passkey")},
			{"a driver imports its parent", imports("factor/passkey", "hub")},
			{"upward", imports("house", "housetest")},
			{"upward", imports("fault", "store")},
			{"upward", imports("job", "job/jobtest")},
			{"in a test", strings.Replace(imports("notice", "console"), "p.go", "p_test.go", 1)},
			{"in a test", strings.Replace(imports("store", "house"), "p.go", "p_test.go", 1)},
		},
		keeps: []sample{
			{"", imports("fault", "id")},
			{"", imports("notice", "notice/ui", "web", "store", "fault")},
			{"", imports("notice/ui", "web", "web/ui", "words")},
			{"", imports("notice", "web/ui")},
			{"", imports("factor/passkey", "factor", "store")},
			{"", imports("house", "notice", "vault/ssh", "fake/mail")},
			{"", imports("cmd/sekisho", "house", "audit")},
			{"", imports("housetest", "house", "fake/mail")},
			{"", imports("factor/factortest", "factor/totp", "housetest", "fake/mail")},
			{"", imports("demo", "house", "fake/mail", "web/ui", "org")},
			{"", imports("cmd/sekisho", "demo")},
			{"", imports("job/jobtest", "job", "store")},
			{"", strings.Replace(imports("notice", "housetest", "audit", "notice/ui"), "p.go", "p_test.go", 1)},
		},
	})
}

// imports is a sample with one package that imports others of ours.
func imports(place string, others ...string) string {
	dir := "internal/" + place
	if strings.HasPrefix(place, "cmd/") {
		dir = place
	}
	var b strings.Builder
	fmt.Fprintf(&b, "-- %s/p.go --\npackage p\n", dir)
	for _, other := range others {
		fmt.Fprintf(&b, "import _ %q\n", module+"/internal/"+other)
	}
	return b.String()
}

func eachImport(tr *tree, judge func(*pkg, *file, string) string) []string {
	var found []string
	for _, p := range tr.packages() {
		for _, f := range p.files {
			for _, spec := range f.ast.Imports {
				q, ours := own(unquote(spec.Path))
				if !ours || q == p.place {
					continue
				}
				if why := judge(p, f, q); why != "" {
					found = append(found, fmt.Sprintf("%s: %s imports %s: %s", tr.at(spec), p.place, q, why))
				}
			}
		}
	}
	return found
}

// mayImport says why the package p may not import q, or "".
func mayImport(p, q string) string {
	from, to := floorOf(p), floorOf(q)
	switch {
	case from == unlisted || to == unlisted:
		return "" // another law speaks
	case q == layout && (from > doors || from == inner):
		return "" // the one ui that rooms share
	case to == inner:
		if path.Dir(q) != p && p != suiteOf(path.Dir(q)) {
			return "it is private to " + path.Dir(q)
		}
		return ""
	case from == inner:
		return mayInner(p, to, q)
	case (p == "housetest" || p == "demo" || p == suiteOf("factor")) && strings.HasPrefix(q, "fake/"):
		return "" // a whole house in a test has somebody to talk to, and so has the demo
	case to == drivers && from != houseFloor && (from > drivers || to < from):
		return "nothing but house imports a driver"
	case from == ground && to == ground, from == top && to == top:
		return ""
	case to == from:
		return "sideways: declare an interface here and let house plug it in"
	case to > from:
		return "upward"
	case to == rooms && from == drivers && room(p) != q:
		return "a driver imports its parent and lower floors only"
	case to == rooms && (p == "cmd/sekisho" || p == "demo"):
		return "only house knows rooms"
	}
	return ""
}

// suiteOf is the package of what several tests of R and above share.
func suiteOf(r string) string { return r + "/" + r + "test" }

func mayInner(p string, to int, q string) string {
	parent := floorOf(path.Dir(p))
	if to == ground || (q == "org" || q == "web") && to < parent {
		return ""
	}
	return "R/ui and R/x import ground, org and web only"
}

// mayTest is for test files, which may reach further: a test of any floor uses
// the floors below the rooms, its own family, the harness and the fakes.
func mayTest(p, q string) string {
	from, to := floorOf(p), floorOf(q)
	family := room(p) == room(q) && from != ground
	if from >= houseFloor || family || to == top || to >= ground && to <= doors || strings.HasPrefix(q, "fake/") || to < from && to > doors && to < rooms {
		return ""
	}
	return "in a test: use floors below the rooms, housetest and fakes"
}

func TestFakesStandOnGround(t *testing.T) {
	prove(t, law{
		check: func(tr *tree) []string {
			return eachImport(tr, func(p *pkg, f *file, q string) string {
				if f.test || room(p.place) != "fake" || floorOf(q) == ground {
					return ""
				}
				return "a fake imports ground and the standard library only"
			})
		},
		breaks: []sample{{"a fake imports ground", imports("fake/jira", "store")}},
		keeps:  []sample{{"", imports("fake/jira", "fault", "clock")}},
	})
}

// owners names the one package that imports a third-party module; what it
// offers, the others take from it. Vocabularies are free, test modules belong
// to tests and to the tenth floor.
var owners = map[string][]string{
	"modernc.org/sqlite":                  {"store"},
	"github.com/jackc/pgx/v5":             {"store", "housetest"}, // housetest starts PostgreSQL
	"github.com/pressly/goose/v3":         {"store"},
	"filippo.io/age":                      {"seal"},
	"golang.org/x/mod":                    {"audit", "audit/outside"}, // its test makes a log
	"github.com/prometheus/client_golang": {"meter"},
	"github.com/spf13/cobra":              {"cmd/sekisho"},
	"golang.org/x/term":                   {"cmd/sekisho"},
	// words reads embedded files of our own; foreign YAML goes through wire/yaml.
	"go.yaml.in/yaml/v3":              {"wire/yaml", "words"},
	"golang.org/x/sys":                {"store", "web", "house"}, // locks and file systems; the peer of a socket
	"golang.org/x/text":               {"words"},
	"github.com/emersion/go-smtp":     {"fake/mail"},
	"github.com/emersion/go-sasl":     {"fake/mail"},
	"github.com/wneessen/go-mail":     {"notify/smtp"},
	"golang.org/x/net/idna":           {"wire/mailaddr"},
	"github.com/pquerna/otp":          {"factor/totp"},
	"github.com/boombuler/barcode":    {"factor/totp"}, // QR codes
	"github.com/go-webauthn/webauthn": {"factor/passkey"},
}

var vocabularies = []string{
	"github.com/go-jose/go-jose/v4", "cel.dev/cel-go", "golang.org/x/crypto",
	"github.com/a-h/templ", "github.com/danielgtaylor/huma/v2",
}

var testModules = []string{
	"github.com/google/go-cmp", "pgregory.net/rapid", "github.com/rogpeppe/go-internal", "github.com/chromedp/chromedp",
	"github.com/chromedp/cdproto", "github.com/c2sp/wycheproof", "github.com/crewjam/saml", "golang.org/x/net/html",
}

func TestModulesHaveOneImporter(t *testing.T) {
	prove(t, law{
		check: checkModules,
		breaks: []sample{
			{"github.com/jackc/pgx/v5 belongs to store, housetest", "-- internal/audit/a.go --\npackage audit\nimport _ \"github.com/jackc/pgx/v5/stdlib\""},
			{"example.org/new is not listed", "-- internal/audit/a.go --\npackage audit\nimport _ \"example.org/new/thing\""},
			{"is for tests", "-- internal/audit/a.go --\npackage audit\nimport _ \"pgregory.net/rapid\""},
			{"belongs to store", "-- internal/notice/n_test.go --\npackage notice_test\nimport _ \"modernc.org/sqlite\""},
			{"cgo", "-- internal/store/s.go --\npackage store\nimport \"C\""},
		},
		keeps: []sample{
			{"", "-- internal/store/s.go --\npackage store\nimport _ \"modernc.org/sqlite\"\nimport _ \"golang.org/x/crypto/argon2\"\nimport _ \"net/http\""},
			{"", "-- internal/audit/a_test.go --\npackage audit_test\nimport _ \"pgregory.net/rapid\""},
			{"", "-- internal/housetest/h.go --\npackage housetest\nimport _ \"golang.org/x/net/html\""},
		},
	})
}

func checkModules(tr *tree) []string {
	var found []string
	for _, p := range tr.packages() {
		for _, f := range p.files {
			for _, spec := range f.ast.Imports {
				if why := mayModule(p.place, f.test, unquote(spec.Path)); why != "" {
					found = append(found, tr.at(spec)+": "+p.place+": "+why)
				}
			}
		}
	}
	return found
}

func mayModule(place string, test bool, importPath string) string {
	if importPath == "C" {
		return "cgo: the binary is built without it"
	}
	first, _, _ := strings.Cut(importPath, "/")
	if !strings.Contains(first, ".") || strings.HasPrefix(importPath, module) {
		return ""
	}
	in := func(m string) bool { return importPath == m || strings.HasPrefix(importPath, m+"/") }
	if slices.ContainsFunc(testModules, in) {
		if test || floorOf(place) == top && place != "cmd/sekisho" {
			return ""
		}
		return importPath + " is for tests"
	}
	if slices.ContainsFunc(vocabularies, in) || place == "house" && test {
		return ""
	}
	for m, list := range owners {
		if in(m) {
			if slices.Contains(list, place) {
				return ""
			}
			return m + " belongs to " + strings.Join(list, ", ") + ": take what you need from there"
		}
	}
	return strings.TrimSuffix(importPath, "/"+path.Base(importPath)) + " is not listed: name its one importer in internal/house/floors_test.go and its lowest version in docs/dependencies.md"
}
