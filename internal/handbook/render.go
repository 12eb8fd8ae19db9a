package handbook

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"unicode"
)

// The subset of Markdown that the handbook is written in: headings, paragraphs,
// lists of one level, tables and fenced code; code, bold and links within a line.
// What is anything else is shown as it stands, escaped.

// slug is the fragment of a heading as GitHub makes it.
func slug(title string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == ' ':
			return '-'
		case c == '-' || c == '_' || unicode.IsLetter(c) || unicode.IsDigit(c):
			return unicode.ToLower(c)
		}
		return -1
	}, strings.TrimSpace(title))
}

func heading(line string) (level int, title string) {
	level = len(line) - len(strings.TrimLeft(line, "#"))
	if title, ok := strings.CutPrefix(line[level:], " "); ok && level > 0 && level <= 6 {
		return level, title
	}
	return 0, ""
}

// headings are the fragments of a page's headings, in their order.
func headings(text string) (all []string) {
	fenced := false
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\n"); strings.HasPrefix(line, "```") {
			fenced = !fenced
		} else if level, title := heading(line); level > 0 && !fenced {
			all = append(all, slug(title))
		}
	}
	return all
}

// writer makes the HTML of a page.
type writer struct {
	out     strings.Builder
	page    Page
	anchors []string          // of the page in English, in the order of its headings
	own     map[string]string // by the fragment that this page has itself
	open    string            // element of the list that is open
	text    []string          // lines of the paragraph that is open
}

// render makes the HTML of a page; its headings get the anchors in their order.
func render(text string, anchors []string) Page {
	w := &writer{anchors: anchors, own: map[string]string{}}
	for i, own := range headings(text) {
		w.own[own] = anchors[i]
	}
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		switch line := lines[i]; {
		case twin(line): // the top bar changes the language here
		case strings.HasPrefix(line, "```"):
			i = w.code(lines, i)
		case strings.HasPrefix(line, "|"):
			i = w.table(lines, i)
		default:
			w.line(line)
		}
	}
	w.close("")
	w.page.HTML = w.out.String()
	return w.page
}

// twin is a line that leads to the page in the other language, and says no more.
var twin = regexp.MustCompile(`^\S+: \[\w+(\.ja)?\.md\]\(\w+(\.ja)?\.md\)$`).MatchString

// close ends what is open, but for a list of the kind that goes on.
func (w *writer) close(but string) {
	if len(w.text) > 0 {
		fmt.Fprintf(&w.out, "<p>%s</p>\n", w.inline(strings.Join(w.text, "\n")))
		w.text = nil
	}
	if w.open != "" && w.open != but {
		fmt.Fprintf(&w.out, "</%s>\n", w.open)
		w.open = ""
	}
}

func (w *writer) line(line string) {
	level, title := heading(line)
	kind, item := listed(line)
	switch {
	case level > 0:
		w.close("")
		w.heading(level, title)
	case kind != "":
		if w.close(kind); w.open == "" {
			w.open = kind
			fmt.Fprintf(&w.out, "<%s>\n", kind)
		}
		fmt.Fprintf(&w.out, "<li>%s</li>\n", w.inline(item))
	case strings.TrimSpace(line) == "":
		w.close("")
	default:
		if w.open != "" {
			w.close("")
		}
		w.text = append(w.text, line)
	}
}

func (w *writer) heading(level int, title string) {
	s := Section{Level: level, Title: plain(title), Anchor: w.anchors[0]}
	w.anchors = w.anchors[1:]
	if level == 1 {
		w.page.Title = s.Title
		return
	}
	w.page.Sections = append(w.page.Sections, s)
	fmt.Fprintf(&w.out, "<h%d id=\"%s\">%s</h%d>\n", level, html.EscapeString(s.Anchor), w.inline(title), level)
}

// plain is a title without its marks.
func plain(title string) string { return strings.NewReplacer("`", "", "**", "").Replace(title) }

// listed returns the element of a list's item and what it says.
func listed(line string) (kind, item string) {
	if item, ok := strings.CutPrefix(line, "- "); ok {
		return "ul", item
	}
	if n, item, ok := strings.Cut(line, ". "); ok && n != "" && strings.Trim(n, "0123456789") == "" {
		return "ol", item
	}
	return "", ""
}

// code writes a fenced block and returns where it ends.
func (w *writer) code(lines []string, from int) int {
	w.close("")
	to := from + 1
	for to < len(lines) && !strings.HasPrefix(lines[to], "```") {
		to++
	}
	text := strings.Join(lines[from+1:min(to, len(lines))], "\n")
	fmt.Fprintf(&w.out, "<pre class=\"note\" tabindex=\"0\"><code>%s</code></pre>\n", html.EscapeString(text))
	return to
}

// table writes a table and returns its last line.
func (w *writer) table(lines []string, from int) int {
	w.close("")
	fmt.Fprintf(&w.out, "<div class=\"wide\" tabindex=\"0\"><table%s>\n", w.called())
	to := from
	for ; to < len(lines) && strings.HasPrefix(lines[to], "|"); to++ {
		switch to - from {
		case 0:
			w.row("th scope=\"col\"", "th", lines[to])
		case 1: // the rule below the head
		default:
			w.row("td", "td", lines[to])
		}
	}
	w.out.WriteString("</table></div>\n")
	return to - 1
}

// called names a table by the heading above it, for who does not see it.
func (w *writer) called() string {
	n := len(w.page.Sections)
	if n == 0 {
		return fmt.Sprintf(" aria-label=\"%s\"", html.EscapeString(w.page.Title))
	}
	return fmt.Sprintf(" aria-labelledby=\"%s\"", html.EscapeString(w.page.Sections[n-1].Anchor))
}

func (w *writer) row(begin, end, line string) {
	w.out.WriteString("<tr>")
	for _, cell := range cells(line) {
		begin, end := begin, end
		if strings.TrimSpace(cell) == "" {
			begin, end = "td", "td" // a column without a name has no head
		}
		fmt.Fprintf(&w.out, "<%s>%s</%s>", begin, w.inline(strings.TrimSpace(cell)), end)
	}
	w.out.WriteString("</tr>\n")
}

// cells cuts a row at its bars; one within code or behind a backslash is none.
func cells(line string) (all []string) {
	line = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(line), "|"), "|")
	var cell strings.Builder
	code := false
	for i, c := range line {
		if c == '`' {
			code = !code
		}
		if c == '|' && !code && (i == 0 || line[i-1] != '\\') {
			all = append(all, strings.ReplaceAll(cell.String(), `\|`, "|"))
			cell.Reset()
			continue
		}
		cell.WriteRune(c)
	}
	return append(all, strings.ReplaceAll(cell.String(), `\|`, "|"))
}

// inline writes code, bold and links of a line.
func (w *writer) inline(text string) string {
	var b strings.Builder
	for text != "" {
		at := strings.IndexAny(text, "`*[")
		if at < 0 {
			b.WriteString(html.EscapeString(text))
			break
		}
		b.WriteString(html.EscapeString(text[:at]))
		made, rest := w.mark(text[at:])
		if made == "" {
			made, rest = html.EscapeString(text[at:at+1]), text[at+1:]
		}
		b.WriteString(made)
		text = rest
	}
	return b.String()
}

// mark makes what begins a text; "" if it is no mark.
func (w *writer) mark(text string) (made, rest string) {
	if inner, rest, ok := between(text, "`", "`"); ok {
		return "<code>" + html.EscapeString(inner) + "</code>", rest
	}
	if inner, rest, ok := between(text, "**", "**"); ok {
		return "<strong>" + w.inline(inner) + "</strong>", rest
	}
	if inner, rest, ok := between(text, "*", "*"); ok {
		return "<em>" + w.inline(inner) + "</em>", rest
	}
	said, rest, ok := between(text, "[", "](")
	if !ok {
		return "", text
	}
	target, rest, ok := strings.Cut(rest, ")")
	if !ok {
		return "", text
	}
	if to := w.leads(target); to != "" {
		return fmt.Sprintf("<a href=\"%s\">%s</a>", html.EscapeString(to), w.inline(said)), rest
	}
	return w.inline(said), rest
}

func between(text, begin, end string) (inner, rest string, ok bool) {
	after, ok := strings.CutPrefix(text, begin)
	if !ok {
		return "", "", false
	}
	inner, rest, ok = strings.Cut(after, end)
	return inner, rest, ok && inner != ""
}

// leads is where a link goes within the house; "" for what is not served here:
// nothing leads outside.
func (w *writer) leads(target string) string {
	name, anchor, _ := strings.Cut(target, "#")
	if name == "" {
		if own := w.own[anchor]; own != "" {
			return "#" + own
		}
		return ""
	}
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".md"), ".ja")
	for _, one := range names {
		if one == name && anchor == "" {
			return Path + "/" + one
		}
	}
	return ""
}
