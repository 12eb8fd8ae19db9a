package card_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/job"
	"github.com/sekisho/sekisho/internal/store"
)

// TestAStormIsFewMails: questions that come together are told of together,
// however many they are: a mail is of what waits, not of what happened.
func TestAStormIsFewMails(t *testing.T) {
	eachHome(t, func(t *testing.T, h *home) {
		const storm, most = 150, 10
		for i := range storm {
			h.ask(fmt.Sprint(i))
		}
		for i := range storm {
			h.card(t, fmt.Sprint(i))
		}
		h.mailTo(t, "botan@kaede.example")
		settled := func() bool {
			waits := 0
			err := h.Store().House().Read(ctx, func(v *store.View) error { return v.Row("SELECT count(*) FROM card_tell").Scan(&waits) })
			if err != nil {
				t.Fatal(err)
			}
			open, err := job.Counts(ctx, h.Store())
			if err != nil {
				t.Fatal(err)
			}
			return waits == 0 && len(open) == 0
		}
		for range 3000 {
			if settled() {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		mails := 0
		for _, m := range h.Mail.Messages() {
			if strings.Contains(fmt.Sprint(m.To), "botan@kaede.example") {
				mails++
			}
		}
		if !settled() || mails == 0 || mails > most {
			t.Errorf("A183 %d mails for %d questions, allowed are %d; settled: %v", mails, storm, most, settled())
		}
	})
}
