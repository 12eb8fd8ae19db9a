package notice_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/clock"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/manifest"
	"github.com/sekisho/sekisho/internal/notice"
	"github.com/sekisho/sekisho/internal/store"
)

// A house of thousands of objects goes from export to apply in one
// transaction, and the second apply changes nothing.
func TestLargeApply(t *testing.T) {
	each(t, func(t *testing.T, r *notice.Room, s *store.Store, c *clock.Moved) {
		const many = 3000
		var text strings.Builder
		for i := range many {
			fmt.Fprintf(&text, `---
kind: Notice
name: n%05d
spec: {title: {en: T, ja: 題}, text: {en: t, ja: 文}, from: 2026-11-22T00:00:00Z, until: 2026-11-23T00:00:00Z}
`, i)
		}
		path := filepath.Join(t.TempDir(), "many.yaml")
		if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		docs, err := manifest.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		kinds, err := manifest.NewSet(r.Kind())
		if err != nil {
			t.Fatal(err)
		}
		for round, want := range []int{many, 0} {
			plan, err := kinds.Apply(ctx, s, docs, manifest.Options{By: by, Clock: c})
			if err != nil {
				t.Fatal(err)
			}
			changed := 0
			for _, step := range plan.Steps {
				if step.Action != manifest.None {
					changed++
				}
			}
			if changed != want {
				t.Errorf("apply %d changed %d, want %d", round+1, changed, want)
			}
		}
		if n := len(housetest.Witnessed(t, s)); n != many+1 {
			t.Errorf("%d events, want one for each object and one for the whole", n)
		}
	})
}
