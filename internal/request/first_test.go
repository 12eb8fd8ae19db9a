package request_test

import (
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/request"
)

// The thinnest story: ask, one decides, in, and out again at its time.
func TestAskDecideReleaseTakeBack(t *testing.T) {
	each(t, func(r *rig) {
		r.policy(nil)
		a := r.ask(r.Aoi, nil)
		r.want("state", a.State, request.Open)
		if r.in(r.Aoi, r.sales) {
			t.Fatal("in before anybody decided")
		}
		_, code := r.decide(a, r.Chika, true)
		r.want("somebody who was not asked", code, "not-asked-to-decide")
		a, code = r.decide(a, r.Botan, true)
		r.want("approved", code, "")
		r.want("state", a.State, request.Released)
		if !r.in(r.Aoi, r.sales) {
			t.Fatal("not in after the decision")
		}
		held, err := r.home.Ledger().Of(ctx, r.Aoi)
		if err != nil || len(held) != 1 || !held[0].Until.Equal(r.clock.Now().Add(2*time.Hour)) {
			t.Fatalf("held: %+v %v", held, err)
		}
		r.clock.Advance(2*time.Hour - time.Second)
		if !r.in(r.Aoi, r.sales) {
			t.Fatal("taken back early")
		}
		r.clock.Advance(2 * time.Second)
		r.until("taken back", func() bool { return !r.in(r.Aoi, r.sales) })
		r.until("the ask is over", func() bool { return r.now(a) == request.Over })
		r.want("steps", r.steps(a), []string{"asked", "approved", "released", "over"})
	})
}
