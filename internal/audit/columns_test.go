package audit_test

import (
	"testing"

	"github.com/sekisho/sekisho/internal/store"
)

// TestAChangedColumnIsFound: the columns beside the body decide who finds a
// record, so that verify holds them against the body.
func TestAChangedColumnIsFound(t *testing.T) {
	for _, change := range []string{"id = 'zzz'", "org = 'elsewhere'", "name = 'x'", "by_ = 'person:nobody'", "target = ''"} {
		t.Run(change, func(t *testing.T) {
			each(t, func(t *testing.T, h *house) {
				h.write(20)
				must(t, h.store.House().Write(background, func(*store.Tx) store.End {
					return store.Done(store.Event{Name: "note.odd", By: aoi, Target: "note:\x00", Org: "kaede"})
				}))
				must(t, h.Integrate(background))
				if _, err := h.verify(h.export()); err != nil {
					t.Fatal(err)
				}
				must(t, h.store.House().Append(background, func(tx *store.Tx) store.End {
					if _, err := tx.Exec("UPDATE audit_record SET " + change + " WHERE name = 'note.odd'"); err != nil {
						return store.Abort(err)
					}
					return store.Quietly(store.QuietSequence)
				}))
				_, err := h.verify(h.export())
				wantCode(t, err, "audit-record-altered")
			})
		})
	}
}
