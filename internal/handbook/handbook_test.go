package handbook_test

import (
	"bytes"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/docs"
	"github.com/sekisho/sekisho/internal/handbook"
	"github.com/sekisho/sekisho/internal/housetest"
)

var (
	fenced = regexp.MustCompile("(?ms)^```.*?^```")
	marks  = regexp.MustCompile(`(?m)^(#+ |\|[-|]+\|$|- )`)
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := docs.Handbook.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Both languages say the same: the same headings, tables, lists and, to the
// byte, the same code.
func TestBothLanguagesHaveTheSameShape(t *testing.T) {
	for _, name := range []string{"operate", "manifests", "apps"} {
		english, japanese := read(t, name+".md"), read(t, name+".ja.md")
		if name != "operate" { // operate's blocks are held by the test that runs them
			if diff := cmp.Diff(fenced.FindAllString(english, -1), fenced.FindAllString(japanese, -1)); diff != "" {
				t.Errorf("%s: code differs:\n%s", name, diff)
			}
		}
		shape := func(text string) []string { return marks.FindAllString(fenced.ReplaceAllString(text, ""), -1) }
		if diff := cmp.Diff(shape(english), shape(japanese)); diff != "" {
			t.Errorf("%s: shape differs:\n%s", name, diff)
		}
	}
}

func TestPagesThatDifferAreRefused(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	files := fstest.MapFS{"operate.md": file("# A\n## B\n"), "operate.ja.md": file("# A\n"), "manifests.md": file("# A\n"), "manifests.ja.md": file("# A\n"), "apps.md": file("# A\n"), "apps.ja.md": file("# A\n")}
	if _, err := handbook.New(files); err == nil {
		t.Error("a page without one of its headings is taken")
	}
	delete(files, "operate.ja.md")
	if _, err := handbook.New(files); err == nil {
		t.Error("a page in one language is taken")
	}
}

// What is written is shown, and nothing of it is markup that it did not say.
func TestRender(t *testing.T) {
	const text = "# T & t\n\n日本語: [operate.ja.md](operate.ja.md)\n\nA <script>alert(1)</script> `<b>` **bold `x`** *em* [me](#two) [other](operate.md) [out](https://example.org) [gone](figures.md)\nand on\n\n" +
		"- one\n- two\n\n1. first\n\n## Two\n\n| a | b |\n|---|---|\n| `x|y` | c \\| d |\n\n```sh story=x\nls <dir> # no heading\n```\n\n2 * 3 is [6\n"
	file := &fstest.MapFile{Data: []byte(text)}
	r, err := handbook.New(fstest.MapFS{"operate.md": file, "operate.ja.md": file, "manifests.md": file, "manifests.ja.md": file, "apps.md": file, "apps.ja.md": file})
	if err != nil {
		t.Fatal(err)
	}
	page := r.Page("operate", "en")
	const want = "<p>A &lt;script&gt;alert(1)&lt;/script&gt; <code>&lt;b&gt;</code> <strong>bold <code>x</code></strong> <em>em</em> <a href=\"#two\">me</a> <a href=\"/help/operate\">other</a> out gone\nand on</p>\n" +
		"<ul>\n<li>one</li>\n<li>two</li>\n</ul>\n<ol>\n<li>first</li>\n</ol>\n<h2 id=\"two\">Two</h2>\n" +
		"<div class=\"wide\" tabindex=\"0\"><table aria-labelledby=\"two\">\n<tr><th scope=\"col\">a</th><th scope=\"col\">b</th></tr>\n<tr><td><code>x|y</code></td><td>c | d</td></tr>\n</table></div>\n" +
		"<pre class=\"note\" tabindex=\"0\"><code>ls &lt;dir&gt; # no heading</code></pre>\n<p>2 * 3 is [6</p>\n"
	if diff := cmp.Diff(want, page.HTML); diff != "" {
		t.Error(diff)
	}
	if page.Title != "T & t" || len(page.Sections) != 1 || page.Sections[0].Anchor != "two" {
		t.Errorf("%+v", page)
	}
}

// Whatever is written, no tag leaves but those of the renderer.
func FuzzRender(f *testing.F) {
	f.Add("# a\n| `b` | [c](d) |\n")
	f.Add("**[`](*a*)<x>\n```\n")
	tag := regexp.MustCompile(`</?[a-z][^>]*>`)
	known := regexp.MustCompile(`^</?(p|ul|ol|li|table|tr|td|code|strong|em|pre|div|article|h[2-6]|a|th)( (id|class|href|scope|tabindex|aria-label|aria-labelledby)="[^"<>]*")*>$`)
	f.Fuzz(func(t *testing.T, text string) {
		file := &fstest.MapFile{Data: []byte(text)}
		r, err := handbook.New(fstest.MapFS{"operate.md": file, "operate.ja.md": file, "manifests.md": file, "manifests.ja.md": file, "apps.md": file, "apps.ja.md": file})
		if err != nil {
			return
		}
		for _, one := range tag.FindAllString(r.Page("operate", "ja").HTML, -1) {
			if !known.MatchString(one) {
				t.Errorf("%q", one)
			}
		}
	})
}

var (
	anchor = regexp.MustCompile(` id="([^"]+)"`)
	leads  = regexp.MustCompile(`href="(/help[^"#]*)(?:#([^"]*))?"`)
)

// The house serves the handbook to anybody, in both languages, and what leads
// into it arrives.
func TestTheHouseServesIt(t *testing.T) {
	h := housetest.House(t)
	v := h.Nobody(t)
	for lang, want := range map[string]string{"en": "Backup and the monthly drill", "ja": "バックアップ"} {
		get := func(path string) housetest.Answer {
			return v.Send(http.MethodGet, path, "", http.Header{"Accept-Language": {lang}})
		}
		list := get("/help")
		if list.Status != http.StatusOK || !strings.Contains(list.Body, want) {
			t.Fatalf("%s: %d %s", lang, list.Status, list.Body)
		}
		found := 0
		for _, m := range leads.FindAllStringSubmatch(list.Body, -1) {
			page := get(m[1])
			if page.Status != http.StatusOK || m[2] != "" && !strings.Contains(page.Body, ` id="`+html.EscapeString(m[2])+`"`) {
				t.Errorf("%s: %s leads nowhere: %d", lang, m[0], page.Status)
			}
			found++
		}
		if found < 20 {
			t.Errorf("%s: %d links", lang, found)
		}
		seen := map[string]bool{}
		for _, m := range anchor.FindAllStringSubmatch(get("/help/operate").Body, -1) {
			if seen[m[1]] {
				t.Errorf("%s: two of %s", lang, m[1])
			}
			seen[m[1]] = true
		}
	}
	if got := v.Get("/help/house"); got.Status != http.StatusNotFound {
		t.Errorf("%d", got.Status)
	}
	operators := h.As(t, h.People(t).Chika, h.People(t).Org).Get("/admin/state")
	if !strings.Contains(operators.Body, `href="/help/operate#`) {
		t.Errorf("the page of the system leads to no section: %.2000s", operators.Body)
	}
	page := v.Get("/help/operate").Body
	for _, m := range leads.FindAllStringSubmatch(operators.Body, -1) {
		if m[2] != "" && !bytes.Contains([]byte(page), []byte(` id="`+m[2]+`"`)) {
			t.Errorf("no section %s", m[2])
		}
	}
}
