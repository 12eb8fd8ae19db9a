package browser_test

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/sekisho/sekisho/internal/housetest"
)

const submit = `main form button.main`

func typed(field, text string) chromedp.Action[chromedp.Void] {
	return chromedp.SendKeys(chromedp.CSS(`main [name="`+field+`"]`), text)
}

// fill types a whole notice into the form.
func (b *tab) fill(en, ja string) {
	b.t.Helper()
	b.do(typed("title.en", en), typed("title.ja", ja), typed("text.en", "All of "+en), typed("text.ja", ja+"について"))
}

// TestANotice holds the way of a notice: refused with what was typed, written,
// read by everybody in both languages, taken back.
func TestANotice(t *testing.T) {
	home := housetest.House(t)
	b, reader := open(t, home).signIn(), open(t, home)
	b.visit("/admin/notices/new")
	b.do(typed("title.en", "Half a notice"), typed("text.ja", "本文のみ"))
	evaluate[bool](b, `document.querySelector("main form").noValidate = true`)
	b.press(submit)

	if got := evaluate[int](b, `performance.getEntriesByType("navigation")[0].responseStatus`); got != 400 && got != 422 {
		t.Errorf("a half notice was answered %d", got)
	}
	if got := evaluate[string](b, `document.querySelector("[name='title.en']").value + "|" + document.querySelector("[name='text.ja']").value`); got != "Half a notice|本文のみ" {
		t.Errorf("what was typed came back as %q", got)
	}
	if got := evaluate[string](b, `document.activeElement.getAttribute("role")`); got != "alert" {
		t.Errorf("the focus is on %q, not on what is wrong", got)
	}
	named := evaluate[[]string](b, `[...document.querySelectorAll("[aria-invalid]")].filter(e => document.getElementById(e.getAttribute("aria-describedby").split(" ")[0]).textContent.trim()).map(e => e.name)`)
	if strings.Join(named, " ") != "title.ja text.en" {
		t.Errorf("fields with an error beside them: %v", named)
	}
	b.do(chromedp.Click(chromedp.CSS(`.mistakes a[href="#field-title-ja"]`)))
	if got := evaluate[string](b, `document.activeElement.name`); got != "title.ja" {
		t.Errorf("the error leads to %q", got)
	}
	b.do(typed("title.ja", "お知らせ第一号"), typed("text.en", "Now it is whole"))
	b.press(submit)
	if b.path() != "/admin/notices?done=written" || !strings.Contains(b.text("[role=status]"), "saved") {
		t.Fatalf("after saving: %s", b.where())
	}
	b.quiet("writing")

	for _, path := range []string{"/", "/setup?link=x", "/admin", "/nothing", "/problems/not-permitted"} {
		for lang, want := range map[string]string{"en": "Half a notice", "ja": "お知らせ第一号"} {
			reader.speak(lang).visit(path)
			if got := reader.text(".banners"); !strings.Contains(got, want) {
				t.Errorf("%s in %s shows %q", path, lang, got)
			}
		}
	}

	b.press(`td a`)
	b.press(`a.danger`)
	b.press(`main form button.danger`)
	if b.path() != "/admin/notices?done=taken-back" {
		t.Errorf("after taking back: %s", b.where())
	}
	reader.visit("/")
	if got := reader.text(".banners"); got != "" {
		t.Errorf("taken back, and still there: %q", got)
	}
}

// TestTwoTabsLive holds that a change is seen on every open list within two
// seconds, in the list and above it.
func TestTwoTabsLive(t *testing.T) {
	home := housetest.House(t)
	writer := open(t, home).signIn()
	other := writer.beside()
	watch := func(text string, there bool) {
		t.Helper()
		start := time.Now()
		for _, part := range []string{"#notices", "#banners"} {
			script := `new Promise(done => {
				const end = performance.now() + 2000;
				const look = () => document.querySelector("` + part + `")?.innerText.includes(` + quote(text) + `) === ` + map[bool]string{true: "true", false: "false"}[there] + ` ? done(true) : performance.now() > end ? done(false) : setTimeout(look, 15);
				look();
			})`
			if !evaluate[bool](other, script) {
				t.Errorf("%s: %q there should be %v after 2 s\n%s", part, text, there, other.where())
			}
		}
		t.Logf("seen in the other tab after %d ms", time.Since(start).Milliseconds())
	}
	other.visit("/admin/notices")
	if !evaluate[bool](other, `new Promise(done => { const look = n => performance.getEntriesByName(new URL(document.querySelector("[hx-sse\\:connect]").getAttribute("hx-sse:connect"), location).href).length || n > 100 ? done(true) : setTimeout(look, 20, n + 1); look(0); })`) {
		t.Fatal("no stream")
	}
	writer.visit("/admin/notices/new")
	writer.fill("Tab to tab", "タブからタブへ")
	writer.press(submit)
	watch("Tab to tab", true)
	writer.press(`td a`)
	writer.press(`a.danger`)
	writer.press(`main form button.danger`)
	watch("Tab to tab", false)
	other.quiet("live tab")
}

// TestKeyboardOnly walks from the link to a notice and back with keys alone;
// every stop shows the focus.
func TestKeyboardOnly(t *testing.T) {
	home := housetest.House(t)
	b := open(t, home)
	b.do(chromedp.Navigate(home.Link))
	b.key("\t")
	if got := evaluate[string](b, `document.activeElement.className`); got != "skip" {
		t.Errorf("the first stop is %q, not the way past the bar", got)
	}
	b.key("\r")
	if got := evaluate[string](b, `document.activeElement.id`); got != "main" {
		t.Errorf("the skip link leads to %q", got)
	}
	for _, field := range []struct{ name, text string }{
		{"org.title", "Keys"}, {"org.name", "keys"}, {"family_name", "Key"}, {"given_name", "Board"}, {"login", "keys"},
	} {
		b.tabTo(`[name="` + field.name + `"]`)
		b.key(field.text)
	}
	b.enter(`main form button.main`)
	b.tabTo(`[name="password"]`)
	b.key(housetest.SetupPassword)
	b.leave(chromedp.KeyEvent("\r"))
	b.enter(`nav a[href="/admin"]`)
	b.enter(`nav a[href="/admin/notices"]`)
	b.enter(`main a.button.main`)
	for _, field := range []struct{ name, text string }{{"title.en", "By keys"}, {"title.ja", "キーボード"}, {"text.en", "No mouse"}, {"text.ja", "マウスなし"}} {
		b.tabTo(`[name="` + field.name + `"]`)
		b.key(field.text)
	}
	b.enter(submit)
	if b.path() != "/admin/notices?done=written" {
		t.Fatalf("after saving: %s", b.where())
	}
	b.enter(`td a`)
	b.enter(`a.danger`)
	b.enter(`main form button.danger`)
	if b.path() != "/admin/notices?done=taken-back" {
		t.Errorf("after taking back: %s", b.where())
	}
	b.tabTo(`.account summary`)
	b.key("\r")
	b.enter(`.sign-out button`)
	if b.path() != "/" {
		t.Errorf("after signing out: %s", b.where())
	}
}

func (b *tab) key(keys string) { b.t.Helper(); b.do(chromedp.KeyEvent(keys)) }

// enter tabs to what leads to another page and presses Enter.
func (b *tab) enter(selector string) {
	b.t.Helper()
	b.tabTo(selector)
	b.leave(chromedp.KeyEvent("\r"))
}

func (b *tab) tabTo(selector string) {
	b.t.Helper()
	for range 60 {
		b.key("\t")
		at := evaluate[struct {
			There, Shown, Seen bool
			What               string
		}](b, `(() => {
			const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
			const at = share => document.elementFromPoint(box.x + box.width * share, box.y + box.height * share);
			const seen = [0.1, 0.5, 0.9].map(at).some(hit => hit && (e.contains(hit) || hit.contains(e)));
			return {Seen: e === document.body || seen, There: e.matches(`+quote(selector)+`), Shown: e === document.body || parseFloat(style.outlineWidth) >= 2 && style.outlineStyle !== "none", What: e.outerHTML.slice(0, 120)};
		})()`)
		if !at.Shown {
			b.t.Errorf("nothing shows the focus on %s", at.What)
		}
		if !at.Seen {
			b.t.Errorf("something covers the whole of %s", at.What)
		}
		if at.There {
			return
		}
	}
	b.t.Fatalf("no way to %s with Tab\n%s", selector, b.where())
}
