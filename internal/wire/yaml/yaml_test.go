package yaml_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sekisho/sekisho/internal/fault"
	"github.com/sekisho/sekisho/internal/secret"
	"github.com/sekisho/sekisho/internal/wire/yaml"
)

type inner struct {
	Need int      `yaml:"need"`
	Who  []string `yaml:"who,omitempty"`
}

type base struct {
	Name string `yaml:"name,required"`
}

type house struct {
	base    `yaml:"-"`
	Base    base              `yaml:",inline"`
	Title   map[string]string `yaml:"title"`
	Port    uint16            `yaml:"port"`
	Ratio   float64           `yaml:"ratio"`
	On      bool              `yaml:"on"`
	Span    time.Duration     `yaml:"span"`
	Until   *time.Time        `yaml:"until,omitempty"`
	Stages  []inner           `yaml:"stages"`
	Any     any               `yaml:"any"`
	Hook    hook              `yaml:"hook,omitempty"`
	Private secret.Text       `yaml:"private,omitempty"`
}

// hook takes {deep: text} and refuses the text "bad" below its own path.
type hook struct{ Deep string }

func (h *hook) UnmarshalNode(n *yaml.Node) error {
	var in struct{ Deep string }
	if err := yaml.Decode(n, &in); err != nil {
		return err
	}
	if in.Deep == "bad" {
		return fault.New(fault.Invalid, "hook-bad", "deep", "shallow")
	}
	h.Deep = in.Deep
	return nil
}

func problems(t *testing.T, err error) []string {
	t.Helper()
	var ps yaml.Problems
	if !errors.As(err, &ps) {
		t.Fatalf("want Problems, got %T %v", err, err)
	}
	out := make([]string, len(ps))
	for i, p := range ps {
		out[i] = p.Place() + " " + p.Path + " " + p.Code
	}
	return out
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"duplicate key", "a: 1\nb:\n  c: 1\n  c: 2\n", "f.yaml:4 b.c yaml-duplicate-key"},
		{"merge", "a: &x {b: 1}\nc:\n  <<: *x\n", "f.yaml:3 c yaml-merge-refused"},
		{"private tag", "a: 1\nb: !exec rm\n", "f.yaml:2 b yaml-tag-refused"},
		{"binary", "a: !!binary aGk=\n", "f.yaml:1 a yaml-tag-refused"},
		{"forced text tag", "a: !!str 1\n", "f.yaml:1 a yaml-tag-refused"},
		{"map as key", "? {a: 1}\n: 2\n", "f.yaml:1  yaml-key-not-text"},
		{"null key", "a:\n  ~: 2\n", "f.yaml:2 a yaml-key-not-text"},
		{"open list", "a: 1\nb: [1, 2\nc: 3\n", "f.yaml:2  yaml-syntax"},
		{"open list on the first line", "b: [1, 2\nc: 3\n", "f.yaml:2  yaml-syntax"},
		{"open quote", "a: 1\nb: \"x\n\n\n", "f.yaml:2  yaml-syntax"},
		{"two colons", "a: 1\nb: c: d\n", "f.yaml:2  yaml-syntax"},
		{"tab", "a:\n\tb: 1\n", "f.yaml:2  yaml-syntax"},
		{"unknown anchor", "a: 1\nb: *nobody\n", "f.yaml:2  yaml-syntax"},
		{"second document", "a: 1\n---\nb: 1\nb: 2\n", "f.yaml:4 b yaml-duplicate-key"},
		{"not UTF-8", "a: 1\nb: \xff\n", "f.yaml:2  yaml-not-utf-8"},
		{"UTF-16", "\xff\xfea\x00:\x00", "f.yaml:1  yaml-not-utf-8"},
		{"control", "a: 1\nb: \"\x00\"\n", "f.yaml:2  yaml-syntax"},
		{"A185 self-containing", "a: &a [*a]\n", "f.yaml:1 a" + strings.Repeat("[0]", 32) + " yaml-too-deep"},
		{"A185 deep flow", strings.Repeat("[", 20000), "f.yaml:1  yaml-syntax"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := yaml.Parse("f.yaml", []byte(c.in), yaml.Limits{})
			got := problems(t, err)
			if diff := cmp.Diff([]string{c.want}, got); diff != "" {
				t.Errorf("%s\n%v", diff, err)
			}
		})
	}
}

// bomb is the classic: level n holds ten aliases to level n-1.
func bomb(levels int) string {
	var b strings.Builder
	b.WriteString("l0: &l0 [lol]\n")
	for i := 1; i <= levels; i++ {
		fmt.Fprintf(&b, "l%d: &l%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*l%d, ", i-1), 10), ", "))
	}
	return b.String()
}

func TestParseRefusesBombs(t *testing.T) {
	deep := strings.Repeat("[", 66) + strings.Repeat("]", 66)
	for _, c := range []struct {
		name, in, code string
		limits         yaml.Limits
	}{
		{"A185 aliases", bomb(10), "yaml-too-many-aliases", yaml.Limits{}},
		{"A185 wide aliases", "a: &a " + strings.Repeat("x", 1000) + "\nb: [" + strings.Repeat("*a,", 101) + "]", "yaml-too-many-aliases", yaml.Limits{}},
		{"A185 depth", deep, "yaml-too-deep", yaml.Limits{}},
		{"A185 bytes", strings.Repeat("a", 101), "yaml-too-large", yaml.Limits{Bytes: 100}},
		{"A185 nodes", "[" + strings.Repeat("1,", 100) + "]", "yaml-too-large", yaml.Limits{Nodes: 100}},
		{"A185 nodes by alias", "a: &a [" + strings.Repeat("1,", 50) + "]\nb: *a\nc: *a", "yaml-too-large", yaml.Limits{Nodes: 100}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := yaml.Parse("f.yaml", []byte(c.in), c.limits)
			var ps yaml.Problems
			if !errors.As(err, &ps) || len(ps) != 1 || ps[0].Code != c.code {
				t.Errorf("got %v, want one %s", err, c.code)
			}
		})
	}
	t.Run("A185 an alias within the caps expands", func(t *testing.T) {
		docs, err := yaml.Parse("f.yaml", []byte("a: &a {x: 1}\nb: *a\n"), yaml.Limits{})
		if err != nil || docs[0].Get("b").Get("x").Text != "1" {
			t.Errorf("got %v, %v", docs, err)
		}
	})
}

func TestDecodeRefusesAllAtOnce(t *testing.T) {
	text := `title: {en: hi, ja: 1.5}
prot: 80
port: 70000
ratio: .inf
on: yes
span: soon
until: tomorrow
stages:
  - need: 010
  - need: many
    who: bot
    extra: {a: 1}
hook: {deep: bad, more: 1}
any: 0x10
private: [hunter2]
`
	docs, err := yaml.Parse("f.yaml", []byte(text), yaml.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	err = yaml.Decode(docs[0], &house{})
	want := []string{
		"f.yaml:1 name yaml-field-missing",
		"f.yaml:2 prot yaml-unknown-field",
		"f.yaml:3 port yaml-bad-number",
		"f.yaml:4 ratio yaml-bad-number",
		"f.yaml:5 on yaml-wrong-type",
		"f.yaml:6 span yaml-bad-value",
		"f.yaml:7 until yaml-bad-value",
		"f.yaml:9 stages[0].need yaml-bad-number",
		"f.yaml:10 stages[1].need yaml-wrong-type",
		"f.yaml:11 stages[1].who yaml-wrong-type",
		"f.yaml:12 stages[1].extra yaml-unknown-field",
		"f.yaml:13 hook.more yaml-unknown-field",
		"f.yaml:14 any yaml-bad-number",
		"f.yaml:15 private yaml-wrong-type",
	}
	if diff := cmp.Diff(want, problems(t, err)); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("R9: a problem repeats a secret")
	}
	f := err.(yaml.Problems).Fault("config-invalid")
	if f.Kind != fault.Invalid || len(f.Fields) != len(want) ||
		f.Fields[1].Args["place"] != "f.yaml:2" || f.Fields[1].Args["name"] != "prot" {
		t.Errorf("fault: %v", f)
	}
}

func TestDecodeRefusesHookFault(t *testing.T) {
	docs, _ := yaml.Parse("f.yaml", []byte("name: x\nhook:\n  deep: bad\n"), yaml.Limits{})
	err := yaml.Decode(docs[0], &house{})
	if diff := cmp.Diff([]string{"f.yaml:3 hook hook-bad"}, problems(t, err)); diff != "" {
		t.Error(diff)
	}
	if yaml.Decode(docs[0], house{}) == nil || yaml.Decode(docs[0], (*house)(nil)) == nil {
		t.Error("Decode into something that is no pointer must fail")
	}
}

func TestDecode(t *testing.T) {
	docs, err := yaml.Parse("f.yaml", []byte(`# a comment
name: 00123
title: {en: "yes", ja: 関所}
port: 443
ratio: 2
on: true
span: 1h30m
until: 2026-11-22T10:00:00Z
stages: [{need: 2, who: [aoi, botan]}, {need: -1}]
hook: {deep: down}
any: {a: [1, 2.5, true, null, x]}
private: hunter2
---
# nothing here
---
name: second
on: ~
`), yaml.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) != 2 || docs[1].Line != 16 {
		t.Fatalf("documents: %d", len(docs))
	}
	var got house
	if err := yaml.Decode(docs[0], &got); err != nil {
		t.Fatal(err)
	}
	if got.Private.Reveal() != "hunter2" || got.Hook.Deep != "down" {
		t.Error("secret or hook lost")
	}
	until := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	want := house{
		Base: base{"00123"}, Title: map[string]string{"en": "yes", "ja": "関所"}, Port: 443, Ratio: 2, On: true,
		Span: 90 * time.Minute, Until: &until, Stages: []inner{{2, []string{"aoi", "botan"}}, {Need: -1}},
		Any: map[string]any{"a": []any{int64(1), 2.5, true, nil, "x"}},
	}
	got.Private, got.Hook = secret.Text{}, hook{}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(house{}), cmp.Comparer(func(a, b secret.Text) bool { return a.Equal(b) })); diff != "" {
		t.Error(diff)
	}
}

func TestProblemsAreCapped(t *testing.T) {
	_, err := yaml.Parse("f.yaml", []byte("{"+strings.Repeat("a,", 100_000)+"}"), yaml.Limits{})
	if n := len(problems(t, err)); n != 100 {
		t.Errorf("A185: %d problems of keys", n)
	}
	docs, err := yaml.Parse("f.yaml", []byte("["+strings.Repeat("a,", 10_000)+"]"), yaml.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(problems(t, yaml.Decode(docs[0], &[]int{}))); n != 100 {
		t.Errorf("A185: %d problems of values", n)
	}
	list := `{"kind":"list","items":[` + strings.TrimSuffix(strings.Repeat(`null,`, 1000), ",") + `]}`
	_, err = yaml.FromJSON("f.yaml", []byte(list), yaml.Limits{})
	if n := len(problems(t, err)); n != 100 {
		t.Errorf("A185: %d problems of the wire form", n)
	}
}

func TestEncodeRefusesSecrets(t *testing.T) {
	if out, err := yaml.Encode(house{Private: secret.Of("hunter2")}); err == nil {
		t.Errorf("R9: wrote %s", out)
	}
	for _, v := range []any{map[int]string{1: "a"}, make(chan int), struct{ F float64 }{nan()}} {
		if out, err := yaml.Encode(v); err == nil {
			t.Errorf("wrote %T as %s", v, out)
		}
	}
}

func nan() float64 { zero := 0.0; return zero / zero }

func TestEncode(t *testing.T) {
	type plain struct {
		Base  base              `yaml:",inline"`
		Title map[string]string `yaml:"title"`
		Span  time.Duration     `yaml:"span"`
		List  []inner           `yaml:"list"`
		None  []string          `yaml:"none"`
		Off   *string           `yaml:"off"`
	}
	got, err := yaml.Encode(plain{
		Base: base{"yes"}, Title: map[string]string{"ja": "楓商事", "en": "two\nlines\n"}, Span: 8 * time.Hour,
		List: []inner{{Need: 2, Who: []string{"1", "null", " x"}}},
	}, map[string]string{"kind": "Notice"})
	if err != nil {
		t.Fatal(err)
	}
	want := `name: "yes"
title:
  en: |
    two
    lines
  ja: 楓商事
span: 8h
list:
  - need: 2
    who:
      - "1"
      - "null"
      - " x"
none: []
"off": null
---
kind: Notice
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

// nodes draws trees as Encode can be given them.
func nodes(depth int) *rapid.Generator[*yaml.Node] {
	return rapid.Custom(func(t *rapid.T) *yaml.Node {
		most := 7
		if depth == 0 {
			most = 4
		}
		switch rapid.IntRange(0, most).Draw(t, "kind") {
		case 0:
			return &yaml.Node{Kind: yaml.Bool, Text: "true"}
		case 1:
			return &yaml.Node{Kind: yaml.Int, Text: fmt.Sprint(rapid.Int64().Draw(t, "int"))}
		case 2:
			return &yaml.Node{Kind: yaml.String, Text: rapid.StringMatching(`([ \t\n:#"'|>\-yes0-9.~é関]|true|null){0,8}`).Draw(t, "near")}
		case 5:
			return &yaml.Node{Kind: yaml.List, Items: rapid.SliceOfN(nodes(depth-1), 0, 4).Draw(t, "items")}
		case 6, 7:
			n := &yaml.Node{Kind: yaml.Map}
			for _, name := range rapid.SliceOfNDistinct(rapid.String(), 0, 4, rapid.ID[string]).Draw(t, "names") {
				n.Fields = append(n.Fields, yaml.Field{Name: name, Value: nodes(depth-1).Draw(t, "value")})
			}
			return n
		}
		return &yaml.Node{Kind: yaml.String, Text: rapid.String().Draw(t, "text")}
	})
}

// bare drops places, so that trees compare by content.
func bare(n *yaml.Node) *yaml.Node {
	out := &yaml.Node{Kind: n.Kind, Text: n.Text}
	for _, item := range n.Items {
		out.Items = append(out.Items, bare(item))
	}
	for _, f := range n.Fields {
		out.Fields = append(out.Fields, yaml.Field{Name: f.Name, Value: bare(f.Value)})
	}
	return out
}

func TestWhatIsWrittenReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := &yaml.Node{Kind: yaml.Map, Fields: []yaml.Field{{Name: "root", Value: nodes(3).Draw(t, "tree")}}}
		text, err := yaml.Encode(n)
		if err != nil {
			t.Fatal(err)
		}
		docs, err := yaml.Parse("f.yaml", text, yaml.Limits{})
		if err != nil || len(docs) != 1 {
			t.Fatalf("%v\n%s", err, text)
		}
		if diff := cmp.Diff(bare(n), bare(docs[0])); diff != "" {
			t.Fatalf("%s\n%s", diff, text)
		}
		again, err := yaml.Encode(docs[0])
		if err != nil || string(again) != string(text) {
			t.Fatalf("not byte-equal: %v\n%s\n%s", err, text, again)
		}
	})
}

func TestFromJSONRefuses(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"not JSON", `{`, "f.yaml  yaml-syntax"},
		{"two values", `{"kind":"null"} 1`, "f.yaml  yaml-syntax"},
		{"null", `null`, "f.yaml  yaml-syntax"},
		{"unknown member", `{"kind":"null","x":1}`, "f.yaml  yaml-syntax"},
		{"unknown kind", `{"kind":"bomb"}`, "f.yaml  yaml-syntax"},
		{"no value", `{"kind":"map","line":2,"fields":[{"name":"a"}]}`, "f.yaml a yaml-syntax"},
		{"null item", `{"kind":"list","items":[null]}`, "f.yaml [0] yaml-syntax"},
		{"twice", `{"kind":"map","fields":[{"name":"a","value":{"kind":"null"}},{"name":"a","line":3,"value":{"kind":"null"}}]}`, "f.yaml:3 a yaml-duplicate-key"},
		{"mixed", `{"kind":"string","line":7,"items":[{"kind":"null"}]}`, "f.yaml:7  yaml-syntax"},
		{"A185 deep", strings.Repeat(`{"kind":"list","items":[`, 70) + `{"kind":"null"}` + strings.Repeat(`]}`, 70), "f.yaml " + strings.Repeat("[0]", 65) + " yaml-too-deep"},
		{"A185 nodes", `{"kind":"list","items":[` + strings.TrimSuffix(strings.Repeat(`{"kind":"null"},`, 300), ",") + `]}`, "f.yaml [199] yaml-too-large"},
		{"A185 bytes", strings.Repeat(" ", 20_000), "f.yaml  yaml-too-large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := yaml.FromJSON("f.yaml", []byte(c.in), yaml.Limits{Nodes: 200, Bytes: 16_000})
			if diff := cmp.Diff([]string{c.want}, problems(t, err)); diff != "" {
				t.Errorf("%s\n%v", diff, err)
			}
		})
	}
}

func TestJSONKeepsLines(t *testing.T) {
	docs, err := yaml.Parse("f.yaml", []byte("a:\n  - 1\n  - b: x\nc: null\n"), yaml.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	wire, err := json.Marshal(docs[0])
	if err != nil {
		t.Fatal(err)
	}
	got, err := yaml.FromJSON("f.yaml", wire, yaml.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(docs[0], got); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a: 1\n", bomb(3), "a: &a [*a]", "- |\n x\n---\n? [a]\n: b", "{\"a\": !!str b}", "\t", "%YAML 1.1\n--- a", "a: 'b", "<<: {}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		docs, err := yaml.Parse("f.yaml", text, yaml.Limits{Bytes: 1 << 16})
		if err != nil {
			if len(problems(t, err)) == 0 {
				t.Error("an error without problems")
			}
			return
		}
		for _, doc := range docs {
			var h house
			_ = yaml.Decode(doc, &h)
			out, err := yaml.Encode(doc)
			if err != nil {
				t.Fatalf("does not encode: %v", err)
			}
			again, err := yaml.Parse("f.yaml", out, yaml.Limits{})
			if err != nil || len(again) != 1 {
				t.Fatalf("does not read back: %v\n%s", err, out)
			}
			if diff := cmp.Diff(bare(doc), bare(again[0])); diff != "" {
				t.Fatalf("%s\n%s", diff, out)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text := []byte(strings.Repeat("- kind: Person\n  name: aoi\n  spec: {email: aoi@kaede.example, locale: ja}\n", 1000))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := yaml.Parse("f.yaml", text, yaml.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestWalkAndLineOf(t *testing.T) {
	docs, err := yaml.Parse("f.yaml", []byte("name: a\ntitle:\n  ja: x\nstages:\n  - need: 1\n  - need: 2\n    who:\n      - aoi\n"), yaml.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		"": 1, "title": 2, "title.ja": 3, "title.en": 2, "stages": 4, "stages[0]": 5, "stages[1].need": 6, "stages[1].who[0]": 8,
		"stages[7].need": 4, "stages[-1]": 4, "nobody.at.all": 1, "..[": 1, "name.more": 1, "stages[1].who[0].x": 8,
	} {
		if got := docs[0].LineOf(path); got != want {
			t.Errorf("%q stands at line %d, want %d", path, got, want)
		}
	}
	var h house
	if err := yaml.Decode(docs[0], &h); err != nil {
		t.Fatal(err)
	}
	var got []string
	yaml.Walk(&h, func(path string, field any) bool {
		if text, ok := field.(*string); ok {
			got = append(got, path+"="+*text)
		}
		return path == "stages[0]"
	})
	if diff := cmp.Diff([]string{"name=a", "title.ja=x", "stages[1].who[0]=aoi", "hook.deep="}, got); diff != "" {
		t.Error(diff)
	}
	if out, err := yaml.Encode(); err != nil || len(out) != 0 {
		t.Errorf("no documents became %q, %v", out, err)
	}
}
