package house_test

import (
	"flag"
	"fmt"
	"go/ast"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const evidencePage = "docs/evidence.md"

// ids lists every attack, rule, capability, requirement, trap and figure that
// the project answers for.
func ids() []string {
	var out []string
	series := func(prefix string, n int, form string) {
		for i := 1; i <= n; i++ {
			out = append(out, fmt.Sprintf("%s"+form, prefix, i))
		}
	}
	series("R", 9, "%d")
	series("A", 188, "%03d")
	for i, n := range []int{13, 12, 5, 9, 9, 9, 11, 18, 10, 8, 7, 5, 7, 6, 4, 5} {
		series("CAP-"+string(rune('A'+i)), n, "%d")
	}
	series("S0-A", 8, "%d")
	series("S0-D", 9, "%d")
	series("S1-B", 7, "%d")
	series("TRAP-C", 26, "%d")
	series("TRAP-H", 26, "%d")
	series("TRAP-K", 26, "%d")
	series("TRAP-GO", 17, "%d")
	series("F", 16, "%d")
	return out
}

// sampleIDs is what the samples answer for.
var sampleIDs = []string{"A139"}

// tell makes the laws that compare pages with the source write the pages anew.
var tell = flag.Bool("tell", false, "write what docs/evidence.md and docs/problems.md lack, instead of failing")

// TestEveryIDHasItsEvidence compares docs/evidence.md with the list of ids and
// with the tests of the tree, in both directions.
func TestEveryIDHasItsEvidence(t *testing.T) {
	if *tell {
		rewrite(t, evidencePage, told(theHouse(t)))
	}
	shown := "-- internal/egress/e_test.go --\npackage egress_test\nfunc TestPrivateAddressesAreRefused(t *testing.T) { t.Run(\"A139 loopback\", nil) }\n"
	prove(t, law{
		check: func(tr *tree) []string {
			if tr.files["go.mod"] == nil { // a sample, of a house that answers for one id
				return checkEvidence(tr, sampleIDs)
			}
			return checkEvidence(tr, ids())
		},
		breaks: []sample{
			{"evidence.md: A139 has no row", "-- docs/evidence.md --\n| id | what | shown by |\n"},
			{"evidence.md: A139 has two rows", "-- docs/evidence.md --\n| A139 | x | not built yet: egress |\n| A139 | x | not built yet: egress |\n"},
			{"evidence.md: A999 is not on the list", "-- docs/evidence.md --\n| A139 | x | not built yet: egress |\n| A999 | x | not built yet: egress |\n"},
			{"evidence.md: A139 names neither a test nor a package", "-- docs/evidence.md --\n| A139 | x | soon |\n"},
			{"evidence.md: A139 has no description", "-- docs/evidence.md --\n| A139 |  | not built yet: egress |\n"},
			{"egress.TestGone stands nowhere", "-- docs/evidence.md --\n| A139 | x | `egress.TestGone` |\n"},
			{"evidence.md: A139 is shown by `egress.TestPrivateAddressesAreRefused`: say so", shown + "-- docs/evidence.md --\n| A139 | x | not built yet: egress |\n"},
			{"evidence.md: A777 stands in egress.TestB but not here", "-- internal/egress/e_test.go --\npackage egress_test\nfunc TestB(t *testing.T) { t.Run(\"A777 x\", nil) }\n-- docs/evidence.md --\n| A139 | x | not built yet: egress |\n"},
			{"attic is no package of the list", "-- docs/evidence.md --\n| A139 | x | not built yet: attic |\n"},
		},
		keeps: []sample{{"", shown + "-- docs/evidence.md --\n| A139 | x | `egress.TestPrivateAddressesAreRefused` |\n"}},
	})
}

func checkEvidence(tr *tree, want []string) []string {
	f := tr.files[evidencePage]
	if f == nil {
		return []string{evidencePage + " is missing"}
	}
	rows, found := evidenceRows(f.src)
	tests, marks := testsOf(tr)
	for _, id := range want {
		if _, ok := rows[id]; !ok {
			found = append(found, id+" has no row")
		}
	}
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		if !slices.Contains(want, id) {
			found = append(found, id+" is not on the list of ids (internal/house/evidence_test.go)")
		}
		found = append(found, judgeRow(id, rows[id], tests)...)
	}
	for _, id := range slices.Sorted(maps.Keys(marks)) {
		row, ok := rows[id]
		if !ok {
			found = append(found, id+" stands in "+strings.Join(marks[id], ", ")+" but not here")
			continue
		}
		if untold := row.untold(marks[id]); len(untold) > 0 {
			found = append(found, fmt.Sprintf("%s is shown by `%s`: say so there, or run go test ./internal/house -tell", id, strings.Join(untold, "`, `")))
		}
	}
	for i := range found {
		found[i] = evidencePage + ": " + found[i]
	}
	return found
}

// untold returns those of the tests whose package the row does not name.
func (e evidence) untold(tests []string) []string {
	told := map[string]bool{}
	for _, m := range proofs.FindAllStringSubmatch(e.shown, -1) {
		told[m[1]] = true
	}
	return slices.DeleteFunc(slices.Clone(tests), func(name string) bool { return told[name[:strings.LastIndex(name, ".")]] })
}

// told returns the page with every test that shows an id named in its row.
func told(tr *tree) string {
	rows, _ := evidenceRows(tr.files[evidencePage].src)
	_, marks := testsOf(tr)
	lines := strings.Split(tr.files[evidencePage].src, "\n")
	for i, line := range lines {
		m := evidenceRow.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		untold := rows[m[1]].untold(marks[m[1]])
		if len(untold) == 0 {
			continue
		}
		cell := "`" + strings.Join(untold, "`, `") + "`"
		switch rest, bare := strings.CutPrefix(m[3], "not built yet: "); {
		case !bare:
			cell += ", " + m[3]
		case slices.ContainsFunc(untold, func(name string) bool { return !strings.HasPrefix(name, rest+".") }):
			cell += "; the rest: " + m[3]
		}
		lines[i] = "| " + m[1] + " | " + m[2] + " | " + cell + " |"
	}
	return strings.Join(lines, "\n")
}

// rewrite replaces a page of the house, in the tree too.
func rewrite(t *testing.T, name, src string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(root, name), []byte(src), 0o644); err != nil { //nolint:gosec // a page for everybody
		t.Fatal(err)
	}
	theHouse(t).files[name].src = src
}

// TestDocsNameTestsThatExist: a promise in the docs names a test that stands.
func TestDocsNameTestsThatExist(t *testing.T) {
	prove(t, law{
		check: func(tr *tree) []string {
			tests, _ := testsOf(tr)
			var found []string
			for _, f := range tr.named(isDoc) {
				for _, m := range proofs.FindAllStringSubmatch(f.src, -1) {
					if !tests[m[1]+"."+m[2]] {
						found = append(found, f.path+": "+m[1]+"."+m[2]+" stands nowhere")
					}
				}
			}
			return found
		},
		breaks: []sample{{"SECURITY.md: store.TestGone stands nowhere", "-- SECURITY.md --\n`store.TestGone`\n"}},
		keeps:  []sample{{"", "-- SECURITY.md --\n`store.TestHere`\n-- internal/store/s_test.go --\npackage store_test\nfunc TestHere(t *testing.T) {}\n"}},
	})
}

type evidence struct{ what, shown string }

var (
	evidenceRow = regexp.MustCompile(`^\| ([A-Z][A-Z0-9-]*[0-9]) \| *(.*?) *\| *(.*?) *\|$`)
	proofs      = regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz|Benchmark|Example)[A-Za-z0-9_]+)`")
	notBuilt    = regexp.MustCompile(`not built yet: ([a-z0-9/, ]+)`)
)

func evidenceRows(src string) (map[string]evidence, []string) {
	rows, found := map[string]evidence{}, []string{}
	for line := range strings.SplitSeq(src, "\n") {
		m := evidenceRow.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if _, twice := rows[m[1]]; twice {
			found = append(found, m[1]+" has two rows")
		}
		rows[m[1]] = evidence{m[2], m[3]}
	}
	return rows, found
}

func judgeRow(id string, row evidence, tests map[string]bool) []string {
	var found []string
	if row.what == "" {
		found = append(found, id+" has no description")
	}
	named, missing := proofs.FindAllStringSubmatch(row.shown, -1), notBuilt.FindStringSubmatch(row.shown)
	if named == nil && missing == nil {
		found = append(found, id+" names neither a test nor a package that is not built yet")
	}
	for _, m := range named {
		if !tests[m[1]+"."+m[2]] {
			found = append(found, id+": "+m[1]+"."+m[2]+" stands nowhere")
		}
	}
	if missing != nil {
		for place := range strings.SplitSeq(missing[1], ", ") {
			if floorOf(strings.TrimSpace(place)) == unlisted {
				found = append(found, id+": "+place+" is no package of the list")
			}
		}
	}
	return found
}

var (
	leadingIDs = regexp.MustCompile(`^((?:A[0-9]{3}|R[1-9]|F[0-9]{1,2}|CAP-[A-P][0-9]{1,2}|S[01]-[ABD][0-9]|TRAP-(?:GO|[CHK])[0-9]{1,2})(?:[ ,:/]+|$))+`)
	nameID     = regexp.MustCompile(`^(?:Test|Fuzz)(A[0-9]{3})`)
	oneID      = regexp.MustCompile(`[A-Z0-9]+(?:-[A-Z0-9]+)?`)
)

// testsOf returns the test functions of the tree as PLACE.NAME, and for every
// id at the beginning of a text in a test (a subtest's name, a row's) or of a
// test's name the tests it stands in.
func testsOf(tr *tree) (tests map[string]bool, marks map[string][]string) {
	tests, marks = map[string]bool{}, map[string][]string{}
	for _, p := range tr.packages() {
		for _, f := range p.files {
			if !f.test {
				continue
			}
			for _, decl := range f.ast.Decls {
				fn, ok := decl.(*ast.FuncDecl)
				if !ok || fn.Recv != nil {
					continue
				}
				name := p.place + "." + fn.Name.Name
				isTest := testName.MatchString(fn.Name.Name)
				if isTest {
					tests[name] = true
				}
				mark := func(id string) {
					if isTest && !slices.Contains(marks[id], name) {
						marks[id] = append(marks[id], name)
					}
				}
				if m := nameID.FindStringSubmatch(fn.Name.Name); m != nil {
					mark(m[1])
				}
				literalsIn(fn, func(s string) {
					for _, id := range oneID.FindAllString(leadingIDs.FindString(s), -1) {
						mark(id)
					}
				})
			}
		}
	}
	return tests, marks
}

var testName = regexp.MustCompile(`^(Test|Fuzz|Benchmark|Example)[A-Z0-9_]`)

func literalsIn(n ast.Node, do func(string)) {
	ast.Inspect(n, func(n ast.Node) bool { return literal(n, func(_ ast.Node, s string) { do(s) }) })
}
