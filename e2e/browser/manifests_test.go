package browser_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/org"
)

const documents = `kind: Group
org: kaede
name: sales
spec:
  title: 営業部
  members: [aoi, botan]
---
kind: Role
org: kaede
name: desk
spec:
  title: Desk
  permissions: [people.read]
`

// TestDocumentsOnThePage holds the way of documents: a mistake with its line,
// what would change, applied, changed by hand, and told.
func TestDocumentsOnThePage(t *testing.T) {
	home := housetest.House(t)
	k := home.People(t)
	b := open(t, home).asChika()
	paste := func(text string) {
		b.visit("/admin/manifests/apply")
		evaluate[bool](b, `document.querySelector("[name='text.0']").value = `+strconv.Quote(text)+`, true`)
		b.press(`main form .buttons button:not([formaction])`)
	}
	paste(strings.Replace(documents, "title: Desk", "colour: red", 1))
	if got := b.text("[role=alert]"); !strings.Contains(got, "page.yaml:12") {
		t.Errorf("what is wrong: %q", got)
	}
	if got := evaluate[string](b, `document.querySelector("[name='text.0']").value`); !strings.Contains(got, "colour: red") {
		t.Errorf("what was typed came back as %q", got)
	}
	shoot(b, "manifests-refused")
	paste(documents)
	if got := b.text(".plan"); !strings.Contains(got, "2 to create") || !strings.Contains(got, "+") {
		t.Errorf("the plan: %q", got)
	}
	shoot(b, "manifests-plan")
	paste(documents)
	b.press(`.plan button.main`)
	if b.path() != "/admin/manifests?applied=2" {
		t.Fatalf("after applying: %s", b.where())
	}
	ctx := context.Background()
	groups, _, err := home.Register().GroupPage(ctx, k.Org, "", "", 10)
	if err != nil || len(groups) != 1 {
		t.Fatal(groups, err)
	}
	g := groups[0].Group
	g.Title, g.Members = "営業第一部・関東甲信越担当", []id.Person{k.Aoi}
	_, err = home.Register().PutGroup(ctx, id.OfPerson(k.Chika), g)
	if err == nil {
		_, err = home.Register().PutGroup(ctx, id.OfPerson(k.Chika), org.Group{Org: k.Org, Name: "by-hand"})
	}
	if err != nil {
		t.Fatal(err)
	}
	b.visit("/admin/manifests?unmanaged=yes")
	for _, want := range []string{"Group kaede/sales", "営業部", "千佳", "by-hand"} {
		if !strings.Contains(b.text("main"), want) {
			t.Errorf("no %s in %q", want, b.text("main"))
		}
	}
	b.quiet("documents")
	if *pictures != "" {
		b.album("manifests-drift", func() { b.visit("/admin/manifests?unmanaged=yes") })
	}
}

// shoot takes one picture of what stands there, where pictures are asked for.
func shoot(b *tab, name string) {
	b.t.Helper()
	if *pictures == "" {
		return
	}
	for size, box := range map[string][2]int64{"wide": {1280, 800}, "narrow": {390, 844}} {
		b.size(box[0], box[1])
		picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
		if err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(*pictures, name+"-"+size+".png"), picture, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
}
