package browser_test

import (
	"os"
	"path/filepath"
	"strconv"
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
	album(t, known, "notices-empty", "/admin/notices")
	for _, p := range places(t, home) {
		who := known
		if !p.known {
			who = nobody
		}
		album(t, who, p.name, p.path)
	}
	long := announcement(longName, "関所運用管理部門連絡会議資料共有基盤移行計画第二期詳細設計書確認依頼")
	write(t, home, long)
	for i := range 300 {
		c := announcement("Network maintenance "+strconv.Itoa(i+1), "ネットワークの定期メンテナンス "+strconv.Itoa(i+1))
		c.From, c.Until = c.From.AddDate(0, 0, i-150), c.Until.AddDate(0, 0, i-150)
		write(t, home, c)
	}
	album(t, known, "notices-many", "/admin/notices")
	album(t, known, "audit-many", "/admin/audit")
}

// album takes the eight pictures of a page.
func album(t *testing.T, b *tab, name, path string) {
	t.Helper()
	for _, lang := range []string{"en", "ja"} {
		b.speak(lang)
		for _, scheme := range []string{"light", "dark"} {
			b.scheme(scheme)
			for size, width := range map[string]int64{"wide": 1280, "narrow": 390} {
				b.size(width, map[int64]int64{1280: 800, 390: 844}[width])
				b.visit(path)
				picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
				if err == nil {
					err = os.WriteFile(filepath.Join(*pictures, name+"-"+lang+"-"+scheme+"-"+size+".png"), picture, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
