package house_test

import (
	"fmt"
	"go/version"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

const oldestGo = "go1.26.6"

var floorRow = regexp.MustCompile("^\\| `([^`]+)` \\| (v?[0-9][^ |]*) \\|")

// TestNoModuleIsBelowItsFloor compares go.mod with the lowest versions that
// docs/dependencies.md accepts: below them stand known faults.
func TestNoModuleIsBelowItsFloor(t *testing.T) {
	mod := func(line string) string { return "-- go.mod --\nmodule m\n\ngo 1.26.6\n\nrequire " + line + "\n" }
	page := "-- docs/dependencies.md --\n| `go` | 1.26.6 | x |\n| `example.org/a` | v1.2.0 | x |\n"
	prove(t, law{
		check: checkFloors,
		breaks: []sample{
			{"A188 example.org/a v1.1.9 is below its floor v1.2.0", mod("example.org/a v1.1.9") + page},
			{"example.org/b has no floor", mod("example.org/b v1.0.0") + page},
			{"A188 example.org/a v1.1.9 is below", mod("example.org/a v1.1.9 // indirect") + page},
			{"go 1.25.0 is below its floor", strings.Replace(mod("example.org/a v1.2.0"), "1.26.6", "1.25.0", 1) + page},
			{"no floor for go", mod("example.org/a v1.2.0") + "-- docs/dependencies.md --\n| `example.org/a` | v1.2.0 | x |\n"},
		},
		keeps: []sample{{"", mod("example.org/a v1.10.0") + page}},
	})
	if version.Compare(runtime.Version(), oldestGo) < 0 {
		t.Errorf("A135 tested with %s, want at least %s", runtime.Version(), oldestGo)
	}
}

func checkFloors(tr *tree) []string {
	floor := map[string]string{}
	page := tr.files["docs/dependencies.md"]
	if page == nil {
		return []string{"docs/dependencies.md is missing"}
	}
	for line := range strings.SplitSeq(page.src, "\n") {
		if m := floorRow.FindStringSubmatch(line); m != nil {
			floor[m[1]] = m[2]
		}
	}
	parsed, err := modfile.Parse("go.mod", []byte(tr.files["go.mod"].src), nil)
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	switch {
	case floor["go"] == "":
		found = append(found, "docs/dependencies.md: no floor for go")
	case version.Compare("go"+parsed.Go.Version, "go"+floor["go"]) < 0:
		found = append(found, "A135 go "+parsed.Go.Version+" is below its floor "+floor["go"])
	}
	for _, r := range parsed.Require {
		low := floor[r.Mod.Path]
		switch {
		case low == "" && !r.Indirect:
			found = append(found, r.Mod.Path+" has no floor: add its lowest accepted version to docs/dependencies.md")
		case low != "" && semver.Compare(r.Mod.Version, low) < 0:
			found = append(found, "A188 "+r.Mod.Path+" "+r.Mod.Version+" is below its floor "+low)
		}
	}
	return found
}

func TestEveryGoFileIsGofumptClean(t *testing.T) {
	unformatted := func(t *testing.T, files []string) []string {
		t.Helper()
		if len(files) == 0 {
			return nil
		}
		cmd := exec.Command("go", append([]string{"tool", "gofumpt", "-l"}, files...)...)
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("gofumpt: %v\n%s", err, out)
		}
		return strings.Fields(string(out))
	}
	bad := filepath.Join(t.TempDir(), "bad.go")
	if err := os.WriteFile(bad, []byte("package bad\n\nfunc f() {\n\n\tg()\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := unformatted(t, []string{bad}); !slices.Equal(got, []string{bad}) {
		t.Fatalf("want the bad file found out, got %q", got)
	}
	var files []string
	for _, f := range theHouse(t).named(func(name string) bool { return strings.HasSuffix(name, ".go") }) {
		if !f.generated && f.ast != nil {
			files = append(files, f.path)
		}
	}
	if got := unformatted(t, files); len(got) > 0 {
		t.Errorf("run `go tool gofumpt -w %s`", strings.Join(got, " "))
	}
}

// TestTemplatesAreGenerated regenerates every page in a temporary folder and
// compares: the committed Go is that of the committed templates.
func TestTemplatesAreGenerated(t *testing.T) {
	templ := templTool(t)
	const page = "package ui\n\ntempl A(name string) {\n\t<p>{ name }</p>\n}\n"
	made := generate(t, templ, map[string]string{"internal/x/ui/a.templ": page})
	if got := stale(map[string]string{"internal/x/ui/a.templ": page}, made, func(name string) string { return made[name] }); len(got) > 0 {
		t.Fatalf("fresh pages found stale: %q", got)
	}
	if got := stale(map[string]string{"internal/x/ui/a.templ": page}, made, func(string) string { return "package ui\n" }); len(got) != 1 {
		t.Fatalf("a stale page passed: %q", got)
	}
	tr, pages := theHouse(t), map[string]string{}
	for _, f := range tr.named(func(name string) bool { return strings.HasSuffix(name, ".templ") }) {
		pages[f.path] = f.src
	}
	for _, finding := range stale(pages, generate(t, templ, pages), func(name string) string {
		if f := tr.files[name]; f != nil {
			return f.src
		}
		return ""
	}) {
		t.Error(finding)
	}
}

func stale(pages, made map[string]string, have func(string) string) []string {
	var found []string
	for name := range pages {
		if out := strings.TrimSuffix(name, ".templ") + "_templ.go"; noFolder(have(out)) != noFolder(made[out]) || made[out] == "" {
			found = append(found, fmt.Sprintf("%s is not what %s makes: run `go tool templ generate` at the root", out, path.Base(name)))
		}
	}
	return found
}

// noFolder drops the folder that templ writes into error places: it depends on
// where the command was called, and says nothing about the page.
func noFolder(src string) string { return fileName.ReplaceAllString(src, "FileName: `") }

var fileName = regexp.MustCompile("FileName: `[^`]*/")

// templTool returns the path of the templ that go.mod pins.
func templTool(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("go", "tool", "-n", "templ")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go tool -n templ: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func generate(t *testing.T, templ string, pages map[string]string) map[string]string {
	t.Helper()
	if len(pages) == 0 {
		return nil
	}
	dir := t.TempDir()
	for name, src := range pages {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(templ, "generate")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("templ generate: %v\n%s", err, out)
	}
	made := map[string]string{}
	for name := range pages {
		name = strings.TrimSuffix(name, ".templ") + "_templ.go"
		src, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		made[name] = string(src)
	}
	return made
}

// TestTheClientIsGenerated makes the client again from the description and
// compares: the committed Go is that of the committed document.
func TestTheClientIsGenerated(t *testing.T) {
	made := filepath.Join(t.TempDir(), "generated.go")
	cmd := exec.Command("go", "tool", "oapi-codegen", "-config", "oapi-codegen.yaml", "-o", made, "openapi.json")
	cmd.Dir = filepath.Join(root, "client")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("oapi-codegen: %v\n%s", err, out)
	}
	got, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	have := theHouse(t).files["client/generated.go"]
	if have == nil || !have.generated || have.src != string(got) {
		t.Error("client/generated.go is not what client/openapi.json makes: run `go generate ./client`")
	}
}
