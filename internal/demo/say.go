package demo

import (
	"fmt"
	"strings"
)

// say prints where everything is, who one can be and what to click through, and
// at last that the house is ready. The last line is for programs too.
func (d *demo) say() {
	var out strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	line("%s\n", d.words("demo.said"))
	for _, place := range []struct{ key, url, note string }{
		{"demo.said.guide", d.guide.url(), "  ← " + d.words("demo.said.start")},
		{"demo.said.house", d.house.URL() + "/", ""},
		{"demo.said.mail", root(d.guide.url()) + mailPath, ""},
	} {
		line("  %s %s%s", padded(d.words(place.key), 10), place.url, place.note)
	}
	line("\n%s", d.words("demo.said.beyond"))
	for _, b := range d.beyond {
		line("  %s %s/", padded(b.Title, 24), b.URL)
	}
	line("\n%s", d.words("demo.said.people"))
	for _, who := range cast {
		line("  %s %s  %s", padded(who.Login, 10), d.kept.Passwords[who.Login], d.words("demo.part."+who.Login))
	}
	for _, s := range stories {
		line("\n%s %s", d.words("demo.said.story"), d.words("story."+s.Name+".title"))
		for i, one := range s.Steps {
			line("  %d. %s", i+1, d.words("story."+s.Name+"."+one.Name+".title"))
		}
	}
	kept := "demo.said.goes"
	if d.keeps {
		kept = "demo.said.keeps"
	}
	line("\n%s\n", d.words(kept, "path", d.Data))
	line("%s", d.words("house.ready", "url", d.house.URL()))
	_, _ = fmt.Fprint(d.Out, out.String()) // nobody may be reading
}

// padded fills a text up to a width on a terminal, where a character of
// Japanese takes two.
func padded(text string, width int) string {
	for _, r := range text {
		width--
		if r > 0x2e7f {
			width--
		}
	}
	return text + strings.Repeat(" ", max(width, 0))
}
