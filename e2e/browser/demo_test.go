package browser_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/sekisho/sekisho/internal/demo"
	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/words"
)

// running is a demo in this process.
type running struct {
	house, guide, data string
	passwords          map[string]string
}

var (
	saidGuide    = regexp.MustCompile(`(?m)^  \S.*?(http://localhost:\d+)/  `)
	saidPassword = regexp.MustCompile(`(?m)^  (\w+) +([a-z2-7]{4}(?:-[a-z2-7]{4}){3})  `)
)

// runDemo starts a demo and reads what it says, as a person does.
func runDemo(t *testing.T) running {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out, in := io.Pipe()
	over := make(chan error, 1)
	d := running{data: filepath.Join(t.TempDir(), "demo"), passwords: map[string]string{}}
	go func() {
		err := demo.Run(ctx, demo.Options{
			Listen: "localhost:0", Data: d.data, Out: in, Lang: words.English, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Version: "test", Command: "sekisho",
		})
		_ = in.CloseWithError(io.EOF)
		over <- err
	}()
	t.Cleanup(func() {
		stop()
		if err := <-over; err != nil {
			t.Errorf("the demo ended: %v", err)
		}
	})
	said := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said += lines.Text() + "\n"
		if url, ready := strings.CutPrefix(lines.Text(), "ready "); ready {
			d.house = url
			break
		}
	}
	if guide := saidGuide.FindStringSubmatch(said); guide != nil {
		d.guide = guide[1]
	}
	for _, m := range saidPassword.FindAllStringSubmatch(said, -1) {
		d.passwords[m[1]] = m[2]
	}
	if d.house == "" || d.guide == "" || len(d.passwords) != 5 {
		t.Fatalf("it said\n%s", said)
	}
	return d
}

// window opens a browser of somebody new.
func (d running) window(t *testing.T, site, lang string, width, height int64) *tab {
	t.Helper()
	b := open(t, nil)
	b.site = site
	b.speak(lang)
	b.size(width, height)
	return b
}

// signInAs types login and password into the page of the house.
func (b *tab) signInAs(login, password string) {
	b.t.Helper()
	b.visit("/signin")
	b.do(typed("login", login))
	b.press(`form[action="/signin"] button`)
	b.do(typed("password", password))
	b.press(`form[action="/signin/password"] button`)
}

// ticked waits until the guide says that so many steps happened, without
// anybody touching it.
func (b *tab) ticked(n int) {
	b.t.Helper()
	done := evaluateWithin[bool](b, time.Minute+patience, `new Promise(done => {
		const end = performance.now() + 60000;
		const look = () => document.querySelectorAll(".step.done").length === `+quote(string(rune('0'+n)))+`*1 ? done(true) : performance.now() > end ? done(false) : setTimeout(look, 30);
		look();
	})`)
	if !done {
		b.t.Fatalf("no %d ticks: %s", n, b.where())
	}
}

// TestTheStoryOfTheDemo clicks through the whole story, wide in English and
// narrow in Japanese, and watches the guide tick it.
func TestTheStoryOfTheDemo(t *testing.T) {
	t.Run("CAP-M7 in English", func(t *testing.T) { tellTheStory(t, "en", 1280, 800) })
	t.Run("CAP-M7 in Japanese", func(t *testing.T) { tellTheStory(t, "ja", 390, 844) })
}

func tellTheStory(t *testing.T, lang string, width, height int64) {
	d := runDemo(t)
	guide := d.window(t, d.guide, lang, width, height)
	guide.visit("/")
	guide.ticked(0)
	if open := evaluate[int](guide, `document.querySelectorAll("#story-invite .step details[open]").length`); open != 1 {
		t.Errorf("%d steps are open at first", open)
	}
	if !strings.Contains(guide.text(".step.now"), d.passwords["chika"]) {
		t.Errorf("the first step does not say the password: %s", guide.text(".step.now"))
	}

	chika := d.window(t, d.house, lang, width, height)
	chika.signInAs("chika", d.passwords["chika"])
	if link := evaluate[string](chika, `document.querySelector(".banner a")?.href ?? ""`); link != d.guide+"/" {
		t.Errorf("the announcement leads to %q: %s", link, chika.where())
	}
	guide.ticked(1)
	chika.visit("/admin/people/new")
	chika.do(typed("login", "eiji"), typed("email", "eiji@kaede.example"))
	chika.press(`main form:has([name="login"]) button.main`)
	guide.ticked(2)

	eiji := d.window(t, d.guide, lang, width, height)
	eiji.accepts(guide)
	guide.ticked(4)

	chika.visit("/admin/audit?of=organization")
	guide.ticked(5)
	chika.visit("/admin/audit?of=organization&name=invitation.accepted")
	chika.press(`td a`)
	guide.ticked(6)
	evaluate[string](chika, `fetch(document.querySelector("a[href*='proof.json']").href).then(r => r.text())`)
	guide.ticked(7)
	if line := guide.text(".step.now .line"); !strings.Contains(line, "SEKISHO_DATA="+d.data+" sekisho audit verify") {
		t.Errorf("the command is %q", line)
	}
	d.export(t)
	guide.ticked(8)
	if saved := guide.text(".saved"); saved == "" {
		t.Errorf("the end is not told: %s", guide.where())
	}
	for _, b := range []*tab{guide, chika, eiji} {
		b.quiet("the story")
		b.none("A133 reports of the policy", violations)
	}
	guide.press(`.tale form button`)
	guide.ticked(0)
}

// accepts reads the newest mail and comes in with a passkey.
func (b *tab) accepts(guide *tab) {
	b.t.Helper()
	command(b, webauthn.Enable, webauthn.EnableParams{})
	command(b, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	b.visit("/mail/")
	if !b.sees("eiji@kaede.example", 10*time.Second) {
		b.t.Fatalf("no mail: %s", b.where())
	}
	b.press(`td a`)
	guide.ticked(3)
	link := evaluate[string](b, `document.querySelector("pre.text a").href`)
	b.do(chromedp.Navigate(link))
	b.do(typed("given_name", "Eiji"))
	b.press(`main form button.main`)
	b.press(`[data-passkey="create"] button`)
}

// export takes the log out over the control socket, as audit verify does.
func (d running) export(t *testing.T) {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", house.ControlPath(d.data))
	}}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Get("http://localhost/api/v1/audit/export")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%d %v", answer.StatusCode, err)
	}
}

// TestEveryPageOfTheDemo holds what holds on every page of the house.
func TestEveryPageOfTheDemo(t *testing.T) {
	d := runDemo(t)
	b := d.window(t, d.guide, "en", 1280, 800)
	for _, p := range d.places(t) {
		b.law(p)
	}
}

// places are the pages of the demo's own site, with two mails.
func (d running) places(t *testing.T) []place {
	t.Helper()
	b := d.window(t, d.guide, "en", 1280, 800)
	b.visit("/mail/")
	b.quiet("no mail")
	chika := d.window(t, d.house, "en", 1280, 800)
	chika.signInAs("chika", d.passwords["chika"])
	for _, login := range []string{"eiji", login2} {
		chika.visit("/admin/people/new")
		chika.do(typed("login", login), typed("email", login+"@kaede.example"), typed("display_name", longName))
		chika.press(`main form:has([name="login"]) button.main`)
	}
	if !b.sees(login2, 10*time.Second) {
		t.Fatalf("the list does not follow: %s", b.where())
	}
	return []place{{"guide", "/", false, 200}, {"mails", "/mail/", false, 200}, {"mail", "/mail/1", false, 200}, {"mail-gone", "/mail/99", false, 404}}
}

const login2 = "an-invited-person-with-a-rather-long-login-of-sixty-characters"

// TestPicturesOfTheDemo puts a picture of every page into the folder -pictures.
func TestPicturesOfTheDemo(t *testing.T) {
	if *pictures == "" {
		t.Skip("run with -pictures FOLDER")
	}
	d := runDemo(t)
	first := d.window(t, d.guide, "en", 1280, 800)
	first.album("demo-guide-first", func() { first.visit("/") })
	first.album("demo-mails-empty", func() { first.visit("/mail/") })
	all := d.places(t)
	b := d.window(t, d.guide, "en", 1280, 800)
	for _, p := range all {
		b.album("demo-"+p.name, func() { b.visit(p.path) })
	}
	chika := d.window(t, d.house, "en", 1280, 800)
	chika.signInAs("chika", d.passwords["chika"])
	for name, path := range map[string]string{"hub": "/", "people": "/admin/people", "groups": "/admin/groups", "audit": "/admin/audit", "organizations": "/admin/organizations", "policies": "/admin/sign-in"} {
		chika.album("demo-house-"+name, func() { chika.visit(path) })
	}
}

// TestTheStoryOfAnOrder clicks through the second story: connect, order, the
// card, the decision, and what ServiceNow says of it.
func TestTheStoryOfAnOrder(t *testing.T) {
	t.Run("CAP-M7 in English", func(t *testing.T) { tellOfAnOrder(t, "en", 1280, 800) })
	t.Run("CAP-M7 in Japanese", func(t *testing.T) { tellOfAnOrder(t, "ja", 390, 844) })
}

func tellOfAnOrder(t *testing.T, lang string, width, height int64) {
	d := runDemo(t)
	guide := d.window(t, d.guide, lang, width, height)
	guide.visit("/")
	guide.ticked(0)
	now := evaluate[string](guide, `new URL([...document.querySelectorAll("aside a")].find(a => a.innerText === "ServiceNow").href).origin`)
	b := d.window(t, d.house, lang, width, height)
	b.signInAs("botan", d.passwords["botan"])
	b.visit("/settings/integrations")
	start := evaluate[string](b, `[...document.querySelectorAll("main a[href^='/connect/']")].find(a => a.closest("li, section, article, tr, form, div")?.innerText.includes("ServiceNow"))?.getAttribute("href") ?? ""`)
	b.press(`main a[href="` + start + `"]`)
	b.do(typed("login", "botan"), typed("password", d.passwords["botan"]))
	b.press("main button")
	if name := b.text(".endpoint"); name != "Sekisho" {
		t.Fatalf("consent to %q: %s", name, b.where())
	}
	b.press(`main button[value="allow"]`)
	if !b.sees("馬場 牡丹 (Botan Baba)", 5*time.Second) || !strings.HasPrefix(evaluate[string](b, `location.href`), d.house) {
		t.Fatalf("not connected: %s", b.where())
	}
	guide.ticked(1)

	aoi := d.window(t, now, lang, width, height)
	aoi.visit("/login")
	aoi.do(typed("login", "aoi"), typed("password", d.passwords["aoi"]))
	aoi.press("main button")
	aoi.visit("/catalog/Hardware")
	aoi.press("main .tile")
	aoi.press("main form button")
	number := aoi.text("h1")
	guide.ticked(3) // the card comes by itself

	b.visit("/cards")
	if !b.sees("Macbook Pro", 5*time.Second) {
		t.Fatalf("no card: %s", b.where())
	}
	b.press(`.cards a`)
	if !b.sees(number, 5*time.Second) || !strings.Contains(b.text("main"), "1999") {
		t.Fatalf("no card of %s: %s", number, b.where())
	}
	b.press(`button.approve`)
	guide.ticked(4)

	aoi.visit("/requests")
	aoi.press("td a")
	if !aoi.sees("馬場 牡丹 (Botan Baba)", time.Second) {
		t.Errorf("approved by nobody: %s", aoi.where())
	}
	guide.ticked(5)
	if saved := guide.text("#story-order .saved"); saved == "" {
		t.Errorf("the end is not told: %s", guide.where())
	}
	for _, one := range []*tab{guide, b, aoi} {
		one.quiet("the story")
		one.none("A133 reports of the policy", violations)
	}
}
