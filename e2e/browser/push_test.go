package browser_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/chromedp"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/hub"
	"github.com/sekisho/sekisho/internal/notify"
)

// told is a window of Chika whose service worker runs and may show notifications.
func told(t *testing.T, home *housetest.Home) (*tab, serviceworker.RegistrationID) {
	t.Helper()
	b := open(t, home).asChika()
	command(b, browser.SetPermission, browser.SetPermissionParams{
		Permission: &browser.PermissionDescriptor{Name: "notifications"}, Setting: browser.PermissionSettingGranted, Origin: home.URL(),
		BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID,
	})
	var mu sync.Mutex
	var which serviceworker.RegistrationID
	err := chromedp.Listen(b.ctx, func(event any) {
		if e, is := event.(*serviceworker.EventWorkerRegistrationUpdated); is {
			mu.Lock()
			defer mu.Unlock()
			for _, r := range e.Registrations {
				if r.ScopeURL == home.URL()+"/" {
					which = r.RegistrationID
				}
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	b.visit(hub.PushPath)
	command(b, serviceworker.Enable, cdp.Empty{})
	evaluate[bool](b, `navigator.serviceWorker.register("/worker.js").then(() => navigator.serviceWorker.ready).then(() => true)`)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		mu.Lock()
		id := which
		mu.Unlock()
		if id != "" {
			return b, id
		}
	}
	t.Fatal("the service worker was never registered")
	return nil, ""
}

// shown are the notifications that the browser shows, as title and text.
const shown = `navigator.serviceWorker.ready.then(r => r.getNotifications()).then(all => all.map(n => n.title + "|" + n.body + "|" + n.lang + "|" + n.tag).join("\n"))`

func TestAPushIsShown(t *testing.T) {
	home := housetest.House(t)
	b, worker := told(t, home)
	for _, c := range []struct{ name, push, want string }{
		{"declarative", `{"web_push":8030,"notification":{"title":"承認待ち","body":"1件お待ちです","navigate":"` + home.URL() + `/","lang":"ja","dir":"ltr","tag":"cards"},"app_badge":1}`, "承認待ち|1件お待ちです|ja|cards"},
		{"the same tag takes its place", `{"web_push":8030,"notification":{"title":"Approvals","body":"2 waiting","navigate":"/","lang":"en","dir":"ltr","tag":"cards"}}`, "Approvals|2 waiting|en|cards"},
	} {
		if !b.pushed(worker, c.push, shown, c.want) {
			t.Errorf("%s: shown %q, want %q", c.name, evaluate[string](b, shown), c.want)
		}
	}
	if !b.pushed(worker, "<b>not ours</b>", shown+`.then(text => String(text.includes("Sekisho|||") && !text.includes("<b>")))`, "true") {
		t.Errorf("a push that is not ours: shown %q", evaluate[string](b, shown))
	}
}

// pushed delivers a message until a script's value is as wanted. The protocol by
// which tests deliver may drop one that comes while the worker ends another.
func (b *tab) pushed(worker serviceworker.RegistrationID, message, script, want string) bool {
	b.t.Helper()
	for range 4 {
		command(b, serviceworker.DeliverPushMessage, serviceworker.DeliverPushMessageParams{Origin: b.home.URL(), RegistrationID: worker, Data: message})
		if b.becomes(script, want) {
			return true
		}
	}
	return false
}

// becomes waits until a script's value is as wanted.
func (b *tab) becomes(script, want string) bool {
	b.t.Helper()
	for deadline := time.Now().Add(4 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if evaluate[string](b, script) == want {
			return true
		}
	}
	return false
}

func TestTheWorkerKeepsNothingOfAnybody(t *testing.T) {
	home := housetest.House(t)
	b, _ := told(t, home)
	for _, path := range []string{"/", hub.PushPath, "/admin", "/settings/sessions"} {
		b.visit(path)
	}
	evaluate[int](b, `fetch("/api/v1/me").then(r => r.status)`)
	kept := evaluate[string](b, `caches.keys().then(names => Promise.all(names.map(n => caches.open(n).then(c => c.keys()))))
		.then(all => all.flat().map(r => new URL(r.url).pathname.replace(/[0-9a-f]{16}/, "HASH")).sort().join(" "))`)
	if want := "/assets/HASH/house.css /offline"; kept != want {
		t.Errorf("the cache holds %q, want %q", kept, want)
	}
	offline := evaluate[string](b, `caches.match("/offline").then(r => r.text())`)
	for _, secret := range []string{"Chika", "chika", "__Host", "session"} {
		if strings.Contains(offline, secret) {
			t.Errorf("the page that is kept says %q", secret)
		}
	}
	if err := home.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.visit("/settings/sessions")
	if got := b.text("h1"); got == "" || evaluate[bool](b, `document.body.innerText.includes("Chika")`) {
		t.Errorf("without network: %q", b.where())
	}
}

// Chromium of this kind has no push service, so that the page ends where the
// browser says so; what follows a subscription is shown by notify's own tests.
func TestPagesOfNotifications(t *testing.T) {
	home := housetest.House(t)
	k := home.People(t)
	var s notify.Subscription
	s.Endpoint = "https://updates.push.services.mozilla.com/wpush/v2/abc"
	s.Keys.P256DH = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
	s.Keys.Auth = "BTBZMqHH6r4Tts7J_aSIgg"
	open(t, home).asChika().law(place{"push-bare", hub.PushPath, true, 200})
	if _, err := home.Pager().Add(t.Context(), k.Chika, "another", longName, s); err != nil {
		t.Fatal(err)
	}
	b := open(t, home).asChika()
	b.law(place{"push", hub.PushPath, true, 200})
	b.speak("en").visit(hub.PushPath)
	b.press("main form[action$='/remove'] button")
	if !b.sees("The browser was removed", 5*time.Second) {
		t.Errorf("not removed: %s", b.where())
	}
	if all, err := home.Pager().Devices(t.Context(), k.Chika); err != nil || len(all) != 0 {
		t.Errorf("kept: %v, %v", all, err)
	}
}
