package manifest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/store"
)

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("code", "canary-file\n")
	write("empty", "\n")
	write("big", strings.Repeat("x", 300<<10))
	write("a.yaml", "kind: Badge\norg: kaede\nname: a\nspec:\n  title: {en: A, ja: A}\n  code: {file: code}\n  pin: {env: PIN}\n")
	write("b.yml", "kind: Nobody\nname: x\nspec: {code: {env: NOBODY}}\n---\nkind: Badge\nname: b\nspec:\n  code: {file: nobody}\n  pin: {env: NOBODY}\n")
	write("c.yaml", "kind: Badge\nspec:\n  code: {file: empty}\n  pin: {file: big}\n  title: [wrong]\n")
	write(".hidden.yaml", "not: [yaml")
	write("readme.txt", "not: [yaml")
	sources := manifest.Sources{Env: func(name string) (string, bool) { return "canary-env", name == "PIN" }}

	docs, err := manifest.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = set(t).Resolve(docs, sources)
	want := []string{
		dir + "/b.yml:8 spec.code manifest-secret-file", dir + "/b.yml:9 spec.pin manifest-secret-env",
		dir + "/c.yaml:3 spec.code manifest-secret-file", dir + "/c.yaml:4 spec.pin manifest-secret-too-large",
	}
	if diff := cmp.Diff(want, complaints(t, err)); diff != "" {
		t.Error(diff)
	}
	lines := manifest.Complaints(fault.As(err), english(t))
	if diff := cmp.Diff(dir+"/b.yml:9: spec.pin: The environment variable NOBODY is not set or empty.", lines[1]); diff != "" {
		t.Error(diff)
	}
	docs, err = manifest.Read(filepath.Join(dir, "a.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := set(t).Resolve(docs, sources); err != nil {
		t.Fatal(err)
	}
	spec := docs[0].Root.Get("spec")
	if spec.Get("code").Text != "canary-file" || spec.Get("pin").Text != "canary-env" || spec.Get("pin").Line != 7 {
		t.Error("not resolved")
	}
	if text := fmt.Sprintf("%v %+v %#v %s", docs, docs, docs, docs[0]); strings.Contains(text, "canary") {
		t.Errorf("R9: %s", text)
	}
}

func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	_, err := manifest.Read(filepath.Join(dir, "nobody"))
	if fault.Code(err) != "manifest-unreadable" {
		t.Error(err)
	}
	_, err = manifest.Read(dir)
	if fault.Code(err) != "manifest-unreadable" {
		t.Error(err)
	}
	for name, text := range map[string]string{"b.yaml": "a: 1\na: 2\n", "a.yaml": "x: [\n", "c.yaml": "fine: 1\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err = manifest.Read(dir)
	if diff := cmp.Diff([]string{dir + "/a.yaml:2  yaml-syntax", dir + "/b.yaml:2 a yaml-duplicate-key"}, complaints(t, err)); diff != "" {
		t.Error(diff)
	}
}

func TestFromJSONRefuses(t *testing.T) {
	for _, text := range []string{"", "{", "{}", "[] []", `[{"file":"a","more":1}]`, `[null]`, `[{"file":"a"}]`, `[{"file":"a","root":null}]`, `[{"file":"a","root":{"kind":"map","fields":[{"name":"a"}]}}]`} {
		if docs, err := manifest.FromJSON([]byte(text)); fault.Code(err) != "manifest-invalid" {
			t.Errorf("%s became %v, %v", text, docs, err)
		}
	}
}

func TestWireFormKeepsPlaces(t *testing.T) {
	st := housetest.Open(t, housetest.SQLite(t), clock.System(), schema, manifest.Schema)
	wire, err := json.Marshal(parse(t, first))
	if err != nil {
		t.Fatal(err)
	}
	docs, err := manifest.FromJSON(wire)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := set(t).Apply(context.Background(), st, docs, manifest.Options{By: by})
	if err != nil {
		t.Fatal(err)
	}
	if got := plan.Steps[2]; got.File != file || got.Line != 14 || got.Name != "bronze" {
		t.Errorf("%+v", got)
	}
	bad := parse(t, "kind: Company\nname: x\nspec:\n  titel: X\n")
	wire, _ = json.Marshal(bad)
	docs, err = manifest.FromJSON(wire)
	if err != nil {
		t.Fatal(err)
	}
	_, err = set(t).Plan(t.Context(), st, docs, manifest.Options{})
	if diff := cmp.Diff([]string{"house.yaml:4 spec.titel yaml-unknown-field", "house.yaml:4 spec.title yaml-field-missing"}, complaints(t, err)); diff != "" {
		t.Error(diff)
	}
}

// What would be waited for without end, or is no file, is refused at once.
func TestOnlyRegularFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	if _, err := manifest.Read(dir); fault.Code(err) != "manifest-unreadable" {
		t.Errorf("a pipe in a folder: %v", err)
	}
	for _, path := range []string{pipe, dir, "/dev/zero", filepath.Join(dir, "nothing"), filepath.Join(dir, "..", "nothing")} {
		docs, err := manifest.Parse(filepath.Join(dir, "a.yaml"), fmt.Appendf(nil, "kind: Badge\norg: kaede\nname: a\nspec:\n  title: {en: A, ja: A}\n  code: {file: %q}\n", path))
		if err != nil {
			t.Fatal(err)
		}
		err = set(t).Resolve(docs, manifest.Sources{})
		if diff := cmp.Diff([]string{filepath.Join(dir, "a.yaml") + ":6 spec.code manifest-secret-file"}, complaints(t, err)); diff != "" {
			t.Errorf("CAP-M4 %s: %s", path, diff)
		}
	}
}

// A running house says how many changes it takes; one that is alone takes any.
func TestTooManyChanges(t *testing.T) {
	housetest.EachStore(t, func(t *testing.T, st *store.Store) {
		for _, f := range []func(context.Context, *store.Store, []manifest.Document, manifest.Options) (*manifest.Plan, error){set(t).Plan, set(t).Apply} {
			_, err := f(t.Context(), st, parse(t, first), manifest.Options{By: by, Most: 2})
			if got := fault.As(err); got == nil || got.Code != "manifest-too-many" || got.Args["count"] != 3 || got.Args["limit"] != 2 {
				t.Errorf("CAP-M4 three changes where two may be: %v", err)
			}
		}
		if got := export(t, st); got != "" {
			t.Errorf("something was applied: %s", got)
		}
		if _, err := set(t).Apply(t.Context(), st, parse(t, first), manifest.Options{By: by, Most: 3}); err != nil {
			t.Error(err)
		}
	}, schema, manifest.Schema)
}
