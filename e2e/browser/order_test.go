package browser_test

import (
	"strings"
	"testing"
	"time"
)

// TestOrderFromTheHub clicks through the story with its beginning in the Hub:
// Aoi finds the catalog only once she is connected, orders, presses again, and
// sees who has to approve and that it was approved.
func TestOrderFromTheHub(t *testing.T) {
	t.Run("CAP-M7 in English", func(t *testing.T) { orderFromTheHub(t, "en", 1280, 800) })
	t.Run("CAP-M7 in Japanese", func(t *testing.T) { orderFromTheHub(t, "ja", 320, 700) })
}

// shown visits a page, and takes its pictures where they are wanted.
func (b *tab) shown(name, path, lang string, width, height int64) {
	b.t.Helper()
	if *pictures != "" {
		b.album(name, func() { b.visit(path) })
		b.speak(lang)
		b.size(width, height)
	}
	b.visit(path)
}

// switchOn connects whoever is signed in to the demo's ServiceNow.
func (b *tab) switchOn(login, password, house string) {
	b.t.Helper()
	b.visit("/settings/integrations")
	start := evaluate[string](b, `[...document.querySelectorAll("main a[href^='/connect/']")].find(a => a.closest("li, section, article, tr, form, div")?.innerText.includes("ServiceNow"))?.getAttribute("href") ?? ""`)
	b.press(`main a[href="` + start + `"]`)
	b.do(typed("login", login), typed("password", password))
	b.press("main button")
	b.press(`main button[value="allow"]`)
	if !strings.HasPrefix(evaluate[string](b, `location.href`), house) {
		b.t.Fatalf("%s is not connected: %s", login, b.where())
	}
}

func orderFromTheHub(t *testing.T, lang string, width, height int64) {
	d := runDemo(t)
	guide := d.window(t, d.guide, lang, width, height)
	guide.visit("/")
	b, aoi := d.window(t, d.house, lang, width, height), d.window(t, d.house, lang, width, height)
	b.signInAs("botan", d.passwords["botan"])
	b.switchOn("botan", d.passwords["botan"], d.house)
	guide.ticked(1)

	aoi.signInAs("aoi", d.passwords["aoi"])
	aoi.shown("order-switch", "/orders/new", lang, width, height)
	aoi.press(`main a[href="/settings/integrations"]`)
	aoi.switchOn("aoi", d.passwords["aoi"], d.house)
	aoi.shown("order-catalog", "/orders/new", lang, width, height)
	aoi.visit("/orders/new?q=Macbook")
	aoi.press(`.cards a`)
	item := evaluate[string](aoi, `location.pathname`)
	aoi.shown("order-item", item, lang, width, height)
	aoi.press(`main form.form button`)
	if !aoi.sees("REQ", 10*time.Second) {
		t.Fatalf("no number: %s", aoi.where())
	}
	at := evaluate[string](aoi, `location.pathname`)
	if !aoi.sees("馬場 牡丹 (Botan Baba)", 5*time.Second) {
		t.Errorf("nobody is to approve: %s", aoi.where())
	}
	aoi.shown("order-waits", at, lang, width, height)
	guide.ticked(3)

	b.visit("/cards")
	if !b.sees("Macbook Pro", 5*time.Second) {
		t.Fatalf("no card: %s", b.where())
	}
	b.press(`.cards a`)
	b.press(`button.approve`)

	aoi.visit(at)
	approved := map[string]string{"en": "Approved", "ja": "承認済み"}[lang]
	if !aoi.sees(approved, 100*time.Second) {
		t.Fatalf("she does not see it: %s", aoi.where())
	}
	aoi.shown("order-approved", at, lang, width, height)
	aoi.shown("orders-one", "/orders", lang, width, height)
	aoi.shown("order-hub", "/", lang, width, height)
	guide.ticked(5) // the fourth and the fifth may come at once: she is told by herself
	for _, one := range []*tab{guide, b, aoi} {
		one.quiet("the story")
		one.none("A133 reports of the policy", violations)
	}
}
