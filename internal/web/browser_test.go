package web_test

import (
	"context"
	"flag"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/sekisho/sekisho/internal/web"
)

var pictures = flag.String("pictures", "", "folder to put pictures of the gallery into")

// patience is how long a step may take on a busy machine; it never decides what
// is right, it only ends a browser that hangs.
const patience = time.Minute

// browser is a real Chromium in front of a real listener.
type browser struct {
	*site
	ctx  context.Context
	base string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("SKIPPED LOUDLY: no chromium here, nothing was looked at")
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listen := "localhost:" + strings.TrimPrefix(taken.Addr().String(), "127.0.0.1:")
	_ = taken.Close()
	s := newSite(t, func(o *web.Options) { o.BaseURL, o.Banners, o.Links = "http://"+listen, galleryBanners, galleryLinks })
	s.hangGallery()
	running(t, s, web.Listening{Listen: listen})
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.Flag("disable-dev-shm-usage", true))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // the browser lives as long as the context of the first call
		t.Fatal(err)
	}
	return &browser{s, ctx, "http://" + listen}
}

func (b *browser) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

func evaluate[T any](t *testing.T, b *browser, script string) T {
	t.Helper()
	wait := func(p *runtime.EvaluateParams) { yes := true; p.AwaitPromise = &yes }
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, wait))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func (b *browser) scheme(t *testing.T, name string) {
	t.Helper()
	b.do(t, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
		})
		return chromedp.Void{}, err
	})
}

const (
	loaded = `new Promise(done => {
		const look = () => document.readyState === "complete" ? done(true) : setTimeout(look, 10);
		look();
	})`
	violations = `new Promise(done => {
		const seen = new ReportingObserver(list => done(list.map(r => r.body.blockedURL + " " + r.body.effectiveDirective)), {types: ["csp-violation"], buffered: true});
		seen.observe();
		setTimeout(() => done([]), 50);
	})`
	overflow = `document.documentElement.scrollWidth - document.documentElement.clientWidth`
	small    = `[...document.querySelectorAll("a, button, input:not([type=hidden]), select, textarea")].filter(e => {
		const box = e.getBoundingClientRect();
		const inText = e.closest("p, li, footer") && getComputedStyle(e).display === "inline";
		return e.checkVisibility() && !e.closest(".skip") && !inText && (box.height < 24 || box.width < 24);
	}).map(e => e.outerHTML.slice(0, 120))`
	unnamed = `[...document.querySelectorAll("a, button, input:not([type=hidden]), select, textarea, [role=img]")].filter(e =>
		!(e.labels?.length || e.textContent.trim() || e.getAttribute("aria-label"))).map(e => e.outerHTML.slice(0, 120))`
)

// TestGallery looks at every page in every size, scheme and language.
func TestGallery(t *testing.T) {
	b := newBrowser(t)
	pages := []string{"/gallery", "/gallery/one", "/gallery/many", "/gallery/form", "/gallery/card", "/gallery/empty", "/things", "/nothing"}
	for _, lang := range []string{"ja", "en"} { // the browser starts in English: each is a switch
		b.do(t, chromedp.EmulateViewport(1280, 800), chromedp.Navigate(b.base+"/gallery"), chromedp.Click(`button[lang="`+lang+`"]`), chromedp.WaitVisible(`html[lang="`+lang+`"] main`))
		evaluate[bool](t, b, loaded)
		schemes, sizes := []string{"light"}, [][2]int64{{1280, 800}, {320, 640}}
		if *pictures != "" {
			schemes, sizes = append(schemes, "dark"), append(sizes, [2]int64{390, 844})
		}
		for _, scheme := range schemes {
			b.scheme(t, scheme)
			for _, size := range sizes {
				for _, page := range pages {
					b.look(t, lang, scheme, size, page)
				}
			}
		}
	}
	if strings.Contains(b.log.String(), "origin-not-ours") {
		t.Error("the language switch was refused: Chromium sent another Origin")
	}
}

func (b *browser) look(t *testing.T, lang, scheme string, size [2]int64, page string) {
	t.Helper()
	b.do(t, chromedp.EmulateViewport(size[0], size[1]), chromedp.Navigate(b.base+page))
	for name, script := range map[string]string{"A133 CSP report": violations, "target below 24 px": small, "without a name": unnamed} {
		if found := evaluate[[]string](t, b, script); len(found) > 0 {
			t.Errorf("%s %s %s %d: %s: %v", page, lang, scheme, size[0], name, found)
		}
	}
	if over := evaluate[int](t, b, overflow); over > 0 {
		t.Errorf("%s %s %s: %d px too wide at %d", page, lang, scheme, over, size[0])
	}
	if *pictures == "" || size[0] == 320 {
		return
	}
	shot := chromedp.FullScreenshot(100)
	if page == "/gallery/many" || size[0] == 1280 {
		shot = chromedp.CaptureScreenshot()
	}
	picture, err := chromedp.Run(b.ctx, shot)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.ReplaceAll(strings.Trim(page, "/"), "/", "-") + "-" + lang + "-" + scheme + map[int64]string{1280: "-wide", 390: "-narrow"}[size[0]] + ".png"
	if err := os.WriteFile(filepath.Join(*pictures, name), picture, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestLivePart holds that a change reaches an open page, under the policy that
// lets nothing inline run.
func TestLivePart(t *testing.T) {
	b := newBrowser(t)
	b.do(t, chromedp.Navigate(b.base+"/live"))
	for range 200 {
		if b.Hub().Open() > 0 {
			break
		}
		evaluate[bool](t, b, `new Promise(done => setTimeout(() => done(true), 25))`)
	}
	b.Hub().Publish("notice", 1)
	got := evaluate[string](t, b, `new Promise(done => {
		const look = () => document.querySelector("#part")?.textContent === "after" ? done("after") : setTimeout(look, 20);
		look();
		setTimeout(() => done(document.querySelector("main").innerHTML), 5000);
	})`)
	if got != "after" {
		t.Errorf("the page shows %q", got)
	}
	if found := evaluate[[]string](t, b, violations); len(found) > 0 {
		t.Errorf("A133: %v", found)
	}
}

// TestNotInAFrame holds that no page can be framed, not even by ourselves.
func TestNotInAFrame(t *testing.T) {
	b := newBrowser(t)
	for _, page := range []string{"/gallery/card", "/nothing", "/things"} {
		b.do(t, chromedp.Navigate(b.base+"/gallery/empty"))
		shown := evaluate[bool](t, b, `new Promise(done => {
			const frame = document.createElement("iframe");
			frame.onload = () => { try { done(!!frame.contentDocument?.querySelector("main")); } catch { done(false); } };
			frame.src = "`+page+`";
			document.body.append(frame);
			setTimeout(() => done(false), 2000);
		})`)
		if shown {
			t.Errorf("A013: %s was shown in a frame", page)
		}
	}
}
