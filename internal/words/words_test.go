package words_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/wire/yaml"
	"github.com/sekisho/sekisho/internal/words"
)

func room(en, ja string) fstest.MapFS {
	return fstest.MapFS{
		"words/en.yaml": {Data: []byte(en)},
		"words/ja.yaml": {Data: []byte(ja)},
	}
}

func TestLoadRefuses(t *testing.T) {
	whole := room("a: A\n", "a: あ\n")
	for _, c := range []struct {
		name  string
		rooms []fstest.MapFS
		want  string
	}{
		{"a key in two rooms", []fstest.MapFS{whole, room("a: B\n", "a: い\n")}, `key "a" stands in two rooms (en)`},
		{"a language without its file", []fstest.MapFS{{"words/en.yaml": {Data: []byte("a: A\n")}}}, "words/ja.yaml"},
		{"a sentence that Japanese lacks", []fstest.MapFS{room("a: A\nb: B\n", "a: あ\n")}, `"b" has no ja sentence`},
		{"an empty sentence", []fstest.MapFS{room("a: A\n", "a: ''\n")}, `"a" has no ja sentence`},
		{"a sentence that English lacks", []fstest.MapFS{room("a: A\n", "a: あ\nb: い\n")}, `"b" stands in ja only`},
		{"a key twice", []fstest.MapFS{room("a: A\na: B\n", "a: あ\n")}, "words/en.yaml:2: a: yaml-duplicate-key"},
		{"a nested map", []fstest.MapFS{room("a: {b: B}\n", "a: あ\n")}, "words/en.yaml:1: a: yaml-wrong-type"},
		{"a list", []fstest.MapFS{room("- a\n", "a: あ\n")}, "words/en.yaml:1: yaml-wrong-type"},
		{"no YAML", []fstest.MapFS{room("a: [\n", "a: あ\n")}, "words/en.yaml:2: yaml-syntax"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var book *words.Book
			var err error
			switch len(c.rooms) {
			case 1:
				book, err = words.Load(c.rooms[0])
			default:
				book, err = words.Load(c.rooms[0], c.rooms[1])
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v; want %q", book, err, c.want)
			}
		})
	}
}

func TestSay(t *testing.T) {
	book, err := words.Load(
		room("a: Hello {name}, {{braces}, {gone} {open\nplain: yes and no\n", "a: '{name}さん、{{波}、{gone}'\nplain: はい\n"),
		room("b: B\n", "b: び\n"))
	if err != nil {
		t.Fatal(err)
	}
	args := map[string]any{"name": "aoi", "open": 1}
	for _, c := range []struct {
		lang      words.Lang
		key, want string
	}{
		{words.English, "a", "Hello aoi, {braces}, {gone} {open"},
		{words.Japanese, "a", "aoiさん、{波}、{gone}"},
		{words.Japanese, "b", "び"},
		{"fr", "b", "B"},
		{words.English, "plain", "yes and no"},
		{words.English, "nobody.wrote.it", "[nobody.wrote.it]"},
	} {
		if got := book.Say(c.lang, c.key, args); got != c.want {
			t.Errorf("%s %s: got %q, want %q", c.lang, c.key, got, c.want)
		}
	}
	if diff := cmp.Diff([]string{"a", "b", "plain"}, book.Keys()); diff != "" {
		t.Error(diff)
	}
	if !book.Has("b") || book.Has("c") {
		t.Error("Has")
	}
	if diff := cmp.Diff([]string{"name", "gone"}, words.Names(book.Raw(words.Japanese, "a"))); diff != "" {
		t.Error(diff)
	}
}

// The two languages of a room use the same arguments: shown on the package
// that every other one reads its words with.
func TestSentencesNameTheSameArguments(t *testing.T) {
	book, err := words.Load(yaml.Words)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range book.Keys() {
		seen := map[string]bool{}
		for _, name := range words.Names(book.Raw(words.English, key)) {
			seen[name] = true
		}
		for _, name := range words.Names(book.Raw(words.Japanese, key)) {
			if !seen[name] {
				t.Errorf("%s: Japanese uses {%s}, English does not", key, name)
			}
			delete(seen, name)
		}
		if len(seen) > 0 {
			t.Errorf("%s: Japanese lacks %v", key, seen)
		}
	}
}

func TestPick(t *testing.T) {
	for accept, want := range map[string]words.Lang{
		"":                        words.English,
		"fr":                      words.English,
		"ja":                      words.Japanese,
		"ja-JP,en;q=0.5":          words.Japanese,
		"fr, JA;q=0.2, en;q=0.1":  words.Japanese,
		"ja; q=0, en":             words.English,
		"en-US,ja":                words.English,
		"\x00;;,,,":               words.English,
		strings.Repeat(",", 5000): words.English,
	} {
		if got := words.Pick(accept); got != want {
			t.Errorf("Pick(%.20q) = %s, want %s", accept, got, want)
		}
	}
}
