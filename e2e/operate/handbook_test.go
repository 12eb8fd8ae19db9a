package operate_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/housetest"
)

// handbooks are the pages that say the same to different readers.
var handbooks = map[string]string{"en": "docs/operate.md", "ja": "docs/operate.ja.md"}

// byHand counts the blocks that no test can run here, by what they need.
var byHand = map[string]int{"browser": 1, "systemd": 1, "docker": 1, "kubernetes": 1, "nginx": 1}

// block is a piece of code of a page.
type block struct{ lang, story, file, byHand, text string }

var (
	fenced  = regexp.MustCompile("(?ms)^```(\\S+)([^\n]*)\n(.*?)^```$")
	comment = regexp.MustCompile(`(?m)\s+# .*$|^# .*\n`)
	heading = regexp.MustCompile(`(?m)^#+ `)
)

// blocks returns the code of a page; one without a mark is an error.
func blocks(page string) ([]block, error) {
	var out []block
	for _, m := range fenced.FindAllStringSubmatch(page, -1) {
		b := block{lang: m[1], text: comment.ReplaceAllString(m[3], "")}
		for _, mark := range strings.Fields(m[2]) {
			name, value, _ := strings.Cut(mark, "=")
			switch name {
			case "story":
				b.story = value
			case "file":
				b.file = value
			case "by-hand":
				b.byHand = value
			default:
				return nil, fmt.Errorf("a block is marked %q", mark)
			}
		}
		if (b.story == "") == (b.byHand == "") || b.lang == "yaml" && b.file == "" {
			return nil, fmt.Errorf("a block is in no story and not by hand:\n%s", m[3])
		}
		out = append(out, b)
	}
	return out, nil
}

func TestHandbooksSayTheSame(t *testing.T) {
	if _, err := blocks("```sh\nls\n```\n"); err == nil {
		t.Error("a block without a mark passes")
	}
	if _, err := blocks("```yaml story=x\na: b\n```\n"); err == nil {
		t.Error("a file without a name passes")
	}
	english, err := blocks(read(t, handbooks["en"]))
	if err != nil {
		t.Fatal(err)
	}
	japanese, err := blocks(read(t, handbooks["ja"]))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(english, japanese, cmp.AllowUnexported(block{})); diff != "" {
		t.Errorf("the commands differ (-en +ja):\n%s", diff)
	}
	if en, ja := sections(read(t, handbooks["en"])), sections(read(t, handbooks["ja"])); en != ja {
		t.Errorf("%d headings in English, %d in Japanese", en, ja)
	}
	hands := map[string]int{}
	for _, b := range english {
		if b.byHand != "" {
			hands[b.byHand]++
		}
		if b.lang == "yaml" {
			if err := parses(t, b.file, b.text); err != nil {
				t.Errorf("%s: %v", b.file, err)
			}
		}
	}
	if !maps.Equal(hands, byHand) {
		t.Errorf("by hand are %v, want %v", hands, byHand)
	}
}

func sections(page string) int {
	return len(heading.FindAllString(fenced.ReplaceAllString(page, ""), -1))
}

// TestHandbookNamesEveryKey: the table of the configuration is whole.
func TestHandbookNamesEveryKey(t *testing.T) {
	for lang, name := range handbooks {
		page := read(t, name)
		for _, key := range house.ConfigKeys() {
			if !strings.Contains(page, "\n| `"+key+"` |") {
				t.Errorf("%s: no row for %s", lang, key)
			}
		}
	}
}

// Every story of the handbook, told by a shell in a network of its own, in each
// language.
func TestHandbookRuns(t *testing.T) {
	asRoot(t)
	for _, name := range []string{"bash", "curl", "openssl", "unshare", "ip"} {
		tool(t, name, map[string]string{"unshare": "util-linux", "ip": "iproute2"}[name]+name)
	}
	for _, lang := range []string{"en", "ja"} {
		page, err := blocks(read(t, handbooks[lang]))
		if err != nil {
			t.Fatal(err)
		}
		var stories []string
		for _, b := range page {
			if b.story != "" && !slices.Contains(stories, b.story) {
				stories = append(stories, b.story)
			}
		}
		for _, story := range stories {
			t.Run(lang+" "+story, func(t *testing.T) {
				tell(t, lang, slices.DeleteFunc(slices.Clone(page), func(b block) bool { return b.story != story }))
			})
		}
	}
}

// tell runs the blocks of one story in one shell. It ends at the first command
// that fails.
func tell(t *testing.T, lang string, story []block) {
	bin := binary(t)
	dir := t.TempDir()
	if story[0].story == "source" {
		dir, _ = clone()
	} else {
		link(t, bin, filepath.Join(dir, "bin", "sekisho"))
		link(t, later(t, "expand"), filepath.Join(dir, "new", "sekisho"))
	}
	database := ""
	script := "set -eEu -o pipefail\nip link set lo up\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" +
		"trap 'echo \"failed with $?: $BASH_COMMAND\" >&2' ERR\n"
	for i, b := range story {
		text := b.text
		if strings.Contains(text, exampleDatabase) {
			if database == "" {
				database = housetest.Postgres(t)
			}
			text = strings.ReplaceAll(text, exampleDatabase, database)
		}
		if b.lang == "sh" {
			script += fmt.Sprintf("echo '--- block %d' >&2\n%s", i, text)
			continue
		}
		// Files are there from the start, except those that a later block names anew.
		script += fmt.Sprintf("cat > %s <<'END OF FILE'\n%sEND OF FILE\n", b.file, text)
	}
	cmd := exec.Command("unshare", "--net", "bash", "-c", script)
	locale := map[string]string{"en": "C", "ja": "ja_JP.UTF-8"}[lang]
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "LANG=" + locale, "TMPDIR=" + os.TempDir()}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.CombinedOutput()
	if err != nil { // the end says which command it was
		t.Fatalf("%v, after\n%s", err, out[max(0, len(out)-4000):])
	}
	t.Logf("%s", out)
}

// exampleDatabase is the address that stands in the page.
const exampleDatabase = "postgres://sekisho@db.example.com/sekisho"

func link(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(from, to); err != nil {
		t.Fatal(err)
	}
}

// parses reads a file of the page as the program does: manifests begin with a
// kind, everything else is configuration.
func parses(t *testing.T, name, text string) error {
	t.Helper()
	if strings.HasPrefix(text, "kind:") {
		return nil // it is applied
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var environ []string
	if strings.HasPrefix(text, "mail:") {
		environ = append(environ, "SEKISHO_MAIL_PASSWORD=given")
	}
	_, err := house.LoadConfig(file, environ)
	return err
}
