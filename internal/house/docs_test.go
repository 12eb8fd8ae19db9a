package house_test

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var (
	link  = regexp.MustCompile(`!?\[[^\]\n]*\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)|(?:src|srcset|href)="([^"]+)"`)
	fence = regexp.MustCompile("(?ms)^```.*?^```[^\n]*$|`[^`\n]*`")
	title = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
)

func isDoc(name string) bool { return strings.HasSuffix(name, ".md") }

func TestLinksInDocsResolve(t *testing.T) {
	prove(t, law{
		check: func(tr *tree) []string {
			var found []string
			for _, f := range tr.named(isDoc) {
				for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(f.src, ""), -1) {
					if why := broken(tr, f, m[1]+m[2]); why != "" {
						found = append(found, f.path+": "+m[1]+m[2]+": "+why)
					}
				}
			}
			return found
		},
		breaks: []sample{
			{"docs/lost.md: no such file", "-- README.md --\n[lost](docs/lost.md)\n"},
			{"no such heading", "-- README.md --\n[lost](#nowhere)\n# Somewhere\n"},
			{"no such heading", "-- README.md --\n[lost](docs/a.md#nowhere)\n-- docs/a.md --\n# A\n"},
			{"outside of the tree", "-- README.md --\n[lost](../other.md)\n"},
			{"docs/none.svg: no such file", "-- README.md --\n<img src=\"docs/none.svg\">\n"},
		},
		keeps: []sample{{"", "-- README.md --\n[a](docs/a.md#the-two-doors) [b](https://example.org/x) `[c](d)`\n-- docs/a.md --\n## The two doors\n[back](../README.md)\n[dir](../docs)\n"}},
	})
}

// broken says why a link of the file leads nowhere, or "". Links to other
// machines are not tried.
func broken(tr *tree, f *file, target string) string {
	if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return ""
	}
	name, anchor, _ := strings.Cut(target, "#")
	to := f.path
	if name != "" {
		to = path.Join(path.Dir(f.path), name)
	}
	if to == ".." || strings.HasPrefix(to, "../") {
		return "outside of the tree"
	}
	doc := tr.files[to]
	switch {
	case doc == nil && to != "LICENSE" && len(tr.named(func(n string) bool { return strings.HasPrefix(n, to+"/") })) == 0:
		return "no such file"
	case anchor != "" && (doc == nil || !slices.Contains(anchors(doc.src), anchor)):
		return "no such heading"
	}
	return ""
}

// anchors returns the fragment names of a page's headings as GitHub makes them.
func anchors(src string) []string {
	var out []string
	for _, m := range title.FindAllStringSubmatch(src, -1) {
		out = append(out, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(m[1])))
	}
	return out
}

// commands are those that users may rely on.
var commands = strings.Fields(`demo serve plan apply export connector gate audit admin backup restore move unseal
	migrate doctor bench version completion help api people dev`)

var command = regexp.MustCompile(`(?:go run \./cmd/sekisho|(?:^|[\s$;|&(])(?:\./)?sekisho) ([a-z-]+)`)

func TestDocsNameCommandsThatExist(t *testing.T) {
	prove(t, law{
		check: func(tr *tree) []string {
			var found []string
			for _, f := range tr.named(isDoc) {
				for _, block := range fence.FindAllString(f.src, -1) {
					for _, m := range command.FindAllStringSubmatch(block, -1) {
						if !slices.Contains(commands, m[1]) {
							found = append(found, f.path+": sekisho "+m[1]+" is no command")
						}
					}
				}
			}
			return append(found, twoCommands(tr)...)
		},
		breaks: []sample{
			{"sekisho start is no command", "-- docs/operate.md --\n```sh\nsekisho start\n```\n"},
			{"sekisho undo is no command", "-- docs/operate.md --\nSay `go run ./cmd/sekisho undo`.\n"},
			{"README.md: the first command block", "-- README.md --\n```sh\ngo run ./cmd/sekisho serve\n```\n"},
		},
		keeps: []sample{{"", "-- README.md --\n```sh\ngo run ./cmd/sekisho demo\n./check\n```\n`sekisho audit verify`\n"}},
	})
}

// twoCommands: a newcomer's first block is to see it run, then to test it.
func twoCommands(tr *tree) []string {
	f := tr.files["README.md"]
	if f == nil {
		return nil
	}
	_, block, _ := strings.Cut(f.src, "```sh\n")
	block, _, _ = strings.Cut(block, "```")
	var got []string
	for line := range strings.Lines(block) {
		line, _, _ = strings.Cut(line, "#")
		got = append(got, strings.TrimSpace(line))
	}
	if want := []string{"go run ./cmd/sekisho demo", "./check"}; !slices.Equal(got, want) {
		return []string{fmt.Sprintf("README.md: the first command block is %q, want %q", got, want)}
	}
	return nil
}

func TestTheTreeSpeaksOfItselfAlone(t *testing.T) {
	foreign := regexp.MustCompile(`(?i)/(tmp|work|home|root|Users)/[a-z]|\b(goproxy|GOPROXY)=http`)
	prove(t, law{
		check: func(tr *tree) []string {
			var found []string
			for _, f := range tr.named(func(name string) bool { return isDoc(name) || name == "check" || name == ".ci/run" }) {
				for i, line := range strings.Split(f.src, "\n") {
					if hit := foreign.FindString(line); hit != "" {
						found = append(found, fmt.Sprintf("%s:%d: %s is a path of one machine", f.path, i+1, hit))
					}
				}
			}
			return found
		},
		breaks: []sample{{"docs/a.md:1: /home/a", "-- docs/a.md --\nlook into /home/ann/x\n"}},
		keeps:  []sample{{"", "-- docs/a.md --\nlook into docs/house.md and `/admin`\n"}},
	})
}
