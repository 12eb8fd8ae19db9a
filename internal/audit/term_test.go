package audit_test

import (
	"testing"

	"github.com/sekisho/sekisho/internal/audit"
	"github.com/sekisho/sekisho/internal/store"
)

// TestAnErasedTargetIsNotFoundByItsName: nothing beside the body keeps what was
// erased, as long as no other record of that second says it too.
func TestAnErasedTargetIsNotFoundByItsName(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.write(2)
		must(t, h.Integrate(background))
		terms := func() (n int) {
			must(t, h.store.House().Read(background, func(v *store.View) error {
				return v.Row("SELECT count(*) FROM audit_term WHERE term = $1", "target note:1").Scan(&n)
			}))
			return n
		}
		for left := 1; left >= 0; left-- {
			found := h.search(audit.Query{Target: "note:1"})
			if len(found) != left+1 || terms() != 1 {
				t.Fatalf("%d found, %d terms", len(found), terms())
			}
			must(t, h.EraseField(background, "person:chika", found[0].ID, "@target"))
		}
		if found := h.search(audit.Query{Target: "note:1"}); len(found) != 0 || terms() != 0 {
			t.Fatalf("%d found, %d terms", len(found), terms())
		}
	})
}
