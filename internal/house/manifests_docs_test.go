package house_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/manifest"
)

var example = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// The page about manifests names every kind and every field, and its examples
// are a company that can be applied.
func TestTheManifestsPageIsTrue(t *testing.T) {
	text, err := os.ReadFile("../../docs/manifests.md")
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := house.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	h := emptyHouse(t, housetest.SQLite(t))
	for _, kind := range kinds.Names() {
		_, section, found := strings.Cut(string(text), "\n### "+kind+"\n")
		if section, _, _ = strings.Cut(section, "\n#"); !found {
			t.Errorf("CAP-M4 no section about %s", kind)
		}
		for _, field := range specFields(t, h, kind) {
			if !strings.Contains(section, "`"+field+"`") {
				t.Errorf("CAP-M4 %s: nothing about %s", kind, field)
			}
		}
	}
	var all []string
	for _, block := range example.FindAllStringSubmatch(string(text), -1) {
		all = append(all, block[1])
	}
	whole := strings.Join(all, "---\n")
	if plan := h.send("apply", whole, true); plan.Changes() < len(kinds.Names()) {
		t.Errorf("CAP-M4 the examples make %d objects", plan.Changes())
	}
	if plan := h.send("plan", whole, true); !plan.Empty() {
		t.Errorf("CAP-M4 a second time: %+v", plan.Steps)
	}
}

// specFields asks for the fields of a kind by a wrong one.
func specFields(t *testing.T, h *quiet, kind string) []string {
	t.Helper()
	docs, err := manifest.Parse("x.yaml", fmt.Appendf(nil, "kind: %s\norg: kaede\nname: x\nspec: {zzz: 1}\n", kind))
	if err == nil && (kind == "Organization" || kind == "Person" || kind == "Notice") {
		docs, err = manifest.Parse("x.yaml", fmt.Appendf(nil, "kind: %s\nname: x\nspec: {zzz: 1}\n", kind))
	}
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Errors []struct{ Code, Message string }
	}
	h.call("POST", "/manifests/plan", map[string]any{"documents": docs}, &out)
	for _, e := range out.Errors {
		if e.Code == "yaml-unknown-field" {
			_, known, _ := strings.Cut(e.Message, "Known are: ")
			return strings.Split(strings.TrimSuffix(known, "."), ", ")
		}
	}
	t.Fatal(kind, out)
	return nil
}
