package house_test

import (
	"fmt"
	"go/ast"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"

	templ "github.com/a-h/templ/parser/v2"
	"github.com/a-h/templ/parser/v2/visitor"

	"github.com/sekisho/sekisho/internal/words"
)

func isWords(name string) bool {
	return strings.HasSuffix(path.Dir(name), "/words") && strings.HasSuffix(name, ".yaml")
}

// book loads all words of the tree as the house does.
func book(tr *tree) (*words.Book, error) {
	rooms := map[string]fstest.MapFS{}
	for _, f := range tr.named(isWords) {
		room := path.Dir(path.Dir(f.path))
		if rooms[room] == nil { // a language without its file lacks every sentence
			rooms[room] = fstest.MapFS{"words/en.yaml": {Data: []byte("{}")}, "words/ja.yaml": {Data: []byte("{}")}}
		}
		rooms[room]["words/"+path.Base(f.path)] = &fstest.MapFile{Data: []byte(f.src)}
	}
	var list []fs.FS
	for _, room := range slices.Sorted(maps.Keys(rooms)) {
		list = append(list, rooms[room])
	}
	return words.Load(list...)
}

func TestBothLanguagesSayEverything(t *testing.T) {
	prove(t, law{
		check: checkWords,
		breaks: []sample{
			{`"b" has no ja sentence`, "-- internal/notice/words/en.yaml --\na: A\nb: B\n-- internal/notice/words/ja.yaml --\na: あ\n"},
			{`"b" stands in ja only`, "-- internal/notice/words/en.yaml --\na: A\n-- internal/notice/words/ja.yaml --\na: あ\nb: い\n"},
			{`"a" has no ja sentence`, "-- internal/notice/words/en.yaml --\na: A\n"},
			{"stands in two rooms", "-- internal/notice/words/en.yaml --\na: A\n-- internal/notice/words/ja.yaml --\na: あ\n-- internal/web/words/en.yaml --\na: A\n-- internal/web/words/ja.yaml --\na: あ\n"},
			{"a: en names [count], ja names [counts]", "-- internal/notice/words/en.yaml --\na: '{count} left'\n-- internal/notice/words/ja.yaml --\na: 残り{counts}\n"},
			{"a: the ja sentence holds no Japanese", "-- internal/notice/words/en.yaml --\na: Save it now\n-- internal/notice/words/ja.yaml --\na: Save it now\n"},
			{"a: the en sentence holds Japanese", "-- internal/notice/words/en.yaml --\na: 保存\n-- internal/notice/words/ja.yaml --\na: 保存\n"},
		},
		keeps: []sample{{"", "-- internal/notice/words/en.yaml --\na: '{count} left of {all}'\nlanguage.ja: 日本語\nready: ready {url}\n-- internal/notice/words/ja.yaml --\na: '{all}のうち残り{count}'\nlanguage.ja: 日本語\nready: ready {url}\n"}},
	})
}

func checkWords(tr *tree) []string {
	if len(tr.named(isWords)) == 0 {
		return nil
	}
	b, err := book(tr)
	if err != nil {
		return strings.Split(err.Error(), "\n")
	}
	var found []string
	for _, key := range b.Keys() {
		en, ja := b.Raw(words.English, key), b.Raw(words.Japanese, key)
		if a, c := names(en), names(ja); !slices.Equal(a, c) {
			found = append(found, fmt.Sprintf("%s: en names %v, ja names %v", key, a, c))
		}
		if en == ja && len(wordsOf.FindAllString(argument.ReplaceAllString(en, ""), 2)) == 2 {
			found = append(found, key+": the ja sentence holds no Japanese: it is the en one")
		}
		if japanese(en) && !strings.HasPrefix(key, "language.") {
			found = append(found, key+": the en sentence holds Japanese")
		}
	}
	return found
}

var (
	argument = regexp.MustCompile(`\{[a-z_]+\}`)
	wordsOf  = regexp.MustCompile(`\p{L}{2,}`)
)

func names(sentence string) []string {
	out := words.Names(sentence)
	slices.Sort(out)
	return slices.Compact(out)
}

func japanese(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) })
}

// prose is a capital letter, then words: what a person would read.
var prose = regexp.MustCompile(`^[A-Z][a-z]+(,? [A-Za-z'’-]+)+[.!?…:]?$`)

func TestSentencesStandInTheWordsFiles(t *testing.T) {
	prove(t, law{
		check: func(tr *tree) []string {
			var found []string
			tr.eachProduct(func(p *pkg, f *file) {
				if p.place == "housetest" {
					return // the company that tests are about
				}
				page := shelf(f.path) == "pages" || path.Base(p.place) == "ui"
				f.literals(func(n ast.Node, s string) {
					if (japanese(s) || page && prose.MatchString(s)) && !saidElsewhere(f.path, s) {
						found = append(found, tr.at(n)+": "+fmt.Sprintf("%q", s)+" belongs to the words files")
					}
				})
			})
			for _, f := range tr.named(func(name string) bool { return strings.HasSuffix(name, ".templ") }) {
				found = append(found, spokenInTemplate(f)...)
			}
			return found
		},
		breaks: []sample{
			{`"保存" belongs`, "-- internal/notice/notice.go --\npackage notice\nvar s = \"保存\""},
			{`"Save changes" belongs`, "-- internal/notice/pages.go --\npackage notice\nvar s = \"Save changes\""},
			{`"Save" belongs`, "-- internal/notice/ui/a.templ --\npackage ui\n\ntempl A() {\n\t<p>Save</p>\n}\n"},
			{`"Find it" belongs`, "-- internal/notice/ui/a.templ --\npackage ui\n\ntempl A() {\n\t<input type=\"text\" placeholder=\"Find it\"/>\n}\n"},
		},
		keeps: []sample{{"", "-- internal/notice/ui/a.templ --\npackage ui\n\ntempl A(v View) {\n\t<p class=\"a b\">{ v.Text } · →</p>\n\t<a lang=\"ja\">日本語</a>\n\t<input type=\"text\" placeholder={ v.Find }/>\n}\n-- internal/notice/pages.go --\npackage notice\nvar s = \"notice.saved\""}},
	})
}

// allowed are marks and names that are the same in every language, each in its
// own.
var allowed = []string{"印", "日本語", "English", "Sekisho", "関所", "sekisho"}

// bilingual files say both languages at once, where nobody can be asked which
// one the reader has.
var bilingual = []string{
	"internal/seal/keyfile.go", // the head of a key file, read when no house runs
}

// saidElsewhere excuses marks, names, layouts of dates (grammar, not sentences)
// and the bilingual files.
func saidElsewhere(name, s string) bool {
	return slices.Contains(allowed, strings.Trim(s, " ·|—")) || strings.Contains(s, "2006") || slices.Contains(bilingual, name)
}

// readAloud are the attributes that a person reads or hears.
var readAloud = []string{"alt", "title", "placeholder", "aria-label", "aria-description", "label"}

func spokenInTemplate(f *file) []string {
	parsed, err := templ.ParseString(f.src)
	if err != nil {
		return []string{f.path + ": " + err.Error()}
	}
	var found []string
	judge := func(s string) {
		if strings.ContainsFunc(s, unicode.IsLetter) && !saidElsewhere(f.path, strings.TrimSpace(s)) && !strings.HasPrefix(strings.TrimSpace(s), "&") {
			found = append(found, fmt.Sprintf("%s: %q belongs to the words files", f.path, strings.TrimSpace(s)))
		}
	}
	v := visitor.New()
	v.Text = func(n *templ.Text) error { judge(n.Value); return nil }
	v.ConstantAttribute = func(n *templ.ConstantAttribute) error {
		if key := n.Key.String(); slices.Contains(readAloud, key) {
			judge(n.Value)
		}
		return nil
	}
	if err := parsed.Visit(v); err != nil {
		return append(found, f.path+": "+err.Error())
	}
	return found
}

// evaluated is what a browser would run although the policy forbids it: such a
// page would only look as if it worked.
var evaluated = regexp.MustCompile(`\bhx-on\b|\bhx-on:|"js:|'js:|\bhx-vals=['"]js|\sstyle=|\son[a-z]+=|(?m)^(script|css) [A-Za-z]|<script[^>]*>[^<\s]|<style`)

func TestTemplatesHoldNothingThatIsEvaluated(t *testing.T) {
	prove(t, law{
		check: func(tr *tree) []string {
			var found []string
			for _, f := range tr.named(func(name string) bool { return strings.HasSuffix(name, ".templ") }) {
				for i, line := range strings.Split(f.src, "\n") {
					if hit := evaluated.FindString(line); hit != "" {
						found = append(found, fmt.Sprintf("%s:%d: %q is code or style in a page", f.path, i+1, strings.TrimSpace(hit)))
					}
				}
			}
			return found
		},
		breaks: []sample{
			{`"hx-on" is code`, "-- internal/web/ui/a.templ --\npackage ui\n\t<a hx-on:click=\"x\"></a>"},
			{`"style=" is code`, "-- internal/web/ui/a.templ --\npackage ui\n\t<a style=\"x\"></a>"},
			{`"onclick=" is code`, "-- internal/web/ui/a.templ --\npackage ui\n\t<a onclick=\"x\"></a>"},
			{`is code or style`, "-- internal/web/ui/a.templ --\npackage ui\nscript go() {\n}"},
			{`is code or style`, "-- internal/web/ui/a.templ --\npackage ui\n\t<script>alert(1)</script>"},
		},
		keeps: []sample{{"", "-- internal/web/ui/a.templ --\npackage ui\n\t<script src=\"/static/htmx.js\" defer></script>\n\t<a hx-get=\"/x\" class=\"stylish\"></a>"}},
	})
}
