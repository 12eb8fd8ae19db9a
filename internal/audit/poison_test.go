package audit_test

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/id"
	"github.com/sekisho/sekisho/internal/store"
)

// TestA155NoRecordStopsTheLog: the columns beside a record's body must take
// whatever a body takes, or one record would keep all later ones out of the
// tree.
func TestA155NoRecordStopsTheLog(t *testing.T) {
	long := make([]byte, 6000) // no engine's compression makes it fit an index
	_, _ = rand.Read(long)
	dense := base64.RawStdEncoding.EncodeToString(long)
	each(t, func(t *testing.T, h *house) {
		for name, event := range map[string]store.Event{
			"NUL in target":  {Name: "note.a", By: aoi, Target: "note:\x00x"},
			"NUL in name":    {Name: "note.\x00b", By: aoi},
			"NUL in by":      {Name: "note.c", By: "person:\x00"},
			"NUL in org":     {Name: "note.d", By: aoi, Org: "o\x00"},
			"NUL in a field": {Name: "note.e", By: aoi, Fields: map[string]string{"title": "a\x00b"}},
			"long target":    {Name: "note.f", By: aoi, Target: dense},
			"long by":        {Name: "note.g", By: id.Principal("person:" + dense)},
			"long org":       {Name: "note.h", By: aoi, Org: id.Org(dense)},
			"long name":      {Name: "note.i" + dense, By: aoi},
		} {
			t.Run("A155 "+name, func(t *testing.T) {
				must(t, h.store.House().Write(background, func(*store.Tx) store.End { return store.Done(event) }))
				must(t, h.Integrate(background))
				if left := h.search(audit.Query{Name: "note."}); len(left) == 0 || left[0].Index < 0 {
					t.Fatal("the record has no place in the tree")
				}
			})
		}
		if _, err := h.verify(h.export()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestALongTargetIsFound: what a column holds as a hash is found by its value.
func TestALongTargetIsFound(t *testing.T) {
	target := "note:" + strings.Repeat("あ", 1000)
	each(t, func(t *testing.T, h *house) {
		must(t, h.store.House().Write(background, func(*store.Tx) store.End {
			return store.Done(store.Event{Name: "note.long", By: aoi, Target: target})
		}))
		must(t, h.Integrate(background))
		if found := h.search(audit.Query{Target: target}); len(found) != 1 || found[0].Target != target {
			t.Fatalf("found %d", len(found))
		}
		if found := h.search(audit.Query{Target: "note:\x00"}); len(found) != 0 {
			t.Fatalf("found %d", len(found))
		}
	})
}
