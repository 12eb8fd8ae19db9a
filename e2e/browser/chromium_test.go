package browser_test

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/sekisho/sekisho/internal/housetest"
)

var pictures = flag.String("pictures", "", "folder that TestPictures puts its pictures into")

// one is the Chromium that all tests of the package share; each tab has a
// profile of its own in it.
var one struct {
	sync.Once
	ctx  context.Context
	stop func()
	err  error
}

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if one.stop != nil {
		one.stop()
	}
	os.Exit(code)
}

func startChromium() {
	path, err := exec.LookPath("chromium")
	if one.err = err; err != nil {
		return
	}
	profile, err := os.MkdirTemp("", "sekisho-chromium-")
	if one.err = err; err != nil {
		return
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.Headless, chromedp.NoFirstRun, chromedp.DisableGPU,
	}
	for _, name := range []string{
		"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "disable-dev-shm-usage",
		"disable-background-timer-throttling", "disable-backgrounding-occluded-windows", "disable-renderer-backgrounding", "no-sandbox",
	} {
		options = append(options, chromedp.Flag(name, true))
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	one.ctx, _ = chromedp.NewContext(ctx)
	one.stop = func() {
		bounded, done := context.WithTimeout(one.ctx, 5*time.Second)
		defer done()
		_ = chromedp.Cancel(bounded)
		cancel()
		_ = os.RemoveAll(profile)
	}
	one.err = chromedp.Do(one.ctx)
}

// tab is a browser window of somebody who shares nothing with other tabs
// unless it was opened beside one.
type tab struct {
	t    *testing.T
	home *housetest.Home
	site string // in place of home: a site that is not a house of the harness
	ctx  context.Context

	mu    sync.Mutex
	noise []string // what the page complained about since the last look
}

// patience is how long one step of a window may take. It bounds a step and not
// the life of the window: how many pages a test visits is no sign that one hangs.
const patience = 50 * time.Second

// step is the context of one step; what stops it must be called.
func (b *tab) step() (context.Context, context.CancelFunc) {
	return context.WithTimeout(b.ctx, patience)
}

// open opens a window for somebody new.
func open(t *testing.T, home *housetest.Home) *tab {
	t.Helper()
	if one.Do(startChromium); one.err != nil {
		if one.ctx == nil {
			housetest.Missing(t, "Chromium", "apt-get install chromium")
		}
		t.Fatal(one.err)
	}
	return newTab(t, home, one.ctx, chromedp.WithNewBrowserContext())
}

// beside opens a second window of the same person.
func (b *tab) beside() *tab { return newTab(b.t, b.home, b.ctx) }

func newTab(t *testing.T, home *housetest.Home, parent context.Context, options ...chromedp.ContextOption) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent, options...)
	t.Cleanup(cancel)
	b := &tab{t: t, home: home, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	command(b, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Tokyo"})
	b.size(1280, 800)
	return b
}

// signIn gives the window the session of the set-up link.
func (b *tab) signIn() *tab {
	b.t.Helper()
	for _, c := range b.home.AsSetup(b.t).Cookies() {
		b.cookie(c.Name, c.Value)
	}
	return b
}

func (b *tab) cookie(name, value string) {
	b.t.Helper()
	command(b, network.SetCookies, network.SetCookiesParams{Cookies: []*network.CookieParam{{Name: name, Value: value, URL: b.base()}}})
}

// speak chooses the language as the switch does.
func (b *tab) speak(lang string) *tab { b.cookie("sekisho-lang", lang); return b }

func (b *tab) size(width, height int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height))
}

// scheme chooses light or dark.
func (b *tab) scheme(name string) {
	b.t.Helper()
	command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, stop := b.step()
	defer stop()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%v\nat %s", err, b.where())
	}
}

// where is the address and text of the page, for failures.
func (b *tab) where() string {
	ctx, stop := b.step()
	defer stop()
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
	return text
}

func (b *tab) visit(path string) { b.t.Helper(); b.do(chromedp.Navigate(b.base() + path)) }

// base is where the window's paths begin.
func (b *tab) base() string {
	if b.site != "" {
		return b.site
	}
	return b.home.URL()
}

// press clicks what leads to another page, and waits for that page.
func (b *tab) press(selector string) {
	b.t.Helper()
	b.leave(chromedp.Click(chromedp.CSS(selector)))
}

// leave does something that leads to another page, and waits for that page.
func (b *tab) leave(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, stop := b.step()
	defer stop()
	if _, err := chromedp.RunResponse(ctx, steps...); err != nil {
		b.t.Fatalf("%v\nat %s", err, b.where())
	}
}

func (b *tab) path() string {
	b.t.Helper()
	ctx, stop := b.step()
	defer stop()
	where, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.TrimPrefix(where, b.base())
}

// text is what a person can read of an element.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return evaluate[string](b, `document.querySelector(`+quote(selector)+`)?.innerText ?? ""`)
}

// sees waits until the page shows the text, as long as it is told to: a step that
// waits on purpose has its patience on top.
func (b *tab) sees(text string, within time.Duration) bool {
	b.t.Helper()
	return evaluateWithin[bool](b, within+patience, `new Promise(done => {
		const end = performance.now() + `+millis(within)+`;
		const look = () => document.body.innerText.includes(`+quote(text)+`) ? done(true) : performance.now() > end ? done(false) : setTimeout(look, 15);
		look();
	})`)
}

func evaluate[T any](b *tab, script string) T {
	b.t.Helper()
	return evaluateWithin[T](b, patience, script)
}

func evaluateWithin[T any](b *tab, most time.Duration, script string) T {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, most)
	defer stop()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%v\nin %s\nat %s", err, script, b.where())
	}
	return value
}

func command[P, R any](b *tab, c cdpCommand[P, R], params P) R {
	b.t.Helper()
	ctx, stop := b.step()
	defer stop()
	result, err := chromedp.Call(ctx, c, params)
	if err != nil {
		b.t.Fatal(err)
	}
	return result
}

// hear keeps what a page complains about: exceptions, console errors, and
// reports of the content security policy.
func (b *tab) hear(event any) {
	said := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		said = e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			said += " " + e.ExceptionDetails.Exception.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			said = "console." + string(e.Type)
			for _, arg := range e.Args {
				said += " " + string(arg.Value) + arg.Description
			}
		}
	case *log.EventEntryAdded:
		status := e.Entry.Source == log.EntrySourceNetwork && strings.Contains(e.Entry.Text, "responded with a status of 4")
		if e.Entry.Level != log.EntryLevelVerbose && e.Entry.Level != log.EntryLevelInfo && !status {
			said = string(e.Entry.Source) + ": " + e.Entry.Text
		}
	}
	if said != "" {
		b.mu.Lock()
		b.noise = append(b.noise, said)
		b.mu.Unlock()
	}
}

// quiet holds that no page complained since the last look.
func (b *tab) quiet(what string) {
	b.t.Helper()
	evaluate[bool](b, `new Promise(done => setTimeout(() => done(true), 0))`)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.noise) > 0 {
		b.t.Errorf("%s: the page complained: %q", what, b.noise)
	}
	b.noise = nil
}
