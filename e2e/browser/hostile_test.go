package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/sekisho/sekisho/internal/housetest"
)

// payloads set window.pwned when a page runs them (A133).
var payloads = []string{
	`<script>pwned=1</script>`,
	`</script><script>pwned=1</script>`,
	`<img src=x onerror=pwned=1>`,
	`"><img src=x onerror=pwned=1>`,
	`'><svg onload=pwned=1>`,
	`<svg><script>pwned=1</script></svg>`,
	`<svg><animate onbegin=pwned=1 attributeName=x dur=1s>`,
	`<iframe srcdoc="<script>parent.pwned=1</script>">`,
	`<iframe src="javascript:parent.pwned=1">`,
	`<a href="javascript:pwned=1" autofocus onfocus=pwned=1>x</a>`,
	`" autofocus onfocus=pwned=1 x="`,
	`' autofocus onfocus='pwned=1`,
	`</textarea><script>pwned=1</script>`,
	`</title><script>pwned=1</script>`,
	`</bdi></td></table><script>pwned=1</script>`,
	`<details open ontoggle=pwned=1>`,
	`<video><source onerror=pwned=1></video>`,
	`<body onload=pwned=1>`,
	`<math><mtext><img src=x onerror=pwned=1>`,
	`<noscript><p title="</noscript><img src=x onerror=pwned=1>">`,
	`<template><script>pwned=1</script></template>`,
	`<object data="javascript:pwned=1"></object>`,
	`<form action="javascript:pwned=1"><button autofocus>`,
	`<base href="https://evil.example/">`,
	`<meta http-equiv=refresh content="0;url=https://x.example">`,
	`<link rel=stylesheet href=https://evil.example/x.css>`,
	`<p hx-get="/signout" hx-trigger="load" hx-on:load="pwned=1">x</p>`,
	`<style>*{display:none}</style>`,
	`{{constructor.constructor('pwned=1')()}}`,
	`${pwned=1}`,
	`&lt;script&gt;pwned=1&lt;/script&gt;`,
	"jaVasCript:/*-/*`/*\\`/*'/*\"/**/(/* */oNcliCk=pwned=1 )//",
	`<!--><script>pwned=1</script-->`,
	`<![CDATA[<script>pwned=1</script>]]>`,
}

// TestPayloadsStayText holds that nothing that is written into a notice does
// anything on any page that shows it (A133, A135).
func TestPayloadsStayText(t *testing.T) {
	home := housetest.House(t)
	b := open(t, home).signIn()
	ids := map[string]string{}
	for _, payload := range payloads {
		c := announcement(payload, payload)
		c.Text = both{payload, payload}
		ids[payload] = write(t, home, c)
	}
	// An address in an announcement is a link that says where it leads.
	inert := func(where string) {
		t.Helper()
		found := evaluate[struct {
			Pwned bool
			Alien []string
		}](b, `new Promise(done => setTimeout(() => done({Pwned: !!window.pwned, Alien: [...document.querySelectorAll(
			"main script, main iframe, main img, main video, main object, main style, main form form, .banners :not(div,svg,path,strong,p,time,span,details,summary), base, link[href*=evil], meta[http-equiv], [onerror], [onload], [onfocus], [onbegin], [ontoggle], [hx-on\\:load]"
		)].filter(e => !(e.matches(".banners a[target=_blank][rel='noopener noreferrer'][href^='https://']") && e.attributes.length == 3 && e.children.length == 0 &&
			e.getAttribute("href") == e.textContent)).map(e => e.outerHTML.slice(0, 80))}), 30))`)
		if found.Pwned || len(found.Alien) > 0 {
			t.Errorf("A133 %s: ran %v, elements %q", where, found.Pwned, found.Alien)
		}
		b.quiet("A133 " + where)
	}
	b.visit("/admin/notices")
	inert("list")
	text := b.text("main")
	shown := 0
	for payload, id := range ids {
		if !strings.Contains(text, payload) {
			t.Errorf("A133: the list does not show %q as it was written", payload)
		}
		b.visit("/admin/notices/" + id)
		inert("form with " + payload)
		if got := evaluate[string](b, `document.querySelector("[name='title.en']").value + document.querySelector("[name='text.en']").value`); got != payload+payload {
			t.Errorf("A133: the form shows %q for %q", got, payload)
		}
		if shown++; shown%6 == 0 {
			b.visit("/admin/notices/" + id + "/take-back")
			inert("question about " + payload)
		}
	}
	b.visit(record(t, home, "notice.written"))
	inert("record")
	b.visit("/admin/audit?text=" + "%3Cscript%3Epwned%3D1%3C%2Fscript%3E%22%3E%3Cimg%20src%3Dx%20onerror%3Dpwned%3D1%3E")
	inert("search")
	t.Logf("%d payloads", len(payloads))
}

// foreign serves a page of another origin on the same site (localhost, another
// port): cookies that are SameSite=Lax travel with it.
func foreign(t *testing.T, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprint(w, "<!doctype html><title>elsewhere</title>"+body)
	}))
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
}

// TestNotInAFrame holds that no page is shown in a frame of another origin or
// of our own (A013).
func TestNotInAFrame(t *testing.T) {
	home := housetest.House(t)
	b := open(t, home).signIn()
	var frames strings.Builder
	all := places(t, home)
	for _, p := range all {
		fmt.Fprintf(&frames, `<iframe src="%s%s"></iframe>`, home.URL(), p.path)
	}
	b.do(chromedp.Navigate(foreign(t, frames.String())))
	tree := command(b, page.GetFrameTree, cdp.Empty{})
	if len(tree.FrameTree.ChildFrames) != len(all) {
		t.Fatalf("%d frames", len(tree.FrameTree.ChildFrames))
	}
	for i, f := range tree.FrameTree.ChildFrames {
		if !strings.HasPrefix(f.Frame.URL, "chrome-error:") {
			t.Errorf("A013: %s is shown in a frame: %s", all[i].name, f.Frame.URL)
		}
	}
}

// TestForeignPost holds that a form of another origin changes nothing, though
// the session's cookie travels with it (A131).
func TestForeignPost(t *testing.T) {
	home := housetest.House(t)
	b := open(t, home).signIn()
	id := write(t, home, announcement("Stays", "そのまま"))
	for _, path := range []string{"/admin/notices/" + id + "/take-back", "/admin/notices/new", "/signout", "/language", "/setup"} {
		b.do(chromedp.Navigate(foreign(t, `<form method=post action="`+home.URL()+path+`"><input name=lang value=ja><button>win</button></form>`)))
		b.press("button")
		if got := b.text("h1"); got != "This did not come from a page of this site" {
			status := evaluate[int](b, `performance.getEntriesByType("navigation")[0].responseStatus`)
			if status != 403 {
				t.Errorf("A131: a foreign POST to %s was answered %d: %q", path, status, got)
			}
		}
	}
	b.visit("/admin/notices")
	if b.text("html[lang=en] h1") != "Announcements" || !b.sees("Stays", time.Second) {
		t.Errorf("A131: something changed: %s", b.where())
	}
}

// TestNobodySpeaksToAPage holds that a window of another origin that opened a
// page of the house has no hold of it, and that no page listens to what another
// window says (A138): a decision is a form of the house and nothing else.
func TestNobodySpeaksToAPage(t *testing.T) {
	home := housetest.House(t)
	b := open(t, home).signIn()
	id := write(t, home, announcement("Stays", "そのまま"))
	t.Run("A138 the one who opened it", func(t *testing.T) {
		page := home.URL() + "/admin/notices/" + id + "/take-back"
		b.do(chromedp.Navigate(foreign(t, `<button>go</button><script>
			window.opened = null;
			document.querySelector("button").onclick = () => {
				opened = window.open("`+page+`");
				setInterval(() => { try { opened.postMessage({press: "button"}, "*") } catch {} }, 10);
			};
		</script>`)))
		b.do(chromedp.Click(chromedp.CSS("button")))
		if !evaluate[bool](b, `new Promise(done => {
			const look = () => opened?.closed ? done(true) : setTimeout(look, 20);
			setTimeout(() => done(false), 40000);
			look();
		})`) {
			t.Error("the foreign window still holds the page that it opened")
		}
	})
	t.Run("A138 no page listens", func(t *testing.T) {
		listening := newTab(t, home, b.ctx)
		command(listening, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `window.ears = [];
			const add = EventTarget.prototype.addEventListener;
			EventTarget.prototype.addEventListener = function (kind, ...rest) {
				if (/^message/.test(kind) && (this === window || this === navigator.serviceWorker)) ears.push(kind);
				return add.call(this, kind, ...rest);
			};`})
		for _, p := range places(t, home) {
			listening.visit(p.path)
			if ears := evaluate[int](listening, `ears.length + (window.onmessage ? 1 : 0) + (navigator.serviceWorker?.onmessage ? 1 : 0)`); ears != 0 {
				t.Errorf("%s listens to other windows", p.name)
			}
			if evaluate[bool](listening, `window.opener !== null`) {
				t.Errorf("%s knows who opened it", p.name)
			}
		}
		listening.visit("/")
		if evaluate[int](listening, `addEventListener("message", () => {}), ears.length`) != 1 {
			t.Error("the test hears nothing: it proves nothing")
		}
	})
	b.visit("/admin/notices")
	if !b.sees("Stays", time.Second) {
		t.Errorf("A138: something changed: %s", b.where())
	}
}
