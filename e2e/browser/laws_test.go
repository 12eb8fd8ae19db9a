package browser_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"

	"github.com/sekisho/sekisho/internal/housetest"
)

const (
	// violations are reports of the content security policy.
	violations = `new Promise(done => {
		new ReportingObserver(list => done(list.map(r => r.body.blockedURL + " " + r.body.effectiveDirective)), {types: ["csp-violation"], buffered: true}).observe();
		setTimeout(() => done([]), 20);
	})`
	overflow = `document.documentElement.scrollWidth - document.documentElement.clientWidth`
	// small are targets below 24 px; a link inside a sentence is excepted, and a
	// bar of a picture, whose table has the same link (WCAG 2.5.8).
	small = `[...document.querySelectorAll("a, button, summary, input:not([type=hidden]), select, textarea")].filter(e => {
		const box = e.getBoundingClientRect();
		const inText = e.closest("p, li, footer") && getComputedStyle(e).display === "inline";
		return e.checkVisibility() && !e.closest(".skip, .chart > svg") && !inText && (box.height < 24 || box.width < 24);
	}).map(e => e.outerHTML.slice(0, 120))`
	// pale are texts with less than 4.5:1 against what is behind them.
	pale = `(() => {
		const paint = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
		const rgba = color => { paint.clearRect(0, 0, 1, 1); paint.fillStyle = color; paint.fillRect(0, 0, 1, 1); return [...paint.getImageData(0, 0, 1, 1).data]; };
		const light = c => c.slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
		const behind = e => { for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; } return [255, 255, 255, 255]; };
		const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
		while (walk.nextNode()) {
			const e = walk.currentNode.parentElement;
			if (!walk.currentNode.data.trim() || !e.checkVisibility() || e.closest(".hidden, .skip, svg, option")) continue;
			const [a, b] = [light(rgba(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
			if ((a + 0.05) / (b + 0.05) < 4.5) found.push(walk.currentNode.data.trim().slice(0, 40) + " " + ((a + 0.05) / (b + 0.05)).toFixed(2));
		}
		return found;
	})()`
	weight   = `performance.getEntries().filter(e => e.entryType === "navigation" || e.entryType === "resource").reduce((sum, e) => sum + e.decodedBodySize, 0)`
	answered = `performance.getEntriesByType("navigation")[0].responseEnd`
	paint    = `new Promise(done => {
		new PerformanceObserver(list => done(list.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0)).observe({type: "paint", buffered: true});
		setTimeout(() => done(0), 1000);
	})`
	status = `performance.getEntriesByType("navigation")[0].responseStatus`
)

// TestEveryPage holds the laws of every page, in both languages, wide and at
// 320 px, light and dark.
func TestEveryPage(t *testing.T) {
	home, empty := housetest.House(t), housetest.House(t)
	known, nobody, first := open(t, home).signIn(), open(t, home), open(t, empty)
	first.law(place{"setup", strings.TrimPrefix(empty.Link, empty.URL()), false, 200})
	first.signIn().law(place{"notices-empty", "/admin/notices", true, 200})
	for _, p := range places(t, home) {
		if p.known {
			known.law(p)
		} else {
			nobody.law(p)
		}
	}
}

// law holds the laws of one page.
func (b *tab) law(p place) {
	b.t.Helper()
	for _, lang := range []string{"en", "ja"} {
		b.speak(lang)
		b.size(1280, 800)
		b.visit(p.path)
		where := p.name + " in " + lang
		if got := evaluate[int](b, status); got != p.status {
			b.t.Errorf("%s: %d, not %d", where, got, p.status)
		}
		b.quiet(where)
		b.none(where+": A133 reports of the policy", violations)
		if bytes := evaluate[int](b, weight); bytes <= 0 || bytes >= 150_000 {
			b.t.Errorf("%s weighs %d bytes", where, bytes)
		} else if lang == "en" {
			b.t.Logf("%-18s %6d bytes, answered after %3.0f ms, first paint %3.0f ms", p.name, bytes, evaluate[float64](b, answered), b.firstPaint(p))
		}
		b.tree(where)
		for _, scheme := range []string{"light", "dark"} {
			b.scheme(scheme)
			b.none(where+" "+scheme+": text below 4.5:1", pale)
		}
		b.size(320, 640)
		b.none(where+": targets below 24 px", small)
		if over := evaluate[int](b, overflow); over > 0 {
			b.t.Errorf("%s: %d px too wide at 320", where, over)
		}
	}
}

// firstPaint is how many milliseconds a page took to show something. Of a page
// that was slow it is the middle one of three visits: a busy browser is slow now
// and then, a slow page always.
func (b *tab) firstPaint(p place) float64 {
	all := []float64{evaluate[float64](b, paint)}
	for all[0] >= 200 && len(all) < 3 {
		b.visit(p.path)
		all = append(all, evaluate[float64](b, paint))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func (b *tab) none(what, script string) {
	b.t.Helper()
	if found := evaluate[[]string](b, script); len(found) > 0 {
		b.t.Errorf("%s: %q", what, found)
	}
}

// named are the roles that say nothing without a name.
var named = []string{
	"link", "button", "textbox", "combobox", "checkbox", "radio", "img", "image", "navigation", "region", "table", "heading", "DateTime",
	"columnheader", "complementary", "DisclosureTriangle",
}

// tree holds what a screen reader is told: one h1, one of each landmark, a name
// for everything that needs one, headings without a gap.
func (b *tab) tree(where string) {
	b.t.Helper()
	count := map[string]int{}
	for _, n := range command(b, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if n.Ignored || n.Role == nil {
			continue
		}
		role := textOf(n.Role)
		count[role]++
		if strings.TrimSpace(textOf(n.Name)) == "" && slices.Contains(named, role) {
			b.t.Errorf("%s: a %s without a name", where, role)
		}
	}
	before := 0
	for _, level := range evaluate[[]int](b, `[...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].map(e => +e.localName[1])`) {
		if level == 1 {
			count["h1"]++
		}
		if level > before+1 {
			b.t.Errorf("%s: a heading of level %d below one of level %d", where, level, before)
		}
		before = level
	}
	for _, role := range []string{"h1", "banner", "main", "contentinfo"} {
		if count[role] != 1 {
			b.t.Errorf("%s: %d × %s", where, count[role], role)
		}
	}
}

func textOf(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	return strings.Trim(string(v.Value), `"`)
}
