package browser_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/housetest"
)

// TestFirstStart holds the first minutes: the page that says where the link is,
// the link that looking at does not use up, the console, and the cookie.
func TestFirstStart(t *testing.T) {
	home := housetest.House(t)
	b, second := open(t, home), open(t, home)
	b.visit("/")
	for _, want := range []string{"This house is not set up yet", "まだ初期設定が済んでいません"} {
		if !strings.Contains(b.text("main"), want) {
			t.Errorf("the first page does not say %q", want)
		}
	}
	for range 2 {
		b.do(chromedp.Navigate(home.Link))
	}
	b.found()
	if !strings.HasPrefix(b.path(), "/admin") {
		t.Errorf("the set-up led to %s", b.where())
	}
	b.quiet("first start")

	second.do(chromedp.Navigate(home.Link))
	if got := second.text("h1"); got != "This set-up link does not count any more" {
		t.Errorf("A055: used twice, the link says %q", got)
	}
	var session *network.Cookie
	for _, c := range command(b, network.GetCookies, network.GetCookiesParams{}).Cookies {
		if c.Name == "sekisho" {
			session = c
		}
	}
	if session == nil || !session.HTTPOnly || session.SameSite != network.CookieSameSiteLax || session.Path != "/" || session.Domain != "localhost" {
		t.Fatalf("the session cookie is %+v", session)
	}
	if left := time.Until(time.Unix(int64(session.Expires), 0)); left > 7*24*time.Hour || left < 6*24*time.Hour {
		t.Errorf("the cookie lives for %v", left)
	}
	if got := evaluate[string](b, `document.cookie`); strings.Contains(got, session.Value) {
		t.Error("a script reads the session cookie")
	}
}

// found fills in the two steps of the set-up, with a password.
func (b *tab) found() {
	b.t.Helper()
	b.do(typed("org.title", "First House"), typed("org.name", "first"), typed("given_name", "Fumiko"), typed("login", "founder"))
	b.press(`main form button.main`)
	b.do(typed("password", housetest.SetupPassword))
	b.press(`main form:has([name="password"]) button`)
}

// TestTheRecordAndItsProof holds that a record says who did what, and that the
// proof from its page counts without the house.
func TestTheRecordAndItsProof(t *testing.T) {
	home := housetest.House(t)
	b := open(t, home).signIn()
	write(t, home, announcement("Proven", "証明"))
	b.visit(record(t, home, "notice.written"))
	for _, want := range []string{"Announcement written", "notice.written", "Fumiko Okada", "connected directly", "Proven", "証明"} {
		if !strings.Contains(b.text("main"), want) {
			t.Errorf("the record does not show %q:\n%s", want, b.text("main"))
		}
	}
	file := evaluate[struct{ Name, Text string }](b, `fetch(document.querySelector("a[href*='proof.json']").href).then(async r => ({Name: r.headers.get("Content-Disposition"), Text: await r.text()}))`)
	if !strings.HasPrefix(file.Name, "attachment") {
		t.Errorf("the proof is shown, not downloaded: %q", file.Name)
	}
	var proof audit.Proof
	if err := json.Unmarshal([]byte(file.Text), &proof); err != nil {
		t.Fatal(err)
	}
	if _, _, err := audit.CheckProof([]byte(file.Text), proof.Key); err != nil {
		t.Errorf("the proof does not hold: %v", err)
	}
	if _, _, err := audit.CheckProof([]byte(strings.ReplaceAll(file.Text, "Proven", "Forged")), proof.Key); err == nil {
		t.Error("an altered proof holds")
	}
	b.visit(b.path())
	if !strings.Contains(b.text(".proof"), "Signed") {
		t.Errorf("the page does not say that the record is signed: %s", b.text(".proof"))
	}
	b.quiet("record")
}

// TestWithoutScripts walks the main path in a browser that runs none.
func TestWithoutScripts(t *testing.T) {
	home := housetest.House(t)
	b := open(t, home)
	command(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.do(chromedp.Navigate(home.Link))
	b.found()
	b.visit("/admin/state")
	b.press(`button[lang="ja"]`)
	if b.path() != "/admin/state" || b.text("h1") != "システムの状態" {
		t.Fatalf("after the language switch: %s", b.where())
	}
	b.press(`nav a[href="/admin/notices"]`)
	b.press(`main a.button.main`)
	b.fill("Without scripts", "スクリプトなし")
	b.press(submit)
	if !strings.Contains(b.text("main"), "スクリプトなし") {
		t.Errorf("the notice is not in the list: %s", b.where())
	}
	b.press(`td a`)
	b.press(submit)
	b.press(`td a`)
	b.press(`a.danger`)
	b.press(`main form button.danger`)
	b.visit("/admin/audit?of=house")
	if !strings.Contains(b.text("main"), "お知らせを取り下げ") {
		t.Errorf("the log does not tell it: %s", b.where())
	}
	b.press(`td a`)
	b.signOut()
	if b.path() != "/" {
		t.Errorf("after signing out: %s", b.where())
	}
}

// signOut goes out by the account's menu, which opens without scripts too; who
// has no account has the button in the bar.
func (b *tab) signOut() {
	b.t.Helper()
	if evaluate[bool](b, `document.querySelector(".account") !== null`) {
		b.do(chromedp.Click(chromedp.CSS(`.account summary`)))
	}
	b.press(`.sign-out button`)
}

// TestBackAfterSignOut holds that history shows nothing of a session that is
// over (A137).
func TestBackAfterSignOut(t *testing.T) {
	home := housetest.House(t)
	b := open(t, home).signIn()
	for _, path := range []string{"/admin/audit", "/admin/state", "/admin/notices/new"} {
		b.visit(path)
	}
	b.signOut()
	for range 3 {
		b.do(chromedp.NavigateBack())
		if got := b.text("h1"); got != "You are not signed in" && got != "The session is over" {
			t.Errorf("A137: %s after signing out shows %q", b.path(), got)
		}
	}
	if where, err := url.Parse(b.path()); err != nil || where.Path != "/admin/audit" {
		t.Errorf("went back to %s", b.path())
	}
}
