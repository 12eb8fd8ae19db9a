package audit_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
)

// Following the log gives every record once, oldest first, waiting ones too, and
// leaves none; a proof that is handed out does, and says so.
func TestFollowingTheLog(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.write(600)
		h.checkpoint()
		h.write(3)
		all, err := h.Since(background, time.Time{})
		must(t, err)
		notes := slices.DeleteFunc(slices.Clone(all), func(r audit.Record) bool { return !strings.HasPrefix(r.Name, "note.") })
		if len(notes) != 603 || !slices.IsSortedFunc(all, func(a, b audit.Record) int { return strings.Compare(string(a.ID), string(b.ID)) }) {
			t.Errorf("%d of 603 records", len(notes))
		}
		again, err := h.Since(background, time.Time{})
		must(t, err)
		if len(again) != len(all) {
			t.Errorf("following left %d records", len(again)-len(all))
		}
		newest := all[len(all)-1]
		late, err := h.Since(background, newest.At.Add(time.Hour))
		must(t, err)
		if len(late) != 0 {
			t.Errorf("%d records of the future", len(late))
		}
		h.checkpoint()
		_, err = h.Prove(background, admin, notes[7].ID)
		must(t, err)
		said := h.search(audit.Query{Name: "audit.read"})
		if len(said) != 1 || said[0].Fields["proof"] != "yes" || said[0].Target != "record:"+string(notes[7].ID) {
			t.Errorf("the proof left %+v", said)
		}
	})
}
