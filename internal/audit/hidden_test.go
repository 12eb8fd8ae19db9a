package audit_test

import (
	"testing"

	"github.com/sekisho/sekisho/internal/store"
)

// TestAHiddenRecordIsFound: terms decide who finds a record, so that verify
// holds them against the body.
func TestAHiddenRecordIsFound(t *testing.T) {
	for _, change := range []string{
		"DELETE FROM audit_term WHERE term LIKE 'target sha256:%'", "DELETE FROM audit_term WHERE term = 'org kaede'",
		"UPDATE audit_term SET term = 'target x' WHERE term LIKE 'target sha256:%'",
		"UPDATE audit_term SET second = '00000000' WHERE term = 'by person:odd'",
	} {
		t.Run(change, func(t *testing.T) {
			each(t, func(t *testing.T, h *house) {
				h.write(20)
				must(t, h.store.House().Write(background, func(*store.Tx) store.End {
					return store.Done(store.Event{Name: "note.odd", By: "person:odd", Target: "note:\x00", Org: "kaede"})
				}))
				must(t, h.Integrate(background))
				if _, err := h.verify(h.export()); err != nil {
					t.Fatal(err)
				}
				must(t, h.store.House().Append(background, func(tx *store.Tx) store.End {
					if n, err := tx.Exec(change); err != nil || n == 0 {
						t.Errorf("changed %d (%v)", n, err)
					}
					return store.Quietly(store.QuietSequence)
				}))
				_, err := h.verify(h.export())
				wantCode(t, err, "audit-record-altered")
			})
		})
	}
}
