package manifest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/manifest"
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
