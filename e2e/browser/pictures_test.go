package browser_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/sekisho/sekisho/internal/housetest"
)

// TestPictures puts a picture of every page into the folder -pictures, wide and
// narrow, light and dark, in both languages: empty, with one and with three
// hundred notices.
func TestPictures(t *testing.T) {
	if *pictures == "" {
		t.Skip("run with -pictures FOLDER")
	}
	home := housetest.House(t)
	known, nobody := open(t, home).signIn(), open(t, home)
	first := open(t, housetest.House(t))
	first.album("setup", func() { first.do(chromedp.Navigate(first.home.Link)) })
	known.album("notices-empty", func() { known.visit("/admin/notices") })
	for _, p := range places(t, home) {
		who := known
		if !p.known {
			who = nobody
		}
		who.album(p.name, func() { who.visit(p.path) })
	}
	known.album("notice-refused", func() {
		known.visit("/admin/notices/new")
		known.do(typed("title.en", "Half a notice"))
		evaluate[bool](known, `document.querySelector("main form").noValidate = true`)
		known.press(submit)
	})
	long := announcement(longName, "関所運用管理部門連絡会議資料共有基盤移行計画第二期詳細設計書確認依頼")
	write(t, home, long)
	for i := range 300 {
		c := announcement("Network maintenance "+strconv.Itoa(i+1), "ネットワークの定期メンテナンス "+strconv.Itoa(i+1))
		c.From, c.Until = c.From.AddDate(0, 0, i-150), c.Until.AddDate(0, 0, i-150)
		write(t, home, c)
	}
	known.album("notices-many", func() { known.visit("/admin/notices") })
	known.album("audit-many", func() { known.visit("/admin/audit") })
}

// album takes the eight pictures of a page.
func (b *tab) album(name string, visit func()) {
	b.t.Helper()
	shot := chromedp.FullScreenshot(100)
	if strings.HasSuffix(name, "-many") {
		shot = chromedp.CaptureScreenshot()
	}
	for _, lang := range []string{"en", "ja"} {
		b.speak(lang)
		for _, scheme := range []string{"light", "dark"} {
			b.scheme(scheme)
			for size, box := range map[string][2]int64{"wide": {1280, 800}, "narrow": {390, 844}} {
				b.size(box[0], box[1])
				visit()
				picture, err := chromedp.Run(b.ctx, shot)
				if err == nil {
					err = os.WriteFile(filepath.Join(*pictures, name+"-"+lang+"-"+scheme+"-"+size+".png"), picture, 0o600)
				}
				if err != nil {
					b.t.Fatal(err)
				}
			}
		}
	}
}
