package order_test

import (
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/connector"
	"github.com/sekisho/sekisho/internal/fake/servicenow"
	"github.com/sekisho/sekisho/internal/housetest"
	"github.com/sekisho/sekisho/internal/order"
)

// TestAClockThatIsWrong: a system whose clock is minutes away loses no change and
// tells none twice, also when it was away in between.
func TestAClockThatIsWrong(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"TRAP-C11 five minutes ahead": 5 * time.Minute, "TRAP-C11 five minutes behind": -5 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			housetest.EachURL(t, func(t *testing.T, url string) {
				r := newRigAhead(t, url, ahead, housetest.WithMail())
				states := func() map[string]string {
					found := map[string]string{}
					for _, done := range []bool{false, true} {
						list, _, err := r.h.Orders().List(ctx, r.k.Aoi, done, "", 10)
						if err != nil {
							t.Fatal(err)
						}
						for _, q := range list {
							found[q.Number] = string(q.State)
						}
					}
					return found
				}
				first, err := r.sn.Order("aoi", "iPhone", 1)
				if err != nil {
					t.Fatal(err)
				}
				r.read()
				r.clock.Advance(time.Minute)
				second, err := r.sn.Order("aoi", "iPhone", 1)
				if err != nil {
					t.Fatal(err)
				}
				r.read()
				if got := states(); len(got) != 2 || got[second.Number] != string(connector.Waiting) {
					t.Fatalf("her requests are %v", got)
				}
				r.sn.Set(func(s *servicenow.Switches) { s.Outage = true })
				if err := r.sn.Decide(first.Approvals[0].ID, "botan", "approved", ""); err != nil {
					t.Fatal(err)
				}
				if err := r.h.Orders().Read(ctx, order.Tie{Org: r.k.Org, System: r.system, Person: r.k.Aoi}); err == nil {
					t.Error("a reading of a system that is away ended well")
				}
				if got := states(); len(got) != 2 || got[first.Number] != string(connector.Waiting) {
					t.Errorf("while it is away her requests are %v", got)
				}
				r.sn.Set(func(s *servicenow.Switches) { s.Outage = false })
				r.clock.Advance(2 * time.Minute)
				for range 4 {
					r.read()
					r.clock.Advance(2 * time.Second)
				}
				if got := states(); len(got) != 2 || got[first.Number] != string(connector.Approved) || got[second.Number] != string(connector.Waiting) {
					t.Errorf("when it is there again her requests are %v", got)
				}
				r.until("mail", func() bool { return len(r.told(first.Number)) > 0 })
				for range 4 {
					r.clock.Advance(2 * time.Minute)
					r.read()
				}
				if a, b := len(r.told(first.Number)), len(r.told(second.Number)); a != 1 || b != 0 {
					t.Errorf("she was told %d times of what changed, %d times of what did not", a, b)
				}
			})
		})
	}
}
