package browser_test

import (
	"testing"
	"time"
)

// TestTheStoryByKeys is the approver's part of the story of an order, on a narrow
// screen and with Tab and Enter alone: sign in, switch ServiceNow on, find the
// card, approve it. Where the focus is can be seen at every step.
func TestTheStoryByKeys(t *testing.T) {
	d := runDemo(t)
	b := d.window(t, d.house, "en", 390, 700)
	b.visit("/signin")
	b.tabTo(`[name="login"]`)
	b.key("botan")
	b.enter(`form[action="/signin"] button`)
	b.tabTo(`[name="password"]`)
	b.key(d.passwords["botan"])
	b.enter(`form[action="/signin/password"] button`)
	b.tabTo(`.account summary`)
	b.key("\r")
	b.enter(`.account a[href="/settings/integrations"]`)
	b.enter(`main a[href^="/connect/"][aria-label*="ServiceNow"]`)
	b.tabTo(`[name="login"]`)
	b.key("botan")
	b.tabTo(`[name="password"]`)
	b.key(d.passwords["botan"])
	b.enter("main button")
	b.enter(`main button[value="allow"]`)

	now := d.window(t, d.guide, "en", 1280, 800)
	now.visit("/")
	site := evaluate[string](now, `new URL([...document.querySelectorAll("aside a")].find(a => a.innerText === "ServiceNow").href).origin`)
	aoi := d.window(t, site, "en", 1280, 800)
	aoi.visit("/login")
	aoi.do(typed("login", "aoi"), typed("password", d.passwords["aoi"]))
	aoi.press("main button")
	aoi.visit("/catalog/Hardware")
	aoi.press("main .tile")
	aoi.press("main form button")

	b.enter(`nav a[href="/cards"]`)
	if !b.sees("Macbook Pro", 40*time.Second) {
		t.Fatalf("no card: %s", b.where())
	}
	b.enter(`.cards a`)
	b.tabTo(`[name="reason"]`)
	b.key("By keys")
	b.enter(`button.approve`)
	if !b.sees("Written to ServiceNow and read back", 40*time.Second) {
		t.Errorf("it is not approved: %s", b.where())
	}
	b.quiet("the story by keys")
}
