package web_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/web"
	"github.com/sekisho/sekisho/internal/web/ui"
	"github.com/sekisho/sekisho/internal/words"
)

func TestVendoredFilesAreWhatTheySay(t *testing.T) {
	sums, err := fs.ReadFile(ui.Static, "static/vendor/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{"SHA256SUMS": true}
	for lines := bufio.NewScanner(bytes.NewReader(sums)); lines.Scan(); {
		want, name, _ := strings.Cut(lines.Text(), "  ")
		text, err := fs.ReadFile(ui.Static, "static/vendor/"+name)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s is not the file that was taken", name)
		}
		listed[name] = true
	}
	entries, err := fs.ReadDir(ui.Static, "static/vendor")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !listed[entry.Name()] {
			t.Errorf("%s has no checksum", entry.Name())
		}
	}
	for name, version := range map[string]string{"htmx.min.js": "4.0.1"} {
		if text, _ := fs.ReadFile(ui.Static, "static/vendor/"+name); !bytes.Contains(text, []byte(version)) {
			t.Errorf("%s is not version %s", name, version)
		}
	}
}

func TestAssets(t *testing.T) {
	s := newSite(t)
	for _, name := range []string{"house.css", "house.js", "htmx.min.js", "hx-sse.min.js", "icon.svg"} {
		path := assetPath(t, s, name)
		plain := s.ask("GET", path, "")
		if plain.Code != 200 || plain.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %d %q", name, plain.Code, plain.Header().Get("Cache-Control"))
		}
		packed := s.ask("GET", path, "", "Accept-Encoding", "br, gzip;q=0.8")
		if packed.Header().Get("Content-Encoding") != "gzip" {
			t.Errorf("%s is not packed", name)
			continue
		}
		reader, err := gzip.NewReader(packed.Body)
		if err != nil {
			t.Fatal(err)
		}
		if text, _ := io.ReadAll(reader); !bytes.Equal(text, plain.Body.Bytes()) {
			t.Errorf("%s differs when packed", name)
		}
		if refused := s.ask("GET", path, "", "Accept-Encoding", "gzip;q=0"); refused.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s was packed against the reader's will", name)
		}
		if stale := s.ask("GET", strings.Replace(path, "/assets/", "/assets/0", 1), ""); stale.Code != 404 {
			t.Errorf("%s with another hash: %d", name, stale.Code)
		}
	}
}

// TestPagesHoldNothingThatRuns greps what would need a weaker policy, or would
// be evaluated by htmx (A133, A135).
func TestPagesHoldNothingThatRuns(t *testing.T) {
	banned := map[string]*regexp.Regexp{
		"hx-on":           regexp.MustCompile(`(?i)hx-on\b`),
		"js:":             regexp.MustCompile(`(?i)["'\s{](js|javascript):`),
		"hx filter":       regexp.MustCompile(`(?i)hx-trigger="[^"]*\[`),
		"style attribute": regexp.MustCompile(`(?i)\sstyle\s*=`),
		"style element":   regexp.MustCompile(`(?i)<style`),
		"inline handler":  regexp.MustCompile(`(?i)\son[a-z]+\s*=\s*["{]`),
		"inline script":   regexp.MustCompile(`(?i)<script>|<script [^>]*>[^<]`),
		"templ script":    regexp.MustCompile(`(?m)^(script|css) [A-Za-z]`),
		"raw HTML":        regexp.MustCompile(`templ\.Raw\(`),
		"value in a meta": regexp.MustCompile(`<meta[^>]*content=\{`),
	}
	files, err := filepath.Glob("ui/*.templ")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for name, form := range banned {
			if found := form.Find(text); found != nil {
				t.Errorf("%s: %s: %q", file, name, found)
			}
		}
	}
	for name, sample := range map[string]string{
		"hx-on": `<a hx-on:click="x">`, "js:": `hx-vals="js:{a:1}"`, "style attribute": `<p style="x">`, "inline script": `<script>x`,
		"inline handler": `<a onclick="x">`, "hx filter": `hx-trigger="click[ctrlKey]"`, "templ script": "script run() {",
	} {
		if !banned[name].MatchString(sample) {
			t.Errorf("the rule %q finds nothing", name)
		}
	}
}

func TestWordsAreComplete(t *testing.T) {
	book, err := words.Load(web.Words)
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile(`fault\.New\(fault\.[A-Za-z]+, "([a-z-]+)"|Code: "([a-z-]+)"|said\([^,]+, "([a-z-]+)"|bad\.Add\([^,]*, "([a-z-]+)"`)
	say := regexp.MustCompile(`Say\(ctx, "([a-z.-]+)"|Say\("([a-z.-]+)"`)
	files, _ := filepath.Glob("*.go")
	pages, _ := filepath.Glob("ui/*.templ")
	views, _ := filepath.Glob("ui/view.go")
	for _, file := range append(append(files, pages...), views...) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range code.FindAllStringSubmatch(string(text), -1) {
			if key := "problem." + strings.Join(found[1:], ""); !book.Has(key) {
				t.Errorf("%s: no words for %s", file, key)
			}
		}
		for _, found := range say.FindAllStringSubmatch(string(text), -1) {
			if key := strings.Join(found[1:], ""); !strings.HasSuffix(key, ".") && !book.Has(key) {
				t.Errorf("%s: no words for %s", file, key)
			}
		}
	}
	for _, key := range book.Keys() {
		en, ja := words.Names(book.Raw(words.English, key)), words.Names(book.Raw(words.Japanese, key))
		if missing := difference(en, ja); missing != "" {
			t.Errorf("%s: only one language names %s", key, missing)
		}
	}
}

func difference(a, b []string) string {
	seen := map[string]int{}
	for _, name := range a {
		seen[name] |= 1
	}
	for _, name := range b {
		seen[name] |= 2
	}
	for name, sides := range seen {
		if sides != 3 {
			return name
		}
	}
	return ""
}
