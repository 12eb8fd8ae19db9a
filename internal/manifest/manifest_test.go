package manifest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/store"
)

const first = `kind: Company
name: kaede
spec: {title: Kaede}
---
kind: Badge
org: kaede
name: gold
spec:
  title: {en: Gold, ja: 金}
  level: 3
  code: canary-one
  pin: canary-pin
---
kind: Badge
org: kaede
name: bronze
spec: {title: {en: Bronze, ja: 銅}, above: gold}
`

// complaints returns the fields of a fault manifest-invalid as PLACE PATH CODE.
func complaints(t *testing.T, err error) []string {
	t.Helper()
	f := fault.As(err)
	if f == nil || f.Code != "manifest-invalid" || f.Kind != fault.Invalid {
		t.Fatalf("got %v, want manifest-invalid", err)
	}
	var out []string
	for _, field := range f.Fields {
		out = append(out, fmt.Sprint(field.Args["place"], " ", field.Path, " ", field.Code))
	}
	return out
}

func TestNewSetRefuses(t *testing.T) {
	other := manifest.Define(manifest.Definition[company]{Name: "Other", Organizations: true})
	circle := manifest.Define(manifest.Definition[company]{Name: "Circle", After: []string{"Circle"}})
	for name, kinds := range map[string][]manifest.Kind{
		"missing":             {badges()},
		"twice":               {companies(), companies()},
		"circle":              {circle},
		"two kinds of houses": {companies(), other},
	} {
		if _, err := manifest.NewSet(kinds...); err == nil {
			t.Error(name)
		}
	}
	if diff := cmp.Diff([]string{"Company", "Badge"}, set(t).Names()); diff != "" {
		t.Error(diff)
	}
}

func TestPlanRefusesAllAtOnce(t *testing.T) {
	housetest.EachStore(t, func(t *testing.T, st *store.Store) {
		apply(t, st, first, false)
		for _, c := range []struct {
			name, text string
			want       []string
		}{
			{"everything", `kind: Nobody
name: x
---
kind: Badge
name: x
---
kind: Company
org: kaede
name: x
spec: {title: X}
---
kind: Badge
org: nowhere
name: x
spec: {title: {en: X, ja: X}}
---
kind: Badge
org: kaede
name: y
spec:
  title: {en: Y}
  level: many
  colour: red
---
name: z
speck: {}
---
[1, 2]
`, []string{
				"house.yaml:1 kind manifest-kind-unknown", "house.yaml:4 org manifest-org-missing", "house.yaml:8 org manifest-org-refused",
				"house.yaml:13 org manifest-org-unknown", "house.yaml:21 spec.title.ja yaml-field-missing", "house.yaml:22 spec.level yaml-wrong-type",
				"house.yaml:23 spec.colour yaml-unknown-field", "house.yaml:25 kind yaml-field-missing", "house.yaml:26 speck yaml-unknown-field", "house.yaml:28  yaml-wrong-type",
			}},
			{"a name twice", "kind: Company\nname: x\nspec: {title: X}\n---\nkind: Company\nname: x\nspec: {title: Y}\n", []string{"house.yaml:6 name manifest-twice"}},
			{
				"names", "kind: Company\nname: a/b\n---\nkind: Company\nname: \"a\\e[2J\"\n---\nkind: Company\nname: c\nrenamed_from: c\n",
				[]string{"house.yaml:2 name manifest-name", "house.yaml:5 name manifest-name", "house.yaml:9 renamed_from manifest-name"},
			},
			{"the room's rules", "kind: Badge\norg: kaede\nname: X\nspec:\n  title: {en: X, ja: X}\n  level: 10\n", []string{"house.yaml:3 name badge-name", "house.yaml:6 spec.level badge-level"}},
			{"the room's plain error", "kind: Badge\norg: kaede\nname: x\nspec: {title: {en: plain, ja: X}}\n", []string{"house.yaml:1  yaml-bad-value"}},
			{"no spec", "kind: Company\nname: x\n", []string{"house.yaml:1 spec.title yaml-field-missing"}},
			{"reference", "kind: Badge\norg: kaede\nname: x\nspec:\n  title: {en: X, ja: X}\n  above: nobody\n", []string{"house.yaml:6 spec.above manifest-reference"}},
			{"reference to another organization", "kind: Badge\norg: kaede\nname: x\nspec: {title: {en: X, ja: X}, above: momiji/gold}\n", []string{"house.yaml:4 spec.above manifest-reference"}},
			{"reference to what is renamed", "kind: Badge\norg: kaede\nname: x\nspec: {title: {en: X, ja: X}, above: gold}\n---\nkind: Badge\norg: kaede\nname: silver\nrenamed_from: gold\nspec: {title: {en: Gold, ja: 金}}\n", []string{"house.yaml:4 spec.above manifest-reference"}},
			{"rename onto another", "kind: Badge\norg: kaede\nname: gold\nrenamed_from: bronze\nspec: {title: {en: Gold, ja: 金}}\n", []string{"house.yaml:4 renamed_from manifest-rename"}},
			{"keep what is not there", "kind: Badge\norg: kaede\nname: x\nspec:\n  title: {en: X, ja: X}\n  code: {keep: true}\n", []string{"house.yaml:6 spec.code manifest-secret-not-there"}},
			{"unresolved secret", "kind: Badge\norg: kaede\nname: x\nspec: {title: {en: X, ja: X}, code: {file: /etc/passwd}}\n", []string{"house.yaml:4 spec.code manifest-secret-unresolved"}},
			{"form of a secret", "kind: Badge\norg: kaede\nname: x\nspec:\n  title: {en: X, ja: X}\n  code: {keep: false}\n  pin: {env: A, file: B}\n", []string{"house.yaml:6 spec.code manifest-secret-form", "house.yaml:7 spec.pin manifest-secret-form"}},
		} {
			t.Run(c.name, func(t *testing.T) {
				before := export(t, st)
				docs := parse(t, c.text)
				_, err := set(t).Plan(t.Context(), st, docs, manifest.Options{})
				if diff := cmp.Diff(c.want, complaints(t, err)); diff != "" {
					t.Error(diff)
				}
				_, err = set(t).Apply(t.Context(), st, docs, manifest.Options{By: by})
				if diff := cmp.Diff(c.want, complaints(t, err)); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(before, export(t, st)); diff != "" {
					t.Errorf("something was applied: %s", diff)
				}
			})
		}
	}, schema, manifest.Schema)
}

func TestABadChangeInTheMiddleChangesNothing(t *testing.T) {
	housetest.EachStore(t, func(t *testing.T, st *store.Store) {
		text := strings.Replace(first, "銅", "rule", 1)
		_, err := set(t).Apply(t.Context(), st, parse(t, text), manifest.Options{By: by})
		if diff := cmp.Diff([]string{"house.yaml:14  badge-rule"}, complaints(t, err)); diff != "" {
			t.Error(diff)
		}
		if got := export(t, st); got != "" {
			t.Errorf("left behind:\n%s", got)
		}
		if events := housetest.Witnessed(t, st); len(events) != 0 {
			t.Errorf("witnessed %v", events)
		}
	}, schema, manifest.Schema)
}

func TestApply(t *testing.T) {
	housetest.EachStore(t, func(t *testing.T, st *store.Store) {
		plan := apply(t, st, first, false)
		want := `+ Company kaede
    title: "Kaede"
+ Badge kaede/gold
    code: [secret]
    level: 3
    pin: [secret]
    title.en: "Gold"
    title.ja: "金"
+ Badge kaede/bronze
    above: "gold"
    level: 1
    title.en: "Bronze"
    title.ja: "銅"
3 to create, 0 to update, 0 to rename, 0 to delete
`
		if diff := cmp.Diff(want, plan.Text(english(t))); diff != "" {
			t.Error(diff)
		}
		var told []string
		for _, e := range housetest.Witnessed(t, st) {
			told = append(told, fmt.Sprint(e.Name, " ", strings.Replace(e.Target, plan.ID, "ID", 1), " ", e.By, " ", e.Org != "", " ", e.Fields["changes"]))
		}
		if diff := cmp.Diff([]string{
			"company.create company:kaede local:1000 false ", "badge.create badge:gold local:1000 true ", "badge.create badge:bronze local:1000 true ",
			"manifest.applied manifest:ID local:1000 false +3 ~0 >0 -0",
		}, told); diff != "" {
			t.Error(diff)
		}
		second := apply(t, st, first, true)
		if text := second.Text(english(t)); text != "no changes\n" || !second.Empty() || len(second.Steps) != 3 {
			t.Errorf("the second apply: %s", text)
		}
		if n := len(housetest.Witnessed(t, st)); n != 4 {
			t.Errorf("the second apply left %d records", n-4)
		}
		next := `{kind: Badge, org: kaede, name: platinum, renamed_from: gold, spec: {title: {en: "Pl\e[2J", ja: 白金}, level: 3, code: canary-two, pin: other}}`
		plan = apply(t, st, next+"\n---\n"+strings.Replace(first[strings.Index(first, "kind: Badge\norg: kaede\nname: bronze"):], "gold", "platinum", 1), true)
		want = `~ Badge kaede/bronze
    above: "gold" → "platinum"
> Badge kaede/platinum (was gold)
    code: [secret] → [secret]
    title.en: "Gold" → "Pl\x1b[2J"
    title.ja: "金" → "白金"
0 to create, 1 to update, 1 to rename, 0 to delete
`
		// what is referred to comes first
		want = swap(want)
		if diff := cmp.Diff(want, plan.Text(english(t))); diff != "" {
			t.Error(diff)
		}
		if text := apply(t, st, next, false).Text(english(t)); text != "no changes\n" {
			t.Errorf("renamed_from said again: %s", text)
		}
	}, schema, manifest.Schema)
}

// swap puts the second object of a plan's text before the first.
func swap(text string) string {
	i, end := strings.Index(text, "> "), strings.Index(text, "0 to create")
	return text[i:end] + text[:i] + text[end:]
}

func TestPrune(t *testing.T) {
	housetest.EachStore(t, func(t *testing.T, st *store.Store) {
		apply(t, st, first+"---\n{kind: Company, name: momiji, spec: {title: Momiji}}\n---\n{kind: Badge, org: momiji, name: gold, spec: {title: {en: G, ja: G}}}\n", false)
		gold := strings.Split(first, "---\n")[1]
		if plan := apply(t, st, gold, false); !plan.Empty() {
			t.Errorf("deleted without prune: %s", plan.Text(english(t)))
		}
		plan, err := set(t).Plan(t.Context(), st, parse(t, gold), manifest.Options{Prune: true})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("- Badge kaede/bronze\n0 to create, 0 to update, 0 to rename, 1 to delete\n", plan.Text(english(t))); diff != "" {
			t.Error(diff)
		}
		_, err = set(t).Plan(t.Context(), st, parse(t, "{kind: Badge, org: kaede, name: x, spec: {title: {en: G, ja: G}, above: gold}}"), manifest.Options{Prune: true})
		if diff := cmp.Diff([]string{"house.yaml:1 spec.above manifest-reference"}, complaints(t, err)); diff != "" {
			t.Error(diff)
		}
		apply(t, st, gold, true)
		if got := export(t, st); strings.Contains(got, "bronze") || !strings.Contains(got, "momiji") || !strings.Contains(got, "gold") {
			t.Errorf("pruned to:\n%s", got)
		}
	}, schema, manifest.Schema)
}

func TestAnOrganizationIsRenamedWithItsObjects(t *testing.T) {
	housetest.EachStore(t, func(t *testing.T, st *store.Store) {
		apply(t, st, first, false)
		renamed := strings.ReplaceAll(strings.Replace(first, "name: kaede", "name: momiji\nrenamed_from: kaede", 1), "org: kaede", "org: momiji")
		want := "> Company momiji (was kaede)\n0 to create, 0 to update, 1 to rename, 0 to delete\n"
		if diff := cmp.Diff(want, apply(t, st, renamed, true).Text(english(t))); diff != "" {
			t.Error(diff)
		}
		if got := export(t, st); strings.Contains(got, "kaede") || strings.Count(got, "org: momiji") != 2 {
			t.Errorf("renamed to:\n%s", got)
		}
		_, err := set(t).Plan(t.Context(), st, parse(t, first[strings.Index(first, "kind: Badge"):]), manifest.Options{})
		if diff := cmp.Diff([]string{"house.yaml:2 org manifest-org-unknown", "house.yaml:11 org manifest-org-unknown"}, complaints(t, err)); diff != "" {
			t.Error(diff)
		}
	}, schema, manifest.Schema)
}

func TestEightAtOnceApplyOnce(t *testing.T) {
	housetest.EachStore(t, func(t *testing.T, st *store.Store) {
		s, docs := set(t), func() []manifest.Document { return parse(t, first) }
		var all sync.WaitGroup
		var did atomic.Int32
		for range 8 {
			mine := docs()
			all.Go(func() {
				plan, err := s.Apply(t.Context(), st, mine, manifest.Options{By: by})
				if err != nil {
					t.Errorf("at once: %v", err)
				} else if !plan.Empty() {
					did.Add(1)
				}
			})
		}
		all.Wait()
		if n := len(housetest.Witnessed(t, st)); did.Load() != 1 || n != 4 {
			t.Errorf("%d applied, %d records", did.Load(), n)
		}
	}, schema, manifest.Schema)
}

func TestDigest(t *testing.T) {
	housetest.EachStore(t, func(t *testing.T, st *store.Store) {
		docs := parse(t, first)
		plan, err := set(t).Plan(t.Context(), st, docs, manifest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		apply(t, st, "{kind: Company, name: kaede, spec: {title: Other}}", false)
		_, err = set(t).Apply(t.Context(), st, docs, manifest.Options{By: by, Digest: plan.Digest})
		if fault.Code(err) != "manifest-plan-changed" {
			t.Errorf("applied another plan than was shown: %v", err)
		}
		plan, _ = set(t).Plan(t.Context(), st, docs, manifest.Options{})
		if _, err = set(t).Apply(t.Context(), st, docs, manifest.Options{By: by, Digest: plan.Digest}); err != nil {
			t.Error(err)
		}
	}, schema, manifest.Schema)
}

func TestExport(t *testing.T) {
	housetest.EachStore(t, func(t *testing.T, st *store.Store) {
		apply(t, st, first, false)
		want := `kind: Company
name: kaede
spec:
  title: Kaede
---
kind: Badge
org: kaede
name: bronze
spec:
  title:
    en: Bronze
    ja: 銅
  level: 1
  above: gold
---
kind: Badge
org: kaede
name: gold
spec:
  title:
    en: Gold
    ja: 金
  level: 3
  code:
    keep: true
  pin:
    keep: true
`
		got := export(t, st)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if plan := apply(t, st, got, true); !plan.Empty() {
			t.Errorf("its own export changes it: %s", plan.Text(english(t)))
		}
		t.Run("on an empty server", func(t *testing.T) {
			empty := housetest.Open(t, housetest.SQLite(t), clock.System(), schema, manifest.Schema)
			_, err := set(t).Apply(t.Context(), empty, parse(t, got), manifest.Options{By: by})
			if diff := cmp.Diff([]string{"house.yaml:24 spec.code manifest-secret-not-there", "house.yaml:26 spec.pin manifest-secret-not-there"}, complaints(t, err)); diff != "" {
				t.Error(diff)
			}
			whole := strings.ReplaceAll(got, "code:\n    keep: true\n", "code: x\n")
			apply(t, empty, strings.ReplaceAll(whole, "pin:\n    keep: true\n", "pin: x\n"), false)
			if diff := cmp.Diff(got, export(t, empty)); diff != "" {
				t.Errorf("not the same bytes: %s", diff)
			}
		})
	}, schema, manifest.Schema)
}

func TestSecrets(t *testing.T) {
	st := housetest.Open(t, housetest.SQLite(t), clock.System(), schema, manifest.Schema)
	apply(t, st, first, false)
	gold := strings.Split(first, "---\n")[1]
	for _, c := range []struct{ code, pin, want string }{
		{"{keep: true}", "{keep: true}", ""},
		{"canary-one", "something else", ""},
		{"canary-two", "canary-pin", "code [secret] [secret]"},
		{"{keep: true}", "canary-pin", ""},
		{"null", "null", "code [secret] "},
		{"canary-one", "null", "code  [secret]"},
	} {
		text := strings.Replace(strings.Replace(gold, "canary-one", c.code, 1), "canary-pin", c.pin, 1)
		plan := apply(t, st, text, false)
		var got []string
		for _, d := range plan.Steps[0].Differences {
			got = append(got, d.Path+" "+d.Before+" "+d.After)
		}
		if diff := cmp.Diff(c.want, strings.Join(got, "\n")); diff != "" {
			t.Errorf("code %s, pin %s: %s", c.code, c.pin, diff)
		}
		wire, err := json.Marshal(plan)
		if err != nil {
			t.Fatal(err)
		}
		shown := fmt.Sprintf("%s%+v%#v%s%s%v", wire, plan, plan, plan.Text(english(t)), export(t, st), parse(t, text))
		if strings.Contains(shown, "canary") {
			t.Errorf("R9: %s", shown)
		}
	}
	err := st.House().Read(t.Context(), func(v *store.View) error {
		var code, pin string
		if err := v.Row("SELECT code, pin FROM badge WHERE name = 'gold'").Scan(&code, &pin); err != nil {
			return err
		}
		if code != "canary-one" || pin != "canary-pin" {
			t.Errorf("stored %q, %q", code, pin)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if text := fmt.Sprintf("%v %+v %#v", manifest.Secret{}, badge{Code: manifest.SecretOf(secret.Of("canary"))}, badge{Code: manifest.SecretOf(secret.Of("canary"))}); strings.Contains(text, "canary") {
		t.Errorf("R9: %s", text)
	}
}

func BenchmarkApply(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var text strings.Builder
			text.WriteString(first)
			for i := range n {
				fmt.Fprintf(&text, "---\n{kind: Badge, org: kaede, name: b%d, spec: {title: {en: B, ja: B}, above: gold}}\n", i)
			}
			docs := parse(b, text.String())
			for b.Loop() {
				b.StopTimer()
				st := housetest.Open(b, housetest.SQLite(b), clock.System(), schema, manifest.Schema)
				b.StartTimer()
				if _, err := set(b).Apply(b.Context(), st, docs, manifest.Options{By: by}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "objects/s")
		})
	}
}
